//! The source case day by day, and what is made of days that were missed.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING, cancelled_by};
use rectify::domain::reminder::ReminderState;
use rectify::reminders::Tally;
use rectify::store::ledger::{self, ReminderFilter};

/// One ticket each of Shuangqing, which has people, and of Daxiang, which has only its mailbox.
fn two_tickets(bureau: &Bureau) {
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads = [("2021Q2-F01-01".to_owned(), SHUANGQING), ("2021Q2-F01-02".to_owned(), DAXIANG)];
    bureau.issue(notice, &leads, "2021-08-27");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_case_day_by_day() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    two_tickets(&bureau);
    let days: [(&str, &[&str]); 9] = [
        (
            "2021-08-16T09:00:00+08:00",
            &[
                "daxiang: 新任务 2021Q2-F01-02：网站栏目分类杂乱",
                "li: 新任务 2021Q2-F01-01：网站栏目分类杂乱",
                "wang: 新任务 2021Q2-F01-01：网站栏目分类杂乱",
            ],
        ),
        ("2021-08-17T08:29:59+08:00", &[]),
        ("2021-08-18T08:30:00+08:00", &["daxiang: 待签收 1 件", "li: 待签收 1 件"]),
        // Nobody acknowledged: since the 19th leader and coordinators are told too.
        (
            "2021-08-24T08:30:00+08:00",
            &[
                "chen: 每周概览（8月23日至29日）：本周到期 2 件",
                "daxiang: 即将到期 1 件",
                "deng: 每周概览（8月23日至29日）：本周到期 2 件",
                "li: 即将到期 1 件",
                "wang: 待签收 1 件",
            ],
        ),
        ("2021-08-26T08:30:00+08:00", &["daxiang: 即将到期 1 件", "li: 即将到期 1 件", "wang: 即将到期 1 件"]),
        ("2021-08-27T08:30:00+08:00", &["daxiang: 今日到期 1 件", "li: 今日到期 1 件", "wang: 今日到期 1 件"]),
        ("2021-08-28T23:00:00+08:00", &[]),
        (
            "2021-08-30T08:30:00+08:00",
            &[
                "chen: 每周概览（8月30日至9月5日）：逾期 2 件",
                "daxiang: 逾期 1 件",
                "deng: 每周概览（8月30日至9月5日）：逾期 2 件",
                "li: 逾期 1 件",
                "wang: 逾期 1 件",
            ],
        ),
        // The unit above hears of it too.
        (
            "2021-09-01T08:30:00+08:00",
            &[
                "chen: 逾期 2 件",
                "daxiang: 逾期 1 件",
                "deng: 逾期 2 件",
                "li: 逾期 1 件",
                "mayor: 逾期 2 件",
                "wang: 逾期 1 件",
            ],
        ),
    ];
    for (to, expected) in days {
        let tally = bureau.jump(to).await;
        assert_eq!(bureau.told(), expected, "{to}");
        assert_eq!((tally.sent, tally.cancelled), (expected.len(), 0), "{to}");
        assert_eq!(bureau.jump(to).await, Tally::default(), "{to} again");
        assert_eq!(bureau.told(), [""; 0], "{to} again");
    }
    assert!(!bureau.ledger().contains_key("queued"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fortnight_of_downtime_is_one_digest_each_and_the_missed_steps_are_on_record() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    two_tickets(&bureau);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.told();
    let tally = bureau.jump("2021-09-01T08:30:00+08:00").await;
    let weekly = "每周概览（8月30日至9月5日）：逾期 2 件";
    assert_eq!(
        bureau.told(),
        [
            &format!("chen: {weekly}"),
            "daxiang: 逾期 1 件",
            &format!("deng: {weekly}"),
            "li: 逾期 1 件",
            "mayor: 逾期 2 件",
            "wang: 逾期 1 件",
        ]
    );
    assert_eq!((tally.planned, tally.sent), (6, 6));
    let ticket = bureau.ticket("2021Q2-F01-01");
    let rows = bureau.write(move |tx| {
        let filter = ReminderFilter { subject: Some(ticket.id.into()), ..ReminderFilter::default() };
        Ok(ledger::list(tx.conn, &filter, None, 1_000)?)
    });
    let of = |rule: &str, recipient: &str| {
        let row = rows.iter().find(|row| row.rule == rule && row.recipient == recipient).unwrap();
        (row.state, row.reason.clone().unwrap_or_default())
    };
    let li = format!("user:{}", bureau.user_id("li"));
    assert_eq!(of("overdue-3", &li), (ReminderState::Sent, String::new()));
    for rule in ["before-7", "before-3", "before-1", "due-today", "overdue-1", "unacknowledged"] {
        assert_eq!(of(rule, &li), (ReminderState::Skipped, "superseded:overdue-3".to_owned()), "{rule}");
    }
    // Each of them says of each reader why they were not told.
    let steps = rows.iter().filter(|row| row.rule == "unacknowledged" && row.recipient == li).count();
    assert_eq!(steps, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_installation_did_not_live_to_see_is_not_owed() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    // Due already when it is issued: what lies before its start nobody is told.
    let notice = bureau.notice("2021Q1", "2021-08-16");
    bureau.issue(notice, &[("2021Q1-F01-01".to_owned(), SHUANGQING)], "2021-08-16");
    let tally = bureau.jump("2021-08-16T09:00:00+08:00").await;
    // Of the office this week's overview.
    assert_eq!((tally.planned, tally.sent, tally.skipped), (0, 2, 1));
    let tally = bureau.jump("2021-08-17T08:30:00+08:00").await;
    // before-7, before-3, before-1 and due-today; told are the first step of what is not acknowledged, and overdue-1.
    assert_eq!((tally.lines, tally.skipped), (1 + 4, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_at_night_waits_for_the_window_and_goes_as_one() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    two_tickets(&bureau);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.told();
    // Friday night; the next window opens on Monday, when the first step after the due date comes too.
    let tally = bureau.jump("2021-08-27T23:00:00+08:00").await;
    assert_eq!((tally.planned, tally.sent), (3 + 2, 0), "{tally:?}");
    assert_eq!(bureau.jump("2021-08-29T12:00:00+08:00").await, Tally::default());
    assert_eq!(bureau.told(), [""; 0]);
    bureau.jump("2021-08-30T08:30:00+08:00").await;
    let weekly = "每周概览（8月30日至9月5日）：逾期 2 件";
    assert_eq!(
        bureau.told(),
        [
            &format!("chen: {weekly}"),
            "daxiang: 逾期 1 件",
            &format!("deng: {weekly}"),
            "li: 逾期 1 件",
            "wang: 逾期 1 件"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_says_what_to_do_to_whom_it_concerns() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    two_tickets(&bureau);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    bureau.jump("2021-08-30T08:30:00+08:00").await;
    let mails = bureau.mails();
    let text = |to: &str| {
        let found: Vec<_> = mails.iter().filter(|mail| mail.to == format!("{to}@example.cn")).collect();
        assert_eq!(found.len(), 1, "{to}");
        found[0].text.clone()
    };
    insta::assert_snapshot!("digest_of_a_liaison", text("li"));
    // The first day of the week: the overview is in it.
    insta::assert_snapshot!("digest_of_a_coordinator", text("chen"));
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_have_not_answered_are_reminded_until_they_have() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let (notice, _) = bureau.notice("2021Q2", "2021-08-27");
    bureau.require(notice, &["R01", "R02"], &[SHUANGQING, DAXIANG]);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.jump("2021-08-24T08:30:00+08:00").await;
    let others = |told: Vec<String>| told.into_iter().filter(|line| !line.contains("每周概览")).collect::<Vec<_>>();
    assert_eq!(others(bureau.told()), ["daxiang: 其他 1 项", "li: 其他 1 项"]);
    bureau.answer(notice, "R01", SHUANGQING);
    bureau.answer(notice, "R02", SHUANGQING);
    bureau.answer(notice, "R01", DAXIANG);
    bureau.jump("2021-08-26T08:30:00+08:00").await;
    let mails = bureau.mails();
    assert_eq!(mails.iter().map(|mail| mail.to.as_str()).collect::<Vec<_>>(), ["daxiang@example.cn"]);
    assert!(mails[0].text.contains("尚有 1 条工作要求待答复"), "{}", mails[0].text);
    // Answered between the look and the delivery: nothing is left to say.
    bureau.look("2021-08-30T08:30:00+08:00");
    bureau.answer(notice, "R02", DAXIANG);
    let tally = bureau.jump("2021-08-30T08:30:00+08:00").await;
    assert_eq!(others(bureau.told()), [""; 0]);
    assert_eq!(tally.cancelled, 1);
    assert_eq!(cancelled_by(&bureau), ["no_longer_owed"]);
}
