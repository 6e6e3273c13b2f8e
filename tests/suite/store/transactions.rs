//! What is acknowledged is kept, what isn't leaves nothing, whatever else goes wrong meanwhile.

use crate::support::database::TestDatabase;
use diesel::prelude::*;
use rectify::store::{Backend, Conn, DatabaseSettings, Db, StoreError, savepoint};
use std::sync::mpsc::channel;

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

fn put(conn: &mut Conn, key: &str) -> Result<(), StoreError> {
    diesel::insert_into(settings::table).values((settings::key.eq(key), settings::value.eq("0"))).execute(conn)?;
    Ok(())
}

fn set(conn: &mut Conn, key: &str, value: &str) -> Result<(), StoreError> {
    diesel::update(settings::table.find(key)).set(settings::value.eq(value)).execute(conn)?;
    Ok(())
}

fn keys(db: &Db) -> Vec<String> {
    let read = |conn: &mut Conn| Ok(settings::table.select(settings::key).order(settings::key).load(conn)?);
    db.read_now::<_, StoreError, _>(read).unwrap()
}

#[test]
fn an_error_undoes_everything_of_its_own() {
    let test = TestDatabase::new();
    test.db.write_now(|conn| put(conn, "a")).unwrap();
    let told = test.db.write_now::<(), _, _>(|conn| {
        put(conn, "b")?;
        Err(StoreError::Unsupported("changed my mind".to_owned()))
    });
    assert!(matches!(told, Err(StoreError::Unsupported(_))));
    assert_eq!(keys(&test.db), ["a"]);
}

#[test]
fn a_savepoint_fails_alone() {
    let test = TestDatabase::new();
    test.db
        .write_now::<_, StoreError, _>(|conn| {
            put(conn, "a")?;
            let inner = savepoint(conn, |conn| {
                put(conn, "b")?;
                savepoint(conn, |conn| put(conn, "c"))?;
                put(conn, "a")
            });
            let told = inner.unwrap_err();
            let what = told.unique_violation().unwrap();
            assert!(what.contains("settings"), "{what}");
            savepoint(conn, |conn| put(conn, "d"))
        })
        .unwrap();
    assert_eq!(keys(&test.db), ["a", "d"]);
}

#[test]
fn a_panic_is_told_and_undone() {
    let test = TestDatabase::new();
    let told = test.db.write_now::<(), StoreError, _>(|conn| {
        put(conn, "a")?;
        savepoint(conn, |conn| {
            put(conn, "b")?;
            panic!("by {}", "hand")
        })
    });
    assert!(matches!(told, Err(StoreError::Panicked(why)) if why == "by hand"));
    let told = test.db.read_now::<(), StoreError, _>(|_| panic!("reading"));
    assert!(matches!(told, Err(StoreError::Panicked(_))));
    test.db.write_now(|conn| put(conn, "c")).unwrap();
    assert_eq!(keys(&test.db), ["c"]);
}

