//! The outbox: messages, their attempts, and the leases under which workers hold them.
//!
//! `next_at` is the office's time and says when a message is due; leases are the machine's and say who may send it. A
//! worker's every write names its token, so that one whose lease ran out changes nothing.

mod attempts;
mod claims;
mod pause;

pub use attempts::{AttemptRow, attempts_of, attempts_since, insert_attempt, last_attempts};
pub use claims::{
    Claim, Claimed, Fate, Frozen, Look, Now, begin_tick, claim, claim_except, end_tick, finish, freeze, keep_ticking,
    look, release, renew,
};
pub use pause::{Hold, Pause, end_hold, end_pause, hold, pause, set_hold, set_pause};

use crate::domain::id::{MessageId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{EndReason, MessageKind, MessageState, ReminderState};
use crate::store::recipients::Recipient;
use crate::store::schema::messages;
use crate::store::{Conn, MultiBackend, StoreError, StoreResult, insert_all, ledger, locked, native};
use chrono::NaiveDate;
use diesel::prelude::*;
use std::collections::HashMap;

const IDS: usize = 1_000;

/// What counts as undelivered mail, wherever it is counted.
pub const UNDELIVERED: [MessageState; 2] = [MessageState::Dead, MessageState::Uncertain];

/// States that are not the end of all.
pub const OPEN: [MessageState; 6] = [
    MessageState::Queued,
    MessageState::Sending,
    MessageState::Retry,
    MessageState::Uncertain,
    MessageState::Held,
    MessageState::Dead,
];

/// A message without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = messages, check_for_backend(MultiBackend))]
pub struct MessageRow {
    pub id: MessageId,
    pub kind: MessageKind,
    /// Of an at-once mail and of the overview.
    pub rule: Option<String>,
    pub recipient: String,
    pub recipient_user_id: Option<UserId>,
    pub recipient_unit_id: Option<UnitId>,
    pub state: MessageState,
    /// Where it was rendered for.
    pub address: Option<String>,
    pub subject: Option<String>,
    /// The letter's own date.
    pub rendered_at: Option<Instant>,
    pub next_at: Option<Instant>,
    pub claims: i32,
    /// Those of the messages that it replaces included.
    pub attempts: i32,
    pub uncertain: i32,
    pub lease_until: Option<Instant>,
    /// A word of `EndReason`.
    pub reason: Option<String>,
    /// The first try, from which giving up is counted; until then when it was queued.
    pub since: Instant,
    pub created_at: Instant,
    pub sent_at: Option<Instant>,
    pub version: i64,
}

#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = messages, treat_none_as_default_value = false)]
pub struct NewMessage {
    pub id: MessageId,
    pub kind: MessageKind,
    pub rule: Option<String>,
    pub recipient: String,
    pub recipient_user_id: Option<UserId>,
    pub recipient_unit_id: Option<UnitId>,
    pub open_digest: Option<String>,
    pub state: MessageState,
    pub next_at: Option<Instant>,
    pub claims: i32,
    pub attempts: i32,
    pub uncertain: i32,
    pub since: Instant,
    pub created_at: Instant,
    pub version: i64,
}

impl NewMessage {
    /// A mail of its own, to be sent now.
    #[must_use]
    pub fn at_once(id: MessageId, rule: &str, to: &Recipient, now: Instant) -> Self {
        Self {
            id,
            kind: MessageKind::AtOnce,
            rule: Some(rule.to_owned()),
            recipient: to.key.clone(),
            recipient_user_id: to.user_id,
            recipient_unit_id: to.unit_id,
            open_digest: None,
            state: MessageState::Queued,
            next_at: Some(now),
            claims: 0,
            attempts: 0,
            uncertain: 0,
            since: now,
            created_at: now,
            version: 1,
        }
    }

    /// The recipient's digest of the day `on`, to which lines may be added until it is claimed.
    #[must_use]
    pub fn digest(id: MessageId, to: &Recipient, on: NaiveDate, next_at: Instant, now: Instant) -> Self {
        Self {
            kind: MessageKind::Digest,
            rule: None,
            open_digest: Some(digest_key(&to.key, on)),
            next_at: Some(next_at),
            ..Self::at_once(id, "", to, now)
        }
    }

    /// The message that takes `old`'s place: its tries count on.
    #[must_use]
    pub fn replacing(self, old: &MessageRow) -> Self {
        Self { attempts: old.attempts, uncertain: old.uncertain, since: old.since, ..self }
    }
}

/// One slot a day: the key of a recipient's open digest.
#[must_use]
pub fn digest_key(recipient: &str, on: NaiveDate) -> String {
    format!("{recipient}|{on}|digest")
}

pub fn insert(conn: &mut Conn, rows: &[NewMessage]) -> StoreResult<()> {
    insert_all!(conn, messages::table, rows)?;
    Ok(())
}

/// The open digest of each key in `fresh`, made from it where there is none; nobody claims them until this transaction
/// ends. Answers them by key, and how many are new.
pub fn open_digests(conn: &mut Conn, mut fresh: Vec<NewMessage>) -> StoreResult<(HashMap<String, MessageId>, usize)> {
    // In one order, so that two ticks can't wait for each other.
    fresh.sort_by(|a, b| a.open_digest.cmp(&b.open_digest));
    let mut open = HashMap::new();
    let mut made = 0;
    for chunk in fresh.chunks(IDS) {
        let keys: Vec<Option<String>> = chunk.iter().map(|row| row.open_digest.clone()).collect();
        // One that is claimed in between is no longer open: then there is room for a new one.
        for _ in 0..5 {
            made += native!(
                &mut *conn,
                c => diesel::insert_into(messages::table)
                    .values(chunk)
                    .on_conflict(messages::open_digest)
                    .do_nothing()
                    .execute(c)
            )?;
            let found: Vec<(Option<String>, MessageId)> = locked!(&mut *conn, load: messages::table
                .filter(messages::open_digest.eq_any(keys.clone()))
                .order(messages::open_digest.asc())
                .select((messages::open_digest, messages::id)))?;
            let found_all = found.len() == chunk.len();
            open.extend(found.into_iter().filter_map(|(key, id)| Some((key?, id))));
            if found_all {
                break;
            }
        }
    }
    if open.len() < fresh.len() {
        return Err(StoreError::Busy);
    }
    Ok((open, made))
}

/// How many messages there are in each state that is not the end of all.
pub fn open_counts(conn: &mut Conn) -> StoreResult<Vec<(MessageState, i64)>> {
    Ok(messages::table
        .group_by(messages::state)
        .select((messages::state, diesel::dsl::count_star()))
        .filter(messages::state.eq_any(OPEN.to_vec()))
        .load(conn)?)
}

/// When the message that waits longest became due; `None` where none is.
pub fn oldest_due(conn: &mut Conn, now: Instant) -> StoreResult<Option<Instant>> {
    let oldest = messages::table
        .filter(messages::next_at.is_not_null())
        .filter(messages::next_at.le(now))
        .order(messages::next_at.asc())
        .select(messages::next_at);
    Ok(oldest.first::<Option<Instant>>(conn).optional()?.flatten())
}

/// How many at-once mails each of these recipients was given since then; none is left out.
pub fn at_once_since(conn: &mut Conn, recipients: &[String], since: Instant) -> StoreResult<HashMap<String, i64>> {
    let mut counts = HashMap::new();
    for chunk in recipients.chunks(IDS) {
        let found: Vec<(String, i64)> = messages::table
            .group_by(messages::recipient)
            .select((messages::recipient, diesel::dsl::count_star()))
            .filter(messages::recipient.eq_any(chunk.to_vec()))
            .filter(messages::id.ge(MessageId::first_of(since)))
            .filter(messages::kind.eq(MessageKind::AtOnce))
            .load(conn)?;
        counts.extend(found);
    }
    Ok(counts)
}

pub fn raw(conn: &mut Conn, id: MessageId) -> StoreResult<Option<Vec<u8>>> {
    Ok(messages::table.filter(messages::id.eq(id)).select(messages::raw).first(conn).optional()?.flatten())
}

pub fn find(conn: &mut Conn, id: MessageId) -> StoreResult<Option<MessageRow>> {
    Ok(messages::table.filter(messages::id.eq(id)).select(MessageRow::as_select()).first(conn).optional()?)
}

pub fn by_ids(conn: &mut Conn, ids: &[MessageId]) -> StoreResult<Vec<MessageRow>> {
    let mut rows = Vec::new();
    for chunk in ids.chunks(IDS) {
        let found: Vec<MessageRow> =
            messages::table.filter(messages::id.eq_any(chunk.to_vec())).select(MessageRow::as_select()).load(conn)?;
        rows.extend(found);
    }
    Ok(rows)
}

/// What a list of messages is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    pub states: Vec<MessageState>,
    pub recipients: Vec<String>,
}

