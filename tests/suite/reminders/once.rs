//! Each reminder once: however many look, deliver or die at the same time.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, drop_leases, messages, set_claims};
use rectify::domain::reminder::MessageState;
use rectify::mail::{Courier, Pauses, Sender};
use rectify::reminders::{Tally, tick};
use rectify::store::outbox::{self, Claim};
use std::collections::BTreeSet;

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
    // Liaison, leader, mailbox and two coordinators; the coordinators have an overview each.
    let queued = messages(&bureau).into_iter().filter(|row| row.state == MessageState::Queued).count();
    assert_eq!((total.planned, queued), (7, 7), "{total:?}");
    assert_eq!(total.lines, 300 * 2 + 150 + 450 * 2 + 2);
    let sent = bureau.jump("2021-08-30T08:30:00+08:00").await.sent;
    let told: BTreeSet<String> = bureau.told().into_iter().collect();
    assert_eq!(sent, 7);
    assert!(told.contains("chen: 逾期 450 件") && told.contains("li: 逾期 300 件"), "{told:?}");
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
    let other = bureau.write(|tx| {
        let id = tx.id();
        outbox::begin_tick(tx.conn, id, tx.machine_now)?;
        Ok(id)
    });
    let tally = bureau.jump("2021-08-17T08:30:00+08:00").await;
    // The machine's time went on too: on SQLite the other look is taken for dead.
    if tally.sent == 0 {
        bureau.write(move |tx| Ok(outbox::end_tick(tx.conn, other)?));
        assert_eq!(bureau.jump("2021-08-17T08:30:00+08:00").await.sent, 1);
    }
    assert_eq!(bureau.told(), ["li: 待签收 1 件"]);
}

fn claim_all(tx: &mut rectify::transaction::Tx<'_>) -> rectify::transaction::Outcome<()> {
    let claim = Claim {
        token: tx.id(),
        now: tx.now,
        machine_now: tx.machine_now,
        lease: chrono::TimeDelta::seconds(120),
        at_most: 100,
    };
    assert!(!outbox::claim(tx.conn, &claim)?.taken.is_empty());
    Ok(())
}
