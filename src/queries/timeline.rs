//! A ticket's or an asset's timeline: who did what when, with the files that came with it.

use crate::domain::actor::Actor;
use crate::domain::audit::{Stream, hex};
use crate::domain::id::{AttachmentId, EventId, FeedbackId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::queries::names::{UnitNames, UnitRef, distinct};
use crate::queries::page::{Ask, Slice};
use crate::store::attachments::{AttachmentRow, Owner};
use crate::store::events::EventRow;
use crate::store::{assets, attachments, events, tickets, users};
use crate::transaction::{Outcome, Read};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::ToSchema;

/// One immutable line.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventOut {
    pub id: EventId,
    /// Its number in the timeline, from 1.
    pub seq: i64,
    pub at: Instant,
    pub actor: ActorOut,
    /// Dotted, e.g. `ticket.progress_logged`.
    pub act: String,
    /// What was said; null once a departed person's data was removed.
    pub payload: Option<Value>,
    pub attachments: Vec<FileOut>,
    /// Units that the payload names by id.
    pub units: Vec<UnitRef>,
    /// Hexadecimal; covers the line and the one before it.
    pub hash: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActorOut {
    /// `user:<id>` or `system:<what>`.
    pub label: String,
    pub name: String,
    /// A program's account.
    pub service: bool,
}

/// Which actors are programs, looked up once for all of some lines.
#[derive(Debug, Default)]
pub(super) struct Programs(Vec<String>);

impl Programs {
    pub(super) fn among<'l>(read: &mut Read<'_>, labels: impl Iterator<Item = &'l str>) -> Outcome<Self> {
        let ids = labels.filter_map(|label| label.strip_prefix("user:")?.parse::<UserId>().ok());
        let found = users::services_among(read.conn, &distinct(ids))?;
        Ok(Self(found.into_iter().map(|id| format!("user:{id}")).collect()))
    }

    pub(super) fn actor(&self, label: String, name: String) -> ActorOut {
        ActorOut { service: self.0.contains(&label), label, name }
    }
}

/// A file that may be downloaded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FileOut {
    pub id: AttachmentId,
    pub name: String,
    /// In bytes.
    pub size: i64,
    pub media_type: String,
    pub sha256: String,
}

impl From<&AttachmentRow> for FileOut {
    fn from(row: &AttachmentRow) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            size: row.size_bytes,
            media_type: row.media_type.clone(),
            sha256: row.sha256.clone(),
        }
    }
}

/// A ticket's events, oldest first.
pub fn of_ticket(read: &mut Read<'_>, actor: &Actor, key: &str, ask: &Ask) -> Outcome<Slice<EventOut>> {
    let ticket = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let mut page = of_stream(read, Stream::Ticket(ticket.id), Owner::Ticket(ticket.id), ask)?;
    if let Some(earlier) = ticket.recurrence_of
        && tickets::in_sight(read.conn, &[earlier], &actor.scope)?.is_empty()
    {
        page.items.iter_mut().for_each(forget_the_earlier);
    }
    Ok(page)
}

/// Another unit's ticket is not there for who reads this.
fn forget_the_earlier(event: &mut EventOut) {
    for field in ["recurrence_of", "recurrence_reference"] {
        if let Some(held) = event.payload.as_mut().and_then(|payload| payload.get_mut(field)) {
            *held = Value::Null;
        }
    }
}

/// An asset's events, oldest first.
pub fn of_asset(read: &mut Read<'_>, actor: &Actor, key: &str, ask: &Ask) -> Outcome<Slice<EventOut>> {
    let asset = assets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    of_stream(read, Stream::Asset(asset.id), Owner::Asset(asset.id), ask)
}

fn of_stream(read: &mut Read<'_>, stream: Stream, owner: Owner, ask: &Ask) -> Outcome<Slice<EventOut>> {
    let stream = stream.to_string();
    let after: i64 = ask.after()?.unwrap_or(0);
    let rows = events::list(read.conn, &stream, after, ask.fetch())?;
    let total = if ask.count { Some(events::count(read.conn, &stream)?) } else { None };
    let page = ask.slice(rows, total, |row| row.seq);
    Ok(Slice { items: shown(read, owner, page.items)?, next: page.next, total: page.total })
}

fn shown(read: &mut Read<'_>, owner: Owner, rows: Vec<EventRow>) -> Outcome<Vec<EventOut>> {
    let payloads: Vec<Option<Value>> =
        rows.iter().map(|row| row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok())).collect();
    let own = attachments::of_owner(read.conn, owner)?;
    let mut letters: HashMap<FeedbackId, Vec<AttachmentRow>> = HashMap::new();
    for letter in payloads.iter().flatten().filter_map(letter_of) {
        letters.insert(letter, attachments::of_owner(read.conn, Owner::Feedback(letter))?);
    }
    let programs = Programs::among(read, rows.iter().map(|row| row.actor.as_str()))?;
    let names = UnitNames::load(read, payloads.iter().flatten().flat_map(units_in))?;
    let lines = rows.into_iter().zip(payloads).map(|(row, payload)| {
        let letter = payload.as_ref().and_then(letter_of).and_then(|letter| letters.get(&letter));
        let attachments = match (letter, &payload) {
            (Some(held), _) => held.iter().map(FileOut::from).collect(),
            (None, Some(payload)) => {
                let ids = files_in(payload);
                own.iter().filter(|file| ids.contains(&file.id)).map(FileOut::from).collect()
            }
            (None, None) => Vec::new(),
        };
        EventOut {
            id: row.id,
            seq: row.seq,
            at: row.at,
            actor: programs.actor(row.actor, row.actor_name),
            act: row.act,
            units: payload.as_ref().map(units_in).unwrap_or_default().into_iter().map(|id| names.get(id)).collect(),
            payload,
            attachments,
            hash: hex(&row.hash),
        }
    });
    Ok(lines.collect())
}

fn letter_of(payload: &Value) -> Option<FeedbackId> {
    payload.get("feedback_id")?.as_str()?.parse().ok()
}

fn files_in(payload: &Value) -> Vec<AttachmentId> {
    let ids = payload.get("attachment_ids").and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(|id| id.as_str()?.parse().ok()).collect()
}

pub(super) fn units_in(payload: &Value) -> Vec<UnitId> {
    ["unit_id", "from_unit_id", "proposed_unit_id", "supervising_unit_id"]
        .iter()
        .filter_map(|field| payload.get(*field)?.as_str()?.parse().ok())
        .collect()
}
