//! The courier: claims due messages, checks them again, writes them once, sends them and records what came of it.
//!
//! A claim is committed before anything is sent and the outcome is committed right after: a worker that dies in between
//! leaves a lease that runs out, and its message is sent again. No transaction is open while a server is spoken to.

use super::amend::{Amended, Prepared, amend, fall_back};
use super::check::{Dossier, Judged, Verdict};
use super::compose::{Composed, Content, Desk, compose};
use super::message::{Address, Letter, freeze};
use super::outcome::{DeliveryResult, Outcome as Delivery, Phase};
use super::sender::Sender;
use super::transports::{Parcel, Transport};
use crate::domain::id::{LeaseId, MessageId, TicketId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{EndReason, MessageKind, MessageState, ReminderState};
use crate::domain::words::Lang;
use crate::store::outbox::{self, AttemptRow, Claim, Claimed, Fate, Frozen, MessageRow};
use crate::store::{StoreError, ledger};
use crate::transaction::{Failure, Outcome, Read, Tx, World};
use chrono::TimeDelta;
use std::ops::AddAssign;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant as Monotonic;

/// Messages of one claim.
const BATCH: i64 = 16;
const LEASE: TimeDelta = TimeDelta::seconds(120);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A check that is older than this is made again before the message is sent.
const FRESH: Duration = Duration::from_secs(2);
/// Minutes to the next try, after the first, the second …; then every six hours.
const RETRY_MINUTES: [i64; 7] = [1, 5, 15, 30, 60, 120, 240];
const RETRY_MINUTES_AFTER: i64 = 360;
const GIVE_UP_DAYS: i64 = 5;
/// Pauses before an outcome is recorded again, where the database could not take it. It must not be lost: the message
/// would be sent twice.
const RECORD_AGAIN: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// What a round of deliveries came to, in messages; `cancelled` in lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    pub sent: usize,
    pub retried: usize,
    pub uncertain: usize,
    pub dead: usize,
    pub cancelled: usize,
    /// Faults of the channel; the messages wait.
    pub faults: usize,
}

impl AddAssign for Delivered {
    fn add_assign(&mut self, other: Self) {
        self.sent += other.sent;
        self.retried += other.retried;
        self.uncertain += other.uncertain;
        self.dead += other.dead;
        self.cancelled += other.cancelled;
        self.faults += other.faults;
    }
}

/// Does a pause of the channel hold?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pauses {
    Kept,
    /// In a sandbox's jump.
    Ignored,
}

/// Told to the workers from outside, and by them.
#[derive(Debug, Default)]
pub struct Signals {
    stop: AtomicBool,
    /// Microseconds of the machine's time at which a worker was last heard of; 0: never.
    heard_at: AtomicI64,
}

impl Signals {
    /// Lets workers end after the message they are sending.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// When a worker was last heard of, in the machine's time.
    pub fn heard_at(&self) -> Option<Instant> {
        Instant::from_micros(self.heard_at.load(Ordering::Relaxed)).filter(|at| at.micros() > 0)
    }

    fn hear(&self, world: &World) {
        self.heard_at.store(world.clock.machine_now().micros(), Ordering::Relaxed);
    }
}

/// Delivers what is due. Keeps its connections from round to round.
pub struct Courier {
    world: World,
    sender: Arc<Sender>,
    transports: Vec<Transport>,
    signals: Arc<Signals>,
}

impl Courier {
    #[must_use]
    pub fn new(world: World, sender: Sender) -> Self {
        let transports = sender.transports();
        Self { world, sender: Arc::new(sender), transports, signals: Arc::default() }
    }

    #[must_use]
    pub fn signals(&self) -> Arc<Signals> {
        Arc::clone(&self.signals)
    }

    /// Delivers until nothing is due that can be delivered now.
    ///
    /// # Errors
    /// When the database can't be read or written. Messages that were held then are free again when their lease ends.
    pub async fn until_idle(&mut self, pauses: Pauses) -> Outcome<Delivered> {
        let mut total = Delivered::default();
        loop {
            self.signals.hear(&self.world);
            let machine_now = self.world.clock.machine_now();
            let look = self.world.read(move |read| Ok(outbox::look(read.conn, read.now, machine_now)?)).await?;
            let is_paused = look.is_paused() && (pauses == Pauses::Kept || total.faults > 0);
            if !look.is_due || is_paused || self.transports.is_empty() || self.signals.is_stopped() {
                return Ok(total);
            }
            // After a fault one message tries whether the channel works again.
            let is_probe = look.pause.is_some();
            total += self.round(is_probe).await?;
            if total.faults > 0 || !is_probe {
                return Ok(total);
            }
        }
    }

