//! The working calendar (工作日历): a day decreed otherwise, a whole year taken in. Due dates that were given in working
//! days, and look-backs, are counted anew, with an event on each ticket; dates that were given as dates stay. Tried first,
//! it tells what would move.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::actions::replan::{self, Comparison, Replanned, SHOWN};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::calendar::{Calendar, CalendarFault, DayMark};
use crate::domain::check::{Check, LINE};
use crate::domain::id::TicketId;
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::refusal::{Arg, Code, Fault, Place, Refusal};
use crate::domain::reminder::Rule;
use crate::domain::ticket::{Due, Ticket};
use crate::domain::vocabulary::{Role, State};
use crate::store::periods::{self, PeriodRow};
use crate::store::reference;
use crate::store::tickets::{self, TicketRow};
use crate::store::{StoreResult, ledger};
use crate::text_enum;
use crate::transaction::{Outcome, Read, Tx};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Tickets that are counted anew at a time.
const PAGE: i64 = 200;
const OPEN: [State; 6] =
    [State::Issued, State::InProgress, State::Submitted, State::Returned, State::Accepted, State::Carried];

/// What a day is from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DayChange {
    /// `normal`: as its weekday has it.
    pub kind: DayMark,
    /// Of the feast.
    pub name: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub enum Intent {
    Day {
        code: String,
        date: NaiveDate,
        version: Option<i64>,
        change: DayChange,
    },
    /// The years of this calendar as they stand in it.
    Years(Calendar),
    /// The years of this calendar of which nothing is known here.
    Missing(Calendar),
}

text_enum! {
    /// Which of a ticket's dates it is.
    CountedDate { Due = "due", LookBack = "look_back" }
}

/// A date that a calendar moves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DateMove {
    pub reference: String,
    pub date: CountedDate,
    pub from: NaiveDate,
    pub to: NaiveDate,
}

/// What a change of the calendar does to what is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarChanges {
    /// Due dates that move.
    pub deadlines: usize,
    /// Look-backs that move.
    pub look_backs: usize,
    /// Due dates that stay and are provisional no longer.
    pub confirmed: usize,
    /// The first twenty dates that move.
    pub first: Vec<DateMove>,
    pub reminders: Replanned,
}

/// A calendar that was tried.
#[derive(Debug)]
pub struct Tried {
    pub calendar: Calendar,
    pub changes: CalendarChanges,
}

/// What would become of the calendar, of dates and of reminders.
///
/// # Errors
/// Whatever `apply` would refuse.
pub fn rehearse(read: &mut Read<'_>, actor: &Actor, intent: Intent) -> Outcome<Tried> {
    let (held, next) = decide(read, actor, intent)?;
    let (before, after) = (with(&read.office, held), with(&read.office, next.clone()));
    let mut changes = CalendarChanges::default();
    let Some(first) = after.calendar.first_difference(&before.calendar) else {
        return Ok(Tried { calendar: next, changes });
    };
    let rules: Arc<[Rule]> = Arc::clone(&read.rules);
    let asked = Comparison {
        rules: rules.iter().filter(|rule| rule.is_planned()).map(|rule| (Some(rule), Some(rule))).collect(),
        before: &before,
        after: &after,
        states: OPEN.to_vec(),
    };
    let now = read.now;
    let reminders = replan::compare(read, &asked, |read, rows| {
        let shifts = shifts(read.conn, rows, first, (&before, &after), now)?;
        let moved = rows.iter().zip(shifts).filter_map(|(row, shift)| shift.map(|shift| (row, shift)));
        Ok(moved
            .map(|(row, shift)| {
                changes.count(&row.reference, &shift);
                (row.id, row.changed(&shift.ticket, row.next_reminder_at, now))
            })
            .collect::<HashMap<TicketId, TicketRow>>())
    })?;
    Ok(Tried { calendar: next, changes: CalendarChanges { reminders, ..changes } })
}

