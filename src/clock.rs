//! The office's clock and the machine's, and ids drawn from it. The only file that reads the system's time.

use crate::domain::instant::Instant;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// Two times in one: the office's (deadlines, reminders, events), which a sandbox may set, and the machine's (leases,
/// sessions, tokens, idempotency), which it may not. Clones share it.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    /// The office's time follows the system until it is set, then stands still.
    Simulated(Mutex<Option<Instant>>),
    /// Both times stand still together, for tests and replays.
    Fixed(Mutex<Instant>),
}

/// Why a clock can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockFault {
    #[error("this clock follows the system and can't be set")]
    Real,
    #[error("the clock can't go back; it is {now}")]
    Backwards { now: Instant },
}

impl Clock {
    /// The system's time for everything.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A sandbox's clock: the office's time stands at `at`, or follows the system until it is set.
    #[must_use]
    pub fn simulated(at: Option<Instant>) -> Self {
        Self(Arc::new(Source::Simulated(Mutex::new(at))))
    }

    /// Both times stand at `at` and move only when set.
    #[must_use]
    pub fn fixed(at: Instant) -> Self {
        Self(Arc::new(Source::Fixed(Mutex::new(at))))
    }

    /// The office's time.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &*self.0 {
            Source::System => system_now(),
            Source::Simulated(at) => held(at).unwrap_or_else(system_now),
            Source::Fixed(at) => *held(at),
        }
    }

    /// The machine's time, which never stands still outside tests.
    #[must_use]
    pub fn machine_now(&self) -> Instant {
        match &*self.0 {
            Source::System | Source::Simulated(_) => system_now(),
            Source::Fixed(at) => *held(at),
        }
    }

    /// Sets the office's time, which stands still from then on. The same moment again is allowed, an earlier one not.
    pub fn set(&self, at: Instant) -> Result<(), ClockFault> {
        let forward = |now: Instant| if at < now { Err(ClockFault::Backwards { now }) } else { Ok(()) };
        match &*self.0 {
            Source::System => Err(ClockFault::Real),
            Source::Simulated(stands) => {
                let mut stands = held(stands);
                forward(stands.unwrap_or_else(system_now))?;
                *stands = Some(at);
                Ok(())
            }
            Source::Fixed(stands) => {
                let mut stands = held(stands);
                forward(*stands)?;
                *stands = at;
                Ok(())
            }
        }
    }

    /// Does it follow the system for good?
    #[must_use]
    pub fn is_real(&self) -> bool {
        matches!(&*self.0, Source::System)
    }

    /// Where the office's time stands still; `None` while it follows the system.
    #[must_use]
    pub fn stands_at(&self) -> Option<Instant> {
        match &*self.0 {
            Source::System => None,
            Source::Simulated(at) => *held(at),
            Source::Fixed(at) => Some(*held(at)),
        }
    }
}

/// Time since the machine started, asleep or awake: no setting of a clock changes it. Where the system doesn't tell, since
/// it was asked first.
#[must_use]
pub fn uptime() -> Duration {
    static FIRST: OnceLock<tokio::time::Instant> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/uptime").ok();
    let seconds = told.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    seconds.map_or_else(|| FIRST.get_or_init(tokio::time::Instant::now).elapsed(), Duration::from_secs_f64)
}

#[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
fn system_now() -> Instant {
    chrono::Utc::now().into()
}

/// A panic elsewhere leaves these values whole: each is replaced in one step.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws ids (UUIDv7) that rise within the process, also when many fall into one millisecond or a clock goes back, so that
/// rows sort as they were made. Not secret: never use one as a token. Clones share it.
#[derive(Clone, Debug)]
pub struct Ids(Arc<Draw>);

#[derive(Debug)]
struct Draw {
    chance: Chance,
    last: Mutex<Last>,
}

#[derive(Debug)]
enum Chance {
    System(RandomState),
    Seeded(u64),
}

#[derive(Debug, Default)]
struct Last {
    millis: u64,
    /// 42 bits that follow the milliseconds.
    counter: u64,
    drawn: u64,
}

const MILLIS_BITS: u64 = (1 << 48) - 1;
/// A new millisecond starts its counter in the lower half, so that it has room to rise.
const COUNTER_START_BITS: u64 = (1 << 41) - 1;
const COUNTER_BITS: u64 = (1 << 42) - 1;

impl Ids {
    #[must_use]
    pub fn system() -> Self {
        Self::new(Chance::System(RandomState::new()))
    }

