//! A rule is changed while tickets are open: they are planned anew, nothing is told twice, and nothing of the past at all.

use crate::support::bureau::{Bureau, SHUANGQING, cancelled_by, day};
use rectify::actions::calendars::{self, DayChange};
use rectify::actions::reminder_rules::{Intent, RuleChange, apply};
use rectify::domain::actor::Actor;
use rectify::domain::calendar::DayMark;
use rectify::domain::patch::Patch;
use rectify::domain::reminder::{Anchor, Audience, DayUnit, Delivery, Rule, Subject, Who};
use rectify::domain::ticket::Command;
use rectify::domain::vocabulary::{Severity, State};
use rectify::reminders::tick;
use rectify::store::StoreError;
use rectify::store::ledger::{self, ReminderFilter, ReminderRow};
use rectify::store::periods::{self, PeriodRow};
use rectify::transaction::Failure;

const FIRST: &str = "2021Q2-F01-01";

/// Issued on Monday, 16 August 2021, due on Friday the 27th, taken on; its first mails are read.
async fn with_one_ticket() -> Bureau {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau.act("li", FIRST, Command::Acknowledge { handler: "李".to_owned() }, None);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau
}

fn rule(code: &str, offsets: &[i32]) -> Rule {
    Rule {
        code: code.to_owned(),
        name_zh: "加提醒".to_owned(),
        name_en: "One more".to_owned(),
        subject: Subject::Ticket,
        anchor: Anchor::Due,
        offsets: offsets.to_vec(),
        unit: DayUnit::WorkingDays,
        time: "08:30:00".parse().unwrap(),
        repeat: None,
        states: vec![State::Issued, State::InProgress],
        audience: vec![Audience { who: Who::Liaison, from_step: 0 }],
        copies: vec![],
        severities: vec![],
        delivery: Delivery::Digest,
        active: true,
        since: None,
        series: 0,
    }
}

fn create(bureau: &Bureau, rule: Rule) {
    bureau.write(move |tx| apply(tx, &Actor::system("test"), Intent::Create(rule)));
}

fn change(bureau: &Bureau, code: &str, set: impl FnOnce(&mut RuleChange)) {
    let mut change = RuleChange::default();
    set(&mut change);
    let intent = Intent::Change { code: code.to_owned(), version: None, change: Box::new(change) };
    bureau.write(move |tx| apply(tx, &Actor::system("test"), intent));
}

fn of_rule(bureau: &Bureau, code: &'static str) -> Vec<ReminderRow> {
    let mut rows = bureau.write(|tx| Ok(ledger::list(tx.conn, &ReminderFilter::default(), None, 10_000)?));
    rows.retain(|row| row.rule == code);
    rows.reverse();
    rows
}

/// The ledger's rows of a rule: step, state and reason.
fn fates(bureau: &Bureau, code: &'static str) -> Vec<String> {
    let fate = |row: ReminderRow| {
        format!("{} {} {}", Rule::index_of(row.step), row.state, row.reason.unwrap_or_default()).trim().to_owned()
    };
    of_rule(bureau, code).into_iter().map(fate).collect()
}

