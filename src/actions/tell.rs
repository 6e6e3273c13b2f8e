//! Mails that answer a person's act at once: ledger rows and messages, queued in the act's own transaction.

use crate::domain::id::UnitId;
use crate::domain::reminder::Anchor;
use crate::domain::ticket::Ticket;
use crate::transaction::{Outcome, Tx};

/// A ticket and the event of its timeline that people are told of.
#[derive(Debug, Clone, Copy)]
pub struct News<'a> {
    pub ticket: &'a Ticket,
    /// The event's number: the ledger's `anchor_version`.
    pub seq: i64,
    /// The unit that led before a reassignment.
    pub former_unit: Option<UnitId>,
}

/// Queues what the rules that answer `anchor` at once say about each piece of news.
pub fn tell(_tx: &mut Tx<'_>, _anchor: Anchor, _news: &[News<'_>]) -> Outcome<()> {
    Ok(())
}
