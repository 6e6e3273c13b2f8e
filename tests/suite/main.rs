//! The suite: the whole product against a real database, SQLite or PostgreSQL by `RECTIFY_TEST_DATABASE`. One binary.
//!
//! `cfg(test)` always holds here; it tells clippy that a helper may unwrap as a test may.

#[cfg(test)]
mod api;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod default_rules;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod model;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod record;
#[cfg(test)]
mod reminders;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod web;
