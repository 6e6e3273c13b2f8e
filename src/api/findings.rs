//! `/findings`: what was found, and which units answer for it.

use crate::actions::findings::{self, FindingFields};
use crate::actions::late_units::{self, LateUnits};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::notices::{IssuedMail, IssuedTicket, Made, Warning};
use crate::api::page::ListOf;
use crate::api::routes::Routes;
use crate::domain::id::{AssetId, FindingId};
use crate::domain::patch::Patch;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::{Role, Severity};
use crate::queries::notices::{self as views, FindingOut};
use actix_web::{get, patch, post, web};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_findings).service(add_finding).service(get_finding).service(change_finding);
    config.service(add_finding_units);
}

/// A finding to be added to a draft.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFinding {
    /// Stands in the references of its tickets, e.g. `F01`.
    #[schema(required = true)]
    pub code: Option<String>,
    #[schema(required = true)]
    pub title: Option<String>,
    /// Kept exactly as entered.
    #[schema(required = true)]
    pub text: Option<String>,
    pub indicator: Option<String>,
    #[schema(default = "general")]
    pub severity: Option<Severity>,
    pub category: Option<String>,
    #[serde(default)]
    pub asset_ids: Vec<AssetId>,
    /// Lead units by id or code, one ticket each; groups are expanded on issue.
    #[serde(default)]
    pub unit_ids: Vec<String>,
    #[serde(default)]
    pub co_unit_ids: Vec<String>,
    /// The notice names some units "and others": more may be added later.
    #[serde(default)]
    pub open_ended: bool,
    /// Instead of the notice's deadline.
    pub due_on: Option<NaiveDate>,
    /// The unit had rectified it before the notice came out.
    #[serde(default)]
    pub rectified_before_notice: bool,
    /// The finding of an earlier notice that this one repeats: its id, or `<notice code>-<finding code>`. Each ticket
    /// becomes a recurrence of the same unit's ticket of it.
    pub recurrence_of: Option<String>,
}

/// What is to be different about a finding. What is left out stays; `null` clears.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingChange {
    pub code: Option<String>,
    pub title: Option<String>,
    pub text: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub indicator: Patch<String>,
    pub severity: Option<Severity>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub category: Patch<String>,
    pub asset_ids: Option<Vec<AssetId>>,
    pub unit_ids: Option<Vec<String>>,
    pub co_unit_ids: Option<Vec<String>>,
    pub open_ended: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    pub due_on: Patch<NaiveDate>,
    pub rectified_before_notice: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub recurrence_of: Patch<String>,
}

/// Units to be added to an open-ended finding of an issued notice.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LateUnitsIn {
    /// Lead units by id or code, one ticket each; of a group those of its members that have none yet.
    #[serde(default)]
    #[schema(required = true)]
    pub unit_ids: Vec<String>,
    /// Instead of the finding's or the notice's date.
    pub due_on: Option<NaiveDate>,
    /// Tell what would be made and mailed, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// The finding, and what was issued late or would be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct LateUnitsOut {
    #[serde(flatten)]
    pub finding: FindingOut,
    pub dry_run: bool,
    pub tickets: Vec<IssuedTicket>,
    pub mails: Vec<IssuedMail>,
    /// What may be a slip of the pen: a due date that is over, more than a year ahead, or on a day off.
    pub warnings: Vec<Warning>,
}

/// The findings of a notice; a unit reads those it answers for.
#[utoipa::path(tag = "findings", responses((status = 200, body = ListOf<FindingOut>)))]
#[get("/notices/{id}/findings")]
pub async fn list_findings(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| Reply::whole(views::findings(read, who, &id)?)).await
}

/// Adds a finding to a draft.
#[utoipa::path(tag = "findings", request_body = NewFinding, responses((status = 201, body = FindingOut)))]
#[post("/notices/{id}/findings")]
pub async fn add_finding(call: Call, id: web::Path<String>, body: Body<NewFinding>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    call.write(body, move |tx, who, new| {
        let id = findings::add(tx, who, &id, &fields(new))?;
        let finding = views::finding(&mut tx.read(), who, id)?;
        Reply::created(format!("/api/v1/findings/{id}"), &finding, finding.version)
    })
    .await
}

/// One finding.
#[utoipa::path(tag = "findings", responses((status = 200, body = FindingOut)))]
#[get("/findings/{id}")]
pub async fn get_finding(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let finding = views::finding(read, who, parsed(&id)?)?;
        Reply::row(&finding, finding.version)
    })
    .await
}

/// Changes a finding of a draft.
#[utoipa::path(tag = "findings", request_body = FindingChange, responses((status = 200, body = FindingOut)))]
#[patch("/findings/{id}")]
pub async fn change_finding(call: Call, id: web::Path<String>, body: Body<FindingChange>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write(body, move |tx, who, change| {
        let id = findings::update(tx, who, parsed(&id)?, version, &changed(change))?;
        let finding = views::finding(&mut tx.read(), who, id)?;
        Reply::row(&finding, finding.version)
    })
    .await
}

/// Adds units to an open-ended finding of an issued notice: makes their tickets and queues their mails, or tells what would
/// be made. References go on counting.
#[utoipa::path(tag = "findings", request_body = LateUnitsIn, responses((status = 200, body = LateUnitsOut)))]
#[post("/findings/{id}/units")]
pub async fn add_finding_units(call: Call, id: web::Path<String>, body: Body<LateUnitsIn>) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let (version, lang) = (call.version, call.lang);
    call.write(body, move |tx, who, given| {
        let id = parsed(&id)?;
        let late = LateUnits { units: given.unit_ids, due_on: given.due_on };
        let issued = if given.dry_run {
            late_units::rehearse(tx, who, id, version, &late)?
        } else {
            late_units::add(tx, who, id, version, &late)?
        };
        let Made { tickets, mails, warnings } = Made::of(tx, &issued, lang)?;
        let finding = views::finding(&mut tx.read(), who, id)?;
        let version = finding.version;
        Reply::row(&LateUnitsOut { finding, dry_run: given.dry_run, tickets, mails, warnings }, version)
    })
    .await
}

/// Findings have no code of their own outside their notice: anything but an id is not there.
fn parsed(id: &str) -> Result<FindingId, Refusal> {
    id.parse().map_err(|_not_an_id| Refusal::missing())
}

fn fields(new: NewFinding) -> FindingFields {
    FindingFields {
        code: new.code,
        title: new.title,
        text: new.text,
        indicator: Some(new.indicator),
        severity: new.severity,
        category: Some(new.category),
        assets: Some(new.asset_ids),
        units: Some(new.unit_ids),
        co_units: Some(new.co_unit_ids),
        open_ended: Some(new.open_ended),
        due_on: Some(new.due_on),
        rectified_before_notice: Some(new.rectified_before_notice),
        recurrence_of: Some(new.recurrence_of),
    }
}

fn changed(change: FindingChange) -> FindingFields {
    FindingFields {
        code: change.code,
        title: change.title,
        text: change.text,
        indicator: change.indicator.given(),
        severity: change.severity,
        category: change.category.given(),
        assets: change.asset_ids,
        units: change.unit_ids,
        co_units: change.co_unit_ids,
        open_ended: change.open_ended,
        due_on: change.due_on.given(),
        rectified_before_notice: change.rectified_before_notice,
        recurrence_of: change.recurrence_of.given(),
    }
}
