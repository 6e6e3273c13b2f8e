//! Milestones (阶段目标) of carried tickets. A list is written anew as a whole: it is short, and seldom changes.

use crate::domain::id::{MilestoneId, TicketId};
use crate::domain::instant::Instant;
use crate::domain::ticket::Milestone;
use crate::store::schema::milestones;
use crate::store::{Conn, MultiBackend, StoreResult, load_of, native};
use chrono::NaiveDate;
use diesel::prelude::*;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = milestones, check_for_backend(MultiBackend), treat_none_as_default_value = false)]
struct MilestoneRow {
    id: MilestoneId,
    ticket_id: TicketId,
    position: i32,
    reach_on: NaiveDate,
    text: String,
    reported_at: Option<Instant>,
    reached_at: Option<Instant>,
}

/// The milestones of these tickets, each ticket's in their order.
pub fn of_tickets(conn: &mut Conn, ids: &[TicketId]) -> StoreResult<Vec<(TicketId, Milestone)>> {
    let rows: Vec<MilestoneRow> = load_of!(
        conn,
        milestones::ticket_id => ids,
        milestones::table
            .order((milestones::ticket_id.asc(), milestones::position.asc()))
            .select(MilestoneRow::as_select())
    )?;
    Ok(rows.into_iter().map(|row| (row.ticket_id, row.milestone())).collect())
}

/// These and no others are the ticket's from now on.
pub fn replace(conn: &mut Conn, ticket: TicketId, list: &[Milestone]) -> StoreResult<()> {
    diesel::delete(milestones::table.filter(milestones::ticket_id.eq(ticket))).execute(conn)?;
    let rows: Vec<MilestoneRow> =
        list.iter().zip(1..).map(|(milestone, position)| MilestoneRow::new(ticket, position, milestone)).collect();
    native!(conn, c => diesel::insert_into(milestones::table).values(&rows).execute(c))?;
    Ok(())
}

impl MilestoneRow {
    fn new(ticket_id: TicketId, position: i32, milestone: &Milestone) -> Self {
        Self {
            id: milestone.id,
            ticket_id,
            position,
            reach_on: milestone.on,
            text: milestone.text.clone(),
            reported_at: milestone.reported_at,
            reached_at: milestone.reached_at,
        }
    }

    fn milestone(self) -> Milestone {
        Milestone {
            id: self.id,
            on: self.reach_on,
            text: self.text,
            reported_at: self.reported_at,
            reached_at: self.reached_at,
        }
    }
}
