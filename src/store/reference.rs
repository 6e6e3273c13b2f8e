//! Calendar, reminder rules and settings: what every transaction reads and seldom changes. One number tells
//! every process that they have changed.

use crate::domain::calendar::{Calendar, ListedDay, ListedKind};
use crate::domain::instant::Instant;
use crate::domain::reminder::Rule;
use crate::store::dialect::Both;
use crate::store::schema::{calendar_days, calendar_years, calendars, reminder_rules, settings};
use crate::store::{Conn, StoreError, StoreResult, insert_all, native};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::upsert::excluded;

const VERSION: &str = "reference_version";

pub fn setting(conn: &mut Conn, key: &str) -> StoreResult<Option<String>> {
    let held = settings::table.filter(settings::key.eq(key)).select(settings::value);
    Ok(native!(conn, c => held.first(c)).optional()?)
}

pub fn set_setting(conn: &mut Conn, key: &str, value: &str) -> StoreResult<()> {
    Both(
        diesel::insert_into(settings::table)
            .values((settings::key.eq(key), settings::value.eq(value)))
            .on_conflict(settings::key)
            .do_update()
            .set(settings::value.eq(excluded(settings::value))),
    )
    .execute(conn)?;
    Ok(())
}

/// `false` where it wasn't set.
pub fn remove_setting(conn: &mut Conn, key: &str) -> StoreResult<bool> {
    Ok(diesel::delete(settings::table.filter(settings::key.eq(key))).execute(conn)? > 0)
}

/// Raised whenever calendar or rules change.
pub fn version(conn: &mut Conn) -> StoreResult<i64> {
    Ok(setting(conn, VERSION)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

pub fn raise_version(conn: &mut Conn) -> StoreResult<()> {
    let next = version(conn)? + 1;
    set_setting(conn, VERSION, &next.to_string())
}

/// The stored calendar of the given one's code; the given one where none is stored yet.
pub fn calendar(conn: &mut Conn, shipped: &Calendar) -> StoreResult<Calendar> {
    let head: Option<(String, i64)> = calendars::table
        .filter(calendars::code.eq(&shipped.code))
        .select((calendars::name, calendars::version))
        .first(conn)
        .optional()?;
    let Some((name, version)) = head else { return Ok(shipped.clone()) };
    let years: Vec<(i32, String)> = calendar_years::table
        .filter(calendar_years::calendar.eq(&shipped.code))
        .select((calendar_years::year, calendar_years::source))
        .load(conn)?;
    let days: Vec<(NaiveDate, String, String)> = calendar_days::table
        .filter(calendar_days::calendar.eq(&shipped.code))
        .select((calendar_days::day, calendar_days::kind, calendar_days::name))
        .load(conn)?;
    let days = days
        .into_iter()
        .map(|(day, kind, name)| {
            let kind: ListedKind =
                kind.parse().map_err(|fault| StoreError::Unavailable(format!("calendar day {day}: {fault}")))?;
            Ok((day, ListedDay { kind, name: (!name.is_empty()).then_some(name) }))
        })
        .collect::<StoreResult<Vec<_>>>()?;
    let calendar = Calendar::new(&shipped.code, version, years.iter().map(|(year, _)| *year), days).with_name(name);
    Ok(years
        .into_iter()
        .filter(|(_, source)| !source.is_empty())
        .fold(calendar, |held, (year, source)| held.with_source(year, source)))
}

/// The codes of the calendars that are kept here.
pub fn calendar_codes(conn: &mut Conn) -> StoreResult<Vec<String>> {
    Ok(calendars::table.order(calendars::code.asc()).select(calendars::code).load(conn)?)
}

pub fn insert_calendar(conn: &mut Conn, calendar: &Calendar) -> StoreResult<()> {
    diesel::insert_into(calendars::table)
        .values((
            calendars::code.eq(&calendar.code),
            calendars::name.eq(&calendar.name),
            calendars::version.eq(calendar.version),
        ))
        .execute(conn)?;
    let years: Vec<_> = calendar
        .years()
        .map(|(year, source)| {
            (
                calendar_years::calendar.eq(calendar.code.clone()),
                calendar_years::year.eq(year),
                calendar_years::source.eq(source.unwrap_or_default().to_owned()),
            )
        })
        .collect();
    insert_all!(conn, calendar_years::table, &years)?;
    let days: Vec<_> = calendar
        .listed()
        .map(|(day, listed)| {
            (
                calendar_days::calendar.eq(calendar.code.clone()),
                calendar_days::day.eq(day),
                calendar_days::kind.eq(listed.kind.as_str()),
                calendar_days::name.eq(listed.name.clone().unwrap_or_default()),
            )
        })
        .collect();
    insert_all!(conn, calendar_days::table, &days)?;
    Ok(())
}

/// The reminder rules, in their order.
pub fn rules(conn: &mut Conn) -> StoreResult<Vec<Rule>> {
    let rows: Vec<(String, String)> = reminder_rules::table
        .order(reminder_rules::position.asc())
        .select((reminder_rules::code, reminder_rules::definition))
        .load(conn)?;
    rows.into_iter()
        .map(|(code, text)| {
            serde_json::from_str(&text)
                .map_err(|fault| StoreError::Unavailable(format!("reminder rule {code} can't be read: {fault}")))
        })
        .collect()
}

pub fn insert_rules(conn: &mut Conn, rules: &[Rule], now: Instant) -> StoreResult<()> {
    for (rule, position) in rules.iter().zip(0_i32..) {
        let definition = serde_json::to_string(rule)
            .map_err(|fault| StoreError::Unavailable(format!("reminder rule {}: {fault}", rule.code)))?;
        diesel::insert_into(reminder_rules::table)
            .values((
                reminder_rules::code.eq(&rule.code),
                reminder_rules::position.eq(position),
                reminder_rules::definition.eq(definition),
                reminder_rules::version.eq(1_i64),
                reminder_rules::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(())
}
