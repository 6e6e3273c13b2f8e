//! What a pause of the service leaves behind: mails that are spread, and a clock that is not believed at once.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING};
use chrono::TimeDelta;
use rectify::actions::clock;
use rectify::domain::instant::Instant;
use rectify::domain::refusal::Code;
use rectify::domain::ticket::Command;
use rectify::domain::vocabulary::Role;
use rectify::mail::Pauses;
use rectify::queries::engine;
use rectify::reminders::{Pace, Passed, is_believed, tick_at};
use rectify::store::outbox::{self, MessageFilter};
use rectify::transaction::Failure;

const ISSUED: &str = "2021-08-16T09:00:00+08:00";

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

async fn office() -> Bureau {
    let mut bureau = Bureau::new(ISSUED);
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads = [("2021Q2-F01-01".to_owned(), SHUANGQING), ("2021Q2-F01-02".to_owned(), DAXIANG)];
    bureau.issue(notice, &leads, "2021-08-27");
    bureau.jump(ISSUED).await;
    bureau.told();
    bureau
}

/// When the mails that wait may leave.
fn leaving(bureau: &Bureau) -> Vec<Instant> {
    let rows = bureau.read(|read| Ok(outbox::list(read.conn, &MessageFilter::default(), None, 100)?));
    let mut times: Vec<Instant> = rows.into_iter().filter_map(|row| row.next_at).collect();
    times.sort();
    times
}

fn look(bureau: &Bureau, to: &str, pace: Pace) -> Vec<Instant> {
    bureau.clock.set(at(to)).unwrap();
    tick_at(&bureau.world, pace).unwrap();
    leaving(bureau)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_missed_leaves_within_half_an_hour_and_not_in_one_moment() {
    let bureau = office().await;
    let open = at("2021-08-30T08:30:00+08:00");
    let times = look(&bureau, "2021-08-30T08:30:00+08:00", Pace::Steady);
    assert_eq!(times.len(), 5);
    assert!(times.iter().all(|time| (open..open.plus(TimeDelta::minutes(30))).contains(time)), "{times:?}");
    assert!(times.windows(2).any(|pair| pair[0] < pair[1]), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_looks_all_the_time_sends_what_comes_at_once() {
    let mut bureau = office().await;
    bureau.jump("2021-08-26T09:00:00+08:00").await;
    let waiting = look(&bureau, "2021-08-27T08:20:00+08:00", Pace::Steady);
    assert!(waiting.is_empty(), "{waiting:?}");
    let times = look(&bureau, "2021-08-27T08:30:00+08:00", Pace::Steady);
    assert_eq!(times, [at("2021-08-27T08:30:00+08:00"); 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_that_was_asked_for_is_not_spread() {
    let bureau = office().await;
    let times = look(&bureau, "2021-08-30T08:30:00+08:00", Pace::AtOnce);
    assert_eq!(times, [at("2021-08-30T08:30:00+08:00"); 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_in_the_day_what_is_spread_stays_in_the_window() {
    let bureau = office().await;
    let times = look(&bureau, "2021-08-30T17:25:00+08:00", Pace::Steady);
    let (closes, opens) = (at("2021-08-30T17:30:00+08:00"), at("2021-08-31T08:30:00+08:00"));
    assert!(times.iter().all(|time| *time <= closes || *time == opens), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_leaps_sends_nothing_until_an_admin_accepts_it() {
    let mut bureau = office().await;
    bureau.person("root", "OFF", &[Role::Admin]);
    let passed = Passed::Seen { last: at(ISSUED), expected: at("2021-08-16T09:00:30+08:00") };
    bureau.clock.set(at("2036-08-27T09:00:00+08:00")).unwrap();
    assert!(!is_believed(&bureau.world, passed).unwrap());
    // Held also for what waits already, and for whoever looks next.
    bureau.act("chen", "2021Q2-F01-01", Command::Urge { note: None }, Some(rectify::domain::reminder::Anchor::Urged));
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 0);
    assert!(!is_believed(&bureau.world, Passed::Unseen).unwrap());
    let held = bureau.read(engine::state);
    assert_eq!(held.clock_hold.unwrap().trusted, at(ISSUED));
    assert_eq!(held.looked_at, Some(at(ISSUED)));
    let chen = bureau.actor("chen");
    let refused = bureau.world.write_now(move |tx| clock::accept(tx, &chen));
    assert!(matches!(refused, Err(Failure::Refused(refusal)) if refusal.code == Code::RoleRequired));
    let root = bureau.actor("root");
    let admin = root.clone();
    bureau.write(move |tx| clock::accept(tx, &admin));
    assert!(is_believed(&bureau.world, Passed::Unseen).unwrap());
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 2);
    let again = bureau.world.write_now(move |tx| clock::accept(tx, &root));
    assert!(matches!(again, Err(Failure::Refused(refusal)) if refusal.code == Code::ClockNotHeld));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_put_right_is_believed_again_and_nothing_was_recorded() {
    let bureau = office().await;
    let before = bureau.ledger();
    let wrong = bureau.world_at("2036-08-27T09:00:00+08:00");
    assert!(!is_believed(&wrong, Passed::Unseen).unwrap());
    assert_eq!(bureau.ledger(), before);
    let right = bureau.world_at("2021-08-16T15:00:00+08:00");
    assert!(is_believed(&right, Passed::Unseen).unwrap());
    assert_eq!(bureau.read(engine::state).clock_hold, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_without_a_server_is_believed() {
    let bureau = office().await;
    let later = bureau.world_at("2021-09-16T09:00:00+08:00");
    assert!(is_believed(&later, Passed::Unseen).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_act_between_a_step_and_the_look_at_it_does_not_lose_the_step() {
    let mut bureau = office().await;
    bureau.jump("2021-08-26T09:00:00+08:00").await;
    bureau.told();
    bureau.clock.set(at("2021-08-27T08:30:10+08:00")).unwrap();
    bureau.act("chen", "2021Q2-F01-01", Command::Comment { text: "已联系。".to_owned() }, None);
    bureau.jump("2021-08-27T08:30:20+08:00").await;
    assert_eq!(bureau.told(), ["daxiang: 今日到期 1 件", "li: 今日到期 1 件", "wang: 今日到期 1 件"]);
}
