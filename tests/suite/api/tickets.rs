//! Tickets over REST: their life, their lists, and who may see and do what.

use crate::support::app::TestApp;
use crate::support::record::disarm;
use crate::support::round::{PDF, acknowledged, issue, letter};
use chrono::TimeDelta;
use serde_json::{Value, json};

const F01: &str = "/api/v1/tickets/2026Q1-F01-01";

fn texts(list: &Value, field: &str) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_ticket_lives_from_issue_to_striking_off_with_a_return_in_between() {
    let app = TestApp::start();
    let (liaison, coordinator) = (app.by("liaison"), app.by("coordinator"));
    let taken = acknowledged(&app);
    assert_eq!((taken.at("/state"), taken.at("/handler")), ("in_progress".to_owned(), "张三".to_owned()));
    assert_eq!(taken.header("etag"), Some("\"2\""));
    let logged = liaison.post(&format!("{F01}/progress"), json!({"text": "已完成一半", "percent": 50})).is(200);
    assert_eq!(logged.at("/percent"), "50");

    let file = liaison.upload("/api/v1/attachments", &[("盖章件.pdf", PDF)]).is(201).at("/items/0/id");
    let mut first = letter();
    first["attachment_ids"] = json!([file]);
    first["requirement_answers"] = json!([{"code": "R1", "text": "已落实"}]);
    let filed = liaison.post("/api/v1/feedback", first).is(201);
    assert_eq!(filed.at("/items/0/reference"), "2026Q1-F01-01");
    assert_eq!(filed.at("/attachments/0/name"), "盖章件.pdf");
    assert_eq!(coordinator.get(F01).at("/state"), "submitted");
    assert_eq!(coordinator.get(F01).at("/on_time"), "true");
    assert_eq!(
        liaison.post("/api/v1/feedback", letter()).problem().split(' ').nth(1),
        Some("ticket.already_submitted")
    );
    let requirements = coordinator.get("/api/v1/notices/2026Q1/requirements").json();
    assert_eq!(requirements["items"][0]["answered_unit_ids"].as_array().unwrap().len(), 1);

    assert_eq!(
        coordinator.post(&format!("{F01}/review"), json!({"decision": "return"})).problem(),
        "422 request.invalid /reason field.required"
    );
    let returned = coordinator
        .post(&format!("{F01}/review"), json!({"decision": "return", "reason": "缺少佐证", "due_on": "2026-03-20"}))
        .is(200);
    assert_eq!((returned.at("/state"), returned.at("/cycle")), ("returned".to_owned(), "2".to_owned()));
    assert_eq!(
        (returned.at("/due_on"), returned.at("/original_due_on")),
        ("2026-03-20".to_owned(), "2026-03-13".to_owned())
    );
    liaison.post("/api/v1/feedback", letter()).is(201);
    let accepted = app.by("coordinator2").post(&format!("{F01}/review"), json!({"decision": "accept"})).is(200);
    assert_eq!(accepted.at("/state"), "accepted");
    assert_eq!(accepted.at("/look_back_on"), "2026-03-30");
    let struck = coordinator
        .post(&format!("{F01}/look-back"), json!({"outcome": "pass", "method": "网上抽查", "note": "栏目已更新"}))
        .is(200);
    assert_eq!(
        (struck.at("/state"), struck.at("/light"), struck.at("/ball")),
        ("closed".into(), "grey".into(), "none".into())
    );

    let events = liaison.get(&format!("{F01}/events")).is(200).json();
    assert_eq!(
        texts(&events, "act"),
        [
            "ticket.issued",
            "ticket.acknowledged",
            "ticket.progress_logged",
            "ticket.submitted",
            "ticket.returned",
            "ticket.submitted",
            "ticket.accepted",
            "ticket.look_back_passed"
        ]
    );
    assert_eq!(events["items"][3]["attachments"][0]["name"], "盖章件.pdf");
    assert_eq!(struck.at("/version"), "8");
    let letters = liaison.get("/api/v1/feedback").is(200).json();
    assert_eq!(letters["items"][1]["items"][0]["decision"], "returned");
    assert_eq!(letters["items"][0]["items"][0]["decision"], "accepted");
    let id = letters["items"][1]["id"].as_str().unwrap();
    let receipt = liaison.get(&format!("/api/v1/feedback/{id}/receipt")).is(200).json();
    assert_eq!(receipt["references"], json!(["2026Q1-F01-01"]));
    assert_eq!(receipt["attachments"][0]["sha256"].as_str().unwrap().len(), 64);
    let verdict = app.by("viewer").get("/api/v1/audit/verify").is(200).json();
    assert_eq!((&verdict["whole"], &verdict["first_broken"]), (&json!(true), &json!(null)));
}

