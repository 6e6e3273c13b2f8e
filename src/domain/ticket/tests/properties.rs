//! Whatever anybody tries in whatever order: what can never happen to a ticket.

use super::table::{allows, letter_of};
use super::*;
use proptest::prelude::*;

/// Where each act leads: the letters of its states before and after.
fn leads_to(act: Act, look_back: LookBackPolicy) -> &'static [&'static str] {
    match act {
        Act::Acknowledge => &["ip"],
        Act::Object => &["ii"],
        Act::DecideObjection => &["ii", "pi", "pp"],
        Act::Reassign => &["ii", "pi"],
        Act::Progress => &["pp", "rr", "cc"],
        Act::Feedback | Act::RegisterLetter => &["is", "ps", "rs", "cs"],
        Act::Accept if look_back == LookBackPolicy::None => &["sx"],
        Act::Accept => &["sa"],
        Act::Return => &["sr"],
        Act::PassLookBack => &["ax"],
        Act::FailLookBack => &["ar"],
        Act::Carry => &["pc", "rc"],
        Act::DecideMilestone => &["cc"],
        Act::Cancel => &["in", "pn", "sn", "rn", "an", "cn"],
        Act::Reopen => &["xr"],
        Act::DecideExtension => &["ii", "pp", "ss", "rr", "cc"],
        Act::AskExtension | Act::MoveDueDate | Act::Urge => &["ii", "pp", "rr", "cc"],
        Act::Comment => &["ii", "pp", "ss", "rr", "aa", "cc", "xx", "nn"],
    }
}

/// One attempt, still without its dates.
#[derive(Debug, Clone)]
struct Try {
    /// Of the cast; with `eager` they choose something that is allowed.
    who: usize,
    act: usize,
    eager: bool,
    /// Since the attempt before.
    hours: i64,
    /// A date, from today.
    days: i64,
    yes: bool,
    number: i32,
}

prop_compose! {
    fn any_try()(
        who in 0..14_usize, act in 0..1_000_usize, eager in prop::bool::weighted(0.8), hours in 0..60_i64,
        days in -3..40_i64, yes: bool, number in 0..=100_i32,
    ) -> Try {
        Try { who, act, eager, hours, days, yes, number }
    }
}

/// The command of that act, with dates around `today`.
fn command(act: Act, tried: &Try, today: NaiveDate) -> Command {
    let on = today + TimeDelta::days(tried.days);
    let back = today - TimeDelta::days(tried.days);
    let maybe = tried.yes.then_some(on);
    let other = [LEAD, CO, FOREIGN][usize::try_from(tried.number % 3).unwrap()];
    let text = || "说明".to_owned();
    let result = WorkResult::ALL[usize::try_from(tried.number % 4).unwrap().min(2)];
    let part = FeedbackPart { completed_on: tried.yes.then_some(back), ..letter(result, None) };
    match act {
        Act::Acknowledge => acknowledge(),
        Act::Progress if tried.number % 2 == 0 => report(usize::from(tried.yes)),
        Act::Progress => progress(tried.yes.then_some(tried.number)),
        Act::Object => object(other),
        Act::DecideObjection => decide_objection(tried.yes.then_some(other)),
        Act::Reassign => Command::Reassign { reason: text(), unit: other, due_on: maybe },
        Act::Feedback => Command::Feedback(part),
        Act::RegisterLetter => Command::RegisterLetter { part, signatory: text(), received_on: back },
        Act::Accept => accept(),
        Act::Return => Command::Return { reason: text(), due_on: maybe },
        Act::PassLookBack => {
            let evidence = if tried.yes { vec![AttachmentId(Uuid::from_u128(50))] } else { vec![] };
            let note = if tried.number % 2 == 0 { text() } else { String::new() };
            Command::PassLookBack { method: text(), note, on: back, evidence }
        }
        Act::FailLookBack => {
            Command::FailLookBack { method: text(), note: text(), on: back, evidence: vec![], due_on: on }
        }
        Act::Carry => {
            let dates = [on + TimeDelta::days(i64::from(tried.number) % 9), on].into_iter().enumerate();
            let milestone = |(index, on)| Milestone::new(milestone_id(index), NewMilestone { on, text: text() });
            Command::Carry { reason: text(), milestones: dates.map(milestone).collect() }
        }
        Act::DecideMilestone => decide_milestone(usize::from(tried.number % 3 == 0), tried.yes),
        Act::Cancel => cancel(),
        Act::Reopen => Command::Reopen { reason: text(), due_on: on },
        Act::AskExtension => Command::AskExtension { to: on, reason: text(), progress: text() },
        Act::DecideExtension => Command::DecideExtension { reason: text(), to: maybe },
        Act::MoveDueDate => Command::MoveDueDate { to: on, reason: text() },
        Act::Urge => Command::Urge { note: None },
        Act::Comment => comment(),
    }
}