    /// The same seed, calls and moments give the same ids, so that a run can be replayed. Only for a new database: after
    /// a restart the same ids come again.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::new(Chance::Seeded(seed))
    }

    fn new(chance: Chance) -> Self {
        Self(Arc::new(Draw { chance, last: Mutex::new(Last::default()) }))
    }

    /// A new id of any kind: `let id: TicketId = ids.draw(now);`
    pub fn draw<T: From<Uuid>>(&self, now: Instant) -> T {
        self.uuid(now).into()
    }

    pub fn uuid(&self, now: Instant) -> Uuid {
        let millis = u64::try_from(now.micros() / 1000).unwrap_or(0) & MILLIS_BITS;
        let mut last = held(&self.0.last);
        last.drawn += 1;
        let chance = self.0.chance.number(last.drawn);
        if millis > last.millis {
            last.millis = millis;
            last.counter = chance & COUNTER_START_BITS;
        } else if last.counter < COUNTER_BITS {
            last.counter += 1;
        } else {
            last.millis += 1;
            last.counter = 0;
        }
        // RFC 9562, section 5.7 and 6.2 method 1: 48 bits of time, version, 12 + 30 bits of counter around the
        // variant, 32 bits of chance.
        let (time, counter) = (u128::from(last.millis), u128::from(last.counter));
        let high = (time << 80) | (0x7 << 76) | ((counter >> 30) << 64);
        let low = (0b10 << 62) | ((counter & 0x3fff_ffff) << 32) | u128::from(chance >> 32);
        Uuid::from_u128(high | low)
    }
}

impl Chance {
    /// The n-th number; with the system's chance nobody outside can foretell it.
    fn number(&self, n: u64) -> u64 {
        match self {
            Self::System(state) => state.hash_one(n),
            // SplitMix64 (Steele, Lea, Flood 2014).
            Self::Seeded(seed) => {
                let z = seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::TicketId;
    use chrono::TimeDelta;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    #[test]
    fn a_sandbox_clock_follows_the_system_until_it_is_set_then_stands() {
        let clock = Clock::simulated(None);
        assert_eq!(clock.stands_at(), None);
        assert!(clock.now() >= clock.now().minus(TimeDelta::seconds(1)));
        let later = clock.now().plus(TimeDelta::days(3));
        clock.clone().set(later).unwrap();
        assert_eq!((clock.now(), clock.stands_at()), (later, Some(later)));
        assert!(clock.machine_now() < later);
        clock.set(later).unwrap();
        let earlier = later.minus(TimeDelta::microseconds(1));
        assert_eq!(clock.set(earlier), Err(ClockFault::Backwards { now: later }));
        assert_eq!(clock.now(), later);
    }

    #[test]
    fn a_sandbox_may_start_in_the_past_but_the_system_clock_cannot_be_set() {
        let start = at("2021-08-16T09:00:00+08:00");
        assert_eq!(Clock::simulated(Some(start)).now(), start);
        assert_eq!(Clock::system().set(start), Err(ClockFault::Real));
        let fixed = Clock::fixed(start);
        assert_eq!((fixed.now(), fixed.machine_now()), (start, start));
    }

    #[test]
    fn ids_rise_even_when_the_clock_goes_back() {
        let ids = Ids::system();
        let now = at("2026-01-01T00:00:00Z");
        let mut drawn: Vec<Uuid> = (0..10_000).map(|_| ids.uuid(now)).collect();
        drawn.push(ids.uuid(now.minus(TimeDelta::days(400))));
        drawn.push(ids.uuid(now.plus(TimeDelta::milliseconds(1))));
        assert!(drawn.is_sorted_by(|a, b| a < b));
        for id in drawn {
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn an_id_tells_its_moment() {
        let now = at("2026-01-01T00:00:00.123Z");
        let (seconds, nanos) = Ids::seeded(1).uuid(now).get_timestamp().unwrap().to_unix();
        assert_eq!((seconds, nanos), (1_767_225_600, 123_000_000));
    }

    #[test]
    fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
        let now = at("2026-01-01T00:00:00Z");
        let draw = |seed| {
            let ids = Ids::seeded(seed);
            [ids.draw::<TicketId>(now), ids.draw(now), ids.draw(now.plus(TimeDelta::hours(1)))]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn two_processes_do_not_draw_the_same() {
        let now = at("2026-01-01T00:00:00Z");
        assert_ne!(Ids::system().uuid(now), Ids::system().uuid(now));
    }
}
