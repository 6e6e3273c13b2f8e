//! What the databases do to answer: every list and count walks an index. The statements are overheard from the store's
//! own functions, and each is explained by the database itself.

use crate::support::database::TestDatabase;
use chrono::NaiveDate;
use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use rectify::domain::actor::Scope;
use rectify::domain::id::{
    AssetId, AttachmentId, FeedbackId, FindingId, MessageId, NoticeId, SubjectId, TicketId, UnitId,
};
use rectify::domain::instant::Instant;
use rectify::domain::reminder::{MessageState, ReminderState};
use rectify::domain::vocabulary::{Ball, Light, NoticeState, Pending, Role, Severity, State, UnitKind};
use rectify::store::statistics::{Grouping, Period, Stretch};
use rectify::store::tickets::{AsOf, TicketFilter, TicketKey, TicketSort};
use rectify::store::{Backend, Conn, StoreError, StoreResult};
use rectify::store::{
    attachments, events, feedback, idempotency, ledger, notices, outbox, sessions, statistics, tickets, tokens, units,
    users,
};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A statement as the store says it, under the name of the question.
struct Said {
    question: String,
    sql: String,
}

/// Small tables, which don't grow with the years: what is over is swept out of the last two.
const SMALL: &[&str] = &["units", "users", "sessions", "ticks"];

/// Questions that have to look everywhere: what they are called, the table, and why.
const LOOKS_EVERYWHERE: &[(&str, &str, &str)] = &[
    ("by a text", "findings", "a text may stand in any of them"),
    ("count of tickets by a text", "tickets", "a text may stand in any of them"),
    ("count of tickets not overdue", "tickets", "most are not"),
    ("count of tickets prominent", "tickets", "asked for with `count` only"),
    ("attempts since", "attempts", "the command line asks it once, after it has sent"),
    ("all events", "events", "the table is its own index, and is read in its order"),
];

fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

fn moment() -> Instant {
    "2021-08-27T01:00:00Z".parse().unwrap()
}

fn day() -> NaiveDate {
    "2021-08-27".parse().unwrap()
}

/// Everything the store is asked in `ask`.
fn overhear(conn: &mut Conn, question: &str, said: &mut Vec<Said>, ask: impl FnOnce(&mut Conn) -> StoreResult<()>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    conn.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            ear.lock().unwrap().push(query.to_string());
        }
    });
    ask(conn).unwrap();
    conn.set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty(), "{question} asks nothing");
    said.extend(
        heard.iter().map(|text| Said {
            question: question.to_owned(),
            sql: text.split(" -- binds:").next().unwrap().to_owned(),
        }),
    );
}

/// Filters that people use, one name each.
fn filters() -> Vec<(&'static str, TicketFilter)> {
    let all = TicketFilter::default;
    vec![
        ("all", all()),
        ("of a notice", TicketFilter { notices: vec![id(1)], ..all() }),
        ("of a unit", TicketFilter { units: vec![id(1)], ..all() }),
        ("of a lead", TicketFilter { leads: vec![id::<UnitId>(1)], ..all() }),
        ("of a co-unit", TicketFilter { cos: vec![id(1)], ..all() }),
        ("in a state", TicketFilter { states: vec![State::Submitted], ..all() }),
        ("by the ball", TicketFilter { balls: vec![Ball::Unit], ..all() }),
        ("red", TicketFilter { lights: vec![Light::Red], ..all() }),
        ("yellow or red", TicketFilter { lights: vec![Light::Yellow, Light::Red], ..all() }),
        ("overdue", TicketFilter { overdue: Some(true), ..all() }),
        ("not overdue", TicketFilter { overdue: Some(false), ..all() }),
        ("unacknowledged", TicketFilter { unacknowledged: Some(true), ..all() }),
        ("pending", TicketFilter { pending: vec![Pending::Extension], ..all() }),
        ("with a milestone to decide", TicketFilter { milestone_reported: true, ..all() }),
        (
            "waiting for any decision",
            TicketFilter { pending: vec![Pending::Extension], milestone_reported: true, ..all() },
        ),
        ("reviewed late", TicketFilter { balls: vec![Ball::Coordinator], submitted_before: Some(moment()), ..all() }),
        ("repeating another", TicketFilter { recurrences_of: vec![id(1)], ..all() }),
        ("due in a span", TicketFilter { due_from: Some(day()), due_to: Some(day()), ..all() }),
        ("look-backs due", TicketFilter { states: vec![State::Accepted], look_back_to: Some(day()), ..all() }),
        ("prominent", TicketFilter { severities: vec![Severity::Prominent], ..all() }),
        ("of an asset", TicketFilter { assets: vec![id::<AssetId>(1)], ..all() }),
        ("by a text", TicketFilter { text: Some("账号".into()), ..all() }),
        ("overdue of a notice", TicketFilter { notices: vec![id(1)], overdue: Some(true), ..all() }),
    ]
}

