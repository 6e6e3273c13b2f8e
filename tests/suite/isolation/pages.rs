//! The same for the pages: every address of `src/web/mod.rs`, for readers with a cookie. A page that has no row here fails.

use super::calls::{ALL, Asking, Body, First, OFFICE, Route, Sight, Want, act, kept, key, nothing, seen, whole};
use super::matrix::headed;
use super::rows::{CALLERS, Caller, Column, NOBODY, Rows, Stage};
use crate::support::app::{PASSWORD, TestApp};
use crate::support::client::{Answer, Client};
use crate::web::reader::{Page, reader};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use url::form_urlencoded::Serializer;

/// `METHOD /path` of every page, as they are registered.
fn registered() -> BTreeSet<String> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/mod.rs")).unwrap();
    let body = source.split("pub fn configure").nth(1).unwrap();
    let mut found = BTreeSet::new();
    for service in body.split(".service(").skip(1) {
        let path = service.split('"').nth(1).unwrap();
        for (method, mark) in [("GET", "get()"), ("POST", "post()")] {
            if service.contains(mark) {
                found.insert(format!("{method} {path}"));
            }
        }
    }
    found
}

fn public(call: &'static str, status: u16, ask: Asking) -> Route {
    Route { call, want: Want::Public(status), ask }
}

/// What is somebody's own, of whatever unit they are.
fn own(call: &'static str, ask: Asking) -> Route {
    Route { call, want: Want::Rule { who: ALL, sight: Sight::Person, first: First::Row, ok: 303 }, ask }
}

/// What a form sends, as `Body::Json` of names and values.
fn form(fields: Value) -> Body {
    Body::Json(fields)
}

fn pages() -> Vec<Route> {
    let mut all = places();
    all.extend(acts());
    all.extend(office());
    // Last: it ends the sessions.
    all.push(whole("POST /sign-out", ALL, 303, |_, _, _| sent(Vec::new(), json!({}))));
    all
}

fn sent(keys: Vec<String>, fields: Value) -> super::calls::Ask {
    super::calls::Ask { keys, query: String::new(), body: form(fields) }
}

fn places() -> Vec<Route> {
    vec![
        whole("GET /", ALL, 200, nothing),
        whole("GET /account", ALL, 200, nothing),
        whole("GET /account/password", ALL, 200, nothing),
        whole("POST /account/password", ALL, 422, |_, _, _| {
            sent(Vec::new(), json!({"old_password": "x", "new_password": "another long one", "again": "another one"}))
        }),
        whole("GET /account/tokens", ALL, 200, nothing),
        whole("POST /account/tokens", ALL, 200, |_, _, _| {
            sent(Vec::new(), json!({"name": "夜间导出", "scopes": "read"}))
        }),
        own("POST /account/tokens/{id}/revoke", |rows, column, _| sent(vec![rows.token(column)], json!({}))),
        own("POST /account/sessions/{id}/end", |rows, column, _| sent(vec![rows.session(column)], json!({}))),
        public("GET /sign-in", 200, nothing),
        public("POST /sign-in", 303, |_, _, _| sent(Vec::new(), json!({"login": "viewer", "password": PASSWORD}))),
        public("GET /setup", 404, nothing),
        public("POST /setup", 404, |_, _, _| {
            sent(Vec::new(), json!({"key": "x", "login": "me", "password": PASSWORD}))
        }),
        public("GET /static/{name}", 404, |_, _, _| key("style.000000000000.css")),
        whole("GET /tickets", ALL, 200, nothing),
        seen("GET /tickets/{key}", |rows, column, _| key(rows.ticket(column, Stage::Issued))),
        // Leads back to the ticket, which answers for itself.
        public("GET /tickets/{key}/{act}", 303, |_, _, _| super::calls::Ask {
            keys: vec!["M1-F00-01".to_owned(), "comment".to_owned()],
            ..key("")
        }),
        whole("GET /feedback", ALL, 200, nothing),
        seen("GET /feedback/{id}", |rows, column, _| key(rows.letter(column))),
        Route {
            call: "GET /feedback/new",
            want: Want::Rule { who: "ldbc", sight: Sight::Unit, first: First::Row, ok: 200 },
            ask: |rows, column, _| {
                nothing(rows, column, Caller::Anonymous).query(format!("ticket={}", rows.ticket(column, Stage::Issued)))
            },
        },
        Route {
            call: "POST /feedback",
            want: Want::Rule { who: "ldbc", sight: Sight::Unit, first: First::Role, ok: 303 },
            ask: letter,
        },
        whole("GET /notices", ALL, 200, nothing),
        seen("GET /notices/{code}", |rows, column, _| key(rows.issued(column))),
        public("GET /notices/{code}/issue", 303, |_, _, _| key("M1")),
        public("GET /notices/{code}/close", 303, |_, _, _| key("M1")),
        kept("POST /notices/{code}/issue", "c", 303, |rows, column, _| {
            sent(vec![rows.drafted(column)], json!({"step": "issue"}))
        }),
        kept("POST /notices/{code}/close", "c", 303, |rows, column, _| sent(vec![rows.finished(column)], json!({}))),
    ]
}

