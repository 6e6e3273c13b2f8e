//! The sandbox's clock: forward only, for the admin only, kept across restarts; a jump does once what it owes.

use super::Room;
use rectify::actions::sandbox::set_clock;
use rectify::domain::actor::Actor;
use rectify::domain::instant::Instant;
use rectify::domain::refusal::Code;
use rectify::domain::vocabulary::Role;
use rectify::installation::Installation;
use rectify::mail::{Courier, Sender};
use rectify::reminders::{self, Tally};
use rectify::transaction::{Failure, Outcome};
use std::time::Duration;

fn refused(outcome: Outcome<()>) -> Code {
    match outcome {
        Err(Failure::Refused(refusal)) => refusal.code,
        other => panic!("{other:?}"),
    }
}

fn admin() -> Actor {
    Actor { user_id: Some(uuid()), roles: vec![Role::Admin], ..Actor::system("admin") }
}

fn uuid() -> rectify::domain::id::UserId {
    "00000000-0000-7000-8000-000000000001".parse().unwrap()
}

/// As the server does it: no look of the engine's own in between.
fn jump(installation: &Installation, at: Instant) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sender = Sender::from_config(&installation.config, &installation.data_dir).unwrap();
        let courier = Courier::new(installation.world.clone(), sender);
        let runner = reminders::start(installation.world.clone(), courier, Duration::from_secs(3600));
        let tally = runner.settle(move |world| set_clock(world, &admin(), at)).await.unwrap();
        runner.stop().await;
        tally
    })
}

#[test]
fn it_goes_forward_for_the_admin_tells_what_is_due_once_and_stands_across_restarts() {
    let room = Room::new();
    assert_eq!(room.server(&["demo", "--at", "2021-08-16T09:00:00+08:00"]).stop(), Some(0));
    let installation = room.open();
    let world = &installation.world;
    let start: Instant = "2021-08-16T01:00:00Z".parse().unwrap();
    assert_eq!(world.clock.stands_at(), Some(start));
    let viewer = Actor { roles: vec![Role::Viewer], ..admin() };
    assert_eq!(refused(set_clock(world, &viewer, start)), Code::RoleRequired);
    let earlier = "2021-08-16T00:59:59Z".parse().unwrap();
    assert_eq!(refused(set_clock(world, &admin(), earlier)), Code::SandboxClockBackwards);
    assert_eq!(world.clock.now(), start);

    // Seven working days before the deadline, in the window: one digest to each of the 16 liaisons.
    let at: Instant = "2021-08-18T09:00:00+08:00".parse().unwrap();
    let tally = jump(&installation, at);
    assert!(tally.sent >= 16, "{tally:?}");
    assert_eq!(jump(&installation, at), Tally::default(), "the same moment again tells nobody again");
    drop(installation);

    let installation = room.open();
    assert_eq!(installation.world.clock.stands_at(), Some(at));
    drop(installation);
    assert_eq!(room.run(&["remind", "--json"]).ok().json()["now"], "2021-08-18T01:00:00Z");
    room.events();
}

#[test]
fn outside_a_sandbox_there_is_no_clock_to_set() {
    let room = Room::new();
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let world = room.open().world;
    let later = world.clock.now().plus(chrono::TimeDelta::days(1));
    assert_eq!(refused(set_clock(&world, &admin(), later)), Code::SandboxOnly);
    assert_eq!(room.events(), 1);
}
