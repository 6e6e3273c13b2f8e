//! What a coordinator does to a mail: once more, hold, release, not at all. The office's record says who did it.

use crate::actions::record::{check_version, record};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::id::MessageId;
use crate::domain::refusal::{Arg, Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::store::outbox;
pub use crate::store::outbox::Operation;
use crate::transaction::{Outcome, Tx};
use serde_json::json;

/// `version`: the one the act is made from, if the caller said.
///
/// # Errors
/// When there is no such mail, the actor is no coordinator, somebody was faster, or its state doesn't allow it.
pub fn operate(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: MessageId,
    operation: Operation,
    version: Option<i64>,
) -> Outcome<()> {
    actor.require(&[Role::Coordinator])?;
    let row = outbox::find(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    check_version(version, row.version)?;
    if !outbox::operate(tx.conn, &row, operation, tx.now)? {
        let state = Arg::both(row.state.name(Lang::Zh), row.state.name(Lang::En));
        return Err(Refusal::new(Code::MessageState).with("state", state).into());
    }
    let act = match operation {
        Operation::Retry => "message.retried",
        Operation::Hold => "message.held",
        Operation::Release => "message.released",
        Operation::Cancel => "message.cancelled",
    };
    let payload = json!({"message_id": id, "recipient": row.recipient, "subject": row.subject, "state": row.state});
    record(tx, actor, Stream::Office, act, &payload)?;
    tx.has_mail |= matches!(operation, Operation::Retry | Operation::Release);
    Ok(())
}
