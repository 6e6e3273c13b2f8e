//! What would be sent, to whom and why, in a span of time: the engine's own planner asked ahead. Nothing is written.
//!
//! It goes as a server does that never stops from now on (or from the span's beginning, where that is past): what has been
//! missed by then is told at once, each role by the newest step; from there on every step is told at its own moment.

use crate::domain::actor::Actor;
use crate::domain::id::{SubjectId, TicketId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::reminder::{DueStep, Planner, Subject, Told};
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::queries::reminders::{RecipientOut, RuleName, SubjectOut, rule_name};
use crate::store::ledger::{self, StepKey};
use crate::store::notices::{self, NoticeRow};
use crate::store::recipients::{Recipient, Roster};
use crate::store::tickets::{self, TicketRow};
use crate::store::watched::{self, Watched};
use crate::transaction::{Outcome, Read};
use chrono::{NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest span, in days.
const DAYS_MAX: i64 = 400;
/// Subjects that are read at once.
const PAGE: i64 = 200;
/// Tickets, and notices, that are looked at.
const SUBJECTS_MAX: usize = 5_000;
/// Lines that are kept.
const LINES_MAX: usize = 20_000;
/// Mails that are listed.
const MAILS_MAX: usize = 1_000;

/// From one instant to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    pub from: Instant,
    /// At most 400 days later.
    pub to: Instant,
}

impl Span {
    fn check(self) -> Result<(), Refusal> {
        let last = self.from.plus(TimeDelta::days(DAYS_MAX));
        if self.from <= self.to && self.to <= last {
            return Ok(());
        }
        Err(Refusal::field(Fault::at("/to", Code::FieldOutOfRange).with("min", self.from).with("max", last)))
    }
}

/// What would be sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Rehearsal {
    /// The state of things that it goes by.
    pub as_of: Instant,
    pub from: Instant,
    pub to: Instant,
    /// Mails in all.
    pub total: usize,
    /// Lines of all mails.
    pub lines: usize,
    /// Tickets and notices looked at; only those that have something to tell by then are.
    pub subjects: usize,
    /// There is more to tell than is looked at: take a shorter span.
    pub truncated: bool,
    /// In order of time; at most 1,000.
    pub items: Vec<RehearsedMail>,
}

/// A digest that would be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RehearsedMail {
    pub at: Instant,
    pub recipient: RecipientOut,
    pub lines: Vec<RehearsedLine>,
}

/// One reminder in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RehearsedLine {
    pub subject: SubjectOut,
    pub rule: String,
    #[schema(required = true)]
    pub rule_name: Option<RuleName>,
    /// Of the rule, from 0.
    pub step: u16,
    /// When the step comes, or came.
    pub step_at: Instant,
    /// A ticket's reference, a notice's code; null of the office.
    #[schema(required = true)]
    pub reference: Option<String>,
    #[schema(required = true)]
    pub due_on: Option<NaiveDate>,
    /// As what the recipient is told.
    pub audience: Told,
    pub copy: bool,
}

/// # Errors
/// When the reader is not of the office, or the span ends before it begins or is too long.
pub fn rehearse(read: &mut Read<'_>, actor: &Actor, span: Span) -> Outcome<Rehearsal> {
    actor.require(&Role::OFFICE)?;
    span.check()?;
    let mut stage = Stage::new(read, span)?;
    stage.tickets(read)?;
    stage.notices(read)?;
    stage.office(read)?;
    let total = stage.mails.len();
    let items = stage.mails.into_iter().take(MAILS_MAX);
    Ok(Rehearsal {
        as_of: read.now,
        from: span.from,
        to: span.to,
        total,
        lines: stage.lines,
        subjects: stage.subjects,
        truncated: stage.truncated,
        items: items.map(|((at, _), (to, lines))| RehearsedMail { at, recipient: recipient(to), lines }).collect(),
    })
}

fn recipient(to: Recipient) -> RecipientOut {
    RecipientOut { user_id: to.user_id, unit_id: to.unit_id, name: Some(to.name), address: Some(to.address) }
}

/// Mails by moment and recipient's key.
type Mails = BTreeMap<(Instant, String), (Recipient, Vec<RehearsedLine>)>;

struct Stage {
    span: Span,
    /// When the server that is thought of takes its first look.
    start: Instant,
    first_tick: Instant,
    mails: Mails,
    lines: usize,
    subjects: usize,
    truncated: bool,
}

/// How a subject is named, and its due date.
struct Named {
    reference: Option<String>,
    due_on: Option<NaiveDate>,
}

impl Stage {
    fn new(read: &mut Read<'_>, span: Span) -> Outcome<Self> {
        let start = span.from.min(read.now);
        Ok(Self {
            span,
            start,
            first_tick: ledger::first_tick(read.conn)?.unwrap_or(start),
            mails: Mails::new(),
            lines: 0,
            subjects: 0,
            truncated: false,
        })
    }

