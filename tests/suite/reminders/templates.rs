//! An office's own words for its mails.

use crate::support::bureau::{Bureau, SHUANGQING, messages};
use rectify::config::Config;
use rectify::domain::reminder::MessageState;
use rectify::mail::{Courier, Pauses, Sender};

/// A bureau with a template of its own and one ticket.
fn bureau(name: &str, text: &str) -> Bureau {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let path = bureau.dir.path().join("templates").join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    let config = Config::load(bureau.dir.path(), std::iter::empty(), &[]).unwrap();
    bureau.courier = Courier::new(bureau.world.clone(), Sender::from_config(&config, bureau.dir.path()).unwrap());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[("2021Q2-F01-01".to_owned(), SHUANGQING)], "2021-08-27");
    bureau
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_is_sent_in_the_offices_own_words() {
    let text = "{{ recipient }}，您好！\n{% for section in sections %}{% for line in section.lines %}\n{{ line.reference }} → {{ line.link }}\n{% endfor %}{% endfor %}\n";
    let mut bureau = bureau("zh/digest.txt", text);
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    assert!(bureau.mails()[0].text.contains("任务编号"), "at-once mails stay as they are");
    bureau.jump("2021-08-17T08:30:00+08:00").await;
    let mail = bureau.mails().remove(0);
    assert_eq!(mail.subject, "【整改督办】待签收 1 件");
    let link = "https://rectify.example.cn/tickets/2021Q2-F01-01";
    assert_eq!(mail.text, format!("li，您好！\n2021Q2-F01-01 → {link}\n"));
}

/// The samples can't find every fault: one that only some mails meet costs these mails and no others.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_its_template_cannot_write_is_given_up_and_the_others_go() {
    let text = "{% if recipient == \"li\" %}{{ nothing }}{% endif %}{{ what_happened }}\n";
    let mut bureau = bureau("zh/at_once.txt", text);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead), (1, 1));
    let key = format!("user:{}", bureau.user_id("li"));
    for row in messages(&bureau) {
        let expected =
            if row.recipient == key { (MessageState::Dead, Some("unwritable")) } else { (MessageState::Sent, None) };
        assert_eq!((row.state, row.reason.as_deref()), expected);
    }
    assert_eq!((bureau.ledger().get("failed"), bureau.ledger().get("sent")), (Some(&1), Some(&1)));
}
