//! The outbox: messages, their attempts, and the leases under which workers hold them.
//!
//! `next_at` is the office's time and says when a message is due; leases are the machine's and say who may send it. A
//! worker's every write names its token, so that one whose lease ran out changes nothing.

use crate::domain::id::{LeaseId, MessageId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{EndReason, MessageKind, MessageState, ReminderState};
use crate::store::dialect::lease_clock;
use crate::store::recipients::Recipient;
use crate::store::schema::{attempts, messages, ticks};
use crate::store::{Both, Conn, MultiBackend, StoreError, StoreResult, insert_all, ledger, locked, native, reference};
use chrono::{NaiveDate, TimeDelta};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const PAUSE: &str = "mail.pause";
const IDS: usize = 1_000;
/// Claims without an outcome after which a message is taken for what kills the workers.
const CLAIMS: i32 = 3;
/// A tick that hasn't been heard of for so long has died.
const TICK_MINUTES: i64 = 2;

/// What counts as undelivered mail, wherever it is counted.
pub const UNDELIVERED: [MessageState; 2] = [MessageState::Dead, MessageState::Uncertain];

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
    /// A mail of its own.
    #[must_use]
    pub fn single(
        id: MessageId,
        (kind, rule): (MessageKind, &str),
        to: &Recipient,
        next_at: Instant,
        now: Instant,
    ) -> Self {
        Self {
            id,
            kind,
            rule: Some(rule.to_owned()),
            recipient: to.key.clone(),
            recipient_user_id: to.user_id,
            recipient_unit_id: to.unit_id,
            open_digest: None,
            state: MessageState::Queued,
            next_at: Some(next_at),
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
            rule: None,
            open_digest: Some(digest_key(&to.key, on)),
            ..Self::single(id, (MessageKind::Digest, ""), to, next_at, now)
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

/// How a worker takes messages.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub token: LeaseId,
    /// The office's.
    pub now: Instant,
    pub machine_now: Instant,
    pub lease: TimeDelta,
    pub at_most: i64,
}

/// What a claim gave.
#[derive(Debug, Default)]
pub struct Claimed {
    /// As they were before.
    pub taken: Vec<MessageRow>,
    /// Given up: their workers died of them.
    pub poisoned: usize,
}

/// Takes due messages that nobody holds: lease, token, one more claim. Digests only while no tick is running.
pub fn claim(conn: &mut Conn, claim: &Claim) -> StoreResult<Claimed> {
    let clock = lease_clock(conn, claim.machine_now)?;
    let kinds = claimable(conn, clock)?;
    let due: Vec<MessageRow> = locked!(&mut *conn, load passing_over: messages::table
        .filter(messages::next_at.is_not_null())
        .filter(messages::next_at.le(claim.now))
        .filter(messages::lease_until.is_null().or(messages::lease_until.le(clock)))
        .filter(messages::kind.eq_any(kinds))
        .order((messages::next_at.asc(), messages::id.asc()))
        .limit(claim.at_most)
        .select(MessageRow::as_select()))?;
    if due.is_empty() {
        return Ok(Claimed::default());
    }
    let (poisoned, taken): (Vec<_>, Vec<_>) = due.into_iter().partition(|row| row.claims >= CLAIMS);
    let ids: Vec<MessageId> = taken.iter().map(|row| row.id).collect();
    diesel::update(messages::table.filter(messages::id.eq_any(ids)))
        .set((
            messages::state.eq(MessageState::Sending),
            messages::open_digest.eq(None::<String>),
            messages::claims.eq(messages::claims + 1),
            messages::lease_token.eq(claim.token),
            messages::lease_until.eq(clock.plus(claim.lease)),
            messages::version.eq(messages::version + 1),
        ))
        .execute(conn)?;
    for row in taken.iter().chain(&poisoned).filter(|row| row.state == MessageState::Sending) {
        note_lost(conn, row, claim.now)?;
    }
    for row in &poisoned {
        give_up(conn, row.id, EndReason::Poison, claim.now)?;
    }
    // The attempt that was lost has a number too.
    let counted = |mut row: MessageRow| {
        if row.state == MessageState::Sending && row.rendered_at.is_some() {
            row.attempts += 1;
        }
        row
    };
    Ok(Claimed { taken: taken.into_iter().map(counted).collect(), poisoned: poisoned.len() })
}

/// Kinds that may be taken now.
fn claimable(conn: &mut Conn, clock: Instant) -> StoreResult<Vec<MessageKind>> {
    let running = ticks::table.filter(ticks::alive_until.gt(clock)).select(ticks::id);
    let is_ticking: bool = diesel::select(diesel::dsl::exists(running)).get_result(conn)?;
    let kinds = MessageKind::ALL.iter().copied();
    Ok(kinds.filter(|kind| !is_ticking || *kind != MessageKind::Digest).collect())
}

/// A worker died with this message in its hands; whether it was handed over before, nobody knows.
fn note_lost(conn: &mut Conn, row: &MessageRow, now: Instant) -> StoreResult<()> {
    if row.rendered_at.is_none() {
        return Ok(());
    }
    let attempt = AttemptRow {
        message_id: row.id,
        no: row.attempts + 1,
        at: now,
        server: String::new(),
        phase: "unknown".to_owned(),
        code: None,
        reply: "the worker stopped before it could record the outcome".to_owned(),
        result: "uncertain".to_owned(),
    };
    diesel::insert_into(attempts::table).values(&attempt).execute(conn)?;
    diesel::update(messages::table.filter(messages::id.eq(row.id)))
        .set(messages::attempts.eq(row.attempts + 1))
        .execute(conn)?;
    Ok(())
}

/// A message is dead for a reason of ours, and so is what it was to say.
fn give_up(conn: &mut Conn, id: MessageId, reason: EndReason, now: Instant) -> StoreResult<()> {
    diesel::update(messages::table.filter(messages::id.eq(id)))
        .set((
            messages::state.eq(MessageState::Dead),
            messages::open_digest.eq(None::<String>),
            messages::reason.eq(reason.as_str()),
            messages::next_at.eq(None::<Instant>),
            messages::lease_token.eq(None::<LeaseId>),
            messages::lease_until.eq(None::<Instant>),
            messages::version.eq(messages::version + 1),
        ))
        .execute(conn)?;
    ledger::end_lines(conn, id, ReminderState::Failed, Some(reason.as_str()), now)?;
    Ok(())
}

/// Is anything due that nobody holds, and is the channel open? Cheap: asked every second.
pub fn look(conn: &mut Conn, now: Instant, machine_now: Instant) -> StoreResult<Look> {
    let clock = lease_clock(conn, machine_now)?;
    let kinds = claimable(conn, clock)?;
    let due = messages::table
        .filter(messages::next_at.is_not_null())
        .filter(messages::next_at.le(now))
        .filter(messages::lease_until.is_null().or(messages::lease_until.le(clock)))
        .filter(messages::kind.eq_any(kinds))
        .select(messages::id);
    let is_due = diesel::select(diesel::dsl::exists(due)).get_result(conn)?;
    Ok(Look { is_due, pause: pause(conn)?, clock })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub is_due: bool,
    pub pause: Option<Pause>,
    /// The leases' clock.
    pub clock: Instant,
}

impl Look {
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until > self.clock)
    }
}

