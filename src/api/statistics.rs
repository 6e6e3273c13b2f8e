//! `/statistics`: how rectification goes.

use crate::api::call::{Answer, Call, Reply};
use crate::api::params::Params;
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::statistics::{self, Statistics, StatisticsQuery};
use actix_web::get;

pub fn routes(config: &mut Routes<'_>) {
    config.service(get_statistics);
}

/// The figures of a period, grouped.
///
/// All figures count the tickets whose due date in force lies in the period, the cancelled left out, as they stand now.
/// `due` = `on_time` + `late` + `unanswered`, by the first complete submission. `on_time_rate` is `on_time` of all that was
/// due, what is open and overdue included. `acknowledged` (taken on) and `closed` (struck off) are two figures; `carried`
/// never counts as closed. Rates are percent with two decimals, null where nothing was due. Medians are working days, from
/// issue to the newest submission and from issue to acceptance; the review's own clock runs from a submission to its
/// verdict, and never makes a unit late.
#[utoipa::path(tag = "desk", params(StatisticsQuery), responses((status = 200, body = Statistics)))]
#[get("/statistics")]
pub async fn get_statistics(call: Call, query: Params<StatisticsQuery>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read(query, |read, who, query| Reply::json(&statistics::statistics(read, who, &query)?)).await
}
