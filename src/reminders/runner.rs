//! The engine running by itself: looks every so often, delivers when there is something to deliver. For `rectify serve`.

use super::vigil::{Vigil, is_believed};
use super::{Pace, Tally, settle_after, tick, tick_at};
use crate::actions::checkpoints;
use crate::clock::uptime;
use crate::domain::instant::Instant;
use crate::mail::{Courier, Pauses, Signals};
use crate::store::StoreError;
use crate::transaction::{Outcome, World};
use chrono::NaiveDate;
use std::sync::{Arc, Mutex as Lock, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Other processes queue mail too, and nobody rings for them.
const POLL: Duration = Duration::from_secs(1);
/// How long a stop waits for the mail that is being sent. What is cut off is sent again when its lease ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// When the engine was last heard of, in the machine's time. For `/readyz` and the desk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// A look at the reminders that went through.
    pub ticked_at: Option<Instant>,
    /// The courier, also while it waits for a slow server.
    pub courier_at: Option<Instant>,
}

/// A running engine. Clones share it.
#[derive(Clone)]
pub struct Runner(Arc<Shared>);

struct Shared {
    world: World,
    courier: Mutex<Courier>,
    signals: Arc<Signals>,
    vigil: Lock<Vigil>,
    /// One look at a time.
    looking: Mutex<()>,
    ticked_at: Lock<Option<Instant>>,
    /// The office's day whose checkpoint is made, here or elsewhere.
    checkpoint_of: Lock<Option<NaiveDate>>,
    stop: watch::Sender<bool>,
    tasks: Lock<Vec<JoinHandle<()>>>,
}

/// Starts looking every `every`, the first time at once, and delivering. Inside a tokio runtime.
#[must_use]
pub fn start(world: World, courier: Courier, every: Duration) -> Runner {
    let shared = Arc::new(Shared {
        world,
        signals: courier.signals(),
        courier: Mutex::new(courier),
        vigil: Lock::default(),
        looking: Mutex::new(()),
        ticked_at: Lock::new(None),
        checkpoint_of: Lock::new(None),
        stop: watch::Sender::new(false),
        tasks: Lock::new(Vec::new()),
    });
    let tasks = vec![
        tokio::spawn(look_again_and_again(Arc::clone(&shared), every)),
        tokio::spawn(deliver_again_and_again(Arc::clone(&shared))),
    ];
    *shared.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
    Runner(shared)
}

impl Runner {
    #[must_use]
    pub fn health(&self) -> Health {
        let ticked_at = *self.0.ticked_at.lock().unwrap_or_else(PoisonError::into_inner);
        Health { ticked_at, courier_at: self.0.signals.heard_at() }
    }

    /// Attempts to deliver since the process began: where they ended, how, and how many.
    #[must_use]
    pub fn attempts(&self) -> Vec<(&'static str, &'static str, u64)> {
        self.0.signals.attempts()
    }

    /// A sandbox's jump: `first` (which sets the clock), one look, then deliveries until nothing is left, with nothing of
    /// the engine's own in between.
    pub async fn settle<F>(&self, first: F) -> Outcome<Tally>
    where
        F: FnOnce(&World) -> Outcome<()> + Send + 'static,
    {
        let _looking = self.0.looking.lock().await;
        let mut courier = self.0.courier.lock().await;
        settle_after(&self.0.world, &mut courier, first).await
    }

    /// Ends both after what they are doing; waits a while for it.
    pub async fn stop(&self) {
        self.0.signals.stop();
        // Nobody listens once both have ended.
        let _ = self.0.stop.send(true);
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for mut task in tasks {
            if timeout(PATIENCE, &mut task).await.is_err() {
                tracing::warn!("a mail is still being sent; it is sent again when its lease ends");
                task.abort();
            }
        }
    }
}

async fn look_again_and_again(shared: Arc<Shared>, every: Duration) {
    let mut stop = shared.stop.subscribe();
    let mut times = interval(every);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = times.tick() => {}
            _ = stop.wait_for(|is_stopped| *is_stopped) => return,
        }
        let _looking = shared.looking.lock().await;
        let looking = Arc::clone(&shared);
        let looked = tokio::task::spawn_blocking(move || looking.look()).await;
        match looked.unwrap_or_else(|fault| Err(StoreError::Panicked(fault.to_string()).into())) {
            Ok(tally) => {
                let now = Some(shared.world.clock.machine_now());
                *shared.ticked_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
                if tally != Tally::default() {
                    tracing::info!(
                        reminders.planned = tally.planned,
                        reminders.lines = tally.lines,
                        reminders.skipped = tally.skipped,
                        "looked at what is due"
                    );
                }
            }
            Err(error) => tracing::error!(%error, "looking at what is due failed; it is tried again"),
        }
    }
}

impl Shared {
    /// A look at a server's pace, unless the clock is not to be believed. A sandbox's is set by hand: it is.
    fn look(&self) -> Outcome<Tally> {
        let clock = &self.world.clock;
        if !clock.is_real() {
            let tally = tick(&self.world);
            self.make_checkpoint();
            return tally;
        }
        let (now, uptime) = (clock.now(), uptime());
        let passed = self.vigil().passed(uptime);
        if !is_believed(&self.world, passed)? {
            return Ok(Tally::default());
        }
        self.vigil().believe(now, uptime);
        self.world.mail_bell.notify_one();
        let tally = tick_at(&self.world, Pace::Steady);
        self.make_checkpoint();
        tally
    }

    /// The day's, with the first look of a day. Reminders don't wait for it.
    fn make_checkpoint(&self) {
        let today = self.world.today();
        let mut made = self.checkpoint_of.lock().unwrap_or_else(PoisonError::into_inner);
        if *made == Some(today) {
            return;
        }
        match checkpoints::make_daily(&self.world) {
            Ok(_) => *made = Some(today),
            Err(error) => tracing::error!(%error, "the record's checkpoint was not made; it is tried again"),
        }
    }

    /// May mail leave? Not before the clock was believed once, and not while it shows a time that can't be.
    fn may_deliver(&self) -> bool {
        let clock = &self.world.clock;
        !clock.is_real() || self.vigil().trusts(clock.now(), uptime())
    }

    fn vigil(&self) -> MutexGuard<'_, Vigil> {
        self.vigil.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver_again_and_again(shared: Arc<Shared>) {
    let mut stop = shared.stop.subscribe();
    loop {
        if shared.may_deliver() {
            let mut courier = shared.courier.lock().await;
            if let Err(error) = courier.until_idle(Pauses::Kept).await {
                tracing::error!(%error, "delivering mail failed; it is tried again");
            }
        }
        tokio::select! {
            () = shared.world.mail_bell.notified() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stop.wait_for(|is_stopped| *is_stopped) => break,
        }
    }
    shared.courier.lock().await.close().await;
}