fn letter(rows: &mut Rows, column: Column, caller: Caller) -> super::calls::Ask {
    let reference = rows.ticket(column, Stage::Issued);
    let mut fields = json!({
        "notice": reference.split('-').next().unwrap(), "letter_no": "函1号", "signatory": "李四",
        "items.0.ticket": reference, "items.0.include": "yes", "items.0.cause": "人手不足",
        "items.0.measures": "已补齐", "items.0.result": "done", "items.0.completed_on": "2026-03-01",
    });
    if caller == Caller::Coordinator {
        fields["unit"] = json!(Rows::unit(if column == Column::Absent { Column::OfA } else { column }));
        fields["received_on"] = json!("2026-03-02");
    }
    sent(Vec::new(), fields)
}

/// The forms of a ticket: one address for all of them.
fn acts() -> Vec<Route> {
    const ACT: &str = "POST /tickets/{key}/{act}";
    let row = |who, ask: Asking| act(ACT, who, 303, ask);
    vec![
        row("lb", |rows, column, _| on(rows, (column, Stage::Issued), "acknowledge", json!({"handler": "张三"}))),
        row("lb", |rows, column, _| on(rows, (column, Stage::Taken), "progress", json!({"text": "过半"}))),
        row("d", |rows, column, _| {
            on(rows, (column, Stage::Issued), "object", json!({"reason": "非本单位", "proposed_unit_id": "sjj"}))
        }),
        row("c", |rows, column, _| {
            let (_, reference) = rows.request(column, "objections");
            sent(vec![reference, "decide_objection".to_owned()], json!({"uphold": "no", "reason": "仍由你单位办理"}))
        }),
        row("c", |rows, column, _| {
            on(rows, (column, Stage::Taken), "reassign", json!({"reason": "职责调整", "unit_id": "sjj"}))
        }),
        row("c", |rows, column, _| on(rows, (column, Stage::Submitted), "accept", json!({}))),
        row("c", |rows, column, _| on(rows, (column, Stage::Submitted), "return", json!({"reason": "不全"}))),
        row("c", |rows, column, _| {
            on(rows, (column, Stage::Accepted), "look_back_pass", json!({"method": "抽查", "note": "属实"}))
        }),
        row("c", |rows, column, _| {
            let failed = json!({"method": "抽查", "note": "反弹", "due_on": "2026-04-01"});
            on(rows, (column, Stage::Accepted), "look_back_fail", failed)
        }),
        row("p", |rows, column, _| {
            let plan = json!({"reason": "需立项", "milestones.0.on": "2026-04-01", "milestones.0.text": "立项"});
            on(rows, (column, Stage::Taken), "carry", plan)
        }),
        row("c", |rows, column, _| {
            let reference = rows.ticket(column, Stage::Carried);
            let milestone = if column == Column::Absent { NOBODY.to_owned() } else { rows.milestone_of(&reference) };
            sent(vec![reference, "milestone".to_owned()], json!({"milestone_id": milestone, "reached": "yes"}))
        }),
        row("p", |rows, column, _| on(rows, (column, Stage::Taken), "cancel", json!({"reason": "重复"}))),
        row("p", |rows, column, _| {
            on(rows, (column, Stage::Closed), "reopen", json!({"reason": "反弹", "due_on": "2026-04-01"}))
        }),
        row("ldb", |rows, column, _| {
            let asked = json!({"to": "2026-03-27", "reason": "需采购", "progress": "过半"});
            on(rows, (column, Stage::Taken), "extension", asked)
        }),
        row("p", |rows, column, _| {
            let (_, reference) = rows.request(column, "extensions");
            sent(vec![reference, "decide_extension".to_owned()], json!({"approve": "yes", "reason": "同意"}))
        }),
        row("p", |rows, column, _| {
            on(rows, (column, Stage::Taken), "due_date", json!({"to": "2026-04-01", "reason": "假期"}))
        }),
        row("c", |rows, column, _| on(rows, (column, Stage::Taken), "urge", json!({"note": "请抓紧"}))),
        row("ldbcpa", |rows, column, _| on(rows, (column, Stage::Taken), "comment", json!({"text": "知悉"}))),
    ]
}

