//! Everything that speaks SQL: one binary, SQLite or PostgreSQL, the same queries. For actions, queries and engines.

pub mod assets;
pub mod attachments;
mod columns;
mod connection;
mod database;
pub mod dialect;
mod error;
pub mod events;
pub mod feedback;
pub mod idempotency;
pub mod ledger;
pub mod migrate;
pub mod milestones;
pub mod notices;
pub mod outbox;
pub mod page;
pub mod periods;
mod pool;
pub mod recipients;
pub mod reference;
pub mod requests;
pub mod sandbox;
pub mod schema;
pub mod scope;
pub mod sessions;
pub mod statistics;
pub mod tickets;
pub mod tokens;
pub mod units;
pub mod users;
pub mod watched;
mod writer;

pub use columns::{Json, Moment, Uid};
pub use connection::{Backend, Conn, DatabaseSettings, MultiBackend, connect, savepoint};
pub use database::Db;
pub use dialect::{Both, Kept};
pub use error::{StoreError, StoreResult, unique_violation};

pub use crate::{insert_all, load_of, locked, native};

#[cfg(test)]
mod tests;
