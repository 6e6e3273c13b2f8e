//! One example for every act: what it changes, what it needs, and how it is refused.

use super::*;

#[test]
fn a_liaison_acknowledges_and_names_the_handler() {
    let ticket = Life::new().then("08-16 10:00", &liaison(), acknowledge()).ticket;
    assert_eq!((ticket.state, ticket.version), (State::InProgress, 2));
    assert_eq!((ticket.handler.as_deref(), ticket.acknowledged_at), (Some("张三"), Some(at("08-16 10:00"))));
}

#[test]
fn progress_moves_nothing_but_the_percentage() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), progress(Some(100)));
    assert_eq!((life.ticket.state, life.ticket.percent), (State::InProgress, 100));
    assert_eq!(life.ticket.last_progress_at, Some(at("08-18 10:00")));
    // A line without a percentage leaves the last one.
    let life = life.then("08-19 10:00", &liaison(), progress(None));
    assert_eq!((life.ticket.percent, life.ticket.result, life.ticket.submitted_at), (100, None, None));
}

#[test]
fn a_co_unit_reports_progress_but_no_percentage() {
    let life = Life::in_progress();
    assert_eq!(life.refused("08-18 10:00", &co_liaison(), progress(Some(50))), "/percent field.not_allowed");
    let life = life.then("08-18 10:00", &co_liaison(), progress(None));
    assert_eq!((life.ticket.percent, life.ticket.version), (0, 3));
}

#[test]
fn the_percentage_is_kept_when_the_ticket_is_returned() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), progress(Some(80)));
    let life = life.then("08-20 10:00", &liaison(), done("2021-08-19"));
    assert_eq!(life.then("08-23 10:00", &coordinator(), send_back(None)).ticket.percent, 80);
}

#[test]
fn an_objection_leaves_the_ball_and_the_clock_where_they_are() {
    let life = Life::new().then("08-17 10:00", &leader(), object(FOREIGN));
    let ticket = &life.ticket;
    assert_eq!((ticket.state, ticket.pending), (State::Issued, Some(Pending::Objection)));
    assert_eq!((ticket.unit_id, ticket.due), (LEAD, super::ticket().due));
    assert!(ticket.is_overdue(at("08-28 00:00")));
    assert_eq!(life.refused("08-17 11:00", &leader(), object(CO)), "ticket.pending");
    assert_eq!(life.refused("08-17 11:00", &leader(), ask("2021-09-10")), "ticket.pending");
    assert_eq!(Life::new().refused("08-17 10:00", &leader(), object(LEAD)), "ticket.same_unit");
}

#[test]
fn an_upheld_objection_hands_the_ticket_over_and_a_rejected_one_does_not() {
    let life = Life::new().then("08-17 10:00", &leader(), object(FOREIGN));
    let kept = Life::new().then("08-17 10:00", &leader(), object(FOREIGN)).then(
        "08-18 10:00",
        &coordinator(),
        decide_objection(None),
    );
    assert_eq!((kept.ticket.pending, kept.ticket.unit_id, kept.ticket.assignment), (None, LEAD, 1));
    assert_eq!(life.refused("08-18 10:00", &coordinator(), decide_objection(Some(LEAD))), "ticket.same_unit");
    let handed = life.then("08-18 10:00", &coordinator(), decide_objection(Some(FOREIGN))).ticket;
    assert_eq!((handed.state, handed.unit_id, handed.pending), (State::Issued, FOREIGN, None));
    assert_eq!((handed.assignment, handed.assigned_at), (2, at("08-18 10:00")));
}

#[test]
fn an_objection_is_still_answered_after_the_unit_has_acknowledged() {
    let life = Life::new().then("08-17 10:00", &leader(), object(FOREIGN));
    let life = life.then("08-17 11:00", &liaison(), acknowledge());
    assert_eq!(life.ticket.pending, Some(Pending::Objection));
    let handed = life.then("08-18 10:00", &coordinator(), decide_objection(Some(FOREIGN))).ticket;
    assert_eq!((handed.state, handed.unit_id), (State::Issued, FOREIGN));
}

