//! Reminder rules over REST: every refusal, tries that change nothing, and what a change does.

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::contents::contents;
use crate::support::round;
use rectify::domain::reminder::Rule;
use rectify::store::reference::{self, RuleRow};
use serde_json::{Value, json};

const RULES: &str = "/api/v1/reminder-rules";

fn rule(code: &str) -> Value {
    json!({
        "code": code, "name_zh": "距到期 5 个工作日", "name_en": "Due in 5 working days", "subject": "ticket",
        "anchor": "due", "offsets": [-5], "states": ["issued", "in_progress"],
        "audience": [{"who": "liaison"}], "delivery": "digest",
    })
}

fn at(code: &str) -> String {
    format!("{RULES}/{code}")
}

#[test]
fn the_rules_are_listed_in_their_order_and_read_one_by_one() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    let first = coordinator.get("/api/v1/reminder-rules?limit=2&count=true").is(200);
    assert_eq!(
        (first.at("/items/0/code"), first.at("/items/1/code"), first.at("/total")),
        ("assigned".into(), "unacknowledged".into(), "20".into())
    );
    let next = first.at("/next");
    let second = coordinator.get(&format!("/api/v1/reminder-rules?limit=2&count=true&cursor={next}")).is(200);
    assert_eq!(second.at("/items/0/code"), "before-7");
    let one = app.by("admin").get(&at("before-7")).is(200);
    assert_eq!(one.header("etag"), Some("\"1\""));
    assert_eq!(
        one.json(),
        json!({
            "code": "before-7", "name_zh": "距到期 7 个工作日", "name_en": "Due in 7 working days", "subject": "ticket",
            "anchor": "due", "offsets": [-7], "unit": "working_days", "time": "08:30:00", "repeat": null,
            "states": ["issued", "in_progress", "returned", "carried"],
            "audience": [{"who": "liaison", "from_step": 0}], "copies": [], "severities": [], "delivery": "digest",
            "active": true, "version": 1, "updated_at": "2026-03-02T01:00:00Z",
        })
    );
    assert_eq!(coordinator.get(&at("none")).problem(), "404 not_found");
}

#[test]
fn a_rule_is_made_changed_by_field_and_taken_away() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    let made = coordinator.post(RULES, rule("before-5")).is(201);
    assert_eq!(made.header("location"), Some("/api/v1/reminder-rules/before-5"));
    assert_eq!(
        (made.at("/unit"), made.at("/time"), made.at("/version")),
        ("working_days".into(), "08:30:00".into(), "1".into())
    );
    let change = json!({"offsets": [-5, -4], "repeat": {"every": 1, "at_most": 2}, "severities": ["prominent"], "time": "09:15"});
    let changed = coordinator.patch(&at("before-5"), change).is(200);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    assert_eq!(changed.json()["offsets"], json!([-5, -4]));
    let changed = coordinator
        .patch(&at("before-5"), json!({"repeat": {"every": 3}, "time": null, "severities": null}))
        .is(200)
        .json();
    assert_eq!(changed["repeat"], json!({"every": 3, "at_most": 2}));
    assert_eq!((&changed["time"], &changed["severities"]), (&"08:30:00".into(), &json!([])));
    let same = coordinator.patch(&at("before-5"), json!({"offsets": [-5, -4]})).is(200);
    assert_eq!(same.at("/version"), "3");
    let changed = coordinator.patch(&at("before-5"), json!({"repeat": null, "active": false})).is(200).json();
    assert_eq!((&changed["repeat"], &changed["active"]), (&Value::Null, &false.into()));
    coordinator.delete(&at("before-5")).is(204);
    assert_eq!(coordinator.get(&at("before-5")).problem(), "404 not_found");
    let made = coordinator.post(RULES, rule("before-5")).is(201);
    assert_eq!(made.at("/active"), "true");
    let acts: Vec<String> = app
        .world
        .write_now(|tx| {
            Ok(rectify::store::events::list(tx.conn, "office", 0, 100)?.into_iter().map(|event| event.act).collect())
        })
        .unwrap();
    assert_eq!(acts, ["rule.created", "rule.changed", "rule.changed", "rule.changed", "rule.removed", "rule.created"]);
    assert!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole") == "true");
}