fn sorts() -> [(&'static str, TicketSort, TicketKey); 5] {
    [
        ("due", TicketSort::DueOn, TicketKey::Due(day(), id(1))),
        ("due last", TicketSort::DueOnDescending, TicketKey::Due(day(), id(1))),
        ("changed last", TicketSort::UpdatedDescending, TicketKey::Updated(moment(), id(1))),
        ("submitted first", TicketSort::Submitted, TicketKey::Submitted(moment(), id(1))),
        ("reference", TicketSort::Reference, TicketKey::Reference("2021Q2-F01-01".into())),
    ]
}

/// Lists of tickets: each filter in each order, first page and next, for the office and for a unit.
fn ticket_lists(conn: &mut Conn) -> Vec<Said> {
    let as_of = AsOf { now: moment(), first_green_on: day() };
    let mut said = Vec::new();
    for (whose, scope) in [("office", Scope::All), ("unit", Scope::Units(vec![id(1), id(2)]))] {
        for (filtered, filter) in filters() {
            for (sorted, sort, key) in sorts() {
                for (page, after) in [("first", None), ("next", Some(key.clone()))] {
                    let question = format!("tickets {filtered}, by {sorted}, {page} page, {whose}");
                    overhear(conn, &question, &mut said, |conn| {
                        tickets::list(conn, &filter, &scope, as_of, sort, after, 50).map(drop)
                    });
                }
            }
            overhear(conn, &format!("count of tickets {filtered}, {whose}"), &mut said, |conn| {
                tickets::count(conn, &filter, &scope, as_of).map(drop)
            });
        }
    }
    said
}

/// The other lists, counts and looks of the store.
fn other_lists(conn: &mut Conn) -> Vec<Said> {
    let unit = Scope::Units(vec![id(1), id(2)]);
    let (ticket, notice, finding): (TicketId, NoticeId, FindingId) = (id(1), id(1), id(1));
    let letter: FeedbackId = id(1);
    let people = users::UserFilter { roles: vec![Role::Liaison], text: Some("a".into()), ..Default::default() };
    let kinds = units::UnitFilter { kinds: vec![UnitKind::County], text: Some("a".into()), ..Default::default() };
    let mut said = Vec::new();
    let mut hear = |question: &str, ask: &dyn Fn(&mut Conn) -> StoreResult<()>| {
        overhear(conn, question, &mut said, ask);
    };
    hear("a ticket by reference", &|conn| tickets::find(conn, "2021Q2-F01-01", &unit).map(drop));
    hear("a ticket to change", &|conn| tickets::lock(conn, "2021Q2-F01-01", &unit).map(drop));
    hear("tickets by ids", &|conn| tickets::by_ids(conn, &[ticket]).map(drop));
    hear("co-units of tickets", &|conn| tickets::co_units_of(conn, &[ticket]).map(drop));
    hear("tickets by unit", &|conn| tickets::by_unit(conn, &Scope::All, moment()).map(drop));
    hear("tickets by unit, of a unit", &|conn| tickets::by_unit(conn, &unit, moment()).map(drop));
    let period = Period { from: day(), to: day(), now: moment(), zone: chrono_tz::Asia::Shanghai };
    for grouping in [Grouping::Unit, Grouping::Finding, Grouping::Notice, Grouping::DueOn] {
        hear("statistics, counted", &|conn| statistics::counts(conn, grouping, period).map(drop));
        for stretch in [Stretch::ToSubmission, Stretch::ToAcceptance, Stretch::Reviewed, Stretch::Waiting] {
            hear("statistics, days", &|conn| statistics::stretches(conn, grouping, stretch, period).map(drop));
        }
    }
    hear("tickets of findings", &|conn| tickets::of_findings(conn, &[finding]).map(drop));
    hear("tickets that repeat one", &|conn| tickets::recurrences_of(conn, ticket, &unit).map(drop));
    hear("tickets of a handler", &|conn| tickets::lock_handled(conn, id(1), "张三").map(drop));
    hear("tickets by state", &|conn| tickets::by_state(conn, &Scope::All).map(drop));
    hear("tickets by state, of a unit", &|conn| tickets::by_state(conn, &unit).map(drop));
    hear("tickets by notice", &|conn| tickets::by_notice(conn, &[notice], &unit).map(drop));
    hear("findings in sight", &|conn| tickets::findings_in_sight(conn, notice, &unit).map(drop));
    hear("names of tickets", &|conn| tickets::named(conn, &[ticket]).map(drop));
    hear("references of tickets", &|conn| tickets::references(conn, &[ticket]).map(drop));
    hear("versions of tickets", &|conn| tickets::first_with_other_version(conn).map(drop));
    hear("tickets to remind of", &|conn| tickets::due_for_reminders(conn, moment(), 100).map(drop));
    hear("open tickets of a notice", &|conn| tickets::open_of_notice(conn, notice).map(drop));
    hear("notices", &|conn| notices::list(conn, &[], None, None, 50).map(drop));
    hear("notices, next page", &|conn| {
        notices::list(conn, &[NoticeState::Issued], Some(&[notice]), Some(notice), 50).map(drop)
    });
    hear("notices to remind of", &|conn| notices::due_for_reminders(conn, moment(), 100).map(drop));
    hear("notices that concern units", &|conn| notices::concerning(conn, &[id(1)]).map(drop));
    hear("coverage", &|conn| notices::coverage_of(conn, notice).map(drop));
    hear("requirements", &|conn| notices::requirements_of(conn, notice).map(drop));
    hear("units asked", &|conn| notices::requirement_units_of(conn, notice).map(drop));
    hear("units that answered", &|conn| notices::answered(conn, notice).map(drop));
    hear("answers of a letter", &|conn| notices::answers_of(conn, letter).map(drop));
    hear("findings", &|conn| notices::findings_of(conn, notice).map(drop));
    hear("units of findings", &|conn| notices::finding_units_of(conn, &[finding]).map(drop));
    hear("assets of findings", &|conn| notices::finding_assets_of(conn, &[finding]).map(drop));
    for (whose, scope) in [("office", &Scope::All), ("unit", &unit)] {
        for notice in [None, Some(notice)] {
            hear(&format!("letters of {notice:?}, {whose}"), &|conn| {
                feedback::list(conn, notice, &[], scope, Some(letter), 50).map(drop)
            });
        }
    }
    hear("items of letters", &|conn| feedback::items_of(conn, &[letter]).map(drop));
    hear("items of a ticket", &|conn| feedback::items_of_ticket(conn, ticket).map(drop));
    hear("head of a stream", &|conn| events::head(conn, "ticket:1").map(drop));
    hear("a stream", &|conn| events::list(conn, "ticket:1", 3, 50).map(drop));
    hear("length of a stream", &|conn| events::count(conn, "ticket:1").map(drop));
    hear("all events", &|conn| events::walk(conn, None, 500).map(drop));
    hear("all events, next page", &|conn| events::walk(conn, Some(("ticket:1", 3)), 500).map(drop));
    hear("files of a ticket", &|conn| attachments::of_owner(conn, attachments::Owner::Ticket(ticket)).map(drop));
    hear("files by ids", &|conn| attachments::by_ids(conn, &[id::<AttachmentId>(1)]).map(drop));
    hear("units", &|conn| units::list(conn, &kinds, Some("43"), 50).map(drop));
    hear("units below", &|conn| units::subtree(conn, id(1)).map(drop));
    hear("members of groups", &|conn| units::members(conn, &[id(1)]).map(drop));
    hear("groups of units", &|conn| units::groups_of(conn, &[id(1)]).map(drop));
    hear("people", &|conn| users::list(conn, &people, Some("a"), 50).map(drop));
    hear("people of a unit", &|conn| users::active_of_unit(conn, id(1)).map(drop));
    hear("people with a role", &|conn| users::active_with_role(conn, Role::Coordinator).map(drop));
    said
}

/// What the engine, the courier and the doors ask all day.
fn daily_looks(conn: &mut Conn) -> Vec<Said> {
    let (message, subject): (MessageId, SubjectId) = (id(1), id(1));
    let mut said = Vec::new();
    let mut hear = |question: &str, ask: &dyn Fn(&mut Conn) -> StoreResult<()>| {
        overhear(conn, question, &mut said, ask);
    };
    let all = ledger::ReminderFilter::default;
    for (narrowed, filter) in [
        ("", all()),
        (" of a ticket", ledger::ReminderFilter { subject: Some(subject), ..all() }),
        (" to somebody", ledger::ReminderFilter { recipients: vec!["user:1".into()], ..all() }),
        (" in a state", ledger::ReminderFilter { states: vec![ReminderState::Failed], ..all() }),
        (" in a span", ledger::ReminderFilter { from: Some(moment()), before: Some(moment()), ..all() }),
    ] {
        for after in [None, Some((moment(), id(1)))] {
            hear(&format!("reminders{narrowed}"), &|conn| ledger::list(conn, &filter, after, 50).map(drop));
        }
        hear(&format!("count of reminders{narrowed}"), &|conn| ledger::count(conn, &filter).map(drop));
    }
    hear("steps in the ledger", &|conn| ledger::handled(conn, &[subject]).map(drop));
    hear("lines of messages", &|conn| ledger::queued_of(conn, &[message]).map(drop));
    hear("lines of a message", &|conn| ledger::of_message(conn, message, 50).map(drop));
    hear("lines that end", &|conn| ledger::end_lines(conn, message, ReminderState::Sent, None, moment()).map(drop));
    hear("newest reminders", &|conn| ledger::mark_newest(conn, &[id(1)]));
    let all = outbox::MessageFilter::default;
    for (narrowed, filter) in [
        ("", all()),
        (" in a state", outbox::MessageFilter { states: vec![MessageState::Dead], ..all() }),
        (" to somebody", outbox::MessageFilter { recipients: vec!["user:1".into()], ..all() }),
    ] {
        hear(&format!("messages{narrowed}"), &|conn| outbox::list(conn, &filter, Some(message), 50).map(drop));
        hear(&format!("count of messages{narrowed}"), &|conn| outbox::count(conn, &filter).map(drop));
    }
    hear("is a message due", &|conn| {
        outbox::look(conn, outbox::Now { office: moment(), machine: moment(), is_open: true }).map(drop)
    });
    hear("messages to send", &|conn| {
        let lease = chrono::TimeDelta::minutes(2);
        let claim = outbox::Claim {
            token: id(1),
            now: outbox::Now { office: moment(), machine: moment(), is_open: true },
            lease,
            at_most: 10,
            is_rescue: true,
        };
        outbox::claim(conn, &claim).map(drop)
    });
    hear("attempts of a message", &|conn| outbox::attempts_of(conn, message).map(drop));
    hear("last attempts", &|conn| outbox::last_attempts(conn, &[message]).map(drop));
    hear("attempts since", &|conn| outbox::attempts_since(conn, moment()).map(drop));
    for after in [None, Some((moment(), id(1)))] {
        hear("tickets to remind of by then", &|conn| tickets::to_remind(conn, moment(), after, 200).map(drop));
    }
    hear("mails by state", &|conn| outbox::open_counts(conn).map(drop));
    hear("the mail that waits longest", &|conn| outbox::oldest_due(conn, moment()).map(drop));
    hear("what holds mails up", &|conn| {
        outbox::pause(conn)?;
        outbox::hold(conn).map(drop)
    });
    hear("is a ticket to be reminded of", &|conn| tickets::is_reminder_due(conn, moment()).map(drop));
    hear("is a notice to be reminded of", &|conn| notices::is_reminder_due(conn, moment()).map(drop));
    hear("does a notice concern units", &|conn| notices::concerns(conn, id(1), &[id(1)]).map(drop));
    hear("heads of streams", &|conn| events::head_numbers(conn, &["ticket:1".into()]).map(drop));
    hear("an event", &|conn| events::find_by_id(conn, id(1)).map(drop));
    hear("last event of an act", &|conn| events::last_of_act(conn, "ticket:1", "ticket.objected").map(drop));
    hear("a session", &|conn| sessions::by_hash(conn, &[1]).map(drop));
    hear("old sessions", &|conn| sessions::sweep(conn, moment()).map(drop));
    hear("a token", &|conn| tokens::by_hash(conn, &[1]).map(drop));
    hear("tokens of somebody", &|conn| tokens::list(conn, id(1), Some(id(1)), 50).map(drop));
    hear("an answer under its key", &|conn| idempotency::find(conn, "user:1", "a").map(drop));
    hear("old answers", &|conn| idempotency::sweep(conn, moment()).map(drop));
    said
}

#[derive(QueryableByName)]
struct SqliteStep {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct PostgresStep {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    detail: String,
}

/// How the database would answer, one step a line. Unbound values don't change the way.
enum Explainer {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Explainer {
    fn new(test: &TestDatabase) -> Self {
        match test.db.backend() {
            Backend::Sqlite => Self::Sqlite(SqliteConnection::establish(test.url()).unwrap()),
            Backend::Postgres => {
                let mut conn = PgConnection::establish(test.url()).unwrap();
                // Empty tables are read whole gladly: what matters is whether there is another way.
                conn.batch_execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").unwrap();
                Self::Postgres(conn)
            }
        }
    }

    fn steps(&mut self, sql: &str) -> Vec<String> {
        match self {
            Self::Sqlite(conn) => {
                let steps: Vec<SqliteStep> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(conn).unwrap();
                steps.into_iter().map(|step| step.detail).collect()
            }
            Self::Postgres(conn) => {
                conn.batch_execute(&format!("DEALLOCATE ALL; PREPARE asked AS {sql}")).unwrap();
                let binds = (1..=u16::MAX).take_while(|number| holds_bind(sql, *number)).count();
                let execute = if binds == 0 { String::new() } else { format!("({})", vec!["NULL"; binds].join(", ")) };
                let steps: Vec<PostgresStep> =
                    diesel::sql_query(format!("EXPLAIN EXECUTE asked{execute}")).load(conn).unwrap();
                steps.into_iter().map(|step| step.detail.trim().trim_start_matches("->").trim().to_owned()).collect()
            }
        }
    }
}

fn holds_bind(sql: &str, number: u16) -> bool {
    let bind = format!("${number}");
    sql.split(&bind).skip(1).any(|after| !after.starts_with(|next: char| next.is_ascii_digit()))
}

/// The table that a step reads from end to end without an index.
fn read_whole(step: &str) -> Option<&str> {
    let sqlite = step.strip_prefix("SCAN ").filter(|rest| !rest.contains(" USING ") && !rest.starts_with("CONSTANT"));
    let postgres = step.strip_prefix("Seq Scan on ");
    sqlite.or(postgres)?.split_whitespace().next()
}

fn explained(ask: fn(&mut Conn) -> Vec<Said>) -> Vec<(Said, Vec<String>)> {
    let test = TestDatabase::new();
    let said = test.db.write_now::<_, StoreError, _>(move |conn| Ok(ask(conn))).unwrap();
    let mut explainer = Explainer::new(&test);
    said.into_iter()
        .map(|said| {
            let steps = explainer.steps(&said.sql);
            (said, steps)
        })
        .collect()
}

fn may_read_whole(question: &str, table: &str) -> bool {
    SMALL.contains(&table)
        || LOOKS_EVERYWHERE.iter().any(|(name, of_table, _)| question.contains(name) && *of_table == table)
}

/// The statements that read a growing table whole, with their plans.
fn faults(ask: fn(&mut Conn) -> Vec<Said>) -> Vec<String> {
    plans(ask, |question, steps| {
        steps.iter().filter_map(|step| read_whole(step)).any(|table| !may_read_whole(question, table))
    })
}

/// The statements, with their plans, of which `is_wanted(question, steps)`.
fn plans(ask: fn(&mut Conn) -> Vec<Said>, is_wanted: impl Fn(&str, &[String]) -> bool) -> Vec<String> {
    explained(ask)
        .into_iter()
        .filter(|(said, steps)| is_wanted(&said.question, steps))
        .map(|(said, steps)| format!("{}\n  {}\n  {}", said.question, said.sql, steps.join("\n  ")))
        .collect()
}

#[test]
fn every_list_of_tickets_walks_an_index() {
    let faults = faults(ticket_lists);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_other_list_walks_an_index() {
    let faults = faults(other_lists);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_daily_look_walks_an_index() {
    let faults = faults(daily_looks);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// PostgreSQL decides by what its tables hold, and these are empty.
fn is_sqlite() -> bool {
    matches!(TestDatabase::new().db.backend(), Backend::Sqlite)
}

/// A page of the usual lists is read in order and left off where it ends; nothing is sorted first.
#[test]
fn a_page_of_the_usual_lists_is_not_sorted() {
    if !is_sqlite() {
        return;
    }
    let usual = ["all", "of a notice", "of a lead", "in a state", "pending", "by the ball", "red", "overdue"];
    let sorted = plans(ticket_lists, |question, steps| {
        let is_usual = usual.iter().any(|name| question.starts_with(&format!("tickets {name}, by due")));
        let is_sorted = steps.iter().any(|step| step.contains("FOR ORDER BY"));
        is_usual && question.ends_with("office") && is_sorted
    });
    assert!(sorted.is_empty(), "{}", sorted.join("\n"));
}

/// What was struck off in years past is not passed over on the way to what is due.
#[test]
fn what_lies_with_the_units_is_found_by_their_own_index() {
    if !is_sqlite() {
        return;
    }
    let with_units = ["by the ball", "red", "yellow or red", "overdue"];
    let others = plans(ticket_lists, |question, steps| {
        let is_asked = with_units.iter().any(|name| {
            question.starts_with(&format!("tickets {name}, by due"))
                || question == format!("count of tickets {name}, office")
        });
        let uses_it = steps.iter().any(|step| step.contains("tickets_unit_move"));
        is_asked && question.ends_with("office") && !uses_it
    });
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn a_plan_without_an_index_is_seen() {
    fn by_title(conn: &mut Conn) -> Vec<Said> {
        let mut said = Vec::new();
        overhear(conn, "by title", &mut said, |conn| {
            diesel::sql_query("SELECT 1 FROM tickets WHERE title = 'a'").execute(conn)?;
            Ok(())
        });
        said
    }
    assert_eq!(faults(by_title).len(), 1);
    assert_eq!(read_whole("SCAN tickets USING INDEX tickets_due"), None);
    assert_eq!(read_whole("SEARCH tickets USING INDEX tickets_due (due_on>?)"), None);
    assert_eq!(read_whole("Index Scan using tickets_due on tickets  (cost=0.12..8.14 rows=1 width=4)"), None);
}
