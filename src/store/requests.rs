//! Requests for an extension and objections. They have no table: a request is the event that asks, and its end is a
//! later event of the same timeline.

use crate::domain::audit::Stream;
use crate::domain::id::{EventId, TicketId};
use crate::domain::ticket::{RequestOutcome, ending};
use crate::domain::vocabulary::Pending;
use crate::store::events::{self, EventRow};
use crate::store::{Conn, StoreResult};
use serde_json::Value;

/// An event of a request's life, with what it says.
#[derive(Debug, Clone)]
pub struct Said {
    pub event: EventRow,
    /// Null once a departed person's data was removed.
    pub payload: Value,
}

/// What was asked for a ticket.
#[derive(Debug, Clone)]
pub struct RequestRow {
    pub ticket_id: TicketId,
    pub kind: Pending,
    pub asked: Said,
}

/// The request of this kind with that id.
pub fn find(conn: &mut Conn, id: EventId, kind: Pending) -> StoreResult<Option<RequestRow>> {
    let act = asking(kind);
    let Some(event) = events::find_by_id(conn, id)?.filter(|event| event.act == act) else { return Ok(None) };
    let ticket = event.stream.strip_prefix("ticket:").and_then(|id| id.parse().ok());
    Ok(ticket.map(|ticket_id| RequestRow { ticket_id, kind, asked: Said::of(event) }))
}

/// How and by which event a request ended; `None` where it waits, or where the record doesn't say.
pub fn find_ending(conn: &mut Conn, request: &RequestRow) -> StoreResult<Option<(RequestOutcome, Said)>> {
    let stream = Stream::Ticket(request.ticket_id).to_string();
    events::find_after(conn, &stream, request.asked.event.seq, |event| {
        let said = Said::of(event);
        ending(request.kind, &said.event.act, &said.payload).map(|outcome| (outcome, said))
    })
}

/// Is it the ticket's newest request of its kind?
pub fn is_newest(conn: &mut Conn, request: &RequestRow) -> StoreResult<bool> {
    let stream = Stream::Ticket(request.ticket_id).to_string();
    Ok(events::last_of_act(conn, &stream, asking(request.kind))? == Some(request.asked.event.seq))
}

/// The event that asks.
const fn asking(kind: Pending) -> &'static str {
    match kind {
        Pending::Extension => "ticket.extension_requested",
        Pending::Objection => "ticket.objected",
    }
}

impl Said {
    fn of(event: EventRow) -> Self {
        let payload = event.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
        Self { payload: payload.unwrap_or(Value::Null), event }
    }
}
