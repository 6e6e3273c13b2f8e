//! Handing over (移交): one act gives a person's open items to another, so that the first can be disabled.
//!
//! A person's items are the open tickets of their unit that name them as handler, the roles by which they are told and
//! act, and the absences for which they are somebody's deputy. Mails follow at once: the successor is named as deputy
//! without an end, which the planner and the courier go by, also for what is queued already.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, TEXT};
use crate::domain::id::{TicketId, UserId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::Role;
use crate::store::tickets::{self, TicketRow};
use crate::store::users::{self, UserRow};
use crate::transaction::{Outcome, Tx};
use serde_json::json;

/// To whom, and why, as it comes in.
#[derive(Debug, Clone, Default)]
pub struct HandOver {
    /// Id or login.
    pub to: String,
    pub reason: String,
}

/// What is handed over, or would be.
#[derive(Debug, Clone)]
pub struct HandedOver {
    pub from: UserId,
    pub to: UserRow,
    pub tickets: Vec<HandedTicket>,
    /// Roles that the successor gets beside their own. To be an admin is never handed on by the way.
    pub roles: Vec<Role>,
    /// Whose deputy the person is.
    pub deputyships: Vec<UserRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandedTicket {
    pub id: TicketId,
    pub reference: String,
    pub title: String,
}

/// Everything that a hand-over reads, locked.
struct Planned {
    from: UserRow,
    to: UserRow,
    reason: String,
    tickets: Vec<TicketRow>,
    roles: Vec<Role>,
    deputyships: Vec<UserRow>,
}

/// Gives all of a person's items to another: an event on each ticket and on everybody it touches.
pub fn hand_over(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    given: &HandOver,
) -> Outcome<HandedOver> {
    let planned = planned(tx, actor, key, version, given)?;
    let Planned { from, to, reason, .. } = &planned;
    let told =
        json!({"from_user_id": from.id, "from": from.name, "to_user_id": to.id, "to": to.name, "reason": reason});
    // In the timelines of others by id alone: what is said there stays when a person's data is removed.
    let of_others = json!({"from_user_id": from.id, "to_user_id": to.id, "reason": reason});
    for row in &planned.tickets {
        let next =
            TicketRow { handler: Some(to.name.clone()), version: row.version + 1, updated_at: tx.now, ..row.clone() };
        must_be_saved(tickets::save(tx.conn, row, &next)?, row.version)?;
        record(tx, actor, Stream::Ticket(row.id), "ticket.handed_over", &told)?;
    }
    // Nobody stands in for themselves: where it is the successor who was represented, they are back.
    for absent in planned.deputyships.iter().filter(|absent| absent.id != to.id) {
        let row = UserRow { deputy_id: Some(to.id), ..absent.clone() };
        change(tx, actor, absent, row, "user.deputy_changed", &of_others)?;
    }
    let references: Vec<&str> = planned.tickets.iter().map(|row| row.reference.as_str()).collect();
    let whole = json!({
        "from_user_id": from.id, "to_user_id": to.id, "reason": reason, "tickets": references, "roles": planned.roles,
        "deputyships": planned.deputyships.iter().map(|row| row.id).collect::<Vec<_>>(),
    });
    let today = tx.office.today(tx.now);
    let away = UserRow { deputy_id: Some(to.id), deputy_from: Some(today), deputy_to: None, ..from.clone() };
    change(tx, actor, from, away, "user.handed_over", &whole)?;
    let mut roles = to.role_list();
    roles.extend(&planned.roles);
    let stands_in = planned.deputyships.iter().any(|row| row.id == to.id);
    let heir = UserRow {
        roles: UserRow::join_roles(&roles),
        deputy_id: to.deputy_id.filter(|_| !stands_in),
        deputy_from: to.deputy_from.filter(|_| !stands_in),
        deputy_to: to.deputy_to.filter(|_| !stands_in),
        ..to.clone()
    };
    change(tx, actor, to, heir, "user.took_over", &whole)?;
    Ok(planned.told())
}

/// What `hand_over` would do; nothing is written.
pub fn rehearse(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    given: &HandOver,
) -> Outcome<HandedOver> {
    Ok(planned(tx, actor, key, version, given)?.told())
}

fn planned(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>, given: &HandOver) -> Outcome<Planned> {
    actor.require(&[Role::Admin])?;
    let from = locked(tx, key)?.ok_or_else(Refusal::missing)?;
    check_version(version, from.version)?;
    let mut check = Check::new();
    let reason = check.text("/reason", &given.reason, TEXT);
    let to = successor(tx, &from, given.to.trim(), &mut check)?;
    let reason = check.done(reason)?;
    let Some(to) = to else { return Err(Refusal::missing().into()) };
    let tickets = match from.unit_id {
        Some(unit) if from.name != to.name => tickets::lock_handled(tx.conn, unit, &from.name)?,
        Some(_) | None => Vec::new(),
    };
    let held = to.role_list();
    let wanted = |role: &Role| *role != Role::Admin && !held.contains(role);
    let roles = from.role_list().into_iter().filter(wanted).collect();
    let today = tx.office.today(tx.now);
    let deputyships = users::lock_represented_by(tx.conn, from.id)?;
    let lasts = |row: &UserRow| row.deputy_to.is_none_or(|last| last >= today);
    let deputyships = deputyships.into_iter().filter(lasts).collect();
    Ok(Planned { from, to, reason, tickets, roles, deputyships })
}

/// Who takes over: an active person, of the same unit where the roles are a unit's.
fn successor(tx: &mut Tx<'_>, from: &UserRow, key: &str, check: &mut Check) -> Outcome<Option<UserRow>> {
    if key.is_empty() {
        check.fault(Fault::at("/to", Code::FieldRequired));
        return Ok(None);
    }
    let Some(to) = locked(tx, key)?.filter(|row| row.active && !row.service) else {
        check.fault(Fault::at("/to", Code::FieldReference).with("value", key));
        return Ok(None);
    };
    let of_unit = from.role_list().iter().any(|role| !role.reads_all());
    let why = if to.id == from.id {
        Some(Arg::both("不能移交给本人", "It must be somebody else"))
    } else if of_unit && to.unit_id != from.unit_id {
        Some(Arg::both("须为同一单位的人员", "It must be somebody of the same unit"))
    } else {
        None
    };
    match why {
        Some(why) => {
            check.fault(Fault::at("/to", Code::FieldNotAllowed).with("reason", why));
            Ok(None)
        }
        None => Ok(Some(to)),
    }
}

fn locked(tx: &mut Tx<'_>, key: &str) -> Outcome<Option<UserRow>> {
    let Some(found) = users::find_by_key(tx.conn, key)? else { return Ok(None) };
    Ok(users::lock(tx.conn, found.id)?)
}

/// Saves a user and says it on their record.
fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    held: &UserRow,
    row: UserRow,
    act: &str,
    payload: &serde_json::Value,
) -> Outcome<()> {
    let seq = record(tx, actor, Stream::User(held.id), act, payload)?;
    let row = UserRow { version: seq, updated_at: tx.now, ..row };
    Ok(must_be_saved(users::save(tx.conn, &row, held.version)?, held.version)?)
}

impl Planned {
    fn told(self) -> HandedOver {
        let ticket = |row: TicketRow| HandedTicket { id: row.id, reference: row.reference, title: row.title };
        HandedOver {
            from: self.from.id,
            to: self.to,
            tickets: self.tickets.into_iter().map(ticket).collect(),
            roles: self.roles,
            deputyships: self.deputyships,
        }
    }
}
