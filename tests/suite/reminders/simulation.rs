//! Years of an office in which everything goes wrong that can: the server refuses, forgets and vanishes, processes die in
//! the middle of a mail, stand still for days and run side by side, people come and go, dates move. Each year is drawn
//! from a number, and is the same year again by it: `RECTIFY_TEST_SEED=17 cargo test --test suite simulation`.
//! `RECTIFY_TEST_SEEDS=10000` runs that many, `RECTIFY_TEST_SEEDS=10000..20000` the next.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, day, drop_leases};
use crate::support::dice::{Dice, number, seeds};
use crate::support::smtp::{At, Does, MailServer};
use chrono::{NaiveDate, TimeDelta};
use rectify::clock::{Clock, Ids};
use rectify::domain::actor::Scope;
use rectify::domain::calendar::{local_date, local_time, start_of_day};
use rectify::domain::id::{FeedbackId, MessageId, SubjectId};
use rectify::domain::instant::Instant;
use rectify::domain::reminder::{Anchor, Facts, MessageKind, MessageState, ReminderState, Subject};
use rectify::domain::ticket::{Command, FeedbackPart};
use rectify::domain::vocabulary::{State, WorkResult};
use rectify::mail::Pauses;
use rectify::reminders::tick;
use rectify::store::ledger::{self, ReminderRow};
use rectify::store::outbox::{self, Claim, MessageFilter, MessageRow};
use rectify::store::{notices, tickets};
use rectify::transaction::World;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

const TICKETS: [&str; 4] = ["2021Q2-F01-01", "2021Q2-F01-02", "2021Q2-F01-03", "2021Q2-F01-04"];
const UNITS: [&str; 2] = [SHUANGQING, DAXIANG];
const PEOPLE: [&str; 5] = ["li", "wang", "chen", "deng", "mayor"];
const BEGIN: &str = "2021-01-04T09:00:00+08:00";
const DAYS: i64 = 365;
/// Years of a run that says nothing else.
const YEARS: u64 = 4;

/// What the mail server does, and what it saw.
struct Weather {
    dice: Dice,
    is_bad: bool,
    /// The next mail that was handed over kills whoever handed it.
    kills: bool,
    /// When each mail was taken or given up, by whom it was for and what was answered.
    seen: Vec<(Instant, String, &'static str)>,
}

struct Year {
    seed: u64,
    dice: Dice,
    bureau: Bureau,
    others: [World; 2],
    server: MailServer,
    settings: Vec<(&'static str, String)>,
    weather: Arc<Mutex<Weather>>,
    killed: Arc<Notify>,
    kills: usize,
    /// When a process died with messages in its hands. PostgreSQL measures leases by its own clock, which nobody sets here.
    died_at: Option<Instant>,
    /// Each ticket's state since when.
    states: BTreeMap<&'static str, Vec<(Instant, State)>>,
    /// Messages judged already.
    judged: HashSet<MessageId>,
}

/// What a year came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Sum {
    events: usize,
    mails: usize,
    copies: usize,
    kills: usize,
    seen: Vec<(Instant, String, &'static str)>,
}

impl Year {
    fn begin(seed: u64) -> Self {
        let clock = Clock::fixed(BEGIN.parse().unwrap());
        let weather =
            Arc::new(Mutex::new(Weather { dice: Dice(seed ^ 0xabcd), is_bad: true, kills: false, seen: Vec::new() }));
        let killed = Arc::new(Notify::new());
        let server = server(&weather, &killed, clock.clone());
        let settings = [server.settings(), vec![("mail.connections", "1".to_owned())]].concat();
        let bureau = Bureau::begin(clock, Ids::seeded(seed), &settings);
        let notice = bureau.notice("2021Q2", "2021-02-26");
        bureau.require(notice.0, &["R01", "R02"], &[SHUANGQING, DAXIANG]);
        let leads: Vec<(String, &str)> = TICKETS
            .iter()
            .zip([SHUANGQING, DAXIANG, SHUANGQING, SHUANGQING])
            .map(|(one, unit)| ((*one).to_owned(), unit))
            .collect();
        bureau.issue(notice, &leads, "2021-02-26");
        let others = [bureau.other_seeded(seed ^ 1), bureau.other_seeded(seed ^ 2)];
        let begun = bureau.clock.now();
        Self {
            seed,
            dice: Dice(seed),
            others,
            server,
            settings,
            weather,
            killed,
            kills: 0,
            died_at: None,
            states: TICKETS.iter().map(|one| (*one, vec![(begun, State::Issued)])).collect(),
            judged: HashSet::new(),
            bureau,
        }
    }

