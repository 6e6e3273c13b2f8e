//! One connection and what goes over it: a claim, its check, one mail after the other, each recorded before the next.

use super::amend::{Amended, Prepared, amend};
use super::courier::{Delivered, Signals, outbox_now};
use super::draft::{Ready, check};
use super::limits::{Line, domain_of};
use super::outcome::Outcome as Delivery;
use super::record::record;
use super::sender::Sender;
use super::transports::{Parcel, Transport};
use crate::domain::id::LeaseId;
use crate::store::StoreError;
use crate::store::outbox::{self, Claim, Claimed, MessageRow};
use crate::transaction::{Failure, Outcome, World};
use chrono::TimeDelta;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant as Monotonic;

/// Messages of one claim.
pub(super) const BATCH: i64 = 16;
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// So long after it began a lease holds for sure.
const SURE: Duration = Duration::from_secs(90);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A check that is older than this is made again before the message is sent.
const FRESH: Duration = Duration::from_secs(2);
/// How long to wait for a line to a domain, or for the rate, before the queue is looked at again.
const WAIT: Duration = Duration::from_secs(1);
/// Recipients that are passed over while no line leads to them.
const PASSED_OVER: usize = 64;
/// Pauses before an outcome is recorded again, where the database could not take it. It must not be lost: the message
/// would be sent twice.
const RECORD_AGAIN: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// One connection and what goes over it.
pub(super) struct Worker {
    pub world: World,
    pub sender: Arc<Sender>,
    pub signals: Arc<Signals>,
    pub transport: Transport,
    pub at_most: i64,
    pub rate: Rate,
    pub done: Delivered,
    /// Since when the lease of what it holds runs, at the latest.
    pub leased_at: Monotonic,
    pub lines: Lines,
    /// Held by who claims, and kept by who got a message with which another process died. The others wait for it, though
    /// not for long: where this process dies too, nothing else was in hand that could be to blame.
    pub rescue: Arc<Mutex<()>>,
    /// The channel's fault that one worker met ends the round for all.
    pub is_faulty: Arc<AtomicBool>,
}

/// What a worker does where the rate leaves no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    /// Ends; somebody looks again soon.
    Ends,
    Waits,
    /// In a sandbox's jump.
    Ignored,
}

/// Which domain a worker may send to, and whom it passes over.
#[derive(Default)]
pub(super) struct Lines {
    /// Kept from mail to mail and from claim to claim.
    held: Option<Line>,
    /// A domain whose lines were all taken.
    wanted: Option<String>,
    /// Keys of recipients there.
    passed_over: Vec<String>,
}

impl Worker {
    /// Until there is nothing to claim; of a probe one claim.
    pub async fn work(&mut self, is_probe: bool) -> Outcome<()> {
        let done = self.work_on(is_probe).await;
        self.lines = Lines::default();
        done
    }

    fn is_over(&self) -> bool {
        self.signals.is_stopped() || self.is_faulty.load(Ordering::Relaxed)
    }

    async fn work_on(&mut self, is_probe: bool) -> Outcome<()> {
        while !self.is_over() {
            self.signals.hear(&self.world);
            let room = if self.rate == Rate::Ignored { usize::MAX } else { self.sender.limits.room() };
            if room == 0 {
                if self.rate == Rate::Ends {
                    break;
                }
                tokio::time::sleep(self.sender.limits.wait().min(WAIT)).await;
                continue;
            }
            let rescue = tokio::time::timeout(FRESH, Arc::clone(&self.rescue).lock_owned()).await.ok();
            if self.is_over() {
                break;
            }
            let (token, claimed) = self.claim(room, rescue.is_some()).await?;
            let rescue = rescue.filter(|_| claimed.is_rescue);
            self.done.dead += claimed.poisoned;
            let is_empty = claimed.taken.is_empty() && claimed.poisoned == 0;
            self.batch(claimed.taken, token).await?;
            drop(rescue);
            if is_probe || (is_empty && self.lines.wanted.is_none()) {
                break;
            }
            if is_empty || self.lines.passed_over.len() >= PASSED_OVER {
                self.wait_for_line().await;
            }
        }
        Ok(())
    }

