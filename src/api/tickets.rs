//! `/tickets`: the list, one ticket with its timeline and deadline, and what is done to it.

use crate::actions::tickets::{self, Decision, Progress};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, NoFilter, Paging};
use crate::api::routes::Routes;
use crate::domain::deadline::Explanation;
use crate::domain::id::{AttachmentId, TicketId};
use crate::domain::ticket::{Act, Command, NewMilestone};
use crate::domain::vocabulary::LookBackOutcome;
use crate::queries::people::Identity;
use crate::queries::tickets::{self as views, TicketOut, TicketQuery};
use crate::queries::timeline::{self, EventOut};
use crate::transaction::{Outcome, Tx};
use actix_web::{get, post, web};
use chrono::NaiveDate;
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_tickets).service(get_ticket).service(list_events).service(explain_deadline);
    config.service(acknowledge_ticket).service(log_progress).service(review_ticket).service(look_back_ticket);
    config.service(move_due_date).service(carry_ticket).service(cancel_ticket).service(reopen_ticket);
    config.service(decide_milestone).service(reassign_ticket).service(urge_ticket).service(comment_ticket);
}

/// Who handles it within the unit.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeIn {
    #[serde(default)]
    #[schema(required = true)]
    pub handler: String,
}

/// A line of progress.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProgressIn {
    /// 1 to 4,000 characters.
    #[serde(default)]
    #[schema(required = true)]
    pub text: String,
    /// 0 to 100, the lead unit's only; 100 is not done.
    pub percent: Option<i64>,
    #[serde(default)]
    pub attachment_ids: Vec<AttachmentId>,
    /// Id or number of the progress entry that this one puts right.
    pub corrects: Option<EntryRef>,
    /// The milestone of a carried ticket that the lead unit has reached; the office then decides whether it is.
    pub milestone_id: Option<String>,
}

/// A line of the timeline by its id or its number.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum EntryRef {
    Number(i64),
    Id(String),
}

/// A verdict on the feedback that waits.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewIn {
    pub decision: Decision,
    /// Needed for a return.
    #[serde(default)]
    pub reason: String,
    /// Of a return: due date of the rework; needed where the old one has passed.
    pub due_on: Option<NaiveDate>,
}

/// What a look-back found.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookBackIn {
    pub outcome: LookBackOutcome,
    #[serde(default)]
    #[schema(required = true)]
    pub method: String,
    /// What was seen. A pass needs it where no file is given, a fail always.
    #[serde(default)]
    pub note: String,
    /// Files that prove it. A pass needs one where there is no note.
    #[serde(default)]
    pub evidence: Vec<AttachmentId>,
    /// The day of the re-check, between the acceptance and today; today unless given.
    pub on: Option<NaiveDate>,
    /// Of a fail: due date of the rework.
    pub due_on: Option<NaiveDate>,
}

/// A later, or another, due date.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DueDateIn {
    pub to: NaiveDate,
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
}

/// Why it can't be finished now, and what will be reached when.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CarryIn {
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    #[serde(default)]
    #[schema(required = true)]
    pub milestones: Vec<NewMilestone>,
}

