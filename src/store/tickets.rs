//! Tickets (整改任务): rows, locking, and the one filter behind lists, counts and the desk.

use crate::domain::actor::Scope;
use crate::domain::id::{AssetId, FindingId, NoticeId, ReminderId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::ticket::{Due, Ticket};
use crate::domain::vocabulary::{Ball, Light, LookBackPolicy, Part, Pending, Severity, State, WorkResult};
use crate::store::schema::{finding_assets, findings, milestones, notices, ticket_parties, tickets, units};
use crate::store::scope::{Condition, parties_of, party_of, visible, visible_only};
use crate::store::{Conn, Kept, Moment, MultiBackend, StoreResult, Uid, load_of, locked, native, page};
use chrono::NaiveDate;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Date, Text};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tickets, check_for_backend(MultiBackend), treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct TicketRow {
    pub id: TicketId,
    pub reference: String,
    pub notice_id: NoticeId,
    pub finding_id: FindingId,
    pub unit_id: UnitId,
    pub title: String,
    pub severity: Severity,
    pub state: State,
    pub pending: Option<Pending>,
    pub look_back: LookBackPolicy,
    pub handler: Option<String>,
    pub due_on: NaiveDate,
    pub due_at: Instant,
    pub unit_due_at: Option<Instant>,
    pub original_due_on: NaiveDate,
    pub due_version: i32,
    pub due_since: Instant,
    pub provisional: bool,
    pub extensions: i32,
    pub percent: i32,
    pub cycle: i32,
    pub failed_again: i32,
    pub assignment: i32,
    pub urged: i32,
    pub issued_at: Instant,
    pub assigned_at: Instant,
    pub acknowledged_at: Option<Instant>,
    pub completed_on: Option<NaiveDate>,
    pub result: Option<WorkResult>,
    pub submitted_at: Option<Instant>,
    pub submitted_by: Option<UserId>,
    pub on_time: Option<bool>,
    pub returned_at: Option<Instant>,
    pub accepted_at: Option<Instant>,
    pub accepted_by: Option<UserId>,
    pub look_back_on: Option<NaiveDate>,
    pub verified_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub last_progress_at: Option<Instant>,
    pub recurrence_of: Option<TicketId>,
    pub last_reminder_id: Option<ReminderId>,
    pub next_reminder_at: Option<Instant>,
    pub version: i64,
    pub updated_at: Instant,
}

impl TicketRow {
    /// The facts that rules decide by, but for milestones, which lie in a table of their own.
    #[must_use]
    pub fn ticket(&self, co_unit_ids: Vec<UnitId>) -> Ticket {
        Ticket {
            id: self.id,
            reference: self.reference.clone(),
            notice_id: self.notice_id,
            finding_id: self.finding_id,
            unit_id: self.unit_id,
            co_unit_ids,
            handler: self.handler.clone(),
            severity: self.severity,
            state: self.state,
            pending: self.pending,
            look_back: self.look_back,
            due: Due {
                on: self.due_on,
                at: self.due_at,
                original_on: self.original_due_on,
                version: self.due_version,
                since: self.due_since,
                provisional: self.provisional,
            },
            extensions: self.extensions,
            percent: self.percent,
            cycle: self.cycle,
            failed_again: self.failed_again,
            assignment: self.assignment,
            urged: self.urged,
            issued_at: self.issued_at,
            assigned_at: self.assigned_at,
            acknowledged_at: self.acknowledged_at,
            completed_on: self.completed_on,
            result: self.result,
            submitted_at: self.submitted_at,
            submitted_by: self.submitted_by,
            on_time: self.on_time,
            returned_at: self.returned_at,
            accepted_at: self.accepted_at,
            accepted_by: self.accepted_by,
            look_back_on: self.look_back_on,
            verified_at: self.verified_at,
            closed_at: self.closed_at,
            last_progress_at: self.last_progress_at,
            milestones: Vec::new(),
            assets: Vec::new(),
            version: self.version,
        }
    }