/// What is spoilt about a rule, and the fault that tells it.
type Case = (fn(&mut Value), &'static str);

#[test]
fn whatever_is_wrong_about_a_rule_is_told_by_field_and_in_the_readers_language() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    let post = |change: fn(&mut Value)| {
        let mut body = rule("before-5");
        change(&mut body);
        coordinator.post(RULES, body)
    };
    let cases: [Case; 16] = [
        (|body| body["colour"] = "red".into(), "/colour field.unknown"),
        (|body| body["since"] = "2026-01-01T00:00:00Z".into(), "/since field.unknown"),
        (|body| body["code"] = "A b".into(), "/code field.format"),
        (|body| body["name_zh"] = " ".into(), "/name_zh field.format"),
        (|body| body["name_en"] = json!(1), "/name_en field.type"),
        (|body| body["subject"] = "page".into(), "/subject field.choice"),
        (|body| body["anchor"] = "week".into(), "/anchor field.format"),
        (|body| body["offsets"] = json!([2, 1]), "/offsets field.format"),
        (|body| body["unit"] = "hours".into(), "/unit field.choice"),
        (|body| body["time"] = "25:00".into(), "/time field.time"),
        (|body| body["repeat"] = json!({"every": 0, "at_most": 1}), "/repeat field.format"),
        (|body| body["states"] = json!([]), "/states field.format"),
        (|body| body["audience"] = json!([{"who": "unanswered_liaisons"}]), "/audience field.format"),
        (|body| body["copies"] = json!([{"who": "liaison"}]), "/copies field.format"),
        (|body| body["severities"] = json!(["grave"]), "/severities/0 field.choice"),
        (|body| body["delivery"] = "at_once".into(), "/anchor field.format"),
    ];
    for (change, fault) in cases {
        assert_eq!(post(change).problem(), format!("422 request.invalid {fault}"));
    }
    let missing = coordinator.post(RULES, json!({}));
    assert_eq!(
        missing.problem(),
        "422 request.invalid /code field.required /name_zh field.required /name_en field.required /subject field.required \
         /anchor field.required /audience field.required /delivery field.required"
    );
    let english = post(|body| body["offsets"] = json!([]));
    assert!(english.at("/errors/0/detail").contains("ascending"));
    let mut body = rule("before-5");
    body["offsets"] = json!([]);
    let chinese = app.anyone().with("Accept-Language", "zh-CN").bearer(app.token("coordinator")).post(RULES, body);
    assert!(chinese.at("/errors/0/detail").contains("由小到大"));
    assert_eq!(coordinator.post(RULES, rule("before-7")).problem(), "409 duplicate");
    let patch = |body: Value| coordinator.patch(&at("before-7"), body).problem();
    assert_eq!(patch(json!({"code": "b"})), "422 request.invalid /code field.not_allowed");
    assert_eq!(patch(json!({"delivery": null})), "422 request.invalid /delivery field.required");
    assert_eq!(patch(json!({"repeat": {"every": 1}})), "422 request.invalid /repeat/at_most field.required");
    assert_eq!(patch(json!({"name_zh": null})), "422 request.invalid /name_zh field.format");
    assert_eq!(patch(json!({"offset": [1]})), "422 request.invalid /offset field.unknown");
    assert_eq!(coordinator.patch(&at("none"), json!({})).problem(), "404 not_found");
    assert_eq!(coordinator.delete(&at("none")).problem(), "404 not_found");
    assert_eq!(
        coordinator.patch(&format!("{}?dry_run=maybe", at("before-7")), json!({})).problem(),
        "422 request.invalid ?dry_run field.type"
    );
}

#[test]
fn only_admins_and_coordinators_keep_the_rules() {
    let app = TestApp::start();
    for login in ["liaison", "leader", "viewer", "approver"] {
        let somebody = app.by(login);
        for answer in [
            somebody.get(RULES),
            somebody.get(&at("before-7")),
            somebody.post(RULES, rule("x")),
            somebody.post(&format!("{RULES}?dry_run=true"), rule("x")),
            somebody.patch(&at("before-7"), json!({"active": false})),
            somebody.patch(&format!("{}?dry_run=true", at("before-7")), json!({"active": false})),
            somebody.delete(&at("before-7")),
            somebody.delete(&format!("{}?dry_run=true", at("before-7"))),
        ] {
            assert_eq!(answer.problem(), "403 auth.role", "{login}");
        }
    }
    assert_eq!(app.anyone().get(RULES).problem(), "401 auth.required");
}

#[test]
fn a_stale_change_is_refused_and_a_repeat_is_answered_as_before() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    coordinator.patch(&at("before-7"), json!({"name_en": "A week before"})).is(200);
    let stale = coordinator.with("If-Match", "\"1\"");
    for query in ["", "?dry_run=true"] {
        assert_eq!(
            stale.patch(&format!("{}{query}", at("before-7")), json!({"active": false})).problem(),
            "412 version.stale"
        );
        assert_eq!(stale.delete(&format!("{}{query}", at("before-7"))).problem(), "412 version.stale");
    }
    coordinator.with("If-Match", "\"2\"").patch(&at("before-7"), json!({"active": false})).is(200);
    let keyed = coordinator.with("Idempotency-Key", "k1");
    let first = keyed.post(RULES, rule("before-5")).is(201);
    let again = keyed.post(RULES, rule("before-5")).is(201);
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(keyed.post(RULES, rule("before-6")).problem(), "422 idempotency.key_reused");
}