/// Who was told at that moment, without the coordinators' overview.
async fn told(bureau: &mut Bureau, at: &str) -> Vec<String> {
    bureau.jump(at).await;
    bureau.told().into_iter().filter(|line| !line.contains("每周概览")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_speaks_from_now_on_and_of_nothing_before() {
    let mut bureau = with_one_ticket().await;
    told(&mut bureau, "2021-08-23T10:00:00+08:00").await;
    // Monday the 23rd, 10:00: eight, five and four working days before were the 17th, 20th and this morning.
    create(&bureau, rule("more", &[-8, -5, -4, -2]));
    assert_eq!(bureau.ticket(FIRST).next_reminder_at, Some("2021-08-23T10:00:00+08:00".parse().unwrap()));
    assert_eq!(told(&mut bureau, "2021-08-23T10:00:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "more"), ["0 skipped rule_newer", "1 skipped rule_newer", "2 skipped rule_newer"]);
    assert_eq!(bureau.ticket(FIRST).next_reminder_at, Some("2021-08-24T08:30:00+08:00".parse().unwrap()));
    assert_eq!(told(&mut bureau, "2021-08-25T08:30:00+08:00").await, ["li: 即将到期 1 件"]);
    assert_eq!(fates(&bureau, "more").last().unwrap(), "3 sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_step_is_told_at_its_new_time_and_what_was_told_is_not_told_again() {
    let mut bureau = with_one_ticket().await;
    assert_eq!(told(&mut bureau, "2021-08-24T08:30:00+08:00").await.len(), 1);
    assert_eq!(fates(&bureau, "before-3"), ["0 sent"]);
    // Into the past: nothing is sent.
    change(&bureau, "before-3", |change| change.offsets = Patch::Set(vec![-4]));
    assert_eq!(told(&mut bureau, "2021-08-24T08:40:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3"), ["0 skipped rule_newer", "0 sent"]);
    // Ahead: it comes then, once.
    change(&bureau, "before-3", |change| change.offsets = Patch::Set(vec![-4, -2]));
    assert_eq!(told(&mut bureau, "2021-08-24T08:50:00+08:00").await, [""; 0]);
    assert_eq!(told(&mut bureau, "2021-08-25T08:30:00+08:00").await.len(), 1);
    assert_eq!(told(&mut bureau, "2021-08-25T09:30:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3").last().unwrap(), "1 sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_time_of_the_same_day_does_not_tell_it_a_second_time() {
    let mut bureau = with_one_ticket().await;
    assert_eq!(told(&mut bureau, "2021-08-24T08:30:00+08:00").await.len(), 1);
    change(&bureau, "before-3", |change| change.time = Patch::Set("14:00:00".parse().unwrap()));
    assert_eq!(told(&mut bureau, "2021-08-24T14:30:00+08:00").await, [""; 0]);
    change(&bureau, "before-3", |change| {
        change.offsets = Patch::Set(vec![-5, -3]);
        change.time = Patch::Set("16:00:00".parse().unwrap());
    });
    assert_eq!(told(&mut bureau, "2021-08-24T16:30:00+08:00").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_an_earlier_time_moves_into_the_past_is_not_told() {
    let mut bureau = with_one_ticket().await;
    change(&bureau, "before-3", |change| change.time = Patch::Set("16:00:00".parse().unwrap()));
    // What came before it is told.
    assert_eq!(told(&mut bureau, "2021-08-24T11:00:00+08:00").await, ["li: 即将到期 1 件"]);
    assert_eq!(fates(&bureau, "before-3"), [""; 0]);
    change(&bureau, "before-3", |change| change.time = Patch::Set("09:00:00".parse().unwrap()));
    assert_eq!(told(&mut bureau, "2021-08-24T11:00:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3"), ["0 skipped rule_newer"]);
    assert_eq!(told(&mut bureau, "2021-08-24T17:00:00+08:00").await, [""; 0]);
}

/// On SQLite the one waits for the other, so there is nothing between them.
#[test]
fn an_act_that_another_server_overtakes_with_new_rules_is_asked_to_come_again() {
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let (other, is_shared) = (bureau.other_world(), bureau.test.url().starts_with("postgres"));
    let overtaken = bureau.world.write_now(move |_| {
        if is_shared {
            other.write_now(|tx| apply(tx, &Actor::system("test"), Intent::Create(rule("more", &[-2])))).unwrap();
        }
        Ok(())
    });
    assert_eq!(matches!(overtaken, Err(Failure::Store(StoreError::Busy))), is_shared, "{overtaken:?}");
    assert!(bureau.world.write_now(|_| Ok(())).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_left_after_another_is_taken_out_is_still_told() {
    let mut bureau = with_one_ticket().await;
    create(&bureau, rule("more", &[-6, -2]));
    told(&mut bureau, "2021-08-19T08:30:00+08:00").await;
    assert_eq!(fates(&bureau, "more"), ["0 sent"]);
    change(&bureau, "more", |change| change.offsets = Patch::Set(vec![-2]));
    assert_eq!(told(&mut bureau, "2021-08-20T08:30:00+08:00").await, [""; 0]);
    told(&mut bureau, "2021-08-25T08:30:00+08:00").await;
    assert_eq!(fates(&bureau, "more"), ["0 sent", "0 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_lines_of_a_rule_that_is_switched_off_are_dropped() {
    let mut bureau = with_one_ticket().await;
    told(&mut bureau, "2021-08-23T10:00:00+08:00").await;
    assert_eq!(bureau.look("2021-08-24T08:30:00+08:00").planned, 1);
    change(&bureau, "before-3", |change| change.active = Patch::Set(false));
    assert_eq!(told(&mut bureau, "2021-08-24T08:31:00+08:00").await, [""; 0]);
    assert_eq!(cancelled_by(&bureau), ["rule_off"]);
    // Switched on again it begins anew.
    bureau.clock.set("2021-08-24T09:00:00+08:00".parse().unwrap()).unwrap();
    change(&bureau, "before-3", |change| change.active = Patch::Set(true));
    assert_eq!(told(&mut bureau, "2021-08-24T09:00:00+08:00").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_while_a_rule_was_off_is_not_made_up_for() {
    let mut bureau = with_one_ticket().await;
    change(&bureau, "before-3", |change| change.active = Patch::Set(false));
    told(&mut bureau, "2021-08-24T10:00:00+08:00").await;
    change(&bureau, "before-3", |change| change.active = Patch::Set(true));
    assert_eq!(told(&mut bureau, "2021-08-24T10:01:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3"), ["0 skipped rule_newer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_rule_says_nothing_more_and_one_of_its_code_begins_anew() {
    let mut bureau = with_one_ticket().await;
    create(&bureau, rule("more", &[-6, -2]));
    told(&mut bureau, "2021-08-19T08:30:00+08:00").await;
    bureau.write(|tx| apply(tx, &Actor::system("test"), Intent::Remove { code: "more".to_owned(), version: None }));
    create(&bureau, rule("more", &[-2, -1]));
    told(&mut bureau, "2021-08-25T08:30:00+08:00").await;
    assert_eq!(fates(&bureau, "more"), ["0 sent", "0 sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_severity_filter_leaves_out_and_lets_in_without_catching_up() {
    let mut bureau = with_one_ticket().await;
    told(&mut bureau, "2021-08-23T10:00:00+08:00").await;
    change(&bureau, "before-3", |change| change.severities = Patch::Set(vec![Severity::Prominent]));
    assert_eq!(told(&mut bureau, "2021-08-24T08:30:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3"), [""; 0]);
    change(&bureau, "before-3", |change| change.severities = Patch::Clear);
    assert_eq!(told(&mut bureau, "2021-08-24T08:31:00+08:00").await, [""; 0]);
    assert_eq!(fates(&bureau, "before-3"), ["0 skipped rule_newer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_plans_by_the_new_rules() {
    let mut bureau = with_one_ticket().await;
    told(&mut bureau, "2021-08-24T10:00:00+08:00").await;
    let other = bureau.other_world();
    assert_eq!(other.read_now(|read| Ok(read.rules.len())).unwrap(), 20);
    create(&bureau, rule("more", &[-2]));
    bureau.clock.set("2021-08-25T08:30:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(tick(&other).unwrap().lines, 1);
    bureau.jump("2021-08-25T08:30:00+08:00").await;
    assert_eq!(fates(&bureau, "more"), ["0 sent"]);
}

#[test]
fn changes_at_the_same_moment_are_all_made_and_all_seen() {
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let other = bureau.other_world();
    let before = other.read_now(|read| Ok(rectify::store::reference::version(read.conn)?)).unwrap();
    let codes = ["a", "b", "c", "d", "e", "f"];
    std::thread::scope(|scope| {
        for (code, world) in codes.iter().zip([&bureau.world, &other].into_iter().cycle()) {
            scope.spawn(move || {
                let made = rule(code, &[-2]);
                world.write_now(|tx| apply(tx, &Actor::system("test"), Intent::Create(made))).unwrap();
            });
        }
    });
    for world in [&bureau.world, &other] {
        let (rules, version) =
            world.read_now(|read| Ok((read.rules.len(), rectify::store::reference::version(read.conn)?))).unwrap();
        assert_eq!((rules, version), (20 + codes.len(), before + 6));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newly_decreed_holiday_takes_the_reminders_of_a_counted_date_with_it() {
    let mut bureau = with_one_ticket().await;
    let ticket_id = bureau.ticket(FIRST).id;
    // Due nine working days after the 16th.
    let period = PeriodRow {
        ticket_id,
        due_version: 1,
        due_on: day("2021-08-27"),
        counted_from: day("2021-08-16"),
        working_days: 9,
    };
    bureau.write(move |tx| Ok(periods::set(tx.conn, &period)?));
    told(&mut bureau, "2021-08-25T10:00:00+08:00").await;
    let change = DayChange { kind: DayMark::Holiday, name: None };
    let (code, date) = ("cn".to_owned(), day("2021-08-26"));
    let intent = calendars::Intent::Day { code, date, version: None, change };
    let changes = bureau.write(move |tx| calendars::apply(tx, &Actor::system("test"), intent));
    assert_eq!((changes.deadlines, bureau.ticket(FIRST).due_on), (1, day("2021-08-30")));
    assert_eq!(told(&mut bureau, "2021-08-25T10:01:00+08:00").await, [""; 0]);
    assert_eq!(told(&mut bureau, "2021-08-26T10:00:00+08:00").await, [""; 0]);
    assert_eq!(told(&mut bureau, "2021-08-27T08:30:00+08:00").await, ["li: 即将到期 1 件", "wang: 即将到期 1 件"]);
    assert_eq!(told(&mut bureau, "2021-08-30T08:30:00+08:00").await, ["li: 今日到期 1 件", "wang: 今日到期 1 件"]);
}
