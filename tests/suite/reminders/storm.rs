//! Weeks of an office in which everything goes wrong that can: servers refuse and vanish, workers die, people leave and
//! come back, dates move, looks run side by side. Each run is drawn from a number and can be run again by it.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, drop_leases, messages};
use crate::support::smtp::{At, Does, MailServer};
use chrono::TimeDelta;
use rectify::domain::actor::Scope;
use rectify::domain::reminder::{Anchor, Facts, MessageState, ReminderState};
use rectify::domain::ticket::Command;
use rectify::mail::Pauses;
use rectify::reminders::tick;
use rectify::store::ledger::{self, ReminderFilter};
use rectify::store::outbox::{self, Claim};
use rectify::store::tickets;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const TICKETS: [&str; 4] = ["2021Q2-F01-01", "2021Q2-F01-02", "2021Q2-F01-03", "2021Q2-F01-04"];
const PEOPLE: [&str; 5] = ["li", "wang", "chen", "deng", "mayor"];
const STEPS: usize = 40;
const SEEDS: u64 = 5;

/// Steele, Lea, Flood 2014.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(u64::try_from(all.len()).unwrap())).unwrap()]
    }
}

/// A server that misbehaves in one of three answers, while `weather` is bad.
fn server(seed: u64, weather: &Arc<Mutex<bool>>) -> MailServer {
    let (dice, weather) = (Mutex::new(Dice(seed ^ 0xabcd)), Arc::clone(weather));
    MailServer::start(move |at, _, _| {
        if !*weather.lock().unwrap() {
            return Does::Behave;
        }
        let drawn = dice.lock().unwrap().below(30);
        match (at, drawn) {
            (At::Greeting, 0) => Does::Say("421 4.3.2 not now"),
            (At::Greeting, 1) => Does::Say("554 5.3.2 never"),
            (At::Rcpt | At::Dot, 0..=3) => Does::Say("451 4.3.0 later"),
            (At::Rcpt, 4) => Does::Say("550 5.1.1 no such user"),
            (At::Dot, 4..=6) | (_, 7 | 8) => Does::Drop,
            (At::Greeting | At::Rcpt | At::Dot, _) => Does::Behave,
        }
    })
}

fn act(bureau: &Bureau, dice: &mut Dice) {
    let reference = dice.of(&TICKETS);
    let ahead = TimeDelta::days(i64::try_from(dice.below(20)).unwrap());
    let to = bureau.clock.now().utc().date_naive() + ahead;
    let (login, command, anchor) = match dice.below(6) {
        0 => ("li", Command::Acknowledge { handler: "李".to_owned() }, None),
        1 => ("chen", Command::Urge { note: None }, Some(Anchor::Urged)),
        2 => ("deng", Command::MoveDueDate { to, reason: "延期".to_owned() }, Some(Anchor::ExtensionDecided)),
        3 => ("deng", Command::Cancel { reason: "重复".to_owned() }, Some(Anchor::Cancelled)),
        4 => {
            let unit = bureau.unit_id(dice.of(&[SHUANGQING, DAXIANG]));
            let reassign = Command::Reassign { reason: "属地".to_owned(), unit, due_on: Some(to) };
            ("chen", reassign, Some(Anchor::Reassigned))
        }
        _ => ("li", Command::Comment { text: "已联系。".to_owned() }, None),
    };
    // Refused where the state doesn't allow it.
    let _ = bureau.try_act(login, reference, command, anchor);
}

/// A worker takes some messages and is never heard of again.
fn die_with_messages(bureau: &Bureau) {
    bureau.write(|tx| {
        let lease = TimeDelta::seconds(120);
        let claim = Claim { token: tx.id(), now: tx.now, machine_now: tx.machine_now, lease, at_most: 3 };
        Ok(outbox::claim(tx.conn, &claim).map(drop)?)
    });
}

