//! Tables come, go and come again, whoever starts first.

use crate::support::database::{Place, TestDatabase};
use rectify::store::{DatabaseSettings, Db, connect, migrate};

#[test]
fn up_down_up() {
    let test = TestDatabase::new();
    let mut conn = connect(&DatabaseSettings::new(test.url())).unwrap();
    assert_eq!(migrate::up(&mut conn).unwrap(), 0, "a fresh database is up to date");
    let count = migrate::down_all(&mut conn).unwrap();
    assert!(count > 0);
    assert_eq!(migrate::up(&mut conn).unwrap(), count);
}

#[test]
fn many_processes_may_start_at_once_on_an_empty_database() {
    let place = Place::empty();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let settings = DatabaseSettings::new(&place.url);
            std::thread::spawn(move || Db::open(&settings).map(drop))
        })
        .collect();
    for start in starts {
        start.join().unwrap().unwrap();
    }
}