#[test]
fn a_failure_that_was_passed_over_is_never_acknowledged_and_lost() {
    let test = TestDatabase::new();
    test.db.write_now(|conn| put(conn, "a")).unwrap();
    let told = test.db.write_now::<_, StoreError, _>(|conn| {
        put(conn, "b")?;
        assert!(put(conn, "a").is_err());
        Ok(())
    });
    // SQLite undoes the statement and goes on, PostgreSQL gives up the transaction.
    assert_eq!(told.is_ok(), test.db.backend() == Backend::Sqlite);
    assert_eq!(keys(&test.db).contains(&"b".to_owned()), told.is_ok());
    test.db.write_now(|conn| put(conn, "c")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_writes_that_partly_panic_or_fail_exactly_the_acknowledged_ones_are_kept() {
    let test = TestDatabase::new();
    let jobs = (0..200_u32).map(|n| {
        let db = test.db.clone();
        tokio::spawn(async move {
            let key = format!("{n:03}");
            let told = db
                .write::<_, StoreError, _>(move |conn| {
                    put(conn, &key)?;
                    match n % 10 {
                        3 => panic!("in the job"),
                        7 => put(conn, &key),
                        _ => Ok(()),
                    }
                })
                .await;
            told.ok().map(|()| format!("{n:03}"))
        })
    });
    let acknowledged: Vec<String> =
        futures_util::future::join_all(jobs).await.into_iter().filter_map(|told| told.unwrap()).collect();
    assert_eq!(acknowledged.len(), 160);
    assert_eq!(keys(&test.db), acknowledged);
}

#[test]
fn a_list_and_its_count_agree_while_others_write() {
    let test = TestDatabase::new();
    let writer = test.db.clone();
    let read = test.db.read_now::<_, StoreError, _>(|conn| {
        let before: i64 = settings::table.count().get_result(conn)?;
        writer.write_now(|conn| put(conn, "a"))?;
        Ok((before, settings::table.count().get_result::<i64>(conn)?))
    });
    assert_eq!(read.unwrap(), (0, 0));
    assert_eq!(keys(&test.db), ["a"]);
}

#[test]
fn a_reader_cannot_write() {
    let test = TestDatabase::new();
    assert!(test.db.read_now(|conn| put(conn, "a")).is_err());
    assert!(keys(&test.db).is_empty());
}

#[test]
fn two_processes_write_the_same_row_without_losing_a_step() {
    let test = TestDatabase::new();
    test.db.write_now(|conn| put(conn, "n")).unwrap();
    let other = Db::open(&DatabaseSettings::new(test.url())).unwrap();
    let threads: Vec<_> = [test.db.clone(), other]
        .into_iter()
        .map(|db| {
            std::thread::spawn(move || {
                for _ in 0..50 {
                    db.write_now(|conn| {
                        // PostgreSQL waits for the row here, SQLite waited before.
                        diesel::sql_query("UPDATE settings SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)")
                            .execute(conn)
                            .map_err(StoreError::from)
                    })
                    .unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let value = |conn: &mut Conn| Ok(settings::table.find("n").select(settings::value).first::<String>(conn)?);
    assert_eq!(test.db.read_now::<_, StoreError, _>(value).unwrap(), "100");
}

#[test]
fn a_deadlock_is_told_as_busy() {
    let test = TestDatabase::new();
    if test.db.backend() == Backend::Sqlite {
        // One writer can't wait for itself.
        return;
    }
    test.db.write_now(|conn| put(conn, "a").and_then(|()| put(conn, "b"))).unwrap();
    let (to_first, first_hears) = channel();
    let (to_second, second_hears) = channel();
    let crossing = |db: Db,
                    mine: &'static str,
                    theirs: &'static str,
                    tell: std::sync::mpsc::Sender<()>,
                    hear: std::sync::mpsc::Receiver<()>| {
        std::thread::spawn(move || {
            db.write_now::<_, StoreError, _>(move |conn| {
                set(conn, mine, "1")?;
                tell.send(()).unwrap();
                hear.recv().unwrap();
                set(conn, theirs, "1")
            })
        })
    };
    let first = crossing(test.db.clone(), "a", "b", to_second, first_hears);
    let second = crossing(test.db.clone(), "b", "a", to_first, second_hears);
    let told = [first.join().unwrap(), second.join().unwrap()];
    assert_eq!(told.iter().filter(|told| told.is_ok()).count(), 1);
    assert!(told.iter().any(|told| matches!(told, Err(StoreError::Busy))));
}

#[test]
fn a_lost_server_connection_costs_one_request_and_no_more() {
    let test = TestDatabase::new();
    if test.db.backend() == Backend::Sqlite {
        return;
    }
    let told = test.db.write_now::<_, StoreError, _>(|conn| {
        put(conn, "a")?;
        diesel::sql_query("SELECT pg_terminate_backend(pg_backend_pid())").execute(conn)?;
        put(conn, "b")
    });
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    test.db.write_now(|conn| put(conn, "c")).unwrap();
    assert_eq!(keys(&test.db), ["c"]);
}