#[test]
fn reassigning_begins_anew_with_the_other_unit_and_keeps_the_date_unless_set_anew() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), progress(Some(40)));
    let ticket = life.then("08-19 10:00", &coordinator(), reassign(FOREIGN, None)).ticket;
    assert_eq!((ticket.state, ticket.unit_id, ticket.assignment), (State::Issued, FOREIGN, 2));
    assert_eq!((ticket.handler, ticket.acknowledged_at, ticket.percent), (None, None, 0));
    assert_eq!(ticket.due, super::ticket().due);
    assert_eq!((ticket.issued_at, ticket.assigned_at), (at("08-16 09:00"), at("08-19 10:00")));

    let ticket = Life::new().then("08-19 10:00", &coordinator(), reassign(CO, Some("2021-09-10"))).ticket;
    assert_eq!((ticket.unit_id, ticket.co_unit_ids), (CO, vec![]), "a co-unit that leads is none any more");
    assert_eq!((ticket.due.on, ticket.due.version, ticket.due.original_on), (day("2021-09-10"), 2, day("2021-08-27")));

    // The date that stands is not a new one.
    let ticket = Life::new().then("08-19 10:00", &coordinator(), reassign(CO, Some("2021-08-27"))).ticket;
    assert_eq!(ticket.due, super::ticket().due);

    assert_eq!(Life::new().refused("08-19 10:00", &coordinator(), reassign(LEAD, None)), "ticket.same_unit");
    let past = reassign(CO, Some("2021-08-18"));
    assert_eq!(Life::new().refused("08-19 10:00", &coordinator(), past), "/due_on field.past");
}

#[test]
fn a_reassigned_ticket_is_the_new_units_and_no_longer_the_old_ones() {
    let life = Life::new().then("08-19 10:00", &coordinator(), reassign(FOREIGN, None));
    assert_eq!(life.refused("08-19 11:00", &liaison(), acknowledge()), "auth.other_unit");
    assert_eq!(life.refused("08-19 11:00", &liaison(), comment()), "not_found");
    let foreign = person("foreign liaison", FOREIGN, &[Role::Liaison]);
    assert_eq!(life.then("08-19 11:00", &foreign, acknowledge()).ticket.state, State::InProgress);
}

#[test]
fn feedback_goes_into_review_and_from_issued_it_acknowledges_too() {
    let ticket = Life::new().then("08-20 10:00", &leader(), done("2021-08-19")).ticket;
    assert_eq!((ticket.state, ticket.result), (State::Submitted, Some(WorkResult::Done)));
    assert_eq!((ticket.acknowledged_at, ticket.handler.as_deref()), (Some(at("08-20 10:00")), Some("leader")));
    assert_eq!((ticket.submitted_at, ticket.submitted_by), (Some(at("08-20 10:00")), leader().user_id));

    let ticket = Life::submitted().ticket;
    assert_eq!((ticket.acknowledged_at, ticket.handler.as_deref()), (Some(at("08-16 10:00")), Some("张三")));
}

#[test]
fn the_completion_date_may_precede_the_notice_but_not_lie_ahead_or_be_left_out() {
    let life = Life::in_progress();
    assert_eq!(life.refused("08-20 10:00", &liaison(), done("2021-08-21")), "/completed_on field.future");
    // Today by the office's calendar, though UTC still has yesterday.
    let early = Life::in_progress().then("08-20 01:00", &liaison(), done("2021-08-20"));
    assert_eq!(early.ticket.completed_on, Some(day("2021-08-20")));
    let open = Command::Feedback(letter(WorkResult::Done, None));
    assert_eq!(life.refused("08-20 10:00", &liaison(), open), "/completed_on field.required");
    assert_eq!(life.then("08-20 10:00", &liaison(), done("2021-07-01")).ticket.completed_on, Some(day("2021-07-01")));
}

#[test]
fn feedback_leaves_an_extension_waiting_and_ends_an_objection() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), ask("2021-09-10"));
    let change = life.attempt("08-20 10:00", &liaison(), done("2021-08-19")).unwrap();
    assert_eq!((change.ticket.pending, change.payload.get("lapsed")), (Some(Pending::Extension), None));
    let life = life.then("08-20 10:00", &liaison(), done("2021-08-19"));
    assert_eq!(life.refused("08-20 11:00", &liaison(), done("2021-08-19")), "ticket.already_submitted");
    assert!(life.ticket.allowed(&approver(), &office(), at("08-20 11:00")).contains(&Act::DecideExtension));
    let granted = life.then("08-23 10:00", &approver(), decide_extension(Some("2021-09-10"))).ticket;
    assert_eq!((granted.state, granted.pending, granted.due.on), (State::Submitted, None, day("2021-09-10")));

    let life = Life::new().then("08-17 10:00", &leader(), object(FOREIGN));
    let change = life.attempt("08-20 10:00", &leader(), done("2021-08-19")).unwrap();
    assert_eq!((change.ticket.pending, &change.payload["lapsed"]), (None, &serde_json::json!("objection")));
}

