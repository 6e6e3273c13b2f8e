//! Uploads: kept once, owned by who sent them until they belong to a ticket or a letter.

use crate::actions::record::record;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::id::{AttachmentId, TicketId};
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::ticket::{SPEAKERS, role_required};
use crate::store::attachments::{self, AttachmentRow};
use crate::store::users;
use crate::transaction::{Outcome, Tx};
use serde_json::json;

/// A file whose bytes are kept already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// As it was called where it came from, without folders.
    pub name: String,
    pub media_type: String,
    /// Lower-case hexadecimal.
    pub sha256: String,
    pub size_bytes: u64,
}

/// Whoever changes nothing sends no files either.
///
/// # Errors
/// When the actor's only role is to read.
pub fn may_send(actor: &Actor) -> Outcome<()> {
    if actor.only_reads() { Err(role_required(SPEAKERS).into()) } else { Ok(()) }
}

/// Notes uploads as the actor's own. Until they belong to something, nobody else sees them.
pub fn keep(tx: &mut Tx<'_>, actor: &Actor, files: Vec<NewFile>) -> Outcome<Vec<AttachmentId>> {
    may_send(actor)?;
    let rows: Vec<AttachmentRow> = files
        .into_iter()
        .map(|file| AttachmentRow {
            id: tx.id(),
            sha256: file.sha256,
            name: file.name,
            media_type: file.media_type,
            size_bytes: i64::try_from(file.size_bytes).unwrap_or(i64::MAX),
            uploaded_by: actor.user_id,
            unit_id: actor.unit_id,
            created_at: tx.now,
        })
        .collect();
    if let Some(user) = actor.user_id {
        users::lock(tx.conn, user)?;
        let begun = tx.office.day_begun(tx.now);
        let used = attachments::uploaded_since(tx.conn, user, begun)?;
        tx.file_limits.check_day(used, bytes(&rows), tx.office.seconds_left(tx.now))?;
    }
    attachments::insert_all(tx.conn, &rows)?;
    if let Some(user) = actor.user_id {
        let facts: Vec<_> =
            rows.iter().map(|row| json!({"id": row.id, "name": row.name, "sha256": row.sha256})).collect();
        record(tx, actor, Stream::User(user), "attachment.uploaded", &json!({ "files": facts }))?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}

fn bytes(rows: &[AttachmentRow]) -> u64 {
    rows.iter().filter_map(|row| u64::try_from(row.size_bytes).ok()).sum()
}

/// Refuses files that a ticket has no room for; those that it holds already need none.
pub fn check_room(
    tx: &mut Tx<'_>,
    (ticket, reference): (TicketId, &str),
    ids: &[AttachmentId],
    pointer: &str,
) -> Outcome<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let held = attachments::of_ticket(tx.conn, ticket)?;
    let mut more = attachments::by_ids(tx.conn, ids)?;
    more.retain(|row| !held.contains_key(&row.id));
    let checked = tx.file_limits.check_ticket(reference, held.values().sum(), bytes(&more));
    Ok(checked.map_err(|fault| Refusal::field(Fault { place: Place::Pointer(pointer.to_owned()), ..fault }))?)
}

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
