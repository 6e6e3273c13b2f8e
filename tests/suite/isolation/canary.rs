//! A canary in all that is unit B's, and unit A's people reading everything they can reach: it is in nothing they get, and
//! what they get is the same to the letter whether B's rows are there or not.

use super::calls::{Want, routes};
use super::matrix;
use super::rows::{Caller, Column, Rows};
use crate::support::app::{PASSWORD, TestApp};
use crate::support::bureau::read_mail;
use crate::support::client::{Answer, Client};
use crate::support::round::PDF;
use chrono::TimeDelta;
use rectify::config::Config;
use rectify::mail::{Courier, Pauses, Sender};
use rectify::reminders::tick;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// With a dash and a word behind it in each row of B's; what is searched for has neither.
const CANARY: &str = "zxqcanary";
/// Where it stands.
const KINDS: [&str; 15] = [
    "title",
    "text",
    "handler",
    "progress",
    "file",
    "comment",
    "extension",
    "cause",
    "measures",
    "letter",
    "signatory",
    "answer",
    "user",
    "notice",
    "objection",
];

fn canary(kind: &str) -> String {
    assert!(KINDS.contains(&kind), "{kind}");
    format!("{CANARY}-{kind}")
}

#[test]
fn nothing_of_another_unit_is_in_anything_that_a_units_people_get() {
    let mut rows = Rows::new(TestApp::start_with(|_| {}, rectify::web::configure));
    let shared = rows.notice(&["430502", "430503"], 2);
    own_life(&rows, &shared);
    let asked = targets(&mut rows);
    let readers = [Caller::LiaisonA, Caller::LeaderA];
    let cookies: Vec<Client> = readers.iter().map(|caller| cookie(&rows.app, *caller)).collect();
    // The first use of a token is noted beside the answer; from the second on nothing changes by looking.
    let crawl = |rows: &Rows| -> Vec<BTreeMap<String, String>> {
        readers.iter().zip(&cookies).map(|(caller, pages)| everything(rows, *caller, pages, &asked)).collect()
    };
    let before = crawl(&rows);
    fill(&mut rows, &shared);
    let after = crawl(&rows);
    for ((caller, before), after) in readers.iter().zip(&before).zip(&after) {
        assert!(after.len() > 150, "{}", after.len());
        for (path, text) in after {
            assert!(!text.contains(&format!("{CANARY}-")), "{caller:?} reads the canary at {path}: {text}");
            let same = before.get(path) == Some(text);
            assert!(same, "{caller:?} sees that there is something at {path}:\n{:?}\n{text}", before.get(path));
        }
        assert_eq!(before.len(), after.len(), "{caller:?}");
    }
    let paths: usize = after.iter().map(BTreeMap::len).sum();
    println!("canary: {paths} answers read twice");
    the_canary_is_there_for_the_office(&rows);
    mails_keep_silent(&rows);
}

/// What A's own people do, so that there is something to read.
fn own_life(rows: &Rows, notice: &str) {
    let liaison = rows.app.by("liaison");
    let ticket = format!("/api/v1/tickets/{notice}-F00-01");
    liaison.post(&format!("{ticket}/acknowledge"), json!({"handler": "张三"})).is(200);
    liaison.post(&format!("{ticket}/progress"), json!({"text": "过半", "percent": 50})).is(200);
    liaison.post(&format!("{ticket}/comment"), json!({"text": "请指导"})).is(200);
}

