//! What the store promises about SQLite's one writer: what is acknowledged is kept, whoever else panics or fails.

use crate::store::{DatabaseSettings, Db, StoreError, savepoint};
use diesel::prelude::*;
use futures_util::future::join_all;
use std::sync::mpsc::channel;

diesel::table! {
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

fn open() -> (tempfile::TempDir, Db) {
    let room = tempfile::tempdir().unwrap();
    let db = Db::open(&DatabaseSettings::new(room.path().join("test.db").to_str().unwrap())).unwrap();
    (room, db)
}

fn put(conn: &mut crate::store::Conn, key: &str) -> Result<(), StoreError> {
    diesel::insert_into(settings::table).values((settings::key.eq(key), settings::value.eq(""))).execute(conn)?;
    Ok(())
}

fn keys(db: &Db) -> Vec<String> {
    db.read_now::<_, StoreError, _>(|conn| Ok(settings::table.select(settings::key).order(settings::key).load(conn)?))
        .unwrap()
}

/// Keeps the writer busy until the returned sender is used or dropped.
fn hold_the_writer(db: &Db) -> (std::sync::mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let (release, held) = channel::<()>();
    let (tell, started) = channel();
    let db = db.clone();
    let thread = std::thread::spawn(move || {
        db.write_now::<_, StoreError, _>(move |_| {
            tell.send(()).unwrap();
            held.recv().ok();
            Ok(())
        })
        .unwrap();
    });
    started.recv().unwrap();
    (release, thread)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_jobs_that_partly_panic_or_fail_exactly_the_acknowledged_ones_are_kept() {
    let (_room, db) = open();
    let jobs: Vec<_> = (0..200_u32)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                let key = format!("{n:03}");
                let outcome = db
                    .write(move |conn| {
                        put(conn, &key)?;
                        match n % 10 {
                            3 => savepoint(conn, |conn| -> Result<(), StoreError> {
                                put(conn, &format!("{n:03} inner"))?;
                                panic!("inside two savepoints")
                            }),
                            5 => panic!("in the job"),
                            7 => put(conn, &key),
                            8 => Err(StoreError::Busy),
                            _ => Ok(()),
                        }
                    })
                    .await;
                (n, outcome)
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for job in jobs {
        match job.await.unwrap() {
            (n, Ok(())) => acknowledged.push(format!("{n:03}")),
            (n, Err(StoreError::Panicked(_))) => assert!(matches!(n % 10, 3 | 5), "{n}"),
            (n, Err(StoreError::Diesel(_))) => assert_eq!(n % 10, 7),
            (n, Err(StoreError::Busy)) => assert_eq!(n % 10, 8),
            (n, Err(other)) => panic!("{n}: {other}"),
        }
    }
    assert_eq!(acknowledged.len(), 120);
    assert_eq!(keys(&db), acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_that_wait_share_one_commit() {
    let (_room, db) = open();
    let before = db.grouped_commits().unwrap();
    let (release, held) = hold_the_writer(&db);
    // Polled in this order: all of them wait before the writer is let go.
    let jobs = join_all((0..50).map(|n| db.write(move |conn| put(conn, &format!("{n}")))));
    let (told, ()) = tokio::join!(jobs, async { release.send(()).unwrap() });
    assert!(told.iter().all(Result::is_ok));
    held.join().unwrap();
    assert_eq!(keys(&db).len(), 50);
    // One for the job that held it, for longer than a batch may last; the 50 need one, or a few on a slow disk.
    let commits = db.grouped_commits().unwrap() - before;
    assert!(commits < 20, "{commits} commits for 51 jobs");
}

#[test]
fn readers_see_only_what_is_committed() {
    let (_room, db) = open();
    let (reader, watched) = (db.clone(), db.clone());
    db.write_now::<_, StoreError, _>(move |conn| {
        put(conn, "a")?;
        assert!(keys(&reader).is_empty());
        Ok(())
    })
    .unwrap();
    assert_eq!(keys(&watched), ["a"]);
}

#[test]
fn a_list_and_its_count_agree() {
    let (_room, db) = open();
    let writer = db.clone();
    let (before, after) = db
        .read_now::<_, StoreError, _>(|conn| {
            let before: i64 = settings::table.count().get_result(conn)?;
            writer.write_now(|conn| put(conn, "a"))?;
            Ok((before, settings::table.count().get_result::<i64>(conn)?))
        })
        .unwrap();
    assert_eq!((before, after), (0, 0));
    assert_eq!(keys(&db), ["a"]);
}

#[test]
fn a_reader_cannot_write() {
    let (_room, db) = open();
    assert!(db.read_now(|conn| put(conn, "a")).is_err());
    assert!(keys(&db).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_queue_says_busy_and_recovers() {
    let (_room, db) = open();
    let (release, held) = hold_the_writer(&db);
    let jobs = join_all((0..1100).map(|n| db.write(move |conn| put(conn, &format!("{n}")))));
    let (told, ()) = tokio::join!(jobs, async { release.send(()).unwrap() });
    let kept = told.iter().filter(|told| told.is_ok()).count();
    let refused = told.iter().filter(|told| matches!(told, Err(StoreError::Busy))).count();
    held.join().unwrap();
    assert_eq!((refused, kept), (76, 1024));
    assert_eq!(keys(&db).len(), 1024);
    db.write(|conn| put(conn, "later")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_transaction_is_lost_nobody_is_told_otherwise_and_the_next_write_works() {
    let (_room, db) = open();
    let (release, held) = hold_the_writer(&db);
    let jobs = join_all((0..3).map(|n| {
        db.write(move |conn| {
            put(conn, &format!("{n}"))?;
            if n == 1 {
                // What SQLite does by itself when the disk is full.
                diesel::connection::SimpleConnection::batch_execute(conn, "ROLLBACK")?;
            }
            Ok::<_, StoreError>(())
        })
    }));
    let (told, ()) = tokio::join!(jobs, async { release.send(()).unwrap() });
    held.join().ok();
    // Whether 0 and 2 shared a batch with 1 depends on the moment; what they were told is what is there.
    let told: Vec<_> = told.iter().enumerate().filter(|(_, told)| told.is_ok()).map(|(n, _)| n.to_string()).collect();
    assert_eq!(keys(&db), told);
    assert!(!told.contains(&"1".to_owned()));
    db.write(|conn| put(conn, "later")).await.unwrap();
    assert!(keys(&db).contains(&"later".to_owned()));
}

#[test]
fn when_nothing_can_begin_it_is_told_as_busy_and_the_next_write_works() {
    let (room, db) = open();
    let settings = DatabaseSettings::new(room.path().join("test.db").to_str().unwrap());
    db.write_now::<_, StoreError, _>(|conn| {
        // Else the writer waits five seconds.
        diesel::connection::SimpleConnection::batch_execute(conn, "PRAGMA busy_timeout=0")?;
        Ok(())
    })
    .unwrap();
    let mut other = crate::store::connect(&settings).unwrap();
    crate::store::connection::begin_write(&mut other).unwrap();
    assert!(matches!(db.write_now(|conn| put(conn, "a")), Err(StoreError::Busy)));
    drop(other);
    db.write_now(|conn| put(conn, "b")).unwrap();
    assert_eq!(keys(&db), ["b"]);
}

#[test]
fn a_second_process_is_waited_for() {
    let (room, db) = open();
    let other = Db::open(&DatabaseSettings::new(format!("sqlite:{}", room.path().join("test.db").display()))).unwrap();
    let threads: Vec<_> = [db.clone(), other]
        .into_iter()
        .enumerate()
        .map(|(who, db)| {
            std::thread::spawn(move || {
                for n in 0..50 {
                    db.write_now(move |conn| put(conn, &format!("{who} {n}"))).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(keys(&db).len(), 100);
}

#[test]
fn an_address_is_understood_or_refused_by_name() {
    for url in ["mysql://localhost/x", "sqlite::memory:", "sqlite:", "", "file:x.db"] {
        assert!(matches!(Db::open(&DatabaseSettings::new(url)), Err(StoreError::Unsupported(_))), "{url}");
    }
    let nowhere = Db::open(&DatabaseSettings::new("/nowhere/at/all.db"));
    assert!(matches!(&nowhere, Err(StoreError::Unavailable(why)) if why.contains("/nowhere/at/all.db")));
    let secret = DatabaseSettings::new("postgres://me:hush@localhost/x");
    assert!(!format!("{secret:?}").contains("hush"));
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let (room, db) = open();
    db.write_now::<_, StoreError, _>(|conn| {
        diesel::connection::SimpleConnection::batch_execute(
            conn,
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')",
        )?;
        Ok(())
    })
    .unwrap();
    drop(db);
    let again = Db::open(&DatabaseSettings::new(room.path().join("test.db").to_str().unwrap()));
    assert!(matches!(again, Err(StoreError::Migration(why)) if why.contains("newer")));
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (room, db) = open();
    db.write_now(|conn| put(conn, "a")).unwrap();
    for file in std::fs::read_dir(room.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.file_name());
    }
}
