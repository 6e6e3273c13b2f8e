//! What another rule or calendar does to the reminders that are to come: the planner's own steps of every subject, before
//! and after. Nothing is written here; a page of subjects is held at a time, and each date is counted once.

use crate::domain::calendar::local_date;
use crate::domain::id::{NoticeId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::reminder::{AnchorAt, Facts, Rule, Subject, speaks};
use crate::domain::vocabulary::{NoticeState, State};
use crate::store::notices::{self, NoticeRow};
use crate::store::recipients::unanswered;
use crate::store::tickets::{self, TicketRow};
use crate::store::{ledger, units};
use crate::transaction::{Outcome, Read};
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use std::collections::HashMap;
use std::rc::Rc;
use utoipa::ToSchema;

/// Subjects that are held at a time.
const PAGE: i64 = 1_000;
/// Changes that are told one by one.
pub(super) const SHOWN: usize = 20;

/// What changes about the reminders to come. A reminder is one step of one rule for one subject, however many are told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replanned {
    /// Tickets of which a reminder changes.
    pub tickets: usize,
    /// Notices of which a reminder changes.
    pub notices: usize,
    pub reminders_added: usize,
    pub reminders_removed: usize,
    /// Told at another time.
    pub reminders_moved: usize,
    /// The first twenty of them.
    pub first: Vec<StepChange>,
}

/// A step that comes, goes, or comes at another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StepChange {
    pub subject: Subject,
    /// A ticket's reference, a notice's code; null for the office.
    #[schema(required = true)]
    pub reference: Option<String>,
    /// The ticket's lead unit.
    #[schema(required = true)]
    pub unit: Option<UnitName>,
    pub rule: String,
    /// Of the rule, from 0.
    pub step: u16,
    /// Null where it was not planned.
    #[schema(required = true)]
    pub at_before: Option<Instant>,
    /// Null where it is no longer planned.
    #[schema(required = true)]
    pub at_after: Option<Instant>,
}

/// A unit as a preview names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnitName {
    pub id: UnitId,
    pub code: String,
    pub name: String,
    pub name_en: String,
}

/// A rule before and after, and the offices that plan by it.
pub(super) struct Comparison<'a> {
    pub rules: Vec<(Option<&'a Rule>, Option<&'a Rule>)>,
    pub before: &'a Office,
    pub after: &'a Office,
    /// Tickets outside of these have no reminders, before and after.
    pub states: Vec<State>,
}

/// The steps of a rule that are counted from a day.
type Moments = Rc<[(u16, Instant)]>;

struct Look<'a> {
    asked: &'a Comparison<'a>,
    now: Instant,
    first_tick: Instant,
    /// By rule, day, and whether it is the office after the change.
    counted: HashMap<(usize, NaiveDate, bool), Moments>,
    found: Replanned,
    /// The lead unit of each change that is told.
    units: Vec<Option<UnitId>>,
}

/// What changes, of all subjects. `moved` gives a ticket as it is after the change, where that is not as before.
pub(super) fn compare(
    read: &mut Read<'_>,
    asked: &Comparison<'_>,
    moved: impl FnMut(&mut Read<'_>, &[TicketRow]) -> Outcome<HashMap<TicketId, TicketRow>>,
) -> Outcome<Replanned> {
    let now = read.now;
    let first_tick = ledger::first_tick(read.conn)?.unwrap_or(now);
    let mut look =
        Look { asked, now, first_tick, counted: HashMap::new(), found: Replanned::default(), units: Vec::new() };
    if asked.is_about(Subject::Ticket) {
        look.at_tickets(read, moved)?;
    }
    if asked.is_about(Subject::Notice) {
        look.at_notices(read)?;
    }
    if asked.is_about(Subject::Office) {
        let facts = Facts::of_office(asked.before.zone, first_tick);
        look.at(&facts, &facts, None);
    }
    named(read, look)
}

impl Comparison<'_> {
    fn is_about(&self, subject: Subject) -> bool {
        self.rules.iter().any(|(one, other)| [one, other].into_iter().flatten().any(|rule| rule.subject == subject))
    }
}

fn of_ticket(row: &TicketRow, office: &Office, first_tick: Instant) -> Facts {
    Facts::of_ticket(&row.ticket(Vec::new()), office.zone, first_tick)
}

fn of_notice(read: &mut Read<'_>, row: &NoticeRow, office: &Office, first_tick: Instant) -> Outcome<Facts> {
    let Some(issued_at) = row.issued_at else { return Ok(Facts::new(Subject::Notice, first_tick)) };
    let is_answered = unanswered(read.conn, row.id)?.is_empty();
    Ok(Facts::of_notice(issued_at, row.due_on.filter(|_| !is_answered), office.zone, first_tick))
}

/// The changes that are told, with their units' names.
fn named(read: &mut Read<'_>, look: Look<'_>) -> Outcome<Replanned> {
    let ids: Vec<UnitId> = look.units.iter().flatten().copied().collect();
    let rows = units::by_ids(read.conn, &ids)?;
    let mut found = look.found;
    for (step, unit) in found.first.iter_mut().zip(look.units) {
        step.unit = rows.iter().find(|row| Some(row.id) == unit).map(|row| UnitName {
            id: row.id,
            code: row.code.clone(),
            name: row.name.clone(),
            name_en: row.name_en.clone(),
        });
    }
    Ok(found)
}