/// B's people write the canary wherever something can be written.
fn fill(rows: &mut Rows, shared: &str) {
    let admin = rows.app.by("admin");
    let coordinator = rows.app.by("coordinator");
    let user = json!({"login": canary("user"), "name": canary("user"), "email": "zxqcanary-user@example.cn",
                      "unit_id": "430503", "roles": ["liaison"], "password": PASSWORD});
    admin.post("/api/v1/users", user).is(201);
    let contacts = json!({"contacts": {"mailbox": "zxqcanary-user@example.cn"}});
    admin.patch("/api/v1/units/430503", contacts).is(200);
    let own = json!({"code": "ZXQ", "title": canary("notice"), "document_no": canary("notice"),
                     "deadline": {"on": "2026-03-13"}, "feedback_to": "office"});
    coordinator.post("/api/v1/notices", own).is(201);
    let finding = json!({"code": "F00", "title": canary("title"), "text": canary("text"), "unit_ids": ["430503"]});
    coordinator.post("/api/v1/notices/ZXQ/findings", finding).is(201);
    coordinator.post("/api/v1/notices/ZXQ/issue", json!({})).is(200);
    let liaison = rows.app.by("liaison2");
    for ticket in [format!("/api/v1/tickets/{shared}-F00-02"), "/api/v1/tickets/ZXQ-F00-01".to_owned()] {
        liaison.post(&format!("{ticket}/acknowledge"), json!({"handler": canary("handler")})).is(200);
        let sent = liaison.upload("/api/v1/attachments", &[(&format!("{}.pdf", canary("file")), PDF)]).is(201);
        let progress = json!({"text": canary("progress"), "percent": 30, "attachment_ids": [sent.at("/items/0/id")]});
        liaison.post(&format!("{ticket}/progress"), progress).is(200);
        liaison.post(&format!("{ticket}/comment"), json!({"text": canary("comment")})).is(200);
        coordinator.post(&format!("{ticket}/urge"), json!({"note": canary("comment")})).is(200);
        let later = json!({"working_days": 3, "reason": canary("extension"), "progress": canary("extension")});
        liaison.post(&format!("{ticket}/extensions"), later).is(201);
    }
    let (objection, _) = rows.request(Column::OfB, "objections");
    let decision = json!({"uphold": false, "reason": canary("objection")});
    coordinator.post(&format!("/api/v1/objections/{objection}/decision"), decision).is(200);
    let letter = json!({
        "notice_id": shared, "letter_no": canary("letter"), "signatory": canary("signatory"),
        "items": [{"ticket_id": format!("{shared}-F01-02"), "cause": canary("cause"), "measures": canary("measures"),
                   "result": "done", "completed_on": "2026-03-01"}],
        "requirement_answers": [{"code": "R1", "text": canary("answer")}],
    });
    liaison.post("/api/v1/feedback", letter).is(201);
    let returned = json!({"decision": "return", "reason": canary("comment"), "due_on": "2026-03-20"});
    coordinator.post(&format!("/api/v1/tickets/{shared}-F01-02/review"), returned).is(200);
}

/// Every GET of the table on A's own rows, and every list with every filter.
fn targets(rows: &mut Rows) -> Vec<(String, super::calls::Ask)> {
    let document = rows.app.anyone().get("/openapi.json").is(200).json();
    let mut found = BTreeMap::new();
    for route in routes().into_iter().filter(|route| route.call.starts_with("GET")) {
        // Whose last use is noted now and then, and what only machines ask.
        let unsteady = ["GET /tokens", "GET /sessions", "GET /readyz", "GET /metrics", "GET /healthz"];
        if unsteady.contains(&route.call) || matches!(route.want, Want::Public(_)) {
            continue;
        }
        let ask = (route.ask)(rows, Column::OfA, Caller::LiaisonA);
        let path = format!("/api/v1{}", route.call.split_once(' ').unwrap().1);
        let parameters = document.pointer(&format!("/paths/{}/get/parameters", path.replace('/', "~1"))).cloned();
        for query in queries(&document, &parameters.unwrap_or_default()) {
            let joint = if ask.query.is_empty() || query.is_empty() { "" } else { "&" };
            let narrowed = super::calls::Ask { query: format!("{}{joint}{query}", ask.query), ..ask.clone() };
            found.insert((route.call.to_owned(), narrowed.query.clone(), narrowed.keys.clone()), narrowed);
        }
    }
    found.into_iter().map(|((call, ..), ask)| (call, ask)).collect()
}

