//! "Why did, or didn't, this person get a mail on this ticket?": of every step one answer.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING};
use crate::support::smtp::{At, Does, MailServer};
use rectify::domain::reminder::Anchor;
use rectify::domain::ticket::Command;
use rectify::domain::words::Lang;
use rectify::queries::why::{self, WhyOut, WhyQuery};
use rectify::transaction::Outcome;

const FIRST: &str = "2021Q2-F01-01";
const SECOND: &str = "2021Q2-F01-02";

async fn fortnight(bureau: &mut Bureau) {
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads = [(FIRST.to_owned(), SHUANGQING), (SECOND.to_owned(), DAXIANG)];
    bureau.issue(notice, &leads, "2021-08-27");
    for to in ["2021-08-16T09:00:00+08:00", "2021-08-18T08:30:00+08:00", "2021-08-24T08:30:00+08:00"] {
        bureau.jump(to).await;
    }
}

fn asked(bureau: &Bureau, reader: &'static str, ticket: &str, recipient: &str, lang: Lang) -> Outcome<WhyOut> {
    let actor = bureau.actor(reader);
    let query = WhyQuery { ticket: ticket.to_owned(), recipient: recipient.to_owned() };
    bureau.world.read_now(move |read| why::why(read, &actor, &query, lang))
}

fn answer(bureau: &Bureau, recipient: &str) -> WhyOut {
    asked(bureau, "chen", FIRST, recipient, Lang::En).unwrap()
}