/// The act that is tried. Cancelling and comments are rarely chosen, or every life would be short or dull.
fn chosen(tried: &Try, ticket: &Ticket, who: &Actor, now: Instant) -> Act {
    let any = Act::ALL[tried.act % Act::ALL.len()];
    let mut allowed = ticket.allowed(who, &office(), now);
    allowed.retain(|act| !matches!(act, Act::Cancel | Act::Comment) || tried.number == 0);
    if tried.eager && !allowed.is_empty() { allowed[tried.act % allowed.len()] } else { any }
}

/// What holds of any ticket at any time.
fn is_whole(ticket: &Ticket) {
    assert!(ticket.pending.is_none() || ticket.state.ball() == Ball::Unit || ticket.state == State::Submitted);
    assert!(ticket.milestones.iter().all(|one| one.reached_at.is_none() || one.reported_at.is_some()));
    assert!(ticket.state != State::Carried || !ticket.milestones.is_empty());
    let objected = ticket.pending == Some(Pending::Objection);
    assert!(!objected || matches!(ticket.state, State::Issued | State::InProgress));
    assert!(ticket.state != State::Accepted || ticket.look_back_on.is_some());
    assert!(ticket.state.ball() != Ball::Unit || ticket.look_back_on.is_none());
    assert!(ticket.state != State::Issued || ticket.acknowledged_at.is_none());
    assert!(!ticket.state.is_open() || ticket.closed_at.is_none() || ticket.cycle > 1, "closed, but never reopened");
    assert!(!ticket.co_unit_ids.contains(&ticket.unit_id));
    assert!((0..=100).contains(&ticket.percent));
    let answered = matches!(ticket.state, State::Submitted | State::Accepted | State::Closed);
    assert!(!answered || (ticket.submitted_at.is_some() && ticket.result.is_some()));
    let accepted = matches!(ticket.state, State::Accepted | State::Closed);
    assert!(!accepted || (ticket.accepted_at.is_some() && ticket.result == Some(WorkResult::Done)));
    assert!(!accepted || (ticket.completed_on.is_some() && ticket.on_time.is_some()));
}

/// When a ticket due on that day is late, with the time of day at which this one is.
fn late_like(ticket: &Ticket, on: NaiveDate) -> Instant {
    let early = office().late_at(ticket.due.on).utc() - ticket.due.at.utc();
    office().late_at(on).minus(early)
}

/// A request that waited is decided, goes on waiting, or the timeline says that it lapsed.
fn ends_in_sight(before: &Ticket, change: &Change, act: Act) {
    let said = change.payload.get("lapsed").and_then(|word| word.as_str()).and_then(|word| word.parse().ok());
    let is_decided = matches!(act, Act::DecideExtension | Act::DecideObjection);
    let over = before.pending.filter(|_| change.ticket.pending.is_none() && !is_decided);
    assert_eq!(said, over, "{act}");
    assert!(change.ticket.pending.is_none() || before.pending.is_none() || change.ticket.pending == before.pending);
    let ended = before.pending.map(|kind| ending(kind, change.event, &change.payload).is_some());
    assert_eq!(ended, before.pending.map(|_| change.ticket.pending.is_none()), "{act}");
}

