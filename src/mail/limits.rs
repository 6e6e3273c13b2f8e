//! How much may leave at once, and in a minute, over all workers of this process: lines to one recipient domain, the rate,
//! and the slower rate that a server asks for. For the worker.

use super::outcome::{DeliveryResult, Outcome};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// What the rate is counted in.
const WINDOW: Duration = Duration::from_mins(1);
/// How long a server's complaint is heeded.
const SLOW: Duration = Duration::from_mins(15);
/// Without a cap, half of what went out in the last minute is the rate, but one put-off mail must not stop all others.
const SLOWEST: usize = 10;
/// Ends of mails that are remembered where no cap asks for more.
const REMEMBERED: usize = 10_000;

/// The limits and what they are counted from.
#[derive(Debug)]
pub(super) struct Limits {
    /// 0: no limit.
    lines_per_domain: usize,
    /// 0: no cap.
    mails_per_minute: usize,
    counts: Mutex<Counts>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    lines: HashMap<String, usize>,
    /// Mails that have begun and not ended.
    under_way: usize,
    /// When the mails of the last minute ended, the oldest first.
    ended: VecDeque<Instant>,
    slow: Option<Slow>,
}

#[derive(Debug, Clone, Copy)]
struct Slow {
    until: Instant,
    mails_per_minute: usize,
}

impl Counts {
    fn forget_the_old(&mut self, now: Instant) {
        while self.ended.front().is_some_and(|end| now.duration_since(*end) >= WINDOW) {
            self.ended.pop_front();
        }
        if self.slow.is_some_and(|slow| slow.until <= now) {
            self.slow = None;
        }
    }

    fn in_window(&self) -> usize {
        self.under_way + self.ended.len()
    }
}

impl Limits {
    pub fn new(lines_per_domain: usize, mails_per_minute: usize) -> Arc<Self> {
        Arc::new(Self { lines_per_domain, mails_per_minute, counts: Mutex::default(), freed: Notify::new() })
    }

    /// How many mails may begin now.
    pub fn room(&self) -> usize {
        let counts = self.counts(Instant::now());
        self.cap(&counts).map_or(usize::MAX, |cap| cap.saturating_sub(counts.in_window()))
    }

    /// How long to wait before there can be room.
    pub fn wait(&self) -> Duration {
        let now = Instant::now();
        let oldest = self.counts(now).ended.front().copied();
        oldest.map_or(Duration::from_millis(50), |end| (end + WINDOW).duration_since(now))
    }

    /// One mail's place in the rate; `None` where there is no room.
    ///
    /// It counts from its beginning until a minute after its end, so that the server never sees more in a minute than the
    /// cap, however long a mail was on its way.
    pub fn begin(self: &Arc<Self>) -> Option<Turn> {
        let mut counts = self.counts(Instant::now());
        if self.cap(&counts).is_some_and(|cap| counts.in_window() >= cap) {
            return None;
        }
        counts.under_way += 1;
        Some(Turn { limits: Arc::clone(self) })
    }

    /// A line to one domain; `None` where as many as may be are taken.
    pub fn line_to(self: &Arc<Self>, domain: &str) -> Option<Line> {
        let mut counts = self.counts(Instant::now());
        let taken = counts.lines.entry(domain.to_owned()).or_default();
        if self.lines_per_domain > 0 && *taken >= self.lines_per_domain {
            return None;
        }
        *taken += 1;
        Some(Line { limits: Arc::clone(self), domain: domain.to_owned() })
    }

    /// As `line_to`, for whoever can wait for a while.
    pub async fn line_within(self: &Arc<Self>, domain: &str, patience: Duration) -> Option<Line> {
        let free = async {
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                // Listens before it looks: a line that is freed in between is heard.
                freed.as_mut().enable();
                if let Some(line) = self.line_to(domain) {
                    return line;
                }
                freed.await;
            }
        };
        timeout(patience, free).await.ok()
    }

    /// Slows down where the server asks for it.
    pub fn heed(&self, outcome: &Outcome) {
        if !asks_for_less(outcome) {
            return;
        }
        let now = Instant::now();
        let mut counts = self.counts(now);
        let until = now + SLOW;
        let mails_per_minute = match counts.slow {
            Some(slow) => slow.mails_per_minute,
            None if self.mails_per_minute > 0 => (self.mails_per_minute / 2).max(1),
            None => (counts.in_window() / 2).max(SLOWEST),
        };
        if counts.slow.is_none() {
            tracing::warn!(mails_per_minute, reply = outcome.reply, "the mail server asks for less; slower for 15 minutes");
        }
        counts.slow = Some(Slow { until, mails_per_minute });
    }

    fn cap(&self, counts: &Counts) -> Option<usize> {
        counts.slow.map(|slow| slow.mails_per_minute).or((self.mails_per_minute > 0).then_some(self.mails_per_minute))
    }

    fn counts(&self, now: Instant) -> MutexGuard<'_, Counts> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.forget_the_old(now);
        counts
    }
}

/// A mail under way.
pub(super) struct Turn {
    limits: Arc<Limits>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut counts = self.limits.counts(now);
        counts.under_way -= 1;
        counts.ended.push_back(now);
        if counts.ended.len() > self.limits.mails_per_minute.max(REMEMBERED) {
            counts.ended.pop_front();
        }
    }
}

/// One of the lines to a domain, as long as it is held.
pub(super) struct Line {
    limits: Arc<Limits>,
    domain: String,
}

impl Line {
    pub fn leads_to(&self, domain: &str) -> bool {
        self.domain == domain
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut counts = self.limits.counts(Instant::now());
        if let Some(taken) = counts.lines.get_mut(&self.domain) {
            *taken -= 1;
            if *taken == 0 {
                counts.lines.remove(&self.domain);
            }
        }
        drop(counts);
        self.limits.freed.notify_waiters();
    }
}