/// Whether a milestone that the unit reported is reached.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MilestoneDecisionIn {
    pub reached: bool,
    /// Needed where it is not: the report goes back with it.
    #[serde(default)]
    pub reason: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonIn {
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenIn {
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    pub due_on: NaiveDate,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReassignIn {
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    /// Id or code of the unit that leads from now on.
    pub unit_id: String,
    /// Kept unless given.
    pub due_on: Option<NaiveDate>,
}

#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UrgeIn {
    pub note: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentIn {
    #[serde(default)]
    #[schema(required = true)]
    pub text: String,
}

/// Tickets in sight.
#[utoipa::path(tag = "tickets", params(Paging, TicketQuery), responses((status = 200, body = ListOf<TicketOut>)))]
#[get("/tickets")]
pub async fn list_tickets(call: Call, list: List<TicketQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// A ticket by id or reference.
#[utoipa::path(tag = "tickets", responses((status = 200, body = TicketOut)))]
#[get("/tickets/{id}")]
pub async fn get_ticket(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let ticket = views::get(read, who, &id)?;
        Reply::row(&ticket, ticket.version)
    })
    .await
}

/// A ticket's timeline, oldest first.
#[utoipa::path(tag = "tickets", params(Paging), responses((status = 200, body = ListOf<EventOut>)))]
#[get("/tickets/{id}/events")]
pub async fn list_events(call: Call, id: web::Path<String>, list: List<NoFilter>) -> Answer {
    call.read(list, move |read, who, Listed { page, .. }| {
        let slice = timeline::of_ticket(read, who, &id, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Why the due date is what it is, day by day.
#[utoipa::path(tag = "tickets", responses((status = 200, body = Explanation)))]
#[get("/tickets/{id}/deadline")]
pub async fn explain_deadline(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| Reply::json(&views::deadline(read, who, &id)?)).await
}

/// The unit takes the ticket on.
#[utoipa::path(tag = "tickets", request_body = AcknowledgeIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/acknowledge")]
pub async fn acknowledge_ticket(call: Call, id: web::Path<String>, body: Body<AcknowledgeIn>) -> Answer {
    let call = may(call, &id, Act::Acknowledge);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let id = tickets::acknowledge(tx, who, &id, version, &given.handler)?;
        row(tx, who, id)
    })
    .await
}

/// Logs progress, or puts an earlier entry right.
#[utoipa::path(tag = "tickets", request_body = ProgressIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/progress")]
pub async fn log_progress(call: Call, id: web::Path<String>, body: Body<ProgressIn>) -> Answer {
    let call = may(call, &id, Act::Progress);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let progress = Progress {
            text: given.text,
            percent: given.percent,
            attachment_ids: given.attachment_ids,
            corrects: given.corrects.map(|entry| match entry {
                EntryRef::Number(number) => number.to_string(),
                EntryRef::Id(id) => id,
            }),
            milestone_id: given.milestone_id,
        };
        let id = tickets::log_progress(tx, who, &id, version, &progress)?;
        row(tx, who, id)
    })
    .await
}

/// Accepts the feedback that waits, or returns it for rework.
#[utoipa::path(tag = "tickets", request_body = ReviewIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/review")]
pub async fn review_ticket(call: Call, id: web::Path<String>, body: Body<ReviewIn>) -> Answer {
    let call = may(call, &id, Act::Accept);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let id = tickets::review(tx, who, &id, version, (given.decision, &given.reason), given.due_on)?;
        row(tx, who, id)
    })
    .await
}

/// The re-check after acceptance: strikes off, or returns.
#[utoipa::path(tag = "tickets", request_body = LookBackIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/look-back")]
pub async fn look_back_ticket(call: Call, id: web::Path<String>, body: Body<LookBackIn>) -> Answer {
    let call = may(call, &id, Act::PassLookBack);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let found = tickets::LookBack {
            outcome: given.outcome,
            method: given.method,
            note: given.note,
            evidence: given.evidence,
            on: given.on,
            due_on: given.due_on,
        };
        let id = tickets::look_back(tx, who, &id, version, &found)?;
        row(tx, who, id)
    })
    .await
}

/// Moves the due date unasked.
#[utoipa::path(tag = "tickets", request_body = DueDateIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/due-date")]
pub async fn move_due_date(call: Call, id: web::Path<String>, body: Body<DueDateIn>) -> Answer {
    let call = may(call, &id, Act::MoveDueDate);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        perform(tx, who, &id, version, Command::MoveDueDate { to: given.to, reason: given.reason })
    })
    .await
}

/// Keeps a ticket that can't be finished on the books, with milestones.
#[utoipa::path(tag = "tickets", request_body = CarryIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/carry")]
pub async fn carry_ticket(call: Call, id: web::Path<String>, body: Body<CarryIn>) -> Answer {
    let call = may(call, &id, Act::Carry);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let id = tickets::carry(tx, who, &id, version, (&given.reason, &given.milestones))?;
        row(tx, who, id)
    })
    .await
}