    /// A new ticket's row.
    #[must_use]
    pub fn new(ticket: &Ticket, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            recurrence_of: None,
            last_reminder_id: None,
            next_reminder_at: None,
            updated_at: ticket.issued_at,
            id: ticket.id,
            reference: ticket.reference.clone(),
            notice_id: ticket.notice_id,
            finding_id: ticket.finding_id,
            unit_id: ticket.unit_id,
            severity: ticket.severity,
            state: ticket.state,
            pending: ticket.pending,
            look_back: ticket.look_back,
            handler: ticket.handler.clone(),
            due_on: ticket.due.on,
            due_at: ticket.due.at,
            unit_due_at: (ticket.state.ball() == Ball::Unit).then_some(ticket.due.at),
            original_due_on: ticket.due.original_on,
            due_version: ticket.due.version,
            due_since: ticket.due.since,
            provisional: ticket.due.provisional,
            extensions: ticket.extensions,
            percent: ticket.percent,
            cycle: ticket.cycle,
            failed_again: ticket.failed_again,
            assignment: ticket.assignment,
            urged: ticket.urged,
            issued_at: ticket.issued_at,
            assigned_at: ticket.assigned_at,
            acknowledged_at: ticket.acknowledged_at,
            completed_on: ticket.completed_on,
            result: ticket.result,
            submitted_at: ticket.submitted_at,
            submitted_by: ticket.submitted_by,
            on_time: ticket.on_time,
            returned_at: ticket.returned_at,
            accepted_at: ticket.accepted_at,
            accepted_by: ticket.accepted_by,
            look_back_on: ticket.look_back_on,
            verified_at: ticket.verified_at,
            closed_at: ticket.closed_at,
            last_progress_at: ticket.last_progress_at,
            version: ticket.version,
        }
    }

    /// This row after a change of its ticket. A look that is owed already is not put off to `next_reminder_at`: what has
    /// come since the last one would never be told.
    #[must_use]
    pub fn changed(&self, ticket: &Ticket, next_reminder_at: Option<Instant>, now: Instant) -> Self {
        let next_reminder_at = self.next_reminder_at.filter(|at| *at <= now).or(next_reminder_at);
        Self {
            recurrence_of: self.recurrence_of,
            last_reminder_id: self.last_reminder_id,
            next_reminder_at,
            updated_at: now,
            ..Self::new(ticket, &self.title)
        }
    }
}