fn reasons(answer: &WhyOut) -> Vec<String> {
    let line = |one: &why::NotToldOut| format!("{} {} {}", one.at.utc().format("%m-%d"), one.rule, one.reason);
    answer.not_told.iter().filter(|one| one.reason != "not_in_audience").map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_every_step_it_is_said_why_somebody_was_told_or_was_not() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    fortnight(&mut bureau).await;
    let li = answer(&bureau, "li");
    let told: Vec<&str> = li.told.iter().map(|one| one.reminder.rule.as_str()).collect();
    assert_eq!(told[0], "before-3");
    assert!(told.contains(&"assigned") && told.contains(&"before-7") && told.len() == 4, "{told:?}");
    assert!(li.told.iter().all(|one| one.attempt.as_ref().is_some_and(|attempt| attempt.result == "sent")));
    assert!(li.told.iter().all(|one| one.reminder.message_id.is_some()));
    let expected = [
        "08-23 unacknowledged superseded",
        "08-20 unacknowledged superseded",
        "08-19 unacknowledged superseded",
        "08-17 unacknowledged superseded",
    ];
    assert_eq!(reasons(&li), expected);
    assert_eq!(li.not_told[0].superseded_by.as_deref(), Some("before-3"));
    let next = li.next.as_ref().unwrap();
    assert_eq!((next.rule.as_str(), next.at.to_string().as_str()), ("before-1", "2021-08-26T00:30:00Z"));
    assert!(li.words.starts_with("li was told 4 times of 2021Q2-F01-01; the last: 2021-08-24 08:30:"), "{}", li.words);
    assert!(li.words.contains("comes next, at 2021-08-26 08:30"), "{}", li.words);
    let zh = asked(&bureau, "chen", FIRST, "li", Lang::Zh).unwrap();
    assert!(zh.words.starts_with("li已就 2021Q2-F01-01 收到 4 条提醒"), "{}", zh.words);
    // The leader is told from the third reminder on, and of what is near.
    let wang = answer(&bureau, "wang");
    assert!(wang.not_told.iter().any(|one| one.rule == "before-7" && one.reason == "not_in_audience"), "{wang:?}");
    // Nobody is told who has nothing to do with it.
    let none = answer(&bureau, DAXIANG);
    assert!(none.told.is_empty() && none.roles.is_empty() && none.next.is_none());
    assert!(none.not_told.iter().all(|one| one.reason == "not_in_audience") && !none.not_told.is_empty());
    assert!(none.words.contains("No rule tells this one"), "{}", none.words);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_is_off_a_person_who_came_later_and_a_changed_ticket_are_told_as_reasons() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    fortnight(&mut bureau).await;
    bureau.switch_off("before-1");
    bureau.person("zhao", SHUANGQING, &[rectify::domain::vocabulary::Role::Liaison]);
    bureau.act("li", FIRST, Command::Acknowledge { handler: "张三".into() }, None);
    bureau.jump("2021-08-26T12:00:00+08:00").await;
    let li = answer(&bureau, "li");
    assert_eq!(reasons(&li)[0], "08-26 before-1 rule_off");
    let zhao = reasons(&answer(&bureau, "zhao"));
    assert!(zhao.contains(&"08-24 before-3 others_then".to_owned()), "{zhao:?}");
    assert!(zhao.contains(&"08-16 assigned others_then".to_owned()), "{zhao:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_refused_is_the_reason_with_the_servers_own_words() {
    let server = MailServer::start(|at, to, _| match at {
        At::Rcpt if to.starts_with("li") => Does::Say("550 5.1.1 no such user"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = Bureau::with("2021-08-16T09:00:00+08:00", &server.settings());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    let li = answer(&bureau, "li");
    assert!(li.told.is_empty());
    assert_eq!(reasons(&li), ["08-16 assigned refused"]);
    let lost = li.not_told.iter().find(|one| one.rule == "assigned").unwrap();
    assert_eq!(lost.attempt.as_ref().unwrap().code, Some(550));
    assert!(lost.message_id.is_some() && lost.words.contains("refused by the server"), "{lost:?}");
    // Its leader's mail is the office's to see, but not its unit's reader's.
    let own = asked(&bureau, "wang", FIRST, "li", Lang::En).unwrap();
    let lost = own.not_told.iter().find(|one| one.rule == "assigned").unwrap();
    assert!(lost.attempt.is_none() && lost.message_id.is_none() && lost.reason == "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_waits_in_a_mail_and_what_the_next_look_tells_are_told_apart() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    fortnight(&mut bureau).await;
    bureau.clock.set("2021-08-26T08:30:00+08:00".parse().unwrap()).unwrap();
    assert!(reasons(&answer(&bureau, "li")).contains(&"08-26 before-1 due".to_owned()));
    bureau.look("2021-08-26T08:30:00+08:00");
    assert!(reasons(&answer(&bureau, "li")).contains(&"08-26 before-1 waits".to_owned()));
    bureau.jump("2021-08-26T08:31:00+08:00").await;
    assert_eq!(answer(&bureau, "li").told[0].reminder.rule, "before-1");
    // A line that no longer held when its mail was to leave.
    bureau.look("2021-08-27T08:30:00+08:00");
    bureau.act("deng", FIRST, Command::Cancel { reason: "重复".into() }, Some(Anchor::Cancelled));
    bureau.jump("2021-08-27T08:31:00+08:00").await;
    let li = answer(&bureau, "li");
    assert!(reasons(&li).contains(&"08-27 due-today no_longer_owed".to_owned()), "{:?}", reasons(&li));
    assert_eq!(li.told[0].reminder.rule, "cancelled");
    assert!(li.next.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_asks_for_its_own_tickets_and_people_and_nothing_else_is_there() {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    fortnight(&mut bureau).await;
    let of = |reader: &'static str, ticket: &str, recipient: &str| asked(&bureau, reader, ticket, recipient, Lang::En);
    for (ticket, recipient) in [
        (SECOND, "li"),
        ("2021Q2-F09-01", "li"),
        (FIRST, "chen"),
        (FIRST, "mayor"),
        (FIRST, DAXIANG),
        (FIRST, "nobody"),
        (FIRST, "chen@example.cn"),
    ] {
        assert!(of("li", ticket, recipient).is_err(), "{ticket} {recipient}");
    }
    let own = of("li", FIRST, "wang@example.cn").unwrap();
    assert_eq!(own.recipient.name.as_deref(), Some("wang"));
    let text = serde_json::to_string(&own).unwrap();
    assert!(!text.contains("chen") && !text.contains("mayor"), "{text}");
    assert!(of("chen", SECOND, DAXIANG).unwrap().told.len() > 1, "a mailbox is asked for by its unit");
    assert!(of("chen", SECOND, "nobody").is_err());
}
