//! Before every attempt: does each line of a message still hold, is its reader still the one to be told, and if not, who
//! is. Reads everything that the messages of one claim are about, once.

use crate::domain::id::{MessageId, NoticeId, ReminderId, SubjectId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::reminder::{EndReason, Facts, MessageState, Rule, Subject, Told};
use crate::domain::ticket::Ticket;
use crate::domain::vocabulary::NoticeState;
use crate::domain::words::Lang;
use crate::store::ledger::{self, ReminderRow};
use crate::store::notices::{self, NoticeRow};
use crate::store::outbox::MessageRow;
use crate::store::recipients::{Addressed, Coordinators, Parties, Recipient, Roster, unanswered};
use crate::store::tickets::{self, TicketRow};
use crate::transaction::{Outcome, Read};
use chrono::{Datelike, TimeDelta};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A ticket that lines are about.
pub struct TicketFile {
    pub row: TicketRow,
    pub ticket: Ticket,
}

/// A notice whose requirements lines are about.
pub struct NoticeFile {
    pub row: NoticeRow,
    /// Units that have not answered, with how many requirements.
    pub open: Vec<(UnitId, u32)>,
}

/// Everything that some messages are about, as it is now.
pub struct Dossier {
    pub office: Arc<Office>,
    pub rules: Arc<[Rule]>,
    pub now: Instant,
    pub roster: Roster,
    tickets: HashMap<SubjectId, TicketFile>,
    notices: HashMap<SubjectId, NoticeFile>,
    lines: HashMap<MessageId, Vec<ReminderRow>>,
}

/// A line whose reader has handed over their role, and who is told instead.
#[derive(Debug, Clone)]
pub struct Heir {
    pub row: ReminderRow,
    pub one: Addressed,
}

/// What became of a message's lines.
#[derive(Debug)]
pub struct Judged {
    pub keep: Vec<ReminderRow>,
    pub dropped: Vec<(ReminderId, EndReason)>,
    pub heirs: Vec<Heir>,
    /// The reader of what is kept.
    pub to: Option<Recipient>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its bytes stand.
    Send,
    /// It has no bytes yet.
    Write,
    /// Its bytes say what no longer holds: another message says the rest.
    Replace,
    /// Nothing is left to say.
    Drop,
}

impl Dossier {
    pub fn load(read: &mut Read<'_>, messages: &[MessageRow], lang: Lang) -> Outcome<Self> {
        let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
        let rows = ledger::queued_of(read.conn, &ids)?;
        let tickets = ticket_files(read, &rows)?;
        let notices = notice_files(read, &rows)?;
        let units = tickets.values().flat_map(|file| file.ticket.units());
        let asked = notices.values().flat_map(|file| file.open.iter().map(|(unit, _)| *unit));
        let told_for = rows.iter().filter_map(|row| row.recipient_unit_id);
        let units: BTreeSet<UnitId> = units.chain(asked).chain(told_for).collect();
        let coordinators = if rows.iter().any(|row| may_tell_coordinators(&read.rules, row)) {
            Coordinators::Asked
        } else {
            Coordinators::NotAsked
        };
        let today = read.office.today(read.now);
        let roster = Roster::load(read.conn, units, coordinators, (today, lang))?;
        let mut lines: HashMap<_, Vec<ReminderRow>> = HashMap::new();
        for row in rows {
            if let Some(message) = row.message_id {
                lines.entry(message).or_default().push(row);
            }
        }
        let (office, rules) = (Arc::clone(&read.office), Arc::clone(&read.rules));
        Ok(Self { office, rules, now: read.now, roster, tickets, notices, lines })
    }

    pub fn ticket(&self, id: SubjectId) -> Option<&TicketFile> {
        self.tickets.get(&id)
    }

    pub fn notice(&self, id: SubjectId) -> Option<&NoticeFile> {
        self.notices.get(&id)
    }

    pub fn rule(&self, code: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.code == code)
    }

    /// What a message may still say, to whom.
    pub fn judge(&self, message: &MessageRow) -> Judged {
        let mut judged =
            Judged { keep: Vec::new(), dropped: Vec::new(), heirs: Vec::new(), to: None, verdict: Verdict::Drop };
        for row in self.lines.get(&message.id).into_iter().flatten() {
            match self.reader(row) {
                Ok(to) => {
                    judged.keep.push(row.clone());
                    judged.to.get_or_insert(to);
                }
                Err((reason, heirs)) => {
                    judged.dropped.push((row.id, reason));
                    judged.heirs.extend(heirs.into_iter().map(|one| Heir { row: row.clone(), one }));
                }
            }
        }
        judged.verdict = self.verdict(message, &judged);
        judged
    }

    fn verdict(&self, message: &MessageRow, judged: &Judged) -> Verdict {
        let Some(to) = &judged.to else { return Verdict::Drop };
        let Some(rendered_at) = message.rendered_at else { return Verdict::Write };
        let is_moved = message.address.as_deref() != Some(to.address.as_str());
        let is_old = self.office.today(rendered_at) != self.office.today(self.now);
        // What may have arrived a moment ago is sent again as it is, so that it is known for the same.
        let may_have_come = matches!(message.state, MessageState::Uncertain | MessageState::Sending)
            && self.now < rendered_at.plus(TimeDelta::hours(1));
        if is_moved || (is_old && !may_have_come) || !judged.dropped.is_empty() {
            Verdict::Replace
        } else {
            Verdict::Send
        }
    }

    /// The one that the line is for as they are reached now, or why it falls, and who is told instead.
    fn reader(&self, row: &ReminderRow) -> Result<Recipient, (EndReason, Vec<Addressed>)> {
        let fallen = |reason| Err((reason, Vec::new()));
        let Some((facts, parties)) = self.subject(row) else { return fallen(EndReason::NoLongerOwed) };
        let Some(rule) = self.rule(&row.rule).filter(|rule| rule.active) else { return fallen(EndReason::RuleOff) };
        if !self.office.planner(&self.rules).still_holds(&facts, &row.rule, row.anchor_version) {
            return fallen(EndReason::NoLongerOwed);
        }
        let told = row.told();
        if told == Some(Told::Fallback) && !concerns(&parties, row.recipient_unit_id) {
            return fallen(EndReason::NotInRole);
        }
        for role in told.into_iter().chain(roles(rule, row)) {
            let mut people = self.roster.told(role, &parties).into_iter();
            if let Some(to) = people.find(|one| one.key == row.recipient) {
                return Ok(to);
            }
        }
        let heirs = told.into_iter().flat_map(|told| {
            let people = self.roster.told(told, &parties).into_iter();
            people.map(move |to| Addressed { told, copy: row.copy, to })
        });
        Err((EndReason::NotInRole, heirs.collect()))
    }

    fn subject(&self, row: &ReminderRow) -> Option<(Facts, Parties)> {
        let zone = self.office.zone;
        match row.subject_kind {
            Subject::Ticket => {
                let ticket = &self.ticket(row.subject_id)?.ticket;
                let parties = Parties {
                    lead: Some(ticket.unit_id),
                    co: ticket.co_unit_ids.clone(),
                    other: other(row),
                    ..Parties::default()
                };
                Some((Facts::of_ticket(ticket, zone, self.now), parties))
            }
            Subject::Notice => {
                let file = self.notice(row.subject_id)?;
                let issued_at = file.row.issued_at.filter(|_| file.row.state == NoticeState::Issued)?;
                let due_on = file.row.due_on.filter(|_| !file.open.is_empty());
                let unanswered = file.open.iter().map(|(unit, _)| *unit).collect();
                let facts = Facts::of_notice(issued_at, due_on, zone, self.now);
                Some((facts, Parties { unanswered, other: other(row), ..Parties::default() }))
            }
            // An overview of a week that is over is of no use.
            Subject::Office => {
                let week = self.office.today(self.now).iso_week();
                let is_current = row.anchor_version == i64::from(week.year()) * 100 + i64::from(week.week());
                is_current.then(|| (Facts::of_office(zone, self.now), Parties::default()))
            }
        }
    }
}

