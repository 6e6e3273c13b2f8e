//! What an actor may see, as the condition every query of tickets starts from. Out of sight is not there.

use crate::domain::actor::Scope;
use crate::domain::id::UnitId;
use crate::domain::vocabulary::{NoticeState, Part};
use crate::store::notices::{self, NoticeRow};
use crate::store::schema::{ticket_parties, tickets};
use crate::store::{Conn, MultiBackend, StoreResult};
use diesel::prelude::*;
use diesel::sql_types::Bool;

/// A condition on tickets.
pub type Condition = Box<dyn BoxableExpression<tickets::table, MultiBackend, SqlType = Bool>>;

/// Narrows tickets to those whose lead or co-unit the actor sees.
pub fn visible_only(
    query: tickets::BoxedQuery<'static, MultiBackend>,
    scope: &Scope,
) -> tickets::BoxedQuery<'static, MultiBackend> {
    match visible(scope) {
        None => query,
        Some(condition) => query.filter(condition),
    }
}

/// The same as a condition, for queries that group; `None` = everything is in sight.
pub fn visible(scope: &Scope) -> Option<Condition> {
    match scope {
        Scope::All => None,
        Scope::Units(units) => Some(match units.as_slice() {
            [only] => Box::new(tickets::id.eq_any(parties_of(*only))),
            _ => Box::new(tickets::id.eq_any(party_of(units.clone(), Part::ALL.to_vec()))),
        }),
    }
}

/// Ids of the tickets that this unit leads or helps with.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn parties_of(unit: UnitId) -> _ {
    ticket_parties::table.filter(ticket_parties::unit_id.eq(unit)).select(ticket_parties::ticket_id)
}

/// Ids of the tickets in which these units have one of these parts.
#[diesel::dsl::auto_type(no_type_alias)]
pub fn party_of(units: Vec<UnitId>, parts: Vec<Part>) -> _ {
    ticket_parties::table
        .filter(ticket_parties::unit_id.eq_any(units))
        .filter(ticket_parties::part.eq_any(parts))
        .select(ticket_parties::ticket_id)
}

/// Does the actor see this notice? Units see issued ones that ask something of them.
pub fn sees_notice(conn: &mut Conn, scope: &Scope, notice: &NoticeRow) -> StoreResult<bool> {
    match scope {
        Scope::All => Ok(true),
        Scope::Units(_) if notice.state == NoticeState::Draft => Ok(false),
        Scope::Units(units) => notices::concerns(conn, notice.id, units),
    }
}
