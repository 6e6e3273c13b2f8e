//! Every view: what JSON and pages show, read on one snapshot within what the reader may see.

pub mod assets;
pub mod attachments;
pub mod audit;
pub mod calendars;
pub mod engine;
pub mod feedback;
pub mod messages;
pub mod names;
pub mod notices;
pub mod overview;
pub mod page;
pub mod people;
pub mod record;
pub mod rehearsal;
pub mod reminder_rules;
pub mod reminders;
pub mod requests;
pub mod sessions;
pub mod statistics;
pub mod tickets;
pub mod timeline;
pub mod units;
pub mod users;
pub mod why;