#[test]
fn acts_in_the_wrong_moment_or_by_the_wrong_person_are_refused_and_change_nothing() {
    let app = TestApp::start();
    issue(&app);
    let by = |login: &str, act: &str, body: Value| app.by(login).post(&format!("{F01}/{act}"), body).problem();
    let handler = json!({"handler": "张三"});
    assert_eq!(app.anyone().post(&format!("{F01}/acknowledge"), handler.clone()).problem(), "401 auth.required");
    assert_eq!(by("leader", "acknowledge", handler.clone()), "403 auth.role");
    assert_eq!(by("coordinator", "acknowledge", handler.clone()), "403 auth.role");
    assert_eq!(
        by("liaison2", "acknowledge", handler.clone()),
        "403 auth.other_unit",
        "a co-unit sees it, but doesn't lead"
    );
    assert_eq!(
        by("liaison-edu", "acknowledge", handler.clone()),
        "404 not_found",
        "the parent's ticket is not the child's"
    );
    assert_eq!(by("liaison", "acknowledge", json!({})), "422 request.invalid /handler field.required");
    assert_eq!(
        by("liaison", "acknowledge", json!({"handler": "a".repeat(101)})),
        "422 request.invalid /handler field.too_long"
    );
    assert_eq!(by("liaison", "progress", json!({"text": "x"})), "409 ticket.not_in_progress");
    assert_eq!(by("coordinator", "review", json!({"decision": "accept"})), "409 ticket.not_submitted");
    let stale = app.by("liaison").with("If-Match", "\"7\"").post(&format!("{F01}/acknowledge"), handler.clone());
    assert_eq!(stale.problem(), "412 version.stale");
    assert_eq!(app.by("liaison").get(F01).at("/version"), "1");
    app.by("liaison").with("If-Match", "\"1\"").post(&format!("{F01}/acknowledge"), handler.clone()).is(200);
    assert_eq!(by("liaison", "acknowledge", handler), "409 ticket.not_issued");
    assert_eq!(
        by("liaison", "progress", json!({"text": "x", "percent": 101})),
        "422 request.invalid /percent field.out_of_range"
    );
    assert_eq!(
        by("liaison2", "progress", json!({"text": "x", "percent": 1})),
        "422 request.invalid /percent field.not_allowed"
    );
    assert_eq!(
        by("liaison", "progress", json!({"text": "x", "corrects": 1})),
        "422 request.invalid /corrects field.reference"
    );
    assert_eq!(
        by("liaison", "progress", json!({"text": "x", "attachment_ids": ["0193aaaa-0000-7000-8000-000000000000"]})),
        "422 request.invalid /attachment_ids/0 field.reference"
    );
    app.by("liaison2").post(&format!("{F01}/progress"), json!({"text": "协办已配合"})).is(200);
    let entry = app.by("liaison").post(&format!("{F01}/progress"), json!({"text": "写错了"})).is(200);
    let number: i64 = entry.at("/version").parse().unwrap();
    app.by("liaison").post(&format!("{F01}/progress"), json!({"text": "更正", "corrects": number})).is(200);
}

