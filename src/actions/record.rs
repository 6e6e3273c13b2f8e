//! The record: every change is one hash-chained event, written in the change's own transaction.

use crate::domain::actor::Actor;
use crate::domain::audit::{self, Link, Sealed, Stream};
use crate::domain::id::EventId;
use crate::domain::refusal::{Code, Refusal};
use crate::store::StoreError;
use crate::store::events::{self, EventRow};
use crate::transaction::{Outcome, Tx};
use serde_json::Value;

/// Says that `actor` did `act` on `stream`; answers the event's number, which is the row's new version.
pub fn record(tx: &mut Tx<'_>, actor: &Actor, stream: Stream, act: &str, payload: &Value) -> Outcome<i64> {
    let name = stream.to_string();
    if stream == Stream::Office {
        events::hold(tx.conn, &name)?;
    }
    let head = events::head(tx.conn, &name)?;
    let (seq, prev_hash) = head.map_or_else(|| (1, vec![0; 32]), |(seq, hash)| (seq + 1, hash));
    let row = event(tx, actor, name, (seq, prev_hash), act, payload)?;
    events::insert(tx.conn, &row)?;
    Ok(seq)
}

/// The first events of streams that did not exist before, in one go.
pub fn record_births(tx: &mut Tx<'_>, actor: &Actor, births: &[(Stream, &str, Value)]) -> Outcome<()> {
    let rows = births
        .iter()
        .map(|(stream, act, payload)| event(tx, actor, stream.to_string(), (1, vec![0; 32]), act, payload))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(events::insert_all(tx.conn, &rows)?)
}

/// Refuses a change that was made to another version than the one held now. `None` asks for none.
pub fn check_version(given: Option<i64>, current: i64) -> Result<(), Refusal> {
    match given {
        Some(given) if given != current => Err(Refusal::new(Code::Stale).with("given", given).with("current", current)),
        Some(_) | None => Ok(()),
    }
}

/// `saved` as a store's `save` answered; somebody else was faster where it is `false`.
pub fn must_be_saved(saved: bool, held: i64) -> Result<(), Refusal> {
    if saved { Ok(()) } else { Err(Refusal::new(Code::Stale).with("given", held).with("current", held + 1)) }
}

fn event(
    tx: &Tx<'_>,
    actor: &Actor,
    stream: String,
    (seq, prev_hash): (i64, Vec<u8>),
    act: &str,
    payload: &Value,
) -> Outcome<EventRow> {
    let mut salt = vec![0; 32];
    getrandom::fill(&mut salt).map_err(|fault| StoreError::Unavailable(format!("no random bytes: {fault}")))?;
    // One for the payload and one for the name: either may be removed without the other.
    let name_salt = salt.split_off(16);
    let name_digest = audit::name_digest(&name_salt, &actor.name);
    let id = tx.id::<EventId>();
    let payload = payload.to_string();
    let digest = audit::payload_digest(&salt, &payload);
    let who = actor.label();
    let link = Link {
        stream: &stream,
        seq,
        at: tx.now,
        actor: &who,
        act,
        payload_digest: &digest,
        prev_hash: &prev_hash,
        sealed: Some(Sealed { id, name_digest: &name_digest }),
    };
    let hash = audit::hash(&link).to_vec();
    Ok(EventRow {
        seq,
        id,
        at: tx.now,
        actor_name: actor.name.clone(),
        act: act.to_owned(),
        payload: Some(payload),
        salt,
        payload_digest: digest.to_vec(),
        name_salt: Some(name_salt),
        name_digest: Some(name_digest.to_vec()),
        prev_hash,
        hash,
        actor: who,
        stream,
    })
}
