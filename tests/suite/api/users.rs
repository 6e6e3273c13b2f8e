//! Users, for the admin: made, changed, disabled, represented.

use crate::support::app::{PASSWORD, TestApp};
use serde_json::{Value, json};

fn person(login: &str) -> Value {
    json!({"login": login, "name": "张三", "unit_id": "430503", "roles": ["leader"], "email": "zs@example.cn"})
}

#[test]
fn a_user_is_made_and_may_sign_in_when_they_have_a_password() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let made = admin.post("/api/v1/users", person("zhangsan")).is(201);
    let expected = json!({
        "id": made.at("/id"), "login": "zhangsan", "name": "张三", "email": "zs@example.cn",
        "unit_id": admin.get("/api/v1/units/430503").at("/id"), "roles": ["leader"], "locale": "zh-CN", "active": true,
        "service": false, "deputy": null, "version": 1,
    });
    assert_eq!(made.json(), expected);
    assert_eq!(admin.get("/api/v1/users/zhangsan").is(200).json(), expected);
    let sign_in = |password: &str| {
        app.anyone().post("/api/v1/session", json!({"login": "zhangsan", "password": password})).status
    };
    assert_eq!(sign_in(""), 401);
    let changed = admin.patch("/api/v1/users/zhangsan", json!({"password": "a long enough one"})).is(200);
    assert!(!changed.text().contains("argon2") && !changed.text().contains("long enough"));
    assert_eq!(sign_in("a long enough one"), 201);
    admin.patch("/api/v1/users/zhangsan", json!({"password": null})).is(200);
    assert_eq!(sign_in("a long enough one"), 401);
}

#[test]
fn a_user_that_could_not_work_is_refused() {
    let app = TestApp::start();
    let post = |changes: Value| {
        let mut body = person("zhangsan");
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        app.by("admin").post("/api/v1/users", body).problem()
    };
    for (changes, problem) in [
        (json!({"login": "liaison"}), "409 duplicate"),
        (json!({"login": "a b"}), "422 request.invalid /login field.format"),
        (json!({"roles": []}), "422 request.invalid /roles field.required"),
        (json!({"roles": ["boss"]}), "422 request.invalid /roles/0 field.choice"),
        (json!({"unit_id": null}), "422 request.invalid /unit_id field.required"),
        (json!({"unit_id": "none"}), "422 request.invalid /unit_id field.reference /unit_id field.required"),
        (json!({"unit_id": "depts"}), "422 request.invalid /unit_id unit.is_group /unit_id field.required"),
        (json!({"email": "x"}), "422 request.invalid /email field.format"),
        (json!({"locale": "de"}), "422 request.invalid /locale field.choice"),
        (json!({"password": "short"}), "422 request.invalid /password field.too_short"),
        (json!({"password": "my zhangsan is here"}), "422 request.invalid /password field.format"),
        (json!({"service": true, "password": PASSWORD}), "422 request.invalid /password field.not_allowed"),
        (json!({"password_hash": "x"}), "422 request.invalid /password_hash field.unknown"),
    ] {
        assert_eq!(post(changes.clone()), problem, "{changes}");
    }
}

#[test]
fn a_deputy_is_named_with_dates() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let set = |deputy: Value| admin.patch("/api/v1/users/liaison", json!({"deputy": deputy}));
    let named = set(json!({"user_id": "leader", "from": "2026-03-02", "to": "2026-03-06"})).is(200);
    let leader = admin.get("/api/v1/users/leader").at("/id");
    assert_eq!(named.json()["deputy"], json!({"user_id": leader, "from": "2026-03-02", "to": "2026-03-06"}));
    for (deputy, problem) in [
        (json!({"user_id": "leader", "from": "2026-03-07", "to": "2026-03-06"}), "/deputy/to field.order"),
        (json!({"user_id": "liaison", "from": "2026-03-02", "to": "2026-03-06"}), "/deputy/user_id field.reference"),
        (json!({"user_id": "nobody", "from": "2026-03-02", "to": "2026-03-06"}), "/deputy/user_id field.reference"),
        (json!({"user_id": "leader"}), "/deputy/from field.required /deputy/to field.required"),
        (json!({"user_id": "leader", "from": "2026-02-30", "to": "2026-03-06"}), "/deputy/from field.date"),
        (json!({"user": "leader", "from": "2026-03-02", "to": "2026-03-06"}), "/deputy/user field.unknown"),
    ] {
        assert_eq!(set(deputy.clone()).problem(), format!("422 request.invalid {problem}"), "{deputy}");
    }
    assert_eq!(set(Value::Null).is(200).json()["deputy"], Value::Null);
}

#[test]
fn the_last_admin_stays() {
    let app = TestApp::start();
    let admin = app.by("admin");
    assert_eq!(admin.patch("/api/v1/users/admin", json!({"active": false})).problem(), "409 user.last_admin");
    assert_eq!(admin.patch("/api/v1/users/admin", json!({"roles": ["viewer"]})).problem(), "409 user.last_admin");
    admin.patch("/api/v1/users/viewer", json!({"roles": ["viewer", "admin"]})).is(200);
    admin.patch("/api/v1/users/admin", json!({"active": false})).is(200);
}