    fn now(&self) -> Instant {
        self.bureau.clock.now()
    }

    fn today(&self) -> NaiveDate {
        local_date(chrono_tz::Asia::Shanghai, self.now())
    }

    /// Whatever the office, its people and its processes do next; then what is due is told.
    async fn go_on(&mut self) {
        let until = self.now().plus(TimeDelta::minutes(i64::try_from(1 + self.dice.below(5 * 24 * 60)).unwrap()));
        // Now and then nobody serves for that long.
        if self.dice.below(8) > 0 {
            self.serve_until(until).await;
        }
        self.move_to(until);
        match self.dice.below(12) {
            0..=7 => self.act(),
            8 | 9 => {
                let is_active = self.dice.below(3) > 0;
                self.bureau.change_person(self.dice.of(&PEOPLE), move |row| row.active = is_active);
            }
            10 => self.die_with_messages(),
            _ => self.weather.lock().unwrap().kills = true,
        }
        self.serve().await;
    }

    async fn serve_until(&mut self, until: Instant) {
        while let Some(due) = self.next_due().filter(|due| *due < until) {
            self.move_to(due);
            self.serve().await;
        }
        self.move_to(until);
        self.serve().await;
    }

    fn move_to(&self, at: Instant) {
        if at > self.now() {
            self.bureau.clock.set(at).unwrap();
        }
    }

    /// When something is to be done next.
    fn next_due(&self) -> Option<Instant> {
        let now = self.now();
        let times: Vec<Option<Instant>> = self.bureau.read(|read| {
            let mut times = vec![ledger::office_next(read.conn)?];
            for reference in TICKETS {
                let row = tickets::find(read.conn, reference, &Scope::All)?;
                times.push(row.and_then(|row| row.next_reminder_at));
            }
            times.push(notices::find_by_key(read.conn, "2021Q2")?.and_then(|row| row.next_reminder_at));
            let states = vec![MessageState::Queued, MessageState::Retry, MessageState::Uncertain];
            let waiting = outbox::list(read.conn, &MessageFilter { states, ..MessageFilter::default() }, None, 200)?;
            times.extend(waiting.into_iter().map(|row| row.next_at));
            Ok(times)
        });
        // What is due already and was left was left for a reason: it is looked at again with whatever comes next.
        times.into_iter().flatten().filter(|at| *at > now).min()
    }

    /// Both processes look; one of them delivers, and may die of it.
    async fn serve(&mut self) {
        if self.died_at.is_some_and(|at| at.plus(TimeDelta::minutes(2)) <= self.now()) {
            self.died_at = None;
            drop_leases(&self.bureau);
        }
        for world in &self.others {
            tick(world).unwrap();
        }
        self.check_steps();
        let was_killed = tokio::select! {
            done = self.bureau.courier.until_idle(Pauses::Ignored) => { done.unwrap(); false }
            () = self.killed.notified() => true,
        };
        if was_killed {
            self.kills += 1;
            self.died_at = Some(self.now());
            self.bureau.restart_courier(&self.settings);
        }
        self.check_sent();
    }

    /// A worker takes some messages and is never heard of again.
    fn die_with_messages(&mut self) {
        self.died_at = Some(self.now());
        self.bureau.write(|tx| {
            let lease = TimeDelta::seconds(120);
            let claim = Claim {
                token: tx.id(),
                now: outbox::Now { office: tx.now, machine: tx.machine_now, is_open: true },
                lease,
                at_most: 3,
                is_rescue: true,
            };
            Ok(outbox::claim(tx.conn, &claim).map(drop)?)
        });
    }

