//! Mails that answer a person's act at once: ledger rows and messages, queued in the act's own transaction.

use crate::domain::id::{MessageId, ReminderId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::reminder::{Anchor, Delivery, Facts, Rule, SkipReason, Subject, Told, Who};
use crate::domain::ticket::Ticket;
use crate::domain::words::Lang;
use crate::store::ledger::{self, Cause, ReminderRow};
use crate::store::outbox::{self, NewMessage};
use crate::store::recipients::{Addressed, Coordinators, Parties, Roster};
use crate::store::{Conn, StoreResult};
use crate::transaction::{Outcome, Read, Tx};
use std::sync::Arc;

/// A ticket and the event of its timeline that people are told of.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    pub ticket: &'a Ticket,
    /// The event's number: the ledger's `anchor_version`.
    pub seq: i64,
    /// The unit that led before a reassignment.
    pub former_unit: Option<UnitId>,
}

/// Queues what the rules that answer `anchor` at once say about each piece of news. After the tickets are saved.
pub fn tell(tx: &mut Tx<'_>, anchor: Anchor, news: &[News<'_>]) -> Outcome<()> {
    let (rules, office, now) = (Arc::clone(&tx.rules), Arc::clone(&tx.office), tx.now);
    let about: Vec<About<'_>> = news.iter().map(|one| About { ticket: one.ticket, former: one.former_unit }).collect();
    let told = addressed(tx.conn, (&rules, &office, now), anchor, &about)?;
    if told.is_empty() {
        return Ok(());
    }
    ledger::first_tick_or(tx.conn, now)?;
    let (mut messages, mut rows) = (Vec::new(), Vec::new());
    for (one, rule, people) in
        news.iter().zip(told).flat_map(|(one, told)| told.into_iter().map(move |(rule, people)| (one, rule, people)))
    {
        let cause = Cause {
            subject_kind: Subject::Ticket,
            subject_id: one.ticket.id.into(),
            rule: &rule.code,
            anchor_version: one.seq,
            step: 0,
            at: now,
        };
        if people.is_empty() {
            let audience = roles(rule, one.former_unit).iter().map(|(told, _)| told.as_str()).collect::<Vec<_>>();
            let reason = SkipReason::NoAudience.as_str();
            rows.push(ReminderRow::skipped(tx.id::<ReminderId>(), &cause, audience.join(" "), reason, now));
        }
        for person in people {
            let message = tx.id::<MessageId>();
            messages.push(NewMessage::at_once(message, &rule.code, &person.to, now));
            rows.push(ReminderRow::queued(tx.id::<ReminderId>(), &cause, &person, Some(message), now));
        }
    }
    tx.has_mail |= !messages.is_empty();
    outbox::insert(tx.conn, &messages)?;
    ledger::insert_new(tx.conn, &rows)?;
    let tickets: Vec<TicketId> = news.iter().map(|one| one.ticket.id).collect();
    Ok(ledger::mark_newest(tx.conn, &tickets)?)
}

/// One who would be told of one of the given tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Of the ticket among those given.
    pub index: usize,
    pub rule: String,
    pub one: Addressed,
}

/// Who would be mailed if `anchor` happened to these tickets now: what `tell` queues, without queueing it.
pub fn preview(read: &mut Read<'_>, anchor: Anchor, tickets: &[Ticket]) -> Outcome<Vec<Preview>> {
    let about: Vec<About<'_>> = tickets.iter().map(|ticket| About { ticket, former: None }).collect();
    let told = addressed(read.conn, (&read.rules, &read.office, read.now), anchor, &about)?;
    let told = told.into_iter().enumerate().flat_map(|(index, told)| {
        told.into_iter().flat_map(move |(rule, people)| {
            people.into_iter().map(move |one| Preview { index, rule: rule.code.clone(), one })
        })
    });
    Ok(told.collect())
}

struct About<'a> {
    ticket: &'a Ticket,
    former: Option<UnitId>,
}

/// The rules that speak about a ticket, each with those whom it tells.
type Answers<'r> = Vec<(&'r Rule, Vec<Addressed>)>;

/// For each ticket, in its order. Empty where no rule answers `anchor`.
fn addressed<'r>(
    conn: &mut Conn,
    (rules, office, now): (&'r [Rule], &Office, Instant),
    anchor: Anchor,
    about: &[About<'_>],
) -> StoreResult<Vec<Answers<'r>>> {
    let answers = |rule: &&Rule| rule.active && rule.delivery == Delivery::AtOnce && rule.anchor == anchor;
    let answering: Vec<&Rule> = rules.iter().filter(answers).collect();
    if answering.is_empty() || about.is_empty() {
        return Ok(Vec::new());
    }
    let parties: Vec<Parties> = about.iter().map(About::parties).collect();
    let asks = |rule: &&Rule| rule.addressed(0).iter().any(|(who, _)| *who == Who::Coordinators);
    let coordinators = if answering.iter().any(asks) { Coordinators::Asked } else { Coordinators::NotAsked };
    let units = parties.iter().flat_map(Parties::units);
    let roster = Roster::load(conn, units, coordinators, (office.today(now), Lang::Zh))?;
    let planner = office.planner(rules);
    let told = about.iter().zip(&parties).map(|(one, parties)| {
        let facts = Facts::of_ticket(one.ticket, office.zone, now);
        let speaking = answering.iter().filter(|rule| planner.still_holds(&facts, &rule.code, 0));
        speaking.map(|rule| (*rule, roster.addressed(&roles(rule, one.former), parties))).collect()
    });
    Ok(told.collect())
}

impl About<'_> {
    fn parties(&self) -> Parties {
        Parties {
            lead: Some(self.ticket.unit_id),
            co: self.ticket.co_unit_ids.clone(),
            other: self.former,
            unanswered: Vec::new(),
        }
    }
}

/// Whom the rule tells, and the unit that lost the ticket.
fn roles(rule: &Rule, former: Option<UnitId>) -> Vec<(Told, bool)> {
    let told = rule.addressed(0).into_iter().map(|(who, copy)| (Told::from(who), copy));
    told.chain(former.map(|_| (Told::FormerUnit, false))).collect()
}
