//! Statistics: what the databases count is what one counts by hand from the rows, and each figure is its list.

use crate::support::app::TestApp;
use crate::support::round::{issue, letter};
use chrono::{FixedOffset, NaiveDate, TimeDelta};
use rectify::domain::calendar::{CN_TOML, Calendar};
use rectify::domain::instant::Instant;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ALL: &str = "/api/v1/statistics?from=2026-01-01&to=2026-12-31";

fn answer(app: &TestApp, login: &str, reference: &str, notice: &str) {
    let letter = json!({"notice_id": notice, "letter_no": "1号", "signatory": "x", "items": [
        {"ticket_id": reference, "cause": "c", "measures": "m", "result": "done", "completed_on": "2026-03-02"}]});
    app.by(login).post("/api/v1/feedback", letter).is(201);
}

fn act(app: &TestApp, login: &str, reference: &str, act: &str, body: Value) {
    app.by(login).post(&format!("/api/v1/tickets/{reference}/{act}"), body).is(200);
}

/// Tickets in most states: in time, late, overdue, returned, failed again, carried, closed, cancelled, ahead.
fn mixed(app: &TestApp) {
    issue(app);
    let coordinator = app.by("coordinator");
    let notice = json!({"code": "2026Q2", "title": "第二季度", "deadline": {"on": "2026-04-10"}});
    coordinator.post("/api/v1/notices", notice).is(201);
    for (code, indicator, units) in [
        ("F1", json!("信息不更新"), json!(["430502", "430503", "sjj", "430502-edu"])),
        ("F2", json!("互动回应差"), json!(["430502", "430503", "sjj"])),
    ] {
        let finding = json!({"code": code, "title": "t", "text": "t", "indicator": indicator, "unit_ids": units});
        coordinator.post("/api/v1/notices/2026Q2/findings", finding).is(201);
    }
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    app.pass(TimeDelta::days(1));
    coordinator.post("/api/v1/notices/2026Q2/issue", json!({})).is(200);
    act(app, "coordinator", "2026Q1-F01-01", "review", json!({"decision": "return", "reason": "不全"}));
    app.pass(TimeDelta::days(3));
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    act(app, "liaison2", "2026Q2-F1-02", "acknowledge", json!({"handler": "x"}));
    answer(app, "liaison", "2026Q2-F1-01", "2026Q2");
    answer(app, "liaison", "2026Q2-F2-01", "2026Q2");
    app.pass(TimeDelta::days(4));
    for reference in ["2026Q1-F01-01", "2026Q2-F1-01", "2026Q2-F2-01"] {
        act(app, "coordinator", reference, "review", json!({"decision": "accept"}));
    }
    let passed = json!({"outcome": "pass", "method": "抽查", "note": "已整改"});
    act(app, "coordinator", "2026Q1-F01-01", "look-back", passed);
    let failed = json!({"outcome": "fail", "method": "抽查", "note": "又不更新", "due_on": "2026-04-20"});
    act(app, "coordinator", "2026Q2-F1-01", "look-back", failed);
    app.pass(TimeDelta::days(6));
    answer(app, "liaison2", "2026Q1-F02-01", "2026Q1");
    let carry = json!({"reason": "迁移", "milestones": [{"on": "2026-05-15", "text": "一"}]});
    act(app, "approver", "2026Q2-F1-02", "carry", carry);
    act(app, "approver", "2026Q2-F2-02", "cancel", json!({"reason": "误报"}));
}

fn day(text: &Value) -> Option<NaiveDate> {
    let at: Instant = text.as_str()?.parse().unwrap();
    Some(at.utc().with_timezone(&FixedOffset::east_opt(8 * 3_600).unwrap()).date_naive())
}

fn exact(number: impl TryInto<i32, Error: std::fmt::Debug>) -> f64 {
    f64::from(number.try_into().unwrap())
}

