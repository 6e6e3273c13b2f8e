//! What is watched: a ticket, a notice or the office, as the rules know it, and the units that have to do with it. For the
//! engine and its rehearsal.

use crate::domain::id::{SubjectId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::reminder::{Facts, Subject};
use crate::domain::vocabulary::NoticeState;
use crate::store::notices::NoticeRow;
use crate::store::recipients::{Parties, unanswered};
use crate::store::tickets::{self, TicketRow};
use crate::store::{Conn, StoreResult};
use chrono_tz::Tz;
use std::collections::HashMap;

/// One subject of reminders.
#[derive(Debug, Clone)]
pub struct Watched {
    pub kind: Subject,
    pub id: SubjectId,
    pub facts: Facts,
    pub parties: Parties,
}

pub fn of_tickets(conn: &mut Conn, rows: &[TicketRow], (zone, first_tick): (Tz, Instant)) -> StoreResult<Vec<Watched>> {
    let ids: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
    let mut co_units: HashMap<TicketId, Vec<UnitId>> = HashMap::new();
    for (ticket, unit) in tickets::co_units_of(conn, &ids)? {
        co_units.entry(ticket).or_default().push(unit);
    }
    let watched = rows.iter().map(|row| {
        let ticket = row.ticket(co_units.remove(&row.id).unwrap_or_default());
        Watched {
            kind: Subject::Ticket,
            id: row.id.into(),
            facts: Facts::of_ticket(&ticket, zone, first_tick),
            parties: Parties { lead: Some(ticket.unit_id), co: ticket.co_unit_ids, ..Parties::default() },
        }
    });
    Ok(watched.collect())
}

/// An issued notice; one in another state has no steps.
pub fn of_notice(conn: &mut Conn, row: &NoticeRow, (zone, first_tick): (Tz, Instant)) -> StoreResult<Watched> {
    let open: Vec<UnitId> = unanswered(conn, row.id)?.into_iter().map(|(unit, _)| unit).collect();
    let issued_at = row.issued_at.filter(|_| row.state == NoticeState::Issued);
    let facts = issued_at.map_or_else(
        || Facts::new(Subject::Notice, first_tick),
        |at| Facts::of_notice(at, row.due_on.filter(|_| !open.is_empty()), zone, first_tick),
    );
    let parties = Parties { unanswered: open, ..Parties::default() };
    Ok(Watched { kind: Subject::Notice, id: row.id.into(), facts, parties })
}

#[must_use]
pub fn of_office((zone, first_tick): (Tz, Instant)) -> Watched {
    Watched {
        kind: Subject::Office,
        id: SubjectId::OFFICE,
        facts: Facts::of_office(zone, first_tick),
        parties: Parties::default(),
    }
}
