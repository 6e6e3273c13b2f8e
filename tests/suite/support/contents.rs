//! Everything that a database holds, as text: for tests that say that nothing was changed.

use diesel::prelude::*;
use diesel::sql_types::Text;
use rectify::store::{Conn, StoreError};
use rectify::transaction::World;
use std::collections::BTreeMap;

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    word: String,
}

const SQLITE_TABLES: &str = "SELECT name AS word FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
const POSTGRES_TABLES: &str = "SELECT table_name::text AS word FROM information_schema.tables \
                               WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";

/// The rows of every table. When a token was last used is no content.
pub fn contents(world: &World) -> BTreeMap<String, String> {
    world
        .db
        .read_now(|conn| {
            let tables = words(conn, SQLITE_TABLES, POSTGRES_TABLES)?;
            let mut all = BTreeMap::new();
            for table in tables.into_iter().filter(|table| table != "tokens") {
                let columns = words(
                    conn,
                    &format!("SELECT name AS word FROM pragma_table_info('{table}')"),
                    "SELECT '' AS word",
                )?;
                let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
                let sqlite = format!("SELECT {} AS word FROM \"{table}\" ORDER BY 1", quoted.join(" || '|' || "));
                let postgres = format!("SELECT t::text AS word FROM \"{table}\" t ORDER BY 1");
                let rows = words(conn, &sqlite, &postgres)?;
                all.insert(table, rows.join("\n"));
            }
            Ok::<_, StoreError>(all)
        })
        .unwrap()
}

fn words(conn: &mut Conn, sqlite: &str, postgres: &str) -> Result<Vec<String>, StoreError> {
    let rows: Vec<Word> = match conn {
        Conn::Sqlite(conn) => diesel::sql_query(sqlite).load(conn)?,
        Conn::Pg(conn) => diesel::sql_query(postgres).load(conn)?,
    };
    Ok(rows.into_iter().map(|row| row.word).collect())
}
