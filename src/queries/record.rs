//! The record as those read it who watch over it: every event of every timeline, newest first.

use crate::domain::actor::Actor;
use crate::domain::actor::Scope;
use crate::domain::audit::{Stream, hex};
use crate::domain::calendar::start_of_day;
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Fault, Refusal};
use crate::domain::vocabulary::Role;
use crate::queries::names::{UnitNames, UnitRef};
use crate::queries::page::{Ask, Slice};
use crate::queries::tickets::unknown;
use crate::queries::timeline::{ActorOut, Programs, units_in};
use crate::store::events::{EventFilter, EventRow};
use crate::store::{assets, events, notices, tickets, units, users};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// One event, with the timeline that it stands in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecordOut {
    pub id: EventId,
    /// `kind:id`, or `office`.
    pub stream: String,
    /// A ticket's reference, a code, a login; null where there is none.
    #[schema(required = true)]
    pub subject: Option<String>,
    /// Its number in the timeline, from 1.
    pub seq: i64,
    pub at: Instant,
    pub actor: ActorOut,
    /// Dotted, e.g. `user.signed_in`.
    pub act: String,
    /// What was said; null once a departed person's data was removed.
    #[schema(required = true)]
    pub payload: Option<Value>,
    /// Units that the payload names by id.
    pub units: Vec<UnitRef>,
    /// Hexadecimal; covers the event and the one before it in its timeline.
    pub hash: String,
}

/// What the record is narrowed to; all of it AND.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RecordQuery {
    /// `ticket:` and its id or reference, `notice:`, `unit:`, `user:` or `asset:` and id, code or login, `finding:` and
    /// `feedback:` and id, or `office`.
    pub stream: Option<String>,
    /// A user's id or login, `user:` and id, or `system:` and what.
    pub actor: Option<String>,
    /// First day, included.
    pub from: Option<NaiveDate>,
}

/// Newest first.
///
/// # Errors
/// When the reader is neither admin nor viewer, or a filter names nothing that is there.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &RecordQuery, ask: &Ask) -> Outcome<Slice<RecordOut>> {
    actor.require(&[Role::Admin, Role::Viewer])?;
    let filter = filter(read, query)?;
    let before: Option<EventId> = ask.after()?;
    let rows = events::search(read.conn, &filter, before, ask.fetch())?;
    let total = if ask.count { Some(events::count_found(read.conn, &filter)?) } else { None };
    let page = ask.slice(rows, total, |row| row.id);
    Ok(Slice { items: shown(read, page.items)?, next: page.next, total: page.total })
}

fn filter(read: &mut Read<'_>, query: &RecordQuery) -> Outcome<EventFilter> {
    let zone = read.office.zone;
    let mut faults = Vec::new();
    let stream = match given(query.stream.as_ref()) {
        None => None,
        Some(text) => or_fault(stream(read, text)?, unknown("stream", text), &mut faults),
    };
    let actor = match given(query.actor.as_ref()) {
        None => None,
        Some(text) => or_fault(label(read, text)?, unknown("actor", text), &mut faults),
    };
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults).into());
    }
    Ok(EventFilter { stream, actor, from: query.from.map(|on| start_of_day(zone, on)) })
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn or_fault(found: Option<String>, fault: Fault, faults: &mut Vec<Fault>) -> Option<String> {
    if found.is_none() {
        faults.push(fault);
    }
    found
}

/// The timeline that this names, by id, or by what people call it.
fn stream(read: &mut Read<'_>, text: &str) -> Outcome<Option<String>> {
    if text == Stream::Office.to_string() {
        return Ok(Some(text.to_owned()));
    }
    let Some((kind, key)) = text.split_once(':') else { return Ok(None) };
    let known = |is_known: bool| is_known.then(|| text.to_owned());
    Ok(match kind {
        "ticket" => tickets::find(read.conn, key, &Scope::All)?.map(|row| Stream::Ticket(row.id).to_string()),
        "notice" => notices::find_by_key(read.conn, key)?.map(|row| Stream::Notice(row.id).to_string()),
        "unit" => units::find_by_key(read.conn, key)?.map(|row| Stream::Unit(row.id).to_string()),
        "user" => users::find_by_key(read.conn, key)?.map(|row| Stream::User(row.id).to_string()),
        "asset" => assets::find(read.conn, key, &Scope::All)?.map(|row| Stream::Asset(row.id).to_string()),
        "finding" | "feedback" => known(events::head(read.conn, text)?.is_some()),
        _ => None,
    })
}

/// How the record names this actor.
fn label(read: &mut Read<'_>, text: &str) -> Outcome<Option<String>> {
    if text.starts_with("system:") {
        return Ok(Some(text.to_owned()));
    }
    let key = text.strip_prefix("user:").unwrap_or(text);
    Ok(users::find_by_key(read.conn, key)?.map(|row| format!("user:{}", row.id)))
}

fn shown(read: &mut Read<'_>, rows: Vec<EventRow>) -> Outcome<Vec<RecordOut>> {
    let payloads: Vec<Option<Value>> =
        rows.iter().map(|row| row.payload.as_deref().and_then(|text| serde_json::from_str(text).ok())).collect();
    let names = UnitNames::load(read, payloads.iter().flatten().flat_map(units_in))?;
    let programs = Programs::among(read, rows.iter().map(|row| row.actor.as_str()))?;
    let subjects = subjects(read, &rows)?;
    let lines = rows.into_iter().zip(payloads).map(|(row, payload)| RecordOut {
        id: row.id,
        subject: subjects.get(&row.stream).cloned(),
        seq: row.seq,
        at: row.at,
        actor: programs.actor(row.actor, row.actor_name),
        act: row.act,
        units: payload.as_ref().map(units_in).unwrap_or_default().into_iter().map(|id| names.get(id)).collect(),
        payload,
        hash: hex(&row.hash),
        stream: row.stream,
    });
    Ok(lines.collect())
}

/// What people call these timelines, by stream.
fn subjects(read: &mut Read<'_>, rows: &[EventRow]) -> Outcome<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let ids = ids_of(rows, "ticket");
    let called = tickets::by_ids(read.conn, &ids)?.into_iter();
    found.extend(called.map(|row| (Stream::Ticket(row.id).to_string(), row.reference)));
    let called = notices::by_ids(read.conn, &ids_of(rows, "notice"))?.into_iter();
    found.extend(called.map(|row| (Stream::Notice(row.id).to_string(), row.code)));
    let called = units::by_ids(read.conn, &ids_of(rows, "unit"))?.into_iter();
    found.extend(called.map(|row| (Stream::Unit(row.id).to_string(), row.code)));
    let called = users::by_ids(read.conn, &ids_of(rows, "user"))?.into_iter();
    found.extend(called.map(|row| (Stream::User(row.id).to_string(), row.login)));
    let called = assets::by_ids(read.conn, &ids_of(rows, "asset"))?.into_iter();
    found.extend(called.map(|row| (Stream::Asset(row.id).to_string(), row.code)));
    Ok(found)
}

/// Ids of the streams of one kind.
fn ids_of<T: std::str::FromStr + Ord>(rows: &[EventRow], kind: &str) -> Vec<T> {
    let mut ids: Vec<T> = rows
        .iter()
        .filter_map(|row| row.stream.split_once(':').filter(|(held, _)| *held == kind)?.1.parse().ok())
        .collect();
    ids.sort();
    ids.dedup();
    ids
}