/// No query; then each parameter with each value that might let something through.
fn queries(document: &Value, parameters: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    for parameter in parameters.as_array().into_iter().flatten().filter(|one| one["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        let mut values = words(document, &parameter["schema"]);
        if values.is_empty() {
            let guesses = [CANARY, "430503", "M1-F00-02", "ZXQ", "liaison2", "true", "2026-03-13", "1"];
            values = guesses.map(str::to_owned).to_vec();
        }
        found.extend(values.into_iter().map(|value| format!("{name}={value}&count=true")));
    }
    found
}

/// The words that a schema knows.
fn words(document: &Value, schema: &Value) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return words(document, document.pointer(name.trim_start_matches('#')).unwrap());
    }
    if let Some(all) = schema["enum"].as_array() {
        return all.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    let inner = ["oneOf", "allOf", "anyOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    let inner = inner.chain(schema.get("items"));
    inner.flat_map(|schema| words(document, schema)).collect()
}

/// All that one reader gets, by address.
fn everything(
    rows: &Rows,
    caller: Caller,
    pages: &Client,
    asked: &[(String, super::calls::Ask)],
) -> BTreeMap<String, String> {
    let client = rows.by(caller);
    let mut found = BTreeMap::new();
    for (call, ask) in asked {
        let answer = matrix::send(&client, call, ask);
        found.insert(format!("{call} {:?} {}", ask.keys, ask.query), steady(&answer));
    }
    // What they would find if they guessed B's addresses.
    for path in [
        "/tickets/ZXQ-F00-01",
        "/tickets/M1-F00-02",
        "/tickets/M1-F00-02/events",
        "/notices/ZXQ",
        "/notices/ZXQ/findings",
        "/users/zxqcanary-user",
        "/tokens?user=zxqcanary-user",
        "/reminders/why?ticket=M1-F00-02&recipient=liaison2",
        "/reminders/why?ticket=M1-F00-01&recipient=liaison2",
    ] {
        let answer = client.get(&format!("/api/v1{path}"));
        assert!(matches!(answer.status, 403 | 404), "{path}: {}", answer.text());
        found.insert(path.to_owned(), steady(&answer));
    }
    let mut ahead = vec![
        "/".to_owned(),
        format!("/tickets?q={CANARY}"),
        "/tickets?unit=430503".to_owned(),
        "/feedback?unit=430503".to_owned(),
        "/notices/M1".to_owned(),
        "/calendar".to_owned(),
        "/tickets/ZXQ-F00-01".to_owned(),
        "/notices/ZXQ".to_owned(),
    ];
    while let Some(path) = ahead.pop() {
        let path = path.split('#').next().unwrap().to_owned();
        let ours = path.starts_with('/') && !path.starts_with("/api/") && !path.starts_with("/static/");
        if !ours || found.contains_key(&path) || path.contains("lang=") || found.len() > 2_000 {
            continue;
        }
        let answer = pages.get(&path);
        let text = steady(&answer);
        ahead.extend(
            text.split("href=\"")
                .skip(1)
                .filter_map(|rest| rest.split('"').next())
                .map(|link| link.replace("&amp;", "&").replace("&#x2f;", "/")),
        );
        found.insert(path, text);
    }
    found
}

/// The answer but for what names the request.
fn steady(answer: &Answer) -> String {
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.bytes) else { return answer.text() };
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("instance");
    }
    format!("{} {body}", answer.status)
}

fn cookie(app: &TestApp, caller: Caller) -> Client {
    let signed_in = json!({"login": caller.login().unwrap(), "password": PASSWORD});
    let answer = app.anyone().post("/api/v1/session", signed_in).is(201);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    app.anyone().with("Cookie", &format!("{cookie}; rectify_lang=en")).with("Accept", "text/html")
}

/// Else the test would prove nothing.
fn the_canary_is_there_for_the_office(rows: &Rows) {
    let coordinator = rows.app.by("coordinator");
    let mut text = rows.app.by("admin").get("/api/v1/users?limit=200").is(200).text();
    for path in [
        "/notices",
        "/tickets?limit=200",
        "/feedback?limit=200",
        "/tickets/M1-F00-02/events",
        "/tickets/ZXQ-F00-01/events",
        "/tickets/ZXQ-F00-01",
    ] {
        text.push_str(&coordinator.get(&format!("/api/v1{path}")).is(200).text());
    }
    for ticket in coordinator.get("/api/v1/tickets?unit=430503&limit=200").is(200).json()["items"].as_array().unwrap() {
        let path = format!("/api/v1/tickets/{}/events", ticket["reference"].as_str().unwrap());
        text.push_str(&coordinator.get(&path).is(200).text());
    }
    for kind in KINDS {
        assert!(text.contains(&canary(kind)), "the canary of {kind} is nowhere");
    }
}

/// Mails of half a year: none to A's people has the canary or a reference of B's.
fn mails_keep_silent(rows: &Rows) {
    let world = &rows.app.world;
    let dir = rows.app.data.path();
    let config = Config::defaults(dir).unwrap();
    let mut courier = Courier::new(world.clone(), Sender::from_config(&config, dir).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..30 {
        tick(world).unwrap();
        runtime.block_on(courier.until_idle(Pauses::Ignored)).unwrap();
        rows.app.pass(TimeDelta::days(1));
    }
    let mut told = BTreeMap::<&str, usize>::new();
    for entry in std::fs::read_dir(dir.join("outbox")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let mail = read_mail(&bytes);
        let all = format!("{} {} {}", mail.subject, mail.text, String::from_utf8_lossy(&bytes));
        let to = mail.to.as_str();
        if ["liaison@", "leader@", "liaison-edu@", "box-430502"].iter().any(|own| to.starts_with(own)) {
            assert!(!all.contains(CANARY), "{to} is told: {}", mail.text);
            for foreign in ["ZXQ-", "-F00-02", "-F01-02"] {
                assert!(!mail.text.contains(foreign), "{to} is told of {foreign}: {}", mail.text);
            }
            *told.entry("A").or_default() += 1;
        } else if all.contains(&canary("title")) || all.contains(&canary("notice")) {
            *told.entry("canary").or_default() += 1;
        }
    }
    assert!(told.get("A").copied().unwrap_or(0) > 20 && told.get("canary").copied().unwrap_or(0) > 3, "{told:?}");
    println!("canary: {told:?} mails read");
}
