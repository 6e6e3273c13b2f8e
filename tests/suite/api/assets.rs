//! The registry of websites and accounts: entered, changed and moved on by the office, read by the units they belong to,
//! and what an account that is not in order means for the tickets that name it.

use crate::support::app::TestApp;
use crate::support::client::Answer;
use crate::support::round::{self, PDF, letter};
use serde_json::{Value, json};

const ASSETS: &str = "/api/v1/assets";
const F01: &str = "/api/v1/tickets/2026Q1-F01-01";

fn account() -> Value {
    json!({
        "code": "sq-wechat", "kind": "new_media", "name": "双清发布", "platform": "wechat_official",
        "platform_id": "gh_0123456789ab", "address": "https://mp.weixin.qq.com/x", "certified_entity": "双清区人民政府",
        "opened_on": "2019-05-06", "unit_id": "430502", "supervising_unit_id": "office",
    })
}

fn site() -> Value {
    json!({
        "code": "sq-site", "kind": "website", "name": "双清区人民政府网站", "address": "www.shuangqing.gov.cn",
        "site_code": "4305020001", "icp_no": "湘ICP备10036469号", "security_filing_no": "湘公网安备43050202000142号",
        "unit_id": "430502",
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

/// Enters it as the coordinator.
#[track_caller]
fn enter(app: &TestApp, body: Value) -> Value {
    app.by("coordinator").post(ASSETS, body).is(201).json()
}

/// A file of the coordinator's own.
fn evidence(app: &TestApp) -> String {
    app.by("coordinator").upload("/api/v1/attachments", &[("注销结果.pdf", PDF)]).is(201).at("/items/0/id")
}

fn step(app: &TestApp, key: &str, to: &str, files: &[String]) -> Answer {
    app.by("coordinator").post(&format!("{ASSETS}/{key}/transitions"), json!({"to": to, "evidence": files}))
}

#[test]
fn what_is_entered_comes_back_with_its_units_its_status_and_its_next_steps() {
    let app = TestApp::start();
    let made = app.by("coordinator").post(ASSETS, account()).is(201);
    let id = made.at("/id");
    assert_eq!(made.header("location"), Some(format!("{ASSETS}/{id}").as_str()));
    assert_eq!(made.header("etag"), Some("\"1\""));
    let got = app.by("viewer").get(&format!("{ASSETS}/sq-wechat")).is(200).json();
    assert_eq!(got, made.json());
    assert_eq!((&got["unit"]["code"], &got["supervising_unit"]["code"]), (&json!("430502"), &json!("office")));
    assert_eq!((&got["status"], &got["live"]), (&json!("active"), &json!(true)));
    assert_eq!(got["next_statuses"], json!(["change_pending", "winding_down"]));
    let site = app.by("admin").post(ASSETS, site()).is(201).json();
    assert_eq!((&site["site_code"], &site["platform"]), (&json!("4305020001"), &json!(null)));
    // A code is made up where none is given, and the same identifier twice is no contradiction.
    let mut again = self::site();
    again.as_object_mut().unwrap().remove("code");
    let again = enter(&app, again);
    assert!(again["code"].as_str().unwrap().starts_with("site-"), "{again}");
    assert_eq!(again["site_code"], site["site_code"]);
    assert_eq!(app.by("coordinator").post(ASSETS, account()).problem(), "409 duplicate");
}

#[test]
fn every_wrong_field_is_told_at_once_and_nothing_is_entered() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator");
    for (body, problem) in [
        (json!({}), "/kind field.required /unit_id field.required /name field.required"),
        (with(site(), "site_code", json!("430502")), "/site_code field.format"),
        (with(site(), "icp_no", json!("京备1号")), "/icp_no field.format"),
        (with(site(), "security_filing_no", json!("湘公网安备1号")), "/security_filing_no field.format"),
        (with(site(), "address", json!("javascript:alert(1)")), "/address field.format"),
        (with(site(), "platform", json!("douyin")), "/platform field.not_allowed"),
        (with(site(), "opened_on", json!("2020-01-01")), "/opened_on field.not_allowed"),
        (with(site(), "unit_id", json!("nowhere")), "/unit_id field.reference"),
        (with(site(), "unit_id", json!("depts")), "/unit_id unit.is_group"),
        (with(site(), "supervising_unit_id", json!("nowhere")), "/supervising_unit_id field.reference"),
        (with(site(), "status", json!("deregistering")), "/status field.choice"),
        (with(site(), "status", json!("offline")), "/status field.choice"),
        (with(account(), "platform", json!(null)), "/platform field.required"),
        (with(account(), "platform", json!("blog")), "/platform field.choice"),
        (with(account(), "site_code", json!("4305020001")), "/site_code field.not_allowed"),
        (with(account(), "opened_on", json!("2026-03-03")), "/opened_on field.future"),
        (with(account(), "status", json!("closed_reported")), "/status field.choice"),
        (with(account(), "colour", json!("red")), "/colour field.unknown"),
    ] {
        assert_eq!(
            coordinator.post(ASSETS, body.clone()).problem(),
            format!("422 request.invalid {problem}"),
            "{body}"
        );
    }
    assert_eq!(coordinator.get("/api/v1/assets?count=true").at("/total"), "0");
}

#[test]
fn a_unit_reads_its_own_subtree_and_every_other_asset_is_not_there() {
    let app = TestApp::start();
    enter(&app, account());
    enter(&app, json!({"code": "edu", "kind": "website", "name": "双清区教育局网站", "unit_id": "430502-edu"}));
    enter(&app, json!({"code": "dx", "kind": "website", "name": "大祥区网站", "unit_id": "430503"}));
    let codes = |login: &str, query: &str| {
        let list = app.by(login).get(&format!("{ASSETS}?count=true{query}")).is(200).json();
        let codes: Vec<String> =
            list["items"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect();
        assert_eq!(list["total"], codes.len());
        codes
    };
    assert_eq!(codes("viewer", ""), ["dx", "edu", "sq-wechat"]);
    assert_eq!(codes("approver", "&unit=430503&unit=430502"), ["dx", "sq-wechat"]);
    assert_eq!(codes("liaison", ""), ["edu", "sq-wechat"], "its own and those below");
    assert_eq!(codes("liaison-edu", ""), ["edu"], "not those above");
    assert_eq!(codes("liaison2", "&q=网站"), ["dx"]);
    assert_eq!(codes("liaison2", "&unit=430502"), Vec::<String>::new());
    for path in ["dx", "dx/events", "dx/transitions"] {
        let path = format!("{ASSETS}/{path}");
        let answer = if path.ends_with("transitions") {
            app.by("liaison").post(&path, json!({"to": "suspended"}))
        } else {
            app.by("liaison").get(&path)
        };
        assert_eq!(answer.problem(), "404 not_found", "{path}");
    }
    assert_eq!(app.by("liaison").patch(&format!("{ASSETS}/dx"), json!({"name": "x"})).problem(), "404 not_found");
    app.by("liaison").get(&format!("{ASSETS}/edu/events")).is(200);
    assert_eq!(app.anyone().get(ASSETS).problem(), "401 auth.required");
}

#[test]
fn only_coordinator_and_admin_keep_the_registry() {
    let app = TestApp::start();
    enter(&app, account());
    let path = format!("{ASSETS}/sq-wechat");
    for login in ["viewer", "approver", "liaison", "leader"] {
        let who = app.by(login);
        assert_eq!(who.post(ASSETS, site()).problem(), "403 auth.role", "{login}");
        assert_eq!(who.patch(&path, json!({"name": "x"})).problem(), "403 auth.role", "{login}");
        let moved = who.post(&format!("{path}/transitions"), json!({"to": "winding_down"}));
        assert_eq!(moved.problem(), "403 auth.role", "{login}");
    }
    app.by("admin").patch(&path, json!({"name": "双清区发布"})).is(200);
}

#[test]
fn a_change_keeps_what_is_left_out_clears_what_is_null_and_honours_its_version() {
    let app = TestApp::start();
    enter(&app, account());
    let path = format!("{ASSETS}/sq-wechat");
    let coordinator = app.by("coordinator");
    let changed = coordinator
        .with("If-Match", "\"1\"")
        .patch(&path, json!({"name": "双清政务", "supervising_unit_id": null, "unit_id": "430502-edu"}))
        .is(200);
    assert_eq!((changed.at("/version"), changed.header("etag")), ("2".into(), Some("\"2\"")));
    assert_eq!((changed.at("/unit/code"), changed.at("/supervising_unit")), ("430502-edu".into(), "null".into()));
    assert_eq!(changed.at("/platform_id"), "gh_0123456789ab");
    let stale = coordinator.with("If-Match", "\"1\"");
    assert_eq!(stale.patch(&path, json!({"name": "x"})).problem(), "412 version.stale");
    let moved = stale.post(&format!("{path}/transitions"), json!({"to": "winding_down"}));
    assert_eq!(moved.problem(), "412 version.stale");
    assert_eq!(coordinator.patch(&path, json!({"name": "双清政务"})).at("/version"), "2", "says nothing new");
    assert_eq!(
        coordinator.patch(&path, json!({"unit_id": null})).problem(),
        "422 request.invalid /unit_id field.required"
    );
    assert_eq!(
        coordinator.patch(&path, json!({"status": "active"})).problem(),
        "422 request.invalid /status field.unknown"
    );
    let events = coordinator.get(&format!("{path}/events")).is(200).json();
    let acts: Vec<&str> = events["items"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["asset.created", "asset.changed"]);
}

#[test]
fn the_list_is_narrowed_and_paged_like_every_other() {
    let app = TestApp::start();
    for number in 0..5 {
        let code = format!("a{number}");
        enter(&app, with(with(account(), "code", json!(code)), "name", json!(format!("账号{number}"))));
    }
    enter(&app, with(site(), "status", json!("suspended")));
    enter(&app, with(with(account(), "code", json!("weibo")), "platform", json!("sina_weibo")));
    let viewer = app.by("viewer");
    let total = |query: &str| viewer.get(&format!("{ASSETS}?count=true&{query}")).is(200).at("/total");
    for (query, expected) in [
        ("kind=website", "1"),
        ("kind=website&kind=new_media", "7"),
        ("status=suspended", "1"),
        ("status=active&platform=wechat_official", "5"),
        ("platform=sina_weibo", "1"),
        ("q=4305020001", "1"),
        ("q=gh_0123", "6"),
        ("q=%25", "0"),
        ("unit=430502", "7"),
        ("unit=office", "6"),
    ] {
        assert_eq!(total(query), expected, "{query}");
    }
    let first = viewer.get(&format!("{ASSETS}?limit=3&kind=new_media")).is(200);
    assert!(first.header("link").unwrap().contains("rel=\"next\""));
    let next = first.at("/next");
    enter(&app, with(account(), "code", json!("a00")));
    let second = viewer.get(&format!("{ASSETS}?limit=3&kind=new_media&cursor={next}")).is(200).json();
    let codes: Vec<&str> =
        second["items"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["a3", "a4", "weibo"]);
    let foreign = viewer.get(&format!("{ASSETS}?limit=3&cursor={next}"));
    assert_eq!(foreign.problem(), "422 request.invalid ?cursor field.cursor");
    assert_eq!(viewer.get(&format!("{ASSETS}?status=gone")).problem(), "422 request.invalid ?status field.choice");
    assert_eq!(viewer.get(&format!("{ASSETS}?unit=none")).problem(), "422 request.invalid ?unit field.reference");
}

#[test]
fn a_repeat_under_the_same_key_enters_one_asset() {
    let app = TestApp::start();
    let coordinator = app.by("coordinator").with("Idempotency-Key", "enter-1");
    let first = coordinator.post(ASSETS, account()).is(201);
    let again = coordinator.post(ASSETS, account()).is(201);
    assert_eq!((first.json(), again.header("idempotency-replayed")), (again.json(), Some("true")));
    let moving = app.by("coordinator").with("Idempotency-Key", "move-1");
    let path = format!("{ASSETS}/sq-wechat/transitions");
    moving.post(&path, json!({"to": "winding_down"})).is(200);
    moving.post(&path, json!({"to": "winding_down"})).is(200);
    assert_eq!(app.by("viewer").get(&format!("{ASSETS}/sq-wechat")).at("/version"), "2");
}

#[test]
fn an_account_is_reported_closed_only_once_it_is_deregistered_and_proved_so() {
    let app = TestApp::start();
    enter(&app, account());
    let file = evidence(&app);
    for (to, next) in
        [("winding_down", "deregistering"), ("deregistering", "deregistered"), ("deregistered", "closed_reported")]
    {
        let early = step(&app, "sq-wechat", "closed_reported", std::slice::from_ref(&file));
        assert_eq!(early.problem(), "409 asset.transition");
        let moved = step(&app, "sq-wechat", to, &[]).is(200);
        assert_eq!((moved.at("/status"), moved.at("/live")), (to.into(), "true".into()), "it counts as live");
        assert_eq!(moved.json()["next_statuses"], json!([next]));
    }
    let bare = step(&app, "sq-wechat", "closed_reported", &[]);
    assert_eq!(bare.problem(), "422 request.invalid /evidence asset.no_evidence");
    let foreign = app.by("liaison").upload("/api/v1/attachments", &[("a.pdf", PDF)]).is(201).at("/items/0/id");
    let foreign = step(&app, "sq-wechat", "closed_reported", &[foreign]);
    assert_eq!(foreign.problem(), "422 request.invalid /evidence/0 field.reference");
    let closed = step(&app, "sq-wechat", "closed_reported", &[file.clone(), file.clone()]).is(200);
    assert_eq!((closed.at("/live"), closed.json()["next_statuses"].clone()), ("false".into(), json!([])));
    assert_eq!(step(&app, "sq-wechat", "active", &[]).problem(), "409 asset.transition");
    // The evidence stands on the timeline; whoever sees the asset may read it.
    let events = app.by("liaison").get(&format!("{ASSETS}/sq-wechat/events")).is(200).json();
    let last = events["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["act"], &last["payload"]["to"]), (&json!("asset.status_changed"), &json!("closed_reported")));
    assert_eq!(last["attachments"][0]["name"], "注销结果.pdf");
    let path = format!("/api/v1/attachments/{file}");
    app.by("liaison").get(&path).is(200);
    assert_eq!(app.by("liaison2").get(&path).problem(), "404 not_found");
}

#[test]
fn a_website_goes_off_line_for_good_only_with_the_receipt_of_its_filing() {
    let app = TestApp::start();
    enter(&app, site());
    assert_eq!(step(&app, "sq-site", "offline", &[evidence(&app)]).problem(), "409 asset.transition");
    for to in ["suspended", "active", "exempt", "active", "change_pending", "active", "winding_down"] {
        step(&app, "sq-site", to, &[]).is(200);
    }
    assert_eq!(step(&app, "sq-site", "deregistering", &[]).problem(), "409 asset.transition");
    assert_eq!(step(&app, "sq-site", "offline", &[]).problem(), "422 request.invalid /evidence asset.no_evidence");
    let answer = step(&app, "sq-site", "offline", &[evidence(&app)]).is(200);
    assert_eq!((answer.at("/status"), answer.at("/live")), ("offline".into(), "false".into()));
    assert_eq!(step(&app, "sq-site", "nowhere", &[]).problem(), "422 request.invalid /to field.choice");
}

/// F01 names these assets, and its feedback waits for review.
fn submitted(app: &TestApp, assets: &[Value]) {
    let ids: Vec<String> =
        assets.iter().map(|body| enter(app, body.clone())["id"].as_str().unwrap().to_owned()).collect();
    round::draft(app);
    let coordinator = app.by("coordinator");
    let findings = coordinator.get("/api/v1/notices/2026Q1/findings").is(200).json();
    let finding = findings["items"][0]["id"].as_str().unwrap().to_owned();
    coordinator.patch(&format!("/api/v1/findings/{finding}"), json!({"asset_ids": ids})).is(200);
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
}

fn may_accept(app: &TestApp) -> bool {
    app.by("coordinator").get(F01).is(200).json()["allowed_actions"].as_array().unwrap().contains(&json!("accept"))
}

fn accept(app: &TestApp) -> Answer {
    app.by("coordinator").post(&format!("{F01}/review"), json!({"decision": "accept"}))
}

#[test]
fn a_ticket_about_a_closing_account_is_not_accepted_until_the_platform_has_removed_it() {
    let app = TestApp::start();
    submitted(&app, &[site(), account()]);
    assert!(may_accept(&app));
    for to in ["winding_down", "deregistering"] {
        step(&app, "sq-wechat", to, &[]).is(200);
        assert!(!may_accept(&app), "{to}");
        let list = app.by("coordinator").get("/api/v1/tickets?state=submitted").is(200).json();
        let allowed = list["items"][0]["allowed_actions"].clone();
        assert!(!allowed.as_array().unwrap().contains(&json!("accept")), "{allowed}");
        let refused = accept(&app);
        assert_eq!(refused.problem(), "409 asset.contradicts", "{to}");
        let detail = refused.at("/detail");
        assert!(detail.starts_with("双清发布 is ") && detail.contains("deregistered"), "{detail}");
    }
    let named = app.by("coordinator").get(F01).is(200).json()["assets"].clone();
    assert_eq!(
        named.as_array().unwrap().iter().map(|one| &one["status"]).collect::<Vec<_>>(),
        ["active", "deregistering"]
    );
    step(&app, "sq-wechat", "deregistered", &[]).is(200);
    assert!(may_accept(&app));
    assert_eq!(accept(&app).is(200).at("/state"), "accepted");
}

#[test]
fn an_unreported_account_is_reported_first_and_a_return_is_always_open() {
    let app = TestApp::start();
    submitted(&app, &[with(account(), "status", json!("unreported"))]);
    let refused = app
        .by("coordinator")
        .with("Accept-Language", "zh-CN")
        .post(&format!("{F01}/review"), json!({"decision": "accept"}));
    assert_eq!(refused.problem(), "409 asset.contradicts");
    app.by("coordinator")
        .post(&format!("{F01}/review"), json!({"decision": "return", "reason": "账号仍未报送"}))
        .is(200);
    app.by("liaison").post("/api/v1/feedback", letter()).is(201);
    step(&app, "sq-wechat", "active", &[]).is(200);
    accept(&app).is(200);
}

#[test]
fn an_asset_of_a_unit_below_the_lead_guards_its_ticket_and_another_units_does_not() {
    let app = TestApp::start();
    let closing = |code: &str, unit: &str| {
        let body = with(with(account(), "code", json!(code)), "unit_id", json!(unit));
        with(with(body, "supervising_unit_id", json!(null)), "status", json!("winding_down"))
    };
    // 430503 helps with F01 and has no ticket of its own there: its account is this ticket's.
    submitted(&app, &[closing("edu", "430502-edu"), closing("dx", "430503")]);
    assert_eq!(accept(&app).problem(), "409 asset.contradicts");
    for code in ["edu", "dx"] {
        assert_eq!(accept(&app).problem(), "409 asset.contradicts", "{code}");
        step(&app, code, "deregistering", &[]).is(200);
        step(&app, code, "deregistered", &[]).is(200);
    }
    accept(&app).is(200);
}

#[test]
fn a_ticket_that_changed_hands_still_waits_for_the_account_it_is_about() {
    let app = TestApp::start();
    let ids = enter(&app, with(account(), "status", json!("unreported")))["id"].clone();
    round::draft(&app);
    let coordinator = app.by("coordinator");
    let findings = coordinator.get("/api/v1/notices/2026Q1/findings").is(200).json();
    let finding = findings["items"][0]["id"].as_str().unwrap().to_owned();
    let body = json!({"asset_ids": [ids], "co_unit_ids": []});
    coordinator.patch(&format!("/api/v1/findings/{finding}"), body).is(200);
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    coordinator.post(&format!("{F01}/reassign"), json!({"reason": "职责调整", "unit_id": "430503"})).is(200);
    app.by("liaison2").post("/api/v1/feedback", letter()).is(201);
    assert_eq!(accept(&app).problem(), "409 asset.contradicts");
    assert_eq!(
        app.by("liaison2").get(F01).is(200).json()["assets"],
        json!([]),
        "another unit's asset is not theirs to see"
    );
}

#[test]
fn everybody_reads_the_indicators_and_a_finding_names_one_of_them() {
    let app = TestApp::start();
    let list = app.by("liaison").get("/api/v1/indicators").is(200).json();
    let codes: Vec<&str> = list["items"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["W1", "W2", "W3", "W4", "W5", "W6", "M1", "M2", "M3", "S1", "S2", "S3", "S4"]);
    assert_eq!(list["catalogues"][0]["document_no"], "国办秘函〔2019〕19号");
    assert_eq!(
        (&list["items"][2]["name"]["zh"], &list["items"][2]["catalogue"]),
        (&json!("首页不更新"), &json!("2019-19"))
    );
    let before = app.by("viewer").get("/api/v1/indicators?on=2019-03-31").is(200).json();
    assert_eq!((&before["items"], &before["catalogues"]), (&json!([]), &json!([])));
    assert_eq!(app.by("viewer").get("/api/v1/indicators?on=x").problem(), "422 request.invalid ?on field.date");
    round::draft(&app);
    let coordinator = app.by("coordinator");
    let finding = |indicator: &str| json!({"code": "F09", "title": "首页", "text": "首页不更新。", "unit_ids": ["430502"], "indicator": indicator});
    let refused = coordinator.post("/api/v1/notices/2026Q1/findings", finding("W9"));
    assert_eq!(refused.problem(), "422 request.invalid /indicator finding.indicator_unknown");
    assert!(refused.at("/errors/0/detail").contains("W3 Home page not updated"), "{}", refused.text());
    let made = coordinator.post("/api/v1/notices/2026Q1/findings", finding("首页不更新")).is(201);
    assert_eq!(made.at("/indicator"), "W3");
    let path = format!("/api/v1/findings/{}", made.at("/id"));
    assert_eq!(coordinator.patch(&path, json!({"indicator": "w4"})).is(200).at("/indicator"), "W4");
    assert_eq!(coordinator.patch(&path, json!({"indicator": null})).is(200).at("/indicator"), "null");
}
