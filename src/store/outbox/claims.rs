//! Who may send a message: claims, leases, tokens, and the ticks that hold digests open.

use super::MessageRow;
use super::attempts::{AttemptRow, insert_attempt};
use super::pause::{Hold, Pause, hold, pause};
use crate::domain::id::{LeaseId, MessageId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{EndReason, MessageKind, MessageState, ReminderState};
use crate::store::dialect::lease_clock;
use crate::store::schema::{messages, ticks};
use crate::store::{Both, Conn, Kept, StoreResult, ledger, locked, native};
use chrono::TimeDelta;
use diesel::prelude::*;

/// Claims without an outcome after which a message is taken for what kills the workers.
const CLAIMS: i32 = 3;
/// A tick that hasn't been heard of for so long has died.
const TICK_MINUTES: i64 = 2;

/// What time it is for the outbox.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub office: Instant,
    pub machine: Instant,
    /// May digests leave? What nobody's act caused is told in office hours only, however long it has waited.
    pub is_open: bool,
}

/// How a worker takes messages.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub token: LeaseId,
    pub now: Now,
    pub lease: TimeDelta,
    pub at_most: i64,
    /// May it be one that a worker died with? Such a one is given alone: if it is what kills them, the others need not
    /// die with it.
    pub is_rescue: bool,
}

/// What a claim gave.
#[derive(Debug, Default)]
pub struct Claimed {
    /// As they were before.
    pub taken: Vec<MessageRow>,
    /// Did a worker die with what was taken?
    pub is_rescue: bool,
    /// Given up: their workers died of them.
    pub poisoned: usize,
}

/// Takes due messages that nobody holds: lease, token, one more claim. Digests only while no tick is running.
pub fn claim(conn: &mut Conn, claim: &Claim) -> StoreResult<Claimed> {
    claim_except(conn, claim, &[])
}

/// As `claim`, without those to these recipients (by their keys).
pub fn claim_except(conn: &mut Conn, claim: &Claim, recipients: &[String]) -> StoreResult<Claimed> {
    let clock = lease_clock(conn, claim.now.machine)?;
    let now = claim.now.office;
    let kinds = claimable(conn, clock, claim.now)?;
    let due: Vec<MessageRow> = locked!(&mut *conn, load passing_over: messages::table
        .filter(messages::next_at.is_not_null())
        .filter(messages::next_at.le(now))
        .filter(messages::lease_until.is_null().or(messages::lease_until.le(clock)))
        .filter(messages::kind.eq_any(kinds).or(messages::state.eq(MessageState::Uncertain)))
        .filter(messages::recipient.ne_all(recipients.to_vec()))
        .filter(messages::state.ne(MessageState::Sending).or(claim.is_rescue.into_sql::<diesel::sql_types::Bool>()))
        .order((messages::next_at.asc(), messages::id.asc()))
        .limit(claim.at_most)
        .select(MessageRow::as_select()))?;
    if due.is_empty() {
        return Ok(Claimed::default());
    }
    let lost = due.iter().find(|row| row.state == MessageState::Sending).cloned();
    let is_rescue = lost.is_some();
    let due = lost.map_or(due, |lost| vec![lost]);
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
        note_lost(conn, row, now)?;
    }
    for row in &poisoned {
        give_up(conn, row.id, EndReason::Poison, now)?;
    }
    // The attempt that was lost has a number too.
    let counted = |mut row: MessageRow| {
        if row.state == MessageState::Sending && row.rendered_at.is_some() {
            row.attempts += 1;
        }
        row
    };
    Ok(Claimed { taken: taken.into_iter().map(counted).collect(), is_rescue, poisoned: poisoned.len() })
}

/// Kinds that may be taken now. What may have arrived goes again soon, whatever its kind: so it is known for the same.
fn claimable(conn: &mut Conn, clock: Instant, now: Now) -> StoreResult<Vec<MessageKind>> {
    let running = ticks::table.filter(ticks::alive_until.gt(clock)).select(ticks::id);
    let is_ticking: bool = native!(conn, c => diesel::select(diesel::dsl::exists(running)).get_result(c))?;
    let kinds = MessageKind::ALL.iter().copied();
    Ok(kinds.filter(|kind| (now.is_open && !is_ticking) || *kind != MessageKind::Digest).collect())
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
    insert_attempt(conn, &attempt)?;
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
pub fn look(conn: &mut Conn, now: Now) -> StoreResult<Look> {
    let clock = lease_clock(conn, now.machine)?;
    let kinds = claimable(conn, clock, now)?;
    let due = messages::table
        .filter(messages::next_at.is_not_null())
        .filter(messages::next_at.le(now.office))
        .filter(messages::lease_until.is_null().or(messages::lease_until.le(clock)))
        .filter(messages::kind.eq_any(kinds).or(messages::state.eq(MessageState::Uncertain)))
        .select(messages::id);
    let is_due = diesel::select(diesel::dsl::exists(due)).get_result(conn)?;
    Ok(Look { is_due, pause: pause(conn)?, hold: hold(conn)?, clock })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub is_due: bool,
    pub pause: Option<Pause>,
    pub hold: Option<Hold>,
    /// The leases' clock.
    pub clock: Instant,
}

impl Look {
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.as_ref().is_some_and(|pause| pause.until > self.clock)
    }
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
    let bytes = (
        messages::address.eq(&frozen.address),
        messages::subject.eq(&frozen.subject),
        messages::raw.eq(&frozen.raw),
        messages::rendered_at.eq(frozen.at),
        messages::version.eq(messages::version + 1),
    );
    let done = native!(conn, c => Kept(diesel::update(held).set(bytes)).execute(c))?;
    Ok(done == 1)
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
    let ended = (
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
    );
    let done = native!(conn, c => Kept(diesel::update(held).set(ended)).execute(c))?;
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
