//! Every column type comes back as it was written, compares, sorts and is missing where it is `None`.

use crate::support::database::TestDatabase;
use chrono::NaiveDate;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use rectify::domain::id::{TicketId, UnitId};
use rectify::domain::instant::Instant;
use rectify::domain::vocabulary::{Severity, State};
use rectify::store::{Both, Conn, Db, Json, MultiBackend, StoreError, insert_all, native};
use uuid::Uuid;

diesel::table! {
    use diesel::sql_types::*;
    use rectify::store::{Moment, Uid};

    samples (id) {
        id -> Uid,
        unit_id -> Nullable<Uid>,
        state -> Text,
        severity -> Nullable<Text>,
        made_at -> Moment,
        ended_at -> Nullable<Moment>,
        due_on -> Date,
        done_on -> Nullable<Date>,
        payload -> Text,
        note -> Nullable<Text>,
        count -> Integer,
        size_bytes -> BigInt,
        open -> Bool,
        digest -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable, Identifiable, AsChangeset)]
#[diesel(table_name = samples, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
struct Sample {
    id: TicketId,
    unit_id: Option<UnitId>,
    state: State,
    severity: Option<Severity>,
    made_at: Instant,
    ended_at: Option<Instant>,
    due_on: NaiveDate,
    done_on: Option<NaiveDate>,
    payload: Json,
    note: Option<String>,
    count: i32,
    size_bytes: i64,
    open: bool,
    digest: Vec<u8>,
}

