//! From owed steps to ledger rows and the messages that tell them, in the transaction that holds the subjects.

use super::Tally;
use crate::domain::id::{ReminderId, SubjectId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{DueStep, Owed, Planner, SkipReason, Step, Told, Who};
use crate::domain::words::Lang;
use crate::store::ledger::{self, Cause, ReminderRow};
use crate::store::outbox::{self, NewMessage, digest_key};
use crate::store::recipients::{Addressed, Coordinators, Recipient, Roster};
use crate::store::watched::Watched;
use crate::transaction::{Outcome, Tx};
use chrono::TimeDelta;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// What planning came to, and for each subject when to look again.
pub struct Planned {
    pub tally: Tally,
    pub next_at: Vec<Option<Instant>>,
    /// Subjects of which somebody is told.
    pub told: HashSet<SubjectId>,
}

/// Records every step that has come, and queues what is owed; the mails leave within `spread` from now on.
pub fn plan(tx: &mut Tx<'_>, watched: &[Watched], spread: TimeDelta) -> Outcome<Planned> {
    let (rules, office, now) = (Arc::clone(&tx.rules), Arc::clone(&tx.office), tx.now);
    let planner = office.planner(&rules);
    let ids: Vec<SubjectId> = watched.iter().map(|one| one.id).collect();
    let handled = ledger::handled(tx.conn, &ids)?;
    let number = |code: &str, index: u16| planner.number(code, index);
    let owed: Vec<Owed> = watched
        .iter()
        .map(|one| {
            planner.owed(&one.facts, now, &|rule, version, index| {
                handled.contains(&(one.id, rule.to_owned(), version, number(rule, index)))
            })
        })
        .collect();
    let roster = roster(tx, watched, &owed)?;
    let mut lines = Lines::default();
    for (one, owed) in watched.iter().zip(&owed) {
        for (step, reason) in &owed.skipped {
            let asked = rules.iter().find(|rule| rule.code == step.rule).map(|rule| rule.addressed(step.index));
            let audience = words(asked.unwrap_or_default().into_iter().map(|(who, _)| who));
            lines.rows.push(ReminderRow::skipped(
                tx.id(),
                &cause(one, step, number(&step.rule, step.index)),
                audience,
                reason.as_str(),
                now,
            ));
        }
        for due in &owed.due {
            let cause = cause(one, &due.step, number(&due.step.rule, due.step.index));
            lines.step(tx, one, (due, &cause), &roster);
        }
    }
    let told = lines.owed.iter().map(|line| line.row.subject_id).collect();
    let tally = queue(tx, &planner, lines, spread)?;
    Ok(Planned { tally, next_at: owed.into_iter().map(|owed| owed.next_at).collect(), told })
}

/// The people of all units of which a step has come; of no unit where none has.
fn roster(tx: &mut Tx<'_>, watched: &[Watched], owed: &[Owed]) -> Outcome<Roster> {
    let due = || watched.iter().zip(owed).filter(|(_, owed)| !owed.due.is_empty());
    let asks = |step: &DueStep| {
        let told = step.send.iter().map(|(who, _)| who).chain(step.superseded.iter().map(|(who, _)| who));
        told.copied().any(|who| who == Who::Coordinators)
    };
    let asked = due().any(|(_, owed)| owed.due.iter().any(asks));
    let coordinators = if asked { Coordinators::Asked } else { Coordinators::NotAsked };
    let units = due().flat_map(|(one, _)| one.parties.units());
    Ok(Roster::load(tx.conn, units, coordinators, (tx.office.today(tx.now), Lang::Zh))?)
}

/// A row of the ledger, and to whom it is told.
struct Line {
    row: ReminderRow,
    to: Recipient,
}

#[derive(Default)]
struct Lines {
    owed: Vec<Line>,
    /// Rows of which nobody is told.
    rows: Vec<ReminderRow>,
}

impl Lines {
    /// Everybody who is told by this step, or by a newer one; at least one row, so that the step is handled.
    fn step(&mut self, tx: &Tx<'_>, one: &Watched, (due, cause): (&DueStep, &Cause<'_>), roster: &Roster) {
        let now = tx.now;
        let roles: Vec<(Told, bool)> = due.send.iter().map(|(who, copy)| (Told::from(*who), *copy)).collect();
        let people = roster.addressed(&roles, &one.parties);
        let mut known: HashSet<String> = people.iter().map(|person| person.to.key.clone()).collect();
        if people.is_empty() && !roles.is_empty() {
            let audience = words(due.send.iter().map(|(who, _)| *who));
            self.rows.push(ReminderRow::skipped(tx.id(), cause, audience, SkipReason::NoAudience.as_str(), now));
            known.insert(ledger::NOBODY.to_owned());
        }
        for person in people {
            let row = ReminderRow::queued(tx.id(), cause, &person, None, now);
            self.owed.push(Line { row, to: person.to });
        }
        for (who, by) in &due.superseded {
            let reason = format!("{}:{by}", SkipReason::Superseded);
            for to in roster.told(Told::from(*who), &one.parties) {
                if known.insert(to.key.clone()) {
                    self.rows.push(superseded(
                        tx.id(),
                        cause,
                        Addressed { told: Told::from(*who), copy: false, to },
                        &reason,
                        now,
                    ));
                }
            }
        }
        if known.is_empty() {
            let audience = words(due.superseded.iter().map(|(who, _)| *who));
            let by = due.superseded.first().map_or("", |(_, by)| by.as_str());
            let reason = format!("{}:{by}", SkipReason::Superseded);
            self.rows.push(ReminderRow::skipped(tx.id(), cause, audience, &reason, now));
        }
    }
}