fn on(rows: &mut Rows, (column, stage): (Column, Stage), act: &str, fields: Value) -> super::calls::Ask {
    sent(vec![rows.ticket(column, stage), act.to_owned()], fields)
}

fn office() -> Vec<Route> {
    vec![
        whole("GET /mail", OFFICE, 200, nothing),
        kept("GET /mail/{id}", OFFICE, 200, |rows, column, _| key(rows.mail(column, "get"))),
        public("GET /mail/{id}/{act}", 303, |_, _, _| super::calls::Ask {
            keys: vec![NOBODY.to_owned(), "hold".to_owned()],
            ..key("")
        }),
        kept("POST /mail/{id}/{act}", "c", 303, |rows, column, _| {
            sent(vec![rows.mail(column, "hold"), "hold".to_owned()], json!({}))
        }),
        whole("GET /reminders", OFFICE, 200, nothing),
        whole("POST /engine/accept-clock", "a", 409, |_, _, _| sent(Vec::new(), json!({}))),
        whole("GET /rules", "ca", 200, nothing),
        kept("GET /rules/{code}", "ca", 200, |rows, column, _| key(rows.rule(column))),
        kept("POST /rules/{code}", "ca", 303, rule),
        whole("GET /audit", "va", 200, nothing),
        whole("GET /assets", ALL, 200, nothing),
        whole("GET /assets/new/{kind}", "ca", 200, |_, _, _| key("website")),
        whole("POST /assets/new/{kind}", "ca", 303, |_, _, _| {
            sent(vec!["website".to_owned()], json!({"name": "门户网站", "unit_id": "430502"}))
        }),
        seen("GET /assets/{key}", |rows, column, _| key(rows.account(column))),
        act("GET /assets/{key}/edit", "ca", 200, |rows, column, _| key(rows.account(column))),
        act("POST /assets/{key}/edit", "ca", 303, |rows, column, _| {
            sent(vec![rows.account(column)], json!({"name": "改名"}))
        }),
        public("GET /assets/{key}/transitions", 303, |_, _, _| key("x")),
        act("POST /assets/{key}/transitions", "ca", 303, |rows, column, _| {
            sent(vec![rows.account(column)], json!({"to": "change_pending"}))
        }),
        whole("GET /hand-over", "a", 200, nothing),
        whole("POST /hand-over", "a", 200, |_, _, _| {
            sent(Vec::new(), json!({"from": "liaison", "to": "leader", "reason": "岗位调整"}))
        }),
        whole("GET /statistics", OFFICE, 200, nothing),
        public("GET /notices/{code}/units", 303, |_, _, _| key("M1")),
        kept("POST /notices/{code}/units", "c", 200, |rows, column, _| {
            let finding = rows.finding(column, true);
            let code = if column == Column::Absent { "M0".to_owned() } else { rows.last_notice() };
            sent(vec![code], json!({"finding": finding, "unit_ids": "sjj"}))
        }),
        whole("GET /calendar", ALL, 200, nothing),
        whole("POST /calendar", "a", 303, |rows, _, _| {
            let day = format!("2026-{:02}-{:02}", 5 + rows.next() % 6, 1 + rows.next() % 28);
            sent(Vec::new(), json!({"step": "save", "date": day, "kind": "holiday", "name": "放假"}))
        }),
        whole("POST /sandbox/clock", ALL, 404, |_, _, _| sent(Vec::new(), json!({"step": "day"}))),
    ]
}

