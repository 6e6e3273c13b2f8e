//! Requests for an extension and objections: who asked for what, and what came of it.

use crate::domain::actor::Actor;
use crate::domain::id::{EventId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::RequestOutcome;
use crate::domain::vocabulary::Pending;
use crate::queries::names::{UnitNames, UnitRef};
use crate::queries::timeline::{ActorOut, Programs};
use crate::store::requests::{self, RequestRow, Said};
use crate::store::tickets;
use crate::store::tickets::TicketRow;
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A request for a later due date.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExtensionOut {
    pub id: EventId,
    pub ticket: TicketRef,
    pub asked_at: Instant,
    pub asked_by: ActorOut,
    pub reason: Option<String>,
    /// What had been done by then.
    pub progress: Option<String>,
    /// The date that was asked for.
    pub to: Option<NaiveDate>,
    /// Null while it waits.
    pub decision: Option<DecisionOut>,
    /// The ticket's, which a decision may name in `If-Match`.
    pub version: i64,
}

/// What a unit says that is not its own to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ObjectionOut {
    pub id: EventId,
    pub ticket: TicketRef,
    pub asked_at: Instant,
    pub asked_by: ActorOut,
    pub reason: Option<String>,
    /// The unit that should have it.
    pub proposed_unit: Option<UnitRef>,
    /// Null while it waits.
    pub decision: Option<DecisionOut>,
    /// The ticket's, which a decision may name in `If-Match`.
    pub version: i64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketRef {
    pub id: TicketId,
    pub reference: String,
}

/// How a request ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionOut {
    pub outcome: RequestOutcome,
    /// Null where the record doesn't say which act ended it.
    pub at: Option<Instant>,
    /// Who decided; of a lapsed one, whose act ended it.
    pub by: Option<ActorOut>,
    /// The act that ended it, as the timeline has it.
    pub act: Option<String>,
    /// Of a decision.
    pub reason: Option<String>,
    /// Of an extension that was granted: the new due date.
    pub to: Option<NaiveDate>,
    /// Of an objection that was upheld: the unit that leads now.
    pub unit: Option<UnitRef>,
}

/// A request for extension on a ticket in sight.
pub fn extension(read: &mut Read<'_>, actor: &Actor, id: &str) -> Outcome<ExtensionOut> {
    let (request, ticket) = get(read, actor, id, Pending::Extension)?;
    let decision = decision(read, &request, &ticket)?;
    let RequestRow { asked, .. } = request;
    Ok(ExtensionOut {
        id: asked.event.id,
        version: ticket.version,
        ticket: TicketRef { id: ticket.id, reference: ticket.reference },
        asked_at: asked.event.at,
        reason: text(&asked.payload, "reason"),
        progress: text(&asked.payload, "progress"),
        to: date(&asked.payload, "to"),
        asked_by: by(read, &asked)?,
        decision,
    })
}

/// An objection to a ticket in sight.
pub fn objection(read: &mut Read<'_>, actor: &Actor, id: &str) -> Outcome<ObjectionOut> {
    let (request, ticket) = get(read, actor, id, Pending::Objection)?;
    let decision = decision(read, &request, &ticket)?;
    let RequestRow { asked, .. } = request;
    Ok(ObjectionOut {
        id: asked.event.id,
        version: ticket.version,
        ticket: TicketRef { id: ticket.id, reference: ticket.reference },
        asked_at: asked.event.at,
        reason: text(&asked.payload, "reason"),
        proposed_unit: unit(read, &asked.payload, "proposed_unit_id")?,
        asked_by: by(read, &asked)?,
        decision,
    })
}

fn get(read: &mut Read<'_>, actor: &Actor, id: &str, kind: Pending) -> Outcome<(RequestRow, TicketRow)> {
    let id: EventId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
    let request = requests::find(read.conn, id, kind)?.ok_or_else(Refusal::missing)?;
    let ticket = tickets::find(read.conn, &request.ticket_id.to_string(), &actor.scope)?;
    Ok((request, ticket.ok_or_else(Refusal::missing)?))
}

fn decision(read: &mut Read<'_>, request: &RequestRow, ticket: &TicketRow) -> Outcome<Option<DecisionOut>> {
    if let Some((outcome, said)) = requests::find_ending(read.conn, request)? {
        return Ok(Some(DecisionOut {
            outcome,
            at: Some(said.event.at),
            by: Some(by(read, &said)?),
            act: Some(said.event.act.clone()),
            reason: text(&said.payload, "reason").filter(|_| outcome != RequestOutcome::Lapsed),
            to: date(&said.payload, "to").filter(|_| outcome == RequestOutcome::Approved),
            unit: match outcome {
                RequestOutcome::Approved => unit(read, &said.payload, "unit_id")?,
                RequestOutcome::Rejected | RequestOutcome::Lapsed => None,
            },
        }));
    }
    if ticket.pending == Some(request.kind) && requests::is_newest(read.conn, request)? {
        return Ok(None);
    }
    let lapsed = RequestOutcome::Lapsed;
    Ok(Some(DecisionOut { outcome: lapsed, at: None, by: None, act: None, reason: None, to: None, unit: None }))
}

fn by(read: &mut Read<'_>, said: &Said) -> Outcome<ActorOut> {
    let programs = Programs::among(read, std::iter::once(said.event.actor.as_str()))?;
    Ok(programs.actor(said.event.actor.clone(), said.event.actor_name.clone()))
}

fn text(payload: &Value, field: &str) -> Option<String> {
    payload.get(field)?.as_str().map(str::to_owned)
}

fn date(payload: &Value, field: &str) -> Option<NaiveDate> {
    text(payload, field)?.parse().ok()
}

fn unit(read: &mut Read<'_>, payload: &Value, field: &str) -> Outcome<Option<UnitRef>> {
    let Some(id) = text(payload, field).and_then(|id| id.parse::<UnitId>().ok()) else { return Ok(None) };
    Ok(Some(UnitNames::load(read, std::iter::once(id))?.get(id)))
}
