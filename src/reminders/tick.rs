//! One look at all that is due: tickets in pages, then notices, then the office. Any number of processes may look at once.

use super::Tally;
use super::plan::plan;
use crate::domain::id::{LeaseId, TicketId};
use crate::domain::instant::Instant;
use crate::store::watched::{self, Watched};
use crate::store::{StoreError, ledger, notices, outbox, tickets};
use crate::transaction::{Failure, Outcome, Read, Tx, World};
use chrono::TimeDelta;
use std::sync::Arc;

/// Subjects that are planned in one transaction.
const PAGE: i64 = 100;
/// A subject that can't be planned is looked at again after this long, and holds up nobody else.
const POSTPONED_MINUTES: i64 = 15;
/// That a look went through is noted at least so often.
const NOTED_MINUTES: i64 = 5;
/// After so long without a look this one catches up, and its mails are spread over so long.
const DOWNTIME_MINUTES: i64 = 30;
const SPREAD_MINUTES: i64 = 30;

/// How the mails of a look leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As soon as they may: a sandbox's jump, the command line.
    AtOnce,
    /// A server's own: what is found after a downtime is spread, so that nobody's relay is flooded.
    Steady,
}

/// Records and queues every reminder that is owed now, to leave at once. Blocks.
///
/// # Errors
/// When the database can't be read or written; what was planned before stays planned.
pub fn tick(world: &World) -> Outcome<Tally> {
    tick_at(world, Pace::AtOnce)
}

/// `tick` at a pace.
///
/// # Errors
/// As `tick`.
pub fn tick_at(world: &World, pace: Pace) -> Outcome<Tally> {
    let (is_anything_due, looked_at) = world.read_now(what_is_due)?;
    if !is_anything_due {
        return Ok(Tally::default());
    }
    let now = world.clock.now();
    let is_late = looked_at.is_some_and(|at| at.plus(TimeDelta::minutes(DOWNTIME_MINUTES)) < now);
    let spread = if pace == Pace::Steady && is_late { TimeDelta::minutes(SPREAD_MINUTES) } else { TimeDelta::zero() };
    let id: LeaseId = world.ids.draw(world.clock.now());
    world.write_now(move |tx| Ok(outbox::begin_tick(tx.conn, id, tx.machine_now)?))?;
    let planned = look(world, id, spread);
    let is_whole = planned.is_ok();
    let ended = world.write_now(move |tx| {
        if is_whole {
            ledger::note_look(tx.conn, now)?;
        }
        Ok(outbox::end_tick(tx.conn, id)?)
    });
    // Digests could not be sent before.
    world.mail_bell.notify_one();
    let tally = planned?;
    ended?;
    Ok(tally)
}

/// Is there something to do now (that a look went through is noted every so often), and when was the last look?
fn what_is_due(read: &mut Read<'_>) -> Outcome<(bool, Option<Instant>)> {
    let now = read.now;
    let looked_at = ledger::looked_at(read.conn)?;
    let is_due = looked_at.is_none_or(|at| at.plus(TimeDelta::minutes(NOTED_MINUTES)) <= now)
        || ledger::first_tick(read.conn)?.is_none()
        || ledger::office_next(read.conn)?.is_none_or(|at| at <= now)
        || tickets::is_reminder_due(read.conn, now)?
        || notices::is_reminder_due(read.conn, now)?;
    Ok((is_due, looked_at))
}

fn look(world: &World, id: LeaseId, spread: TimeDelta) -> Outcome<Tally> {
    let mut tally = pages(world, id, Queue::Tickets, spread)?;
    tally += pages(world, id, Queue::Notices, spread)?;
    tally += world.write_now(move |tx| office(tx, spread))?;
    Ok(tally)
}

#[derive(Debug, Clone, Copy)]
enum Queue {
    Tickets,
    Notices,
}

