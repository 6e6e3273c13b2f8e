//! The working calendar over REST: a day decreed otherwise moves what was counted in working days, and nothing else.

use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::contents::contents;
use crate::support::round;
use rectify::actions::calendars::{self, Intent};
use rectify::domain::actor::Actor;
use rectify::domain::calendar::{CN_TOML, Calendar};
use rectify::store::reference;
use serde_json::{Value, json};

fn day(client: &Client, date: &str, body: Value) -> Answer {
    client.put(&format!("/api/v1/calendars/cn/days/{date}"), body)
}

fn try_day(client: &Client, date: &str, body: Value) -> Value {
    client.put(&format!("/api/v1/calendars/cn/days/{date}?dry_run=true"), body).is(200).json()
}

fn due(app: &TestApp, reference: &str) -> Value {
    app.by("coordinator").get(&format!("/api/v1/tickets/{reference}")).is(200).json()
}

/// F01 with five working days more, asked for and granted: due on Friday, 20 March 2026 instead of the 13th.
fn extended(app: &TestApp) {
    round::issue(app);
    let asked = json!({"working_days": 5, "reason": "需要采购", "progress": "已完成一半"});
    let asked = app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/extensions", asked).is(201);
    let decision = json!({"approve": true, "reason": "同意"});
    app.by("approver").post(&format!("/api/v1/extensions/{}/decision", asked.at("/id")), decision).is(200);
    assert_eq!(due(app, "2026Q1-F01-01")["due_on"], "2026-03-20");
}

