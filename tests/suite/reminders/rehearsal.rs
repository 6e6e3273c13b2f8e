//! What is rehearsed is what the engine then does, and rehearsing changes nothing.

use crate::support::bureau::{Bureau, DAXIANG, SHUANGQING};
use proptest::prelude::*;
use rectify::domain::actor::Actor;
use rectify::domain::id::{SubjectId, UnitId, UserId};
use rectify::domain::instant::Instant;
use rectify::domain::reminder::{ReminderState, Rule, Told};
use rectify::domain::ticket::Command;
use rectify::queries::rehearsal::{Rehearsal, Span, rehearse};
use rectify::reminders::settle;
use rectify::store::ledger::{self, ReminderFilter, ReminderRow};
use rectify::store::{notices, tickets};
use rectify::transaction::Failure;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// When which recipient is told of which step, and as what.
type Line = (Instant, Option<UserId>, Option<UnitId>, Option<SubjectId>, Stepped, String, bool);
/// Rule, step, and when it comes.
type Stepped = (String, i32, Instant);

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn span(from: &str, to: &str) -> Span {
    Span { from: at(from), to: at(to) }
}

fn rehearsed(bureau: &Bureau, span: Span) -> Rehearsal {
    let actor = bureau.actor("chen");
    bureau.read(move |read| rehearse(read, &actor, span))
}

fn lines_of(told: &Rehearsal) -> BTreeSet<Line> {
    let lines = told.items.iter().flat_map(|mail| mail.lines.iter().map(move |line| (mail, line)));
    lines
        .map(|(mail, line)| {
            let to = &mail.recipient;
            let audience = line.audience.to_string();
            (
                mail.at,
                to.user_id,
                to.unit_id,
                line.subject.id,
                (line.rule.clone(), line.step.into(), line.step_at),
                audience,
                line.copy,
            )
        })
        .collect()
}

/// What the engine recorded to be told, by a planner that looks whenever something comes due.
async fn engine(bureau: &mut Bureau, span: Span) -> BTreeSet<Line> {
    bureau.clock.set(span.from).unwrap();
    loop {
        settle(&bureau.world, &mut bureau.courier).await.unwrap();
        let next = bureau.read(move |read| {
            let ticket = tickets::to_remind(read.conn, span.to, None, 1)?.pop().and_then(|row| row.next_reminder_at);
            let notice = notices::due_for_reminders(read.conn, span.to, 1)?.pop().and_then(|row| row.next_reminder_at);
            let office = ledger::office_next(read.conn)?.filter(|at| *at <= span.to);
            Ok([ticket, notice, office].into_iter().flatten().min())
        });
        let Some(next) = next else { break };
        bureau.clock.set(next.max(bureau.clock.now())).unwrap();
    }
    bureau.read(move |read| {
        let (office, rules) = (Arc::clone(&read.office), Arc::clone(&read.rules));
        let planner = office.planner(&rules);
        let rows = ledger::list(read.conn, &ReminderFilter::default(), None, 100_000)?;
        let key = |row: &ReminderRow| (row.subject_id, row.rule.clone(), row.anchor_version, row.step);
        let mut planned: HashMap<_, Instant> = HashMap::new();
        for row in &rows {
            let first = planned.entry(key(row)).or_insert(row.created_at);
            *first = (*first).min(row.created_at);
        }
        // Who inherits a line when its mail leaves was not planned for.
        let told = rows.into_iter().filter(|row| {
            row.created_at >= span.from && row.state != ReminderState::Skipped && planned[&key(row)] == row.created_at
        });
        Ok(told
            .map(|row| {
                let subject = (row.subject_id != SubjectId::OFFICE).then_some(row.subject_id);
                let at = planner.next_open(row.created_at);
                let told = row.told().unwrap_or(Told::Fallback).to_string();
                (
                    at,
                    row.recipient_user_id,
                    row.recipient_unit_id,
                    subject,
                    (row.rule, Rule::index_of(row.step).into(), row.step_at),
                    told,
                    row.copy,
                )
            })
            .filter(|line| line.0 <= span.to)
            .collect())
    })
}

