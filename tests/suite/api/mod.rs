//! The REST interface as a caller meets it.

mod attachments;
mod calendars;
mod conventions;
mod documents;
mod messages;
mod notices;
mod reminder_rules;
mod reminders;
mod repeats;
mod service;
mod sessions;
mod sign_in;
mod tickets;
mod tokens;
mod units;
mod users;
mod versions;
mod workflow;