/// The rule's form as a keeper gets it.
fn rule(rows: &mut Rows, column: Column, _: Caller) -> super::calls::Ask {
    let code = rows.rule(column);
    let known = if column == Column::Absent { "before-3" } else { &code };
    let page = reader(&rows.app, "coordinator").read(&format!("/rules/{known}"));
    let form = page.form(&format!("/rules/{known}"));
    let mut fields = json!({"step": "save"});
    for (name, value) in form.fields.into_iter().filter(|(name, _)| name != "csrf" && name != "version") {
        fields[name] = json!(value);
    }
    fields["name_zh"] = json!("改");
    sent(vec![code], fields)
}

/// Somebody with a cookie, and the token of their forms.
struct Browser {
    client: Client,
    csrf: String,
}

fn browser(app: &TestApp, caller: Caller) -> Browser {
    let Some(login) = caller.login() else { return Browser { client: app.anyone(), csrf: String::new() } };
    let signed_in = app.anyone().post("/api/v1/session", json!({"login": login, "password": PASSWORD})).is(201);
    let cookie = signed_in.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let client = app.anyone().with("Cookie", &format!("{cookie}; rectify_lang=en")).with("Accept", "text/html");
    Browser { client, csrf: signed_in.at("/csrf_token") }
}

fn send(browser: &Browser, call: &str, ask: &super::calls::Ask) -> Answer {
    let (method, path) = call.split_once(' ').unwrap();
    let mut keys = ask.keys.iter();
    let mut target = String::new();
    for piece in path.split('/').skip(1) {
        target = format!("{target}/{}", if piece.starts_with('{') { keys.next().unwrap() } else { piece });
    }
    if !ask.query.is_empty() {
        target = format!("{target}?{}", ask.query);
    }
    if method == "GET" {
        return headed(browser.client.get(&target), &target);
    }
    let mut body = Serializer::new(String::new());
    body.append_pair("csrf", &browser.csrf);
    if let Body::Json(Value::Object(fields)) = &ask.body {
        for (name, value) in fields {
            body.append_pair(name, value.as_str().unwrap());
        }
    }
    let kind = Some("application/x-www-form-urlencoded");
    headed(browser.client.send("POST", &target, kind, body.finish().into_bytes()), &target)
}

/// The status that the table speaks of: whoever is led to the sign-in is not signed in.
fn told(answer: &Answer) -> u16 {
    let led = answer.header("location").is_some_and(|target| target.starts_with("/sign-in?"));
    if answer.status == 303 && led { 401 } else { answer.status }
}

#[test]
fn every_page_has_its_row_in_the_table_and_every_row_its_page() {
    let expected: BTreeSet<String> = pages().iter().map(|page| page.call.to_owned()).collect();
    let registered = registered();
    assert!(registered.len() > 30, "{registered:?}");
    let missing: Vec<_> = registered.difference(&expected).collect();
    let gone: Vec<_> = expected.difference(&registered).collect();
    assert!(missing.is_empty(), "pages without a row in tests/suite/isolation/pages.rs: {missing:#?}");
    assert!(gone.is_empty(), "rows without a page: {gone:#?}");
}

