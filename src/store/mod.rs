//! Everything that speaks SQL: one binary, SQLite or PostgreSQL, the same queries. For actions, queries and engines.

mod columns;
mod connection;
mod database;
pub mod dialect;
mod error;
pub mod migrate;
mod pool;
mod writer;

pub use columns::{Json, Moment, Uid};
pub use connection::{Backend, Conn, DatabaseSettings, MultiBackend, connect, savepoint};
pub use database::Db;
pub use dialect::Both;
pub use error::{StoreError, StoreResult, unique_violation};

pub use crate::{insert_all, native};

#[cfg(test)]
mod tests;
