//! What was queued and no longer holds is not sent, and who took over a role is told instead.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, cancelled_by, day, messages};
use rectify::domain::reminder::{Anchor, MessageState};
use rectify::domain::ticket::Command;
use rectify::domain::vocabulary::Role;

const FIRST: &str = "2021Q2-F01-01";

fn one_ticket(bureau: &Bureau) {
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
}

async fn with_one_ticket() -> Bureau {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    one_ticket(&bureau);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau
}

fn acknowledge() -> Command {
    Command::Acknowledge { handler: "李".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_digest_is_never_sent() {
    let mut bureau = with_one_ticket().await;
    assert_eq!(bureau.look("2021-08-17T08:30:00+08:00").planned, 1);
    bureau.act("li", FIRST, acknowledge(), None);
    let tally = bureau.jump("2021-08-17T08:30:00+08:00").await;
    assert_eq!((tally.sent, tally.cancelled), (0, 1));
    assert_eq!(bureau.told(), [""; 0]);
    assert_eq!(cancelled_by(&bureau), ["no_longer_owed"]);
    let row = messages(&bureau).remove(0);
    assert_eq!((row.state, row.reason.as_deref()), (MessageState::Cancelled, Some("nothing_left")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_says_what_is_left() {
    let mut bureau = with_one_ticket().await;
    let notice = bureau.notice("2021Q3", "2021-08-27");
    bureau.issue(notice, &[("2021Q3-F01-01".to_owned(), SHUANGQING)], "2021-08-27");
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau.look("2021-08-17T08:30:00+08:00");
    bureau.act("li", FIRST, acknowledge(), None);
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    let mails = bureau.mails();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].text.contains("2021Q3-F01-01") && !mails[0].text.contains(FIRST), "{}", mails[0].text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_date_takes_back_what_spoke_of_the_old_one() {
    let mut bureau = with_one_ticket().await;
    bureau.look("2021-08-27T08:30:00+08:00");
    let moved = Command::MoveDueDate { to: day("2021-09-10"), reason: "疫情".to_owned() };
    bureau.act("deng", FIRST, moved, Some(Anchor::ExtensionDecided));
    bureau.jump("2021-08-27T08:30:00+08:00").await;
    let told = bureau.told();
    // That it is not acknowledged holds all the same.
    let subject = "期限调整 2021Q2-F01-01：网站栏目分类杂乱";
    let [chen, deng] = ["chen", "deng"].map(|name| format!("{name}: 每周概览（8月23日至29日）：待签收 1 件"));
    let expected = [chen, deng, format!("li: {subject}"), format!("wang: {subject}")];
    assert_eq!(told, expected);
    // The new date has steps of its own.
    bureau.jump("2021-09-10T08:30:00+08:00").await;
    assert!(bureau.told().contains(&"li: 今日到期 1 件".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_gets_what_was_queued_for_a_disabled_person() {
    let mut bureau = with_one_ticket().await;
    bureau.look("2021-08-17T08:30:00+08:00");
    bureau.change_person("li", |row| row.active = false);
    bureau.person("zhao", SHUANGQING, &[Role::Liaison]);
    let tally = bureau.jump("2021-08-17T08:30:00+08:00").await;
    assert_eq!(bureau.told(), ["zhao: 待签收 1 件"]);
    assert_eq!((tally.sent, tally.cancelled), (1, 1));
    assert_eq!(cancelled_by(&bureau), ["not_in_role"]);
    // The ticket names the reminder that was sent.
    let last = bureau.ticket(FIRST).last_reminder_id.unwrap();
    let rows = bureau.write(move |tx| Ok(rectify::store::ledger::by_ids(tx.conn, &[last])?));
    assert_eq!(rows[0].recipient, format!("user:{}", bureau.user_id("zhao")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_an_act_goes_to_the_successor_too() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    one_ticket(&bureau);
    bureau.change_person("li", |row| row.roles = "viewer".to_owned());
    bureau.person("zhao", SHUANGQING, &[Role::Liaison]);
    let tally = bureau.jump("2021-08-16T09:00:00+08:00").await;
    assert_eq!(tally.cancelled, 1);
    let subject = "新任务 2021Q2-F01-01：网站栏目分类杂乱";
    assert_eq!(bureau.told(), [format!("wang: {subject}"), format!("zhao: {subject}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_without_people_is_told_by_its_mailbox_and_a_deputy_while_named() {
    let mut bureau = with_one_ticket().await;
    let deputy = bureau.user_id("wang");
    bureau.change_person("li", move |row| {
        row.deputy_id = Some(deputy);
        row.deputy_from = Some(day("2021-08-18"));
        row.deputy_to = Some(day("2021-08-18"));
    });
    let mut told = Vec::new();
    for to in ["2021-08-17T08:30:00+08:00", "2021-08-18T08:30:00+08:00", "2021-08-19T08:30:00+08:00"] {
        bureau.jump(to).await;
        told.push(
            bureau
                .told()
                .into_iter()
                .filter(|line| !line.starts_with("chen") && !line.starts_with("deng"))
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(
        told,
        [vec!["li: 待签收 1 件"], vec!["wang: 待签收 1 件"], vec!["li: 待签收 1 件", "wang: 待签收 1 件"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_line_per_address() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    // Liaison and leader in one person, who has a second account with the same address.
    bureau.change_person("li", |row| row.roles = "leader liaison".to_owned());
    bureau.change_person("wang", |row| row.email = Some("Li@example.cn".to_owned()));
    one_ticket(&bureau);
    assert_eq!(bureau.jump("2021-08-16T09:00:00+08:00").await.sent, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reassigned_ticket_leaves_its_old_unit_and_says_so_without_a_link() {
    let mut bureau = with_one_ticket().await;
    bureau.look("2021-08-17T08:30:00+08:00");
    let unit = bureau.unit_id(DAXIANG);
    let reassign = Command::Reassign { reason: "属地管理".to_owned(), unit, due_on: None };
    bureau.act("chen", FIRST, reassign, Some(Anchor::Reassigned));
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    let mails = bureau.mails();
    let subjects: Vec<String> = mails.iter().map(|mail| format!("{} {}", mail.to, mail.subject)).collect();
    assert_eq!(
        subjects,
        [
            "daxiang@example.cn 【整改督办】转入任务 2021Q2-F01-01：网站栏目分类杂乱",
            "li@example.cn 【整改督办】任务转出 2021Q2-F01-01：网站栏目分类杂乱",
            "wang@example.cn 【整改督办】任务转出 2021Q2-F01-01：网站栏目分类杂乱",
        ]
    );
    assert!(mails[0].text.contains("https://rectify.example.cn/tickets/2021Q2-F01-01"));
    assert!(!mails[1].text.contains("/tickets/"), "{}", mails[1].text);
    assert!(mails[1].text.contains("属地管理"));
    // The new unit has its own clock.
    bureau.jump("2021-08-18T08:30:00+08:00").await;
    assert_eq!(bureau.told(), ["daxiang: 待签收 1 件"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_switched_off_takes_its_queued_lines_with_it() {
    let mut bureau = with_one_ticket().await;
    bureau.look("2021-08-17T08:30:00+08:00");
    bureau.switch_off("unacknowledged");
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    assert_eq!(bureau.told(), [""; 0]);
    assert_eq!(cancelled_by(&bureau), ["rule_off"]);
}
