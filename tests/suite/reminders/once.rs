//! Each reminder once: however many look, deliver or die at the same time.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, drop_leases, messages, set_claims};
use crate::support::dice::{Dice, number};
use crate::support::smtp::{Does, MailServer};
use rectify::domain::reminder::{Anchor, MessageState};
use rectify::domain::ticket::Command;
use rectify::mail::{Courier, Pauses, Sender};
use rectify::reminders::{Tally, tick};
use rectify::store::outbox::{self, Claim};
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Child, Command as Program, Stdio};
use std::time::Duration;

/// That many tickets, every third of them Daxiang's.
fn tickets(bureau: &Bureau, count: usize) {
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads: Vec<(String, &str)> =
        (1..=count).map(|n| (format!("2021Q2-F01-{n:03}"), if n % 3 == 0 { DAXIANG } else { SHUANGQING })).collect();
    bureau.issue(notice, &leads, "2021-08-27");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn looks_of_two_processes_at_once_make_one_mail() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    tickets(&bureau, 450);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau.clock.set("2021-08-30T08:30:00+08:00".parse().unwrap()).unwrap();
    let worlds = [bureau.world.clone(), bureau.other_world(), bureau.other_world(), bureau.world.clone()];
    let looks = worlds.map(|world| std::thread::spawn(move || tick(&world).unwrap()));
    let mut total = Tally::default();
    for look in looks {
        total += look.join().unwrap();
    }
    // Liaison, leader, mailbox and two coordinators, in whose digests the overview is.
    let queued = messages(&bureau).into_iter().filter(|row| row.state == MessageState::Queued).count();
    assert_eq!((total.planned, queued), (5, 5), "{total:?}");
    assert_eq!(total.lines, 300 * 2 + 150 + 450 * 2 + 2);
    let sent = bureau.jump("2021-08-30T08:30:00+08:00").await.sent;
    let told: BTreeSet<String> = bureau.told().into_iter().collect();
    assert_eq!(sent, 5);
    assert!(
        told.contains("chen: 每周概览（8月30日至9月5日）：逾期 450 件") && told.contains("li: 逾期 300 件"),
        "{told:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn couriers_of_two_processes_at_once_send_each_mail_once() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    tickets(&bureau, 120);
    let other = bureau.other_world();
    let config = rectify::config::Config::load(bureau.dir.path(), std::iter::empty(), &[]).unwrap();
    let mut courier = Courier::new(other, Sender::from_config(&config, bureau.dir.path()).unwrap());
    let (here, there) = tokio::join!(bureau.courier.until_idle(Pauses::Kept), courier.until_idle(Pauses::Kept));
    assert_eq!(here.unwrap().sent + there.unwrap().sent, 200);
    assert_eq!(bureau.mails().len(), 200);
    assert_eq!(bureau.ledger().get("sent"), Some(&200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_after_its_claim_delays_its_mail_and_no_more() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    tickets(&bureau, 1);
    // Claimed, and never heard of again.
    bureau.write(claim_all);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 0);
    assert_eq!(bureau.told(), [""; 0]);
    drop_leases(&bureau);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 2);
    assert_eq!(bureau.told().len(), 2);
    drop_leases(&bureau);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_kills_its_workers_is_given_up_and_the_others_go() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    tickets(&bureau, 1);
    let victim = messages(&bureau).pop().unwrap().id;
    set_claims(&bureau, victim, 3);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead), (1, 1));
    let row = messages(&bureau).into_iter().find(|row| row.id == victim).unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (MessageState::Dead, Some("poison")));
    assert_eq!(bureau.ledger().get("failed"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_not_taken_while_any_look_is_going_on() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    tickets(&bureau, 1);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau.look("2021-08-17T08:30:00+08:00");
    let other = bureau.write(|tx| {
        let id = tx.id();
        outbox::begin_tick(tx.conn, id, tx.machine_now)?;
        Ok(id)
    });
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 0);
    // A mail that answers an act has nothing to wait for.
    bureau.act("chen", "2021Q2-F01-001", Command::Urge { note: None }, Some(Anchor::Urged));
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 2);
    bureau.write(move |tx| Ok(outbox::end_tick(tx.conn, other)?));
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    assert!(bureau.told().contains(&"li: 待签收 1 件".to_owned()));
}

/// Real processes over a real connection.
struct Round {
    server: MailServer,
    bureau: Bureau,
    dice: Dice,
}

impl Round {
    const CONNECTIONS: usize = 2;

