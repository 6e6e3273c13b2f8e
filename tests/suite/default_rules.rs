//! The rules that a new installation starts with, step by step for the source notice: issued 2021-08-16 at 09:00, due on
//! Friday 08-27, on the real calendar. Mid-Autumn (09-19 to 21) and National Day (10-01 to 07) lie in its way, and the
//! worked weekend days 09-18, 09-26 and 10-09.

use chrono::NaiveDate;
use chrono_tz::Tz;
use rectify::domain::calendar::{CN_TOML, Calendar};
use rectify::domain::instant::Instant;
use rectify::domain::reminder::{
    AnchorAt, Delivery, Facts, Planner, REMINDERS_TOML, Rule, Subject, Who, Window, parse_rules,
};
use rectify::domain::vocabulary::{Severity, State};

const ZONE: Tz = Tz::Asia__Shanghai;

fn at(text: &str) -> Instant {
    format!("2021-{}:00+08:00", text.replace(' ', "T")).parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    format!("2021-{text}").parse().unwrap()
}

fn rules() -> Vec<Rule> {
    parse_rules(REMINDERS_TOML).unwrap()
}

/// The ticket of the source notice in that state.
fn ticket(state: State) -> Facts {
    let issued = at("08-16 09:00");
    Facts {
        state: Some(state),
        severity: Some(Severity::General),
        issued: Some(AnchorAt::act(ZONE, issued, 1)),
        due: Some(AnchorAt { on: day("08-27"), version: 1, since: issued }),
        ..Facts::new(Subject::Ticket, issued)
    }
}

/// Who is told, copies in brackets.
fn told(rule: &Rule, index: u16) -> String {
    let names = rule.addressed(index).into_iter();
    names.map(|(who, copy)| if copy { format!("({who})") } else { who.to_string() }).collect::<Vec<_>>().join(" ")
}

/// `MM-DD rule: who` for each step, up to and including `until`. All are at 08:30.
fn steps(facts: &Facts, until: &str) -> Vec<String> {
    let (rules, calendar) = (rules(), Calendar::from_toml(CN_TOML).unwrap());
    let planner = Planner { rules: &rules, calendar: &calendar, zone: ZONE, window: Window::default() };
    let all = planner.all_steps(facts, at("08-16 09:00"));
    let shown = all.iter().filter(|step| step.at <= at(&format!("{until} 23:59"))).map(|step| {
        let local = step.at.utc().with_timezone(&ZONE);
        assert_eq!(local.format("%H:%M").to_string(), "08:30");
        let rule = rules.iter().find(|rule| rule.code == step.rule).unwrap();
        format!("{} {}: {}", local.format("%m-%d"), rule.code, told(rule, step.index))
    });
    shown.collect()
}

#[test]
fn a_ticket_that_nobody_acknowledges() {
    assert_eq!(
        steps(&ticket(State::Issued), "12-31"),
        [
            "08-17 unacknowledged: liaison",
            "08-18 unacknowledged: liaison",
            "08-18 before-7: liaison",
            "08-19 unacknowledged: liaison leader coordinators",
            "08-20 unacknowledged: liaison leader coordinators",
            "08-23 unacknowledged: liaison leader coordinators",
            "08-24 before-3: liaison",
            "08-26 before-1: liaison leader",
            "08-27 due-today: liaison leader",
            "08-30 overdue-1: liaison leader (coordinators)",
            "09-01 overdue-3: liaison leader parent_leader (coordinators)",
            "09-08 overdue-weekly: liaison leader parent_leader (coordinators)",
            "09-15 overdue-weekly: liaison leader parent_leader (coordinators)",
            "09-23 overdue-weekly: liaison leader parent_leader (coordinators)",
            "09-29 overdue-weekly: liaison leader parent_leader (coordinators)",
            "10-12 overdue-weekly: liaison leader parent_leader (coordinators)",
            "10-19 overdue-weekly: liaison leader parent_leader (coordinators)",
            "10-26 overdue-weekly: liaison leader parent_leader (coordinators)",
            "11-02 overdue-weekly: liaison leader parent_leader (coordinators)",
        ]
    );
}