    /// Ends what connections are open.
    pub async fn close(&mut self) {
        for transport in &mut self.transports {
            transport.close().await;
        }
    }

    /// All workers, until there is nothing to claim; of a probe one worker and one message.
    async fn round(&mut self, is_probe: bool) -> Outcome<Delivered> {
        let count = if is_probe { 1 } else { self.transports.len() };
        let mut workers = JoinSet::new();
        for transport in self.transports.drain(..count.min(self.transports.len())) {
            let mut worker = Worker {
                world: self.world.clone(),
                sender: Arc::clone(&self.sender),
                signals: Arc::clone(&self.signals),
                transport,
                at_most: if is_probe { 1 } else { BATCH },
                done: Delivered::default(),
            };
            workers.spawn(async move {
                let ended = worker.work(is_probe).await;
                (worker, ended)
            });
        }
        let (mut total, mut failure) = (Delivered::default(), None);
        while let Some(joined) = workers.join_next().await {
            match joined {
                Ok((worker, ended)) => {
                    total += worker.done;
                    self.transports.push(worker.transport);
                    failure = failure.or(ended.err());
                }
                Err(fault) => {
                    tracing::error!(%fault, "a mail worker ended in a panic");
                    self.transports.push(self.sender.transport());
                }
            }
        }
        match failure {
            // What was delivered is recorded; the rest is free again when its lease ends.
            Some(failure) if total == Delivered::default() => Err(failure),
            Some(failure) => {
                tracing::error!(error = %failure, "a mail worker could not go on");
                Ok(total)
            }
            None => Ok(total),
        }
    }
}

/// One connection and what goes over it.
struct Worker {
    world: World,
    sender: Arc<Sender>,
    signals: Arc<Signals>,
    transport: Transport,
    at_most: i64,
    done: Delivered,
}

/// A message that may be sent now.
struct Ready {
    message: MessageRow,
    from: String,
    to: String,
    bytes: Vec<u8>,
    /// The letter's date.
    date: Instant,
}

impl Worker {
    async fn work(&mut self, is_probe: bool) -> Outcome<()> {
        while !self.signals.is_stopped() && self.done.faults == 0 {
            self.signals.hear(&self.world);
            let (token, claimed) = self.claim().await?;
            self.done.dead += claimed.poisoned;
            if claimed.taken.is_empty() && claimed.poisoned == 0 {
                break;
            }
            self.batch(claimed.taken, token).await?;
            if is_probe {
                break;
            }
        }
        Ok(())
    }

    async fn claim(&mut self) -> Outcome<(LeaseId, Claimed)> {
        let at_most = self.at_most;
        self.world
            .write(move |tx| {
                let token: LeaseId = tx.id();
                let claim = Claim { token, now: tx.now, machine_now: tx.machine_now, lease: LEASE, at_most };
                Ok((token, outbox::claim(tx.conn, &claim)?))
            })
            .await
    }

    /// Checks all messages of a claim at once and sends them one after the other.
    async fn batch(&mut self, messages: Vec<MessageRow>, token: LeaseId) -> Outcome<()> {
        let mut rest = match self.prepare(messages.clone(), token).await {
            Ok(ready) => ready,
            Err(failure) if is_passing(&failure) => {
                // Where this fails too they are free again when the lease ends.
                let _ = self.release(messages, token).await;
                return Err(failure);
            }
            Err(failure) => {
                tracing::warn!(error = %failure, "messages could not be prepared together; each is prepared alone");
                self.prepare_singly(messages, token).await
            }
        };
        let checked_at = Monotonic::now();
        rest.reverse();
        while let Some(ready) = rest.pop() {
            let waiting: Vec<MessageId> = rest.iter().map(|ready| ready.message.id).collect();
            if let Some(delivery) = self.send(&ready, &waiting, token).await {
                self.record(ready.message, delivery, token).await?;
            }
            if checked_at.elapsed() > FRESH || self.signals.is_stopped() || self.done.faults > 0 {
                break;
            }
        }
        self.release(rest.into_iter().map(|ready| ready.message).collect(), token).await
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
        let domain = Arc::clone(&self.world.mail_domain);
        let written = tokio::task::spawn_blocking(move || {
            drafts.into_iter().map(|draft| draft.write(&domain, now)).collect::<Vec<_>>()
        });
        let written = written.await.map_err(|fault| StoreError::Panicked(fault.to_string()))?;
        let (prepared, parcels): (Vec<Prepared>, Vec<Option<Ready>>) = written.into_iter().unzip();
        let amended: Amended = self.world.write(move |tx| amend(tx, &prepared, token, LEASE)).await?;
        self.done.cancelled += amended.cancelled;
        self.done.dead += amended.dead;
        Ok(parcels.into_iter().flatten().filter(|ready| amended.ready.contains(&ready.message.id)).collect())
    }

