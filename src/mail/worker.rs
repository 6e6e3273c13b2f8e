//! One connection and what goes over it: a claim, its check, one mail after the other. While an outcome is being written
//! down, the next mail's envelope is on its way, but not its content: a worker that dies leaves one mail in doubt, not two.

use super::amend::{Amended, Prepared, amend};
use super::courier::{Delivered, Signals, outbox_now};
use super::draft::{Ready, check};
use super::outcome::{DeliveryResult, Outcome as Delivery};
use super::record::record;
use super::sender::Sender;
use super::transports::{Parcel, Transport, Turn};
use crate::domain::id::{LeaseId, MessageId};
use crate::store::StoreError;
use crate::store::outbox::{self, Claim, Claimed, MessageRow};
use crate::transaction::{Failure, Outcome, World};
use chrono::TimeDelta;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant as Monotonic;

/// Messages of one claim.
pub(super) const BATCH: i64 = 16;
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// So long after it began a lease holds for sure.
const SURE: Duration = Duration::from_secs(90);
const HEARTBEAT: Duration = Duration::from_secs(30);
/// A check that is older than this is made again before the message is sent.
const FRESH: Duration = Duration::from_secs(2);
/// Pauses before an outcome is recorded again, where the database could not take it. It must not be lost: the message
/// would be sent twice.
const RECORD_AGAIN: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

/// An outcome that is being written down.
type Recording = Pin<Box<dyn Future<Output = Outcome<Delivered>> + Send>>;

/// One connection and what goes over it.
pub(super) struct Worker {
    pub world: World,
    pub sender: Arc<Sender>,
    pub signals: Arc<Signals>,
    pub transport: Transport,
    pub at_most: i64,
    pub done: Delivered,
    /// Since when the lease of what it holds runs, at the latest.
    pub leased_at: Monotonic,
}

impl Worker {
    /// Until there is nothing to claim; of a probe one claim.
    pub async fn work(&mut self, is_probe: bool) -> Outcome<()> {
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
                let claim = Claim { token, now: outbox_now(&tx.read()), lease: LEASE, at_most };
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
        let mut recording: Option<Recording> = None;
        // A process that stood still meanwhile has lost its lease, and doesn't send.
        while self.leased_at.elapsed() < SURE {
            let Some(ready) = rest.pop() else { break };
            let waiting: Vec<MessageId> = rest.iter().map(|ready| ready.message.id).collect();
            let Some(delivery) = self.send(&ready, (&waiting, token), &mut recording).await? else { break };
            self.written(&mut recording).await?;
            let is_smooth = delivery.result == DeliveryResult::Sent;
            recording = Some(recorded(self.world.clone(), ready.message, delivery, token));
            if !is_smooth {
                self.written(&mut recording).await?;
            }
            if checked_at.elapsed() > FRESH || self.signals.is_stopped() || self.done.faults > 0 {
                break;
            }
        }
        self.written(&mut recording).await?;
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
        self.leased_at = Monotonic::now();
        let amended: Amended = self.world.write(move |tx| amend(tx, &prepared, token, LEASE)).await?;
        self.done.cancelled += amended.cancelled;
        self.done.dead += amended.dead;
        Ok(parcels.into_iter().flatten().filter(|ready| amended.ready.contains(&ready.message.id)).collect())
    }

    /// Hands one message over, its content not before the outcome that is still being recorded is on disk, and lets the
    /// lease be longer meanwhile. `None` where it was lost: somebody else sends it.
    async fn send(
        &mut self,
        ready: &Ready,
        (waiting, token): (&[MessageId], LeaseId),
        recording: &mut Option<Recording>,
    ) -> Outcome<Option<Delivery>> {
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
        let (open, turn) = Turn::to_come();
        open.send_replace(recording.is_none());
        let lost = {
            let mut delivery = pin!(self.transport.deliver(parcel, turn));
            loop {
                tokio::select! {
                    biased;
                    written = finished(recording) => {
                        self.done += written?;
                        open.send_replace(true);
                    }
                    outcome = &mut delivery => return Ok(Some(outcome)),
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
        Ok(None)
    }

    /// Waits until the outcome that is being recorded, if there is one, is on disk.
    async fn written(&mut self, recording: &mut Option<Recording>) -> Outcome<()> {
        if recording.is_some() {
            self.done += finished(recording).await?;
        }
        Ok(())
    }

    async fn release(&mut self, rows: Vec<MessageRow>, token: LeaseId) -> Outcome<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.world.write(move |tx| Ok(outbox::release(tx.conn, &rows, token)?)).await
    }
}

/// The end of what is being recorded; without anything, never.
async fn finished(recording: &mut Option<Recording>) -> Outcome<Delivered> {
    let Some(under_way) = recording else { return std::future::pending().await };
    let written = under_way.await;
    *recording = None;
    written
}

/// Writes an outcome down, as the very next thing.
fn recorded(world: World, message: MessageRow, delivery: Delivery, token: LeaseId) -> Recording {
    Box::pin(async move {
        let mut pauses = RECORD_AGAIN.iter();
        loop {
            let (row, outcome) = (message.clone(), delivery.clone());
            let recorded = world.write(move |tx| record(tx, &row, &outcome, token)).await;
            match (recorded, pauses.next()) {
                (Ok(done), _) => return Ok(done),
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
    })
}

/// Is it the database's state and not the message's fault?
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Store(StoreError::Busy | StoreError::Unavailable(_)))
}