    async fn claim(&mut self, room: usize, is_rescue: bool) -> Outcome<(LeaseId, Claimed)> {
        let at_most = self.at_most.min(i64::try_from(room).unwrap_or(i64::MAX));
        let passed_over = self.lines.passed_over.clone();
        self.world
            .write(move |tx| {
                let token: LeaseId = tx.id();
                let claim = Claim { token, now: outbox_now(&tx.read()), lease: LEASE, at_most, is_rescue };
                Ok((token, outbox::claim_except(tx.conn, &claim, &passed_over)?))
            })
            .await
    }

    /// All that can be sent now is under way with others: until a line is free, or for a second.
    async fn wait_for_line(&mut self) {
        let Lines { wanted, .. } = std::mem::take(&mut self.lines);
        if let Some(domain) = wanted {
            self.lines.held = self.sender.limits.line_within(&domain, WAIT).await;
        }
    }

    /// Is there a line to the recipient's domain? The one to another domain is given up for it.
    fn has_line(&mut self, ready: &Ready) -> bool {
        let domain = domain_of(&ready.to);
        if self.lines.held.as_ref().is_some_and(|line| line.leads_to(&domain)) {
            return true;
        }
        if let Some(line) = self.sender.limits.line_to(&domain) {
            self.lines.held = Some(line);
            return true;
        }
        self.lines.passed_over.push(ready.message.recipient.clone());
        self.lines.wanted = Some(domain);
        false
    }

    /// Checks all messages of a claim at once and sends them one after the other.
    async fn batch(&mut self, messages: Vec<MessageRow>, token: LeaseId) -> Outcome<()> {
        let ready = match self.prepare(messages.clone(), token).await {
            Ok(ready) => ready,
            Err(failure) if is_passing(&failure) => {
                // Where this fails too they are free again when the lease ends.
                let _ = release(&self.world, messages, token).await;
                return Err(failure);
            }
            Err(failure) => {
                tracing::warn!(error = %failure, "messages could not be prepared together; each is prepared alone");
                self.prepare_singly(messages, token).await
            }
        };
        let checked_at = Monotonic::now();
        let mut hand = Hand::new(ready);
        // A process that stood still meanwhile has lost its lease, and doesn't send.
        while self.leased_at.elapsed() < SURE {
            let Some(ready) = hand.next.pop() else { break };
            if !self.has_line(&ready) {
                hand.passed_over.push(ready);
                continue;
            }
            let turn = if self.rate == Rate::Ignored { None } else { self.sender.limits.begin() };
            if turn.is_none() && self.rate != Rate::Ignored {
                hand.next.push(ready);
                break;
            }
            let Some(delivery) = self.send(&ready, &mut hand, token).await else { break };
            drop(turn);
            self.sender.limits.heed(&delivery);
            self.record(ready.message, delivery, token).await?;
            if checked_at.elapsed() > FRESH || self.is_over() {
                break;
            }
        }
        release(&self.world, hand.empty(), token).await
    }

    /// One that is at fault stays behind, held: after three claims it is given up.
    async fn prepare_singly(&mut self, messages: Vec<MessageRow>, token: LeaseId) -> Vec<Ready> {
        let mut ready = Vec::new();
        for message in messages {
            let id = message.id;
            match self.prepare(vec![message], token).await {
                Ok(one) => ready.extend(one),
                Err(failure) => tracing::error!(message.id = %id, error = %failure, "a message can't be prepared"),
            }
        }
        ready
    }