    /// Hands one message over, and lets the lease be longer meanwhile. `None` where it was lost: somebody else sends it.
    async fn send(&mut self, ready: &Ready, waiting: &[MessageId], token: LeaseId) -> Option<Delivery> {
        let mut ids = waiting.to_vec();
        ids.push(ready.message.id);
        let world = self.world.clone();
        let parcel = Parcel {
            message_id: ready.message.id.0,
            from: &ready.from,
            to: &ready.to,
            date: ready.date,
            bytes: &ready.bytes,
        };
        let lost = {
            let mut delivery = std::pin::pin!(self.transport.deliver(parcel));
            loop {
                tokio::select! {
                    outcome = &mut delivery => return Some(outcome),
                    () = tokio::time::sleep(HEARTBEAT) => {
                        self.signals.hear(&world);
                        let ids = ids.clone();
                        let held = world
                            .write(move |tx| Ok(outbox::renew(tx.conn, &ids, token, (tx.machine_now, LEASE))?))
                            .await;
                        match held {
                            Ok(held) if !held.contains(&ready.message.id) => break ready.message.id,
                            Ok(_) => {}
                            Err(error) => tracing::warn!(%error, "a lease could not be renewed"),
                        }
                    }
                }
            }
        };
        tracing::warn!(message.id = %lost, "another worker holds the message; this one lets go");
        self.transport = self.sender.transport();
        None
    }