#[test]
fn a_day_is_a_holiday_a_workday_or_like_its_week() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let made = day(&admin, "2026-03-17", json!({"kind": "holiday", "name": "试验日"})).is(200);
    assert_eq!((made.at("/version"), made.header("etag")), ("2".into(), Some("\"2\"")));
    let days = made.json()["days"].clone();
    assert!(days.as_array().unwrap().contains(&json!({"date": "2026-03-17", "kind": "holiday", "name": "试验日"})));
    let year = app.by("liaison").get("/api/v1/calendars/cn/2026").is(200).json();
    assert_eq!(year["days"], days);
    let kinds: std::collections::BTreeSet<&str> =
        year["days"].as_array().unwrap().iter().map(|day| day["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["holiday", "workday"]);
    let traced = app.by("liaison").get("/api/v1/calendars/cn/deadline?from=2026-03-13&working_days=3").is(200).json();
    assert_eq!(traced["on"], "2026-03-19");
    let kinds: Vec<&str> = traced["days"].as_array().unwrap().iter().map(|day| day["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["normal", "normal", "normal", "normal", "holiday", "normal", "normal"]);
    assert_eq!(day(&admin, "2026-03-17", json!({"kind": "holiday", "name": "试验日"})).is(200).at("/version"), "2");
    day(&admin, "2026-03-21", json!({"kind": "workday", "name": null})).is(200);
    let back = day(&admin, "2026-03-17", json!({"kind": "normal"})).is(200).json();
    assert!(!back["days"].to_string().contains("2026-03-17"));
    assert_eq!((&back["version"], &back["next_year_missing"]), (&4.into(), &false.into()));
}

#[test]
fn only_the_admin_changes_the_calendar_and_only_to_what_can_be() {
    let app = TestApp::start();
    let off = || json!({"kind": "holiday", "name": "x"});
    for login in ["coordinator", "liaison", "viewer", "approver", "leader"] {
        assert_eq!(day(&app.by(login), "2026-03-17", off()).problem(), "403 auth.role");
        let tried = app.by(login).put("/api/v1/calendars/cn/days/2026-03-17?dry_run=true", off());
        assert_eq!(tried.problem(), "403 auth.role");
    }
    let admin = app.by("admin");
    let put = |date: &str, body: Value| day(&admin, date, body).problem();
    assert_eq!(put("2026-02-30", off()), "422 request.invalid ?date field.date");
    assert_eq!(put("1066-10-14", off()), "422 request.invalid ?date field.date");
    assert_eq!(put("2026-03-17", json!({})), "422 request.invalid /kind field.required");
    assert_eq!(put("2026-03-17", json!({"kind": "make_up"})), "422 request.invalid /kind field.choice");
    assert_eq!(put("2026-03-17", json!({"kind": "workday"})), "422 request.invalid /kind field.not_allowed");
    assert_eq!(
        put("2026-03-17", json!({"kind": "holiday", "name": "a\u{7}"})),
        "422 request.invalid /name field.control"
    );
    assert_eq!(put("2026-03-17", json!({"kind": "holiday", "note": "a"})), "422 request.invalid /note field.unknown");
    assert_eq!(admin.put("/api/v1/calendars/us/days/2026-03-17", off()).problem(), "404 calendar.unknown");
    day(&admin, "2026-03-17", off()).is(200);
    assert_eq!(day(&admin.with("If-Match", "\"1\""), "2026-03-18", off()).problem(), "412 version.stale");
    day(&admin.with("If-Match", "\"2\""), "2026-03-18", off()).is(200);
}

#[test]
fn a_newly_decreed_holiday_moves_a_deadline_in_working_days_and_not_one_that_is_a_date() {
    let app = TestApp::start();
    extended(&app);
    let admin = app.by("admin");
    let before = contents(&app.world);
    let tried = try_day(&admin, "2026-03-17", json!({"kind": "holiday", "name": "试验日"}));
    assert_eq!(contents(&app.world), before);
    assert_eq!((&tried["dry_run"], &tried["calendar"]["version"]), (&true.into(), &2.into()));
    let changes = &tried["changes"];
    assert_eq!(
        (&changes["deadlines"], &changes["look_backs"], &changes["confirmed"]),
        (&1.into(), &0.into(), &0.into())
    );
    assert_eq!(
        changes["first"],
        json!([{"reference": "2026Q1-F01-01", "date": "due", "from": "2026-03-20", "to": "2026-03-23"}])
    );
    assert!(changes["reminders"]["reminders_moved"].as_u64().unwrap() > 0);

    let planned = |rule: &str| {
        let all = app.by("coordinator").get("/api/v1/tickets/2026Q1-F01-01/reminders?limit=200").is(200).json();
        let of_rule = all["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["rule"] == rule && one["state"] == "planned")
            .cloned();
        of_rule.unwrap()["at"].clone()
    };
    assert_eq!(planned("before-1"), "2026-03-19T00:30:00Z");
    day(&admin, "2026-03-17", json!({"kind": "holiday", "name": "试验日"})).is(200);
    let ticket = due(&app, "2026Q1-F01-01");
    assert_eq!(
        (&ticket["due_on"], &ticket["due_version"], &ticket["original_due_on"]),
        (&"2026-03-23".into(), &3.into(), &"2026-03-13".into())
    );
    assert_eq!(planned("before-1"), "2026-03-20T00:30:00Z");
    let events = app.by("liaison").get("/api/v1/tickets/2026Q1-F01-01/events").is(200).json();
    let last = events["items"].as_array().unwrap().last().cloned().unwrap();
    assert_eq!(last["act"], "ticket.due_moved");
    assert_eq!((&last["payload"]["from"], &last["payload"]["to"]), (&"2026-03-20".into(), &"2026-03-23".into()));
    assert_eq!(last["payload"]["cause"], json!({"calendar": "cn", "version": 2}));
    for (reference, on) in [("2026Q1-F02-01", "2026-03-13"), ("2026Q1-F03-01", "2026-03-06")] {
        let ticket = due(&app, reference);
        assert_eq!((&ticket["due_on"], &ticket["due_version"]), (&on.into(), &1.into()));
    }
    // It goes back as it came.
    day(&admin, "2026-03-17", json!({"kind": "normal"})).is(200);
    assert_eq!(due(&app, "2026Q1-F01-01")["due_on"], "2026-03-20");
    assert_eq!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole"), "true");
}

#[test]
fn a_date_that_an_approver_sets_is_no_longer_counted() {
    let app = TestApp::start();
    extended(&app);
    let moved = json!({"to": "2026-03-25", "reason": "统一调整"});
    app.by("approver").post("/api/v1/tickets/2026Q1-F01-01/due-date", moved).is(200);
    day(&app.by("admin"), "2026-03-17", json!({"kind": "holiday"})).is(200);
    assert_eq!(due(&app, "2026Q1-F01-01")["due_on"], "2026-03-25");
}

#[test]
fn working_days_that_are_only_asked_for_are_counted_when_they_are_granted() {
    let app = TestApp::start();
    round::issue(&app);
    let asked = json!({"working_days": 5, "reason": "需要采购", "progress": "已完成一半"});
    let asked = app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/extensions", asked).is(201);
    day(&app.by("admin"), "2026-03-17", json!({"kind": "holiday"})).is(200);
    assert_eq!(due(&app, "2026Q1-F01-01")["due_on"], "2026-03-13");
    let decision = json!({"approve": true, "reason": "同意"});
    app.by("approver").post(&format!("/api/v1/extensions/{}/decision", asked.at("/id")), decision).is(200);
    assert_eq!(due(&app, "2026Q1-F01-01")["due_on"], "2026-03-23");
}

#[test]
fn a_look_back_keeps_its_number_of_working_days() {
    let app = TestApp::start();
    round::acknowledged(&app);
    app.by("liaison").post("/api/v1/feedback", round::letter()).is(201);
    app.by("coordinator")
        .post("/api/v1/tickets/2026Q1-F01-01/review", json!({"decision": "accept", "reason": "好"}))
        .is(200);
    let held = look_back(&app);
    let tried = try_day(&app.by("admin"), "2026-03-17", json!({"kind": "holiday"}));
    assert_eq!(tried["changes"]["look_backs"], 1);
    assert_eq!(tried["changes"]["first"][0]["date"], "look_back");
    day(&app.by("admin"), "2026-03-17", json!({"kind": "holiday"})).is(200);
    assert!(look_back(&app) > held);
}

fn look_back(app: &TestApp) -> chrono::NaiveDate {
    app.world
        .read_now(|read| {
            let scope = rectify::domain::actor::Scope::All;
            let row = rectify::store::tickets::find(read.conn, "2026Q1-F01-01", &scope)?.unwrap();
            Ok(row.look_back_on.unwrap())
        })
        .unwrap()
}

/// The shipped years up to 2026, and 2027 with New Year and a make-up Saturday.
fn with_2027() -> Calendar {
    let text = format!(
        "{CN_TOML}\n[years.2027]\nsource = \"http://example.cn\"\ndays = [\n  \
         {{ date = 2027-01-01, to = 2027-01-03, kind = \"holiday\", name = \"元旦\" }},\n  \
         {{ date = 2027-01-09, kind = \"workday\", name = \"元旦\" }},\n]\n"
    );
    Calendar::from_toml(&text).unwrap()
}

#[test]
fn what_rests_on_a_year_that_was_not_decreed_is_provisional_until_it_is() {
    let app = TestApp::start();
    round::issue(&app);
    let moved = |reference: &str, to: &str| {
        let body = json!({"to": to, "reason": "统一调整"});
        app.by("approver").post(&format!("/api/v1/tickets/{reference}/due-date"), body).is(200).json()
    };
    assert_eq!(moved("2026Q1-F01-01", "2026-12-31")["provisional"], false);
    assert_eq!(moved("2026Q1-F02-01", "2027-02-05")["provisional"], true);
    let asked = json!({"working_days": 2, "reason": "需要采购", "progress": "已完成一半"});
    let asked = app.by("liaison").post("/api/v1/tickets/2026Q1-F01-01/extensions", asked).is(201);
    let decision = json!({"approve": true, "reason": "同意"});
    app.by("approver").post(&format!("/api/v1/extensions/{}/decision", asked.at("/id")), decision).is(200);
    let ticket = due(&app, "2026Q1-F01-01");
    assert_eq!((&ticket["due_on"], &ticket["provisional"]), (&"2027-01-04".into(), &true.into()));
    let missing = |calendar: Calendar| {
        app.world.write_now(move |tx| calendars::apply(tx, &Actor::system("start"), Intent::Missing(calendar))).unwrap()
    };
    let changes = missing(with_2027());
    assert_eq!((changes.deadlines, changes.confirmed), (1, 1));
    let ticket = due(&app, "2026Q1-F01-01");
    assert_eq!((&ticket["due_on"], &ticket["provisional"]), (&"2027-01-05".into(), &false.into()));
    let ticket = due(&app, "2026Q1-F02-01");
    assert_eq!((&ticket["due_on"], &ticket["provisional"]), (&"2027-02-05".into(), &false.into()));
    let events = app.by("liaison2").get("/api/v1/tickets/2026Q1-F02-01/events").is(200).json();
    assert_eq!(events["items"].as_array().unwrap().last().unwrap()["act"], "ticket.due_confirmed");
    // The same again changes nothing.
    let before = contents(&app.world);
    missing(with_2027());
    assert_eq!(contents(&app.world), before);
    assert_eq!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole"), "true");
}

#[test]
fn a_shipped_year_comes_only_where_nothing_of_it_was_edited() {
    let app = TestApp::start();
    day(&app.by("admin"), "2027-01-04", json!({"kind": "holiday", "name": "本地"})).is(200);
    let calendar = with_2027();
    app.world.write_now(move |tx| calendars::apply(tx, &Actor::system("start"), Intent::Missing(calendar))).unwrap();
    let year = app.by("admin").get("/api/v1/calendars/cn/2027").is(200).json();
    assert_eq!(year["days"], json!([{"date": "2027-01-04", "kind": "holiday", "name": "本地"}]));
    assert_eq!(year["provisional"], true);
}

#[test]
fn from_october_on_a_missing_year_is_told() {
    let app = TestApp::start();
    let told = || app.by("liaison").get("/api/v1/calendars/cn/2026").is(200).json()["next_year_missing"].clone();
    app.world.clock.set("2026-09-30T15:59:59Z".parse().unwrap()).unwrap();
    assert_eq!(told(), false);
    app.world.clock.set("2026-09-30T16:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(told(), true);
    app.world.write_now(|tx| calendars::apply(tx, &Actor::system("cli"), Intent::Years(with_2027()))).unwrap();
    assert_eq!(told(), false);
    let version = app.world.read_now(|read| Ok(reference::version(read.conn)?)).unwrap();
    assert_eq!(version, 1);
}

#[test]
fn a_day_off_moves_the_overview_of_its_week_and_no_other() {
    let app = TestApp::start();
    let tried = try_day(&app.by("admin"), "2026-03-16", json!({"kind": "holiday", "name": "试验日"}));
    let reminders = &tried["changes"]["reminders"];
    let counts = ["reminders_added", "reminders_removed", "reminders_moved"].map(|name| reminders[name].clone());
    assert_eq!(counts, [0, 0, 1]);
    let first = &reminders["first"][0];
    assert_eq!((&first["subject"], &first["rule"]), (&"office".into(), &"weekly-overview".into()));
    let moved = (&first["at_before"], &first["at_after"]);
    assert_eq!(moved, (&"2026-03-16T00:30:00Z".into(), &"2026-03-17T00:30:00Z".into()));
}
