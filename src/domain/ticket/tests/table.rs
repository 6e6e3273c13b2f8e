//! Who may do what in which state: the table of the office, asked for every act, state and person.

use super::*;
use std::collections::BTreeSet;

/// The acts of one line, the states they start from (by their letters below), and who may do them.
const TABLE: &[(&[Act], &str, &[Part])] = &[
    (&[Act::Acknowledge], "i", &[Part::Liaison]),
    (&[Act::Progress], "prc", &[Part::Liaison, Part::CoLiaison]),
    (&[Act::Object], "i", &[Part::Leader]),
    (&[Act::DecideObjection, Act::Reassign], "ip", &[Part::OutsideCoordinator]),
    (&[Act::Feedback, Act::AskExtension], "iprc", &[Part::Liaison, Part::Leader]),
    (&[Act::RegisterLetter, Act::Urge], "iprc", &[Part::Coordinator]),
    (&[Act::Accept, Act::Return], "s", &[Part::OutsideCoordinator]),
    (&[Act::PassLookBack, Act::FailLookBack], "a", &[Part::OutsideCoordinator]),
    (&[Act::Carry], "pr", &[Part::OutsideApprover]),
    (&[Act::DecideMilestone], "c", &[Part::OutsideCoordinator]),
    (&[Act::Cancel], "ipsrac", &[Part::OutsideApprover]),
    (&[Act::Reopen], "x", &[Part::OutsideApprover]),
    (&[Act::DecideExtension], "iprcs", &[Part::OutsideApprover]),
    (&[Act::MoveDueDate], "iprc", &[Part::OutsideApprover]),
    (&[Act::Comment], "ipsracxn", &[Part::Liaison, Part::Leader, Part::CoLiaison, Part::CoLeader, Part::Speaker]),
];

/// What somebody is to one ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Liaison,
    Leader,
    CoLiaison,
    CoLeader,
    Coordinator,
    /// Neither of the lead unit nor the author of the feedback.
    OutsideCoordinator,
    /// The same for approvers.
    OutsideApprover,
    /// Whoever reads all and is more than a viewer.
    Speaker,
}

fn parts(who: &Actor, ticket: &Ticket) -> Vec<Part> {
    let lead = who.unit_id == Some(ticket.unit_id);
    let co = ticket.co_unit_ids.iter().any(|unit| who.unit_id == Some(*unit));
    let wrote = who.user_id.is_some() && who.user_id == ticket.submitted_by;
    let has = |role: Role| who.roles.contains(&role);
    [
        (Part::Liaison, lead && has(Role::Liaison)),
        (Part::Leader, lead && has(Role::Leader)),
        (Part::CoLiaison, co && has(Role::Liaison)),
        (Part::CoLeader, co && has(Role::Leader)),
        (Part::Coordinator, has(Role::Coordinator)),
        (Part::OutsideCoordinator, has(Role::Coordinator) && !lead && !wrote),
        (Part::OutsideApprover, has(Role::Approver) && !lead && !wrote),
        (Part::Speaker, who.scope == Scope::All && who.roles.as_slice() != [Role::Viewer]),
    ]
    .into_iter()
    .filter_map(|(part, is)| is.then_some(part))
    .collect()
}

pub(super) const fn letter_of(state: State) -> char {
    match state {
        State::Issued => 'i',
        State::InProgress => 'p',
        State::Submitted => 's',
        State::Returned => 'r',
        State::Accepted => 'a',
        State::Carried => 'c',
        State::Closed => 'x',
        State::Cancelled => 'n',
    }
}

/// Does the table allow it, before anything is asked of pending requests and dates?
pub(super) fn allows(act: Act, ticket: &Ticket, who: &Actor) -> bool {
    let parts = parts(who, ticket);
    TABLE.iter().any(|(acts, states, allowed)| {
        acts.contains(&act)
            && states.contains(letter_of(ticket.state))
            && allowed.iter().any(|part| parts.contains(part))
    })
}

/// The ticket in that state with whatever the act needs to be pending.
fn ready_for(act: Act, state: State) -> Ticket {
    let pending = match act {
        Act::DecideObjection => Some(Pending::Objection),
        Act::DecideExtension => Some(Pending::Extension),
        Act::Acknowledge
        | Act::Progress
        | Act::Object
        | Act::Reassign
        | Act::Feedback
        | Act::RegisterLetter
        | Act::Accept
        | Act::Return
        | Act::PassLookBack
        | Act::FailLookBack
        | Act::Carry
        | Act::DecideMilestone
        | Act::Cancel
        | Act::Reopen
        | Act::AskExtension
        | Act::MoveDueDate
        | Act::Urge
        | Act::Comment => None,
    };
    let reported = Milestone {
        reported_at: Some(at("08-19 10:00")),
        ..Milestone::new(milestone_id(0), NewMilestone { on: day("2021-09-15"), text: "一步".into() })
    };
    let milestones = if act == Act::DecideMilestone { vec![reported] } else { Vec::new() };
    Ticket { state, pending, result: Some(WorkResult::Done), milestones, ..ticket() }
}

#[test]
fn every_act_has_its_line() {
    let listed: Vec<Act> = TABLE.iter().flat_map(|(acts, _, _)| acts.iter().copied()).collect();
    assert_eq!(listed.iter().collect::<BTreeSet<_>>(), Act::ALL.iter().collect());
    assert_eq!(listed.len(), Act::ALL.len());
}

