//! Due dates that were given in working days: from which day how many. What is given as a date has no row here.

use crate::domain::id::TicketId;
use crate::store::schema::due_periods;
use crate::store::tickets::TicketRow;
use crate::store::{Both, Conn, MultiBackend, StoreResult};
use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::upsert::excluded;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = due_periods, check_for_backend(MultiBackend))]
pub struct PeriodRow {
    pub ticket_id: TicketId,
    /// The version of the due date that it makes; one ahead of the ticket's while it is only asked for.
    pub due_version: i32,
    pub due_on: NaiveDate,
    pub counted_from: NaiveDate,
    pub working_days: i32,
}

impl PeriodRow {
    /// Does the ticket's due date in force come from it?
    #[must_use]
    pub fn speaks_of(&self, ticket: &TicketRow) -> bool {
        self.due_version == ticket.due_version && self.due_on == ticket.due_on
    }

    /// Was it asked for as the due date after the one in force?
    #[must_use]
    pub fn is_asked_of(&self, ticket: &TicketRow) -> bool {
        self.due_version == ticket.due_version + 1 && self.counted_from == ticket.due_on
    }
}

pub fn set(conn: &mut Conn, row: &PeriodRow) -> StoreResult<()> {
    Both(
        diesel::insert_into(due_periods::table)
            .values(*row)
            .on_conflict((due_periods::ticket_id, due_periods::due_version))
            .do_update()
            .set((
                due_periods::due_on.eq(excluded(due_periods::due_on)),
                due_periods::counted_from.eq(excluded(due_periods::counted_from)),
                due_periods::working_days.eq(excluded(due_periods::working_days)),
            )),
    )
    .execute(conn)?;
    Ok(())
}

pub fn of(conn: &mut Conn, tickets: &[TicketId]) -> StoreResult<Vec<PeriodRow>> {
    Ok(due_periods::table
        .filter(due_periods::ticket_id.eq_any(tickets.to_vec()))
        .select(PeriodRow::as_select())
        .load(conn)?)
}

pub fn clear(conn: &mut Conn, ticket: TicketId, due_version: i32) -> StoreResult<()> {
    let row = due_periods::table.filter(due_periods::ticket_id.eq(ticket));
    diesel::delete(row.filter(due_periods::due_version.eq(due_version))).execute(conn)?;
    Ok(())
}