/// An office of random tickets: due days after its first, whose, and acknowledged or not.
fn opened(tickets: &[(u8, bool, bool)], with_requirements: bool) -> Bureau {
    let bureau = Bureau::new("2021-09-22T09:00:00+08:00");
    let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let due = |days: u8| {
        let first: chrono::NaiveDate = "2021-09-22".parse().unwrap();
        text((first + chrono::TimeDelta::days(i64::from(days))).to_string())
    };
    for (number, (days, is_daxiang, is_taken)) in tickets.iter().enumerate() {
        let code = text(format!("R{number}"));
        let notice = bureau.notice(code, due(*days));
        if with_requirements {
            bureau.require(notice.0, &["R1"], &[SHUANGQING, DAXIANG]);
        }
        let lead = if *is_daxiang { DAXIANG } else { SHUANGQING };
        let reference = text(format!("{code}-F01-01"));
        bureau.issue(notice, &[(reference.to_owned(), lead)], due(*days));
        if *is_taken && !is_daxiang {
            bureau.act("li", reference, Command::Acknowledge { handler: "张三".into() }, None);
        }
    }
    bureau
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_rehearsal_of_a_span_says_what_the_engine_then_queues_in_it(
        made in prop::collection::vec((1_u8..40, any::<bool>(), any::<bool>()), 1..5),
        with_requirements: bool,
        looked_before: bool,
        deputy_from in prop::option::of(0_i64..20),
        begins_hours in 0_i64..720,
        lasts_hours in 1_i64..240,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut bureau = opened(&made, with_requirements);
            if looked_before {
                bureau.jump("2021-09-22T09:00:00+08:00").await;
            }
            if let Some(days) = deputy_from {
                let (wang, first) = (bureau.user_id("wang"), "2021-09-22".parse::<chrono::NaiveDate>().unwrap());
                bureau.change_person("li", move |person| {
                    person.deputy_id = Some(wang);
                    person.deputy_from = Some(first + chrono::TimeDelta::days(days));
                    person.deputy_to = Some(first + chrono::TimeDelta::days(days + 7));
                });
            }
            let from = at("2021-09-22T09:00:00+08:00").plus(chrono::TimeDelta::hours(begins_hours));
            let span = Span { from, to: from.plus(chrono::TimeDelta::hours(lasts_hours)) };
            bureau.clock.set(from).unwrap();
            let told = rehearsed(&bureau, span);
            prop_assert!(!told.truncated && told.total == told.items.len());
            prop_assert!(told.items.is_sorted_by_key(|mail| mail.at));
            let (expected, done) = (lines_of(&told), engine(&mut bureau, span).await);
            prop_assert_eq!(&expected, &done);
            prop_assert_eq!(expected.len(), told.lines, "{:#?}", told.items);
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_ahead_says_what_a_server_that_never_stops_tells_in_it() {
    let mut bureau = opened(&[(20, false, false), (9, true, false)], true);
    bureau.jump("2021-09-22T09:00:00+08:00").await;
    // The week of 27 September; what comes before is told before.
    let ahead = span("2021-09-27T00:00:00+08:00", "2021-09-30T23:00:00+08:00");
    let expected = lines_of(&rehearsed(&bureau, ahead));
    assert!(!expected.is_empty());
    let whole = Span { from: at("2021-09-22T09:00:00+08:00"), to: ahead.to };
    let done: BTreeSet<Line> =
        engine(&mut bureau, whole).await.into_iter().filter(|line| line.0 >= ahead.from).collect();
    assert_eq!(expected, done);
}

/// What is missed by a Sunday of holidays is planned for who stands in that day, and leaves when the office opens again.
#[tokio::test(flavor = "multi_thread")]
async fn who_stands_in_when_the_engine_looks_is_told_even_if_the_mail_leaves_later() {
    let mut bureau = opened(&[(1, false, false)], false);
    let wang = bureau.user_id("wang");
    bureau.change_person("li", move |person| {
        person.deputy_id = Some(wang);
        person.deputy_from = Some("2021-09-30".parse().unwrap());
        person.deputy_to = Some("2021-10-07".parse().unwrap());
    });
    let holidays = span("2021-10-03T00:00:00+08:00", "2021-10-08T16:00:00+08:00");
    bureau.clock.set(holidays.from).unwrap();
    let expected = lines_of(&rehearsed(&bureau, holidays));
    assert!(expected.iter().any(|line| line.1 == Some(wang)));
    assert_eq!(expected, engine(&mut bureau, holidays).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn rehearsing_writes_nothing() {
    let mut bureau = opened(&[(5, false, false), (9, true, false)], true);
    bureau.jump("2021-09-23T09:00:00+08:00").await;
    let counts = |bureau: &Bureau| {
        let tickets = ["R0-F01-01", "R1-F01-01"].map(|reference| bureau.ticket(reference));
        let rows = bureau.read(|read| Ok(ledger::list(read.conn, &ReminderFilter::default(), None, 100_000)?));
        let looked = bureau.read(|read| Ok((ledger::looked_at(read.conn)?, ledger::office_next(read.conn)?)));
        (tickets, rows, crate::support::bureau::messages(bureau), looked)
    };
    let before = counts(&bureau);
    let told = rehearsed(&bureau, span("2021-09-23T09:00:00+08:00", "2021-11-23T09:00:00+08:00"));
    assert!(told.total > 10 && told.lines >= told.total && told.subjects == 4, "{told:?}");
    assert_eq!(counts(&bureau), before);
    let again = rehearsed(&bureau, span("2021-09-23T09:00:00+08:00", "2021-11-23T09:00:00+08:00"));
    assert_eq!(again.items, told.items);
}

#[test]
fn a_span_that_ends_before_it_begins_or_is_too_long_is_refused_and_units_are_not_told() {
    let bureau = opened(&[(5, false, false)], false);
    let ask = |actor: Actor, span: Span| bureau.world.read_now(move |read| rehearse(read, &actor, span).map(drop));
    let chen = || bureau.actor("chen");
    let day = "2021-09-22T00:00:00Z";
    for (from, to) in [("2021-09-22T00:00:01Z", day), (day, "2022-10-27T00:00:01Z")] {
        assert!(matches!(ask(chen(), span(from, to)), Err(Failure::Refused(_))), "{from} {to}");
    }
    ask(chen(), span(day, day)).unwrap();
    ask(chen(), span(day, "2022-10-27T00:00:00Z")).unwrap();
    ask(chen(), span("1999-01-01T00:00:00Z", "1999-01-02T00:00:00Z")).unwrap();
    assert!(ask(bureau.actor("li"), span(day, day)).is_err());
}
