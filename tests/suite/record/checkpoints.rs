//! Checkpoints: one a day, by whoever is first; and what they find that a chain alone can't.

use super::{after, broken};
use crate::support::app::TestApp;
use crate::support::bureau::Bureau;
use crate::support::record::{disarm, run};
use chrono::TimeDelta;
use rectify::actions::checkpoints::{make, make_daily};
use rectify::config::Config;
use rectify::domain::actor::Actor;
use rectify::domain::audit::checkpoint::Checkpoint;
use rectify::mail::{Courier, Sender};
use rectify::reminders::start;
use rectify::store::checkpoints;
use rectify::transaction::World;
use serde_json::json;
use std::time::Duration;

fn all(world: &World) -> Vec<Checkpoint> {
    world.read_now(|read| Ok(checkpoints::list(read.conn)?)).unwrap()
}

#[test]
fn a_day_has_one_whoever_makes_it() {
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let worlds: Vec<World> = (0..4).map(|_| bureau.other_world()).collect();
    let day = |worlds: &[World]| {
        std::thread::scope(|scope| {
            for world in worlds {
                scope.spawn(|| make_daily(world).unwrap());
            }
        });
    };
    day(&worlds);
    assert_eq!(all(&bureau.world).len(), 1);
    day(&worlds);
    assert_eq!(all(&bureau.world).len(), 1);
    bureau.clock.set("2021-08-17T00:00:00+08:00".parse().unwrap()).unwrap();
    day(&worlds);
    let made = all(&bureau.world);
    assert_eq!(made.len(), 2);
    assert_eq!(made[1].prev_hash, made[0].hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_makes_the_days_by_itself() {
    let bureau = Bureau::new("2021-08-16T09:00:00+08:00");
    let config = Config::load(bureau.dir.path(), std::iter::empty(), &[]).unwrap();
    let sender = Sender::from_config(&config, bureau.dir.path()).unwrap();
    let courier = Courier::new(bureau.world.clone(), sender);
    let runner = start(bureau.world.clone(), courier, Duration::from_millis(10));
    for (day, count) in [("2021-08-16", 1), ("2021-08-17", 2)] {
        bureau.clock.set(format!("{day}T09:30:00+08:00").parse().unwrap()).unwrap();
        let begun = std::time::Instant::now();
        while all(&bureau.world).len() < count {
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    runner.stop().await;
    assert_eq!(all(&bureau.world).len(), 2);
}

#[test]
fn one_covers_only_what_has_grown_since_the_one_before() {
    let app = TestApp::start();
    let first = make(&app.world, &Actor::system("test")).unwrap().unwrap();
    // Six units, nine users.
    assert_eq!(first.heads, 15);
    app.by("admin").patch("/api/v1/users/leader", json!({"name": "李主任"})).is(200);
    app.pass(TimeDelta::days(3));
    let second = make(&app.world, &Actor::system("test")).unwrap().unwrap();
    // The leader, and the office that tells of the first.
    assert_eq!((second.number, second.heads), (2, 2));
    let verdict = app.by("viewer").get("/api/v1/audit/verify").is(200).json();
    assert_eq!((&verdict["whole"], &verdict["checkpoints"]), (&json!(true), &json!(2)));
    assert_eq!(verdict["last_checkpoint"]["number"], 2);
}

#[test]
fn what_a_checkpoint_has_seen_is_missed_when_it_is_gone() {
    let app = TestApp::start();
    let leader = app.by("admin").get("/api/v1/users/leader").at("/id");
    make(&app.world, &Actor::system("test")).unwrap().unwrap();
    app.world.db.write_now(disarm).unwrap();
    let stream = format!("user:{leader}");
    let said = |statement: String| {
        let statement = statement.replace("{stream}", &stream);
        broken(&after(&app, Box::new(move |conn| run(conn, &statement))))
    };
    let cut = |seq: i64| json!({"stream": stream, "seq": seq, "reason": "cut_short"});
    assert_eq!(said("DELETE FROM events WHERE stream = '{stream}' AND seq = 2".to_owned()), cut(2));
    assert_eq!(said("DELETE FROM events WHERE stream = '{stream}'".to_owned()), cut(1));
    let checkpoint = |number: i64| json!({"stream": "checkpoint", "seq": number, "reason": "checkpoint"});
    for statement in [
        "UPDATE checkpoints SET heads = heads + 1",
        "UPDATE checkpoints SET hash = prev_hash",
        "UPDATE checkpoint_heads SET seq = seq + 7 WHERE stream = '{stream}'",
        "DELETE FROM checkpoint_heads WHERE stream = '{stream}'",
        "DELETE FROM checkpoint_heads; DELETE FROM checkpoints",
    ] {
        assert_eq!(said(statement.to_owned()), checkpoint(1), "{statement}");
    }
    let all = "DELETE FROM events WHERE stream LIKE 'unit:%'";
    assert_eq!(said(all.to_owned())["reason"], "cut_short");
}
