//! Uploads and what they belong to. The bytes lie in the blob store under their SHA-256.

use crate::domain::actor::Actor;
use crate::domain::id::{AssetId, AttachmentId, FeedbackId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::store::schema::{attachment_links, attachments, feedback_items};
use crate::store::{Conn, MultiBackend, StoreResult, assets, feedback, native, tickets};
use diesel::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = attachments, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AttachmentRow {
    pub id: AttachmentId,
    pub sha256: String,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub uploaded_by: Option<UserId>,
    pub unit_id: Option<UnitId>,
    pub created_at: Instant,
}

/// What an upload can belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Ticket(TicketId),
    Feedback(FeedbackId),
    Asset(AssetId),
}

impl Owner {
    fn parts(self) -> (&'static str, Uuid) {
        match self {
            Self::Ticket(id) => ("ticket", id.0),
            Self::Feedback(id) => ("feedback", id.0),
            Self::Asset(id) => ("asset", id.0),
        }
    }
}

pub fn insert_all(conn: &mut Conn, rows: &[AttachmentRow]) -> StoreResult<()> {
    native!(conn, c => diesel::insert_into(attachments::table).values(rows).execute(c))?;
    Ok(())
}

pub fn link(conn: &mut Conn, ids: &[AttachmentId], owner: Owner) -> StoreResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let mut ids = ids.to_vec();
    ids.sort();
    ids.dedup();
    let (kind, subject) = owner.parts();
    let held: Vec<AttachmentId> = attachment_links::table
        .filter(attachment_links::subject_id.eq(UnitId(subject)))
        .filter(attachment_links::attachment_id.eq_any(ids.clone()))
        .select(attachment_links::attachment_id)
        .load(conn)?;
    let rows: Vec<_> = ids
        .iter()
        .filter(|id| !held.contains(id))
        .map(|id| {
            (
                attachment_links::attachment_id.eq(*id),
                attachment_links::subject_kind.eq(kind),
                attachment_links::subject_id.eq(UnitId(subject)),
            )
        })
        .collect();
    native!(conn, c => diesel::insert_into(attachment_links::table).values(&rows).execute(c))?;
    Ok(())
}

pub fn by_ids(conn: &mut Conn, ids: &[AttachmentId]) -> StoreResult<Vec<AttachmentRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(attachments::table
        .filter(attachments::id.eq_any(ids.to_vec()))
        .order(attachments::id.asc())
        .select(AttachmentRow::as_select())
        .load(conn)?)
}

/// The files of a letter, a ticket or an asset.
pub fn of_owner(conn: &mut Conn, owner: Owner) -> StoreResult<Vec<AttachmentRow>> {
    let (_, subject) = owner.parts();
    Ok(attachments::table
        .inner_join(attachment_links::table.on(attachment_links::attachment_id.eq(attachments::id)))
        .filter(attachment_links::subject_id.eq(UnitId(subject)))
        .order(attachments::id.asc())
        .select(AttachmentRow::as_select())
        .load(conn)?)
}

/// Bytes that somebody has uploaded since then.
pub fn uploaded_since(conn: &mut Conn, user: UserId, since: Instant) -> StoreResult<u64> {
    let sizes: Vec<i64> = native!(conn, c => attachments::table
        .filter(attachments::uploaded_by.eq(user))
        .filter(attachments::created_at.ge(since))
        .select(attachments::size_bytes)
        .load(c))?;
    Ok(sizes.into_iter().filter_map(|size| u64::try_from(size).ok()).sum())
}

/// A ticket's own files and those of the letters that answer it, each once with its bytes.
pub fn of_ticket(conn: &mut Conn, ticket: TicketId) -> StoreResult<HashMap<AttachmentId, u64>> {
    let letters =
        feedback_items::table.filter(feedback_items::ticket_id.eq(ticket)).select(feedback_items::feedback_id);
    let of_subjects =
        attachment_links::subject_id.eq(UnitId(ticket.0)).or(attachment_links::subject_id.eq_any(letters));
    let rows: Vec<(AttachmentId, i64)> = attachments::table
        .inner_join(attachment_links::table.on(attachment_links::attachment_id.eq(attachments::id)))
        .filter(of_subjects)
        .select((attachments::id, attachments::size_bytes))
        .load(conn)?;
    Ok(rows.into_iter().filter_map(|(id, size)| Some((id, u64::try_from(size).ok()?))).collect())
}

/// A file the actor may read: the own upload, or one that belongs to a ticket, letter or asset in sight.
pub fn find(conn: &mut Conn, id: AttachmentId, actor: &Actor) -> StoreResult<Option<AttachmentRow>> {
    let row: Option<AttachmentRow> =
        attachments::table.filter(attachments::id.eq(id)).select(AttachmentRow::as_select()).first(conn).optional()?;
    let Some(row) = row else { return Ok(None) };
    if row.uploaded_by.is_some() && row.uploaded_by == actor.user_id {
        return Ok(Some(row));
    }
    let links: Vec<(String, UnitId)> = attachment_links::table
        .filter(attachment_links::attachment_id.eq(id))
        .select((attachment_links::subject_kind, attachment_links::subject_id))
        .load(conn)?;
    for (kind, subject) in links {
        let seen = match kind.as_str() {
            "ticket" => tickets::find(conn, &subject.to_string(), &actor.scope)?.is_some(),
            "asset" => assets::find(conn, &subject.to_string(), &actor.scope)?.is_some(),
            _ => feedback::find(conn, FeedbackId(subject.0), &actor.scope)?.is_some(),
        };
        if seen {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
