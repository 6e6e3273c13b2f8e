//! What tests stand on. For every part of the suite.

pub mod app;
pub mod archive;
pub mod bureau;
pub mod client;
pub mod contents;
pub mod database;
pub mod dice;
pub mod record;
pub mod round;
pub mod smtp;