/// The part of an address that lines are counted by.
pub(super) fn domain_of(address: &str) -> String {
    address.rsplit('@').next().unwrap_or(address).to_ascii_lowercase()
}

/// Did the server put the mail off, or complain of how many there are?
fn asks_for_less(outcome: &Outcome) -> bool {
    if outcome.result == DeliveryResult::Sent {
        return false;
    }
    let reply = outcome.reply.to_lowercase();
    let has_word = |word: &str| reply.split(|c: char| !c.is_alphanumeric()).any(|part| part == word);
    matches!(outcome.code, Some(421 | 450 | 451))
        || reply.contains("频率")
        || reply.contains("too many")
        || has_word("rate")
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Phase;
    use super::*;

    fn answer(result: DeliveryResult, code: u16, reply: &str) -> Outcome {
        Outcome::new(result, Phase::Rcpt, Some(code), reply, "mail.example.cn:25")
    }

    #[test]
    fn a_server_asks_for_less_by_code_or_in_words() {
        let retry = DeliveryResult::Retry;
        for (result, code, reply, asks) in [
            (retry, 450, "greylisted", true),
            (retry, 421, "", true),
            (retry, 451, "try again", true),
            (retry, 452, "mailbox full", false),
            (DeliveryResult::Dead, 550, "发信频率超过限制", true),
            (DeliveryResult::Dead, 550, "Too many messages", true),
            (DeliveryResult::Dead, 554, "5.7.0 Rate limit exceeded", true),
            (DeliveryResult::Dead, 550, "corporate policy", false),
            (DeliveryResult::Sent, 250, "rate 3", false),
        ] {
            assert_eq!(asks_for_less(&answer(result, code, reply)), asks, "{code} {reply}");
        }
    }

    /// Mails of uneven length over four workers, against the same window as a server would count it.
    #[tokio::test(start_paused = true)]
    async fn no_minute_ever_sees_more_than_the_cap() {
        const CAP: usize = 7;
        let limits = Limits::new(0, CAP);
        let seen: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let mut workers = tokio::task::JoinSet::new();
        for worker in 0..4_u64 {
            let (limits, seen) = (Arc::clone(&limits), Arc::clone(&seen));
            workers.spawn(async move {
                for nth in 0..20_u64 {
                    let turn = loop {
                        match limits.begin() {
                            Some(turn) => break turn,
                            None => tokio::time::sleep(limits.wait()).await,
                        }
                    };
                    let took = Duration::from_millis((worker * 7_919 + nth * 104_729) % 30_000);
                    // When the server counts it: anywhere on its way.
                    tokio::time::sleep(took * 2 / 3).await;
                    seen.lock().unwrap().push(Instant::now());
                    tokio::time::sleep(took / 3).await;
                    drop(turn);
                }
            });
        }
        while workers.join_next().await.is_some() {}
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        assert_eq!(seen.len(), 80);
        for (nth, first) in seen.iter().enumerate() {
            let within = seen[nth..].iter().filter(|at| at.duration_since(*first) < WINDOW).count();
            assert!(within <= CAP, "{within}");
        }
        // And no slower than need be: at least half of the cap a minute.
        assert!(seen[79].duration_since(seen[0]) < WINDOW * 80 * 2 / 7);
    }

    #[tokio::test(start_paused = true)]
    async fn a_complaint_halves_the_rate_for_a_quarter_of_an_hour() {
        let limits = Limits::new(0, 60);
        limits.heed(&answer(DeliveryResult::Retry, 452, "mailbox full"));
        assert_eq!(limits.room(), 60);
        limits.heed(&answer(DeliveryResult::Retry, 451, "later"));
        assert_eq!(limits.room(), 30);
        tokio::time::advance(Duration::from_mins(10)).await;
        // Complained of again, it stays so for longer, and is not halved anew.
        limits.heed(&answer(DeliveryResult::Retry, 450, "later"));
        tokio::time::advance(Duration::from_mins(14)).await;
        assert_eq!(limits.room(), 30);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(limits.room(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_cap_a_complaint_halves_what_went_out_and_stops_nobody() {
        let limits = Limits::new(0, 0);
        limits.heed(&answer(DeliveryResult::Retry, 450, "greylisted"));
        assert_eq!(limits.room(), SLOWEST);
        tokio::time::advance(SLOW).await;
        assert_eq!(limits.room(), usize::MAX);
        for _ in 0..100 {
            drop(limits.begin().unwrap());
        }
        limits.heed(&answer(DeliveryResult::Retry, 421, "too fast"));
        assert_eq!((limits.room(), limits.begin().is_none()), (0, true));
        tokio::time::advance(WINDOW).await;
        assert_eq!(limits.room(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_to_a_domain_are_counted_and_waited_for() {
        let limits = Limits::new(2, 0);
        let (first, second) = (limits.line_to("a.cn").unwrap(), limits.line_to("a.cn").unwrap());
        assert!(limits.line_to("a.cn").is_none() && first.leads_to("a.cn"));
        assert!(limits.line_to("b.cn").is_some());
        assert!(limits.line_within("a.cn", Duration::from_secs(1)).await.is_none());
        let (waited, ()) = tokio::join!(limits.line_within("a.cn", Duration::from_secs(1)), async { drop(second) });
        assert!(waited.is_some());
        let free = Limits::new(0, 0);
        let lines: Vec<_> = (0..100).map(|_| free.line_to("a.cn")).collect();
        assert!(lines.iter().all(Option::is_some));
    }
}