pub fn insert_all(conn: &mut Conn, rows: &[TicketRow], parties: &[(TicketId, UnitId, Part)]) -> StoreResult<()> {
    for chunk in rows.chunks(500) {
        native!(conn, c => diesel::insert_into(tickets::table).values(chunk).execute(c))?;
    }
    for chunk in parties.chunks(5_000) {
        let rows: Vec<_> = chunk
            .iter()
            .map(|(ticket, unit, part)| {
                (
                    ticket_parties::ticket_id.eq(*ticket),
                    ticket_parties::unit_id.eq(*unit),
                    ticket_parties::part.eq(*part),
                )
            })
            .collect();
        native!(conn, c => diesel::insert_into(ticket_parties::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// The columns that logging progress changes: none that an index but `tickets_updated` and the planner's holds.
#[derive(AsChangeset)]
#[diesel(table_name = tickets, treat_none_as_null = true)]
struct ProgressColumns {
    percent: i32,
    last_progress_at: Option<Instant>,
    next_reminder_at: Option<Instant>,
    version: i64,
    updated_at: Instant,
}

/// Saves `row` over `held`; `false` when somebody else was faster. SQLite rewrites every index whose columns an UPDATE
/// names, changed or not, so the most frequent act names only its own.
pub fn save(conn: &mut Conn, held: &TicketRow, row: &TicketRow) -> StoreResult<bool> {
    let target = tickets::table.filter(tickets::id.eq(row.id)).filter(tickets::version.eq(held.version));
    let columns = ProgressColumns {
        percent: row.percent,
        last_progress_at: row.last_progress_at,
        next_reminder_at: row.next_reminder_at,
        version: row.version,
        updated_at: row.updated_at,
    };
    let only_progress = TicketRow {
        percent: columns.percent,
        last_progress_at: columns.last_progress_at,
        next_reminder_at: columns.next_reminder_at,
        version: columns.version,
        updated_at: columns.updated_at,
        ..held.clone()
    };
    let saved = if only_progress == *row {
        native!(conn, c => Kept(diesel::update(target).set(columns)).execute(c))?
    } else {
        diesel::update(target).set(row).execute(conn)?
    };
    Ok(saved == 1)
}

/// The parties after a reassignment: the old lead loses access.
pub fn set_lead(conn: &mut Conn, ticket: TicketId, unit: UnitId) -> StoreResult<()> {
    let held = ticket_parties::table.filter(ticket_parties::ticket_id.eq(ticket));
    diesel::delete(held.filter(ticket_parties::part.eq(Part::Lead).or(ticket_parties::unit_id.eq(unit))))
        .execute(conn)?;
    diesel::insert_into(ticket_parties::table)
        .values((
            ticket_parties::ticket_id.eq(ticket),
            ticket_parties::unit_id.eq(unit),
            ticket_parties::part.eq(Part::Lead),
        ))
        .execute(conn)?;
    Ok(())
}

/// The row that an id or a reference in sight means, by `locked!` or `looked!`. Each case is a statement of its own, so
/// that none is boxed.
macro_rules! one {
    ($conn:expr, $key:expr, $scope:expr, $load:ident) => {
        match $key.parse::<TicketId>() {
            Ok(id) => one!(in $conn, $scope, $load, tickets::table.filter(tickets::id.eq(id))),
            Err(_) => one!(in $conn, $scope, $load, tickets::table.filter(tickets::reference.eq($key))),
        }
    };
    (in $conn:expr, $scope:expr, $load:ident, $rows:expr) => {
        match $scope {
            Scope::All => $load!($conn, first: $rows.select(TicketRow::as_select())),
            Scope::Units(units) => match units.as_slice() {
                [only] => {
                    let seen = $rows.filter(tickets::id.eq_any(parties_of(*only)));
                    $load!($conn, first: seen.select(TicketRow::as_select()))
                }
                units => {
                    let seen = $rows.filter(tickets::id.eq_any(party_of(units.to_vec(), Part::ALL.to_vec())));
                    $load!($conn, first: seen.select(TicketRow::as_select()))
                }
            },
        }
    };
}

/// `locked!` without the lock.
macro_rules! looked {
    ($conn:expr, $load:ident: $query:expr) => {
        native!($conn, c => $query.$load(c))
    };
}

/// By id or reference, if it is visible. A ticket out of sight is a ticket that isn't there.
pub fn find(conn: &mut Conn, key: &str, scope: &Scope) -> StoreResult<Option<TicketRow>> {
    Ok(one!(conn, key, scope, looked).optional()?)
}

/// `find`, and nobody else changes it until this transaction ends.
pub fn lock(conn: &mut Conn, key: &str, scope: &Scope) -> StoreResult<Option<TicketRow>> {
    Ok(one!(conn, key, scope, locked).optional()?)
}

pub fn lock_by_id(conn: &mut Conn, id: TicketId) -> StoreResult<Option<TicketRow>> {
    Ok(locked!(conn, first: tickets::table.filter(tickets::id.eq(id)).select(TicketRow::as_select())).optional()?)
}

/// Open tickets of a lead unit that name this handler, locked, in the order of ids.
pub fn lock_handled(conn: &mut Conn, unit: UnitId, handler: &str) -> StoreResult<Vec<TicketRow>> {
    let open: Vec<State> = State::ALL.iter().copied().filter(|state| state.is_open()).collect();
    Ok(locked!(conn, load: tickets::table
        .filter(tickets::unit_id.eq(unit))
        .filter(tickets::handler.eq(handler))
        .filter(tickets::state.eq_any(open))
        .order(tickets::id.asc())
        .select(TicketRow::as_select()))?)
}

pub fn find_by_id(conn: &mut Conn, id: TicketId) -> StoreResult<Option<TicketRow>> {
    Ok(tickets::table.filter(tickets::id.eq(id)).select(TicketRow::as_select()).first(conn).optional()?)
}

/// The references of tickets.
pub fn references(conn: &mut Conn, ids: &[TicketId]) -> StoreResult<Vec<(TicketId, String)>> {
    Ok(tickets::table.filter(tickets::id.eq_any(ids.to_vec())).select((tickets::id, tickets::reference)).load(conn)?)
}

pub fn by_ids(conn: &mut Conn, ids: &[TicketId]) -> StoreResult<Vec<TicketRow>> {
    Ok(tickets::table.filter(tickets::id.eq_any(ids.to_vec())).select(TicketRow::as_select()).load(conn)?)
}

/// Co-units of tickets, in the order of ids.
pub fn co_units_of(conn: &mut Conn, ids: &[TicketId]) -> StoreResult<Vec<(TicketId, UnitId)>> {
    Ok(load_of!(
        conn,
        ticket_parties::ticket_id => ids,
        ticket_parties::table
            .filter(ticket_parties::part.eq(Part::Co))
            .order((ticket_parties::ticket_id.asc(), ticket_parties::unit_id.asc()))
            .select((ticket_parties::ticket_id, ticket_parties::unit_id))
    )?)
}

/// How a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TicketSort {
    #[default]
    DueOn,
    DueOnDescending,
    UpdatedDescending,
    Reference,
    /// The oldest submission first; of those that were submitted.
    Submitted,
}

/// The key of the last row of a page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum TicketKey {
    Due(NaiveDate, TicketId),
    Updated(Instant, TicketId),
    Submitted(Instant, TicketId),
    Reference(String),
}

/// What a list of tickets is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default)]
pub struct TicketFilter {
    pub notices: Vec<NoticeId>,
    /// Lead or co.
    pub units: Vec<UnitId>,
    pub leads: Vec<UnitId>,
    pub cos: Vec<UnitId>,
    pub states: Vec<State>,
    pub balls: Vec<Ball>,
    pub lights: Vec<Light>,
    pub overdue: Option<bool>,
    pub unacknowledged: Option<bool>,
    pub pending: Vec<Pending>,
    /// Beside `pending`: a carried ticket of which a milestone is reported and not decided.
    pub milestone_reported: bool,
    pub due_from: Option<NaiveDate>,
    pub due_to: Option<NaiveDate>,
    pub look_back_to: Option<NaiveDate>,
    /// Were they ever submitted?
    pub submitted: bool,
    /// Submitted last before this.
    pub submitted_before: Option<Instant>,
    pub on_time: Option<bool>,
    /// Were they sent back?
    pub returned: Option<bool>,
    /// Did a look-back fail?
    pub failed_again: Option<bool>,
    pub severities: Vec<Severity>,
    pub assets: Vec<AssetId>,
    /// Those that repeat one of these.
    pub recurrences_of: Vec<TicketId>,
    /// Part of reference, title, text or handler.
    pub text: Option<String>,
}

/// The moments that turn "overdue" and "yellow" into comparisons.
#[derive(Debug, Clone, Copy)]
pub struct AsOf {
    pub now: Instant,
    pub first_green_on: NaiveDate,
}

type Boxed = tickets::BoxedQuery<'static, MultiBackend>;

fn filtered(filter: &TicketFilter, scope: &Scope, as_of: AsOf) -> Boxed {
    let mut query = visible_only(tickets::table.into_boxed(), scope);
    if !filter.notices.is_empty() {
        query = query.filter(tickets::notice_id.eq_any(filter.notices.clone()));
    }
    if !filter.units.is_empty() {
        query = query.filter(tickets::id.eq_any(party_of(filter.units.clone(), Part::ALL.to_vec())));
    }
    if !filter.leads.is_empty() {
        query = query.filter(tickets::unit_id.eq_any(filter.leads.clone()));
    }
    if !filter.cos.is_empty() {
        query = query.filter(tickets::id.eq_any(party_of(filter.cos.clone(), vec![Part::Co])));
    }
    if !filter.states.is_empty() {
        query = query.filter(tickets::state.eq_any(filter.states.clone()));
    }
    if filter.balls == [Ball::Unit] {
        // The same, and an index of its own.
        query = query.filter(tickets::unit_due_at.is_not_null());
    } else if !filter.balls.is_empty() {
        let states: Vec<State> =
            State::ALL.iter().copied().filter(|state| filter.balls.contains(&state.ball())).collect();
        query = query.filter(tickets::state.eq_any(states));
    }
    if let Some(any) = any_of(filter.lights.iter().map(|light| shines(*light, as_of))) {
        query = query.filter(any);
        // Said outside of the OR, SQLite sees that the index of the units' moves holds them all.
        if filter.lights.iter().all(|light| matches!(light, Light::Red | Light::Yellow | Light::Green)) {
            query = query.filter(tickets::unit_due_at.is_not_null());
        }
    }
    match filter.overdue {
        Some(true) => query = query.filter(shines(Light::Red, as_of)),
        Some(false) => {
            query =
                query.filter(tickets::unit_due_at.is_null().or(tickets::unit_due_at.assume_not_null().gt(as_of.now)));
        }
        None => {}
    }
    match filter.unacknowledged {
        Some(true) => query = query.filter(tickets::state.eq(State::Issued)),
        Some(false) => query = query.filter(tickets::state.ne(State::Issued)),
        None => {}
    }
    query = awaited(query, filter);
    query = answered(query, filter);
    if let Some(from) = filter.due_from {
        query = query.filter(tickets::due_on.ge(from));
    }
    if let Some(to) = filter.due_to {
        query = query.filter(tickets::due_on.le(to));
    }
    if let Some(to) = filter.look_back_to {
        query = query.filter(tickets::look_back_on.le(to));
    }
    if !filter.severities.is_empty() {
        query = query.filter(tickets::severity.eq_any(filter.severities.clone()));
    }
    if !filter.assets.is_empty() {
        let named = finding_assets::table
            .filter(finding_assets::asset_id.eq_any(filter.assets.clone()))
            .select(finding_assets::finding_id);
        query = query.filter(tickets::finding_id.eq_any(named));
    }
    if !filter.recurrences_of.is_empty() {
        query = query.filter(tickets::recurrence_of.eq_any(filter.recurrences_of.clone()));
    }
    if let Some(text) = &filter.text {
        let pattern = page::contains(text);
        let texts = findings::table.filter(findings::text.like(pattern.clone()).escape('\\')).select(findings::id);
        query = query.filter(
            tickets::reference
                .like(pattern.clone())
                .escape('\\')
                .or(tickets::title.like(pattern.clone()).escape('\\'))
                .or(tickets::finding_id.eq_any(texts)),
        );
    }
    query
}

/// What waits for somebody's decision beside the state.
fn awaited(query: Boxed, filter: &TicketFilter) -> Boxed {
    match (filter.pending.is_empty(), filter.milestone_reported) {
        (true, false) => query,
        (false, false) => {
            query.filter(tickets::pending.is_not_null()).filter(tickets::pending.eq_any(filter.pending.clone()))
        }
        (true, true) => query.filter(milestone_waits()),
        (false, true) => query.filter(asked(filter.pending.clone()).or(milestone_waits())),
    }
}

/// How, and when, the unit answered.
fn answered(mut query: Boxed, filter: &TicketFilter) -> Boxed {
    if filter.submitted {
        query = query.filter(tickets::submitted_at.is_not_null());
    }
    if let Some(at) = filter.submitted_before {
        query = query.filter(tickets::submitted_at.lt(at));
    }
    if let Some(on_time) = filter.on_time {
        query = query.filter(tickets::on_time.eq(on_time));
    }
    match filter.returned {
        Some(true) => query = query.filter(tickets::cycle.gt(1)),
        Some(false) => query = query.filter(tickets::cycle.le(1)),
        None => {}
    }
    match filter.failed_again {
        Some(true) => query.filter(tickets::failed_again.gt(0)),
        Some(false) => query.filter(tickets::failed_again.le(0)),
        None => query,
    }
}

/// A request of one of these kinds waits.
fn asked(pending: Vec<Pending>) -> Condition {
    let named = pending.into_iter().map(|kind| -> Condition {
        Box::new(tickets::pending.is_not_null().and(tickets::pending.assume_not_null().eq(kind)))
    });
    any_of(named).unwrap_or_else(|| Box::new(tickets::id.ne(tickets::id)))
}

/// The unit of a carried ticket has reported a milestone, and nobody has decided on it.
fn milestone_waits() -> Condition {
    Box::new(tickets::state.eq(State::Carried).and(tickets::id.eq_any(reported())))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn reported() -> _ {
    milestones::table
        .filter(milestones::reported_at.is_not_null())
        .filter(milestones::reached_at.is_null())
        .select(milestones::ticket_id)
}

/// The definition of `domain::standing`, as a condition on the row.
fn shines(light: Light, as_of: AsOf) -> Condition {
    let late = tickets::unit_due_at.assume_not_null().le(as_of.now);
    let ahead = tickets::unit_due_at.assume_not_null().gt(as_of.now);
    let with_unit = tickets::unit_due_at.is_not_null();
    match light {
        Light::Red => Box::new(with_unit.and(late)),
        Light::Yellow => Box::new(with_unit.and(ahead).and(tickets::due_on.lt(as_of.first_green_on))),
        Light::Green => Box::new(with_unit.and(ahead).and(tickets::due_on.ge(as_of.first_green_on))),
        Light::Blue => Box::new(tickets::state.eq_any(vec![State::Submitted, State::Accepted])),
        Light::Grey => Box::new(tickets::state.eq_any(vec![State::Closed, State::Cancelled])),
    }
}

fn any_of(conditions: impl Iterator<Item = Condition>) -> Option<Condition> {
    conditions.fold(None, |held, next| match held {
        None => Some(next),
        Some(held) => Some(Box::new(held.or(next))),
    })
}

pub fn list(
    conn: &mut Conn,
    filter: &TicketFilter,
    scope: &Scope,
    as_of: AsOf,
    sort: TicketSort,
    after: Option<TicketKey>,
    limit: i64,
) -> StoreResult<Vec<TicketRow>> {
    let mut query = filtered(filter, scope, as_of).select(TicketRow::as_select());
    query = match after {
        None => query,
        Some(TicketKey::Due(on, id)) => {
            let than = if sort == TicketSort::DueOnDescending { "<" } else { ">" };
            query.filter(
                sql::<Bool>(&format!("(tickets.due_on, tickets.id) {than} ("))
                    .bind::<Date, _>(on)
                    .sql(", ")
                    .bind::<Uid, _>(id)
                    .sql(")"),
            )
        }
        Some(TicketKey::Updated(at, id)) => query.filter(
            sql::<Bool>("(tickets.updated_at, tickets.id) < (")
                .bind::<Moment, _>(at)
                .sql(", ")
                .bind::<Uid, _>(id)
                .sql(")"),
        ),
        Some(TicketKey::Submitted(at, id)) => query.filter(
            sql::<Bool>("(tickets.submitted_at, tickets.id) > (")
                .bind::<Moment, _>(at)
                .sql(", ")
                .bind::<Uid, _>(id)
                .sql(")"),
        ),
        Some(TicketKey::Reference(reference)) => {
            query.filter(sql::<Bool>("tickets.reference > ").bind::<Text, _>(reference))
        }
    };
    let query = match sort {
        TicketSort::DueOn => query.order((tickets::due_on.asc(), tickets::id.asc())),
        TicketSort::DueOnDescending => query.order((tickets::due_on.desc(), tickets::id.desc())),
        TicketSort::UpdatedDescending => query.order((tickets::updated_at.desc(), tickets::id.desc())),
        TicketSort::Reference => query.order(tickets::reference.asc()),
        // Said with it, both databases see that the index of submissions holds them all.
        TicketSort::Submitted => {
            query.filter(tickets::submitted_at.is_not_null()).order((tickets::submitted_at.asc(), tickets::id.asc()))
        }
    };
    Ok(query.limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, filter: &TicketFilter, scope: &Scope, as_of: AsOf) -> StoreResult<i64> {
    Ok(filtered(filter, scope, as_of).count().get_result(conn)?)
}

/// Open and overdue tickets and the oldest due date of each lead unit.
pub fn by_unit(conn: &mut Conn, scope: &Scope, now: Instant) -> StoreResult<Vec<UnitLoad>> {
    use diesel::dsl::{count_star, min};
    let open =
        vec![State::Issued, State::InProgress, State::Submitted, State::Returned, State::Accepted, State::Carried];
    let mut opened = tickets::table
        .group_by(tickets::unit_id)
        .select((tickets::unit_id, count_star(), min(tickets::due_on)))
        .filter(tickets::state.eq_any(open))
        .into_boxed();
    let mut late = tickets::table
        .group_by(tickets::unit_id)
        .select((tickets::unit_id, count_star()))
        .filter(tickets::unit_due_at.is_not_null())
        .filter(tickets::unit_due_at.assume_not_null().le(now))
        .into_boxed();
    if let Some(condition) = visible(scope) {
        opened = opened.filter(condition);
    }
    if let Some(condition) = visible(scope) {
        late = late.filter(condition);
    }
    let opened: Vec<(UnitId, i64, Option<NaiveDate>)> = opened.load(conn)?;
    let late: HashMap<UnitId, i64> = late.load::<(UnitId, i64)>(conn)?.into_iter().collect();
    Ok(opened
        .into_iter()
        .map(|(unit_id, open, oldest_due_on)| UnitLoad {
            unit_id,
            open,
            overdue: late.get(&unit_id).copied().unwrap_or(0),
            oldest_due_on,
        })
        .collect())
}

/// What lies with one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitLoad {
    pub unit_id: UnitId,
    pub open: i64,
    pub overdue: i64,
    pub oldest_due_on: Option<NaiveDate>,
}

pub fn by_state(conn: &mut Conn, scope: &Scope) -> StoreResult<Vec<(State, i64)>> {
    let mut query =
        tickets::table.group_by(tickets::state).select((tickets::state, diesel::dsl::count_star())).into_boxed();
    if let Some(condition) = visible(scope) {
        query = query.filter(condition);
    }
    Ok(query.load(conn)?)
}

/// Tickets whose reminders are due, in pages; locked, and those another planner holds are passed over.
pub fn due_for_reminders(conn: &mut Conn, now: Instant, limit: i64) -> StoreResult<Vec<TicketRow>> {
    Ok(locked!(conn, load passing_over: tickets::table
        .filter(tickets::next_reminder_at.is_not_null())
        .filter(tickets::next_reminder_at.le(now))
        .order((tickets::next_reminder_at.asc(), tickets::id.asc()))
        .limit(limit)
        .select(TicketRow::as_select()))?)
}

/// Tickets of which somebody is to be reminded until then, the next first, after one of those; nothing is locked.
pub fn to_remind(
    conn: &mut Conn,
    until: Instant,
    after: Option<(Instant, TicketId)>,
    limit: i64,
) -> StoreResult<Vec<TicketRow>> {
    let mut query = tickets::table
        .filter(tickets::next_reminder_at.is_not_null())
        .filter(tickets::next_reminder_at.le(until))
        .select(TicketRow::as_select())
        .into_boxed();
    if let Some((at, id)) = after {
        query = query.filter(
            sql::<Bool>("(tickets.next_reminder_at, tickets.id) > (")
                .bind::<Moment, _>(at)
                .sql(", ")
                .bind::<Uid, _>(id)
                .sql(")"),
        );
    }
    Ok(query.order((tickets::next_reminder_at.asc(), tickets::id.asc())).limit(limit).load(conn)?)
}

pub fn is_reminder_due(conn: &mut Conn, now: Instant) -> StoreResult<bool> {
    let due = tickets::table
        .filter(tickets::next_reminder_at.is_not_null())
        .filter(tickets::next_reminder_at.le(now))
        .select(tickets::id);
    Ok(diesel::select(diesel::dsl::exists(due)).get_result(conn)?)
}

/// The engine's own marks; no event, no new version.
pub fn set_reminder_marks(
    conn: &mut Conn,
    id: TicketId,
    next: Option<Instant>,
    last: Option<ReminderId>,
) -> StoreResult<()> {
    let target = tickets::table.filter(tickets::id.eq(id));
    match last {
        Some(last) => {
            let marks = (tickets::next_reminder_at.eq(next), tickets::last_reminder_id.eq(last));
            native!(conn, c => Kept(diesel::update(target).set(marks)).execute(c))?
        }
        None => native!(conn, c => Kept(diesel::update(target).set(tickets::next_reminder_at.eq(next))).execute(c))?,
    };
    Ok(())
}

/// Tickets in these states, in pages by id; for a look at what would become of them.
pub fn in_states(
    conn: &mut Conn,
    states: &[State],
    after: Option<TicketId>,
    limit: i64,
) -> StoreResult<Vec<TicketRow>> {
    let mut query = tickets::table.filter(tickets::state.eq_any(states.to_vec())).into_boxed();
    if let Some(id) = after {
        query = query.filter(tickets::id.gt(id));
    }
    Ok(query.order(tickets::id.asc()).limit(limit).select(TicketRow::as_select()).load(conn)?)
}

/// Open tickets of which a change of the calendar from `first` on may move or confirm a date, in pages by id.
pub fn counted_by_calendar(
    conn: &mut Conn,
    first: NaiveDate,
    after: Option<TicketId>,
    limit: i64,
) -> StoreResult<Vec<TicketRow>> {
    use crate::store::schema::due_periods;
    let not_answered = vec![State::Issued, State::InProgress, State::Submitted, State::Returned, State::Carried];
    let counted = due_periods::table.filter(due_periods::due_on.ge(first)).select(due_periods::ticket_id);
    let due = tickets::state.eq_any(not_answered).and(tickets::provisional.or(tickets::id.eq_any(counted)));
    let look_back = tickets::state
        .eq(State::Accepted)
        .and(tickets::look_back_on.is_not_null())
        .and(tickets::look_back_on.assume_not_null().ge(first));
    let mut query = tickets::table.filter(due.or(look_back)).into_boxed();
    if let Some(id) = after {
        query = query.filter(tickets::id.gt(id));
    }
    Ok(query.order(tickets::id.asc()).limit(limit).select(TicketRow::as_select()).load(conn)?)
}

/// Tickets of a notice that are neither closed nor cancelled.
pub fn open_of_notice(conn: &mut Conn, notice: NoticeId) -> StoreResult<i64> {
    Ok(tickets::table
        .filter(tickets::notice_id.eq(notice))
        .filter(tickets::state.ne_all(vec![State::Closed, State::Cancelled]))
        .count()
        .get_result(conn)?)
}

/// How many tickets in sight each of these notices has; a notice without any is left out.
pub fn by_notice(conn: &mut Conn, ids: &[NoticeId], scope: &Scope) -> StoreResult<Vec<(NoticeId, i64)>> {
    let mut query = tickets::table
        .group_by(tickets::notice_id)
        .select((tickets::notice_id, diesel::dsl::count_star()))
        .filter(tickets::notice_id.eq_any(ids.to_vec()))
        .into_boxed();
    if let Some(condition) = visible(scope) {
        query = query.filter(condition);
    }
    Ok(query.load(conn)?)
}

/// The findings of a notice that became tickets in sight.
pub fn findings_in_sight(conn: &mut Conn, notice: NoticeId, scope: &Scope) -> StoreResult<Vec<FindingId>> {
    Ok(visible_only(tickets::table.into_boxed(), scope)
        .filter(tickets::notice_id.eq(notice))
        .select(tickets::finding_id)
        .distinct()
        .load(conn)?)
}

/// A finding's ticket, in short.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct OfFinding {
    pub finding_id: FindingId,
    pub id: TicketId,
    pub unit_id: UnitId,
    pub reference: String,
    pub state: State,
}

/// The tickets of findings, the oldest first.
pub fn of_findings(conn: &mut Conn, ids: &[FindingId]) -> StoreResult<Vec<OfFinding>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(tickets::table
        .filter(tickets::finding_id.eq_any(ids.to_vec()))
        .order(tickets::id.asc())
        .select((tickets::finding_id, tickets::id, tickets::unit_id, tickets::reference, tickets::state))
        .load(conn)?)
}

/// The references of the tickets in sight that repeat this one, the oldest first.
pub fn recurrences_of(conn: &mut Conn, id: TicketId, scope: &Scope) -> StoreResult<Vec<(TicketId, String)>> {
    Ok(visible_only(tickets::table.into_boxed(), scope)
        .filter(tickets::recurrence_of.eq(id))
        .order(tickets::id.asc())
        .select((tickets::id, tickets::reference))
        .load(conn)?)
}

/// Which of these are in sight.
pub fn in_sight(conn: &mut Conn, ids: &[TicketId], scope: &Scope) -> StoreResult<Vec<TicketId>> {
    if ids.is_empty() || *scope == Scope::All {
        return Ok(ids.to_vec());
    }
    let these = tickets::table.into_boxed().filter(tickets::id.eq_any(ids.to_vec()));
    Ok(visible_only(these, scope).select(tickets::id).load(conn)?)
}

/// A ticket whose version is not the number of its last event, with the number that is missing or too much.
pub fn first_with_other_version(conn: &mut Conn) -> StoreResult<Option<(TicketId, i64)>> {
    use crate::store::events;
    let mut after = None;
    loop {
        let mut query = tickets::table.select((tickets::id, tickets::version)).into_boxed();
        if let Some(id) = after {
            query = query.filter(tickets::id.gt(id));
        }
        let rows: Vec<(TicketId, i64)> = query.order(tickets::id.asc()).limit(1_000).load(conn)?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        after = Some(*last);
        let streams: Vec<String> = rows.iter().map(|(id, _)| format!("ticket:{id}")).collect();
        let heads = events::head_numbers(conn, &streams)?;
        let other = rows.iter().zip(&streams).find(|((_, version), stream)| heads.get(*stream) != Some(version));
        if let Some(((id, version), stream)) = other {
            let seen = heads.get(stream).copied().unwrap_or(0);
            return Ok(Some((*id, seen.min(*version) + 1)));
        }
    }
}

/// What a ticket's row names.
#[derive(Debug, Clone, Queryable)]
pub struct Named {
    pub ticket_id: TicketId,
    pub notice_code: String,
    pub finding_code: String,
    pub text: String,
    pub indicator: Option<String>,
    pub unit_code: String,
    pub unit_name: String,
    pub unit_name_en: String,
}

pub fn named(conn: &mut Conn, ids: &[TicketId]) -> StoreResult<Vec<Named>> {
    let joined = tickets::table
        .inner_join(notices::table.on(notices::id.eq(tickets::notice_id)))
        .inner_join(findings::table.on(findings::id.eq(tickets::finding_id)))
        .inner_join(units::table.on(units::id.eq(tickets::unit_id)));
    Ok(load_of!(
        conn,
        tickets::id => ids,
        joined.select((
            tickets::id,
            notices::code,
            findings::code,
            findings::text,
            findings::indicator,
            units::code,
            units::name,
            units::name_en,
        ))
    )?)
}