/// The channel is at fault and no message is sent for a while. In the leases' time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pause {
    pub since: Instant,
    pub until: Instant,
    /// Faults in a row.
    pub times: u32,
    /// The server's words, or ours.
    pub reason: String,
}

pub fn pause(conn: &mut Conn) -> StoreResult<Option<Pause>> {
    Ok(reference::setting(conn, PAUSE)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Pauses the channel for longer each time. Workers that failed on the same fault count once.
pub fn set_pause(conn: &mut Conn, reason: &str, machine_now: Instant) -> StoreResult<()> {
    let clock = lease_clock(conn, machine_now)?;
    let held = pause(conn)?;
    if held.as_ref().is_some_and(|held| held.until > clock) {
        return Ok(());
    }
    let times = held.as_ref().map_or(0, |held| held.times).saturating_add(1);
    let seconds = [30, 60, 120, 300, 600].get(usize::try_from(times - 1).unwrap_or(usize::MAX)).copied().unwrap_or(900);
    let pause = Pause {
        since: held.map_or(clock, |held| held.since),
        until: clock.plus(TimeDelta::seconds(seconds)),
        times,
        reason: reason.to_owned(),
    };
    let text = serde_json::to_string(&pause).map_err(|fault| StoreError::Unavailable(fault.to_string()))?;
    reference::set_setting(conn, PAUSE, &text)
}

/// The channel works again.
pub fn end_pause(conn: &mut Conn) -> StoreResult<()> {
    use crate::store::schema::settings;
    diesel::delete(settings::table.filter(settings::key.eq(PAUSE))).execute(conn)?;
    Ok(())
}

/// A longer lease for those of these messages that are still this token's; answers them.
pub fn renew(
    conn: &mut Conn,
    ids: &[MessageId],
    token: LeaseId,
    (machine_now, lease): (Instant, TimeDelta),
) -> StoreResult<Vec<MessageId>> {
    let until = lease_clock(conn, machine_now)?.plus(lease);
    let held = messages::table
        .filter(messages::id.eq_any(ids.to_vec()))
        .filter(messages::lease_token.eq(token))
        .filter(messages::state.eq(MessageState::Sending));
    diesel::update(held).set(messages::lease_until.eq(until)).execute(conn)?;
    Ok(messages::table
        .filter(messages::id.eq_any(ids.to_vec()))
        .filter(messages::lease_token.eq(token))
        .filter(messages::state.eq(MessageState::Sending))
        .select(messages::id)
        .load(conn)?)
}

/// What a message became on the wire, for ever.
#[derive(Debug, Clone)]
pub struct Frozen {
    pub address: String,
    pub subject: String,
    pub raw: Vec<u8>,
    pub at: Instant,
}

pub fn freeze(conn: &mut Conn, id: MessageId, token: LeaseId, frozen: &Frozen) -> StoreResult<bool> {
    let held = messages::table.filter(messages::id.eq(id)).filter(messages::lease_token.eq(token));
    let done = diesel::update(held)
        .set((
            messages::address.eq(&frozen.address),
            messages::subject.eq(&frozen.subject),
            messages::raw.eq(&frozen.raw),
            messages::rendered_at.eq(frozen.at),
            messages::version.eq(messages::version + 1),
        ))
        .execute(conn)?;
    Ok(done == 1)
}

pub fn raw(conn: &mut Conn, id: MessageId) -> StoreResult<Option<Vec<u8>>> {
    Ok(messages::table.filter(messages::id.eq(id)).select(messages::raw).first(conn).optional()?.flatten())
}

/// How a message goes on after what a worker did with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    pub state: MessageState,
    pub next_at: Option<Instant>,
    pub reason: Option<EndReason>,
    pub attempts: i32,
    pub uncertain: i32,
    pub since: Instant,
    pub sent_at: Option<Instant>,
}

/// Ends a worker's hold with an outcome; `false` where the message is no longer the worker's.
pub fn finish(conn: &mut Conn, id: MessageId, token: LeaseId, fate: &Fate) -> StoreResult<bool> {
    let held = messages::table
        .filter(messages::id.eq(id))
        .filter(messages::lease_token.eq(token))
        .filter(messages::state.eq(MessageState::Sending));
    let done = diesel::update(held)
        .set((
            messages::state.eq(fate.state),
            messages::next_at.eq(fate.next_at),
            messages::reason.eq(fate.reason.map(EndReason::as_str)),
            messages::attempts.eq(fate.attempts),
            messages::uncertain.eq(fate.uncertain),
            messages::since.eq(fate.since),
            messages::sent_at.eq(fate.sent_at),
            messages::claims.eq(0),
            messages::lease_token.eq(None::<LeaseId>),
            messages::lease_until.eq(None::<Instant>),
            messages::version.eq(messages::version + 1),
        ))
        .execute(conn)?;
    Ok(done == 1)
}

/// Gives back messages that were not tried: as if they had not been claimed.
pub fn release(conn: &mut Conn, rows: &[MessageRow], token: LeaseId) -> StoreResult<()> {
    for row in rows {
        let held = messages::table.filter(messages::id.eq(row.id)).filter(messages::lease_token.eq(token));
        // One that a dead worker left behind has no state to go back to.
        let state = if row.state == MessageState::Sending { MessageState::Retry } else { row.state };
        diesel::update(held)
            .set((
                messages::state.eq(state),
                messages::claims.eq(row.claims),
                messages::lease_token.eq(None::<LeaseId>),
                messages::lease_until.eq(None::<Instant>),
                messages::version.eq(messages::version + 1),
            ))
            .execute(conn)?;
    }
    Ok(())
}

/// One try to deliver one message.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = attempts, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct AttemptRow {
    pub message_id: MessageId,
    pub no: i32,
    /// Office time.
    pub at: Instant,
    pub server: String,
    pub phase: String,
    pub code: Option<i32>,
    pub reply: String,
    pub result: String,
}

