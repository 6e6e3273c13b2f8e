//! The sandbox's clock: forward only, for the admin only, kept across restarts; a jump does once what it owes.

use super::{Room, accounts, token};
use rectify::actions::sandbox::set_clock;
use rectify::domain::actor::Actor;
use rectify::domain::refusal::Code;
use rectify::domain::vocabulary::Role;
use rectify::store::outbox::{Hold, set_hold};
use rectify::transaction::Failure;
use serde_json::json;

#[test]
fn it_goes_forward_for_the_admin_tells_what_is_due_once_and_stands_across_restarts() {
    let room = Room::new();
    let server = room.server(&["demo", "--at", "2021-08-16T09:00:00+08:00"]);
    let held = accounts(&room.data());
    let clock = |server: &super::Server, login: &str, now: &str| {
        server.client().bearer(&token(&held, login)).post("/api/v1/sandbox/clock", json!({ "now": now }))
    };
    assert_eq!(clock(&server, "viewer", "2021-08-18T01:00:00Z").is(403).json()["code"], "auth.role");
    let earlier = clock(&server, "admin", "2021-08-16T00:59:59Z").is(409).json();
    assert_eq!(earlier["code"], "sandbox.clock_backwards");
    clock(&server, "admin", "2021-08-18").is(422);
    let far = clock(&server, "admin", "2121-08-16T09:00:00+08:00").is(422).json();
    assert_eq!(far["errors"][0]["pointer"], "/now");
    clock(&server, "admin", "2021-08-16T01:00:00Z").is(200);

    // Seven working days before the deadline, in the window: one digest to each of the 16 liaisons.
    let jump = clock(&server, "admin", "2021-08-18T09:00:00+08:00").is(200).json();
    assert_eq!(jump["now"], "2021-08-18T01:00:00Z");
    assert!(jump["sent"].as_u64().unwrap() >= 16, "{jump}");
    let again = clock(&server, "admin", "2021-08-18T01:00:00Z").is(200).json();
    assert_eq!(again, json!({"now": "2021-08-18T01:00:00Z", "planned": 0, "sent": 0, "skipped": 0, "cancelled": 0}));
    assert_eq!(server.stop(), Some(0));

    let server = room.server(&["demo"]);
    let overview = server.client().bearer(&token(&held, "viewer")).get("/api/v1/overview").is(200).json();
    assert_eq!(overview["as_of"], "2021-08-18T01:00:00Z");
    assert_eq!(server.stop(), Some(0));
    let told = room.run(&["remind", "--json"]).ok().json();
    assert_eq!((&told["now"], &told["sent"]), (&json!("2021-08-18T01:00:00Z"), &json!(0)));
    room.events();
}

#[test]
fn outside_a_sandbox_there_is_no_clock_to_set() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let world = room.open().world;
    let later = world.clock.now().plus(chrono::TimeDelta::days(1));
    let viewer = Actor { user_id: "00000000-0000-7000-8000-000000000001".parse().ok(), ..Actor::system("") };
    for actor in [Actor { roles: vec![Role::Admin], ..viewer.clone() }, viewer] {
        let Err(Failure::Refused(refusal)) = set_clock(&world, &actor, later) else { panic!("{actor:?}") };
        assert_eq!(refusal.code, Code::SandboxOnly);
    }
    assert_eq!(room.events(), 1);
}

#[test]
fn a_clock_that_leapt_keeps_a_round_of_reminders_back_until_it_is_accepted() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let refused = room.run(&["clock", "accept", "--lang", "en"]).failed();
    assert!(refused.err.contains("The clock is believed already"), "{}", refused.err);
    let held =
        Hold { trusted: "2021-08-16T01:00:00Z".parse().unwrap(), found: "2036-01-01T00:00:00Z".parse().unwrap() };
    room.open().world.write_now(move |tx| Ok(set_hold(tx.conn, &held)?)).unwrap();
    let refused = room.run(&["remind", "--lang", "en"]).failed();
    assert!(refused.err.contains("The clock leapt; nothing is sent"), "{}", refused.err);
    assert!(refused.err.contains("2021-08-16T01:00:00Z") && refused.err.contains("rectify clock accept"));
    let shown = room.run(&["clock", "show", "--json"]).ok().out;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["clock_hold"], json!({"trusted": "2021-08-16T01:00:00Z", "found": "2036-01-01T00:00:00Z"}));
    room.run(&["clock", "accept"]).ok();
    room.run(&["remind"]).ok();
}
