//! What a unit asks for and the office decides: objections (异议) and extensions (延期). A request is the timeline's
//! own line, so its id is that event's id.

use crate::actions::calendars;
use crate::actions::record::check_version;
use crate::actions::tickets::{Held, act, hold, may, next_lead, open};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, TEXT};
use crate::domain::id::{EventId, TicketId, UnitId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::ticket::{Act, Command, RequestOutcome, entitled, permit};
use crate::domain::vocabulary::Pending;
use crate::domain::words::Lang;
use crate::store::events;
use crate::store::requests::{self, RequestRow};
use crate::transaction::{Outcome, Read, Tx};
use chrono::NaiveDate;
use serde_json::Value;

/// The longest extension in working days.
const WORKING_DAYS_MAX: u16 = 400;

/// A request for a later date: either the date or working days from the current due date.
#[derive(Debug, Clone, Default)]
pub struct NewExtension {
    pub to: Option<NaiveDate>,
    pub working_days: Option<i64>,
    pub reason: String,
    /// What has been done so far.
    pub progress: String,
}

/// A request that was made, and its ticket.
#[derive(Debug, Clone, Copy)]
pub struct Requested {
    pub id: EventId,
    pub ticket_id: TicketId,
}

pub fn ask_extension(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    asked: &NewExtension,
) -> Outcome<Requested> {
    let held = open(tx, actor, key, version, Act::AskExtension)?;
    let mut check = Check::new();
    let reason = check.text("/reason", &asked.reason, TEXT);
    let progress = check.text("/progress", &asked.progress, TEXT);
    let to = match (asked.to, asked.working_days) {
        (Some(to), None) => Some(to),
        (None, Some(days)) => {
            check.between("/working_days", days, 1, WORKING_DAYS_MAX.into());
            u16::try_from(days).ok().map(|days| tx.office.after_working_days(held.row.due_on, days))
        }
        (None, None) => {
            check.fault(Fault::at("/to", Code::FieldRequired));
            None
        }
        (Some(_), Some(_)) => {
            let why = Arg::both("to 和 working_days 只能填一个", "Give either to or working_days");
            check.fault(Fault::at("/working_days", Code::FieldNotAllowed).with("reason", why));
            None
        }
    };
    let to = check.done(to)?.ok_or_else(|| Refusal::field(Fault::at("/to", Code::FieldRequired)))?;
    let ticket_id = act(tx, actor, &held, Command::AskExtension { to, reason, progress })?;
    match asked.working_days {
        Some(days) => calendars::ask_in_working_days(tx, &held.row, days)?,
        None => calendars::settle_request(tx, &held.row, None)?,
    }
    last_event(tx, ticket_id)
}

pub fn object(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    (reason, proposed): (&str, &str),
) -> Outcome<Requested> {
    let held = open(tx, actor, key, version, Act::Object)?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, TEXT);
    let proposed = next_lead(tx, proposed, "/proposed_unit_id", &mut check)?;
    let reason = check.done(reason)?;
    let Some(proposed) = proposed else { return Err(Refusal::missing().into()) };
    let ticket_id = act(tx, actor, &held, Command::Object { reason, proposed })?;
    last_event(tx, ticket_id)
}

/// Decides a pending request for extension; without `to` an approval grants what was asked.
pub fn decide_extension(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: &str,
    version: Option<i64>,
    (approve, to, reason): (bool, Option<NaiveDate>, &str),
) -> Outcome<TicketId> {
    let (request, held) = open_request(tx, actor, id, version, (Pending::Extension, Act::DecideExtension))?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, TEXT);
    if !approve && to.is_some() {
        let why = Arg::both("只有同意时才填写日期", "Only an approval has a date");
        check.fault(Fault::at("/to", Code::FieldNotAllowed).with("reason", why));
    }
    let reason = check.done(reason)?;
    let asked = request.asked.payload.get("to").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let counted = calendars::asked_in_working_days(tx, &held.row)?;
    let asked = counted.or(asked);
    let to = if approve { to.or(asked) } else { None };
    let granted = counted.filter(|counted| to == Some(*counted));
    let ticket_id = act(tx, actor, &held, Command::DecideExtension { reason, to })?;
    calendars::settle_request(tx, &held.row, granted)?;
    Ok(ticket_id)
}

/// Decides a pending objection; upheld, the ticket goes to `unit`, or else to the unit that was proposed.
pub fn decide_objection(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: &str,
    version: Option<i64>,
    (uphold, unit, reason): (bool, Option<&str>, &str),
) -> Outcome<TicketId> {
    let (request, held) = open_request(tx, actor, id, version, (Pending::Objection, Act::DecideObjection))?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, TEXT);
    let chosen = match unit {
        Some(key) => next_lead(tx, key, "/unit_id", &mut check)?,
        None => {
            request.asked.payload.get("proposed_unit_id").and_then(Value::as_str).and_then(|text| text.parse().ok())
        }
    };
    if !uphold && unit.is_some() {
        let why = Arg::both("只有支持异议时才填写单位", "Only an upheld objection has a unit");
        check.fault(Fault::at("/unit_id", Code::FieldNotAllowed).with("reason", why));
    }
    let reason = check.done(reason)?;
    let unit: Option<UnitId> = if uphold { chosen } else { None };
    act(tx, actor, &held, Command::DecideObjection { reason, unit })
}

/// Locks the request's ticket for its decision. Whoever may not decide is told that first, then that it has ended.
fn open_request(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: &str,
    version: Option<i64>,
    (kind, decision): (Pending, Act),
) -> Outcome<(RequestRow, Held)> {
    let id: EventId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
    let request = requests::find(tx.conn, id, kind)?.ok_or_else(Refusal::missing)?;
    let held = hold(tx, actor, &request.ticket_id.to_string())?;
    check_version(version, held.row.version)?;
    entitled(&held.ticket, actor, decision)?;
    still_asked(tx, &request)?;
    permit(&held.ticket, actor, decision, &tx.office, tx.now)?;
    Ok((request, held))
}

/// Is the request's ticket in sight, and its decision this actor's? `open_request` without a change in mind.
///
/// # Errors
/// The refusal that `open_request` would answer.
pub fn may_decide(read: &mut Read<'_>, actor: &Actor, id: &str, (kind, decision): (Pending, Act)) -> Outcome<()> {
    let id: EventId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
    let request = requests::find(read.conn, id, kind)?.ok_or_else(Refusal::missing)?;
    may(read, actor, &request.ticket_id.to_string(), decision)
}

/// Refuses a request that was decided or has lapsed.
fn still_asked(tx: &mut Tx<'_>, request: &RequestRow) -> Outcome<()> {
    match requests::find_ending(tx.conn, request)? {
        Some((RequestOutcome::Lapsed, _)) => {
            let words = Arg::both(request.kind.name(Lang::Zh), request.kind.name(Lang::En));
            Err(Refusal::new(Code::RequestLapsed).with("request", words).into())
        }
        Some((RequestOutcome::Approved | RequestOutcome::Rejected, _)) => {
            Err(Refusal::new(Code::TicketNothingPending).into())
        }
        None if requests::is_newest(tx.conn, request)? => Ok(()),
        None => Err(Refusal::new(Code::TicketNothingPending).into()),
    }
}

fn last_event(tx: &mut Tx<'_>, ticket_id: TicketId) -> Outcome<Requested> {
    let id = events::last_id(tx.conn, &Stream::Ticket(ticket_id).to_string())?.ok_or_else(Refusal::missing)?;
    Ok(Requested { id, ticket_id })
}
