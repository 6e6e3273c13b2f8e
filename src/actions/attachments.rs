//! Uploads: kept once, owned by who sent them until they belong to a ticket or a letter.

use crate::domain::actor::Actor;
use crate::domain::id::AttachmentId;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::store::attachments;
use crate::transaction::{Outcome, Tx};

/// Refuses files that are not the actor's own uploads.
pub fn check_own(tx: &mut Tx<'_>, actor: &Actor, ids: &[AttachmentId], pointer: &str) -> Outcome<()> {
    let held = attachments::by_ids(tx.conn, ids)?;
    let own = |id: &AttachmentId| held.iter().any(|row| row.id == *id && row.uploaded_by == actor.user_id);
    let faults: Vec<Fault> = ids
        .iter()
        .enumerate()
        .filter(|(_, id)| !own(id))
        .map(|(index, id)| Fault::at(format!("{pointer}/{index}"), Code::FieldReference).with("value", id))
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::invalid(faults).into()) }
}