#[test]
fn a_letter_is_filed_whole_or_not_at_all() {
    let app = TestApp::start();
    acknowledged(&app);
    let file = |login: &str, change: &dyn Fn(&mut Value)| {
        let mut body = letter();
        change(&mut body);
        app.by(login).post("/api/v1/feedback", body).problem()
    };
    assert_eq!(file("liaison", &|body| body["items"] = json!([])), "422 feedback.empty");
    assert_eq!(file("liaison", &|body| body["letter_no"] = json!(null)), "422 feedback.no_evidence");
    assert_eq!(file("liaison", &|body| body["notice_id"] = json!("nothing")), "404 not_found");
    assert_eq!(
        file("liaison", &|body| body["items"][0]["completed_on"] = json!("2026-03-03")),
        "422 request.invalid /items/0/completed_on field.future"
    );
    assert_eq!(
        file("liaison", &|body| body["items"][0]["completed_on"] = json!(null)),
        "422 request.invalid /items/0/completed_on field.required"
    );
    assert_eq!(
        file("liaison", &|body| body["items"][0]["measures"] = json!("")),
        "422 request.invalid /items/0/measures field.required"
    );
    assert_eq!(
        file("liaison", &|body| body["items"]
            .as_array_mut()
            .unwrap()
            .push(json!({"ticket_id": "2026Q1-F03-01", "cause": "c", "measures": "m", "result": "not"}))),
        "404 not_found /items/1/ticket_id not_found",
        "a foreign unit's ticket is not there"
    );
    assert_eq!(
        file("liaison2", &|_| {}),
        "403 auth.other_unit /items/0/ticket_id auth.other_unit",
        "a co-unit does not answer for the lead"
    );
    assert_eq!(
        file("liaison", &|body| body["requirement_answers"] = json!([{"code": "R2", "text": "t"}])),
        "422 request.invalid /requirement_answers/0/code field.reference"
    );
    assert_eq!(
        file("liaison", &|body| body["unit_id"] = json!("430502")),
        "422 request.invalid /unit_id feedback.register_only"
    );
    assert_eq!(app.by("coordinator").get("/api/v1/feedback?count=true").at("/total"), "0");
    assert_eq!(app.by("liaison").get(F01).at("/version"), "2");
    let answers =
        json!({"notice_id": "2026Q1", "signatory": "李四", "requirement_answers": [{"code": "R1", "text": "已落实"}]});
    app.by("leader").post("/api/v1/feedback", answers).is(201);
}

#[test]
fn a_paper_letter_counts_by_the_day_it_came_in() {
    let app = TestApp::start();
    issue(&app);
    app.pass(TimeDelta::days(13));
    let ticket = app.by("liaison").get(F01).json();
    assert_eq!(
        (&ticket["overdue"], &ticket["days_overdue"], &ticket["light"]),
        (&json!(true), &json!(2), &json!("red"))
    );
    let mut body = letter();
    body["unit_id"] = json!("430502");
    assert_eq!(
        app.by("coordinator").post("/api/v1/feedback", body.clone()).problem(),
        "422 request.invalid /received_on field.required"
    );
    body["received_on"] = json!("2026-03-13");
    let filed = app.by("coordinator").post("/api/v1/feedback", body).is(201);
    assert_eq!((filed.at("/registered"), filed.at("/unit/code")), ("true".to_owned(), "430502".to_owned()));
    let ticket = app.by("liaison").get(F01).json();
    assert_eq!((&ticket["on_time"], &ticket["overdue"]), (&json!(true), &json!(false)));
    app.by("coordinator").post(&format!("{F01}/review"), json!({"decision": "accept"})).is(200);
}

