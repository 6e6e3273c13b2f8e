//! "Why did, or didn't, this person get a mail?": the ledger and the outbox as they are read.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING};
use crate::support::smtp::{At, Does, MailServer};
use rectify::domain::reminder::{MessageState, ReminderState, Told};
use rectify::queries::messages::{self, MessageQuery};
use rectify::queries::page::{Ask, Slice};
use rectify::queries::reminders::{self, ReminderOut, ReminderQuery, ReminderStatus};
use rectify::queries::tickets;
use rectify::transaction::Failure;

const FIRST: &str = "2021Q2-F01-01";

fn ask(limit: i64, cursor: Option<String>) -> Ask {
    Ask { limit, cursor, count: true, fingerprint: "reminders".to_owned() }
}

async fn fortnight() -> Bureau {
    let mut bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads = [(FIRST.to_owned(), SHUANGQING), ("2021Q2-F01-02".to_owned(), DAXIANG)];
    bureau.issue(notice, &leads, "2021-08-27");
    for to in ["2021-08-16T09:00:00+08:00", "2021-08-18T08:30:00+08:00", "2021-08-24T08:30:00+08:00"] {
        bureau.jump(to).await;
    }
    bureau
}

fn list(bureau: &Bureau, query: ReminderQuery) -> Slice<ReminderOut> {
    let actor = bureau.actor("chen");
    bureau.read(move |read| reminders::list(read, &actor, &query, &ask(200, None)))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_one_ticket_and_one_person_there_is_one_answer() {
    let bureau = fortnight().await;
    let query = |recipient: &str| ReminderQuery {
        ticket: Some(FIRST.to_owned()),
        recipient: Some(recipient.to_owned()),
        ..ReminderQuery::default()
    };
    let shown = |slice: Slice<ReminderOut>| {
        let line = |one: &ReminderOut| {
            let why = one.superseded_by.as_deref().map(|by| format!(" ({by})")).unwrap_or_default();
            format!("{} {} {}{why}", one.at.utc().format("%m-%d"), one.rule, one.state)
        };
        slice.items.iter().map(line).collect::<Vec<_>>()
    };
    let expected = [
        "08-24 before-3 sent",
        "08-23 unacknowledged skipped (before-3)",
        "08-20 unacknowledged skipped (before-3)",
        "08-19 unacknowledged skipped (before-3)",
        "08-18 before-7 sent",
        "08-18 unacknowledged sent",
        "08-17 unacknowledged skipped (unacknowledged)",
        "08-16 assigned sent",
    ];
    let mut by_login = shown(list(&bureau, query("li")));
    by_login.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(by_login, expected);
    let id = bureau.user_id("li").to_string();
    for same in [id.as_str(), "li@example.cn"] {
        let mut others = shown(list(&bureau, query(same)));
        others.sort();
        assert_eq!(others, expected, "{same}");
    }
    assert!(list(&bureau, query("nobody")).items.is_empty());
    let of_a_mailbox = ReminderQuery { recipient: Some(DAXIANG.to_owned()), ..ReminderQuery::default() };
    assert_eq!(list(&bureau, of_a_mailbox).total, Some(8));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_read_by_day_and_state_in_pages() {
    let bureau = fortnight().await;
    let all = list(&bureau, ReminderQuery::default());
    assert_eq!(all.total, Some(i64::try_from(all.items.len()).unwrap()));
    let on = |day: &str| ReminderQuery {
        from: Some(day.parse().unwrap()),
        to: Some(day.parse().unwrap()),
        state: vec![ReminderState::Sent],
        ..ReminderQuery::default()
    };
    assert_eq!(list(&bureau, on("2021-08-24")).total, Some(2));
    assert_eq!(list(&bureau, on("2021-08-25")).total, Some(0));
    let actor = bureau.actor("chen");
    let paged = bureau.read(move |read| {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = reminders::list(read, &actor, &ReminderQuery::default(), &ask(7, cursor))?;
            seen.extend(page.items.into_iter().map(|one| one.id.unwrap()));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(seen);
            }
        }
    });
    assert_eq!(paged, all.items.iter().map(|one| one.id.unwrap()).collect::<Vec<_>>());
    let unknown = ReminderQuery { ticket: Some("2021Q2-F09-01".to_owned()), ..ReminderQuery::default() };
    let actor = bureau.actor("chen");
    let told = bureau.world.read_now(move |read| reminders::list(read, &actor, &unknown, &ask(7, None)));
    assert!(matches!(told, Err(Failure::Refused(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_sees_its_own_tickets_reminders_without_other_peoples_names() {
    let bureau = fortnight().await;
    let (li, chen) = (bureau.actor("li"), bureau.actor("chen"));
    let of = |actor: &rectify::domain::actor::Actor, key: &'static str| {
        let actor = actor.clone();
        bureau.world.read_now(move |read| reminders::of_ticket(read, &actor, key, &ask(200, None)))
    };
    assert!(of(&li, "2021Q2-F01-02").is_err(), "another unit's");
    let (own, whole) = (of(&li, FIRST).unwrap(), of(&chen, FIRST).unwrap());
    assert_eq!(own.total, whole.total);
    assert_eq!(own.items.len(), whole.items.len());
    // Those that came, the latest first; then those to come, the next first.
    let came = own.items.iter().take_while(|one| one.state != ReminderStatus::Planned).count();
    let (past, ahead) = own.items.split_at(came);
    assert!(past.is_sorted_by(|one, next| one.at >= next.at) && ahead.is_sorted_by_key(|one| one.at));
    // before-1, due-today, overdue-1, overdue-3 and eight weeks, to liaison and leader; copies and superiors besides.
    assert_eq!(ahead.len(), 2 + 2 + 4 + 9 * 5);
    assert!(ahead.iter().all(|one| one.state == ReminderStatus::Planned));
    let coordinators = |slice: &Slice<ReminderOut>| -> Vec<bool> {
        let copies = slice.items.iter().filter(|one| one.audience == [Told::Coordinators]);
        copies.map(|one| one.recipient.as_ref().unwrap().name.is_some()).collect()
    };
    assert!(coordinators(&own).iter().all(|named| !named) && !coordinators(&own).is_empty());
    assert!(coordinators(&whole).iter().all(|named| *named));
    let text = serde_json::to_string(&own.items).unwrap();
    assert!(!text.contains("chen") && !text.contains("mayor"), "{text}");
    let refused =
        bureau.world.read_now(move |read| reminders::list(read, &li, &ReminderQuery::default(), &ask(1, None)));
    assert!(refused.is_err(), "the ledger is the office's");
    // In pages the same.
    let paged = bureau.read(move |read| {
        let (mut seen, mut cursor) = (0, None);
        loop {
            let page = reminders::of_ticket(read, &chen, FIRST, &ask(10, cursor))?;
            seen += page.items.len();
            cursor = page.next;
            if cursor.is_none() {
                return Ok(seen);
            }
        }
    });
    assert_eq!(paged, whole.items.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_names_its_last_reminder() {
    let bureau = fortnight().await;
    let actor = bureau.actor("li");
    let ticket = bureau.read(move |read| tickets::get(read, &actor, FIRST));
    let last = ticket.last_reminder.unwrap();
    assert_eq!((last.rule.as_str(), last.state), ("before-3", ReminderState::Sent));
    assert_eq!(last.at, "2021-08-24T08:30:00+08:00".parse().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_tells_every_try() {
    let server = MailServer::start(|at, to, _| match at {
        At::Rcpt if to.starts_with("li") => Does::Say("550 5.1.1 no such user"),
        At::Greeting | At::Rcpt | At::Dot => Does::Behave,
    });
    let mut bureau = Bureau::with("2021-08-16T09:00:00+08:00", &server.settings());
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[(FIRST.to_owned(), SHUANGQING)], "2021-08-27");
    bureau.jump("2021-08-16T09:00:00+08:00").await;
    let (chen, li) = (bureau.actor("chen"), bureau.actor("li"));
    let details = bureau.read(move |read| {
        let query = MessageQuery { state: vec![MessageState::Dead], ..MessageQuery::default() };
        let dead = messages::list(read, &chen, &query, &ask(50, None))?;
        assert_eq!(dead.total, Some(1));
        let raw = messages::raw(read, &chen, dead.items[0].id)?.unwrap();
        assert!(raw.starts_with(b"Message-ID: <rectify."));
        messages::get(read, &chen, dead.items[0].id)
    });
    assert_eq!(details.message.address.as_deref(), Some("li@example.cn"));
    assert_eq!(details.message.reason.as_deref(), Some("refused"));
    assert_eq!(details.message.recipient.name.as_deref(), Some("li"));
    assert_eq!(details.message.last_attempt, details.log.first().cloned());
    assert_eq!((details.log[0].phase.as_str(), details.log[0].code), ("rcpt", Some(550)));
    assert_eq!(details.reminders[0].state, ReminderStatus::Failed);
    assert_eq!(details.reminders[0].subject.reference.as_deref(), Some(FIRST));
    let refused = bureau.world.read_now(move |read| messages::list(read, &li, &MessageQuery::default(), &ask(1, None)));
    assert!(refused.is_err());
}
