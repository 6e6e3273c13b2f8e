//! The ledger of reminders: who was to be told what, when, and what became of it. Each row is written once, for ever.

use crate::domain::id::{MessageId, ReminderId, SubjectId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{ReminderState, Subject, Told};
use crate::domain::vocabulary::{NoticeState, State};
use crate::store::recipients::Addressed;
use crate::store::schema::{reminders, settings};
use crate::store::{Both, Conn, Kept, Moment, MultiBackend, StoreResult, Uid, load_of, locked, native, reference};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use std::collections::HashSet;

const FIRST_TICK: &str = "reminders.first_tick";
const LOOKED_AT: &str = "reminders.looked_at";
const OFFICE_NEXT: &str = "reminders.office_next_at";
/// Binds of one statement stay far below what either database takes.
const IDS: usize = 1_000;

/// The recipient of a step that nobody is told of.
pub const NOBODY: &str = "-";

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = reminders, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct ReminderRow {
    pub id: ReminderId,
    pub subject_kind: Subject,
    pub subject_id: SubjectId,
    pub rule: String,
    pub anchor_version: i64,
    pub step: i32,
    /// `user:<id>`, `unit:<id>` (its mailbox), `backup:<id>`, or `-`.
    pub recipient: String,
    pub recipient_user_id: Option<UserId>,
    /// The unit they are told for; of the office's people their own.
    pub recipient_unit_id: Option<UnitId>,
    /// Words of `Told` with a space between; more than one only where nobody is told.
    pub audience: String,
    pub copy: bool,
    /// When the step was to be told.
    pub step_at: Instant,
    pub state: ReminderState,
    /// A word of `SkipReason` or `EndReason`; of a superseded step `superseded:<rule>`.
    pub reason: Option<String>,
    pub message_id: Option<MessageId>,
    pub created_at: Instant,
    pub updated_at: Instant,
}

/// A step that has come, or an act that is told at once.
#[derive(Debug, Clone, Copy)]
pub struct Cause<'a> {
    pub subject_kind: Subject,
    pub subject_id: SubjectId,
    pub rule: &'a str,
    pub anchor_version: i64,
    pub step: i32,
    pub at: Instant,
}

impl ReminderRow {
    /// To be told to somebody by that message.
    #[must_use]
    pub fn queued(
        id: ReminderId,
        cause: &Cause<'_>,
        one: &Addressed,
        message: Option<MessageId>,
        now: Instant,
    ) -> Self {
        Self {
            recipient: one.to.key.clone(),
            recipient_user_id: one.to.user_id,
            recipient_unit_id: one.to.unit_id,
            copy: one.copy,
            state: ReminderState::Queued,
            reason: None,
            message_id: message,
            ..Self::skipped(id, cause, one.told.as_str().to_owned(), "", now)
        }
    }

