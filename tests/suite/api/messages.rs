//! What a coordinator does to a mail over REST.

use crate::support::app::TestApp;
use crate::support::round;
use rectify::store::events;
use serde_json::{Value, json};

/// A mail that waits: what the issue of a round told somebody.
fn waiting(app: &TestApp) -> Value {
    round::issue(app);
    app.by("coordinator").get("/api/v1/messages?state=queued&limit=1").is(200).json()["items"][0].clone()
}

fn path(mail: &Value, act: &str) -> String {
    format!("/api/v1/messages/{}/{act}", mail["id"].as_str().unwrap())
}

#[test]
fn a_mail_is_held_released_and_cancelled_and_answers_as_the_row_it_is_now() {
    let app = TestApp::start();
    let mail = waiting(&app);
    let coordinator = app.by("coordinator");
    let held = coordinator.post(&path(&mail, "hold"), json!({})).is(200);
    assert_eq!((held.at("/state"), held.at("/next_at")), ("held".to_owned(), "null".to_owned()));
    assert_eq!(held.header("etag"), Some("\"2\""));
    let released = coordinator.post(&path(&mail, "release"), json!({})).is(200);
    assert_eq!((released.at("/state"), released.at("/version")), ("queued".to_owned(), "3".to_owned()));
    let cancelled = coordinator.post(&path(&mail, "cancel"), json!({})).is(200);
    assert_eq!((cancelled.at("/state"), cancelled.at("/reason")), ("cancelled".to_owned(), "by_operator".to_owned()));
    assert_eq!(cancelled.at("/reminders/0/state"), "cancelled");
    let row = coordinator.get(&format!("/api/v1/messages/{}", mail["id"].as_str().unwrap())).is(200);
    assert_eq!(row.header("etag"), cancelled.header("etag"));
    assert_eq!(row.json(), cancelled.json());
}

#[test]
fn an_act_that_the_mails_state_does_not_allow_is_a_conflict_and_changes_nothing() {
    let app = TestApp::start();
    let mail = waiting(&app);
    let coordinator = app.by("coordinator");
    assert_eq!(coordinator.post(&path(&mail, "release"), json!({})).problem(), "409 message.state");
    assert_eq!(coordinator.post(&path(&mail, "retry"), json!({})).problem(), "409 message.state");
    coordinator.post(&path(&mail, "cancel"), json!({})).is(200);
    for act in ["retry", "hold", "release", "cancel"] {
        assert_eq!(coordinator.post(&path(&mail, act), json!({})).problem(), "409 message.state", "{act}");
    }
}

#[test]
fn an_act_from_an_older_version_is_refused() {
    let app = TestApp::start();
    let mail = waiting(&app);
    let coordinator = app.by("coordinator");
    coordinator.post(&path(&mail, "hold"), json!({})).is(200);
    let late = coordinator.with("If-Match", "\"1\"").post(&path(&mail, "release"), json!({}));
    assert_eq!(late.problem(), "412 version.stale");
    coordinator.with("If-Match", "\"2\"").post(&path(&mail, "release"), json!({})).is(200);
}

#[test]
fn a_repeated_act_under_its_key_is_done_once() {
    let app = TestApp::start();
    let mail = waiting(&app);
    let coordinator = app.by("coordinator").with("Idempotency-Key", "once");
    let first = coordinator.post(&path(&mail, "hold"), json!({})).is(200);
    let again = coordinator.post(&path(&mail, "hold"), json!({})).is(200);
    assert_eq!((again.header("idempotency-replayed"), &again.bytes), (Some("true"), &first.bytes));
}

#[test]
fn only_coordinators_operate_mails_and_what_is_no_mail_is_not_there() {
    let app = TestApp::start();
    let mail = waiting(&app);
    for act in ["retry", "hold", "release", "cancel"] {
        for login in ["viewer", "admin", "approver", "liaison"] {
            assert_eq!(app.by(login).post(&path(&mail, act), json!({})).problem(), "403 auth.role", "{login} {act}");
        }
        app.anyone().post(&path(&mail, act), json!({})).is(401);
        for id in ["01912345-0000-7000-8000-000000000001", "no-id"] {
            let missing = app.by("coordinator").post(&format!("/api/v1/messages/{id}/{act}"), json!({}));
            assert_eq!(missing.problem(), "404 not_found", "{act} {id}");
        }
    }
}

#[test]
fn what_was_done_to_a_mail_stands_in_the_offices_record() {
    let app = TestApp::start();
    let mail = waiting(&app);
    app.by("coordinator").post(&path(&mail, "hold"), json!({})).is(200);
    let record = app.world.read_now(|read| Ok(events::list(read.conn, "office", 0, 100)?)).unwrap();
    let held = record.iter().find(|event| event.act == "message.held").unwrap();
    assert!(held.payload.as_deref().unwrap().contains(mail["id"].as_str().unwrap()), "{held:?}");
}
