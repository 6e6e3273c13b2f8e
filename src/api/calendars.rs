//! `/calendars`: holidays and make-up working days, and deadlines counted by them.

use crate::actions::calendars::{self as acts, CalendarChanges, DayChange, Intent};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::params::Params;
use crate::api::reminder_rules::DryRun;
use crate::api::routes::Routes;
use crate::domain::deadline::Explanation;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::Role;
use crate::queries::calendars::{self, CalendarYear};
use actix_web::{get, put, web};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

/// Working days that are counted at most.
const WORKING_DAYS_MAX: u16 = 1_000;

pub fn routes(config: &mut Routes<'_>) {
    // The longer name first: `deadline` is no year.
    config.service(count_deadline).service(get_calendar_year).service(set_calendar_day);
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

/// What a change of the calendar would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CalendarTried {
    /// Always true.
    pub dry_run: bool,
    /// The day's year, as it would be.
    pub calendar: CalendarYear,
    pub changes: CalendarChanges,
}

/// The year as it is now, or with `dry_run` what would change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum CalendarAnswer {
    Changed(CalendarYear),
    Tried(CalendarTried),
}

/// Decrees a day off, a Saturday or Sunday that is worked, or a day like its week. Due dates of open tickets that were
/// given in working days move with it, and the reminders of all; dates given as dates stay. With `dry_run=true` nothing
/// changes, and the answer is what would.
#[utoipa::path(tag = "calendars", params(DryRun), request_body = DayChange,
    responses((status = 200, body = CalendarAnswer)))]
#[put("/calendars/{code}/days/{date}")]
pub async fn set_calendar_day(
    call: Call,
    path: web::Path<(String, String)>,
    dry: Params<DryRun>,
    body: Body<DayChange>,
) -> Answer {
    let call = call.only(&[Role::Admin]);
    let (code, date) = path.into_inner();
    let version = call.version;
    let intent = move |(_, change): (DryRun, DayChange)| {
        let not_a_date = |_| Refusal::field(Fault::new(Place::Parameter("date".to_owned()), Code::FieldDate));
        let date: NaiveDate = date.parse().map_err(not_a_date)?;
        Ok::<_, Refusal>((Intent::Day { code, date, version, change }, date.year()))
    };
    if dry.peek().is_some_and(|dry| dry.dry_run) {
        return call
            .read((dry, body), move |read, who, given| {
                let (intent, year) = intent(given)?;
                let tried = acts::rehearse(read, who, intent)?;
                let calendar = calendars::year_of(&tried.calendar, year, read.office.today(read.now))?;
                Reply::json(&CalendarTried { dry_run: true, calendar, changes: tried.changes })
            })
            .await;
    }
    call.write((dry, body), move |tx, who, given| {
        let (intent, year) = intent(given)?;
        acts::apply(tx, who, intent)?;
        let year = calendars::year_of(&tx.office.calendar, year, tx.office.today(tx.now))?;
        Reply::row(&year, year.version)
    })
    .await
}