    fn act(&mut self) {
        let reference = self.dice.of(&TICKETS);
        let today = self.today();
        let ahead = today + self.dice.days(1, 40);
        let unit = self.bureau.unit_id(self.dice.of(&UNITS));
        let text = || "说明".to_owned();
        let (login, command, anchor) = match self.dice.below(14) {
            0 | 1 => ("li", Command::Acknowledge { handler: text() }, None),
            2 | 3 => ("li", Command::Feedback(letter(today)), None),
            4 => ("deng", Command::Return { reason: text(), due_on: Some(ahead) }, Some(Anchor::Returned)),
            5 => ("deng", Command::Accept { reason: text() }, Some(Anchor::Accepted)),
            6 => {
                let passed = Command::PassLookBack { method: text(), note: text(), on: today, evidence: Vec::new() };
                ("deng", passed, None)
            }
            7 => {
                let (method, note, evidence) = (text(), text(), Vec::new());
                let failed = Command::FailLookBack { method, note, on: today, evidence, due_on: ahead };
                ("deng", failed, Some(Anchor::Returned))
            }
            8 => ("deng", Command::MoveDueDate { to: ahead, reason: text() }, Some(Anchor::ExtensionDecided)),
            9 => ("chen", Command::Urge { note: None }, Some(Anchor::Urged)),
            10 => ("chen", Command::Reassign { reason: text(), unit, due_on: Some(ahead) }, Some(Anchor::Reassigned)),
            11 => ("deng", Command::Reopen { reason: text(), due_on: ahead }, Some(Anchor::Returned)),
            12 if self.dice.below(4) == 0 => ("deng", Command::Cancel { reason: text() }, Some(Anchor::Cancelled)),
            _ => ("chen", Command::Comment { text: text() }, None),
        };
        // Refused where the state doesn't allow it.
        if self.bureau.try_act(login, reference, command, anchor).is_ok() {
            let since = (self.now(), self.bureau.ticket(reference).state);
            self.states.get_mut(reference).unwrap().push(since);
        }
    }

    /// Every step that has come is on record. That none is twice the database sees to.
    fn check_steps(&self) {
        let missing = self.bureau.read(|read| {
            let planner = read.office.planner(&read.rules);
            let first_tick = ledger::first_tick(read.conn)?.unwrap();
            let mut missing = Vec::new();
            for reference in TICKETS {
                let row = tickets::find(read.conn, reference, &Scope::All)?.unwrap();
                let subject: SubjectId = row.id.into();
                let handled = ledger::handled(read.conn, &[subject])?;
                let facts = Facts::of_ticket(&row.ticket(Vec::new()), read.office.zone, first_tick);
                let owed = planner.owed(&facts, read.now, &|rule, version, index| {
                    handled.contains(&(subject, rule.to_owned(), version, index.into()))
                });
                // What nobody was to be told is written down when the ticket is looked at again.
                missing.extend(owed.due.into_iter().map(|due| due.step));
            }
            Ok(missing)
        });
        assert!(missing.is_empty(), "seed {}, {}: not on record: {missing:?}", self.seed, self.now());
    }

    /// What was sent just now was right to send just now.
    fn check_sent(&mut self) {
        let now = self.now();
        let sent: Vec<(MessageRow, Vec<ReminderRow>)> = self.bureau.read(move |read| {
            let filter = MessageFilter { states: vec![MessageState::Sent], ..MessageFilter::default() };
            let rows = outbox::list(read.conn, &filter, None, 60)?.into_iter().filter(|row| row.sent_at == Some(now));
            let with_lines = |row: MessageRow| Ok((ledger::of_message(read.conn, row.id, 500)?, row));
            rows.map(with_lines).map(|pair| pair.map(|(lines, row)| (row, lines))).collect()
        });
        for (message, lines) in sent {
            if !self.judged.insert(message.id) {
                continue;
            }
            let at = message.sent_at.unwrap();
            let lines: Vec<_> = lines.into_iter().filter(|line| line.state == ReminderState::Sent).collect();
            assert!(!lines.is_empty(), "seed {}: a mail that says nothing: {message:?}", self.seed);
            // What may have arrived already goes again as it is, and soon.
            if message.kind == MessageKind::Digest && message.uncertain == 0 {
                self.check_window(at, &message);
            }
            for line in &lines {
                self.check_line(at, line);
            }
        }
    }

