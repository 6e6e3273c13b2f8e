//! What somebody can do to the record who owns the database, and how it is made in bulk.

use diesel::connection::SimpleConnection;
use rectify::domain::audit::{self, Link, Sealed};
use rectify::domain::id::EventId;
use rectify::domain::instant::Instant;
use rectify::store::events::EventRow;
use rectify::store::{Backend, Conn, StoreResult};
use uuid::Uuid;

/// A change behind the product's back.
pub type Change = Box<dyn FnOnce(&mut Conn) + Send>;

/// Takes the guards off.
pub fn disarm(conn: &mut Conn) -> StoreResult<()> {
    let statements = match Backend::of_conn(conn) {
        Backend::Sqlite => ["events", "checkpoints", "checkpoint_heads"]
            .iter()
            .flat_map(|table| ["once", "unchanged", "there"].map(|what| format!("DROP TRIGGER {table}_kept_{what}")))
            .collect::<Vec<_>>(),
        Backend::Postgres => ["events", "checkpoints", "checkpoint_heads"]
            .iter()
            .map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER USER"))
            .collect(),
    };
    Ok(try_run(conn, &statements.join(";\n"))?)
}

/// Says it to the database, whatever it is.
pub fn run(conn: &mut Conn, statements: &str) {
    try_run(conn, statements).unwrap();
}

pub fn try_run(conn: &mut Conn, statements: &str) -> diesel::QueryResult<()> {
    rectify::native!(conn, c => c.batch_execute(statements))
}

/// An event that follows these.
pub fn next(before: &[EventRow], stream: &str, (id, at): (Uuid, Instant), payload: &str) -> EventRow {
    let (seq, prev_hash) = before.last().map_or_else(|| (1, vec![0; 32]), |last| (last.seq + 1, last.hash.clone()));
    let row = EventRow {
        stream: stream.to_owned(),
        seq,
        id: EventId(id),
        at,
        actor: "user:0197a1b2-0000-7000-8000-000000000000".to_owned(),
        actor_name: "张伟".to_owned(),
        act: "ticket.progress_logged".to_owned(),
        payload: Some(payload.to_owned()),
        salt: id.as_bytes().to_vec(),
        payload_digest: Vec::new(),
        name_salt: Some(id.as_bytes().iter().rev().copied().collect()),
        name_digest: None,
        prev_hash,
        hash: Vec::new(),
    };
    hashed(row)
}

/// The event with the digests and the hash that belong to it.
pub fn hashed(mut row: EventRow) -> EventRow {
    row.payload_digest = audit::payload_digest(&row.salt, row.payload.as_deref().unwrap()).to_vec();
    row.name_digest = Some(audit::name_digest(row.name_salt.as_deref().unwrap(), &row.actor_name).to_vec());
    let link = Link {
        stream: &row.stream,
        seq: row.seq,
        at: row.at,
        actor: &row.actor,
        act: &row.act,
        payload_digest: &row.payload_digest,
        prev_hash: &row.prev_hash,
        sealed: row.name_digest.as_deref().map(|name_digest| Sealed { id: row.id, name_digest }),
    };
    row.hash = audit::hash(&link).to_vec();
    row
}