#[test]
fn whatever_makes_a_request_pointless_says_that_it_lapsed() {
    let asked = || Life::in_progress().then("08-18 10:00", &liaison(), ask("2021-09-10"));
    let answered = || asked().then("08-20 10:00", &liaison(), done("2021-08-19"));
    let objected = || Life::new().then("08-17 10:00", &leader(), object(FOREIGN));
    let carried = || Life::in_progress().then("08-18 10:00", &approver(), carry(&["2021-09-01", "2021-10-01"]));
    let carried = || carried().then("08-19 10:00", &liaison(), ask("2021-09-20"));
    let carried = || carried().then("08-20 09:00", &liaison(), report(0));
    for (life, who, said, lapsed) in [
        (asked(), approver(), move_due("2021-09-15"), Some("extension")),
        (asked(), approver(), carry(&["2021-09-15"]), Some("extension")),
        (asked(), approver(), cancel(), Some("extension")),
        (asked(), coordinator(), reassign(FOREIGN, None), Some("extension")),
        (asked(), liaison(), progress(None), None),
        (asked(), coordinator(), Command::Urge { note: None }, None),
        (answered(), coordinator(), accept(), Some("extension")),
        (answered(), coordinator(), send_back(None), Some("extension")),
        (objected(), coordinator(), reassign(CO, None), Some("objection")),
        (objected(), approver(), cancel(), Some("objection")),
        (objected(), liaison(), acknowledge(), None),
        (objected(), approver(), move_due("2021-09-15"), None),
        (carried(), coordinator(), decide_milestone(0, true), Some("extension")),
        (carried(), coordinator(), decide_milestone(0, false), None),
    ] {
        let change = life.attempt("08-23 10:00", &who, said).unwrap();
        assert_eq!(change.payload.get("lapsed").and_then(|word| word.as_str()), lapsed, "{}", change.event);
        assert_eq!(change.ticket.pending.is_none(), lapsed.is_some(), "{}", change.event);
    }
}

#[test]
fn on_time_is_said_once_by_the_first_complete_submission() {
    // Partly done on time is not complete.
    let partly = Command::Feedback(letter(WorkResult::Partly, None));
    let life = Life::in_progress().then("08-20 10:00", &liaison(), partly);
    assert_eq!(life.ticket.on_time, None);
    let life = life.then("08-23 10:00", &coordinator(), send_back(None));
    // Late by one instant: due on the 27th, the whole day counts.
    let late = life.then("08-28 00:00", &liaison(), done("2021-08-27"));
    assert_eq!(late.ticket.on_time, Some(false));
    assert_eq!(Life::in_progress().then("08-27 23:59", &liaison(), done("2021-08-27")).ticket.on_time, Some(true));

    // Neither a return nor a second submission changes it.
    let life = Life::returned();
    assert_eq!(life.ticket.on_time, Some(true));
    assert_eq!(life.then("09-05 10:00", &liaison(), done("2021-09-04")).ticket.on_time, Some(true));
}

#[test]
fn on_time_goes_by_the_date_in_force() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), ask("2021-09-10"));
    let life = life.then("08-19 10:00", &approver(), decide_extension(Some("2021-09-10")));
    assert_eq!(life.then("09-10 12:00", &liaison(), done("2021-09-09")).ticket.on_time, Some(true));
}