#[test]
fn whoever_reads_gets_only_where_role_and_unit_let_them() {
    let begun = std::time::Instant::now();
    let mut rows = Rows::new(TestApp::start_with(|_| {}, rectify::web::configure));
    let browsers: Vec<Browser> = CALLERS.iter().map(|caller| browser(&rows.app, *caller)).collect();
    let mut faults = Vec::new();
    let mut cells = 0;
    for route in pages() {
        cells += walk(&mut rows, &browsers, &route, &mut faults);
    }
    assert!(faults.is_empty(), "{} cells are wrong:\n{}", faults.len(), faults.join("\n"));
    println!("pages: {cells} cells of {} pages and forms in {:.1} s", pages().len(), begun.elapsed().as_secs_f64());
}

fn walk(rows: &mut Rows, browsers: &[Browser], route: &Route, faults: &mut Vec<String>) -> usize {
    let mut cells = 0;
    let mut silences: HashMap<(usize, bool), String> = HashMap::new();
    for column in route.want.columns() {
        let wanted = |caller| route.want.status(caller, *column);
        let (refused, passing): (Vec<usize>, Vec<usize>) =
            (0..CALLERS.len()).partition(|index| matches!(wanted(CALLERS[*index]), 401 | 403 | 404));
        let ask = (route.ask)(rows, *column, Caller::Anonymous);
        let before = rows.events();
        for index in refused {
            let wanted = wanted(CALLERS[index]);
            // An empty form is refused as a whole one is.
            let blank = super::calls::Ask { body: form(json!({})), ..ask.clone() };
            for (is_blank, ask) in [(false, &ask), (true, &blank)] {
                let names_row_in_body = ask.keys.is_empty();
                if is_blank && (route.call.starts_with("GET") || (names_row_in_body && wanted == 404)) {
                    continue;
                }
                let answer = send(&browsers[index], route.call, ask);
                check(route, (CALLERS[index], *column), &answer, wanted, faults);
                cells += 1;
                if wanted == 404 {
                    let text = plain(&answer, ask);
                    let held = silences.entry((index, is_blank)).or_insert_with(|| text.clone());
                    if *held != text {
                        let (call, caller) = (route.call, CALLERS[index]);
                        let lines = held.lines().zip(text.lines()).find(|(one, other)| one != other);
                        faults.push(format!("{call} {caller:?} tells rows apart: {lines:?}"));
                    }
                }
            }
        }
        if rows.events() != before {
            faults.push(format!("{}: a refused form of {column:?} left an event", route.call));
        }
        for index in passing {
            let ask = (route.ask)(rows, *column, CALLERS[index]);
            let answer = send(&browsers[index], route.call, &ask);
            check(route, (CALLERS[index], *column), &answer, wanted(CALLERS[index]), faults);
            cells += 1;
        }
    }
    cells
}

fn check(route: &Route, cell: (Caller, Column), answer: &Answer, wanted: u16, faults: &mut Vec<String>) {
    if told(answer) != wanted {
        let words = match answer.header("content-type") {
            Some("text/html; charset=utf-8") => Page::of(route.call, answer).words(),
            _ => answer.text(),
        };
        let words: String = words.chars().take(200).collect();
        faults.push(format!("{} {cell:?}: {} instead of {wanted}: {words}", route.call, answer.status));
    }
}

/// The page but for what names the row.
fn plain(answer: &Answer, ask: &super::calls::Ask) -> String {
    let named = ask.query.split('&').filter_map(|pair| pair.split_once('=')).map(|(_, value)| value);
    let named = ask.keys.iter().map(String::as_str).chain(named).filter(|name| name.len() > 3);
    let text = named.fold(answer.text(), |text, name| text.replace(name, "…"));
    // A short one stands only in the links that lead back here.
    ask.keys.iter().fold(text, |text, name| text.replace(&format!("&#x2f;{name}?"), "…"))
}
