//! Letters of written feedback (书面反馈) and their items, one version each.

use crate::domain::actor::Scope;
use crate::domain::id::{FeedbackId, FeedbackItemId, NoticeId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::vocabulary::WorkResult;
use crate::store::schema::{feedback, feedback_items};
use crate::store::{Conn, MultiBackend, StoreResult, native};
use chrono::NaiveDate;
use diesel::prelude::*;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = feedback, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct FeedbackRow {
    pub id: FeedbackId,
    pub notice_id: NoticeId,
    pub unit_id: UnitId,
    pub letter_no: Option<String>,
    pub signatory: String,
    pub author_id: Option<UserId>,
    /// A paper letter that a coordinator registered.
    pub registered: bool,
    pub received_on: Option<NaiveDate>,
    pub submitted_at: Instant,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = feedback_items, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
pub struct FeedbackItemRow {
    pub id: FeedbackItemId,
    pub feedback_id: FeedbackId,
    pub ticket_id: TicketId,
    pub cycle: i32,
    pub cause: String,
    pub measures: String,
    pub result: WorkResult,
    pub completed_on: Option<NaiveDate>,
    /// `accepted` or `returned` once reviewed; never changed after that.
    pub decision: Option<String>,
    pub reason: Option<String>,
    pub decided_at: Option<Instant>,
    pub decided_by: Option<UserId>,
}

pub fn insert(conn: &mut Conn, row: &FeedbackRow, items: &[FeedbackItemRow]) -> StoreResult<()> {
    diesel::insert_into(feedback::table).values(row).execute(conn)?;
    native!(conn, c => diesel::insert_into(feedback_items::table).values(items).execute(c))?;
    Ok(())
}

/// Writes the verdict on a ticket's item of this cycle; `false` when there is one already.
pub fn decide(
    conn: &mut Conn,
    ticket: TicketId,
    cycle: i32,
    (decision, reason): (&str, &str),
    by: Option<UserId>,
    now: Instant,
) -> StoreResult<bool> {
    let open = feedback_items::table
        .filter(feedback_items::ticket_id.eq(ticket))
        .filter(feedback_items::cycle.eq(cycle))
        .filter(feedback_items::decision.is_null());
    let changed = diesel::update(open)
        .set((
            feedback_items::decision.eq(decision),
            feedback_items::reason.eq(reason),
            feedback_items::decided_at.eq(now),
            feedback_items::decided_by.eq(by),
        ))
        .execute(conn)?;
    Ok(changed == 1)
}

pub fn find(conn: &mut Conn, id: FeedbackId, scope: &Scope) -> StoreResult<Option<FeedbackRow>> {
    Ok(visible(scope).filter(feedback::id.eq(id)).select(FeedbackRow::as_select()).first(conn).optional()?)
}

/// Newest first, before `before`.
pub fn list(
    conn: &mut Conn,
    notice: Option<NoticeId>,
    units: &[UnitId],
    scope: &Scope,
    before: Option<FeedbackId>,
    limit: i64,
) -> StoreResult<Vec<FeedbackRow>> {
    let mut query = narrowed(notice, units, scope).select(FeedbackRow::as_select());
    if let Some(id) = before {
        query = query.filter(feedback::id.lt(id));
    }
    Ok(query.order(feedback::id.desc()).limit(limit).load(conn)?)
}

pub fn count(conn: &mut Conn, notice: Option<NoticeId>, units: &[UnitId], scope: &Scope) -> StoreResult<i64> {
    Ok(narrowed(notice, units, scope).count().get_result(conn)?)
}

pub fn items_of(conn: &mut Conn, ids: &[FeedbackId]) -> StoreResult<Vec<FeedbackItemRow>> {
    Ok(feedback_items::table
        .filter(feedback_items::feedback_id.eq_any(ids.to_vec()))
        .order(feedback_items::id.asc())
        .select(FeedbackItemRow::as_select())
        .load(conn)?)
}

pub fn items_of_ticket(conn: &mut Conn, ticket: TicketId) -> StoreResult<Vec<FeedbackItemRow>> {
    Ok(feedback_items::table
        .filter(feedback_items::ticket_id.eq(ticket))
        .order(feedback_items::cycle.asc())
        .select(FeedbackItemRow::as_select())
        .load(conn)?)
}

type Boxed = feedback::BoxedQuery<'static, MultiBackend>;

fn visible(scope: &Scope) -> Boxed {
    let query = feedback::table.into_boxed();
    match scope {
        Scope::All => query,
        Scope::Units(units) => query.filter(feedback::unit_id.eq_any(units.clone())),
    }
}

fn narrowed(notice: Option<NoticeId>, units: &[UnitId], scope: &Scope) -> Boxed {
    let mut query = visible(scope);
    if let Some(notice) = notice {
        query = query.filter(feedback::notice_id.eq(notice));
    }
    if !units.is_empty() {
        query = query.filter(feedback::unit_id.eq_any(units.to_vec()));
    }
    query
}