fn tried(client: &Client, method: &str, code: &str, body: &Value) -> Value {
    let (path, bytes) =
        (format!("{}?dry_run=true", if method == "POST" { RULES.to_owned() } else { at(code) }), body.to_string());
    let answer = client.send(method, &path, Some("application/json"), bytes.into_bytes()).is(200).json();
    assert_eq!(answer["dry_run"], true);
    answer
}

#[test]
fn a_try_tells_what_would_change_and_changes_nothing() {
    let app = TestApp::start();
    round::issue(&app);
    let coordinator = app.by("coordinator");
    let before = contents(&app.world);
    // Due on Friday the 6th (F03) and Friday the 13th (F01, F02); it is Monday the 2nd.
    let made = tried(&coordinator, "POST", "", &rule("before-5"));
    assert_eq!(made["rule"]["code"], "before-5");
    let changes = &made["changes"];
    assert_eq!(
        (&changes["tickets"], &changes["reminders_added"], &changes["reminders_removed"], &changes["reminders_moved"]),
        (&2.into(), &2.into(), &0.into(), &0.into())
    );
    assert_eq!(changes["first"][0]["at_before"], Value::Null);
    assert_eq!(changes["first"][0]["at_after"], "2026-03-06T00:30:00Z");
    assert_eq!(
        (&changes["first"][0]["reference"], &changes["first"][0]["unit"]["code"]),
        (&"2026Q1-F01-01".into(), &"430502".into())
    );

    let moved = tried(&coordinator, "PATCH", "before-3", &json!({"offsets": [-2]}));
    assert_eq!((&moved["rule"]["offsets"], &moved["rule"]["version"]), (&json!([-2]), &2.into()));
    let changes = &moved["changes"];
    // Of F03 three days before is tomorrow, two days before the day after.
    assert_eq!(
        (&changes["tickets"], &changes["reminders_moved"], &changes["reminders_added"]),
        (&3.into(), &3.into(), &0.into())
    );
    assert_eq!(changes["first"][0]["at_before"], "2026-03-10T00:30:00Z");
    assert_eq!(changes["first"][0]["at_after"], "2026-03-11T00:30:00Z");

    // What is only numbered otherwise changes for nobody.
    let longer = tried(&coordinator, "PATCH", "before-3", &json!({"offsets": [-40, -3]}));
    assert_eq!((&longer["changes"]["tickets"], &longer["changes"]["first"]), (&0.into(), &json!([])));

    let filtered = tried(&coordinator, "PATCH", "before-3", &json!({"severities": ["prominent"]}));
    assert_eq!((&filtered["changes"]["reminders_removed"], &filtered["changes"]["tickets"]), (&2.into(), &2.into()));
    let off = tried(&coordinator, "PATCH", "before-3", &json!({"active": false}));
    assert_eq!(off["changes"]["reminders_removed"], 3);
    let gone = tried(&coordinator, "DELETE", "requirements-open", &Value::Null);
    assert_eq!((&gone["rule"], &gone["changes"]["notices"]), (&Value::Null, &1.into()));
    assert_eq!(gone["changes"]["reminders_removed"], 10);
    assert_eq!(gone["changes"]["first"][0]["reference"], "2026Q1");
    assert_eq!(coordinator.post(&format!("{RULES}?dry_run=true"), rule("before-7")).problem(), "409 duplicate");
    assert_eq!(contents(&app.world), before);
}

#[test]
fn there_are_not_more_rules_than_can_be_kept_in_mind() {
    let app = TestApp::start();
    // Two hundred with those that are there.
    app.world
        .write_now(|tx| {
            let held = reference::rule_rows(tx.conn)?;
            let last = held.last().unwrap();
            for nth in held.len()..200 {
                let rule = Rule { code: format!("more-{nth}"), ..last.rule.clone() };
                let row = RuleRow { rule, position: i32::try_from(nth).unwrap(), ..last.clone() };
                reference::insert_rule(tx.conn, &row)?;
            }
            tx.raise_reference()
        })
        .unwrap();
    let coordinator = app.by("coordinator");
    assert_eq!(coordinator.post(RULES, rule("before-5")).problem(), "409 rule.too_many");
    coordinator.delete(&at("more-199")).is(204);
    coordinator.post(RULES, rule("before-5")).is(201);
}