async fn run(seed: u64) {
    let mut dice = Dice(seed);
    let weather = Arc::new(Mutex::new(true));
    let server = server(seed, &weather);
    let mut bureau = Bureau::with("2021-08-16T09:00:00+08:00", &server.settings());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads: Vec<(String, &str)> = TICKETS
        .iter()
        .zip([SHUANGQING, DAXIANG, SHUANGQING, SHUANGQING])
        .map(|(one, unit)| ((*one).to_owned(), unit))
        .collect();
    bureau.issue(notice, &leads, "2021-08-27");
    let others = [bureau.other_world(), bureau.other_world()];
    for _ in 0..STEPS {
        let hours = i64::try_from(dice.below(30)).unwrap();
        bureau.clock.set(bureau.clock.now().plus(TimeDelta::hours(hours))).unwrap();
        match dice.below(8) {
            0 | 1 => act(&bureau, &mut dice),
            2 => {
                let is_active = dice.below(2) == 0;
                bureau.change_person(dice.of(&PEOPLE), move |row| row.active = is_active);
            }
            3 => die_with_messages(&bureau),
            4 => drop_leases(&bureau),
            _ => {}
        }
        let looks = others.clone().map(|world| std::thread::spawn(move || tick(&world)));
        for look in looks {
            look.join().unwrap().unwrap();
        }
        bureau.courier.until_idle(Pauses::Ignored).await.unwrap();
    }
    // The storm is over: a week of calm, in which everything comes to its end.
    *weather.lock().unwrap() = false;
    for _ in 0..14 {
        bureau.clock.set(bureau.clock.now().plus(TimeDelta::hours(12))).unwrap();
        drop_leases(&bureau);
        tick(&bureau.world).unwrap();
        bureau.courier.until_idle(Pauses::Ignored).await.unwrap();
    }
    judge(seed, &bureau, &server);
}

fn judge(seed: u64, bureau: &Bureau, server: &MailServer) {
    let mut taken: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for mail in server.mails() {
        let id = mail_parser::MessageParser::default().parse(&mail).unwrap().message_id().unwrap().to_owned();
        taken.entry(id).or_default().push(mail);
    }
    let window = bureau.clock.now();
    for row in messages(bureau) {
        // What was queued on the last evening waits for the morning.
        let waits = row.next_at.is_some_and(|at| at > window);
        let is_over = matches!(row.state, MessageState::Sent | MessageState::Dead | MessageState::Cancelled);
        assert!(is_over || waits, "seed {seed}: {row:?}");
        let copies = taken.remove(&format!("rectify.{}@example.cn", row.id)).unwrap_or_default();
        assert!(copies.iter().all(|copy| *copy == copies[0]), "seed {seed}: copies of {} differ", row.id);
        let id = row.id;
        let log = bureau.write(move |tx| Ok(outbox::attempts_of(tx.conn, id)?));
        // The stub keeps what it then refuses: each copy is an attempt that got as far as the dot.
        let reached: usize = log.iter().filter(|one| one.phase == "dot" || one.phase == "unknown").count();
        assert!(copies.len() <= reached, "seed {seed}: {} copies after {log:#?}", copies.len());
        let sent = log.iter().filter(|one| one.result == "sent").count();
        assert_eq!(sent, usize::from(row.state == MessageState::Sent), "seed {seed}: {log:#?}");
        let uncertain = log.iter().filter(|one| one.result == "uncertain" && one.phase == "dot").count();
        assert!(uncertain <= 2, "seed {seed}: {log:#?}");
    }
    assert!(taken.is_empty(), "seed {seed}: mails that nobody wrote: {:?}", taken.keys());
    let rows = bureau.write(|tx| Ok(ledger::list(tx.conn, &ReminderFilter::default(), None, 100_000)?));
    let queued = rows.iter().filter(|row| row.state == ReminderState::Queued).count();
    let waiting = messages(bureau).iter().filter(|row| row.state.is_waiting()).count();
    assert!(queued == 0 || waiting > 0, "seed {seed}: {queued} lines are in no mail");
    for row in rows.iter().filter(|row| row.state == ReminderState::Sent) {
        let message = messages(bureau).into_iter().find(|message| Some(message.id) == row.message_id).unwrap();
        assert_eq!(message.state, MessageState::Sent, "seed {seed}");
    }
    // Every step that has come is on record.
    let missing = bureau.read(move |read| {
        let handled: Vec<_> =
            rows.iter().map(|row| (row.subject_id, row.rule.clone(), row.anchor_version, row.step)).collect();
        let planner = read.office.planner(&read.rules);
        let mut missing = Vec::new();
        for reference in TICKETS {
            let row = tickets::find(read.conn, reference, &Scope::All)?.unwrap();
            let facts =
                Facts::of_ticket(&row.ticket(Vec::new()), read.office.zone, ledger::first_tick(read.conn)?.unwrap());
            let owed = planner.owed(&facts, read.now, &|rule, version, index| {
                handled.contains(&(row.id.into(), rule.to_owned(), version, i32::from(index)))
            });
            missing.extend(owed.due.into_iter().map(|due| due.step));
            missing.extend(owed.skipped.into_iter().map(|(step, _)| step));
        }
        Ok(missing)
    });
    assert!(missing.is_empty(), "seed {seed}: not on record: {missing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_told_twice_whatever_goes_wrong() {
    for seed in 0..SEEDS {
        run(seed).await;
    }
}
