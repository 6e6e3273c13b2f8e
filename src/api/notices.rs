//! `/notices`: drafted, given coverage tables and requirements, issued, closed.

use crate::actions::issue::{self, Issued};
use crate::actions::notices::{self, NewCoverage, NewDeadline, NewRequirement, NoticeFields};
use crate::actions::tell;
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::{Body, Rows};
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::id::NoticeId;
use crate::domain::instant::Instant;
use crate::domain::patch::Patch;
use crate::domain::refusal::{Fault, Place};
use crate::domain::reminder::Anchor;
use crate::domain::ticket::Ticket;
use crate::domain::vocabulary::{AssetKind, LookBackPolicy, Role};
use crate::domain::words::Lang;
use crate::queries::names::{UnitNames, UnitRef};
use crate::queries::notices::{self as views, Coverage, NoticeOut, NoticeQuery, RequirementOut};
use crate::queries::people::Identity;
use crate::transaction::{Outcome, Tx};
use actix_web::{get, patch, post, put, web};
use chrono::{NaiveDate, NaiveTime};
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_notices).service(create_notice).service(get_notice).service(change_notice);
    config.service(get_coverage).service(replace_coverage).service(list_requirements).service(replace_requirements);
    config.service(issue_notice).service(close_notice);
}

/// First and last day of the sampling window.
#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplingIn {
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// The deadline for written feedback: a date, or a phrase that says one.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadlineIn {
    /// Read out of `raw` where it is left out.
    pub on: Option<NaiveDate>,
    /// `HH:MM`; without one the whole day counts.
    pub cutoff: Option<TimeOfDay>,
    /// Does "X日前" include X? By default it does.
    pub inclusive: Option<bool>,
    /// The phrase as the notice has it.
    pub raw: Option<String>,
}

/// A time of day, `12:00` or `12:00:00`.
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(value_type = String)]
pub struct TimeOfDay(pub NaiveTime);

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        use serde::de::{Error, Unexpected};
        let text = String::deserialize(input)?;
        let read = ["%H:%M", "%H:%M:%S"].iter().find_map(|form| NaiveTime::parse_from_str(&text, form).ok());
        read.map(Self).ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"a formatted time string"))
    }
}

/// A notice to be drafted.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotice {
    /// Stands in the references of its tickets, e.g. `2021Q2`.
    #[serde(default)]
    #[schema(required = true)]
    pub code: String,
    #[schema(required = true)]
    pub title: Option<String>,
    pub document_no: Option<String>,
    pub issued_on: Option<NaiveDate>,
    pub basis: Option<String>,
    pub sampling: Option<SamplingIn>,
    pub deadline: Option<DeadlineIn>,
    /// Id or code of the unit that receives the feedback.
    pub feedback_to: Option<String>,
    pub look_back: Option<LookBackPolicy>,
}

/// What is to be different about a notice. What is left out stays; `null` clears.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub title: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub document_no: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    pub issued_on: Patch<NaiveDate>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub basis: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<SamplingIn>)]
    pub sampling: Patch<SamplingIn>,
    #[serde(default)]
    #[schema(value_type = Option<DeadlineIn>)]
    pub deadline: Patch<DeadlineIn>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub feedback_to: Patch<String>,
    pub look_back: Option<LookBackPolicy>,
}

/// A row of an annex, with the figures as printed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoverageIn {
    /// Id or code.
    pub unit_id: String,
    pub kind: AssetKind,
    pub in_operation: i64,
    /// Left out where the annex prints none: all in operation were checked.
    pub checked: Option<i64>,
    pub prominent: i64,
    pub printed_share: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequirementIn {
    #[serde(default)]
    #[schema(required = true)]
    pub code: String,
    #[serde(default)]
    #[schema(required = true)]
    pub text: String,
    /// Ids or codes; groups are expanded on issue.
    #[serde(default)]
    pub unit_ids: Vec<String>,
}

#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IssueIn {
    /// Tell what would be made and mailed, and change nothing.
    pub dry_run: bool,
}

/// The notice, and what issuing it makes or would make.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IssueOut {
    #[serde(flatten)]
    pub notice: NoticeOut,
    pub dry_run: bool,
    pub tickets: Vec<IssuedTicket>,
    pub mails: Vec<IssuedMail>,
    /// What may be a slip of the pen: a due date that is over, more than a year ahead, or on a day off.
    pub warnings: Vec<Warning>,
}

