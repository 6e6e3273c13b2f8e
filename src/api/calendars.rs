//! `/calendars`: holidays and make-up working days, and deadlines counted by them.

use crate::api::call::{Answer, Call, Reply};
use crate::api::params::Params;
use crate::api::routes::Routes;
use crate::domain::deadline::Explanation;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::queries::calendars::{self, CalendarYear};
use actix_web::{get, web};
use chrono::NaiveDate;
use serde::Deserialize;

/// Working days that are counted at most.
const WORKING_DAYS_MAX: u16 = 1_000;

pub fn routes(config: &mut Routes<'_>) {
    // The longer name first: `deadline` is no year.
    config.service(count_deadline).service(get_calendar_year);
}

/// A start and a number of working days.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadlineQuery {
    /// Not counted itself.
    pub from: NaiveDate,
    #[param(minimum = 0, maximum = 1000)]
    pub working_days: u16,
}

/// The date so many working days later, day by day.
#[utoipa::path(tag = "calendars", params(DeadlineQuery), responses((status = 200, body = Explanation)))]
#[get("/calendars/{code}/deadline")]
pub async fn count_deadline(call: Call, code: web::Path<String>, query: Params<DeadlineQuery>) -> Answer {
    call.read(query, move |read, _, DeadlineQuery { from, working_days }| {
        if working_days > WORKING_DAYS_MAX {
            let place = Place::Parameter("working_days".to_owned());
            let fault = Fault::new(place, Code::FieldOutOfRange).with("min", 0).with("max", WORKING_DAYS_MAX);
            return Err(Refusal::field(fault).into());
        }
        Reply::json(&calendars::deadline(read, &code, from, working_days)?)
    })
    .await
}

/// The days of a year that differ from their week.
#[utoipa::path(tag = "calendars", responses((status = 200, body = CalendarYear)))]
#[get("/calendars/{code}/{year}")]
pub async fn get_calendar_year(call: Call, path: web::Path<(String, String)>) -> Answer {
    call.read((), move |read, _, ()| {
        let (code, year) = path.into_inner();
        let year = year.parse().map_err(|_not_a_year| Refusal::missing())?;
        let year = calendars::year(read, &code, year)?;
        Reply::row(&year, year.version)
    })
    .await
}