/// One milestone at a time is reported or decided, and none but by that.
fn keeps_its_milestones(before: &Ticket, after: &Ticket, said: &Command, now: Instant) {
    let earliest = |ticket: &Ticket| {
        let open = ticket.milestones.iter().filter(|one| one.reached_at.is_none());
        open.min_by_key(|one| one.on).map(|one| (one.id, one.on))
    };
    if let Command::Carry { milestones, .. } = said {
        assert_eq!(after.milestones, *milestones);
    } else if let Command::DecideMilestone { id, reached, .. } = said {
        let one = after.milestones.iter().find(|one| one.id == *id).unwrap();
        assert_eq!((one.reached_at, one.reported_at.is_some()), (reached.then_some(now), *reached));
        match earliest(after).filter(|next| Some(*next) != earliest(before)) {
            Some((_, on)) => assert_eq!(after.due.on, on),
            None => assert_eq!(after.due, before.due),
        }
    } else if let Command::Progress { milestone: Some(id), .. } = said {
        let one = after.milestones.iter().find(|one| one.id == *id).unwrap();
        assert_eq!((one.reported_at, one.reached_at, after.due), (Some(now), None, before.due));
    } else if before.state == State::Carried && after.due.version != before.due.version {
        assert!(matches!(said, Command::MoveDueDate { .. } | Command::DecideExtension { .. }));
        assert!(earliest(after).is_none_or(|(_, on)| on == after.due.on));
    } else {
        assert_eq!(after.milestones, before.milestones);
    }
}

/// What holds of any change.
fn is_lawful(before: &Ticket, change: &Change, who: &Actor, said: &Command, now: Instant) {
    let (act, after) = (said.act(), &change.ticket);
    ends_in_sight(before, change, act);
    keeps_its_milestones(before, after, said, now);
    assert!(allows(act, before, who), "{} may not {act} when {}", who.name, before.state);
    let path: String = [letter_of(before.state), letter_of(after.state)].iter().collect();
    assert!(leads_to(act, before.look_back).contains(&path.as_str()), "{act} led {path}");
    assert_eq!(after.version, before.version + 1);

    let fixed = |ticket: &Ticket| (ticket.id, ticket.notice_id, ticket.finding_id, ticket.issued_at, ticket.look_back);
    assert_eq!((fixed(after), &after.reference), (fixed(before), &before.reference));
    assert_eq!(after.due.original_on, before.due.original_on);
    let moved = (after.due.on, after.due.at) != (before.due.on, before.due.at);
    assert_eq!(after.due.version, before.due.version + i32::from(moved));
    assert_eq!(after.due.since, if moved { now } else { before.due.since });
    assert!(!moved || after.due.at > now || act == Act::DecideMilestone);
    assert!(!moved || after.due.at == late_like(before, after.due.on));

    let complete = after.result == Some(WorkResult::Done);
    match (said, before.on_time) {
        (_, Some(held)) => assert_eq!(after.on_time, Some(held)),
        (Command::Feedback(_), None) => assert_eq!(after.on_time, complete.then_some(now < before.due.at)),
        (Command::RegisterLetter { received_on, .. }, None) => {
            assert_eq!(after.on_time, complete.then_some(*received_on <= before.due.on));
        }
        (_, None) => assert_eq!(after.on_time, None),
    }

    let again = matches!(act, Act::Return | Act::FailLookBack | Act::Reopen);
    assert_eq!(after.cycle, before.cycle + i32::from(again));
    assert_eq!(after.failed_again, before.failed_again + i32::from(act == Act::FailLookBack));
    let handed = after.unit_id != before.unit_id;
    assert_eq!(after.assignment, before.assignment + i32::from(handed));
    assert!(!handed || matches!(act, Act::Reassign | Act::DecideObjection));
    assert_eq!(after.extensions, before.extensions + i32::from(act == Act::DecideExtension && moved));

    let by_lead = act == Act::Progress && who.is_of(before.unit_id);
    assert!(after.percent == before.percent || by_lead || handed);
    let reviews = !matches!(
        act,
        Act::Acknowledge
            | Act::Progress
            | Act::Object
            | Act::Feedback
            | Act::AskExtension
            | Act::RegisterLetter
            | Act::Urge
            | Act::Comment
    );
    let own = who.is_of(before.unit_id) || (before.submitted_by.is_some() && before.submitted_by == who.user_id);
    assert!(!(reviews && own), "{} reviewed own work", who.name);
    let back_with_a_date = again || act == Act::Carry || (moved && act != Act::Reassign);
    let back_with_a_date = back_with_a_date && act != Act::DecideMilestone;
    assert!(!back_with_a_date || !after.is_overdue(now), "late at once after {act}");
    let asked = matches!(act, Act::Object | Act::AskExtension);
    assert!(
        !asked || (after.state.ball() == before.state.ball() && after.due == before.due && after.pending.is_some())
    );
}

