//! Files for download, within what the reader may see.

use crate::domain::actor::Actor;
use crate::domain::id::AttachmentId;
use crate::domain::refusal::Refusal;
pub use crate::queries::timeline::FileOut;
use crate::store::attachments;
use crate::transaction::{Outcome, Read};

/// # Errors
/// When it isn't there, or belongs to nothing that the actor sees.
pub fn get(read: &mut Read<'_>, actor: &Actor, id: AttachmentId) -> Outcome<FileOut> {
    let row = attachments::find(read.conn, id, actor)?.ok_or_else(Refusal::missing)?;
    Ok(FileOut::from(&row))
}

/// In the order of `ids`.
pub fn by_ids(read: &mut Read<'_>, ids: &[AttachmentId]) -> Outcome<Vec<FileOut>> {
    let mut rows = attachments::by_ids(read.conn, ids)?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows.iter().map(FileOut::from).collect())
}
