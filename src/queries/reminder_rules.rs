//! The reminder rules as their keepers read them.

use crate::domain::actor::Actor;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::reminder::Rule;
use crate::domain::vocabulary::Role;
use crate::queries::page::{Ask, Slice};
use crate::store::reference::{self, RuleRow};
use crate::transaction::{Outcome, Read};
use serde::Serialize;
use utoipa::ToSchema;

/// A rule as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleOut {
    #[serde(flatten)]
    pub rule: Rule,
    pub version: i64,
    pub updated_at: Instant,
}

impl From<RuleRow> for RuleOut {
    fn from(row: RuleRow) -> Self {
        Self { rule: row.rule, version: row.version, updated_at: row.updated_at }
    }
}

const READERS: [Role; 2] = [Role::Admin, Role::Coordinator];

/// A page of the rules, in their order.
pub fn list(read: &mut Read<'_>, actor: &Actor, ask: &Ask) -> Outcome<Slice<RuleOut>> {
    actor.require(&READERS)?;
    let rows = reference::rule_rows(read.conn)?;
    let total = ask.count.then(|| i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let after: Option<(i32, String)> = ask.after()?;
    let key = |row: &RuleRow| (row.position, row.rule.code.clone());
    let fetched = usize::try_from(ask.fetch()).unwrap_or(usize::MAX);
    let rows = rows.into_iter().filter(|row| after.as_ref().is_none_or(|after| key(row) > *after)).take(fetched);
    Ok(ask.slice(rows.collect(), total, key).map(RuleOut::from))
}

/// All rules, in their order.
pub fn all(read: &mut Read<'_>, actor: &Actor) -> Outcome<Vec<RuleOut>> {
    actor.require(&READERS)?;
    Ok(reference::rule_rows(read.conn)?.into_iter().map(RuleOut::from).collect())
}

pub fn get(read: &mut Read<'_>, actor: &Actor, code: &str) -> Outcome<RuleOut> {
    actor.require(&READERS)?;
    Ok(reference::find_rule(read.conn, code)?.ok_or_else(Refusal::missing)?.into())
}