#[test]
fn every_figure_of_the_desk_is_the_total_of_the_list_behind_it() {
    let app = TestApp::start();
    acknowledged(&app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    app.pass(TimeDelta::days(5));
    for login in ["coordinator", "approver", "viewer", "admin", "liaison", "liaison2"] {
        let client = app.by(login);
        let overview = client.get("/api/v1/overview").is(200).json();
        let mut figures: Vec<&Value> = Vec::new();
        for group in ["counts", "by_state", "by_light"] {
            figures.extend(overview[group].as_object().unwrap().values());
        }
        assert!(figures.len() > 20);
        for figure in figures {
            let href = figure["href"].as_str().unwrap();
            let total = client.get(&format!("{href}&count=true")).is(200).json()["total"].clone();
            assert_eq!(figure["count"], total, "{login} {href}");
        }
        for unit in overview["units"].as_array().unwrap() {
            let href = unit["href"].as_str().unwrap();
            assert_eq!(
                client.get(&format!("{href}&count=true")).is(200).json()["total"],
                unit["open"],
                "{login} {href}"
            );
        }
    }
    let overview = app.by("coordinator").get("/api/v1/overview").json();
    assert_eq!(overview["counts"]["overdue"]["count"], 1, "F03 was due on 6 March");
    assert_eq!(overview["counts"]["to_review"]["count"], 1);
    assert!(app.by("liaison").get("/api/v1/overview").json()["counts"].get("undelivered_mail").is_none());
}

#[test]
fn lists_are_filtered_sorted_paged_and_counted() {
    let app = TestApp::start();
    acknowledged(&app);
    let coordinator = app.by("coordinator");
    let found = |query: &str| {
        let list = coordinator.get(&format!("/api/v1/tickets?count=true&{query}")).is(200).json();
        assert_eq!(
            list["total"].as_i64().unwrap(),
            i64::try_from(list["items"].as_array().unwrap().len()).unwrap(),
            "{query}"
        );
        texts(&list, "reference")
            .into_iter()
            .map(|reference| reference.split('-').nth(1).unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (query, expected) in [
        ("", "F03 F01 F02"),
        ("sort=-due_on", "F02 F01 F03"),
        ("sort=reference", "F01 F02 F03"),
        ("sort=-updated_at", "F03 F02 F01"),
        ("state=issued", "F03 F02"),
        ("state=issued&state=in_progress&unit=430502", "F01"),
        ("unit=430503", "F01 F02"),
        ("lead=430503", "F02"),
        ("co=430503", "F01"),
        ("severity=prominent", "F01"),
        ("unacknowledged=false", "F01"),
        ("light=yellow", ""),
        ("light=green&light=red", "F03 F01 F02"),
        ("overdue=true", ""),
        ("overdue=false&ball=unit", "F03 F01 F02"),
        ("due_from=2026-03-07&due_to=2026-03-13", "F01 F02"),
        ("notice=2026Q1&q=%E8%87%AA%E6%9F%A5", "F02"),
        ("q=%E7%AC%AC%E4%BA%8C%E6%AE%B5", "F01"),
        ("q=100%25", ""),
        ("pending=extension", ""),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/tickets?limit=1&sort=-due_on".to_owned();
    loop {
        let page = coordinator.get(&path).is(200);
        seen.extend(texts(&page.json(), "reference"));
        let Some(next) = page.json()["next"].as_str().map(str::to_owned) else { break };
        let link = page.header("link").unwrap().to_owned();
        assert!(link.ends_with("rel=\"next\"") && link.contains(&next), "{link}");
        path = format!("/api/v1/tickets?limit=1&sort=-due_on&cursor={next}");
    }
    assert_eq!(seen, ["2026Q1-F02-01", "2026Q1-F01-01", "2026Q1-F03-01"]);
    let cursor = coordinator.get("/api/v1/tickets?limit=1").at("/next");
    for (query, problem) in [
        ("limit=0", "422 request.invalid ?limit field.out_of_range"),
        ("limit=201", "422 request.invalid ?limit field.out_of_range"),
        ("colour=red", "422 request.invalid ?colour field.unknown"),
        ("light=pink", "422 request.invalid ?light field.choice"),
        ("due_from=2026-02-30", "422 request.invalid ?due_from field.date"),
        ("unit=nobody", "422 request.invalid ?unit field.reference"),
        (&format!("cursor={cursor}&sort=reference"), "422 request.invalid ?cursor field.cursor"),
        ("cursor=abc", "422 request.invalid ?cursor field.cursor"),
    ] {
        assert_eq!(coordinator.get(&format!("/api/v1/tickets?{query}")).problem(), problem, "{query}");
    }
}

#[test]
fn a_foreign_units_ticket_is_not_there_whatever_is_asked() {
    let app = TestApp::start();
    acknowledged(&app);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    let foreign = app.by("liaison2");
    let absent = "/api/v1/tickets/2026Q1-F09-01";
    let f03 = "/api/v1/tickets/2026Q1-F03-01";
    for path in ["", "/events", "/deadline", "/reminders"] {
        let (one, other) = (foreign.get(&format!("{f03}{path}")), foreign.get(&format!("{absent}{path}")));
        assert_eq!(one.problem(), "404 not_found", "{path}");
        assert_eq!((one.status, one.at("/code")), (other.status, other.at("/code")));
    }
    for (act, body) in [
        ("acknowledge", json!({"handler": "x"})),
        ("progress", json!({"text": "x"})),
        ("comment", json!({"text": "x"})),
        ("review", json!({"decision": "accept"})),
        ("cancel", json!({"reason": "x"})),
        ("urge", json!({})),
        ("look-back", json!({"outcome": "pass", "method": "m", "note": "n"})),
        ("due-date", json!({"to": "2026-04-01", "reason": "x"})),
        ("carry", json!({"reason": "x", "milestones": [{"on": "2026-04-01", "text": "t"}]})),
        ("reopen", json!({"reason": "x", "due_on": "2026-04-01"})),
        ("reassign", json!({"reason": "x", "unit_id": "430503"})),
        ("extensions", json!({"working_days": 5, "reason": "r", "progress": "p"})),
        ("objections", json!({"reason": "r", "proposed_unit_id": "430503"})),
        ("milestones/01912345-0000-7000-8000-000000000007/decision", json!({"reached": true})),
    ] {
        assert_eq!(foreign.post(&format!("{f03}/{act}"), body).problem(), "404 not_found", "{act}");
    }
    assert_eq!(foreign.get("/api/v1/tickets?count=true&lead=sjj").at("/total"), "0");
    assert_eq!(
        foreign.get("/api/v1/tickets?count=true&q=%E5%85%AC%E5%BC%80%E4%B8%8D%E8%A7%84%E8%8C%83").at("/total"),
        "0"
    );
    assert_eq!(foreign.get("/api/v1/feedback?count=true").at("/total"), "0");
    let letter = app.by("coordinator").get("/api/v1/feedback").at("/items/0/id");
    assert_eq!(foreign.get(&format!("/api/v1/feedback/{letter}")).problem(), "404 not_found");
    assert_eq!(foreign.get(&format!("/api/v1/feedback/{letter}/receipt")).problem(), "404 not_found");
}

#[test]
fn the_office_urges_moves_carries_cancels_and_reopens_and_each_is_on_the_timeline() {
    let app = TestApp::start();
    acknowledged(&app);
    let act = |login: &str, act: &str, body: Value| app.by(login).post(&format!("{F01}/{act}"), body);
    act("coordinator", "urge", json!({"note": "请抓紧"})).is(200);
    act("liaison", "comment", json!({"text": "收到"})).is(200);
    let asked =
        act("liaison", "extensions", json!({"working_days": 5, "reason": "需采购", "progress": "过半"})).is(201);
    assert_eq!(asked.at("/ticket/pending"), "extension");
    let second = act("leader", "extensions", json!({"to": "2026-03-30", "reason": "r", "progress": "p"}));
    assert_eq!(second.problem(), "409 ticket.pending");
    let decision = format!("/api/v1/extensions/{}/decision", asked.at("/id"));
    let grant = json!({"approve": true, "reason": "同意"});
    assert_eq!(app.by("coordinator").post(&decision, grant.clone()).problem(), "403 auth.role");
    assert_eq!(app.by("liaison2").post(&decision, grant.clone()).problem(), "403 auth.role");
    assert_eq!(app.by("liaison-edu").post(&decision, grant.clone()).problem(), "404 not_found");
    let granted = app.by("approver").post(&decision, grant.clone()).is(200);
    assert_eq!(
        (granted.at("/due_on"), granted.at("/extensions"), granted.at("/due_version")),
        ("2026-03-20".into(), "1".into(), "2".into())
    );
    assert_eq!(app.by("approver").post(&decision, grant).problem(), "409 ticket.nothing_pending");
    let carried = act(
        "approver",
        "carry",
        json!({"reason": "需整体迁移", "milestones": [{"on": "2026-05-15", "text": "二"}, {"on": "2026-04-15", "text": "一"}]}),
    )
    .is(200);
    assert_eq!((carried.at("/state"), carried.at("/due_on")), ("carried".into(), "2026-04-15".into()));
    act("approver", "due-date", json!({"to": "2026-04-20", "reason": "协调"})).is(200);
    act("approver", "cancel", json!({"reason": "重复"})).is(200);
    assert_eq!(act("liaison", "progress", json!({"text": "x"})).problem(), "409 ticket.not_in_progress");
    let events = app.by("viewer").get(&format!("{F01}/events")).json();
    assert_eq!(
        texts(&events, "act"),
        [
            "ticket.issued",
            "ticket.acknowledged",
            "ticket.urged",
            "ticket.commented",
            "ticket.extension_requested",
            "ticket.extension_decided",
            "ticket.carried",
            "ticket.due_moved",
            "ticket.cancelled"
        ]
    );
}

#[test]
fn an_upheld_objection_gives_the_ticket_away_and_with_it_the_sight_of_it() {
    let app = TestApp::start();
    issue(&app);
    let objection = json!({"reason": "非本单位职责", "proposed_unit_id": "sjj"});
    assert_eq!(app.by("liaison").post(&format!("{F01}/objections"), objection.clone()).problem(), "403 auth.role");
    let raised = app.by("leader").post(&format!("{F01}/objections"), objection).is(201);
    let decided = app
        .by("coordinator")
        .post(&format!("/api/v1/objections/{}/decision", raised.at("/id")), json!({"uphold": true, "reason": "属实"}))
        .is(200);
    assert_eq!((decided.at("/unit/code"), decided.at("/state")), ("sjj".to_owned(), "issued".to_owned()));
    assert_eq!(app.by("liaison").get(F01).problem(), "404 not_found");
    let back = json!({"reason": "协调结果", "unit_id": "430502"});
    assert_eq!(app.by("coordinator").post(&format!("{F01}/reassign"), back).is(200).at("/unit/code"), "430502");
    assert_eq!(app.by("leader").get(F01).is(200).at("/state"), "issued");
}

#[test]
fn the_deadline_is_explained_day_by_day() {
    let app = TestApp::start();
    issue(&app);
    let why = app.by("liaison").get(&format!("{F01}/deadline")).is(200).json();
    assert_eq!(
        (&why["on"], &why["at"], &why["raw"]),
        (&json!("2026-03-13"), &json!("2026-03-13T16:00:00Z"), &json!("于2026年3月13日前"))
    );
    let counted = why["days"].as_array().unwrap().iter().filter(|day| day["counted"] == true).count();
    assert_eq!(counted, 9);
    let ticket = app.by("liaison").get(F01).json();
    assert_eq!((&ticket["days_left"], &ticket["calendar_days_left"]), (&json!(9), &json!(11)));
    let deadline =
        app.by("liaison").get("/api/v1/calendars/cn/deadline?from=2026-09-25&working_days=10").is(200).json();
    assert_eq!(deadline["on"], "2026-10-15");
    let year = app.by("liaison").get("/api/v1/calendars/cn/2026").is(200).json();
    assert_eq!(year["provisional"], false);
    assert_eq!(app.by("liaison").get("/api/v1/calendars/cn/2031").is(200).json()["provisional"], true);
    assert_eq!(app.by("liaison").get("/api/v1/calendars/us/2026").problem(), "404 calendar.unknown");
}

#[test]
fn a_tampered_record_is_found_and_its_first_broken_link_named() {
    use diesel::RunQueryDsl;
    let app = TestApp::start();
    acknowledged(&app);
    let id = app.by("viewer").get(F01).at("/id");
    assert_eq!(app.by("liaison").get("/api/v1/audit/verify").problem(), "403 auth.role");
    app.world.db.write_now(disarm).unwrap();
    for (statement, reason, seq) in [
        ("UPDATE events SET payload = '{\"handler\":\"王五\"}' WHERE seq = 2", "payload", 2),
        ("UPDATE events SET actor = 'user:nobody' WHERE seq = 2", "payload", 2),
        ("DELETE FROM events WHERE seq = 2", "cut_short", 2),
        ("DELETE FROM events WHERE seq = 1", "cut_short", 1),
    ] {
        let statement = format!("{statement} AND stream = 'ticket:{id}'");
        app.world
            .db
            .write_now(move |conn| diesel::sql_query(statement).execute(conn).map_err(rectify::store::StoreError::from))
            .unwrap();
        let verdict = app.by("viewer").get("/api/v1/audit/verify").is(200).json();
        let broken = json!({"stream": format!("ticket:{id}"), "seq": seq, "reason": reason});
        assert_eq!((&verdict["whole"], &verdict["first_broken"]), (&json!(false), &broken));
    }
}
