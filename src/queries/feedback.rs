//! Letters of written feedback, and the receipt that a unit gets for one.

use crate::domain::actor::Actor;
use crate::domain::audit::receipt::Filing;
use crate::domain::audit::{Stream, hex};
use crate::domain::id::{FeedbackId, NoticeId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::WorkResult;
use crate::queries::names::{UnitNames, UnitRef, distinct};
use crate::queries::notices::find_in_sight;
use crate::queries::page::{Ask, Slice};
use crate::queries::tickets::{NoticeRef, unknown};
use crate::queries::timeline::FileOut;
use crate::store::attachments::Owner;
use crate::store::feedback::{FeedbackItemRow, FeedbackRow};
use crate::store::{attachments, events, feedback, notices, tickets, units, users};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FeedbackOut {
    pub id: FeedbackId,
    pub notice: NoticeRef,
    pub unit: UnitRef,
    pub letter_no: Option<String>,
    pub signatory: String,
    pub author: Option<PersonRef>,
    /// A paper letter that a coordinator registered.
    pub registered: bool,
    pub received_on: Option<NaiveDate>,
    pub submitted_at: Instant,
    pub items: Vec<ItemOut>,
    pub requirement_answers: Vec<AnswerOut>,
    pub attachments: Vec<FileOut>,
    pub version: i64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonRef {
    pub id: UserId,
    pub name: String,
    /// A program's account.
    pub service: bool,
}

/// One ticket's part of a letter, and the verdict on it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ItemOut {
    pub ticket_id: TicketId,
    pub reference: String,
    pub title: String,
    /// The ticket's cycle that it answers.
    pub cycle: i32,
    pub cause: String,
    pub measures: String,
    pub result: WorkResult,
    pub completed_on: Option<NaiveDate>,
    /// `accepted` or `returned`; null until reviewed.
    pub decision: Option<String>,
    pub reason: Option<String>,
    pub decided_at: Option<Instant>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AnswerOut {
    pub code: String,
    pub text: String,
}

/// What a unit holds as proof that it filed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipt {
    pub feedback_id: FeedbackId,
    pub notice: NoticeRef,
    pub unit: UnitRef,
    pub letter_no: Option<String>,
    pub submitted_at: Instant,
    /// Tickets answered, by reference.
    pub references: Vec<String>,
    pub attachments: Vec<FileOut>,
    /// Hash of the record's line of this filing, hexadecimal SHA-256.
    pub chain_hash: String,
    /// That line: the hash can be computed from it again, without this server.
    pub record: Filing,
}

/// What a list of letters is narrowed to.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedbackQuery {
    /// Id or code of a notice.
    pub notice: Option<String>,
    /// Ids or codes of the units that wrote.
    pub unit: Vec<String>,
}

/// Newest first.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &FeedbackQuery, ask: &Ask) -> Outcome<Slice<FeedbackOut>> {
    let (notice, named) = resolved(read, actor, query)?;
    let before: Option<FeedbackId> = ask.after()?;
    let rows = feedback::list(read.conn, notice, &named, &actor.scope, before, ask.fetch())?;
    let total = if ask.count { Some(feedback::count(read.conn, notice, &named, &actor.scope)?) } else { None };
    let page = ask.slice(rows, total, |row| row.id);
    Ok(Slice { items: shown(read, page.items)?, next: page.next, total: page.total })
}

pub fn get(read: &mut Read<'_>, actor: &Actor, id: FeedbackId) -> Outcome<FeedbackOut> {
    let row = feedback::find(read.conn, id, &actor.scope)?.ok_or_else(Refusal::missing)?;
    shown(read, vec![row])?.pop().ok_or_else(|| Refusal::missing().into())
}

pub fn receipt(read: &mut Read<'_>, actor: &Actor, id: FeedbackId) -> Outcome<Receipt> {
    let letter = get(read, actor, id)?;
    let filed = events::find(read.conn, &Stream::Feedback(id).to_string(), 1)?.ok_or_else(Refusal::missing)?;
    let payload = filed.payload.ok_or_else(Refusal::missing)?;
    let said: Value = serde_json::from_str(&payload).unwrap_or_default();
    Ok(Receipt {
        feedback_id: id,
        // As it was when the letter was filed: names change, and the hash covers those of then.
        notice: said_or(&said, "notice", letter.notice),
        unit: said_or(&said, "unit", letter.unit),
        letter_no: letter.letter_no,
        submitted_at: letter.submitted_at,
        references: said_or(&said, "references", letter.items.into_iter().map(|item| item.reference).collect()),
        attachments: said_or(&said, "attachments", letter.attachments),
        chain_hash: hex(&filed.hash),
        record: Filing {
            stream: filed.stream,
            seq: filed.seq,
            id: filed.id,
            at: filed.at,
            actor: filed.actor,
            act: filed.act,
            payload,
            salt: hex(&filed.salt),
            name_digest: filed.name_digest.as_deref().map(hex),
            prev_hash: hex(&filed.prev_hash),
        },
    })
}