    /// Check, write, note: what may be sent now.
    async fn prepare(&mut self, messages: Vec<MessageRow>, token: LeaseId) -> Outcome<Vec<Ready>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let (world, sender) = (self.world.clone(), Arc::clone(&self.sender));
        let drafts = self.world.read(move |read| check(read, &world, &sender, messages)).await?;
        let now = self.world.clock.now();
        let (domain, sender) = (Arc::clone(&self.world.mail_domain), Arc::clone(&self.sender));
        let written = tokio::task::spawn_blocking(move || {
            drafts.into_iter().map(|draft| draft.write(&sender.templates, &domain, now)).collect::<Vec<_>>()
        });
        let written = written.await.map_err(|fault| StoreError::Panicked(fault.to_string()))?;
        let (prepared, parcels): (Vec<Prepared>, Vec<Option<Ready>>) = written.into_iter().unzip();
        self.leased_at = Monotonic::now();
        let amended: Amended = self.world.write(move |tx| amend(tx, &prepared, token, LEASE)).await?;
        self.done.cancelled += amended.cancelled;
        self.done.dead += amended.dead;
        Ok(parcels.into_iter().flatten().filter(|ready| amended.ready.contains(&ready.message.id)).collect())
    }

    /// Hands one message over, and lets the lease be longer meanwhile. `None` where it was lost: somebody else sends it.
    ///
    /// Where the server takes its time, what else is in hand is given back: it would have to be checked again anyway.
    async fn send(&mut self, ready: &Ready, hand: &mut Hand, token: LeaseId) -> Option<Delivery> {
        let world = self.world.clone();
        let id = ready.message.id;
        let parcel =
            Parcel { message_id: id.0, from: &ready.from, to: &ready.to, date: ready.date, bytes: &ready.bytes };
        {
            let mut delivery = std::pin::pin!(self.transport.deliver(parcel));
            let mut beat = FRESH;
            loop {
                tokio::select! {
                    outcome = &mut delivery => return Some(outcome),
                    () = tokio::time::sleep(beat) => {
                        beat = HEARTBEAT;
                        self.signals.hear(&world);
                        if let Err(error) = release(&world, hand.empty(), token).await {
                            tracing::warn!(%error, "messages could not be given back; they are free when their lease ends");
                        }
                        let held = world
                            .write(move |tx| Ok(outbox::renew(tx.conn, &[id], token, (tx.machine_now, LEASE))?))
                            .await;
                        match held {
                            Ok(held) if held.is_empty() => break,
                            Ok(_) => {}
                            Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
                        }
                    }
                }
            }
        }
        tracing::warn!(message.id = %id, "another worker holds the message; this one lets go");
        self.transport = self.sender.transport();
        None
    }

    /// The outcome, as the very next thing.
    async fn record(&mut self, message: MessageRow, delivery: Delivery, token: LeaseId) -> Outcome<()> {
        self.signals.count(&delivery);
        let mut pauses = RECORD_AGAIN.iter();
        loop {
            let (row, outcome) = (message.clone(), delivery.clone());
            let recorded = self.world.write(move |tx| record(tx, &row, &outcome, token)).await;
            match (recorded, pauses.next()) {
                (Ok(done), _) => {
                    self.done += done;
                    if done.faults > 0 {
                        self.is_faulty.store(true, Ordering::Relaxed);
                    }
                    return Ok(());
                }
                (Err(failure), Some(pause)) if is_passing(&failure) => tokio::time::sleep(*pause).await,
                (Err(failure), _) => {
                    tracing::error!(
                        message.id = %message.id, result = %delivery.result, error = %failure,
                        "the outcome of a delivery could not be recorded"
                    );
                    return Err(failure);
                }
            }
        }
    }
}

/// What a worker has claimed and checked and not sent.
struct Hand {
    /// The next one last.
    next: Vec<Ready>,
    passed_over: Vec<Ready>,
}

impl Hand {
    /// One domain after the other, so that lines change hands seldom.
    fn new(mut next: Vec<Ready>) -> Self {
        next.sort_by_cached_key(|ready| domain_of(&ready.to));
        next.reverse();
        Self { next, passed_over: Vec::new() }
    }

    fn empty(&mut self) -> Vec<MessageRow> {
        self.next.drain(..).chain(self.passed_over.drain(..)).map(|ready| ready.message).collect()
    }
}

async fn release(world: &World, rows: Vec<MessageRow>, token: LeaseId) -> Outcome<()> {
    if rows.is_empty() {
        return Ok(());
    }
    world.write(move |tx| Ok(outbox::release(tx.conn, &rows, token)?)).await
}

/// Is it the database's state and not the message's fault?
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(StoreError::Busy | StoreError::Unavailable(_)))
}
