//! The REST interface as a caller meets it.

mod assets;
mod attachments;
mod calendars;
mod conventions;
mod documents;
mod hand_over;
mod late_units;
mod messages;
mod notices;
mod queues;
mod recurrence;
mod reminder_rules;
mod reminders;
mod repeats;
mod service;
mod sessions;
mod sign_in;
mod statistics;
mod tickets;
mod tokens;
mod units;
mod users;
mod versions;
mod workflow;
