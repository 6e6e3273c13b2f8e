//! Whoever takes over gets the mails, also those that were queued before, and the other gets none.

use crate::support::bureau::{Bureau, SHUANGQING};
use rectify::actions::hand_over::{HandOver, hand_over};
use rectify::domain::vocabulary::Role;

const FIRST: &str = "2021Q2-F01-01";

#[tokio::test(flavor = "multi_thread")]
async fn mails_follow_a_hand_over_at_once() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    bureau.person("root", "OFF", &[Role::Admin]);
    bureau.person("xu", SHUANGQING, &[Role::Leader]);
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    bureau.mails();
    // Queued for the liaison, and not sent yet.
    assert_eq!(bureau.look("2021-08-17T08:30:00+08:00").planned, 1);
    let actor = bureau.actor("root");
    bureau.write(move |tx| {
        let given = HandOver { to: "xu".to_owned(), reason: "调岗".to_owned() };
        hand_over(tx, &actor, "li", None, &given)
    });
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    assert_eq!(bureau.told(), ["xu: 待签收 1 件"]);
    bureau.change_person("li", |row| row.active = false);
    bureau.jump("2021-08-18T08:30:00+08:00").await;
    assert_eq!(bureau.told(), ["xu: 待签收 1 件"]);
}
