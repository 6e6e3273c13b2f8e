//! The courier: claims due messages, checks them again, writes them once, sends them and records what came of it.
//!
//! A claim is committed before anything is sent and the outcome is committed right after: a worker that dies in between
//! leaves a lease that runs out, and its message is sent again. No transaction is open while a server is spoken to.

use super::outcome::Outcome as Delivery;
use super::sender::Sender;
use super::transports::Transport;
use super::worker::{BATCH, Lines, Rate, Worker};
use crate::domain::instant::Instant;
use crate::store::outbox;
use crate::transaction::{Outcome, Read, World};
use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinSet;

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
    /// Attempts by where they ended and how, since the process began.
    attempts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Signals {
    /// Lets workers end after the message they are sending.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// When a worker was last heard of, in the machine's time.
    pub fn heard_at(&self) -> Option<Instant> {
        Instant::from_micros(self.heard_at.load(Ordering::Relaxed)).filter(|at| at.micros() > 0)
    }

    /// Attempts of this process: phase, result, number.
    pub fn attempts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.iter().map(|((phase, result), count)| (*phase, *result, *count)).collect()
    }

    pub(super) fn count(&self, delivery: &Delivery) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        *attempts.entry((delivery.phase.as_str(), delivery.result.as_str())).or_default() += 1;
    }

    pub(super) fn hear(&self, world: &World) {
        self.heard_at.store(world.clock.machine_now().micros(), Ordering::Relaxed);
    }
}

/// What time it is for the outbox.
pub(super) fn outbox_now(read: &Read<'_>) -> outbox::Now {
    let is_open = read.office.planner(&read.rules).next_open(read.now) == read.now;
    outbox::Now { office: read.now, machine: read.machine_now, is_open }
}

/// Delivers what is due. Keeps its connections from round to round.
pub struct Courier {
    world: World,
    sender: Arc<Sender>,
    transports: Vec<Transport>,
    signals: Arc<Signals>,
    rescue: Arc<tokio::sync::Mutex<()>>,
}

impl Courier {
    #[must_use]
    pub fn new(world: World, sender: Sender) -> Self {
        let transports = sender.transports();
        Self { world, sender: Arc::new(sender), transports, signals: Arc::default(), rescue: Arc::default() }
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
            let look = self
                .world
                .read(|read| {
                    let now = outbox_now(read);
                    Ok(outbox::look(read.conn, now)?)
                })
                .await?;
            let is_paused = look.is_paused() && (pauses == Pauses::Kept || total.faults > 0);
            let rate = self.rate(pauses);
            let is_full = rate == Rate::Ends && self.sender.limits.room() == 0;
            if !look.is_due
                || is_paused
                || is_full
                || look.hold.is_some()
                || self.transports.is_empty()
                || self.signals.is_stopped()
            {
                return Ok(total);
            }
            // After a fault one message tries whether the channel works again.
            let is_probe = look.pause.is_some();
            total += self.round(is_probe, rate).await?;
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

    fn rate(&self, pauses: Pauses) -> Rate {
        match pauses {
            Pauses::Kept => Rate::Ends,
            Pauses::Ignored if self.world.clock.is_real() => Rate::Waits,
            Pauses::Ignored => Rate::Ignored,
        }
    }

    /// All workers, until there is nothing to claim; of a probe one worker and one message.
    async fn round(&mut self, is_probe: bool, rate: Rate) -> Outcome<Delivered> {
        let count = if is_probe { 1 } else { self.transports.len() };
        let is_faulty = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        for transport in self.transports.drain(..count.min(self.transports.len())) {
            let mut worker = Worker {
                world: self.world.clone(),
                sender: Arc::clone(&self.sender),
                signals: Arc::clone(&self.signals),
                transport,
                at_most: if is_probe { 1 } else { BATCH },
                rate,
                done: Delivered::default(),
                leased_at: tokio::time::Instant::now(),
                lines: Lines::default(),
                rescue: Arc::clone(&self.rescue),
                is_faulty: Arc::clone(&is_faulty),
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