#[test]
fn everybody_may_do_exactly_what_the_table_says() {
    let now = at("08-20 10:00");
    for who in cast() {
        for act in Act::ALL {
            for state in State::ALL {
                let ticket = ready_for(*act, *state);
                let permitted = permit(&ticket, &who, *act, &office(), now).is_ok();
                assert_eq!(permitted, allows(*act, &ticket, &who), "{} {act} {state}", who.name);
                assert_eq!(ticket.allowed(&who, &office(), now).contains(act), permitted, "{} {act} {state}", who.name);
            }
        }
    }
}

#[test]
fn a_refusal_names_the_role_the_unit_or_the_state() {
    let now = at("08-20 10:00");
    let code = |state, who: &Actor, act| {
        permit(&Ticket { state, ..ticket() }, who, act, &office(), now).unwrap_err().code.as_str()
    };
    let foreign = person("foreign liaison", FOREIGN, &[Role::Liaison, Role::Leader]);
    let own = person("lead's coordinator", LEAD, &[Role::Coordinator]);
    let own_approver = person("lead's approver", LEAD, &[Role::Approver]);
    let viewer = person("viewer", BUREAU, &[Role::Viewer]);
    for (state, who, act, expected) in [
        (State::Issued, &viewer, Act::Acknowledge, "auth.role"),
        (State::Issued, &leader(), Act::Acknowledge, "auth.role"),
        (State::Issued, &liaison(), Act::Object, "auth.role"),
        (State::Issued, &coordinator(), Act::Cancel, "auth.role"),
        (State::Issued, &foreign, Act::Acknowledge, "auth.other_unit"),
        (State::InProgress, &co_liaison(), Act::Feedback, "auth.other_unit"),
        (State::InProgress, &foreign, Act::Progress, "auth.other_unit"),
        (State::InProgress, &foreign, Act::Comment, "not_found"),
        (State::Submitted, &own, Act::Accept, "review.own_work"),
        (State::Submitted, &own, Act::Return, "review.own_work"),
        (State::Accepted, &own, Act::PassLookBack, "review.own_work"),
        (State::Issued, &own, Act::DecideObjection, "review.own_work"),
        (State::Issued, &own, Act::Reassign, "review.own_work"),
        (State::Carried, &own, Act::DecideMilestone, "review.own_work"),
        (State::InProgress, &own_approver, Act::DecideExtension, "review.own_work"),
        (State::InProgress, &own_approver, Act::Carry, "review.own_work"),
        (State::InProgress, &own_approver, Act::Cancel, "review.own_work"),
        (State::InProgress, &own_approver, Act::MoveDueDate, "review.own_work"),
        (State::Closed, &own_approver, Act::Reopen, "review.own_work"),
        (State::InProgress, &viewer, Act::Comment, "auth.role"),
        (State::InProgress, &coordinator(), Act::DecideMilestone, "ticket.not_carried"),
        (State::Carried, &coordinator(), Act::DecideMilestone, "milestone.not_reported"),
        (State::InProgress, &liaison(), Act::Acknowledge, "ticket.not_issued"),
        (State::InProgress, &leader(), Act::Object, "ticket.not_issued"),
        (State::Issued, &liaison(), Act::Progress, "ticket.not_in_progress"),
        (State::Returned, &coordinator(), Act::Reassign, "ticket.not_in_progress"),
        (State::Carried, &approver(), Act::Carry, "ticket.not_in_progress"),
        (State::Submitted, &liaison(), Act::Feedback, "ticket.already_submitted"),
        (State::Submitted, &coordinator(), Act::RegisterLetter, "ticket.already_submitted"),
        (State::Accepted, &liaison(), Act::Feedback, "ticket.not_with_unit"),
        (State::Submitted, &coordinator(), Act::Urge, "ticket.not_with_unit"),
        (State::Submitted, &approver(), Act::MoveDueDate, "ticket.not_with_unit"),
        (State::Cancelled, &liaison(), Act::AskExtension, "ticket.not_open"),
        (State::InProgress, &coordinator(), Act::Accept, "ticket.not_submitted"),
        (State::Submitted, &coordinator(), Act::PassLookBack, "ticket.not_accepted"),
        (State::Closed, &approver(), Act::Cancel, "ticket.not_open"),
        (State::Cancelled, &approver(), Act::Cancel, "ticket.not_open"),
        (State::Cancelled, &approver(), Act::Reopen, "ticket.not_closed"),
        (State::Issued, &coordinator(), Act::DecideObjection, "ticket.nothing_pending"),
        (State::Issued, &approver(), Act::DecideExtension, "ticket.nothing_pending"),
    ] {
        assert_eq!(code(state, who, act), expected, "{} {act} {state}", who.name);
    }
}

#[test]
fn who_wrote_the_feedback_does_not_review_it_even_from_another_unit() {
    let moved = person("moved", BUREAU, &[Role::Coordinator]);
    let ticket = Ticket { state: State::Submitted, submitted_by: moved.user_id, ..ticket() };
    assert_eq!(permit(&ticket, &moved, Act::Accept, &office(), at("08-20 10:00")).unwrap_err().code, Code::OwnWork);
    // An unknown author is nobody in particular, not the system.
    let unsigned = Ticket { submitted_by: None, ..ticket };
    assert!(permit(&unsigned, &coordinator(), Act::Accept, &office(), at("08-20 10:00")).is_ok());
}