    fn of(mails: usize) -> Self {
        let server = MailServer::start(|_, _, _| Does::Behave);
        let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
        // Two of three are told to a liaison and a leader.
        tickets(&bureau, mails * 3 / 5);
        bureau.switch_off_digests();
        Self { server, bureau, dice: Dice(mails.try_into().unwrap()) }
    }

    fn start(&self) -> Child {
        let url = self.bureau.test.url();
        let database = if url.contains("://") { url.to_owned() } else { format!("sqlite:{url}") };
        Program::new(env!("CARGO_BIN_EXE_rectify"))
            .args(["--data", self.bureau.dir.path().to_str().unwrap(), "--database", &database, "remind"])
            .env("RECTIFY_MAIL__TRANSPORT", "smtp")
            .env("RECTIFY_MAIL__SMTP_URL", format!("smtp://127.0.0.1:{}?tls=none", self.server.port))
            .env("RECTIFY_MAIL__CONNECTIONS", Self::CONNECTIONS.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits until the server has taken so many more, and up to two milliseconds longer, so that it falls anywhere in a
    /// dialogue.
    fn wait_for(&mut self, more: usize, children: &mut [Child]) {
        let enough = self.server.taken() + more;
        while self.server.taken() < enough && children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(self.dice.below(2_000)));
    }

    /// Nothing is lost; of what came twice at most what a killed process had in its hands, byte for byte the same.
    fn judge(&self, mails: usize, kills: usize) {
        assert_eq!(self.bureau.ledger().get("sent"), Some(&mails), "{:?}", self.bureau.ledger());
        let mut copies: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for mail in self.server.mails() {
            let id = mail_parser::MessageParser::default().parse(&mail).unwrap().message_id().unwrap().to_owned();
            copies.entry(id).or_default().push(mail);
        }
        assert_eq!(copies.len(), mails, "lost");
        let twice: usize = copies.values().map(|copies| copies.len() - 1).sum();
        println!("{mails} mails, {kills} kills: 0 lost, {twice} came twice");
        assert!(twice <= kills * Self::CONNECTIONS, "{twice} came twice");
        assert!(copies.values().all(|copies| copies.iter().all(|copy| *copy == copies[0])), "copies differ");
    }
}

/// `RECTIFY_TEST_KILLS=100` kills the process so often, in a run of five times as many mails.
#[test]
fn of_a_process_that_is_killed_again_and_again_nothing_is_lost_and_little_comes_twice() {
    let kills = number("RECTIFY_TEST_KILLS").map_or(6, |kills| usize::try_from(kills).unwrap());
    let mails = (kills * 5).max(150);
    let mut round = Round::of(mails);
    let mut done = 0;
    for _ in 0..kills {
        let mut children = [round.start()];
        // What the last one left behind is done by then. A mail that is in hand whenever a process ends would be given
        // up as what ends them, and rightly.
        round.wait_for(3, &mut children);
        let [mut child] = children;
        done += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        drop_leases(&round.bureau);
    }
    // It says that it isn't all well: some of what was cut off may come twice.
    round.start().wait().unwrap();
    assert!(done * 2 > kills, "only {done} of {kills} were killed");
    round.judge(mails, done);
}

#[test]
fn of_two_processes_that_are_killed_now_and_then_nothing_is_lost_and_little_comes_twice() {
    let mails = 300;
    let mut round = Round::of(mails);
    let mut children = [round.start(), round.start()];
    let mut done = 0;
    for _ in 0..4 {
        let more = 5 + round.dice.below(30);
        round.wait_for(usize::try_from(more).unwrap(), &mut children);
        let victim = &mut children[done % 2];
        victim.kill().unwrap();
        victim.wait().unwrap();
        done += 1;
        // Its leases go on until they end: nobody may take from it what it might still hold.
        children[(done - 1) % 2] = round.start();
    }
    for child in &mut children {
        child.wait().unwrap();
    }
    drop_leases(&round.bureau);
    round.start().wait().unwrap();
    round.judge(mails, done);
}

fn claim_all(tx: &mut rectify::transaction::Tx<'_>) -> rectify::transaction::Outcome<()> {
    let claim = Claim {
        token: tx.id(),
        now: outbox::Now { office: tx.now, machine: tx.machine_now, is_open: true },
        lease: chrono::TimeDelta::seconds(120),
        at_most: 100,
        is_rescue: true,
    };
    assert!(!outbox::claim(tx.conn, &claim)?.taken.is_empty());
    Ok(())
}