#[test]
fn a_ticket_that_is_worked_on_hears_the_same_about_its_date() {
    let all = steps(&ticket(State::Issued), "12-31");
    let about_the_date: Vec<String> = all.into_iter().filter(|step| !step.contains("unacknowledged")).collect();
    for state in [State::InProgress, State::Returned, State::Carried] {
        assert_eq!(steps(&ticket(state), "12-31"), about_the_date, "{state}");
    }
}

#[test]
fn feedback_that_nobody_reviews_and_a_look_back_that_is_due() {
    let submitted = Facts { submitted: Some(AnchorAt::act(ZONE, at("08-20 10:00"), 1)), ..ticket(State::Submitted) };
    assert_eq!(
        steps(&submitted, "08-26"),
        [
            "08-24 review-waiting: coordinators",
            "08-25 review-waiting: coordinators",
            "08-26 review-waiting: coordinators"
        ]
    );
    assert_eq!(steps(&submitted, "09-30").len(), 28, "every working day");

    // Accepted on 08-23: 20 working days later, a worked Saturday.
    let look_back = Some(AnchorAt { on: day("09-18"), version: 1, since: at("08-23 10:00") });
    let accepted = Facts { look_back, submitted: submitted.submitted, ..ticket(State::Accepted) };
    assert_eq!(steps(&accepted, "12-31"), ["09-18 look-back-due: coordinators"]);

    for state in [State::Closed, State::Cancelled] {
        assert!(steps(&Facts { state: Some(state), ..accepted }, "12-31").is_empty(), "{state}");
    }
}

#[test]
fn requirements_that_a_unit_has_not_answered() {
    let since = at("08-16 09:00");
    let notice =
        Facts { due: Some(AnchorAt { on: day("08-27"), version: 1, since }), ..Facts::new(Subject::Notice, since) };
    let days = ["08-24", "08-26", "08-30", "09-06", "09-13", "09-18", "09-27", "10-09", "10-15", "10-22"];
    assert_eq!(steps(&notice, "12-31"), days.map(|day| format!("{day} requirements-open: unanswered_liaisons")));
}

#[test]
fn the_week_begins_for_the_coordinators_with_its_first_working_day() {
    let since = at("08-16 00:00");
    let office =
        Facts { week: Some(AnchorAt { on: day("08-16"), version: 0, since }), ..Facts::new(Subject::Office, since) };
    let days = ["08-16", "08-23", "08-30", "09-06", "09-13", "09-22", "09-27", "10-08", "10-11"];
    assert_eq!(steps(&office, "10-17"), days.map(|day| format!("{day} weekly-overview: coordinators")));
}

#[test]
fn what_is_told_at_once_and_to_whom() {
    let at_once: Vec<String> = rules()
        .iter()
        .filter(|rule| rule.delivery == Delivery::AtOnce)
        .map(|rule| format!("{} ({}): {}", rule.code, rule.anchor, told(rule, 0)))
        .collect();
    assert_eq!(
        at_once,
        [
            "assigned (issued): liaison leader co_units",
            "returned (returned): liaison leader",
            "accepted (accepted): liaison leader",
            "extension-decided (extension_decided): liaison leader",
            "reassigned (reassigned): liaison leader",
            "cancelled (cancelled): liaison leader co_units",
            "urged (urged): liaison leader",
            "milestone-reported (milestone_reported): coordinators",
        ]
    );
}

#[test]
fn every_rule_is_active_for_any_severity_at_half_past_eight_in_working_days() {
    for rule in rules() {
        assert!(rule.active && rule.severities.is_empty(), "{}", rule.code);
        assert_eq!((rule.time.to_string().as_str(), rule.unit.as_str()), ("08:30:00", "working_days"), "{}", rule.code);
        let repeats: Vec<Who> = rule.copies.iter().map(|copy| copy.who).collect();
        assert!(rule.audience.iter().all(|one| !repeats.contains(&one.who)), "{}", rule.code);
    }
}