#[test]
fn a_paper_letter_is_the_units_own_and_counts_by_the_day_it_came_in() {
    let paper = |received_on: &str| Command::RegisterLetter {
        part: letter(WorkResult::Done, Some("2021-08-20")),
        signatory: "李四".into(),
        received_on: day(received_on),
    };
    let ticket = Life::new().then("08-30 10:00", &coordinator(), paper("2021-08-27")).ticket;
    assert_eq!((ticket.state, ticket.on_time), (State::Submitted, Some(true)));
    assert_eq!((ticket.submitted_by, ticket.acknowledged_at), (None, Some(at("08-30 10:00"))));
    assert_eq!(ticket.handler.as_deref(), Some("李四"), "whoever signed it, not whoever typed it in");
    let late = Life::in_progress().then("08-30 10:00", &coordinator(), paper("2021-08-28"));
    assert_eq!((late.ticket.on_time, late.ticket.handler.as_deref()), (Some(false), Some("张三")));
    assert_eq!(Life::new().refused("08-26 10:00", &coordinator(), paper("2021-08-27")), "/received_on field.future");
    // Who typed it in may review it: the unit is its author.
    let change = Life::new().attempt("08-30 10:00", &coordinator(), paper("2021-08-27")).unwrap();
    assert_eq!(change.payload["received_on"], "2021-08-27");
    assert!(change.ticket.allowed(&coordinator(), &office(), at("08-30 11:00")).contains(&Act::Accept));
}

#[test]
fn acceptance_schedules_the_look_back_or_closes_at_once() {
    let ticket = Life::accepted().ticket;
    assert_eq!((ticket.state, ticket.closed_at), (State::Accepted, None));
    assert_eq!((ticket.accepted_at, ticket.accepted_by), (Some(at("08-23 10:00")), coordinator().user_id));
    // 20 working days across Mid-Autumn with its worked Saturday.
    assert_eq!(ticket.look_back_on, Some(day("2021-09-18")));

    let mut life = Life::submitted();
    life.ticket.look_back = LookBackPolicy::None;
    let ticket = life.then("08-23 10:00", &coordinator(), accept()).ticket;
    assert_eq!((ticket.state, ticket.closed_at), (State::Closed, Some(at("08-23 10:00"))));
    assert_eq!((ticket.look_back_on, ticket.verified_at), (None, None));
}

#[test]
fn with_four_eyes_somebody_else_than_the_acceptor_looks_back() {
    let strict = Office { four_eyes: true, ..office() };
    let ticket = Life::submitted().then("08-23 10:00", &coordinator(), accept()).ticket;
    let now = at("09-20 10:00");
    let second = person("second coordinator", BUREAU, &[Role::Coordinator]);
    for act in [Act::PassLookBack, Act::FailLookBack] {
        assert_eq!(permit(&ticket, &coordinator(), act, &strict, now).unwrap_err().code, Code::FourEyes);
        assert!(!ticket.allowed(&coordinator(), &strict, now).contains(&act));
        assert!(permit(&ticket, &coordinator(), act, &office(), now).is_ok(), "off unless it is asked for");
        assert!(permit(&ticket, &second, act, &strict, now).is_ok());
        assert!(ticket.allowed(&second, &strict, now).contains(&act));
    }
    let owner = person("lead's coordinator", LEAD, &[Role::Coordinator]);
    assert_eq!(permit(&ticket, &owner, Act::PassLookBack, &strict, now).unwrap_err().code, Code::OwnWork);
}

#[test]
fn only_a_finished_rectification_is_accepted() {
    for result in [WorkResult::Partly, WorkResult::Not] {
        let life = Life::in_progress().then("08-20 10:00", &liaison(), Command::Feedback(letter(result, None)));
        assert_eq!(life.refused("08-23 10:00", &coordinator(), accept()), "review.result_not_done");
        let allowed = life.ticket.allowed(&coordinator(), &office(), at("08-23 10:00"));
        assert_eq!(allowed, [Act::Return, Act::Comment]);
    }
}

#[test]
fn a_return_needs_a_new_date_only_where_the_old_one_is_past() {
    let ticket = Life::returned().ticket;
    assert_eq!((ticket.state, ticket.cycle, ticket.failed_again), (State::Returned, 2, 0));
    assert_eq!((ticket.returned_at, ticket.due), (Some(at("08-23 10:00")), super::ticket().due));

    let life = Life::submitted();
    assert_eq!(life.refused("08-30 10:00", &coordinator(), send_back(None)), "/due_on field.required");
    assert_eq!(life.refused("08-30 10:00", &coordinator(), send_back(Some("2021-08-27"))), "/due_on field.past");
    assert_eq!(life.refused("08-30 10:00", &coordinator(), send_back(Some("2021-08-29"))), "/due_on field.past");
    let ticket = life.then("08-30 10:00", &coordinator(), send_back(Some("2021-08-30"))).ticket;
    assert_eq!((ticket.due.on, ticket.due.version, ticket.due.since), (day("2021-08-30"), 2, at("08-30 10:00")));
    assert_eq!((ticket.due.at, ticket.due.original_on), (at("08-31 00:00"), day("2021-08-27")));
}