fn median(mut days: Vec<i64>) -> Value {
    days.sort_unstable();
    let middle = days.len() / 2;
    match days.len() {
        0 => Value::Null,
        len if len % 2 == 1 => json!(exact(days[middle])),
        _ => json!(exact(days[middle - 1] + days[middle]) / 2.0),
    }
}

/// The figures of these tickets, by hand.
fn by_hand(tickets: &[&Value], letters: &[Value], now: NaiveDate) -> Value {
    let calendar = Calendar::from_toml(CN_TOML).unwrap();
    let count = |fits: &dyn Fn(&Value) -> bool| tickets.iter().filter(|ticket| fits(ticket)).count();
    let took = |from: &Value, to: &Value| Some(calendar.working_days_between(day(from)?, day(to)?));
    let issued = |ticket: &Value| {
        json!(if ticket["notice"]["code"] == "2026Q1" { "2026-03-02T01:00:00Z" } else { "2026-03-03T01:00:00Z" })
    };
    let state = |ticket: &Value, states: &[&str]| states.contains(&ticket["state"].as_str().unwrap());
    let due = tickets.len();
    let on_time = count(&|ticket| ticket["on_time"] == json!(true));
    let late = count(&|ticket| ticket["on_time"] == json!(false));
    let rate =
        |part: usize| if due == 0 { Value::Null } else { json!((exact(part) * 10_000.0 / exact(due)).round() / 100.0) };
    let (acknowledged, closed) =
        (count(&|ticket| !state(ticket, &["issued"])), count(&|ticket| state(ticket, &["closed"])));
    let returned = count(&|ticket| ticket["cycle"].as_i64() > Some(1));
    let submitted = tickets.iter().filter_map(|ticket| took(&issued(ticket), &ticket["submitted_at"])).collect();
    let accepted = tickets.iter().filter(|ticket| state(ticket, &["accepted", "closed"]));
    let accepted = accepted.filter_map(|ticket| took(&issued(ticket), &ticket["accepted_at"])).collect();
    let ids: Vec<&Value> = tickets.iter().map(|ticket| &ticket["id"]).collect();
    let reviews: Vec<i64> = letters
        .iter()
        .flat_map(|letter| letter["items"].as_array().unwrap().iter().map(move |item| (letter, item)))
        .filter(|(_, item)| ids.contains(&&item["ticket_id"]))
        .filter_map(|(letter, item)| took(&letter["submitted_at"], &item["decided_at"]))
        .collect();
    let waiting: Vec<i64> = tickets
        .iter()
        .filter(|ticket| state(ticket, &["submitted"]))
        .map(|ticket| calendar.working_days_between(day(&ticket["submitted_at"]).unwrap(), now))
        .collect();
    let beyond = reviews.iter().chain(&waiting).filter(|days| **days > 3).count();
    json!({
        "due": due, "on_time": on_time, "late": late, "unanswered": due - on_time - late,
        "open_overdue": count(&|ticket| ticket["overdue"] == json!(true)),
        "returned": returned,
        "failed_again": count(&|ticket| ticket["failed_again"].as_i64() > Some(0)),
        "acknowledged": acknowledged, "closed": closed, "carried": count(&|ticket| state(ticket, &["carried"])),
        "on_time_rate": rate(on_time), "acknowledgement_rate": rate(acknowledged), "completion_rate": rate(closed),
        "return_rate": rate(returned),
        "median_days_to_submission": median(submitted), "median_days_to_acceptance": median(accepted),
        "review": {"reviewed": reviews.len(), "waiting": waiting.len(), "median_days": median(reviews), "limit_days": 3,
                   "beyond_limit": beyond},
    })
}

fn plain(row: &Value) -> Value {
    let mut row = row.clone();
    let fields = row.as_object_mut().unwrap();
    fields.remove("group");
    fields.remove("links");
    row
}