pub fn insert_attempt(conn: &mut Conn, row: &AttemptRow) -> StoreResult<()> {
    diesel::insert_into(attempts::table).values(row).execute(conn)?;
    Ok(())
}

/// Attempts made at this moment of the office's time or after, oldest first.
pub fn attempts_since(conn: &mut Conn, at: Instant) -> StoreResult<Vec<AttemptRow>> {
    Ok(attempts::table
        .filter(attempts::at.ge(at))
        .order((attempts::at.asc(), attempts::message_id.asc(), attempts::no.asc()))
        .select(AttemptRow::as_select())
        .load(conn)?)
}

/// A message's attempts, oldest first.
pub fn attempts_of(conn: &mut Conn, id: MessageId) -> StoreResult<Vec<AttemptRow>> {
    Ok(attempts::table
        .filter(attempts::message_id.eq(id))
        .order(attempts::no.asc())
        .select(AttemptRow::as_select())
        .load(conn)?)
}

/// The newest attempt of each of these messages.
pub fn last_attempts(conn: &mut Conn, ids: &[MessageId]) -> StoreResult<HashMap<MessageId, AttemptRow>> {
    let mut newest = HashMap::new();
    for chunk in ids.chunks(IDS) {
        let rows: Vec<AttemptRow> = attempts::table
            .filter(attempts::message_id.eq_any(chunk.to_vec()))
            .order((attempts::message_id.asc(), attempts::no.asc()))
            .select(AttemptRow::as_select())
            .load(conn)?;
        newest.extend(rows.into_iter().map(|row| (row.message_id, row)));
    }
    Ok(newest)
}