#[test]
fn a_return_that_names_the_standing_date_moves_nothing() {
    let life = Life::submitted();
    let ticket = life.then("08-23 10:00", &coordinator(), send_back(Some("2021-08-27"))).ticket;
    assert_eq!((ticket.cycle, ticket.due), (2, super::ticket().due));
}

#[test]
fn a_moved_date_is_late_at_the_same_time_of_day() {
    let mut life = Life::submitted();
    life.ticket.due.at = at("08-27 12:00");
    let noon = life.ticket.due;
    assert_eq!(life.refused("08-27 12:00", &coordinator(), send_back(None)), "/due_on field.required");
    let before = life.attempt("08-27 11:59", &coordinator(), send_back(Some("2021-08-27"))).unwrap();
    assert_eq!(before.ticket.due, noon, "the cut-off stands");
    let refusal = life.attempt("08-27 12:00", &coordinator(), send_back(Some("2021-08-27"))).unwrap_err();
    let told = refusal.faults.first().unwrap().detail(crate::domain::words::Lang::En);
    assert_eq!(told, "Give 2021-08-28 or a later date.", "that day is over");
    let after = life.attempt("08-27 12:00", &coordinator(), send_back(Some("2021-08-30"))).unwrap();
    assert_eq!((after.ticket.due.at, after.ticket.due.version), (at("08-30 12:00"), 2));

    let mut life = Life::in_progress();
    life.ticket.due.at = at("08-27 17:00");
    let ticket = life.then("08-18 10:00", &liaison(), ask("2021-09-10"));
    let ticket = ticket.then("08-19 10:00", &approver(), decide_extension(Some("2021-09-10"))).ticket;
    assert_eq!(ticket.due.at, at("09-10 17:00"));
    assert_eq!(ticket.due.moved(day("2021-09-13"), &office(), at("08-20 10:00")).at, at("09-13 17:00"));
}

#[test]
fn a_passed_look_back_strikes_the_ticket_off() {
    let ticket = Life::closed().ticket;
    assert_eq!(ticket.state, State::Closed);
    assert_eq!((ticket.verified_at, ticket.closed_at), (Some(at("09-20 10:00")), Some(at("09-20 10:00"))));
    let life = Life::accepted();
    assert_eq!(life.refused("09-20 10:00", &coordinator(), pass("2021-09-21")), "/on field.future");
    assert_eq!(life.refused("09-20 10:00", &coordinator(), pass("2021-08-22")), "/on field.order");
    assert_eq!(life.then("09-20 10:00", &coordinator(), pass("2021-08-23")).ticket.state, State::Closed);
}

#[test]
fn a_pass_needs_a_file_or_a_word_of_what_was_seen() {
    let pass = |note: &str, evidence: Vec<AttachmentId>| Command::PassLookBack {
        method: "现场".into(),
        note: note.into(),
        on: day("2021-09-17"),
        evidence,
    };
    let file = AttachmentId(Uuid::from_u128(50));
    let life = Life::accepted();
    assert_eq!(life.refused("09-20 10:00", &coordinator(), pass("", vec![])), "/evidence look_back.no_evidence");
    let change = life.attempt("09-20 10:00", &coordinator(), pass("", vec![file])).unwrap();
    assert_eq!(change.payload["on"], "2021-09-17");
    assert_eq!(change.payload["attachment_ids"], serde_json::json!([file]));
    assert!(life.attempt("09-20 10:00", &coordinator(), pass("已整改", vec![])).is_ok());
}

#[test]
fn a_failed_look_back_returns_the_ticket_and_is_counted_again() {
    let life = Life::accepted();
    assert_eq!(life.refused("09-20 10:00", &coordinator(), fail("2021-09-20", "2021-09-19")), "/due_on field.past");
    let early = fail("2021-08-20", "2021-09-30");
    assert_eq!(life.refused("09-20 10:00", &coordinator(), early), "/on field.order");
    let ticket = life.then("09-20 10:00", &coordinator(), fail("2021-09-20", "2021-09-30")).ticket;
    assert_eq!((ticket.state, ticket.cycle, ticket.failed_again), (State::Returned, 2, 1));
    assert_eq!((ticket.due.on, ticket.due.version, ticket.look_back_on), (day("2021-09-30"), 2, None));
    assert_eq!((ticket.on_time, ticket.returned_at), (Some(true), Some(at("09-20 10:00"))));
}

