//! The record as somebody meets it who wants to change it, or to prove that nobody did.

mod access;
mod checkpoints;
mod erasure;
mod guards;
mod list;
mod package;
mod receipt;
mod tampering;

use crate::support::app::TestApp;
use crate::support::record::Change;
use rectify::queries::audit::{self, Verdict};
use serde_json::{Value, json};

/// What the proof says after a change that is taken back again.
fn after(app: &TestApp, change: Change) -> Verdict {
    app.world
        .write_now(move |tx| {
            tx.rehearse(|tx| {
                change(tx.conn);
                audit::verify(&mut tx.read())
            })
        })
        .unwrap()
}

/// The first broken link, as JSON.
fn broken(verdict: &Verdict) -> Value {
    json!(verdict.first_broken)
}