    /// Not to be told to anybody; `audience` names who would have been.
    #[must_use]
    pub fn skipped(id: ReminderId, cause: &Cause<'_>, audience: String, reason: &str, now: Instant) -> Self {
        Self {
            id,
            subject_kind: cause.subject_kind,
            subject_id: cause.subject_id,
            rule: cause.rule.to_owned(),
            anchor_version: cause.anchor_version,
            step: cause.step,
            recipient: NOBODY.to_owned(),
            recipient_user_id: None,
            recipient_unit_id: None,
            audience,
            copy: false,
            step_at: cause.at,
            state: ReminderState::Skipped,
            reason: Some(reason.to_owned()),
            message_id: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// As what the recipient was told.
    #[must_use]
    pub fn told(&self) -> Option<Told> {
        self.audience.parse().ok()
    }
}

/// One step of one rule for one version of its anchor.
pub type StepKey = (SubjectId, String, i64, i32);

/// Writes the rows that are not there yet and gives their number.
pub fn insert_new(conn: &mut Conn, rows: &[ReminderRow]) -> StoreResult<usize> {
    let mut done = 0;
    for chunk in rows.chunks(IDS) {
        done += native!(
            &mut *conn,
            c => diesel::insert_into(reminders::table).values(chunk).on_conflict_do_nothing().execute(c)
        )?;
    }
    Ok(done)
}

/// The steps of these subjects that stand in the ledger, whatever became of them.
pub fn handled(conn: &mut Conn, subjects: &[SubjectId]) -> StoreResult<HashSet<StepKey>> {
    let mut steps = HashSet::new();
    for chunk in subjects.chunks(IDS) {
        let found: Vec<StepKey> = reminders::table
            .filter(reminders::subject_id.eq_any(chunk.to_vec()))
            .select((reminders::subject_id, reminders::rule, reminders::anchor_version, reminders::step))
            .distinct()
            .load(conn)?;
        steps.extend(found);
    }
    Ok(steps)
}

/// What these messages are to say: their queued rows, in the order in which they were written.
pub fn queued_of(conn: &mut Conn, messages: &[MessageId]) -> StoreResult<Vec<ReminderRow>> {
    let mut rows = Vec::new();
    for chunk in messages.chunks(IDS) {
        let chunk: Vec<_> = chunk.iter().copied().map(Some).collect();
        let found: Vec<ReminderRow> = reminders::table
            .filter(reminders::message_id.eq_any(chunk))
            .filter(reminders::state.eq(ReminderState::Queued))
            .order(reminders::id.asc())
            .select(ReminderRow::as_select())
            .load(conn)?;
        rows.extend(found);
    }
    Ok(rows)
}

pub fn of_message(conn: &mut Conn, message: MessageId, limit: i64) -> StoreResult<Vec<ReminderRow>> {
    Ok(reminders::table
        .filter(reminders::message_id.eq(message))
        .order(reminders::id.asc())
        .limit(limit)
        .select(ReminderRow::as_select())
        .load(conn)?)
}

pub fn by_ids(conn: &mut Conn, ids: &[ReminderId]) -> StoreResult<Vec<ReminderRow>> {
    let mut rows = Vec::new();
    for chunk in ids.chunks(IDS) {
        let found: Vec<ReminderRow> =
            load_of!(&mut *conn, reminders::id => chunk, reminders::table.select(ReminderRow::as_select()))?;
        rows.extend(found);
    }
    Ok(rows)
}

/// To whom that row's step was told before.
pub fn told_of_step(conn: &mut Conn, row: &ReminderRow) -> StoreResult<Vec<String>> {
    Ok(reminders::table
        .filter(reminders::subject_id.eq(row.subject_id))
        .filter(reminders::rule.eq(&row.rule))
        .filter(reminders::anchor_version.eq(row.anchor_version))
        .filter(reminders::step.eq(row.step))
        .select(reminders::recipient)
        .load(conn)?)
}

/// What became of a message's queued rows.
pub fn end_lines(
    conn: &mut Conn,
    message: MessageId,
    state: ReminderState,
    reason: Option<&str>,
    now: Instant,
) -> StoreResult<usize> {
    let queued =
        reminders::table.filter(reminders::message_id.eq(message)).filter(reminders::state.eq(ReminderState::Queued));
    let ended = (reminders::state.eq(state), reminders::reason.eq(reason), reminders::updated_at.eq(now));
    Ok(native!(conn, c => Kept(diesel::update(queued).set(ended)).execute(c))?)
}

/// A dead message's rows are to be sent after all.
pub fn revive_lines(conn: &mut Conn, message: MessageId, now: Instant) -> StoreResult<usize> {
    let failed =
        reminders::table.filter(reminders::message_id.eq(message)).filter(reminders::state.eq(ReminderState::Failed));
    Ok(diesel::update(failed)
        .set((
            reminders::state.eq(ReminderState::Queued),
            reminders::reason.eq(None::<String>),
            reminders::updated_at.eq(now),
        ))
        .execute(conn)?)
}

/// Queued rows that no longer hold.
pub fn cancel(conn: &mut Conn, ids: &[ReminderId], reason: &str, now: Instant) -> StoreResult<usize> {
    let mut done = 0;
    for chunk in ids.chunks(IDS) {
        let queued = reminders::table
            .filter(reminders::id.eq_any(chunk.to_vec()))
            .filter(reminders::state.eq(ReminderState::Queued));
        done += diesel::update(queued)
            .set((
                reminders::state.eq(ReminderState::Cancelled),
                reminders::reason.eq(reason),
                reminders::updated_at.eq(now),
            ))
            .execute(conn)?;
    }
    Ok(done)
}

/// Queued rows go into another message.
pub fn move_to(conn: &mut Conn, ids: &[ReminderId], message: MessageId, now: Instant) -> StoreResult<()> {
    for chunk in ids.chunks(IDS) {
        let queued = reminders::table
            .filter(reminders::id.eq_any(chunk.to_vec()))
            .filter(reminders::state.eq(ReminderState::Queued));
        diesel::update(queued).set((reminders::message_id.eq(message), reminders::updated_at.eq(now))).execute(conn)?;
    }
    Ok(())
}

/// Lets these tickets name their newest reminder that was queued or sent. No event, no new version.
pub fn mark_newest(conn: &mut Conn, tickets: &[TicketId]) -> StoreResult<()> {
    use crate::store::schema::tickets as table;
    for chunk in tickets.chunks(IDS) {
        // A sub-select of the table that is updated can't be said in the shared dialect.
        let newest = sql::<Nullable<Uid>>(
            "(SELECT r.id FROM reminders r WHERE r.subject_id = tickets.id \
             AND r.state IN ('queued', 'sent', 'failed') ORDER BY r.step_at DESC, r.copy, r.id LIMIT 1)",
        );
        diesel::update(table::table.filter(table::id.eq_any(chunk.to_vec())))
            .set(table::last_reminder_id.eq(newest))
            .execute(conn)?;
    }
    Ok(())
}

/// When this installation first planned anything; steps before it are not owed.
pub fn first_tick(conn: &mut Conn) -> StoreResult<Option<Instant>> {
    Ok(reference::setting(conn, FIRST_TICK)?.and_then(|text| text.parse().ok()))
}

/// `first_tick`, which is `now` where nothing was planned before.
pub fn first_tick_or(conn: &mut Conn, now: Instant) -> StoreResult<Instant> {
    if let Some(first) = first_tick(conn)? {
        return Ok(first);
    }
    let row = (settings::key.eq(FIRST_TICK), settings::value.eq(now.to_string()));
    Both(diesel::insert_into(settings::table).values(row).on_conflict(settings::key).do_nothing()).execute(conn)?;
    Ok(first_tick(conn)?.unwrap_or(now))
}

/// The latest moment at which a look went through. It never moves back, whatever the clock does.
pub fn looked_at(conn: &mut Conn) -> StoreResult<Option<Instant>> {
    Ok(reference::setting(conn, LOOKED_AT)?.and_then(|text| text.parse().ok()))
}

pub fn note_look(conn: &mut Conn, now: Instant) -> StoreResult<()> {
    if looked_at(conn)?.is_some_and(|held| held >= now) {
        return Ok(());
    }
    reference::set_setting(conn, LOOKED_AT, &now.to_string())
}

/// When the office's own reminders are looked at next; nobody else looks until this transaction ends. `None`: never yet.
pub fn lock_office(conn: &mut Conn) -> StoreResult<Option<Instant>> {
    let held: Option<String> = locked!(
        conn,
        first: settings::table.filter(settings::key.eq(OFFICE_NEXT)).select(settings::value)
    )
    .optional()?;
    Ok(held.and_then(|text| text.parse().ok()))
}

pub fn office_next(conn: &mut Conn) -> StoreResult<Option<Instant>> {
    Ok(reference::setting(conn, OFFICE_NEXT)?.and_then(|text| text.parse().ok()))
}

pub fn set_office_next(conn: &mut Conn, at: Instant) -> StoreResult<()> {
    reference::set_setting(conn, OFFICE_NEXT, &at.to_string())
}

/// Rules or calendar have changed: the next tick looks at everything that is open.
pub fn look_again(conn: &mut Conn, now: Instant) -> StoreResult<()> {
    use crate::store::schema::{notices, tickets};
    let open = tickets::table.filter(tickets::state.ne_all(vec![State::Closed, State::Cancelled]));
    diesel::update(open).set(tickets::next_reminder_at.eq(now)).execute(conn)?;
    let issued = notices::table.filter(notices::state.eq(NoticeState::Issued));
    diesel::update(issued).set(notices::next_reminder_at.eq(now)).execute(conn)?;
    diesel::delete(settings::table.filter(settings::key.eq(OFFICE_NEXT))).execute(conn)?;
    Ok(())
}

/// A rule has changed: the next tick looks again at the subjects of which it speaks, or spoke. One statement, whatever
/// their number; the planning itself is the tick's, a page at a time.
pub fn look_again_at(conn: &mut Conn, subject: Subject, states: &[State], now: Instant) -> StoreResult<()> {
    use crate::store::schema::{notices, tickets};
    match subject {
        Subject::Ticket => {
            let spoken_of = tickets::table.filter(tickets::state.eq_any(states.to_vec()));
            diesel::update(spoken_of).set(tickets::next_reminder_at.eq(now)).execute(conn)?;
        }
        Subject::Notice => {
            let issued = notices::table.filter(notices::state.eq(NoticeState::Issued));
            diesel::update(issued).set(notices::next_reminder_at.eq(now)).execute(conn)?;
        }
        Subject::Office => {
            diesel::delete(settings::table.filter(settings::key.eq(OFFICE_NEXT))).execute(conn)?;
        }
    }
    Ok(())
}

/// What a list of reminders is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default)]
pub struct ReminderFilter {
    pub subject: Option<SubjectId>,
    pub recipients: Vec<String>,
    pub states: Vec<ReminderState>,
    /// By the step's own moment.
    pub from: Option<Instant>,
    pub before: Option<Instant>,
}

fn filtered(filter: &ReminderFilter) -> reminders::BoxedQuery<'static, MultiBackend> {
    let mut query = reminders::table.into_boxed();
    if let Some(subject) = filter.subject {
        query = query.filter(reminders::subject_id.eq(subject));
    }
    if !filter.recipients.is_empty() {
        query = query.filter(reminders::recipient.eq_any(filter.recipients.clone()));
    }
    if !filter.states.is_empty() {
        query = query.filter(reminders::state.eq_any(filter.states.clone()));
    }
    if let Some(from) = filter.from {
        query = query.filter(reminders::step_at.ge(from));
    }
    if let Some(before) = filter.before {
        query = query.filter(reminders::step_at.lt(before));
    }
    query
}

/// Newest step first, after the row of that step and id.
pub fn list(
    conn: &mut Conn,
    filter: &ReminderFilter,
    after: Option<(Instant, ReminderId)>,
    limit: i64,
) -> StoreResult<Vec<ReminderRow>> {
    let mut query = filtered(filter).select(ReminderRow::as_select());
    if let Some((at, id)) = after {
        query = query.filter(
            sql::<Bool>("(reminders.step_at, reminders.id) < (")
                .bind::<Moment, _>(at)
                .sql(", ")
                .bind::<Uid, _>(id)
                .sql(")"),
        );
    }
    Ok(query.order((reminders::step_at.desc(), reminders::id.desc())).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &ReminderFilter) -> StoreResult<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}