#[test]
fn a_carried_ticket_is_due_at_its_earliest_milestone_and_can_be_overdue() {
    let life = Life::in_progress().then("08-18 10:00", &liaison(), ask("2021-09-10"));
    assert_eq!(life.refused("08-20 10:00", &approver(), carry(&[])), "/milestones field.required");
    let past = carry(&["2021-09-15", "2021-08-19"]);
    assert_eq!(life.refused("08-20 10:00", &approver(), past), "/milestones/1/on field.past");
    let ticket = life.then("08-20 10:00", &approver(), carry(&["2021-12-31", "2021-09-15", "2021-10-29"])).ticket;
    assert_eq!((ticket.state, ticket.pending, ticket.closed_at), (State::Carried, None, None));
    assert_eq!((ticket.due.on, ticket.due.version, ticket.due.original_on), (day("2021-09-15"), 2, day("2021-08-27")));
    assert!(!ticket.is_overdue(at("09-15 23:59")) && ticket.is_overdue(at("09-16 00:00")));

    // A milestone on the day that is due anyway moves nothing.
    let ticket = Life::in_progress().then("08-20 10:00", &approver(), carry(&["2021-08-27"])).ticket;
    assert_eq!(ticket.due, super::ticket().due);
    assert_eq!(Life::new().refused("08-20 10:00", &approver(), carry(&["2021-09-15"])), "ticket.not_in_progress");
}

#[test]
fn a_reached_milestone_makes_the_next_one_the_due_date() {
    let carried = || Life::in_progress().then("08-20 10:00", &approver(), carry(&["2021-10-29", "2021-09-15"]));
    let life = carried();
    let unknown = report(7);
    assert_eq!(life.refused("09-10 10:00", &liaison(), unknown), "/milestone_id field.reference");
    assert_eq!(life.refused("09-10 10:00", &co_liaison(), report(1)), "/milestone_id field.not_allowed");
    assert_eq!(Life::in_progress().refused("08-20 10:00", &liaison(), report(0)), "/milestone_id field.not_allowed");
    assert_eq!(life.refused("09-10 10:00", &coordinator(), decide_milestone(1, true)), "milestone.not_reported");
    assert!(!life.ticket.allowed(&coordinator(), &office(), at("09-10 10:00")).contains(&Act::DecideMilestone));

    let life = life.then("09-10 10:00", &liaison(), report(1));
    assert_eq!(life.ticket.milestones[1].reported_at, Some(at("09-10 10:00")));
    assert_eq!((life.ticket.due.on, life.ticket.state), (day("2021-09-15"), State::Carried), "said is not accepted");
    assert!(life.ticket.allowed(&coordinator(), &office(), at("09-10 10:00")).contains(&Act::DecideMilestone));
    assert_eq!(life.refused("09-10 11:00", &coordinator(), decide_milestone(0, true)), "milestone.not_reported");
    assert_eq!(life.refused("09-10 11:00", &coordinator(), decide_milestone(7, true)), "not_found");

    let life = life.then("09-13 10:00", &coordinator(), decide_milestone(1, false));
    assert_eq!((life.ticket.milestones[1].reported_at, life.ticket.due.version), (None, 2), "sent back");
    let life =
        life.then("09-14 10:00", &liaison(), report(1)).then("09-16 10:00", &coordinator(), decide_milestone(1, true));
    assert_eq!(life.ticket.milestones[1].reached_at, Some(at("09-16 10:00")));
    assert_eq!((life.ticket.due.on, life.ticket.due.version), (day("2021-10-29"), 3));
    assert_eq!(life.refused("09-17 10:00", &liaison(), report(1)), "/milestone_id field.not_allowed");
    assert_eq!(life.refused("09-17 10:00", &coordinator(), decide_milestone(1, true)), "milestone.not_reported");
    let life =
        life.then("10-28 10:00", &liaison(), report(0)).then("10-28 11:00", &coordinator(), decide_milestone(0, true));
    assert_eq!((life.ticket.due.on, life.ticket.due.version), (day("2021-10-29"), 3), "the last one leaves the date");

    // A later one that is reached first moves nothing; and the next date may have passed already.
    let life = carried().then("09-10 10:00", &liaison(), report(0)).then(
        "09-10 11:00",
        &coordinator(),
        decide_milestone(0, true),
    );
    assert_eq!(life.ticket.due.on, day("2021-09-15"));
    let life = carried().then("09-10 10:00", &liaison(), report(1)).then(
        "11-01 11:00",
        &coordinator(),
        decide_milestone(1, true),
    );
    assert_eq!(life.ticket.due.on, day("2021-10-29"));
    assert!(life.ticket.is_overdue(at("11-01 11:00")));
}