fn with_samples() -> TestDatabase {
    let test = TestDatabase::new();
    test.db
        .write_now(|conn| {
            let (uid, moment, date, bytes) = match conn {
                Conn::Sqlite(_) => ("BLOB", "INTEGER", "TEXT", "BLOB"),
                Conn::Pg(_) => ("uuid", "timestamptz", "date", "bytea"),
            };
            conn.batch_execute(&format!(
                "CREATE TABLE samples (id {uid} PRIMARY KEY NOT NULL, unit_id {uid}, state TEXT NOT NULL, severity TEXT, \
                 made_at {moment} NOT NULL, ended_at {moment}, due_on {date} NOT NULL, done_on {date}, \
                 payload TEXT NOT NULL, note TEXT, count INTEGER NOT NULL, size_bytes BIGINT NOT NULL, \
                 open BOOLEAN NOT NULL, digest {bytes} NOT NULL)"
            ))?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    test
}

fn sample(n: u128) -> Sample {
    Sample {
        id: TicketId(Uuid::from_u128(n)),
        unit_id: Some(UnitId(Uuid::from_u128(u128::MAX - n))),
        state: State::InProgress,
        severity: Some(Severity::Prominent),
        made_at: "2021-08-16T01:00:00.123456Z".parse().unwrap(),
        ended_at: Some("1969-12-31T23:59:59.999999Z".parse().unwrap()),
        due_on: NaiveDate::from_ymd_opt(2021, 8, 27).unwrap(),
        done_on: NaiveDate::from_ymd_opt(2024, 2, 29),
        payload: Json(serde_json::json!({"z": "整改", "a": [1, 1.5, null, "\u{0}"], "m": {"b": true}})),
        note: Some("𠮷 “引号” 'q' \\ %".to_owned()),
        count: i32::MIN,
        size_bytes: i64::MAX,
        open: true,
        digest: vec![0, 255, 1],
    }
}

fn write<T: Send + 'static>(db: &Db, f: impl FnOnce(&mut Conn) -> Result<T, StoreError> + Send + 'static) -> T {
    db.write_now(f).unwrap()
}

#[test]
fn every_type_comes_back_as_it_was_written() {
    let test = with_samples();
    let full = sample(1);
    let bare = Sample { unit_id: None, severity: None, ended_at: None, done_on: None, note: None, ..sample(2) };
    let expected = [full.clone(), bare.clone()];
    write(&test.db, move |conn| {
        let returned: Sample =
            diesel::insert_into(samples::table).values(&full).returning(samples::all_columns).get_result(conn)?;
        assert_eq!(returned, full);
        diesel::insert_into(samples::table).values(bare).execute(conn)?;
        Ok(())
    });
    let read: Vec<Sample> = test
        .db
        .read_now::<_, StoreError, _>(|conn| {
            Ok(samples::table.select(Sample::as_select()).order(samples::id).load(conn)?)
        })
        .unwrap();
    assert_eq!(read, expected);
    assert_eq!(read[0].payload.0.to_string(), expected[0].payload.0.to_string(), "the very bytes");
}

#[test]
fn values_compare_and_sort() {
    let test = with_samples();
    write(&test.db, |conn| {
        for n in 1..=5_u8 {
            let made_at = format!("20{n}1-08-16T01:00:00Z").parse().unwrap();
            let state = if n % 2 == 0 { State::Closed } else { State::Issued };
            let row =
                Sample { made_at, state, unit_id: (n > 2).then(|| UnitId(Uuid::from_u128(7))), ..sample(n.into()) };
            diesel::insert_into(samples::table).values(row).execute(conn)?;
        }
        let ids = |found: Vec<TicketId>| found.iter().map(|id| id.0.as_u128()).collect::<Vec<_>>();
        let all = || samples::table.select(samples::id).order(samples::made_at.desc()).into_boxed();
        let border: Instant = "2031-08-16T01:00:00Z".parse().unwrap();
        let unit = Some(UnitId(Uuid::from_u128(7)));
        assert_eq!(ids(all().load(conn)?), [5, 4, 3, 2, 1]);
        assert_eq!(ids(all().filter(samples::made_at.gt(border)).load(conn)?), [5, 4]);
        assert_eq!(ids(all().filter(samples::state.eq(State::Closed)).load(conn)?), [4, 2]);
        assert_eq!(ids(all().filter(samples::state.ne(&State::Closed)).load(conn)?), [5, 3, 1]);
        assert_eq!(ids(all().filter(samples::unit_id.eq(unit)).load(conn)?), [5, 4, 3]);
        assert_eq!(ids(all().filter(samples::unit_id.eq(UnitId(Uuid::from_u128(7)))).load(conn)?), [5, 4, 3]);
        assert_eq!(ids(all().filter(samples::unit_id.is_null()).load(conn)?), [2, 1]);
        let wanted = vec![TicketId(Uuid::from_u128(2)), TicketId(Uuid::from_u128(5))];
        assert_eq!(ids(all().filter(samples::id.eq_any(&wanted)).load(conn)?), [5, 2]);
        assert_eq!(ids(all().filter(samples::id.eq_any(wanted)).load(conn)?), [5, 2]);
        let states = [State::Issued, State::Returned];
        assert_eq!(ids(all().filter(samples::state.eq_any(states)).load(conn)?), [5, 3, 1]);
        let latest: Option<Instant> = samples::table.select(diesel::dsl::max(samples::ended_at)).first(conn)?;
        assert_eq!(latest, sample(1).ended_at);
        let by_state: Vec<(State, i64)> = samples::table
            .group_by(samples::state)
            .select((samples::state, diesel::dsl::count_star()))
            .order(samples::state)
            .load(conn)?;
        assert_eq!(by_state, [(State::Closed, 2), (State::Issued, 3)]);
        Ok(())
    });
}

#[test]
fn a_row_after_a_cursor_is_found_by_row_value() {
    use diesel::dsl::sql;
    use diesel::sql_types::{Bool, Date};
    use rectify::store::Uid;
    let test = with_samples();
    write(&test.db, |conn| {
        let rows: Vec<Sample> = (1..=5).map(sample).collect();
        insert_all!(conn, samples::table, &rows)?;
        let after: Vec<TicketId> = samples::table
            .select(samples::id)
            .filter(
                sql::<Bool>("(due_on, id) > (")
                    .bind::<Date, _>(rows[2].due_on)
                    .sql(", ")
                    .bind::<Uid, _>(rows[2].id)
                    .sql(")"),
            )
            .order((samples::due_on, samples::id))
            .load(conn)?;
        assert_eq!(after, [rows[3].id, rows[4].id]);
        Ok(())
    });
}

#[test]
fn rows_change_to_none_and_back() {
    let test = with_samples();
    write(&test.db, |conn| {
        diesel::insert_into(samples::table).values(sample(1)).execute(conn)?;
        diesel::update(samples::table.find(sample(1).id))
            .set((samples::ended_at.eq(None::<Instant>), samples::severity.eq(Severity::General)))
            .execute(conn)?;
        let changed: Sample = samples::table.find(sample(1).id).first(conn)?;
        assert_eq!((changed.ended_at, changed.severity), (None, Some(Severity::General)));
        diesel::update(&changed).set(sample(1)).execute(conn)?;
        assert_eq!(samples::table.find(sample(1).id).first::<Sample>(conn)?, sample(1));
        Ok(())
    });
}

#[test]
fn a_word_that_nobody_knows_is_an_error_that_names_it() {
    let test = with_samples();
    let told = test
        .db
        .write_now::<State, StoreError, _>(|conn| {
            diesel::insert_into(samples::table).values(sample(1)).execute(conn)?;
            diesel::update(samples::table).set(samples::state.eq("lost")).execute(conn)?;
            Ok(samples::table.select(samples::state).first(conn)?)
        })
        .unwrap_err();
    let whole = format!("{told:?}");
    assert!(whole.contains("State: lost"), "{whole}");
}

#[test]
fn conflicts_are_left_or_updated_on_both() {
    let test = with_samples();
    write(&test.db, |conn| {
        let insert = |row: Sample| diesel::insert_into(samples::table).values(row);
        assert_eq!(Both(insert(sample(1)).on_conflict_do_nothing()).execute(conn)?, 1);
        assert_eq!(Both(insert(sample(1)).on_conflict(samples::id).do_nothing()).execute(conn)?, 0);
        let merged: Sample = Both(
            insert(Sample { count: 7, ..sample(1) })
                .on_conflict(samples::id)
                .do_update()
                .set(samples::count.eq(diesel::upsert::excluded(samples::count)))
                .returning(samples::all_columns),
        )
        .get_result(conn)?;
        assert_eq!(merged, Sample { count: 7, ..sample(1) });
        Ok(())
    });
}

#[test]
fn many_rows_go_in_at_once_or_not_at_all() {
    let test = with_samples();
    write(&test.db, |conn| {
        let rows: Vec<Sample> = (1..=2500).map(sample).collect();
        assert_eq!(insert_all!(conn, samples::table, &rows)?, 2500);
        assert_eq!(insert_all!(conn, samples::table, &rows[..0])?, 0);
        Ok(())
    });
    let refused = test.db.write_now::<usize, StoreError, _>(|conn| {
        let rows: Vec<Sample> = (2400..=3500).map(sample).collect();
        Ok(insert_all!(conn, samples::table, rows)?)
    });
    assert!(refused.unwrap_err().unique_violation().is_some());
    let count =
        test.db.read_now::<i64, StoreError, _>(|conn| Ok(native!(conn, c => samples::table.count().get_result(c)?)));
    assert_eq!(count.unwrap(), 2500);
}
