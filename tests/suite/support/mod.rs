//! What tests stand on. For every part of the suite.

pub mod database;