fn filtered(filter: &MessageFilter) -> messages::BoxedQuery<'static, MultiBackend> {
    let mut query = messages::table.into_boxed();
    if !filter.states.is_empty() {
        query = query.filter(messages::state.eq_any(filter.states.clone()));
    }
    if !filter.recipients.is_empty() {
        query = query.filter(messages::recipient.eq_any(filter.recipients.clone()));
    }
    query
}

/// Newest first, before `before`.
pub fn list(
    conn: &mut Conn,
    filter: &MessageFilter,
    before: Option<MessageId>,
    limit: i64,
) -> StoreResult<Vec<MessageRow>> {
    let mut query = filtered(filter).select(MessageRow::as_select());
    if let Some(id) = before {
        query = query.filter(messages::id.lt(id));
    }
    Ok(query.order(messages::id.desc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &MessageFilter) -> StoreResult<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

/// What an operator does to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Once more, from the beginning: what is dead, uncertain or waits for its next try.
    Retry,
    /// Not before it is released: what waits.
    Hold,
    Release,
    /// Not at all: what has not been sent.
    Cancel,
}

impl Operation {
    #[must_use]
    pub fn is_allowed(self, state: MessageState) -> bool {
        let is_waiting = state.is_waiting();
        match self {
            Self::Retry => state == MessageState::Dead || (is_waiting && state != MessageState::Queued),
            Self::Hold => is_waiting,
            Self::Release => state == MessageState::Held,
            Self::Cancel => is_waiting || matches!(state, MessageState::Held | MessageState::Dead),
        }
    }
}

/// Does it, where the message's state and version `held` allow it; `false` elsewhere.
pub fn operate(conn: &mut Conn, row: &MessageRow, operation: Operation, now: Instant) -> StoreResult<bool> {
    let (state, next_at, reason) = match operation {
        Operation::Retry | Operation::Release => (MessageState::Queued, Some(now), None),
        Operation::Hold => (MessageState::Held, None, None),
        Operation::Cancel => (MessageState::Cancelled, None, Some(EndReason::ByOperator)),
    };
    let held = messages::table.filter(messages::id.eq(row.id)).filter(messages::version.eq(row.version));
    let done = operation.is_allowed(row.state)
        && diesel::update(held)
            .set((
                messages::state.eq(state),
                messages::open_digest.eq(None::<String>),
                messages::next_at.eq(next_at),
                messages::reason.eq(reason.map(EndReason::as_str)),
                messages::claims.eq(0),
                messages::uncertain.eq(if operation == Operation::Retry { 0 } else { row.uncertain }),
                messages::since.eq(if operation == Operation::Retry { now } else { row.since }),
                messages::version.eq(messages::version + 1),
            ))
            .execute(conn)?
            == 1;
    if done {
        match operation {
            Operation::Retry => ledger::revive_lines(conn, row.id, now)?,
            Operation::Cancel => {
                ledger::end_lines(conn, row.id, ReminderState::Cancelled, Some(EndReason::ByOperator.as_str()), now)?
            }
            Operation::Hold | Operation::Release => 0,
        };
    }
    Ok(done)
}