#[test]
fn a_moved_date_of_a_carried_ticket_is_its_next_milestones() {
    let life = Life::in_progress().then("08-20 10:00", &approver(), carry(&["2021-10-29", "2021-09-15"]));
    let moved = |to: &str| Command::MoveDueDate { to: day(to), reason: "疫情".into() };
    let dates = |life: &Life| life.ticket.milestones.iter().map(|one| one.on).collect::<Vec<_>>();
    let life = life.then("09-10 10:00", &approver(), moved("2021-09-30"));
    assert_eq!((dates(&life), life.ticket.due.on), (vec![day("2021-10-29"), day("2021-09-30")], day("2021-09-30")));
    // Beyond a later one it takes that along: the earliest stays the earliest.
    let life = life.then("09-10 11:00", &approver(), moved("2021-11-30"));
    assert_eq!((dates(&life), life.ticket.due.on), (vec![day("2021-11-30"); 2], day("2021-11-30")));
}

#[test]
fn a_ticket_that_is_carried_again_has_only_the_new_milestones() {
    let life = Life::in_progress().then("08-20 10:00", &approver(), carry(&["2021-10-29", "2021-09-15"]));
    let life = life.then("08-23 10:00", &liaison(), done("2021-08-19"));
    let life = life.then("08-24 10:00", &coordinator(), send_back(None));
    let ticket = life.then("08-25 10:00", &approver(), carry(&["2021-12-01"])).ticket;
    assert_eq!(ticket.milestones.iter().map(|one| one.on).collect::<Vec<_>>(), [day("2021-12-01")]);
}

#[test]
fn any_open_ticket_can_be_cancelled_and_none_twice() {
    let carried = Life::returned().then("08-24 10:00", &approver(), carry(&["2021-09-15"]));
    let lives = [Life::new(), Life::in_progress(), Life::submitted(), Life::returned(), Life::accepted(), carried];
    for life in lives {
        let life = life.then("09-01 10:00", &approver(), cancel());
        assert_eq!((life.ticket.state, life.ticket.closed_at), (State::Cancelled, None));
        assert_eq!(life.refused("09-02 10:00", &approver(), cancel()), "ticket.not_open");
    }
    assert_eq!(Life::closed().refused("09-21 10:00", &approver(), cancel()), "ticket.not_open");
}

#[test]
fn a_closed_ticket_reopens_with_a_new_date_and_its_first_closure_stays() {
    let life = Life::closed();
    assert_eq!(life.refused("09-22 10:00", &approver(), reopen("2021-08-27")), "/due_on field.past");
    let ticket = life.then("09-22 10:00", &approver(), reopen("2021-10-15")).ticket;
    assert_eq!((ticket.state, ticket.cycle, ticket.failed_again), (State::Returned, 2, 0));
    assert_eq!((ticket.due.on, ticket.due.version), (day("2021-10-15"), 2));
    assert_eq!((ticket.closed_at, ticket.on_time), (Some(at("09-20 10:00")), Some(true)));
}

#[test]
fn an_extension_is_asked_for_before_the_due_instant_and_stops_no_clock() {
    let life = Life::in_progress();
    assert_eq!(life.refused("08-28 00:00", &liaison(), ask("2021-09-10")), "ticket.past_due");
    assert_eq!(life.refused("08-20 10:00", &liaison(), ask("2021-08-27")), "/to field.order");
    let life = life.then("08-27 23:59", &leader(), ask("2021-09-10"));
    assert_eq!((life.ticket.pending, life.ticket.due), (Some(Pending::Extension), ticket().due));
    assert!(life.ticket.is_overdue(at("08-28 00:00")));
    assert_eq!(life.refused("08-27 23:59", &liaison(), ask("2021-09-10")), "ticket.pending");
}