    fn check_window(&self, at: Instant, message: &MessageRow) {
        let zone = chrono_tz::Asia::Shanghai;
        let (on, time) = (local_date(zone, at), local_time(zone, at));
        let office = self.bureau.read(|read| Ok(Arc::clone(&read.office)));
        let is_open = (office.window.0..=office.window.1).contains(&time) && office.calendar.is_working(on);
        assert!(is_open, "seed {}: outside the window at {at}: {message:?}", self.seed);
    }

    /// Its rule speaks in the state in which the ticket was when it was told.
    fn check_line(&self, at: Instant, line: &ReminderRow) {
        assert!(line.step_at <= at, "seed {}: told before its time: {line:?}", self.seed);
        if line.subject_kind != Subject::Ticket {
            return;
        }
        let (id, rule) = (line.subject_id, line.rule.clone());
        let (reference, speaks_in) = self.bureau.read(move |read| {
            let rows = tickets::by_ids(read.conn, &[id.0.into()])?;
            let rule = read.rules.iter().find(|one| one.code == rule).unwrap();
            Ok((rows[0].reference.clone(), rule.states.clone()))
        });
        let states = &self.states[reference.as_str()];
        let state = states.iter().rev().find(|(since, _)| *since <= at).unwrap().1;
        let may_speak = speaks_in.is_empty() || speaks_in.contains(&state);
        assert!(may_speak, "seed {}: told at {at} while {state:?}: {line:?}", self.seed);
    }

    /// A week of calm, in which everything comes to its end; then nothing may be left, lost or doubled.
    async fn end(mut self) -> Sum {
        self.weather.lock().unwrap().is_bad = false;
        self.weather.lock().unwrap().kills = false;
        for _ in 0..14 {
            let tomorrow = self.today().succ_opt().unwrap();
            self.serve_until(start_of_day(chrono_tz::Asia::Shanghai, tomorrow).plus(TimeDelta::hours(9))).await;
        }
        let mut taken: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        let mails = self.server.mails();
        for mail in &mails {
            let id = mail_parser::MessageParser::default().parse(mail).unwrap().message_id().unwrap().to_owned();
            taken.entry(id).or_default().push(mail.clone());
        }
        let rows = self.bureau.read(|read| Ok(outbox::list(read.conn, &MessageFilter::default(), None, 100_000)?));
        let messages = rows.len();
        for row in rows {
            self.check_end(&row, &taken.remove(&format!("rectify.{}@example.cn", row.id)).unwrap_or_default());
        }
        assert!(taken.is_empty(), "seed {}: mails that nobody wrote: {:?}", self.seed, taken.keys());
        let seen = self.weather.lock().unwrap().seen.clone();
        let events = self.states.values().map(Vec::len).sum::<usize>() + seen.len();
        Sum { events, mails: messages, copies: mails.len(), kills: self.kills, seen }
    }