#[test]
fn the_figures_equal_those_counted_by_hand_from_the_rows() {
    let app = TestApp::start();
    mixed(&app);
    let viewer = app.by("viewer");
    let tickets = viewer.get("/api/v1/tickets?limit=200").is(200).json()["items"].as_array().unwrap().clone();
    assert_eq!(tickets.len(), 10);
    let counted: Vec<&Value> = tickets.iter().filter(|ticket| ticket["state"] != "cancelled").collect();
    let letters = viewer.get("/api/v1/feedback?limit=200").is(200).json()["items"].as_array().unwrap().clone();
    let now = "2026-03-16".parse().unwrap();
    let total = by_hand(&counted, &letters, now);
    for (figure, least) in [
        ("on_time", 3),
        ("late", 1),
        ("open_overdue", 1),
        ("returned", 2),
        ("failed_again", 1),
        ("closed", 1),
        ("carried", 1),
    ] {
        assert!(total[figure].as_i64().unwrap() >= least, "a mixed set: {figure} {total}");
    }
    for by in ["unit", "indicator", "notice", "month"] {
        let found = viewer.get(&format!("{ALL}&by={by}")).is(200).json();
        assert_eq!(plain(&found["total"]), total, "{by}");
        let mut groups: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
        for ticket in &counted {
            let key = match by {
                "unit" => ticket["unit"]["code"].clone(),
                "indicator" => ticket["indicator"].clone(),
                "notice" => ticket["notice"]["code"].clone(),
                _ => json!(ticket["due_on"].as_str().unwrap().rsplit_once('-').unwrap().0),
            };
            groups.entry(key.to_string()).or_default().push(ticket);
        }
        let rows = found["rows"].as_array().unwrap();
        assert_eq!(rows.len(), groups.len(), "{by}");
        for row in rows {
            let own = &groups[&row["group"]["key"].to_string()];
            assert_eq!(plain(row), by_hand(own, &letters, now), "{by} {}", row["group"]);
        }
        for row in rows.iter().chain([&found["total"]]) {
            for (figure, href) in row["links"].as_object().unwrap() {
                let total =
                    viewer.get(&format!("{}&count=true", href.as_str().unwrap())).is(200).json()["total"].clone();
                assert_eq!(total, row[figure], "{by} {figure} {href}");
            }
        }
    }
}

#[test]
fn whoever_never_answers_lowers_the_on_time_rate_and_a_period_of_nothing_has_none() {
    let app = TestApp::start();
    issue(&app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    app.pass(TimeDelta::days(30));
    let found = app.by("coordinator").get(&format!("{ALL}&by=notice")).is(200);
    assert_eq!((found.at("/total/due"), found.at("/total/open_overdue")), ("3".into(), "2".into()));
    assert_eq!(found.at("/total/on_time_rate"), "33.33");
    let nothing = app.by("coordinator").get("/api/v1/statistics?from=2020-01-01&to=2020-12-31").is(200).json();
    assert_eq!((&nothing["rows"], &nothing["total"]["due"]), (&json!([]), &json!(0)));
    assert_eq!(
        (&nothing["total"]["on_time_rate"], &nothing["total"]["review"]["median_days"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn statistics_are_the_offices_and_a_period_begins_before_it_ends() {
    let app = TestApp::start();
    issue(&app);
    for login in ["coordinator", "viewer", "approver", "admin"] {
        let found = app.by(login).get("/api/v1/statistics").is(200);
        assert_eq!(
            (found.at("/from"), found.at("/to"), found.at("/by")),
            ("2026-01-01".into(), "2026-03-02".into(), "unit".into())
        );
    }
    for login in ["liaison", "leader"] {
        assert_eq!(app.by(login).get(ALL).problem(), "403 auth.role", "{login}");
    }
    let coordinator = app.by("coordinator");
    let refused = |query: &str| coordinator.get(&format!("/api/v1/statistics?{query}")).problem();
    assert_eq!(refused("from=2026-02-01&to=2026-01-01"), "422 request.invalid ?to field.order");
    assert_eq!(refused("by=week"), "422 request.invalid ?by field.choice");
    assert_eq!(refused("from=x"), "422 request.invalid ?from field.date");
}
