//! Over a real connection: what the courier makes of each thing that a mail server may do.

use crate::support::bureau::{Bureau, SHUANGQING, drop_leases, messages, read_mail};
use crate::support::smtp::{At, Does, MailServer};
use rectify::actions::messages::{self as messages_of_the_office, Operation};
use rectify::domain::actor::Actor;
use rectify::domain::reminder::{Anchor, MessageState};
use rectify::domain::ticket::Command;
use rectify::domain::vocabulary::Role;
use rectify::mail::{Delivered, Pauses};
use rectify::store::outbox::{self, AttemptRow, MessageRow};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const FIRST: &str = "2021Q2-F01-01";

/// A bureau that sends over that server, with one ticket: a mail to li and one to wang.
fn bureau(server: &MailServer) -> Bureau {
    let bureau = Bureau::with("2021-08-16T09:00:00+08:00", &server.settings());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau
}

fn to(bureau: &Bureau, login: &'static str) -> MessageRow {
    let key = format!("user:{}", bureau.user_id(login));
    messages(bureau).into_iter().find(|row| row.recipient == key).unwrap()
}

fn attempts(bureau: &Bureau, row: &MessageRow) -> Vec<AttemptRow> {
    let id = row.id;
    bureau.write(move |tx| Ok(outbox::attempts_of(tx.conn, id)?))
}

