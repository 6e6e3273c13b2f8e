//! Every change: one transaction, one event, its mails. Each takes the transaction, who acts, and the command.

pub mod record;
pub mod tell;