/// Does it. What reminders come to, the next ticks find out; of them nothing is told here.
///
/// # Errors
/// When the actor may not, the calendar is not there or was changed by someone else, or a field is not valid.
pub fn apply(tx: &mut Tx<'_>, actor: &Actor, intent: Intent) -> Outcome<CalendarChanges> {
    actor.require(&[Role::Admin])?;
    reference::lock(tx.conn)?;
    let (held, next) = decide(&mut tx.read(), actor, intent)?;
    let mut changes = CalendarChanges::default();
    let (before, after) = (with(&tx.office, held), with(&tx.office, next));
    let years = changed_years(&before.calendar, &after.calendar);
    if years.is_empty() {
        return Ok(changes);
    }
    if let Some(first) = after.calendar.first_difference(&before.calendar) {
        move_dates(tx, actor, first, (&before, &after), &mut changes)?;
    }
    reference::save_calendar(tx.conn, &after.calendar, |year| years.contains(&year))?;
    let days = after.calendar.listed().filter(|(date, _)| years.contains(&date.year()));
    let days: Vec<_> = days.map(|(date, day)| json!({"date": date, "kind": day.kind, "name": day.name})).collect();
    let payload = json!({
        "code": after.calendar.code, "version": after.calendar.version, "years": years, "days": days,
        "deadlines": changes.deadlines, "look_backs": changes.look_backs, "confirmed": changes.confirmed,
    });
    record(tx, actor, Stream::Office, "calendar.changed", &payload)?;
    tx.raise_reference()?;
    ledger::look_again(tx.conn, tx.now)?;
    tx.office = Arc::new(after);
    Ok(changes)
}

fn with(office: &Office, calendar: Calendar) -> Office {
    Office { calendar: Arc::new(calendar), ..office.clone() }
}

/// The calendar as it is kept, and as it is to be.
fn decide(read: &mut Read<'_>, actor: &Actor, intent: Intent) -> Outcome<(Calendar, Calendar)> {
    actor.require(&[Role::Admin])?;
    let held = reference::calendar(read.conn, &read.office.calendar)?;
    let known = |code: &str| {
        if held.code == code { Ok(()) } else { Err(Refusal::new(Code::CalendarUnknown).with("known", &held.code)) }
    };
    let next = match intent {
        Intent::Day { code, date, version, change } => {
            known(&code)?;
            check_version(version, held.version)?;
            day_changed(&held, date, &change)?
        }
        Intent::Years(calendar) => {
            known(&calendar.code)?;
            held.clone().with_years_of(&calendar)
        }
        Intent::Missing(calendar) if calendar.code == held.code => {
            held.clone().with_years_of(&calendar.only_years(|year| !held.knows_of(year)))
        }
        Intent::Missing(_) => held.clone(),
    };
    let version = held.version + i64::from(next != held);
    Ok((held, next.in_version(version)))
}

fn day_changed(held: &Calendar, date: NaiveDate, change: &DayChange) -> Result<Calendar, Refusal> {
    if !(1900..=2999).contains(&date.year()) {
        let place = Place::Parameter("date".to_owned());
        return Err(Refusal::field(Fault::new(place, Code::FieldDate)));
    }
    let mut check = Check::new();
    let name = check.optional_line("/name", change.name.as_deref(), LINE);
    let name = check.done(name)?;
    held.clone().with_day(date, change.kind, name).map_err(|fault: CalendarFault| {
        let reason = Arg::both("该日本来就上班，只有周六、周日可以调为工作日", fault.to_string());
        Refusal::field(Fault::at("/kind", Code::FieldNotAllowed).with("reason", reason))
    })
}

fn changed_years(one: &Calendar, other: &Calendar) -> BTreeSet<i32> {
    let years = |calendar: &Calendar| {
        let known = calendar.years().map(|(year, _)| year).collect::<Vec<_>>();
        known.into_iter().chain(calendar.listed().map(|(date, _)| date.year()).collect::<Vec<_>>())
    };
    let all: BTreeSet<i32> = years(one).chain(years(other)).collect();
    all.into_iter()
        .filter(|year| {
            one.clone().only_years(|held| held == *year).in_version(1)
                != other.clone().only_years(|held| held == *year).in_version(1)
        })
        .collect()
}

