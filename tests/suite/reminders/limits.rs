//! How many mails of their own somebody gets in a day, and where the rest is told.

use crate::support::bureau::{Bureau, SHUANGQING};
use rectify::domain::reminder::Anchor;
use rectify::domain::ticket::Command;

const ISSUED: &str = "2021-08-16T09:00:00+08:00";
const KEYS: [&str; 5] = ["2021Q2-F01-01", "2021Q2-F01-02", "2021Q2-F01-03", "2021Q2-F01-04", "2021Q2-F01-05"];

fn five_tickets(bureau: &Bureau) {
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &KEYS.map(|key| (key.to_owned(), SHUANGQING)), "2021-08-27");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fourth_mail_of_a_day_and_those_after_it_are_told_in_the_next_digest() {
    let mut bureau = Bureau::limited(ISSUED, 3);
    five_tickets(&bureau);
    bureau.jump(ISSUED).await;
    let told = bureau.told();
    let of = |name: &str| told.iter().filter(|line| line.starts_with(name)).count();
    assert_eq!((of("li: "), of("wang: ")), (3, 3), "{told:?}");
    // What else happens that day waits too; somebody who urges wants it told now.
    bureau.clock.set("2021-08-16T15:00:00+08:00".parse().unwrap()).unwrap();
    bureau.act("deng", KEYS[1], Command::Cancel { reason: "重复".to_owned() }, Some(Anchor::Cancelled));
    bureau.jump("2021-08-16T15:00:00+08:00").await;
    assert_eq!(bureau.told(), [""; 0]);
    bureau.act("chen", KEYS[0], Command::Urge { note: None }, Some(Anchor::Urged));
    bureau.jump("2021-08-16T15:00:00+08:00").await;
    assert_eq!(bureau.told().len(), 2);
    // The next morning one mail: what was left over, and what falls due that day.
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    let mails: Vec<_> = bureau.mails().into_iter().filter(|mail| mail.to == "li@example.cn").collect();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "【整改督办】待签收 4 件、其他 1 项");
    insta::assert_snapshot!(mails[0].text);
    assert_eq!(bureau.ledger().get("queued"), None);
    // A new day has room again.
    bureau.act("chen", KEYS[2], Command::Urge { note: None }, Some(Anchor::Urged));
    bureau.jump("2021-08-17T08:31:00+08:00").await;
    assert_eq!(bureau.told().iter().filter(|line| line.contains("催办")).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_each_is_a_mail_of_its_own() {
    let mut bureau = Bureau::limited(ISSUED, 0);
    five_tickets(&bureau);
    bureau.jump(ISSUED).await;
    assert_eq!(bureau.told().len(), 10);
}
