//! The REST interface as a caller meets it.

mod attachments;
mod conventions;
mod documents;
mod repeats;
mod sign_in;
mod tokens;
mod units;
mod users;
mod versions;
mod notices;
mod tickets;
