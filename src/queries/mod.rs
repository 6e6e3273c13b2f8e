//! Every view: what JSON and pages show, read on one snapshot within what the reader may see.

pub mod page;
pub mod people;
pub mod units;
