//! `/feedback`: letters of written feedback, filed by units or registered by coordinators.

use crate::actions::feedback::{self, NewAnswer, NewFeedback, NewItem};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::id::{AttachmentId, FeedbackId};
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{Role, WorkResult};
use crate::queries::feedback::{self as views, FeedbackOut, FeedbackQuery, Receipt};
use actix_web::{get, post, web};
use chrono::NaiveDate;
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_feedback).service(submit_feedback).service(get_feedback).service(get_receipt);
}

/// A letter on one notice: all of it is filed, or nothing.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackIn {
    /// Id or code.
    #[serde(default)]
    #[schema(required = true)]
    pub notice_id: String,
    /// Needed where no file comes with it.
    pub letter_no: Option<String>,
    #[serde(default)]
    #[schema(required = true)]
    pub signatory: String,
    #[serde(default)]
    pub items: Vec<ItemIn>,
    #[serde(default)]
    pub requirement_answers: Vec<AnswerIn>,
    #[serde(default)]
    pub attachment_ids: Vec<AttachmentId>,
    /// Id or code; for a coordinator who registers a paper letter.
    pub unit_id: Option<String>,
    /// The day a paper letter came in, which counts for on-time.
    pub received_on: Option<NaiveDate>,
}

/// One ticket's part.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemIn {
    /// Id or reference.
    #[serde(default)]
    #[schema(required = true)]
    pub ticket_id: String,
    /// Why it came to the finding.
    #[serde(default)]
    #[schema(required = true)]
    pub cause: String,
    #[serde(default)]
    #[schema(required = true)]
    pub measures: String,
    pub result: WorkResult,
    /// Needed for `done`; not in the future, but it may precede the notice.
    pub completed_on: Option<NaiveDate>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerIn {
    /// Code of the requirement.
    #[serde(default)]
    #[schema(required = true)]
    pub code: String,
    #[serde(default)]
    #[schema(required = true)]
    pub text: String,
}

/// Letters in sight, newest first.
#[utoipa::path(tag = "feedback", params(Paging, FeedbackQuery), responses((status = 200, body = ListOf<FeedbackOut>)))]
#[get("/feedback")]
pub async fn list_feedback(call: Call, list: List<FeedbackQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Files a letter.
#[utoipa::path(tag = "feedback", request_body = FeedbackIn, responses((status = 201, body = FeedbackOut)))]
#[post("/feedback")]
pub async fn submit_feedback(call: Call, body: Body<FeedbackIn>) -> Answer {
    let call = call.only(&[Role::Liaison, Role::Leader, Role::Coordinator]);
    call.write(body, |tx, who, given| {
        let id = feedback::submit(tx, who, &given.into())?;
        let letter = views::get(&mut tx.read(), who, id)?;
        Reply::created(format!("/api/v1/feedback/{id}"), &letter, letter.version)
    })
    .await
}

/// One letter.
#[utoipa::path(tag = "feedback", responses((status = 200, body = FeedbackOut)))]
#[get("/feedback/{id}")]
pub async fn get_feedback(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let letter = views::get(read, who, parsed(&id)?)?;
        Reply::row(&letter, letter.version)
    })
    .await
}

/// The unit's proof that it filed: time, files' hashes, the record's hash.
#[utoipa::path(tag = "feedback", responses((status = 200, body = Receipt)))]
#[get("/feedback/{id}/receipt")]
pub async fn get_receipt(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| Reply::json(&views::receipt(read, who, parsed(&id)?)?)).await
}

fn parsed(id: &str) -> Result<FeedbackId, Refusal> {
    id.parse().map_err(|_not_an_id| Refusal::missing())
}

impl From<FeedbackIn> for NewFeedback {
    fn from(given: FeedbackIn) -> Self {
        let items = given.items.into_iter().map(|item| NewItem {
            ticket: item.ticket_id,
            cause: item.cause,
            measures: item.measures,
            result: item.result,
            completed_on: item.completed_on,
        });
        let answers = given.requirement_answers.into_iter();
        Self {
            notice: given.notice_id,
            letter_no: given.letter_no,
            signatory: given.signatory,
            items: items.collect(),
            answers: answers.map(|answer| NewAnswer { code: answer.code, text: answer.text }).collect(),
            attachment_ids: given.attachment_ids,
            unit: given.unit_id,
            received_on: given.received_on,
        }
    }
}
