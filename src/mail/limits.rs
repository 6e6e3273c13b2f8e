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
    lines: Mutex<HashMap<String, usize>>,
    freed: Notify,
    minute: Mutex<Minute>,
}

/// Mails of the last minute, and how many there may be.
///
/// A mail counts from its beginning until a minute after its end: so the server never sees more in a minute than the cap,
/// however long a mail was on its way.
#[derive(Debug)]
struct Minute {
    /// 0: no cap.
    cap: usize,
    /// Mails that have begun and not ended.
    under_way: usize,
    /// When the mails of the last minute ended, the oldest first.
    ended: VecDeque<Instant>,
    slow: Option<Slow>,
}

#[derive(Debug, Clone, Copy)]
struct Slow {
    until: Instant,
    cap: usize,
}

impl Minute {
    const fn new(cap: usize) -> Self {
        Self { cap, under_way: 0, ended: VecDeque::new(), slow: None }
    }

    /// How many mails may begin now.
    fn room(&mut self, now: Instant) -> usize {
        while self.ended.front().is_some_and(|end| now.duration_since(*end) >= WINDOW) {
            self.ended.pop_front();
        }
        self.slow = self.slow.filter(|slow| now < slow.until);
        let cap = self.slow.map(|slow| slow.cap).or((self.cap > 0).then_some(self.cap));
        cap.map_or(usize::MAX, |cap| cap.saturating_sub(self.under_way + self.ended.len()))
    }

    /// How long to wait before there can be room.
    fn wait(&self, now: Instant) -> Duration {
        self.ended.front().map_or(Duration::from_millis(50), |end| (*end + WINDOW).saturating_duration_since(now))
    }

    fn begin(&mut self, now: Instant) -> bool {
        let has_room = self.room(now) > 0;
        self.under_way += usize::from(has_room);
        has_room
    }

    fn end(&mut self, now: Instant) {
        self.under_way -= 1;
        self.ended.push_back(now);
        if self.ended.len() > self.cap.max(REMEMBERED) {
            self.ended.pop_front();
        }
    }

    /// Halves the rate, or keeps it halved for longer; answers the new one where it changes.
    fn slow_down(&mut self, now: Instant) -> Option<usize> {
        self.room(now);
        let until = now + SLOW;
        if let Some(slow) = &mut self.slow {
            slow.until = until;
            return None;
        }
        let cap = match self.cap {
            0 => self.under_way.midpoint(self.ended.len()).max(SLOWEST),
            cap => (cap / 2).max(1),
        };
        self.slow = Some(Slow { until, cap });
        Some(cap)
    }
}

impl Limits {
    pub fn new(lines_per_domain: usize, mails_per_minute: usize) -> Arc<Self> {
        let minute = Mutex::new(Minute::new(mails_per_minute));
        Arc::new(Self { lines_per_domain, lines: Mutex::default(), freed: Notify::new(), minute })
    }

    /// How many mails may begin now.
    pub fn room(&self) -> usize {
        held(&self.minute).room(Instant::now())
    }

    /// How long to wait before there can be room.
    pub fn wait(&self) -> Duration {
        held(&self.minute).wait(Instant::now())
    }

    /// One mail's place in the minute; `None` where there is no room.
    pub fn begin(self: &Arc<Self>) -> Option<Turn> {
        held(&self.minute).begin(Instant::now()).then(|| Turn { limits: Arc::clone(self) })
    }

