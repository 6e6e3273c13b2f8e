//! Calendar, reminder rules and settings: what every transaction reads and seldom changes. One number tells
//! every process that they have changed.

use crate::domain::calendar::{Calendar, ListedDay, ListedKind};
use crate::domain::instant::Instant;
use crate::domain::reminder::Rule;
use crate::store::dialect::Both;
use crate::store::schema::{calendar_days, calendar_years, calendars, reminder_rules, settings};
use crate::store::{Conn, StoreError, StoreResult, insert_all, locked, native};
use chrono::{Datelike, NaiveDate};
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

/// Waits until nobody else is changing calendar or rules, and keeps others waiting until this transaction ends.
pub fn lock(conn: &mut Conn) -> StoreResult<()> {
    let row = (settings::key.eq(VERSION), settings::value.eq("0"));
    Both(diesel::insert_into(settings::table).values(row).on_conflict(settings::key).do_nothing()).execute(conn)?;
    let _held: String =
        locked!(conn, first: settings::table.filter(settings::key.eq(VERSION)).select(settings::value))?;
    Ok(())
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
    insert_years(conn, calendar, |_| true)
}

/// Writes a calendar over the one of its code; what it says of the years that `changed` names is new.
pub fn save_calendar(conn: &mut Conn, calendar: &Calendar, changed: impl Fn(i32) -> bool) -> StoreResult<()> {
    diesel::update(calendars::table.filter(calendars::code.eq(&calendar.code)))
        .set(calendars::version.eq(calendar.version))
        .execute(conn)?;
    let of_calendar = calendar_days::table.filter(calendar_days::calendar.eq(&calendar.code));
    let held: Vec<NaiveDate> = of_calendar.select(calendar_days::day).load(conn)?;
    for day in held.into_iter().filter(|day| changed(day.year())) {
        diesel::delete(
            calendar_days::table.filter(calendar_days::calendar.eq(&calendar.code)).filter(calendar_days::day.eq(day)),
        )
        .execute(conn)?;
    }
    let known: Vec<i32> = calendar_years::table
        .filter(calendar_years::calendar.eq(&calendar.code))
        .select(calendar_years::year)
        .load(conn)?;
    for year in known.into_iter().filter(|year| changed(*year)) {
        diesel::delete(
            calendar_years::table
                .filter(calendar_years::calendar.eq(&calendar.code))
                .filter(calendar_years::year.eq(year)),
        )
        .execute(conn)?;
    }
    insert_years(conn, calendar, changed)
}

fn insert_years(conn: &mut Conn, calendar: &Calendar, wanted: impl Fn(i32) -> bool) -> StoreResult<()> {
    let years: Vec<_> = calendar
        .years()
        .filter(|(year, _)| wanted(*year))
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
        .filter(|(day, _)| wanted(day.year()))
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

/// A stored rule and what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    pub rule: Rule,
    pub position: i32,
    pub version: i64,
    pub updated_at: Instant,
}

/// Code, place, definition, version, last change, beginning, row of steps.
type RuleColumns = (String, i32, String, i64, Instant, Option<Instant>, i32);

fn read_rule((code, position, definition, version, updated_at, since, series): RuleColumns) -> StoreResult<RuleRow> {
    let unreadable = |fault| StoreError::Unavailable(format!("reminder rule {code} can't be read: {fault}"));
    let rule: Rule = serde_json::from_str(&definition).map_err(unreadable)?;
    Ok(RuleRow { rule: Rule { since, series, ..rule }, position, version, updated_at })
}

fn written_rule(rule: &Rule) -> StoreResult<String> {
    serde_json::to_string(rule)
        .map_err(|fault| StoreError::Unavailable(format!("reminder rule {}: {fault}", rule.code)))
}

/// The reminder rules with their versions, in their order.
pub fn rule_rows(conn: &mut Conn) -> StoreResult<Vec<RuleRow>> {
    let rows: Vec<RuleColumns> = reminder_rules::table
        .order((reminder_rules::position.asc(), reminder_rules::code.asc()))
        .select(reminder_rules::all_columns)
        .load(conn)?;
    rows.into_iter().map(read_rule).collect()
}

/// The reminder rules, in their order.
pub fn rules(conn: &mut Conn) -> StoreResult<Vec<Rule>> {
    Ok(rule_rows(conn)?.into_iter().map(|row| row.rule).collect())
}

pub fn find_rule(conn: &mut Conn, code: &str) -> StoreResult<Option<RuleRow>> {
    let row: Option<RuleColumns> =
        reminder_rules::table.filter(reminder_rules::code.eq(code)).first(conn).optional()?;
    row.map(read_rule).transpose()
}

pub fn insert_rule(conn: &mut Conn, row: &RuleRow) -> StoreResult<()> {
    diesel::insert_into(reminder_rules::table)
        .values((
            reminder_rules::code.eq(&row.rule.code),
            reminder_rules::position.eq(row.position),
            reminder_rules::definition.eq(written_rule(&row.rule)?),
            reminder_rules::version.eq(row.version),
            reminder_rules::updated_at.eq(row.updated_at),
            reminder_rules::since.eq(row.rule.since),
            reminder_rules::series.eq(row.rule.series),
        ))
        .execute(conn)?;
    Ok(())
}

/// Saves over version `held`; `false` when somebody else was faster.
pub fn save_rule(conn: &mut Conn, row: &RuleRow, held: i64) -> StoreResult<bool> {
    let target =
        reminder_rules::table.filter(reminder_rules::code.eq(&row.rule.code)).filter(reminder_rules::version.eq(held));
    let saved = diesel::update(target)
        .set((
            reminder_rules::definition.eq(written_rule(&row.rule)?),
            reminder_rules::version.eq(row.version),
            reminder_rules::updated_at.eq(row.updated_at),
            reminder_rules::since.eq(row.rule.since),
            reminder_rules::series.eq(row.rule.series),
        ))
        .execute(conn)?;
    Ok(saved == 1)
}

pub fn delete_rule(conn: &mut Conn, code: &str) -> StoreResult<()> {
    diesel::delete(reminder_rules::table.filter(reminder_rules::code.eq(code))).execute(conn)?;
    Ok(())
}

pub fn insert_rules(conn: &mut Conn, rules: &[Rule], now: Instant) -> StoreResult<()> {
    for (rule, position) in rules.iter().zip(0_i32..) {
        insert_rule(conn, &RuleRow { rule: rule.clone(), position, version: 1, updated_at: now })?;
    }
    Ok(())
}