/// Lets them try one after the other.
fn live(mut ticket: Ticket, tries: &[Try]) -> Ticket {
    let (office, cast) = (office(), cast());
    let mut now = ticket.issued_at;
    for tried in tries {
        now = now.plus(TimeDelta::hours(tried.hours));
        let who = &cast[tried.who];
        for act in Act::ALL {
            let granted = permit(&ticket, who, *act, &office, now).is_ok();
            let offered = granted && (*act != Act::Accept || ticket.result == Some(WorkResult::Done));
            assert_eq!(ticket.allowed(who, &office, now).contains(act), offered, "{act}");
        }
        let said = command(chosen(tried, &ticket, who, now), tried, office.today(now));
        let before = ticket.clone();
        let permitted = permit(&ticket, who, said.act(), &office, now);
        match apply(&ticket, who, said.clone(), &office, now) {
            Ok(change) => {
                assert!(permitted.is_ok());
                assert!(change.event.starts_with("ticket.") && change.payload.is_object());
                is_lawful(&before, &change, who, &said, now);
                ticket = change.ticket;
            }
            Err(refusal) => {
                assert!(permitted.is_ok() || permitted == Err(refusal));
                assert_eq!(ticket, before);
            }
        }
        is_whole(&ticket);
    }
    ticket
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_sequence_of_acts_by_anybody_leaves_the_machine(
        tries in prop::collection::vec(any_try(), 1..50), look_back: bool, noon: bool,
    ) {
        let look_back = if look_back { LookBackPolicy::All } else { LookBackPolicy::None };
        let mut ticket = Ticket { look_back, ..ticket() };
        if noon {
            ticket.due.at = at("08-27 12:00");
        }
        live(ticket, &tries);
    }

    #[test]
    fn nothing_can_be_done_to_a_ticket_by_those_who_do_not_see_it(tried in any_try(), state in prop::sample::select(State::ALL)) {
        let stranger = person("stranger", FOREIGN, &[Role::Liaison, Role::Leader]);
        let now = ticket().issued_at.plus(TimeDelta::hours(tried.hours));
        let ticket = Ticket { state, ..ticket() };
        prop_assert!(ticket.allowed(&stranger, &office(), now).is_empty());
        for act in Act::ALL {
            let said = command(*act, &tried, office().today(now));
            prop_assert!(apply(&ticket, &stranger, said, &office(), now).is_err());
        }
    }
}

/// The property above would hold of a machine in which nothing ever happens.
#[test]
fn random_lives_reach_every_state_by_every_act() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    use std::collections::BTreeSet;
    let mut runner = TestRunner::deterministic();
    let (office, cast) = (office(), cast());
    let mut done: BTreeSet<Act> = BTreeSet::new();
    let mut reached: BTreeSet<State> = BTreeSet::new();
    for _ in 0..200 {
        let tries = prop::collection::vec(any_try(), 50).new_tree(&mut runner).unwrap().current();
        let mut ticket = ticket();
        let mut now = ticket.issued_at;
        for tried in &tries {
            now = now.plus(TimeDelta::hours(tried.hours));
            let who = &cast[tried.who];
            let said = command(chosen(tried, &ticket, who, now), tried, office.today(now));
            let act = said.act();
            if let Ok(change) = apply(&ticket, who, said, &office, now) {
                ticket = change.ticket;
                done.insert(act);
                reached.insert(ticket.state);
            }
        }
    }
    assert_eq!(done, Act::ALL.iter().copied().collect());
    assert_eq!(reached, State::ALL.iter().copied().collect());
}