    /// The outcome, as the very next thing.
    async fn record(&mut self, message: MessageRow, delivery: Delivery, token: LeaseId) -> Outcome<()> {
        let mut pauses = RECORD_AGAIN.iter();
        loop {
            let (row, outcome) = (message.clone(), delivery.clone());
            let recorded = self.world.write(move |tx| record(tx, &row, &outcome, token)).await;
            match (recorded, pauses.next()) {
                (Ok(done), _) => {
                    self.done += done;
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

    async fn release(&mut self, rows: Vec<MessageRow>, token: LeaseId) -> Outcome<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.world.write(move |tx| Ok(outbox::release(tx.conn, &rows, token)?)).await
    }
}

/// A message that was checked, with what it is to say where it has no bytes yet.
struct Draft {
    message: MessageRow,
    judged: Judged,
    composed: Composed,
    raw: Option<Vec<u8>>,
    from: Address,
}

fn check(read: &mut Read<'_>, world: &World, sender: &Sender, messages: Vec<MessageRow>) -> Outcome<Vec<Draft>> {
    let dossier = Dossier::load(read, &messages, sender.lang)?;
    let desk = Desk { dossier: &dossier, base_url: &world.base_url };
    let mut all = Vec::with_capacity(messages.len());
    for message in messages {
        let judged = dossier.judge(&message);
        let (mut composed, mut raw) = (Composed::default(), None);
        let to = judged.to.clone();
        match (judged.verdict, &to) {
            (Verdict::Write, Some(to)) => composed = compose(read, &desk, &message, &judged, to)?,
            (Verdict::Send, _) => raw = outbox::raw(read.conn, message.id)?,
            (Verdict::Write | Verdict::Replace | Verdict::Drop, _) => {}
        }
        let lang = to.map_or(sender.lang, |to| to.lang);
        all.push(Draft { message, judged, composed, raw, from: from(sender, &dossier, lang) });
    }
    Ok(all)
}

fn from(sender: &Sender, dossier: &Dossier, lang: Lang) -> Address {
    let mut from = sender.from.clone();
    if from.name.is_empty() {
        lang.pick(&dossier.office.name_zh, &dossier.office.name_en).clone_into(&mut from.name);
    }
    from
}

impl Draft {
    /// Its bytes: those it has, or those it gets now. A panic costs this message and no other.
    fn write(self, domain: &str, now: Instant) -> (Prepared, Option<Ready>) {
        let Self { message, judged, composed, raw, from } = self;
        let Composed { content, ticket } = composed;
        let written = match (&content, &judged.to) {
            (Some(content), Some(to)) => {
                let to = Address { name: to.name.clone(), email: to.address.clone() };
                let made = || letter(message.id, content, ticket, (from.clone(), to), (domain, now));
                let made = catch_unwind(AssertUnwindSafe(made));
                Some(made.unwrap_or_else(|_panic| Err("writing it panicked".to_owned())))
            }
            (Some(_) | None, _) => None,
        };
        let bytes = raw.or_else(|| written.as_ref()?.as_ref().ok().map(|frozen| frozen.raw.clone()));
        let to = judged.to.as_ref().map(|to| to.address.clone());
        let ready = bytes.zip(to).map(|(bytes, to)| Ready {
            message: MessageRow { address: Some(to.clone()), ..message.clone() },
            from: from.email.clone(),
            to,
            date: message.rendered_at.unwrap_or(now),
            bytes,
        });
        (Prepared { message, judged, written }, ready)
    }
}

fn letter(
    id: MessageId,
    content: &Content,
    ticket: Option<(TicketId, String)>,
    (from, to): (Address, Address),
    (domain, now): (&str, Instant),
) -> Result<Frozen, String> {
    let rendered = content.render().map_err(|fault| fault.to_string())?;
    let address = to.email.clone();
    let (root, reference) = ticket.map_or((None, None), |(id, reference)| (Some(id), Some(reference)));
    let letter = Letter {
        message_id: id.0,
        domain: domain.to_owned(),
        from,
        to,
        subject: rendered.subject.clone(),
        text: rendered.text,
        html: rendered.html,
        date: now,
        references: root.map(|id| format!("<rectify.ticket.{id}@{domain}>")).into_iter().collect(),
        ticket_reference: reference,
    };
    let raw = freeze(&letter).map_err(|fault| fault.to_string())?;
    Ok(Frozen { address, subject: rendered.subject, raw, at: now })
}

/// Attempt, state and lines in one transaction. Nothing where the message is no longer this token's.
fn record(tx: &mut Tx<'_>, message: &MessageRow, delivery: &Delivery, token: LeaseId) -> Outcome<Delivered> {
    let fate = fate(tx, message, delivery);
    if !outbox::finish(tx.conn, message.id, token, &fate)? {
        tracing::warn!(message.id = %message.id, result = %delivery.result, "an outcome came after the lease had run out");
        return Ok(Delivered::default());
    }
    let attempt = AttemptRow {
        message_id: message.id,
        no: fate.attempts,
        at: tx.now,
        server: delivery.server.clone(),
        phase: delivery.phase.to_string(),
        code: delivery.code.map(i32::from),
        reply: delivery.reply.clone(),
        result: delivery.result.to_string(),
    };
    outbox::insert_attempt(tx.conn, &attempt)?;
    let mut done = Delivered::default();
    match fate.state {
        MessageState::Sent => {
            done.sent = 1;
            ledger::end_lines(tx.conn, message.id, ReminderState::Sent, None, tx.now)?;
        }
        MessageState::Dead => {
            done.dead = 1;
            if fate.reason == Some(EndReason::Refused) {
                fall_back(tx, message)?;
            }
            let reason = fate.reason.map(EndReason::as_str);
            ledger::end_lines(tx.conn, message.id, ReminderState::Failed, reason, tx.now)?;
        }
        MessageState::Retry => done.retried = 1,
        MessageState::Uncertain => done.uncertain = 1,
        MessageState::Queued | MessageState::Sending | MessageState::Held | MessageState::Cancelled => {}
    }
    if is_channel_fault(delivery) {
        done.faults = 1;
        outbox::set_pause(tx.conn, &format!("{}: {}", delivery.phase, delivery.reply), tx.machine_now)?;
    } else if delivery.result == DeliveryResult::Sent && outbox::pause(tx.conn)?.is_some() {
        outbox::end_pause(tx.conn)?;
    }
    Ok(done)
}

/// How the message goes on.
fn fate(tx: &Tx<'_>, message: &MessageRow, delivery: &Delivery) -> Fate {
    let now = tx.now;
    let attempts = message.attempts + 1;
    let since = if message.attempts == 0 { now } else { message.since };
    let is_too_old = now >= since.plus(TimeDelta::days(GIVE_UP_DAYS));
    let fate = |state, next_at, reason| Fate {
        state,
        next_at,
        reason,
        attempts,
        uncertain: message.uncertain,
        since,
        sent_at: None,
    };
    match delivery.result {
        DeliveryResult::Sent => Fate { sent_at: Some(now), ..fate(MessageState::Sent, None, None) },
        DeliveryResult::Dead => fate(MessageState::Dead, None, Some(EndReason::Refused)),
        DeliveryResult::Uncertain if message.uncertain > 0 => {
            fate(MessageState::Dead, None, Some(EndReason::Uncertain))
        }
        DeliveryResult::Uncertain => {
            let wait = TimeDelta::seconds(spread(message.id, attempts, 5 * 60, 30 * 60));
            Fate { uncertain: message.uncertain + 1, ..fate(MessageState::Uncertain, Some(now.plus(wait)), None) }
        }
        DeliveryResult::Retry if is_too_old && !is_channel_fault(delivery) => {
            fate(MessageState::Dead, None, Some(EndReason::GivenUp))
        }
        DeliveryResult::Retry => fate(MessageState::Retry, Some(next_try(tx, message, attempts)), None),
        // As it was: the message is not to blame.
        DeliveryResult::ChannelFault => {
            let state = if message.state == MessageState::Sending { MessageState::Retry } else { message.state };
            fate(state, message.next_at, None)
        }
    }
}

/// Mails that nobody's act caused are tried again within the window.
fn next_try(tx: &Tx<'_>, message: &MessageRow, attempts: i32) -> Instant {
    let nth = usize::try_from(attempts - 1).unwrap_or(0);
    let seconds = RETRY_MINUTES.get(nth).copied().unwrap_or(RETRY_MINUTES_AFTER) * 60;
    let next = tx.now.plus(TimeDelta::seconds(spread(message.id, attempts, seconds * 4 / 5, seconds * 6 / 5)));
    match message.kind {
        MessageKind::AtOnce => next,
        MessageKind::Digest | MessageKind::Weekly => tx.office.planner(&tx.rules).next_open(next),
    }
}

/// Before MAIL nothing has been said of the message: what fails there fails for all of them.
fn is_channel_fault(delivery: &Delivery) -> bool {
    match delivery.result {
        DeliveryResult::ChannelFault => true,
        DeliveryResult::Retry => match delivery.phase {
            Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Starttls | Phase::Tls | Phase::Auth => true,
            Phase::Mail
            | Phase::Rcpt
            | Phase::Data
            | Phase::Body
            | Phase::Dot
            | Phase::Quit
            | Phase::File
            | Phase::None => false,
        },
        DeliveryResult::Sent | DeliveryResult::Dead | DeliveryResult::Uncertain => false,
    }
}

/// A number between two others that differs from message to message and from try to try, so that they don't all come at
/// once, and is the same when the run is replayed.
fn spread(id: MessageId, nth: i32, from: i64, to: i64) -> i64 {
    // SplitMix64's last step (Steele, Lea, Flood 2014) over the random half of the id.
    let (_, low) = id.0.as_u64_pair();
    let z = low ^ u64::try_from(nth).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let span = u64::try_from(to - from + 1).unwrap_or(1).max(1);
    from + i64::try_from((z ^ (z >> 31)) % span).unwrap_or(0)
}

/// Is it the database's state and not the message's fault?
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(StoreError::Busy | StoreError::Unavailable(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn a_spread_stays_between_its_ends_and_is_the_same_again(id: u128, nth in 0..30, from in 0..10_000_i64, span in 0..10_000_i64) {
            let id = MessageId(Uuid::from_u128(id));
            let drawn = spread(id, nth, from, from + span);
            prop_assert!((from..=from + span).contains(&drawn));
            prop_assert_eq!(drawn, spread(id, nth, from, from + span));
        }
    }

    #[test]
    fn tries_of_many_messages_do_not_come_together() {
        let drawn: std::collections::BTreeSet<i64> =
            (0..100).map(|n| spread(MessageId(Uuid::from_u128(n)), 1, 48, 72)).collect();
        assert!(drawn.len() > 20, "{drawn:?}");
    }
}