/// A tick begins: its digests are not sent before it ends.
pub fn begin_tick(conn: &mut Conn, tick: LeaseId, machine_now: Instant) -> StoreResult<()> {
    let clock = lease_clock(conn, machine_now)?;
    diesel::delete(ticks::table.filter(ticks::alive_until.le(clock))).execute(conn)?;
    keep_ticking(conn, tick, machine_now)
}

/// The tick is heard of again.
pub fn keep_ticking(conn: &mut Conn, tick: LeaseId, machine_now: Instant) -> StoreResult<()> {
    let until = lease_clock(conn, machine_now)?.plus(TimeDelta::minutes(TICK_MINUTES));
    Both(
        diesel::insert_into(ticks::table)
            .values((ticks::id.eq(tick), ticks::alive_until.eq(until)))
            .on_conflict(ticks::id)
            .do_update()
            .set(ticks::alive_until.eq(until)),
    )
    .execute(conn)?;
    Ok(())
}

pub fn end_tick(conn: &mut Conn, tick: LeaseId) -> StoreResult<()> {
    diesel::delete(ticks::table.filter(ticks::id.eq(tick))).execute(conn)?;
    Ok(())
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

/// Does it, where the message's state and version `held` allow it; `false` elsewhere.
pub fn operate(conn: &mut Conn, row: &MessageRow, operation: Operation, now: Instant) -> StoreResult<bool> {
    let is_waiting = row.state.is_waiting();
    let (allowed, state, next_at, reason) = match operation {
        Operation::Retry => (
            row.state == MessageState::Dead || (is_waiting && row.state != MessageState::Queued),
            MessageState::Queued,
            Some(now),
            None,
        ),
        Operation::Hold => (is_waiting, MessageState::Held, None, None),
        Operation::Release => (row.state == MessageState::Held, MessageState::Queued, Some(now), None),
        Operation::Cancel => (
            is_waiting || matches!(row.state, MessageState::Held | MessageState::Dead),
            MessageState::Cancelled,
            None,
            Some(EndReason::ByOperator),
        ),
    };
    let held = messages::table.filter(messages::id.eq(row.id)).filter(messages::version.eq(row.version));
    let done = allowed
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