fn recipients(server: &MailServer) -> Vec<String> {
    let mut all: Vec<String> = server.mails().iter().map(|mail| read_mail(mail).to).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_for_now_is_tried_again_with_the_same_bytes() {
    let refuses = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&refuses);
    let server = MailServer::start(move |at, to, _| match at {
        At::Dot if to.starts_with("li") && still.load(Ordering::Relaxed) => Does::Say("451 4.3.0 later"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.retried, done.dead), (1, 1, 0));
    let row = to(&bureau, "li");
    assert_eq!(row.state, MessageState::Retry);
    // In a minute, more or less.
    let wait = (row.next_at.unwrap().micros() - row.created_at.micros()) / 1_000_000;
    assert!((48..=72).contains(&wait), "{wait}");
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().retried, 0, "not before its time");
    refuses.store(false, Ordering::Relaxed);
    bureau.clock.set(row.next_at.unwrap()).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    let row = to(&bureau, "li");
    assert_eq!((row.state, row.attempts), (MessageState::Sent, 2));
    let log: Vec<_> =
        attempts(&bureau, &row).into_iter().map(|one| (one.no, one.phase, one.code, one.result)).collect();
    let line = |no, code, result: &str| (no, "dot".to_owned(), Some(code), result.to_owned());
    assert_eq!(log, [line(1, 451, "retry"), line(2, 250, "sent")]);
    let lis: Vec<Vec<u8>> = server.mails().into_iter().filter(|mail| read_mail(mail).to == "li@example.cn").collect();
    assert_eq!(lis.len(), 2);
    assert_eq!(lis[0], lis[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenth_refused_for_now_arrives_once_each() {
    // Every recipient's first attempt is put off.
    let seen = std::sync::Mutex::new(std::collections::HashSet::new());
    let server = MailServer::start(move |at, to, _| match at {
        At::Rcpt if seen.lock().unwrap().insert(to.to_owned()) => Does::Say("450 greylisted"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.retried), (0, 2));
    bureau.clock.set("2021-08-16T09:02:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 2);
    assert_eq!(recipients(&server), ["li@example.cn", "wang@example.cn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_for_good_is_dead_and_the_others_arrive() {
    let server = MailServer::start(|at, to, _| match at {
        At::Rcpt if to.starts_with("li") => Does::Say("550 5.1.1 no such user"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead), (1, 1));
    let row = to(&bureau, "li");
    assert_eq!((row.state, row.reason.as_deref(), row.next_at), (MessageState::Dead, Some("refused"), None));
    let log = attempts(&bureau, &row);
    assert_eq!((log[0].phase.as_str(), log[0].code, log[0].reply.as_str()), ("rcpt", Some(550), "5.1.1 no such user"));
    assert_eq!(bureau.ledger().get("failed"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_the_units_second_mailbox_and_its_leader_are_told() {
    let server = MailServer::start(|at, to, _| match at {
        At::Rcpt if to.starts_with("li") => Does::Say("550 5.1.1 no such user"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    bureau.change_unit(SHUANGQING, |unit| unit.backup_mailbox = Some("duty@example.cn".to_owned()));
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    // The leader was told already.
    assert_eq!(recipients(&server), ["duty@example.cn", "wang@example.cn"]);
    let tally = bureau.jump("2021-08-17T08:30:00+08:00").await;
    assert_eq!((tally.planned, tally.sent), (1, 2));
    assert_eq!(recipients(&server)[..], ["duty@example.cn", "duty@example.cn", "wang@example.cn", "wang@example.cn"]);
    assert_eq!((bureau.ledger().get("failed"), bureau.ledger().get("sent")), (Some(&2), Some(&4)));
    // Refused there too, nobody is left but the office, on its desk.
    bureau.change_unit(SHUANGQING, |unit| unit.backup_mailbox = Some("li.duty@example.cn".to_owned()));
    bureau.change_person("wang", |row| row.active = false);
    let tally = bureau.jump("2021-08-18T08:30:00+08:00").await;
    assert_eq!(tally.sent, 0);
    assert_eq!(bureau.jump("2021-08-18T08:30:00+08:00").await, rectify::reminders::Tally::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_never_came_is_asked_for_once_more_with_the_same_bytes_and_then_given_up() {
    let server = MailServer::start(|at, to, _| match at {
        At::Dot if to.starts_with("li") => Does::Stall,
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.uncertain, done.dead), (1, 1, 0));
    let row = to(&bureau, "li");
    assert_eq!(row.state, MessageState::Uncertain);
    let wait = (row.next_at.unwrap().micros() - row.created_at.micros()) / 60_000_000;
    assert!((5..=30).contains(&wait), "{wait}");
    bureau.clock.set(row.next_at.unwrap()).unwrap();
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.uncertain, done.dead), (0, 0, 1));
    let row = to(&bureau, "li");
    assert_eq!((row.state, row.reason.as_deref()), (MessageState::Dead, Some("uncertain")));
    bureau.clock.set("2021-08-18T07:00:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap(), Delivered::default());
    let lis: Vec<Vec<u8>> = server.mails().into_iter().filter(|mail| read_mail(mail).to == "li@example.cn").collect();
    assert_eq!(lis.len(), 2);
    assert_eq!(lis[0], lis[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_channel_kills_nobody() {
    let works = Arc::new(AtomicBool::new(false));
    let now = Arc::clone(&works);
    let server = MailServer::start(move |at, _, _| match at {
        At::Greeting if !now.load(Ordering::Relaxed) => Does::Say("535 5.7.8 not you"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    for _ in 0..20 {
        bureau.act(
            "chen",
            FIRST,
            rectify::domain::ticket::Command::Urge { note: None },
            Some(rectify::domain::reminder::Anchor::Urged),
        );
    }
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead, done.retried), (0, 0, 0));
    assert!((1..=4).contains(&done.faults), "{done:?}");
    assert!(messages(&bureau).iter().all(|row| row.state == MessageState::Queued));
    let tried = server.connections();
    // The channel is paused: nobody knocks.
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap(), Delivered::default());
    assert_eq!(server.connections(), tried);
    let pause = bureau.write(|tx| Ok(outbox::pause(tx.conn)?)).unwrap();
    assert_eq!((pause.times, pause.reason.as_str()), (1, "greeting: 5.7.8 not you"));
    works.store(true, Ordering::Relaxed);
    let done = bureau.courier.until_idle(Pauses::Ignored).await.unwrap();
    assert_eq!((done.sent, done.faults), (42, 0));
    assert_eq!(bureau.write(|tx| Ok(outbox::pause(tx.conn)?)), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_away_costs_no_mail() {
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings =
        [("mail.transport", "smtp".to_owned()), ("mail.smtp_url", format!("smtp://127.0.0.1:{port}?tls=none"))];
    let mut bureau = Bureau::with("2021-08-16T09:00:00+08:00", &settings);
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead), (0, 0));
    let listener = std::net::TcpListener::bind(("127.0.0.1", port));
    drop(listener);
    assert!(messages(&bureau).iter().all(|row| row.state.is_waiting()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_died_while_sending_is_told_of_and_its_mail_sent_again() {
    let server = MailServer::start(|_, _, _| Does::Behave);
    let mut bureau = bureau(&server);
    // Put off once, so that it has its bytes; then claimed by a worker that dies.
    bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    let row = to(&bureau, "li");
    let id = row.id;
    bureau.forget_delivery(id);
    drop_leases(&bureau);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    let row = to(&bureau, "li");
    let log: Vec<_> = attempts(&bureau, &row).into_iter().map(|one| one.result).collect();
    assert_eq!(log, ["sent", "uncertain", "sent"]);
    let lis: Vec<Vec<u8>> = server.mails().into_iter().filter(|mail| read_mail(mail).to == "li@example.cn").collect();
    assert_eq!(lis[0], lis[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_waits_over_midnight_is_written_anew_with_what_holds_then() {
    let refuses = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&refuses);
    let server = MailServer::start(move |at, _, _| match at {
        At::Rcpt if still.load(Ordering::Relaxed) => Does::Say("451 later"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    let old = to(&bureau, "li");
    refuses.store(false, Ordering::Relaxed);
    bureau.clock.set("2021-08-17T07:00:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 2);
    let new = to(&bureau, "li");
    assert_ne!(new.id, old.id);
    // It is as old as the first one, and its tries count on.
    assert_eq!((new.since, new.attempts, new.state), (old.since, 2, MessageState::Sent));
    let row = messages(&bureau).into_iter().find(|row| row.id == old.id).unwrap();
    assert_eq!((row.state, row.reason.as_deref()), (MessageState::Cancelled, Some("replaced")));
    assert_eq!(recipients(&server), ["li@example.cn", "wang@example.cn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_address_is_used_at_once_also_by_what_waits() {
    let server = MailServer::start(move |at, to, _| match at {
        At::Rcpt if to.starts_with("li@") => Does::Say("451 later"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    bureau.change_person("li", |row| row.email = Some("li.new@example.cn".to_owned()));
    bureau.clock.set("2021-08-16T09:02:00+08:00".parse().unwrap()).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    assert_eq!(recipients(&server), ["li.new@example.cn", "wang@example.cn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_days_a_mail_is_given_up() {
    let server = MailServer::start(|at, to, _| match at {
        At::Rcpt if to.starts_with("li") => Does::Say("451 later"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let mut tries = 0;
    for _ in 0..100 {
        // In a jump the rate, which such answers halve, doesn't matter.
        let done = bureau.courier.until_idle(Pauses::Ignored).await.unwrap();
        tries += done.retried;
        if done.dead > 0 {
            break;
        }
        bureau.clock.set(to(&bureau, "li").next_at.unwrap()).unwrap();
    }
    let row = to(&bureau, "li");
    assert_eq!((row.state, row.reason.as_deref()), (MessageState::Dead, Some("given_up")));
    assert!((20..=30).contains(&tries), "{tries}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_mails_arrive_once_each_over_four_connections() {
    let server = MailServer::start(|_, _, _| Does::Behave);
    let mut bureau = Bureau::with("2021-08-16T09:00:00+08:00", &server.settings());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.person("sun", SHUANGQING, &[Role::Liaison]);
    let leads: Vec<_> = (0..334).map(|n| (format!("2021Q2-F01-{n:03}"), SHUANGQING)).collect();
    let begun = std::time::Instant::now();
    bureau.issue(notice, &leads, "2021-08-27");
    let issued = begun.elapsed();
    let begun = std::time::Instant::now();
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    println!("issued in {issued:?}, delivered in {:?}", begun.elapsed());
    assert_eq!((done.sent, done.dead, done.retried), (1_002, 0, 0));
    assert!(server.connections() <= 4 + 12, "{}", server.connections());
    let mut ids: Vec<String> = server
        .mails()
        .iter()
        .map(|mail| mail_parser::MessageParser::default().parse(mail).unwrap().message_id().unwrap().to_owned())
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_002);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_holds_releases_retries_and_cancels() {
    let refuses = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&refuses);
    let server = MailServer::start(move |at, to, _| match at {
        At::Rcpt if to.starts_with("li") && still.load(Ordering::Relaxed) => Does::Say("550 5.1.1 no such user"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = bureau(&server);
    let (chen, li) = (bureau.actor("chen"), bureau.actor("li"));
    let operate = |bureau: &Bureau, actor: &Actor, login: &'static str, operation: Operation, version: Option<i64>| {
        let (actor, id) = (actor.clone(), to(bureau, login).id);
        bureau.world.write_now(move |tx| messages_of_the_office::operate(tx, &actor, id, operation, version))
    };
    assert!(operate(&bureau, &li, "wang", Operation::Hold, None).is_err(), "the office's only");
    assert!(operate(&bureau, &chen, "wang", Operation::Hold, Some(99)).is_err(), "stale");
    assert!(operate(&bureau, &chen, "wang", Operation::Release, None).is_err(), "not held");
    operate(&bureau, &chen, "wang", Operation::Hold, None).unwrap();
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!((done.sent, done.dead), (0, 1));
    operate(&bureau, &chen, "wang", Operation::Release, None).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    assert!(operate(&bureau, &chen, "wang", Operation::Cancel, None).is_err(), "sent");
    refuses.store(false, Ordering::Relaxed);
    operate(&bureau, &chen, "li", Operation::Retry, None).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    assert_eq!(recipients(&server), ["li@example.cn", "wang@example.cn"]);
    assert_eq!(bureau.ledger().get("sent"), Some(&2));
    bureau.act("chen", FIRST, Command::Urge { note: None }, Some(Anchor::Urged));
    operate(&bureau, &chen, "li", Operation::Cancel, None).unwrap();
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 1);
    assert_eq!(
        (to(&bureau, "li").state, to(&bureau, "li").reason.as_deref()),
        (MessageState::Cancelled, Some("by_operator"))
    );
}
