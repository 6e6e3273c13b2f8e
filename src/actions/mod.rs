//! Every change: one transaction, one event, its mails. Each takes the transaction, who acts, and the command.

pub mod attachments;
pub mod calendars;
pub mod clock;
pub mod feedback;
pub mod findings;
pub mod hand_over;
pub mod idempotency;
pub mod imports;
pub mod issue;
pub mod late_units;
pub mod messages;
pub mod notices;
pub mod record;
pub mod recurrence;
pub mod reminder_rules;
pub mod replan;
pub mod requests;
pub mod sandbox;
pub mod setup;
pub mod sign_in;
pub mod tell;
pub mod tickets;
pub mod tokens;
pub mod units;
pub mod users;