    /// Is there no room for more?
    fn is_full(&mut self) -> bool {
        self.truncated |= self.lines >= LINES_MAX || self.subjects >= SUBJECTS_MAX;
        self.truncated
    }

    fn tickets(&mut self, read: &mut Read<'_>) -> Outcome<()> {
        let mut after: Option<(Instant, TicketId)> = None;
        loop {
            let rows = tickets::to_remind(read.conn, self.span.to, after, PAGE)?;
            after = rows.last().and_then(|row| row.next_reminder_at.map(|at| (at, row.id)));
            if after.is_none() || self.is_full() {
                return Ok(());
            }
            let watched = watched::of_tickets(read.conn, &rows, (read.office.zone, self.first_tick))?;
            let named = |row: &TicketRow| Named { reference: Some(row.reference.clone()), due_on: Some(row.due_on) };
            self.tell(read, &watched, &rows.iter().map(named).collect::<Vec<_>>())?;
        }
    }

    fn notices(&mut self, read: &mut Read<'_>) -> Outcome<()> {
        let rows = notices::due_for_reminders(read.conn, self.span.to, PAGE)?;
        self.truncated |= i64::try_from(rows.len()).unwrap_or(PAGE) >= PAGE;
        let mut all = Vec::with_capacity(rows.len());
        for row in &rows {
            all.push(watched::of_notice(read.conn, row, (read.office.zone, self.first_tick))?);
        }
        let named = |row: &NoticeRow| Named { reference: Some(row.code.clone()), due_on: row.due_on };
        self.tell(read, &all, &rows.iter().map(named).collect::<Vec<_>>())
    }

    fn office(&mut self, read: &mut Read<'_>) -> Outcome<()> {
        let office = watched::of_office((read.office.zone, self.first_tick));
        self.tell(read, &[office], &[Named { reference: None, due_on: None }])?;
        // Neither a ticket nor a notice.
        self.subjects -= 1;
        Ok(())
    }

    fn tell(&mut self, read: &mut Read<'_>, watched: &[Watched], named: &[Named]) -> Outcome<()> {
        let (office, rules) = (Arc::clone(&read.office), Arc::clone(&read.rules));
        let planner = office.planner(&rules);
        let ids: Vec<SubjectId> = watched.iter().map(|one| one.id).collect();
        let handled = ledger::handled(read.conn, &ids)?;
        let units: Vec<_> = watched.iter().flat_map(|one| one.parties.units()).collect();
        let mut roster = Roster::load_for_any_day(read.conn, units, (office.today(read.now), Lang::Zh))?;
        for (one, named) in watched.iter().zip(named) {
            self.subjects += 1;
            for (looked_at, at, due) in self.steps(&planner, one, &handled) {
                let roles: Vec<(Told, bool)> = due.send.iter().map(|(who, copy)| (Told::from(*who), *copy)).collect();
                // Who stands in on a day is known today; the engine asks when it looks.
                for person in roster.on(office.today(looked_at)).addressed(&roles, &one.parties) {
                    let line = RehearsedLine {
                        subject: SubjectOut {
                            kind: one.kind,
                            id: (one.kind != Subject::Office).then_some(one.id),
                            reference: named.reference.clone(),
                        },
                        rule_name: rule_name(&rules, &due.step.rule),
                        rule: due.step.rule.clone(),
                        step: due.step.index,
                        step_at: due.step.at,
                        reference: named.reference.clone(),
                        due_on: named.due_on,
                        audience: person.told,
                        copy: person.copy,
                    };
                    let key = (at, person.to.key.clone());
                    self.mails.entry(key).or_insert_with(|| (person.to, Vec::new())).1.push(line);
                    self.lines += 1;
                }
            }
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// What is told of a subject in the span, with the moments of the look that finds it and at which its mail leaves.
    fn steps(
        &self,
        planner: &Planner<'_>,
        one: &Watched,
        handled: &HashSet<StepKey>,
    ) -> Vec<(Instant, Instant, DueStep)> {
        let is_handled = |rule: &str, version: i64, index: u16| {
            handled.contains(&(one.id, rule.to_owned(), version, planner.number(rule, index)))
        };
        let opens = planner.next_open(self.start);
        let missed =
            planner.owed(&one.facts, self.start, &is_handled).due.into_iter().map(|due| (self.start, opens, due));
        let just_before = self.span.from.minus(TimeDelta::microseconds(1));
        let ahead = planner.coming(&one.facts, (just_before.max(self.start), self.span.to), &is_handled);
        let all = missed.chain(ahead.into_iter().map(|due| (due.step.at, due.step.at, due)));
        all.filter(|(_, at, _)| self.span.from <= *at && *at <= self.span.to).collect()
    }
}