#[test]
fn users_are_listed_by_unit_role_and_text() {
    let app = TestApp::start();
    let admin = app.by("admin");
    let logins = |query: &str| -> Vec<String> {
        let items = admin.get(&format!("/api/v1/users?{query}")).is(200).json()["items"].clone();
        items.as_array().unwrap().iter().map(|user| user["login"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(logins("unit=430502"), ["leader", "liaison"]);
    assert_eq!(logins("unit=430502&unit=430503&role=liaison"), ["liaison", "liaison2"]);
    assert_eq!(logins("role=approver&role=viewer"), ["approver", "viewer"]);
    assert_eq!(logins("q=edu"), ["liaison-edu"]);
    assert_eq!(logins("active=false"), [""; 0]);
    assert_eq!(admin.get("/api/v1/users?unit=none").problem(), "422 request.invalid ?unit field.reference");
}

#[test]
fn nobody_else_reads_or_writes_users() {
    let app = TestApp::start();
    for login in ["coordinator", "approver", "viewer", "liaison", "leader"] {
        let client = app.by(login);
        assert_eq!(client.get("/api/v1/users").problem(), "403 auth.role", "{login}");
        assert_eq!(client.get("/api/v1/users/admin").problem(), "403 auth.role", "{login}");
        assert_eq!(client.get("/api/v1/users/nobody").problem(), "403 auth.role", "{login}");
        assert_eq!(client.post("/api/v1/users", person("x")).problem(), "403 auth.role", "{login}");
        let change = client.patch("/api/v1/users/liaison", json!({"roles": ["admin"]}));
        assert_eq!(change.problem(), "403 auth.role", "{login}");
    }
}

#[test]
fn a_service_account_files_for_its_unit_by_its_tokens_and_never_signs_in() {
    let app = TestApp::start();
    crate::support::round::acknowledged(&app);
    let admin = app.by("admin");
    let robot =
        json!({"login": "robot", "name": "信息系统", "unit_id": "430502", "roles": ["liaison"], "service": true});
    admin.post("/api/v1/users", robot).is(201);
    assert_eq!(
        admin.patch("/api/v1/users/robot", json!({"password": PASSWORD})).problem(),
        "422 request.invalid /password field.not_allowed"
    );
    let sign_in = app.anyone().post("/api/v1/session", json!({"login": "robot", "password": PASSWORD}));
    assert_eq!(sign_in.problem(), "401 auth.failed");
    let token = |scopes: serde_json::Value| {
        let made = admin.post("/api/v1/tokens?user=robot", json!({"name": "t", "scopes": scopes})).is(201);
        app.anyone().with("Accept-Language", "en").bearer(&made.at("/secret"))
    };
    let (reads, writes) = (token(json!(["read"])), token(json!(["read", "write"])));
    assert_eq!(writes.get("/api/v1/me").is(200).at("/service"), "true");
    assert_eq!(app.by("liaison").get("/api/v1/me").at("/service"), "false");
    let ticket = "/api/v1/tickets/2026Q1-F01-01";
    let progress = json!({"text": "栏目已更新", "percent": 60});
    assert_eq!(reads.post(&format!("{ticket}/progress"), progress.clone()).problem(), "403 auth.scope");
    writes.post(&format!("{ticket}/progress"), progress.clone()).is(200);
    assert_eq!(writes.post("/api/v1/tickets/2026Q1-F02-01/progress", progress).problem(), "404 not_found");
    let letter = writes.post("/api/v1/feedback", crate::support::round::letter()).is(201);
    assert_eq!((letter.at("/author/name"), letter.at("/author/service")), ("信息系统".into(), "true".into()));
    let events = writes.get(&format!("{ticket}/events")).is(200).json();
    let programs: Vec<bool> =
        events["items"].as_array().unwrap().iter().map(|event| event["actor"]["service"] == true).collect();
    assert_eq!(programs, [false, false, true, true]);
    admin.patch("/api/v1/users/robot", json!({"active": false})).is(200);
    assert_eq!(writes.get("/api/v1/me").problem(), "401 auth.token_invalid");
}

#[test]
fn a_units_service_account_is_nobody_who_could_be_told_of_a_ticket() {
    let app = TestApp::start();
    let admin = app.by("admin");
    admin.post("/api/v1/units", json!({"code": "mute", "name": "无人单位", "kind": "department"})).is(201);
    let robot = json!({"login": "robot", "name": "r", "email": "r@example.cn", "unit_id": "mute", "roles": ["liaison"], "service": true});
    admin.post("/api/v1/users", robot).is(201);
    crate::support::round::draft(&app);
    let finding = json!({"code": "F09", "title": "t", "text": "t", "unit_ids": ["mute"]});
    app.by("coordinator").post("/api/v1/notices/2026Q1/findings", finding).is(201);
    let refused = app.by("coordinator").post("/api/v1/notices/2026Q1/issue", json!({"dry_run": true}));
    assert_eq!(refused.problem(), "409 notice.incomplete /findings/3 unit.unreachable");
}
