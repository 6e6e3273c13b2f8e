//! `/reminders`: the ledger, one ticket's part of it, what would be sent, and why somebody was told or not.

use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, NoFilter, Paging, Params};
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::rehearsal::{self, Rehearsal, Span};
use crate::queries::reminders::{self, ReminderOut, ReminderQuery};
use crate::queries::why::{self, WhyOut, WhyQuery};
use actix_web::{get, post, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_reminders).service(list_ticket_reminders).service(rehearse_reminders);
    config.service(explain_reminders);
}

/// Every step that came: sent, skipped or cancelled, and why.
#[utoipa::path(tag = "reminders", params(Paging, ReminderQuery), responses((status = 200, body = ListOf<ReminderOut>)))]
#[get("/reminders")]
pub async fn list_reminders(call: Call, list: List<ReminderQuery>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = reminders::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// A ticket's reminders: those to come, and what became of those that came.
#[utoipa::path(tag = "reminders", params(Paging), responses((status = 200, body = ListOf<ReminderOut>)))]
#[get("/tickets/{id}/reminders")]
pub async fn list_ticket_reminders(call: Call, id: web::Path<String>, list: List<NoFilter>) -> Answer {
    call.read(list, move |read, who, Listed { page, .. }| {
        let slice = reminders::of_ticket(read, who, &id, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// What the planner would tell in a span of time, if nothing changed and the server never stopped. Nothing is recorded or
/// sent. Mails that answer an act at once and mails that are queued already are not among it.
#[utoipa::path(tag = "reminders", request_body = Span, responses((status = 200, body = Rehearsal)))]
#[post("/reminders/rehearsal")]
pub async fn rehearse_reminders(call: Call, body: Body<Span>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read(body, |read, who, span| Reply::json(&rehearsal::rehearse(read, who, span)?)).await
}

/// Why somebody was told of a ticket's steps, or was not; a unit asks for its own people and tickets. In the language of
/// Accept-Language.
#[utoipa::path(tag = "reminders", params(WhyQuery), responses(
    (status = 200, body = WhyOut),
    (status = 404, description = "Ticket or recipient is not there, or not yours to see")
))]
#[get("/reminders/why")]
pub async fn explain_reminders(call: Call, query: Params<WhyQuery>) -> Answer {
    let lang = call.lang;
    call.read(query, move |read, who, query| Reply::json(&why::why(read, who, &query, lang)?)).await
}
