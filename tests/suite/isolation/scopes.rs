//! What a token may, whatever its owner may: every route, with a token for reading.

use super::calls::{Want, routes};
use super::matrix::send;
use super::rows::{CALLERS, Caller, Column, Rows};
use crate::support::app::TestApp;
use crate::support::client::Client;
use serde_json::json;
use std::collections::HashMap;

/// A POST that only looks.
const LOOKS: [&str; 1] = ["POST /reminders/rehearsal"];

fn scoped(rows: &Rows, caller: Caller, scopes: &[&str]) -> Client {
    let made = rows.by(caller).post("/api/v1/tokens", json!({"name": "n", "scopes": scopes})).is(201);
    rows.app.anyone().with("Accept-Language", "en").bearer(&made.at("/secret"))
}

#[test]
fn a_token_for_reading_reads_what_its_owner_reads_and_changes_nothing_anywhere() {
    let mut rows = Rows::new(TestApp::start());
    let signed_in = CALLERS.into_iter().filter(|caller| *caller != Caller::Anonymous);
    let readers: HashMap<&str, Client> =
        signed_in.map(|caller| (caller.login().unwrap(), scoped(&rows, caller, &["read"]))).collect();
    let mut cells = 0;
    for route in routes() {
        if matches!(route.want, Want::Public(_)) {
            continue;
        }
        for caller in CALLERS.into_iter().filter(|caller| *caller != Caller::Anonymous) {
            let passes = route.want.status(caller, Column::OfA);
            if matches!(passes, 401 | 403 | 404) {
                continue;
            }
            let looks = route.call.starts_with("GET") || LOOKS.contains(&route.call);
            let ask = (route.ask)(&mut rows, Column::OfA, caller);
            let before = rows.events();
            let answer = send(&readers[caller.login().unwrap()], route.call, &ask);
            let wanted = if looks { passes } else { 403 };
            assert_eq!(answer.status, wanted, "{} {caller:?}: {}", route.call, answer.text());
            if !looks {
                assert_eq!(answer.at("/code"), "auth.scope", "{} {caller:?}", route.call);
            }
            assert_eq!(rows.events(), before, "{} {caller:?}", route.call);
            cells += 1;
        }
    }
    println!("scopes: {cells} cells");
}

#[test]
fn a_token_for_writing_may_read_too_and_none_makes_a_wider_one() {
    let rows = Rows::new(TestApp::start());
    let writer = scoped(&rows, Caller::Admin, &["write"]);
    writer.get("/api/v1/me").is(200);
    writer.post("/api/v1/units", json!({"code": "z1", "name": "新区", "kind": "zone"})).is(201);
    let made = writer.post("/api/v1/tokens", json!({"name": "made"})).is(201);
    assert_eq!(made.json()["scopes"], json!(["write"]));
}