fn move_dates(
    tx: &mut Tx<'_>,
    actor: &Actor,
    first: NaiveDate,
    offices: (&Office, &Office),
    changes: &mut CalendarChanges,
) -> Outcome<()> {
    let now = tx.now;
    let mut after = None;
    loop {
        let page = tickets::counted_by_calendar(tx.conn, first, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        let mut rows = Vec::new();
        for row in &page {
            rows.extend(tickets::lock_by_id(tx.conn, row.id)?);
        }
        let shifts = shifts(tx.conn, &rows, first, offices, now)?;
        for (row, shift) in rows.iter().zip(shifts) {
            if let Some(shift) = shift {
                changes.count(&row.reference, &shift);
                save(tx, actor, row, shift, &offices.1.calendar)?;
            }
        }
    }
}

fn save(tx: &mut Tx<'_>, actor: &Actor, row: &TicketRow, shift: Shift, calendar: &Calendar) -> Outcome<()> {
    let cause = json!({"calendar": calendar.code, "version": calendar.version});
    let (act, payload) = match shift.what {
        What::Moved(CountedDate::Due, from, to) => {
            ("ticket.due_moved", json!({"from": from, "to": to, "cause": cause}))
        }
        What::Moved(CountedDate::LookBack, from, to) => {
            ("ticket.look_back_moved", json!({"from": from, "to": to, "cause": cause}))
        }
        What::Confirmed => ("ticket.due_confirmed", json!({"due_on": row.due_on, "cause": cause})),
    };
    let seq = record(tx, actor, Stream::Ticket(row.id), act, &payload)?;
    let ticket = Ticket { version: seq, ..shift.ticket };
    if let Some(period) = shift.period {
        // What is asked for in working days is asked from the date that holds now.
        if let Some(asked) = asked(tx, row)? {
            let (due_version, counted_from) = (ticket.due.version + 1, ticket.due.on);
            periods::set(tx.conn, &PeriodRow { due_version, counted_from, ..asked })?;
        }
        periods::set(tx.conn, &PeriodRow { due_on: ticket.due.on, due_version: ticket.due.version, ..period })?;
    }
    let changed = row.changed(&ticket, Some(tx.now), tx.now);
    Ok(must_be_saved(tickets::save(tx.conn, row, &changed)?, row.version)?)
}

/// What another calendar does to a ticket.
struct Shift {
    ticket: Ticket,
    what: What,
    /// How the due date that moves was given.
    period: Option<PeriodRow>,
}

#[derive(Clone, Copy)]
enum What {
    Moved(CountedDate, NaiveDate, NaiveDate),
    Confirmed,
}

impl CalendarChanges {
    fn count(&mut self, reference: &str, shift: &Shift) {
        let (date, from, to) = match shift.what {
            What::Moved(date, from, to) => (date, from, to),
            What::Confirmed => {
                self.confirmed += 1;
                return;
            }
        };
        match date {
            CountedDate::Due => self.deadlines += 1,
            CountedDate::LookBack => self.look_backs += 1,
        }
        if self.first.len() < SHOWN {
            self.first.push(DateMove { reference: reference.to_owned(), date, from, to });
        }
    }
}

fn shifts(
    conn: &mut crate::store::Conn,
    rows: &[TicketRow],
    first: NaiveDate,
    (before, after): (&Office, &Office),
    now: Instant,
) -> StoreResult<Vec<Option<Shift>>> {
    let ids: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
    let periods = periods::of(conn, &ids)?;
    let mut co_units: HashMap<TicketId, Vec<_>> = HashMap::new();
    for (ticket, unit) in tickets::co_units_of(conn, &ids)? {
        co_units.entry(ticket).or_default().push(unit);
    }
    Ok(rows
        .iter()
        .map(|row| {
            let ticket = row.ticket(co_units.remove(&row.id).unwrap_or_default());
            let period = periods.iter().find(|period| period.ticket_id == row.id && period.speaks_of(row)).copied();
            match row.state {
                State::Issued | State::InProgress | State::Submitted | State::Returned | State::Carried => {
                    due_shift(ticket, period, first, after, now)
                }
                State::Accepted => look_back_shift(ticket, first, before, after),
                State::Closed | State::Cancelled => None,
            }
        })
        .collect())
}

fn due_shift(
    mut ticket: Ticket,
    period: Option<PeriodRow>,
    first: NaiveDate,
    after: &Office,
    now: Instant,
) -> Option<Shift> {
    let from = ticket.due.on;
    let counted = period.filter(|_| from >= first).and_then(|period| {
        let days = u16::try_from(period.working_days).ok()?;
        let to = after.after_working_days(period.counted_from, days);
        Some((period, to)).filter(|(_, to)| *to != from)
    });
    if let Some((period, to)) = counted {
        let provisional = after.calendar.is_span_provisional(period.counted_from, to);
        ticket.due = Due { provisional, ..ticket.due.moved(to, after, now) };
        return Some(Shift { ticket, what: What::Moved(CountedDate::Due, from, to), period: Some(period) });
    }
    if ticket.due.provisional && !after.calendar.is_provisional(from) {
        ticket.due.provisional = false;
        return Some(Shift { ticket, what: What::Confirmed, period: None });
    }
    None
}

/// As many working days after the acceptance as the calendar before had it.
fn look_back_shift(mut ticket: Ticket, first: NaiveDate, before: &Office, after: &Office) -> Option<Shift> {
    let (from, accepted_on) = (ticket.look_back_on?, before.today(ticket.accepted_at?));
    let days = u16::try_from(before.calendar.working_days_between(accepted_on, from)).ok()?;
    let to = after.after_working_days(accepted_on, days);
    if from < first || to == from {
        return None;
    }
    ticket.look_back_on = Some(to);
    Some(Shift { ticket, what: What::Moved(CountedDate::LookBack, from, to), period: None })
}

/// Notes how the date that is asked for was given.
pub(super) fn ask_in_working_days(tx: &mut Tx<'_>, row: &TicketRow, days: i64) -> Outcome<()> {
    let Ok(count) = u16::try_from(days) else { return Ok(()) };
    let period = PeriodRow {
        ticket_id: row.id,
        due_version: row.due_version + 1,
        due_on: tx.office.after_working_days(row.due_on, count),
        counted_from: row.due_on,
        working_days: count.into(),
    };
    Ok(periods::set(tx.conn, &period)?)
}

fn asked(tx: &mut Tx<'_>, row: &TicketRow) -> Outcome<Option<PeriodRow>> {
    Ok(periods::of(tx.conn, &[row.id])?.into_iter().find(|period| period.is_asked_of(row)))
}

/// The date that was asked for in working days, as the calendar has it now; `None` where it was asked for as a date.
pub(super) fn asked_in_working_days(tx: &mut Tx<'_>, row: &TicketRow) -> Outcome<Option<NaiveDate>> {
    let days = asked(tx, row)?.and_then(|period| u16::try_from(period.working_days).ok());
    Ok(days.map(|days| tx.office.after_working_days(row.due_on, days)))
}

/// The request was decided: what was granted as it was asked in working days stays counted in them.
pub(super) fn settle_request(tx: &mut Tx<'_>, row: &TicketRow, granted: Option<NaiveDate>) -> Outcome<()> {
    match (asked(tx, row)?, granted) {
        (Some(period), Some(due_on)) => Ok(periods::set(tx.conn, &PeriodRow { due_on, ..period })?),
        (Some(period), None) => Ok(periods::clear(tx.conn, row.id, period.due_version)?),
        (None, _) => Ok(()),
    }
}