/// The row of one who is told by a newer step.
fn superseded(id: ReminderId, cause: &Cause<'_>, one: Addressed, reason: &str, now: Instant) -> ReminderRow {
    ReminderRow {
        recipient: one.to.key,
        recipient_user_id: one.to.user_id,
        recipient_unit_id: one.to.unit_id,
        ..ReminderRow::skipped(id, cause, one.told.to_string(), reason, now)
    }
}

/// Each recipient's lines into their open digest of the day on which the window opens next.
fn queue(tx: &mut Tx<'_>, planner: &Planner<'_>, lines: Lines, spread: TimeDelta) -> Outcome<Tally> {
    let now = tx.now;
    let mut tally = Tally { lines: lines.owed.len(), ..Tally::default() };
    let mut fresh: BTreeMap<String, NewMessage> = BTreeMap::new();
    let mut rows = lines.rows;
    let mut digested = Vec::new();
    for Line { row, to } in lines.owed {
        let next_at = planner.next_open(now.plus(share(&to.key, spread)));
        let on = tx.office.today(next_at);
        let key = digest_key(&to.key, on);
        fresh.entry(key.clone()).or_insert_with(|| NewMessage::digest(tx.id(), &to, on, next_at, now));
        digested.push((key, row));
    }
    let (open, made) = outbox::open_digests(tx.conn, fresh.into_values().collect())?;
    tally.planned = made;
    rows.extend(digested.into_iter().map(|(key, row)| ReminderRow { message_id: open.get(&key).copied(), ..row }));
    tally.skipped = rows.len() - tally.lines;
    // A row that is there already was written by another look at the same step: its message says it.
    let written = ledger::insert_new(tx.conn, &rows)?;
    if written < rows.len() {
        tracing::debug!(rows = rows.len(), written, "reminders had been recorded before");
    }
    tx.has_mail |= tally.lines > 0;
    Ok(tally)
}

/// A recipient's part of a span, always the same: that many mails don't leave in one moment.
fn share(recipient: &str, span: TimeDelta) -> TimeDelta {
    // FNV-1a (Fowler, Noll, Vo): any even scatter does.
    let hash = recipient
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let parts = i32::try_from(hash % 1_000).unwrap_or(0);
    span * parts / 1_000
}

fn cause<'a>(one: &Watched, step: &'a Step, number: i32) -> Cause<'a> {
    Cause {
        subject_kind: one.kind,
        subject_id: one.id,
        rule: &step.rule,
        anchor_version: step.anchor_version,
        step: number,
        at: step.at,
    }
}

fn words(roles: impl Iterator<Item = Who>) -> String {
    roles.map(Who::as_str).collect::<Vec<_>>().join(" ")
}