/// All pages. Where one fails, its subjects are planned one by one, and the one at fault is put off.
fn pages(world: &World, id: LeaseId, queue: Queue, spread: TimeDelta) -> Outcome<Tally> {
    let mut total = Tally::default();
    let mut singly = 0;
    loop {
        let limit = if singly > 0 { 1 } else { PAGE };
        match world.write_now(move |tx| page(tx, id, (queue, limit), spread)) {
            Ok((tally, found)) => {
                total += tally;
                singly = (singly - 1).max(0);
                if found < limit {
                    return Ok(total);
                }
            }
            Err(error) if limit > 1 => {
                tracing::warn!(%error, ?queue, "a page of reminders failed; each is planned alone");
                singly = PAGE;
            }
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => {
                let put_off = world.write_now(move |tx| postpone(tx, queue))?;
                tracing::error!(%error, ?queue, subject = put_off, "reminders of one subject can't be planned");
            }
        }
    }
}

/// Is it the database's state and not the subject's fault? Then the next tick does it.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(StoreError::Busy | StoreError::Unavailable(_)))
}

/// Plans up to `limit` due subjects; answers how many there were.
fn page(tx: &mut Tx<'_>, id: LeaseId, (queue, limit): (Queue, i64), spread: TimeDelta) -> Outcome<(Tally, i64)> {
    outbox::keep_ticking(tx.conn, id, tx.machine_now)?;
    let first_tick = ledger::first_tick_or(tx.conn, tx.now)?;
    let office = Arc::clone(&tx.office);
    let basis = (office.zone, first_tick);
    match queue {
        Queue::Tickets => {
            let rows = tickets::due_for_reminders(tx.conn, tx.now, limit)?;
            let watched = watched::of_tickets(tx.conn, &rows, basis)?;
            let planned = plan(tx, &watched, spread)?;
            for (row, next) in rows.iter().zip(&planned.next_at) {
                tickets::set_reminder_marks(tx.conn, row.id, *next, None)?;
            }
            let told: Vec<TicketId> =
                rows.iter().map(|row| row.id).filter(|id| planned.told.contains(&(*id).into())).collect();
            ledger::mark_newest(tx.conn, &told)?;
            Ok((planned.tally, count(rows.len())))
        }
        Queue::Notices => {
            let due = notices::due_for_reminders(tx.conn, tx.now, limit)?;
            let mut watched: Vec<Watched> = Vec::new();
            for row in &due {
                // Another process may have planned it since it was read.
                if let Some(row) = notices::lock(tx.conn, row.id)?
                    && row.next_reminder_at.is_some_and(|at| at <= tx.now)
                {
                    watched.push(watched::of_notice(tx.conn, &row, basis)?);
                }
            }
            let planned = plan(tx, &watched, spread)?;
            for (one, next) in watched.iter().zip(&planned.next_at) {
                notices::set_next_reminder(tx.conn, one.id.0.into(), *next)?;
            }
            Ok((planned.tally, count(due.len())))
        }
    }
}

fn office(tx: &mut Tx<'_>, spread: TimeDelta) -> Outcome<Tally> {
    if ledger::lock_office(tx.conn)?.is_some_and(|at| at > tx.now) {
        return Ok(Tally::default());
    }
    let first_tick = ledger::first_tick_or(tx.conn, tx.now)?;
    let planned = plan(tx, &[watched::of_office((tx.office.zone, first_tick))], spread)?;
    // Without a rule for the office a day is soon enough to look again.
    let next: Option<Instant> = planned.next_at.into_iter().next().flatten();
    ledger::set_office_next(tx.conn, next.unwrap_or_else(|| tx.now.plus(TimeDelta::days(1))))?;
    Ok(planned.tally)
}

/// Puts off the first due subject, and names it.
fn postpone(tx: &mut Tx<'_>, queue: Queue) -> Outcome<Option<String>> {
    let later = Some(tx.now.plus(TimeDelta::minutes(POSTPONED_MINUTES)));
    match queue {
        Queue::Tickets => {
            let Some(row) = tickets::due_for_reminders(tx.conn, tx.now, 1)?.pop() else { return Ok(None) };
            tickets::set_reminder_marks(tx.conn, row.id, later, None)?;
            Ok(Some(row.reference))
        }
        Queue::Notices => {
            let Some(row) = notices::due_for_reminders(tx.conn, tx.now, 1)?.pop() else { return Ok(None) };
            notices::set_next_reminder(tx.conn, row.id, later)?;
            Ok(Some(row.code))
        }
    }
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