/// Accepts a milestone as reached, which makes the next one's date the due date, or sends its report back.
#[utoipa::path(tag = "tickets", request_body = MilestoneDecisionIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/milestones/{milestone_id}/decision")]
pub async fn decide_milestone(
    call: Call,
    path: web::Path<(String, String)>,
    body: Body<MilestoneDecisionIn>,
) -> Answer {
    let call = may(call, &path.0, Act::DecideMilestone);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let (id, milestone) = path.into_inner();
        let decision = (given.reached, given.reason.as_str());
        let id = tickets::decide_milestone(tx, who, (&id, &milestone), version, decision)?;
        row(tx, who, id)
    })
    .await
}

/// Takes a ticket back; the row stays.
#[utoipa::path(tag = "tickets", request_body = ReasonIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/cancel")]
pub async fn cancel_ticket(call: Call, id: web::Path<String>, body: Body<ReasonIn>) -> Answer {
    let call = may(call, &id, Act::Cancel);
    let version = call.version;
    call.write(body, move |tx, who, given| perform(tx, who, &id, version, Command::Cancel { reason: given.reason }))
        .await
}

/// Opens a closed ticket again; the first closure stays on record.
#[utoipa::path(tag = "tickets", request_body = ReopenIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/reopen")]
pub async fn reopen_ticket(call: Call, id: web::Path<String>, body: Body<ReopenIn>) -> Answer {
    let call = may(call, &id, Act::Reopen);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        perform(tx, who, &id, version, Command::Reopen { reason: given.reason, due_on: given.due_on })
    })
    .await
}

/// Gives the ticket to another unit; the old one loses access.
#[utoipa::path(tag = "tickets", request_body = ReassignIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/reassign")]
pub async fn reassign_ticket(call: Call, id: web::Path<String>, body: Body<ReassignIn>) -> Answer {
    let call = may(call, &id, Act::Reassign);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let to = (given.reason.as_str(), given.unit_id.as_str(), given.due_on);
        let id = tickets::reassign(tx, who, &id, version, to)?;
        row(tx, who, id)
    })
    .await
}

/// Urges the unit by mail, now.
#[utoipa::path(tag = "tickets", request_body = UrgeIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/urge")]
pub async fn urge_ticket(call: Call, id: web::Path<String>, body: Body<UrgeIn>) -> Answer {
    let call = may(call, &id, Act::Urge);
    let version = call.version;
    call.write(body, move |tx, who, given| perform(tx, who, &id, version, Command::Urge { note: given.note })).await
}

/// Says something that everybody who sees the ticket reads.
#[utoipa::path(tag = "tickets", request_body = CommentIn, responses((status = 200, body = TicketOut)))]
#[post("/tickets/{id}/comment")]
pub async fn comment_ticket(call: Call, id: web::Path<String>, body: Body<CommentIn>) -> Answer {
    let call = may(call, &id, Act::Comment);
    let version = call.version;
    call.write(body, move |tx, who, given| perform(tx, who, &id, version, Command::Comment { text: given.text })).await
}

/// Whoever may not do this to the ticket hears nothing of what is wrong with what they sent.
pub(super) fn may(call: Call, key: &str, act: Act) -> Call {
    let key = key.to_owned();
    call.after(move |read, who| tickets::may(read, who, &key, act))
}

fn perform(tx: &mut Tx<'_>, who: &Identity, key: &str, version: Option<i64>, command: Command) -> Outcome<Reply> {
    let id = tickets::perform(tx, who, key, version, command)?;
    row(tx, who, id)
}

/// The row as it is after an act. Whoever gave it away doesn't see it any more.
pub(super) fn row(tx: &mut Tx<'_>, who: &Identity, id: TicketId) -> Outcome<Reply> {
    let ticket = views::get(&mut tx.read(), who, &id.to_string())?;
    Reply::row(&ticket, ticket.version)
}
