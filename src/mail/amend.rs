//! Writes down what the check found, before anything is sent: lines that fell, their heirs, messages that take another's
//! place, and the bytes of those that have none yet.

use super::check::{Heir, Judged, Verdict};
use crate::domain::id::{LeaseId, MessageId, ReminderId, TicketId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{Delivery, EndReason, MessageKind, MessageState, ReminderState, Subject, Told};
use crate::domain::words::Lang;
use crate::store::ledger::{self, Cause, ReminderRow};
use crate::store::outbox::{self, Fate, Frozen, MessageRow, NewMessage, digest_key};
use crate::store::recipients::{Addressed, Coordinators, Parties, Roster};
use crate::store::tickets;
use crate::transaction::{Outcome, Tx};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A message of which is known what to do.
pub struct Prepared {
    /// As it was before it was claimed.
    pub message: MessageRow,
    pub judged: Judged,
    /// The bytes of a message that had none, or why it can't be written.
    pub written: Option<Result<Frozen, String>>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Amended {
    /// Messages that may be sent now.
    pub ready: Vec<MessageId>,
    /// Lines that fell.
    pub cancelled: usize,
    /// Messages that can't be written.
    pub dead: usize,
}

/// For all messages that are still this token's.
pub fn amend(tx: &mut Tx<'_>, prepared: &[Prepared], token: LeaseId, lease: TimeDelta) -> Outcome<Amended> {
    let ids: Vec<MessageId> = prepared.iter().map(|one| one.message.id).collect();
    let held: BTreeSet<MessageId> = outbox::renew(tx.conn, &ids, token, (tx.machine_now, lease))?.into_iter().collect();
    let mine = || prepared.iter().filter(|one| held.contains(&one.message.id));
    let heirs: Vec<&Heir> = mine().flat_map(|one| &one.judged.heirs).collect();
    // First, as planners do: who holds a ticket may wait for a digest, never the other way round.
    let successors = successors(tx, &heirs)?;
    let replaced: Vec<&Prepared> = mine().filter(|one| one.judged.verdict == Verdict::Replace).collect();
    let digests = open_digests(tx, &successors, &replaced)?;
    let mut amended = Amended::default();
    for one in mine() {
        for (id, reason) in &one.judged.dropped {
            amended.cancelled += ledger::cancel(tx.conn, &[*id], reason.as_str(), tx.now)?;
        }
        match (one.judged.verdict, &one.written) {
            (Verdict::Send, _) => amended.ready.push(one.message.id),
            (Verdict::Drop, _) => end(tx, &one.message, token, MessageState::Cancelled, EndReason::NothingLeft)?,
            (Verdict::Replace, _) => replace(tx, one, token, &digests)?,
            (Verdict::Write, Some(Ok(frozen))) => {
                if outbox::freeze(tx.conn, one.message.id, token, frozen)? {
                    amended.ready.push(one.message.id);
                }
            }
            (Verdict::Write, Some(Err(fault))) => {
                tracing::error!(message.id = %one.message.id, fault, "a mail can't be written");
                end(tx, &one.message, token, MessageState::Dead, EndReason::Unwritable)?;
                ledger::end_lines(
                    tx.conn,
                    one.message.id,
                    ReminderState::Failed,
                    Some(EndReason::Unwritable.as_str()),
                    tx.now,
                )?;
                amended.dead += 1;
            }
            // There was nothing to write: its lines are of a kind that this message can't say.
            (Verdict::Write, None) => {
                end(tx, &one.message, token, MessageState::Cancelled, EndReason::NothingLeft)?;
                let reason = Some(EndReason::NoLongerOwed.as_str());
                amended.cancelled +=
                    ledger::end_lines(tx.conn, one.message.id, ReminderState::Cancelled, reason, tx.now)?;
            }
        }
    }
    tell_successors(tx, successors, &digests)?;
    Ok(amended)
}

/// A message is refused for good: what its reader was to be told as a unit's liaison, the unit's second mailbox and its
/// leader are told. Before its lines are ended.
pub fn fall_back(tx: &mut Tx<'_>, message: &MessageRow) -> Outcome<()> {
    let is_liaisons =
        |row: &ReminderRow| matches!(row.told(), Some(Told::Liaison | Told::CoUnits | Told::UnansweredLiaisons));
    let rows: Vec<ReminderRow> = ledger::queued_of(tx.conn, &[message.id])?.into_iter().filter(is_liaisons).collect();
    let units = rows.iter().filter_map(|row| row.recipient_unit_id);
    let today = tx.office.today(tx.now);
    let roster = Roster::load(tx.conn, units, Coordinators::NotAsked, (today, Lang::Zh))?;
    let heirs: Vec<Heir> = rows
        .into_iter()
        .flat_map(|row| {
            let parties = Parties { other: row.recipient_unit_id, ..Parties::default() };
            roster
                .told(Told::Fallback, &parties)
                .into_iter()
                .map(move |to| Heir { one: Addressed { told: Told::Fallback, copy: row.copy, to }, row: row.clone() })
        })
        .filter(|heir| message.address.as_deref() != Some(heir.one.to.address.as_str()))
        .collect();
    let heirs: Vec<&Heir> = heirs.iter().collect();
    let successors = successors(tx, &heirs)?;
    let digests = open_digests(tx, &successors, &[])?;
    tell_successors(tx, successors, &digests)
}

/// Those heirs who were not told of the step before; their tickets are held until this transaction ends.
fn successors<'h>(tx: &mut Tx<'_>, heirs: &[&'h Heir]) -> Outcome<Vec<&'h Heir>> {
    let tickets: BTreeSet<TicketId> = heirs
        .iter()
        .filter(|heir| heir.row.subject_kind == Subject::Ticket)
        .map(|heir| heir.row.subject_id.0.into())
        .collect();
    for id in tickets {
        tickets::lock_by_id(tx.conn, id)?;
    }
    let mut fresh = Vec::new();
    for heir in heirs {
        if !ledger::told_of_step(tx.conn, &heir.row)?.contains(&heir.one.to.key) {
            fresh.push(*heir);
        }
    }
    Ok(fresh)
}

/// The open digests of today that successors' lines and the rest of replaced digests go into.
fn open_digests(tx: &mut Tx<'_>, successors: &[&Heir], replaced: &[&Prepared]) -> Outcome<BTreeMap<String, MessageId>> {
    let (next_at, now) = (next_open(tx), tx.now);
    let on = tx.office.today(next_at);
    let mut fresh: BTreeMap<String, NewMessage> = BTreeMap::new();
    for one in replaced.iter().filter(|one| one.message.kind == MessageKind::Digest) {
        if let Some(to) = &one.judged.to {
            let new = NewMessage::digest(tx.id(), to, on, next_at, now).replacing(&one.message);
            fresh.entry(digest_key(&to.key, on)).or_insert(new);
        }
    }
    for heir in successors.iter().filter(|heir| is_digested(tx, &heir.row)) {
        let key = digest_key(&heir.one.to.key, on);
        fresh.entry(key).or_insert_with(|| NewMessage::digest(tx.id(), &heir.one.to, on, next_at, now));
    }
    let (open, _) = outbox::open_digests(tx.conn, fresh.into_values().collect())?;
    // Known from here on by their reader.
    Ok(open.into_iter().map(|(key, id)| (key.split('|').next().unwrap_or_default().to_owned(), id)).collect())
}

/// Cancels a message whose bytes no longer hold; what is left of it goes into another.
fn replace(tx: &mut Tx<'_>, one: &Prepared, token: LeaseId, digests: &BTreeMap<String, MessageId>) -> Outcome<()> {
    let Some(to) = &one.judged.to else { return Ok(()) };
    let other = match (one.message.kind, digests.get(&to.key)) {
        (MessageKind::Digest, Some(open)) => *open,
        (MessageKind::Digest | MessageKind::AtOnce, _) => {
            let rule = one.message.rule.as_deref().unwrap_or_default();
            let new = NewMessage::at_once(tx.id(), rule, to, tx.now).replacing(&one.message);
            outbox::insert(tx.conn, std::slice::from_ref(&new))?;
            new.id
        }
    };
    let kept: Vec<ReminderId> = one.judged.keep.iter().map(|row| row.id).collect();
    ledger::move_to(tx.conn, &kept, other, tx.now)?;
    end(tx, &one.message, token, MessageState::Cancelled, EndReason::Replaced)
}

/// Ledger rows and messages for those who are told instead.
fn tell_successors(tx: &mut Tx<'_>, successors: Vec<&Heir>, digests: &BTreeMap<String, MessageId>) -> Outcome<()> {
    let now = tx.now;
    let (mut rows, mut singles, mut marked) = (Vec::new(), Vec::new(), Vec::new());
    for Heir { row, one } in successors {
        let cause = Cause {
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            rule: &row.rule,
            anchor_version: row.anchor_version,
            step: row.step,
            at: row.step_at,
        };
        let digest = digests.get(&one.to.key).filter(|_| is_digested(tx, row));
        let message = digest.copied().unwrap_or_else(|| {
            let id: MessageId = tx.id();
            singles.push(NewMessage::at_once(id, &row.rule, &one.to, now));
            id
        });
        rows.push(ReminderRow::queued(tx.id(), &cause, one, Some(message), now));
        if row.subject_kind == Subject::Ticket {
            marked.push(row.subject_id.0.into());
        }
    }
    tx.has_mail |= !rows.is_empty();
    outbox::insert(tx.conn, &singles)?;
    ledger::insert_new(tx.conn, &rows)?;
    Ok(ledger::mark_newest(tx.conn, &marked)?)
}

fn end(tx: &mut Tx<'_>, message: &MessageRow, token: LeaseId, state: MessageState, reason: EndReason) -> Outcome<()> {
    let fate = Fate {
        state,
        next_at: None,
        reason: Some(reason),
        attempts: message.attempts,
        uncertain: message.uncertain,
        since: message.since,
        sent_at: None,
    };
    outbox::finish(tx.conn, message.id, token, &fate)?;
    Ok(())
}

fn next_open(tx: &Tx<'_>) -> Instant {
    tx.office.planner(&Arc::clone(&tx.rules)).next_open(tx.now)
}

/// Is the row told as a line of a digest?
fn is_digested(tx: &Tx<'_>, row: &ReminderRow) -> bool {
    tx.rule(&row.rule).is_some_and(|rule| rule.delivery == Delivery::Digest)
}
