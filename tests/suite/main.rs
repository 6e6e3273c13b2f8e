//! The suite: the whole product against a real database, SQLite or PostgreSQL by RECTIFY_TEST_DATABASE. One binary.

mod store;
mod support;
