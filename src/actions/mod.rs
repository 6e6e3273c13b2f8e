//! Every change: one transaction, one event, its mails. Each takes the transaction, who acts, and the command.

pub mod idempotency;
pub mod record;
pub mod sign_in;
pub mod tell;
pub mod units;
pub mod users;