impl Look<'_> {
    fn at_tickets(
        &mut self,
        read: &mut Read<'_>,
        mut moved: impl FnMut(&mut Read<'_>, &[TicketRow]) -> Outcome<HashMap<TicketId, TicketRow>>,
    ) -> Outcome<()> {
        let (asked, first_tick) = (self.asked, self.first_tick);
        let mut after: Option<TicketId> = None;
        loop {
            let rows = tickets::in_states(read.conn, &asked.states, after, PAGE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.id);
            let changed = moved(read, &rows)?;
            for row in &rows {
                let facts = of_ticket(row, asked.before, first_tick);
                let other = changed.get(&row.id).map_or(facts, |row| of_ticket(row, asked.after, first_tick));
                if self.at(&facts, &other, Some((&row.reference, Some(row.unit_id)))) {
                    self.found.tickets += 1;
                }
            }
        }
    }

    fn at_notices(&mut self, read: &mut Read<'_>) -> Outcome<()> {
        let mut before: Option<NoticeId> = None;
        loop {
            let rows = notices::list(read.conn, &[NoticeState::Issued], None, before, PAGE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            before = Some(last.id);
            for row in &rows {
                let facts = of_notice(read, row, self.asked.before, self.first_tick)?;
                if self.at(&facts, &facts, Some((&row.code, None))) {
                    self.found.notices += 1;
                }
            }
        }
    }

    /// Compares one subject; does anything about it change?
    fn at(&mut self, before: &Facts, after: &Facts, name: Option<(&str, Option<UnitId>)>) -> bool {
        let mut any = false;
        for (index, (old, new)) in self.asked.rules.iter().enumerate() {
            let held = old.map_or_else(Vec::new, |rule| self.ahead((index, rule), before, Side::Before, None));
            let told_as = old.filter(|old| new.is_some_and(|new| new.series == old.series)).map(|rule| (rule, before));
            let next = new.map_or_else(Vec::new, |rule| self.ahead((index, rule), after, Side::After, told_as));
            if held == next {
                continue;
            }
            let gone: Vec<_> = held.iter().filter(|(_, at)| !next.iter().any(|(_, other)| other == at)).collect();
            let come: Vec<_> = next.iter().filter(|(_, at)| !held.iter().any(|(_, other)| other == at)).collect();
            any |= !(gone.is_empty() && come.is_empty());
            let (mut gone, mut come) = (gone.into_iter(), come.into_iter());
            let Some(rule) = new.or(*old) else { continue };
            loop {
                let (one, other) = (gone.next(), come.next());
                match (one, other) {
                    (None, None) => break,
                    (Some(_), None) => self.found.reminders_removed += 1,
                    (None, Some(_)) => self.found.reminders_added += 1,
                    (Some(_), Some(_)) => self.found.reminders_moved += 1,
                }
                let Some((step, _)) = other.or(one) else { break };
                if self.found.first.len() < SHOWN {
                    self.units.push(name.and_then(|(_, unit)| unit));
                    self.found.first.push(StepChange {
                        subject: before.subject,
                        reference: name.map(|(reference, _)| reference.to_owned()),
                        unit: None,
                        rule: rule.code.clone(),
                        step: *step,
                        at_before: one.map(|(_, at)| *at),
                        at_after: other.map(|(_, at)| *at),
                    });
                }
            }
        }
        any
    }

    /// The rule's steps that are still to be told. Of the same row of steps as before (`told_as`), those that have come
    /// already are not told again.
    fn ahead(
        &mut self,
        (index, rule): (usize, &Rule),
        facts: &Facts,
        side: Side,
        told_as: Option<(&Rule, &Facts)>,
    ) -> Vec<(u16, Instant)> {
        let Some(anchor) = facts.anchor(rule.anchor).filter(|_| rule.is_planned() && speaks(rule, facts)) else {
            return Vec::new();
        };
        let come: Moments = match told_as.and_then(|(rule, facts)| Some((rule, facts.anchor(rule.anchor)?))) {
            Some((rule, held)) if held.version == anchor.version => self.moments((index, rule), held, Side::Before),
            Some(_) | None => Rc::new([]),
        };
        let (now, since, zone) = (self.now, rule.since.unwrap_or(self.now), self.asked.before.zone);
        // A rule of the office's weeks has one step, told each week.
        let week = |at: Instant| (facts.subject == Subject::Office).then(|| local_date(zone, at).iso_week());
        let was = |step: u16, at: Instant, is_due: bool| {
            come.iter().any(|(held, moment)| (*held, week(*moment), *moment <= now) == (step, week(at), is_due))
        };
        let moments = self.moments((index, rule), anchor, side);
        let told = moments.iter().filter(|(step, at)| *at > since && !was(*step, *at, true));
        // What was to come and has come by the change is told at once.
        told.filter(|(step, at)| *at > now || was(*step, *at, false))
            .map(|(step, at)| (*step, (*at).max(now)))
            .collect()
    }

    fn moments(&mut self, (index, rule): (usize, &Rule), anchor: AnchorAt, side: Side) -> Moments {
        let office = match side {
            Side::Before => self.asked.before,
            Side::After => self.asked.after,
        };
        let now = self.now;
        let counted = self.counted.entry((index, anchor.on, side == Side::After));
        let moments = counted.or_insert_with(|| office.planner(&[]).moments(rule, anchor, now).into());
        Rc::clone(moments)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}