/// Something strange that is not refused.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Warning {
    pub pointer: String,
    /// `deadline.past`, `deadline.far`, `deadline.day_off`
    pub code: &'static str,
    pub detail: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IssuedTicket {
    pub reference: String,
    pub unit: UnitRef,
    pub co_units: Vec<UnitRef>,
    pub due_on: NaiveDate,
    pub due_at: Instant,
    pub provisional: bool,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IssuedMail {
    /// The ticket's.
    pub reference: String,
    pub rule: String,
    pub name: String,
    pub address: String,
}

/// Nothing to say.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EmptyIn {}

/// Notices in sight, newest first.
#[utoipa::path(tag = "notices", params(Paging, NoticeQuery), responses((status = 200, body = ListOf<NoticeOut>)))]
#[get("/notices")]
pub async fn list_notices(call: Call, list: List<NoticeQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Drafts a notice.
#[utoipa::path(tag = "notices", request_body = NewNotice, responses((status = 201, body = NoticeOut)))]
#[post("/notices")]
pub async fn create_notice(call: Call, body: Body<NewNotice>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    call.write(body, |tx, who, new| {
        let code = new.code.clone();
        let id = notices::create(tx, who, &code, &fields(new))?;
        let notice = views::get(&mut tx.read(), who, &id.to_string())?;
        Reply::created(format!("/api/v1/notices/{id}"), &notice, notice.version)
    })
    .await
}

/// A notice by id or code.
#[utoipa::path(tag = "notices", responses((status = 200, body = NoticeOut)))]
#[get("/notices/{id}")]
pub async fn get_notice(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let notice = views::get(read, who, &id)?;
        Reply::row(&notice, notice.version)
    })
    .await
}

/// Changes a draft; of an issued notice title, document number and date.
#[utoipa::path(tag = "notices", request_body = NoticeChange, responses((status = 200, body = NoticeOut)))]
#[patch("/notices/{id}")]
pub async fn change_notice(call: Call, id: web::Path<String>, body: Body<NoticeChange>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write(body, move |tx, who, change| {
        let id = notices::update(tx, who, &id, version, &changed(change))?;
        row(tx, who, id)
    })
    .await
}

/// The annexes: rows as printed, totals and shares recomputed.
#[utoipa::path(tag = "notices", responses((status = 200, body = Coverage)))]
#[get("/notices/{id}/coverage")]
pub async fn get_coverage(call: Call, id: web::Path<String>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read((), move |read, who, ()| coverage(&views::coverage(read, who, &id)?)).await
}

/// Replaces the annexes of a draft.
#[utoipa::path(tag = "notices", request_body = Vec<CoverageIn>, responses((status = 200, body = Coverage)))]
#[put("/notices/{id}/coverage")]
pub async fn replace_coverage(call: Call, id: web::Path<String>, body: Body<Rows<CoverageIn>>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let rows: Vec<NewCoverage> = given.0.into_iter().map(NewCoverage::from).collect();
        let id = notices::set_coverage(tx, who, &id, version, &rows)?;
        coverage(&views::coverage(&mut tx.read(), who, &id.to_string())?)
    })
    .await
}

/// The requirements, with who has answered.
#[utoipa::path(tag = "notices", responses((status = 200, body = ListOf<RequirementOut>)))]
#[get("/notices/{id}/requirements")]
pub async fn list_requirements(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| Reply::whole(views::requirements(read, who, &id)?)).await
}

/// Replaces the requirements of a draft.
#[utoipa::path(tag = "notices", request_body = Vec<RequirementIn>, responses((status = 200, body = ListOf<RequirementOut>)))]
#[put("/notices/{id}/requirements")]
pub async fn replace_requirements(call: Call, id: web::Path<String>, body: Body<Rows<RequirementIn>>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let rows = given.0.into_iter();
        let rows: Vec<NewRequirement> =
            rows.map(|row| NewRequirement { code: row.code, text: row.text, units: row.unit_ids }).collect();
        let id = notices::set_requirements(tx, who, &id, version, &rows)?;
        Reply::whole(views::requirements(&mut tx.read(), who, &id.to_string())?)
    })
    .await
}

/// Makes the tickets and queues their mails, or tells what would be made.
#[utoipa::path(tag = "notices", request_body = IssueIn, responses((status = 200, body = IssueOut)))]
#[post("/notices/{id}/issue")]
pub async fn issue_notice(call: Call, id: web::Path<String>, body: Body<IssueIn>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let (version, lang) = (call.version, call.lang);
    call.write(body, move |tx, who, given| {
        let issued =
            if given.dry_run { issue::rehearse(tx, who, &id, version)? } else { issue::issue(tx, who, &id, version)? };
        let made = Made::of(tx, &issued, lang)?;
        let notice = views::get(&mut tx.read(), who, &issued.notice_id.to_string())?;
        let version = notice.version;
        let Made { tickets, mails, warnings } = made;
        Reply::row(&IssueOut { notice, dry_run: given.dry_run, tickets, mails, warnings }, version)
    })
    .await
}

