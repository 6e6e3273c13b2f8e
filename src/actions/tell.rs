//! Mails that answer a person's act at once: ledger rows and messages, queued in the act's own transaction.

use crate::domain::calendar::start_of_day;
use crate::domain::id::{MessageId, ReminderId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::reminder::{Anchor, Delivery, Facts, Rule, SkipReason, Subject, Told, Who};
use crate::domain::ticket::Ticket;
use crate::domain::words::Lang;
use crate::store::ledger::{self, Cause, ReminderRow};
use crate::store::outbox::{self, NewMessage, digest_key};
use crate::store::recipients::{Addressed, Coordinators, Parties, Recipient, Roster};
use crate::store::{Conn, StoreResult};
use crate::transaction::{Outcome, Read, Tx};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap, HashSet};
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
    let (mut messages, mut rows, mut folded) = (Vec::new(), Vec::new(), Vec::new());
    let mut post = Post::open(tx, told.iter().flatten().flat_map(|(_, people)| people))?;
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
            let message = post.has_room(rule, &person).then(|| tx.id::<MessageId>());
            let row = ReminderRow::queued(tx.id::<ReminderId>(), &cause, &person, message, now);
            if let Some(message) = message {
                messages.push(NewMessage::at_once(message, &rule.code, &person.to, now));
                rows.push(row);
            } else {
                folded.push((person.to, row));
            }
        }
    }
    rows.extend(fold(tx, folded)?);
    tx.has_mail |= !messages.is_empty();
    outbox::insert(tx.conn, &messages)?;
    ledger::insert_new(tx.conn, &rows)?;
    let tickets: Vec<TicketId> = news.iter().map(|one| one.ticket.id).collect();
    Ok(ledger::mark_newest(tx.conn, &tickets)?)
}

/// How many mails of their own people have got today; who has had enough is told the rest in their next digest.
struct Post {
    at_most: Option<i64>,
    sent: HashMap<String, i64>,
}

impl Post {
    fn open<'p>(tx: &mut Tx<'_>, people: impl Iterator<Item = &'p Addressed>) -> Outcome<Self> {
        let at_most = Some(i64::from(tx.office.at_once_a_day)).filter(|at_most| *at_most > 0);
        if at_most.is_none() {
            return Ok(Self { at_most, sent: HashMap::new() });
        }
        let keys: HashSet<&str> = people.map(|person| person.to.key.as_str()).collect();
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let today = start_of_day(tx.office.zone, tx.office.today(tx.now));
        Ok(Self { at_most, sent: outbox::at_once_since(tx.conn, &keys, today)? })
    }

    /// One more today? Somebody who urges wants it told now. A unit that lost a ticket may not see it, so no digest can
    /// say so.
    fn has_room(&mut self, rule: &Rule, person: &Addressed) -> bool {
        let Some(at_most) = self.at_most else { return true };
        let sent = self.sent.entry(person.to.key.clone()).or_default();
        *sent += 1;
        *sent <= at_most || rule.anchor == Anchor::Urged || person.told == Told::FormerUnit
    }
}

/// Puts rows into their readers' digests of the next morning that has a window.
fn fold(tx: &mut Tx<'_>, folded: Vec<(Recipient, ReminderRow)>) -> Outcome<Vec<ReminderRow>> {
    if folded.is_empty() {
        return Ok(Vec::new());
    }
    let tomorrow = tx.office.today(tx.now).succ_opt().unwrap_or(NaiveDate::MAX);
    let rules = Arc::clone(&tx.rules);
    let next_at = tx.office.planner(&rules).next_open(start_of_day(tx.office.zone, tomorrow));
    let on = tx.office.today(next_at);
    let mut fresh: BTreeMap<String, NewMessage> = BTreeMap::new();
    for (to, _) in &folded {
        let key = digest_key(&to.key, on);
        fresh.entry(key).or_insert_with(|| NewMessage::digest(tx.id(), to, on, next_at, tx.now));
    }
    let (open, _) = outbox::open_digests(tx.conn, fresh.into_values().collect())?;
    let placed = folded.into_iter().map(|(to, row)| {
        let message_id = open.get(&digest_key(&to.key, on)).copied();
        ReminderRow { message_id, ..row }
    });
    Ok(placed.collect())
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