/// What the record says of a field, if it says it whole; records of before name some things by their ids only.
fn said_or<T: DeserializeOwned>(said: &Value, field: &str, else_this: T) -> T {
    said.get(field).and_then(|value| T::deserialize(value).ok()).unwrap_or(else_this)
}

fn resolved(read: &mut Read<'_>, actor: &Actor, query: &FeedbackQuery) -> Outcome<(Option<NoticeId>, Vec<UnitId>)> {
    let mut faults = Vec::new();
    let mut notice = None;
    if let Some(key) = &query.notice {
        notice = find_in_sight(read, actor, key)?.map(|row| row.id);
        if notice.is_none() {
            faults.push(unknown("notice", key));
        }
    }
    let mut named = Vec::new();
    for key in &query.unit {
        match units::find_by_key(read.conn, key)? {
            Some(row) => named.push(row.id),
            None => faults.push(unknown("unit", key)),
        }
    }
    if faults.is_empty() { Ok((notice, named)) } else { Err(Refusal::invalid(faults).into()) }
}

fn shown(read: &mut Read<'_>, rows: Vec<FeedbackRow>) -> Outcome<Vec<FeedbackOut>> {
    let ids: Vec<FeedbackId> = rows.iter().map(|row| row.id).collect();
    let items = feedback::items_of(read.conn, &ids)?;
    let ticket_ids = distinct(items.iter().map(|item| item.ticket_id));
    let titles: HashMap<TicketId, (String, String)> = tickets::by_ids(read.conn, &ticket_ids)?
        .into_iter()
        .map(|ticket| (ticket.id, (ticket.reference, ticket.title)))
        .collect();
    let names = UnitNames::load(read, rows.iter().map(|row| row.unit_id))?;
    let codes: HashMap<NoticeId, String> = notices::by_ids(read.conn, &distinct(rows.iter().map(|row| row.notice_id)))?
        .into_iter()
        .map(|notice| (notice.id, notice.code))
        .collect();
    let authors = users::by_ids(read.conn, &distinct(rows.iter().filter_map(|row| row.author_id)))?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let author = authors.iter().find(|person| Some(person.id) == row.author_id);
        out.push(FeedbackOut {
            notice: NoticeRef { id: row.notice_id, code: codes.get(&row.notice_id).cloned().unwrap_or_default() },
            unit: names.get(row.unit_id),
            author: author.map(|person| PersonRef {
                id: person.id,
                name: person.name.clone(),
                service: person.service,
            }),
            items: items.iter().filter(|item| item.feedback_id == row.id).map(|item| item_out(item, &titles)).collect(),
            requirement_answers: answers(read, &row)?,
            attachments: files(read, row.id)?,
            id: row.id,
            letter_no: row.letter_no,
            signatory: row.signatory,
            registered: row.registered,
            received_on: row.received_on,
            submitted_at: row.submitted_at,
            version: row.version,
        });
    }
    Ok(out)
}

fn item_out(item: &FeedbackItemRow, titles: &HashMap<TicketId, (String, String)>) -> ItemOut {
    let (reference, title) = titles.get(&item.ticket_id).cloned().unwrap_or_default();
    ItemOut {
        ticket_id: item.ticket_id,
        reference,
        title,
        cycle: item.cycle,
        cause: item.cause.clone(),
        measures: item.measures.clone(),
        result: item.result,
        completed_on: item.completed_on,
        decision: item.decision.clone(),
        reason: item.reason.clone(),
        decided_at: item.decided_at,
    }
}

fn answers(read: &mut Read<'_>, row: &FeedbackRow) -> Outcome<Vec<AnswerOut>> {
    let given = notices::answers_of(read.conn, row.id)?;
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let known = notices::requirements_of(read.conn, row.notice_id)?;
    let answered = known.into_iter().filter_map(|requirement| {
        let answer = given.iter().find(|answer| answer.requirement_id == requirement.id)?;
        Some(AnswerOut { code: requirement.code, text: answer.text.clone() })
    });
    Ok(answered.collect())
}

fn files(read: &mut Read<'_>, id: FeedbackId) -> Outcome<Vec<FileOut>> {
    Ok(attachments::of_owner(read.conn, Owner::Feedback(id))?.iter().map(FileOut::from).collect())
}
