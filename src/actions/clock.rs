//! A clock that leapt: an admin says that its time is right.

use crate::actions::record::record;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::store::{ledger, outbox};
use crate::transaction::{Outcome, Tx};
use serde_json::json;

/// What was held is planned and sent from now on.
///
/// # Errors
/// When the actor is no admin, or nothing is held.
pub fn accept(tx: &mut Tx<'_>, actor: &Actor) -> Outcome<()> {
    actor.require(&[Role::Admin])?;
    let hold = outbox::hold(tx.conn)?.ok_or_else(|| Refusal::new(Code::ClockNotHeld))?;
    outbox::end_hold(tx.conn)?;
    // Else the next process to start would take it for a leap once more.
    ledger::note_look(tx.conn, tx.now)?;
    record(tx, actor, Stream::Office, "clock.accepted", &json!({"trusted": hold.trusted, "accepted": tx.now}))?;
    tx.has_mail = true;
    Ok(())
}