    /// A line to one domain; `None` where as many as may be are taken.
    pub fn line_to(self: &Arc<Self>, domain: &str) -> Option<Line> {
        let mut lines = held(&self.lines);
        let taken = lines.entry(domain.to_owned()).or_default();
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
        if let Some(mails_per_minute) = held(&self.minute).slow_down(Instant::now()) {
            tracing::warn!(
                mails_per_minute,
                reply = outcome.reply,
                "the mail server asks for less: slower for 15 minutes"
            );
        }
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A mail under way.
pub(super) struct Turn {
    limits: Arc<Limits>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        held(&self.limits.minute).end(Instant::now());
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
        let mut lines = held(&self.limits.lines);
        if let Some(taken) = lines.get_mut(&self.domain) {
            *taken -= 1;
            if *taken == 0 {
                lines.remove(&self.domain);
            }
        }
        drop(lines);
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
    use proptest::prelude::*;

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

    proptest! {
        /// Mails of any length over four workers, and the minute as the server counts it: at any moment of a mail's way.
        #[test]
        fn no_minute_ever_sees_more_than_the_cap(
            cap in 1_usize..20, ways in proptest::collection::vec((0_u64..90_000, 0.0..=1.0), 1..120)
        ) {
            let begin = Instant::now();
            let at = |millis: u64| begin + Duration::from_millis(millis);
            let mut minute = Minute::new(cap);
            let mut seen: Vec<Instant> = Vec::new();
            // When each of the four workers is free again; 0: it is.
            let (mut now, mut busy, mut next) = (0, [None::<u64>; 4], ways.iter());
            let mut waiting = next.next();
            while waiting.is_some() {
                for end in &mut busy {
                    if end.is_some_and(|end| end <= now) {
                        minute.end(at(now));
                        *end = None;
                    }
                    if let (None, Some((length, part))) = (*end, waiting) && minute.begin(at(now)) {
                        *end = Some(now + length);
                        seen.push(at(now) + Duration::from_millis(*length).mul_f64(*part));
                        waiting = next.next();
                    }
                }
                now += 100;
            }
            seen.sort();
            for (nth, first) in seen.iter().enumerate() {
                let within = seen[nth..].iter().filter(|at| at.duration_since(*first) < WINDOW).count();
                prop_assert!(within <= cap, "{} of {}", within, cap);
            }
        }
    }

    #[test]
    fn mails_that_take_no_time_go_as_fast_as_they_may() {
        let (begin, mut minute) = (Instant::now(), Minute::new(7));
        let mut now = begin;
        for _ in 0..70 {
            while !minute.begin(now) {
                now += minute.wait(now);
            }
            minute.end(now);
        }
        assert_eq!(now, begin + WINDOW * 9);
    }

    #[test]
    fn a_complaint_halves_the_rate_for_a_quarter_of_an_hour() {
        let (now, mut minute) = (Instant::now(), Minute::new(60));
        assert_eq!(minute.slow_down(now), Some(30));
        assert_eq!(minute.room(now), 30);
        // Complained of again, it stays so for longer, and is not halved anew.
        assert_eq!(minute.slow_down(now + Duration::from_mins(10)), None);
        assert_eq!(minute.room(now + Duration::from_mins(24)), 30);
        assert_eq!(minute.room(now + Duration::from_mins(25)), 60);
    }

    #[test]
    fn without_a_cap_a_complaint_halves_what_went_out_and_stops_nobody() {
        let (now, mut minute) = (Instant::now(), Minute::new(0));
        assert_eq!(minute.slow_down(now), Some(SLOWEST));
        assert_eq!(minute.room(now + SLOW), usize::MAX);
        let now = now + SLOW;
        for _ in 0..100 {
            assert!(minute.begin(now));
            minute.end(now);
        }
        assert_eq!(minute.slow_down(now), Some(50));
        assert!(!minute.begin(now));
        assert_eq!(minute.room(now + WINDOW), 50);
    }

    #[test]
    fn answers_that_ask_for_less_are_heeded_and_others_are_not() {
        let limits = Limits::new(0, 60);
        limits.heed(&answer(DeliveryResult::Retry, 452, "mailbox full"));
        assert_eq!(limits.room(), 60);
        limits.heed(&answer(DeliveryResult::Retry, 451, "later"));
        let turn = limits.begin().unwrap();
        drop(turn);
        assert_eq!(limits.room(), 29);
    }

    #[tokio::test]
    async fn lines_to_a_domain_are_counted_and_waited_for() {
        let limits = Limits::new(2, 0);
        let (first, second) = (limits.line_to("a.cn").unwrap(), limits.line_to("a.cn").unwrap());
        assert!(limits.line_to("a.cn").is_none() && first.leads_to("a.cn"));
        assert!(limits.line_to("b.cn").is_some());
        assert!(limits.line_within("a.cn", Duration::from_millis(20)).await.is_none());
        let (waited, ()) = tokio::join!(limits.line_within("a.cn", Duration::from_secs(1)), async { drop(second) });
        assert!(waited.is_some());
        let free = Limits::new(0, 0);
        let lines: Vec<_> = (0..100).map(|_| free.line_to("a.cn")).collect();
        assert!(lines.iter().all(Option::is_some));
    }
}
