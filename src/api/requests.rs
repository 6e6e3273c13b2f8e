//! `/extensions`, `/objections`: what units ask for, and the office's decisions.

use crate::actions::requests::{self, NewExtension, Requested};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::routes::Routes;
use crate::api::tickets::{may, row};
use crate::domain::id::EventId;
use crate::domain::ticket::Act;
use crate::domain::vocabulary::Pending;
use crate::queries::people::Identity;
use crate::queries::requests::{self as asked, ExtensionOut, ObjectionOut};
use crate::queries::tickets::{self as views, TicketOut};
use crate::transaction::{Outcome, Tx};
use actix_web::{get, post, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(ask_extension).service(get_extension).service(decide_extension);
    config.service(object_ticket).service(get_objection).service(decide_objection);
}

/// A later date: the date itself, or working days from the current due date.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtensionIn {
    pub to: Option<NaiveDate>,
    #[schema(minimum = 1, maximum = 400)]
    pub working_days: Option<i64>,
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    /// What has been done so far.
    #[serde(default)]
    #[schema(required = true)]
    pub progress: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtensionDecisionIn {
    pub approve: bool,
    /// Of an approval: another date than the one asked for.
    pub to: Option<NaiveDate>,
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectionIn {
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    /// Id or code of the unit that should have it.
    #[serde(default)]
    #[schema(required = true)]
    pub proposed_unit_id: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectionDecisionIn {
    pub uphold: bool,
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    /// Of an upheld one: another unit than the one proposed, by id or code.
    pub unit_id: Option<String>,
}

/// A request that waits for its decision.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RequestOut {
    /// The request's own, for its decision.
    pub id: EventId,
    pub ticket: TicketOut,
}

/// Asks for a later due date, before the present one.
#[utoipa::path(tag = "requests", request_body = ExtensionIn, responses((status = 201, body = RequestOut)))]
#[post("/tickets/{id}/extensions")]
pub async fn ask_extension(call: Call, id: web::Path<String>, body: Body<ExtensionIn>) -> Answer {
    let call = may(call, &id, Act::AskExtension);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let asked = NewExtension {
            to: given.to,
            working_days: given.working_days,
            reason: given.reason,
            progress: given.progress,
        };
        let made = requests::ask_extension(tx, who, &id, version, &asked)?;
        requested(tx, who, made, "extensions")
    })
    .await
}

/// What was asked, and what came of it.
#[utoipa::path(tag = "requests", responses((status = 200, body = ExtensionOut)))]
#[get("/extensions/{id}")]
pub async fn get_extension(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let request = asked::extension(read, who, &id)?;
        Reply::row(&request, request.version)
    })
    .await
}

/// Grants or refuses an extension.
#[utoipa::path(tag = "requests", request_body = ExtensionDecisionIn, responses((status = 200, body = TicketOut)))]
#[post("/extensions/{id}/decision")]
pub async fn decide_extension(call: Call, id: web::Path<String>, body: Body<ExtensionDecisionIn>) -> Answer {
    let call = may_decide(call, &id, (Pending::Extension, Act::DecideExtension));
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let decision = (given.approve, given.to, given.reason.as_str());
        let ticket = requests::decide_extension(tx, who, &id, version, decision)?;
        row(tx, who, ticket)
    })
    .await
}

/// Says that another unit is responsible.
#[utoipa::path(tag = "requests", request_body = ObjectionIn, responses((status = 201, body = RequestOut)))]
#[post("/tickets/{id}/objections")]
pub async fn object_ticket(call: Call, id: web::Path<String>, body: Body<ObjectionIn>) -> Answer {
    let call = may(call, &id, Act::Object);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let made = requests::object(tx, who, &id, version, (&given.reason, &given.proposed_unit_id))?;
        requested(tx, who, made, "objections")
    })
    .await
}

/// What was objected, and what came of it.
#[utoipa::path(tag = "requests", responses((status = 200, body = ObjectionOut)))]
#[get("/objections/{id}")]
pub async fn get_objection(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let request = asked::objection(read, who, &id)?;
        Reply::row(&request, request.version)
    })
    .await
}

/// Upholds an objection, which gives the ticket away, or rejects it.
#[utoipa::path(tag = "requests", request_body = ObjectionDecisionIn, responses((status = 200, body = TicketOut)))]
#[post("/objections/{id}/decision")]
pub async fn decide_objection(call: Call, id: web::Path<String>, body: Body<ObjectionDecisionIn>) -> Answer {
    let call = may_decide(call, &id, (Pending::Objection, Act::DecideObjection));
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let decision = (given.uphold, given.unit_id.as_deref(), given.reason.as_str());
        let ticket = requests::decide_objection(tx, who, &id, version, decision)?;
        row(tx, who, ticket)
    })
    .await
}

fn may_decide(call: Call, id: &str, (kind, decision): (Pending, Act)) -> Call {
    let id = id.to_owned();
    call.after(move |read, who| requests::may_decide(read, who, &id, (kind, decision)))
}

fn requested(tx: &mut Tx<'_>, who: &Identity, made: Requested, kind: &str) -> Outcome<Reply> {
    let ticket = views::get(&mut tx.read(), who, &made.ticket_id.to_string())?;
    let version = ticket.version;
    Reply::created(format!("/api/v1/{kind}/{}", made.id), &RequestOut { id: made.id, ticket }, version)
}