#[test]
fn an_approved_extension_moves_the_date_and_keeps_the_first_one_in_sight() {
    let asked = || Life::in_progress().then("08-20 10:00", &liaison(), ask("2021-09-10"));
    let ticket = asked().then("08-30 10:00", &approver(), decide_extension(Some("2021-09-08"))).ticket;
    assert_eq!((ticket.pending, ticket.extensions, ticket.state), (None, 1, State::InProgress));
    assert_eq!((ticket.due.on, ticket.due.at, ticket.due.version), (day("2021-09-08"), at("09-09 00:00"), 2));
    assert_eq!((ticket.due.original_on, ticket.due.since), (day("2021-08-27"), at("08-30 10:00")));

    let refused = asked().then("08-30 10:00", &approver(), decide_extension(None)).ticket;
    assert_eq!((refused.pending, refused.extensions, refused.due), (None, 0, super::ticket().due));
    assert_eq!(asked().refused("08-30 10:00", &approver(), decide_extension(Some("2021-08-27"))), "/to field.order");
    assert_eq!(asked().refused("09-11 00:00", &approver(), decide_extension(Some("2021-09-10"))), "/to field.past");
}

#[test]
fn an_approver_moves_a_date_unasked_even_after_it_but_not_into_the_past() {
    let life = Life::in_progress();
    assert_eq!(life.refused("09-01 10:00", &approver(), move_due("2021-08-31")), "/to field.past");
    assert_eq!(life.refused("08-20 10:00", &approver(), move_due("2021-08-27")), "/to field.not_allowed");
    let ticket = life.then("09-01 10:00", &approver(), move_due("2021-09-03")).ticket;
    assert_eq!((ticket.due.on, ticket.due.version, ticket.extensions), (day("2021-09-03"), 2, 0));
    assert!(!ticket.is_overdue(at("09-01 10:00")));
    let earlier = Life::in_progress().then("08-17 10:00", &approver(), move_due("2021-08-20")).ticket;
    assert_eq!(earlier.due.on, day("2021-08-20"));
}

#[test]
fn a_date_in_a_year_whose_days_off_are_unknown_is_provisional() {
    let life = Life::in_progress().then("08-20 10:00", &approver(), move_due("2027-01-15"));
    assert!(life.ticket.due.provisional);
    assert!(!life.then("08-21 10:00", &approver(), move_due("2026-12-31")).ticket.due.provisional);
}

#[test]
fn urging_counts_and_a_comment_only_counts_as_an_event() {
    let life = Life::in_progress().then("08-20 10:00", &coordinator(), Command::Urge { note: None });
    let change = life.attempt("08-21 10:00", &coordinator(), Command::Urge { note: Some("请速办".into()) }).unwrap();
    assert_eq!((change.ticket.urged, change.ticket.state), (2, State::InProgress));
    assert_eq!((change.event, &change.payload["count"]), ("ticket.urged", &serde_json::json!(2)));

    let before = Life::closed();
    let after = before.attempt("10-01 10:00", &liaison(), comment()).unwrap().ticket;
    assert_eq!(after, Ticket { version: before.ticket.version + 1, ..before.ticket });
}

#[test]
fn five_facts_have_five_dates() {
    let ticket = Life::closed().ticket;
    assert_eq!(ticket.completed_on, Some(day("2021-08-19")));
    assert_eq!(ticket.submitted_at, Some(at("08-20 10:00")));
    assert_eq!(ticket.accepted_at, Some(at("08-23 10:00")));
    assert_eq!(ticket.verified_at, Some(at("09-20 10:00")));
    assert_eq!(ticket.closed_at, Some(at("09-20 10:00")));
}

#[test]
fn what_is_allowed_changes_with_the_hour() {
    let life = Life::in_progress();
    let names = |moment: &str| {
        life.ticket
            .allowed(&liaison(), &office(), at(moment))
            .into_iter()
            .map(Act::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names("08-27 23:59"), "progress feedback extension comment");
    assert_eq!(names("08-28 00:00"), "progress feedback comment");
}
