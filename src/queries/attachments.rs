//! Files for download, within what the reader may see.

use crate::domain::actor::Actor;
use crate::domain::id::AttachmentId;
use crate::domain::refusal::{Code, Refusal};
pub use crate::queries::timeline::FileOut;
use crate::store::{attachments, idempotency};
use crate::transaction::{Outcome, Read};

/// # Errors
/// When it isn't there, or belongs to nothing that the actor sees.
pub fn get(read: &mut Read<'_>, actor: &Actor, id: AttachmentId) -> Outcome<FileOut> {
    let row = attachments::find(read.conn, id, actor)?.ok_or_else(Refusal::missing)?;
    Ok(FileOut::from(&row))
}

/// Has the actor room for so many bytes today? Asked before they are kept. `repeated`: the key and the fingerprint of a
/// request that may be a repeat, which takes no room of its own.
///
/// # Errors
/// `file.day_limit`, or the key is another request's.
pub fn room(read: &mut Read<'_>, actor: &Actor, more: u64, repeated: Option<(&str, [u8; 32])>) -> Outcome<()> {
    let Some(user) = actor.user_id else { return Ok(()) };
    if let Some((key, fingerprint)) = repeated
        && let Some(held) = idempotency::find(read.conn, &actor.label(), key)?
    {
        let is_same = held.fingerprint == fingerprint;
        return if is_same { Ok(()) } else { Err(Refusal::new(Code::IdempotencyKeyReused).into()) };
    }
    let used = attachments::uploaded_since(read.conn, user, read.office.day_begun(read.now))?;
    Ok(read.file_limits.check_day(used, more, read.office.seconds_left(read.now))?)
}

/// In the order of `ids`.
pub fn by_ids(read: &mut Read<'_>, ids: &[AttachmentId]) -> Outcome<Vec<FileOut>> {
    let mut rows = attachments::by_ids(read.conn, ids)?;
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows.iter().map(FileOut::from).collect())
}