/// Other roles in which the rule tells somebody at that step: who lost one may have another.
fn roles(rule: &Rule, row: &ReminderRow) -> Vec<Told> {
    let is_beside = other(row).is_some();
    let told = rule.addressed(Rule::index_of(row.step)).into_iter().map(|(who, _)| Told::from(who));
    told.filter(|_| !is_beside).collect()
}

/// The unit of a line that no part of the rule's audience asked for.
fn other(row: &ReminderRow) -> Option<UnitId> {
    row.recipient_unit_id.filter(|_| matches!(row.told(), Some(Told::FormerUnit | Told::Fallback)))
}

/// Has the unit still to do with the subject?
fn concerns(parties: &Parties, unit: Option<UnitId>) -> bool {
    unit.is_some_and(|unit| {
        parties.lead == Some(unit) || parties.co.contains(&unit) || parties.unanswered.contains(&unit)
    })
}

fn may_tell_coordinators(rules: &[Rule], row: &ReminderRow) -> bool {
    row.told() == Some(Told::Coordinators)
        || rules.iter().filter(|rule| rule.code == row.rule).any(|rule| roles(rule, row).contains(&Told::Coordinators))
}

fn subjects(rows: &[ReminderRow], kind: Subject) -> impl Iterator<Item = SubjectId> {
    let ids: BTreeSet<SubjectId> =
        rows.iter().filter(move |row| row.subject_kind == kind).map(|row| row.subject_id).collect();
    ids.into_iter()
}

fn ticket_files(read: &mut Read<'_>, rows: &[ReminderRow]) -> Outcome<HashMap<SubjectId, TicketFile>> {
    let ids: Vec<TicketId> = subjects(rows, Subject::Ticket).map(|id| id.0.into()).collect();
    let mut files = HashMap::new();
    for chunk in ids.chunks(1_000) {
        let mut co_units: HashMap<TicketId, Vec<UnitId>> = HashMap::new();
        for (ticket, unit) in tickets::co_units_of(read.conn, chunk)? {
            co_units.entry(ticket).or_default().push(unit);
        }
        for row in tickets::by_ids(read.conn, chunk)? {
            let ticket = row.ticket(co_units.remove(&row.id).unwrap_or_default());
            files.insert(row.id.into(), TicketFile { row, ticket });
        }
    }
    Ok(files)
}

fn notice_files(read: &mut Read<'_>, rows: &[ReminderRow]) -> Outcome<HashMap<SubjectId, NoticeFile>> {
    let ids: Vec<NoticeId> = subjects(rows, Subject::Notice).map(|id| id.0.into()).collect();
    let mut files = HashMap::new();
    for row in notices::by_ids(read.conn, &ids)? {
        let open = unanswered(read.conn, row.id)?;
        files.insert(row.id.into(), NoticeFile { row, open });
    }
    Ok(files)
}