/// Closes a notice whose tickets are all finished.
#[utoipa::path(tag = "notices", request_body = EmptyIn, responses((status = 200, body = NoticeOut)))]
#[post("/notices/{id}/close")]
pub async fn close_notice(call: Call, id: web::Path<String>, body: Body<EmptyIn>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write(body, move |tx, who, _| {
        let id = notices::close(tx, who, &id, version)?;
        row(tx, who, id)
    })
    .await
}

fn row(tx: &mut Tx<'_>, who: &Identity, id: NoticeId) -> Outcome<Reply> {
    let notice = views::get(&mut tx.read(), who, &id.to_string())?;
    Reply::row(&notice, notice.version)
}

fn coverage(coverage: &Coverage) -> Outcome<Reply> {
    Reply::row(coverage, coverage.version)
}

/// What an issue makes or would make, for people.
pub(super) struct Made {
    pub tickets: Vec<IssuedTicket>,
    pub mails: Vec<IssuedMail>,
    pub warnings: Vec<Warning>,
}

impl Made {
    pub(super) fn of(tx: &mut Tx<'_>, issued: &Issued, lang: Lang) -> Outcome<Self> {
        let mails = tell::preview(&mut tx.read(), Anchor::Issued, &issued.tickets)?;
        let names = UnitNames::load(&mut tx.read(), issued.tickets.iter().flat_map(Ticket::units))?;
        let mails = mails.into_iter().filter_map(|mail| {
            let ticket = issued.tickets.get(mail.index)?;
            Some(IssuedMail {
                reference: ticket.reference.clone(),
                rule: mail.rule,
                name: mail.one.to.name,
                address: mail.one.to.address,
            })
        });
        let tickets = issued.tickets.iter().map(|ticket| IssuedTicket {
            reference: ticket.reference.clone(),
            unit: names.get(ticket.unit_id),
            co_units: ticket.co_unit_ids.iter().map(|unit| names.get(*unit)).collect(),
            due_on: ticket.due.on,
            due_at: ticket.due.at,
            provisional: ticket.due.provisional,
        });
        let warnings = issued.warnings.iter().map(|fault| Warning::of(fault, lang));
        Ok(Self { tickets: tickets.collect(), mails: mails.collect(), warnings: warnings.collect() })
    }
}

impl Warning {
    fn of(fault: &Fault, lang: Lang) -> Self {
        let pointer = match &fault.place {
            Place::Pointer(pointer) | Place::Parameter(pointer) => pointer.clone(),
            Place::Cell { .. } | Place::Whole => String::new(),
        };
        Self { pointer, code: fault.code.as_str(), detail: fault.detail(lang) }
    }
}

impl From<DeadlineIn> for NewDeadline {
    fn from(given: DeadlineIn) -> Self {
        Self { on: given.on, cutoff: given.cutoff.map(|time| time.0), inclusive: given.inclusive, raw: given.raw }
    }
}

impl From<CoverageIn> for NewCoverage {
    fn from(row: CoverageIn) -> Self {
        Self {
            unit: row.unit_id,
            kind: row.kind,
            in_operation: row.in_operation,
            checked: row.checked,
            prominent: row.prominent,
            printed_share: row.printed_share,
        }
    }
}

fn fields(new: NewNotice) -> NoticeFields {
    NoticeFields {
        title: new.title,
        document_no: Some(new.document_no),
        issued_on: Some(new.issued_on),
        basis: Some(new.basis),
        sampling: Some(new.sampling.map(|window| (window.from, window.to))),
        deadline: new.deadline.map(|deadline| Some(deadline.into())),
        feedback_to: Some(new.feedback_to),
        look_back: new.look_back,
    }
}

fn changed(change: NoticeChange) -> NoticeFields {
    NoticeFields {
        title: change.title.given().map(Option::unwrap_or_default),
        document_no: change.document_no.given(),
        issued_on: change.issued_on.given(),
        basis: change.basis.given(),
        sampling: change.sampling.given().map(|window| window.map(|window| (window.from, window.to))),
        deadline: change.deadline.given().map(|deadline| deadline.map(NewDeadline::from)),
        feedback_to: change.feedback_to.given(),
        look_back: change.look_back,
    }
}
