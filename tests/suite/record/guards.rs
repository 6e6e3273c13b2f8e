//! The database itself refuses to change or to delete what is on record.

use crate::support::app::TestApp;
use crate::support::record::{run, try_run};
use rectify::actions::checkpoints;
use rectify::domain::actor::Actor;
use rectify::store::{Backend, StoreError};

/// What the database says to a statement that is taken back again.
fn told(app: &TestApp, statement: &'static str) -> Result<(), String> {
    let said = app.world.write_now(move |tx| {
        tx.rehearse(|tx| {
            Ok(rectify::store::savepoint(tx.conn, |conn| try_run(conn, statement).map_err(StoreError::from))
                .map_err(|refused: StoreError| refused.to_string()))
        })
    });
    said.unwrap()
}

fn with_a_checkpoint() -> TestApp {
    let app = TestApp::start();
    checkpoints::make(&app.world, &Actor::system("test")).unwrap().unwrap();
    app
}

#[test]
fn an_event_is_never_changed_deleted_or_replaced() {
    let app = with_a_checkpoint();
    let mut statements = vec![
        "UPDATE events SET stream = 'office' WHERE stream LIKE 'user:%'",
        "UPDATE events SET seq = seq + 1",
        "UPDATE events SET actor = 'user:nobody'",
        "UPDATE events SET actor_name = 'nobody'",
        "UPDATE events SET act = 'user.changed'",
        "UPDATE events SET payload = '{}'",
        "UPDATE events SET salt = hash",
        "UPDATE events SET name_salt = hash",
        "UPDATE events SET payload_digest = hash",
        "UPDATE events SET name_digest = NULL",
        "UPDATE events SET prev_hash = hash",
        "UPDATE events SET hash = prev_hash",
        "UPDATE events SET payload = NULL, act = 'x'",
        "UPDATE events SET actor_name = '', actor = 'x'",
        "DELETE FROM events",
        "UPDATE checkpoints SET heads = 0",
        "DELETE FROM checkpoints",
        "UPDATE checkpoint_heads SET seq = seq + 1",
        "DELETE FROM checkpoint_heads",
    ];
    match Backend::of(app.database.url()) {
        Backend::Sqlite => statements.extend([
            "UPDATE events SET id = randomblob(16)",
            "UPDATE events SET at = at + 1",
            "UPDATE OR REPLACE events SET act = 'x'",
            "INSERT OR REPLACE INTO events SELECT * FROM events",
            "REPLACE INTO events SELECT * FROM events LIMIT 1",
            "INSERT OR REPLACE INTO checkpoints SELECT * FROM checkpoints",
            "INSERT OR REPLACE INTO checkpoint_heads SELECT * FROM checkpoint_heads",
        ]),
        Backend::Postgres => statements.extend([
            "UPDATE events SET id = gen_random_uuid()",
            "UPDATE events SET at = at + interval '1 second'",
            "TRUNCATE events",
            "TRUNCATE checkpoints, checkpoint_heads",
            "INSERT INTO events SELECT * FROM events ON CONFLICT (id) DO UPDATE SET act = 'x'",
        ]),
    }
    for statement in statements {
        let said = told(&app, statement).expect_err(statement);
        assert!(said.contains("the record is kept"), "{statement}: {said}");
    }
    assert_eq!(app.by("viewer").get("/api/v1/audit/verify").is(200).at("/whole"), "true");
}

#[test]
fn only_a_persons_data_may_go() {
    let app = with_a_checkpoint();
    for statement in [
        "UPDATE events SET payload = NULL",
        "UPDATE events SET payload = NULL, salt = ''",
        "UPDATE events SET actor_name = ''",
        "UPDATE events SET actor_name = '', name_salt = NULL",
    ] {
        let statement = match Backend::of(app.database.url()) {
            Backend::Sqlite => statement.replace("salt = ''", "salt = X''"),
            Backend::Postgres => statement.to_owned(),
        };
        // It is let through; that nobody's data was to be removed is for the proof to find.
        app.world
            .write_now(move |tx| {
                tx.rehearse(|tx| {
                    run(tx.conn, &statement);
                    Ok(())
                })
            })
            .unwrap();
    }
}