    fn check_end(&self, row: &MessageRow, copies: &[Vec<u8>]) {
        let seed = self.seed;
        // What was queued on the last evening waits for the morning.
        let waits = row.next_at.is_some_and(|at| at > self.now());
        let is_over = matches!(row.state, MessageState::Sent | MessageState::Dead | MessageState::Cancelled);
        assert!(is_over || waits, "seed {seed}: {row:?}");
        assert!(copies.iter().all(|copy| *copy == copies[0]), "seed {seed}: copies of {} differ", row.id);
        let id = row.id;
        let log = self.bureau.read(move |read| Ok(outbox::attempts_of(read.conn, id)?));
        let uncertain = log.iter().filter(|one| one.result == "uncertain").count();
        let refused =
            log.iter().filter(|one| one.phase == "dot" && matches!(one.result.as_str(), "retry" | "dead")).count();
        // The server keeps what it then refuses; one copy more than sent needs a moment at which nobody could know.
        assert!(copies.len() <= refused + 1 + uncertain, "seed {seed}: {} copies after {log:#?}", copies.len());
        let sent = log.iter().filter(|one| one.result == "sent").count();
        assert_eq!(sent, usize::from(row.state == MessageState::Sent), "seed {seed}: {row:?} {log:#?}");
        assert!(sent == 0 || !copies.is_empty(), "seed {seed}: lost: {row:?}");
    }
}

fn letter(today: NaiveDate) -> FeedbackPart {
    FeedbackPart {
        feedback_id: FeedbackId(uuid::Uuid::from_u128(20)),
        cause: "账号闲置".to_owned(),
        measures: "已注销".to_owned(),
        result: WorkResult::Done,
        completed_on: Some(today.min(day("2021-12-31"))),
    }
}

/// A server that misbehaves in one of a few answers while the weather is bad.
fn server(weather: &Arc<Mutex<Weather>>, killed: &Arc<Notify>, clock: Clock) -> MailServer {
    let (weather, killed) = (Arc::clone(weather), Arc::clone(killed));
    MailServer::start(move |at, to, _| {
        let mut weather = weather.lock().unwrap();
        if at == At::Dot && weather.kills {
            weather.kills = false;
            weather.seen.push((clock.now(), to.to_owned(), "kills"));
            killed.notify_one();
            return Does::Stall;
        }
        let drawn = if weather.is_bad { weather.dice.below(40) } else { 39 };
        let (does, word) = match (at, drawn) {
            (At::Greeting, 0) => (Does::Say("421 4.3.2 not now"), "421"),
            (At::Greeting, 1) => (Does::Say("554 5.3.2 never"), "554"),
            (At::Rcpt | At::Dot, 0..=3) => (Does::Say("451 4.3.0 later"), "451"),
            (At::Rcpt, 4) => (Does::Say("550 5.1.1 no such user"), "550"),
            (At::Dot, 4..=6) | (_, 7 | 8) => (Does::Drop, "dropped"),
            (At::Greeting | At::Rcpt | At::Dot, _) => (Does::Behave, "ok"),
        };
        if at == At::Dot || does != Does::Behave {
            weather.seen.push((clock.now(), to.to_owned(), word));
        }
        does
    })
}

fn run(seed: u64) -> Sum {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut year = Year::begin(seed);
        let end = year.now().plus(TimeDelta::days(DAYS));
        while year.now() < end {
            year.go_on().await;
        }
        year.end().await
    })
}

#[test]
fn nothing_is_lost_told_twice_or_told_wrongly_in_any_year() {
    if let Some(seed) = number("RECTIFY_TEST_SEED") {
        println!("{:#?}", run(seed));
        return;
    }
    let years = seeds(YEARS);
    let next = std::sync::atomic::AtomicU64::new(years.start);
    let total = Mutex::new(Sum::default());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= years.end {
                        return;
                    }
                    let sum = run(seed);
                    let mut total = total.lock().unwrap();
                    total.events += sum.events;
                    total.mails += sum.mails;
                    total.copies += sum.copies;
                    total.kills += sum.kills;
                }
            });
        }
    });
    let Sum { events, mails, copies, kills, .. } = total.into_inner().unwrap();
    println!("years {years:?}: {events} events, {mails} mails, {copies} taken by the server, {kills} processes killed");
    assert!(mails > 0 && kills > 0);
}

#[test]
fn a_year_is_the_same_year_again_by_its_number() {
    let (one, again) = (run(7), run(7));
    let differ = one.seen.iter().zip(&again.seen).find(|(one, again)| one != again);
    assert_eq!(differ, None);
    assert!(one == again && !one.seen.is_empty());
}
