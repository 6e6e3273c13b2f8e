//! The two databases have the same tables, and diesel's picture of them is what stands there.

use super::root;
use crate::support::database::TestDatabase;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use rectify::store::{Conn, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// PostgreSQL's types, and what SQLite keeps the same values in.
const TYPES: &[(&str, &str)] =
    &[("UUID", "BLOB"), ("BYTEA", "BLOB"), ("BIGINT", "INTEGER"), ("TIMESTAMPTZ", "INTEGER"), ("DATE", "TEXT")];

/// Our types in `schema.rs`, and what PostgreSQL and SQLite call them.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("Uid", "uuid", "BLOB"),
    ("Moment", "timestamp with time zone", "INTEGER"),
    ("Date", "date", "TEXT"),
    ("Text", "text", "TEXT"),
    ("Integer", "integer", "INTEGER"),
    ("BigInt", "bigint", "INTEGER"),
    ("Bool", "boolean", "BOOLEAN"),
    ("Binary", "bytea", "BLOB"),
];

fn names(backend: &str) -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("migrations").join(backend)).unwrap();
    folders.map(|folder| folder.unwrap().file_name().into_string().unwrap()).collect()
}

/// The statements of a migration, in one spelling: without comments, in SQLite's types.
fn statements(backend: &str, name: &str, way: &str) -> Vec<String> {
    let file = root().join("migrations").join(backend).join(name).join(way);
    let text = fs::read_to_string(&file).unwrap_or_else(|fault| panic!("{}: {fault}", file.display()));
    let plain: Vec<&str> =
        shared(&text).iter().map(|line| line.split_once("--").map_or(*line, |(code, _)| code)).collect();
    let each = plain.join(" ");
    let each = each.split(';').map(|statement| {
        let words = statement.split_whitespace().map(in_sqlite).collect::<Vec<_>>().join(" ");
        words.trim_end_matches(" WITHOUT ROWID").to_owned()
    });
    each.filter(|statement| !statement.is_empty()).collect()
}

/// The lines without triggers and functions, which each database spells its own way. Each of these ends with a blank line.
fn shared(text: &str) -> Vec<&str> {
    let is_own = |line: &str| {
        ["TRIGGER", "FUNCTION"]
            .iter()
            .any(|what| line.starts_with(&format!("CREATE {what}")) || line.starts_with(&format!("DROP {what}")))
    };
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        inside = (inside && !line.is_empty()) || is_own(line);
        if !inside {
            lines.push(line);
        }
    }
    lines
}

fn in_sqlite(word: &str) -> String {
    let name = word.trim_end_matches([',', ')']);
    let kept = TYPES.iter().find(|(pg, _)| *pg == name).map_or(name, |(_, sqlite)| sqlite);
    word.replacen(name, kept, 1)
}

#[test]
fn both_databases_have_the_same_migrations() {
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres);
    for name in sqlite {
        for way in ["up.sql", "down.sql"] {
            let (one, other) = (statements("sqlite", &name, way), statements("postgres", &name, way));
            for (one, other) in one.iter().zip(&other) {
                assert_eq!(one, other, "{name}/{way}");
            }
            assert_eq!(one.len(), other.len(), "{name}/{way}");
        }
    }
}

/// A table's columns: type in the words of `schema.rs`, and whether it may be missing.
type Tables = BTreeMap<String, BTreeMap<String, (String, bool)>>;

/// What `schema.rs` says.
fn pictured() -> Tables {
    let text = fs::read_to_string(root().join("src/store/schema.rs")).unwrap();
    let mut tables = Tables::new();
    for block in text.split("diesel::table! {").skip(1) {
        let head = block.lines().map(str::trim).find(|line| line.ends_with(") {")).unwrap();
        let table = head.split_once(" (").unwrap().0.to_owned();
        let columns = block.lines().filter_map(|line| line.trim().trim_end_matches(',').split_once(" -> "));
        let columns = columns.map(|(name, kind)| {
            let inner = kind.strip_prefix("Nullable<").and_then(|kind| kind.strip_suffix('>'));
            (name.to_owned(), (inner.unwrap_or(kind).to_owned(), inner.is_some()))
        });
        assert!(tables.insert(table.clone(), columns.collect()).is_none(), "{table} is pictured twice");
    }
    tables
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    of_table: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Bool)]
    missing: bool,
}

const SQLITE_COLUMNS: &str = "SELECT m.name AS of_table, c.name AS name, c.type AS kind, c.\"notnull\" = 0 AS missing
    FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text AS of_table, column_name::text AS name,
    data_type::text AS kind, is_nullable = 'YES' AS missing FROM information_schema.columns WHERE table_schema = 'public'";

/// What stands in the database, in its own words for types.
fn standing() -> (Tables, bool) {
    let test = TestDatabase::new();
    test.db
        .read_now::<_, StoreError, _>(|conn| {
            let (rows, is_sqlite): (Vec<Column>, bool) = match conn {
                Conn::Sqlite(conn) => (diesel::sql_query(SQLITE_COLUMNS).load(conn)?, true),
                Conn::Pg(conn) => (diesel::sql_query(POSTGRES_COLUMNS).load(conn)?, false),
            };
            let mut tables = Tables::new();
            for row in rows.into_iter().filter(|row| !row.of_table.starts_with("__diesel")) {
                tables.entry(row.of_table).or_default().insert(row.name, (row.kind, row.missing));
            }
            Ok((tables, is_sqlite))
        })
        .unwrap()
}

#[test]
fn the_picture_of_the_tables_is_true() {
    let (standing, is_sqlite) = standing();
    let in_words = |kind: &str| {
        let (_, postgres, sqlite) =
            COLUMNS.iter().find(|(ours, _, _)| *ours == kind).unwrap_or_else(|| panic!("{kind}"));
        if is_sqlite { *sqlite } else { *postgres }.to_owned()
    };
    let mut pictured = pictured();
    for columns in pictured.values_mut() {
        for (kind, _) in columns.values_mut() {
            *kind = in_words(kind);
        }
    }
    for (table, columns) in &pictured {
        assert_eq!(Some(columns), standing.get(table), "{table}");
    }
    let unseen: Vec<&String> = standing.keys().filter(|table| !pictured.contains_key(*table)).collect();
    assert!(unseen.is_empty(), "tables that schema.rs does not know: {unseen:?}");
}
