//! The engine running by itself: it looks, delivers, is heard of, jumps when told to, and stops.

use crate::support::bureau::{Bureau, SHUANGQING};
use rectify::config::Config;
use rectify::domain::reminder::Anchor;
use rectify::domain::ticket::Command;
use rectify::mail::{Courier, Sender};
use rectify::reminders::{Runner, start};
use std::time::{Duration, Instant};

const FIRST: &str = "2021Q2-F01-01";

fn running(bureau: &Bureau, every: Duration) -> Runner {
    let config = Config::load(bureau.dir.path(), std::iter::empty(), &[]).unwrap();
    let sender = Sender::from_config(&config, bureau.dir.path()).unwrap();
    start(bureau.world.clone(), Courier::new(bureau.world.clone(), sender), every)
}

fn with_a_ticket() -> Bureau {
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau
}

/// Waits until that many mails have come, and gives them.
async fn come(bureau: &mut Bureau, count: usize) -> Vec<String> {
    let begun = Instant::now();
    let mut told = Vec::new();
    while told.len() < count && begun.elapsed() < Duration::from_secs(20) {
        told.extend(bureau.told());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_leaves_by_itself_and_so_does_what_falls_due() {
    let mut bureau = with_a_ticket();
    let runner = running(&bureau, Duration::from_millis(20));
    assert_eq!(come(&mut bureau, 2).await.len(), 2);
    // An act's answer doesn't wait for the next look around.
    bureau.act("chen", FIRST, Command::Urge { note: None }, Some(Anchor::Urged));
    let begun = Instant::now();
    assert_eq!(come(&mut bureau, 2).await.len(), 2);
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    bureau.clock.set("2021-08-17T08:30:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(come(&mut bureau, 1).await, ["li: 待签收 1 件"]);
    let now = Some(bureau.clock.machine_now());
    let begun = Instant::now();
    while runner.health().ticked_at < now || runner.health().courier_at < now {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", runner.health());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    runner.stop().await;
    bureau.clock.set("2021-08-18T08:30:00+08:00".parse().unwrap()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bureau.told(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_is_one_look_with_nothing_in_between() {
    let mut bureau = with_a_ticket();
    let runner = running(&bureau, Duration::from_millis(1));
    assert_eq!(come(&mut bureau, 2).await.len(), 2);
    let tally = runner
        .settle(|world| {
            world.clock.set("2021-09-01T08:30:00+08:00".parse().unwrap()).unwrap();
            Ok(())
        })
        .await
        .unwrap();
    // Everything is there when it answers, and counted.
    let told = bureau.told();
    assert_eq!((tally.planned, tally.sent, told.len()), (5, 5, 5), "{told:?}");
    let again = runner.settle(|_| Ok(())).await.unwrap();
    assert_eq!(again, rectify::reminders::Tally::default());
    runner.stop().await;
}
