//! Units as people see them: everybody id, code, name and kind; the rest only the office and the unit itself.

use crate::domain::actor::{Actor, Scope};
use crate::domain::id::UnitId;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::UnitKind;
pub use crate::queries::names::UnitRef;
use crate::queries::page::{Ask, Slice};
use crate::store::units::{self, UnitFilter, UnitRow};
use crate::transaction::{Outcome, Read};
use serde::{Deserialize, Serialize};

/// A responsible unit (单位).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Unit {
    pub id: UnitId,
    pub code: String,
    pub name: String,
    pub kind: UnitKind,
    /// Left out for other units than one's own.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub details: Option<UnitDetails>,
    /// For the `ETag`, also where the details are left out.
    #[serde(skip)]
    pub etag: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct UnitDetails {
    pub short_name: String,
    pub name_en: String,
    #[schema(required = true)]
    pub parent_id: Option<UnitId>,
    /// Of a group, in their order.
    pub members: Vec<UnitId>,
    pub contacts: Contacts,
    pub active: bool,
    pub version: i64,
}

/// Where mails go when nobody of the unit can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Contacts {
    #[schema(required = true)]
    pub mailbox: Option<String>,
    #[schema(required = true)]
    pub backup_mailbox: Option<String>,
}

/// What a list of units is narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnitQuery {
    /// One or more kinds.
    pub kind: Vec<UnitKind>,
    pub active: Option<bool>,
    /// Units right below this one: its id or code.
    pub parent: Option<String>,
    /// Part of code, name or short name.
    pub q: Option<String>,
}

/// In the order of codes.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: UnitQuery, ask: &Ask) -> Outcome<Slice<Unit>> {
    let parent = query.parent.map(|text| referred(read, "parent", &text)).transpose()?;
    let filter = UnitFilter { kinds: query.kind, active: query.active, parent, text: query.q };
    let after: Option<String> = ask.after()?;
    let rows = units::list(read.conn, &filter, after.as_deref(), ask.fetch())?;
    let total = if ask.count { Some(units::count(read.conn, &filter)?) } else { None };
    let slice = ask.slice(rows, total, |row| row.code.clone());
    let items = seen(read, actor, slice.items)?;
    Ok(Slice { items, next: slice.next, total: slice.total })
}

/// By id or code.
///
/// # Errors
/// When there is none.
pub fn get(read: &mut Read<'_>, actor: &Actor, id_or_code: &str) -> Outcome<Unit> {
    let row = units::find_by_key(read.conn, id_or_code)?.ok_or_else(Refusal::missing)?;
    let unit = seen(read, actor, vec![row])?.pop();
    Ok(unit.ok_or_else(Refusal::missing)?)
}

/// The unit that a query parameter names by id or code.
///
/// # Errors
/// `field.reference` at the parameter when there is none.
pub fn referred(read: &mut Read<'_>, parameter: &str, id_or_code: &str) -> Outcome<UnitId> {
    let missing = || {
        let place = Place::Parameter(parameter.to_owned());
        Refusal::field(Fault::new(place, Code::FieldReference).with("value", id_or_code))
    };
    Ok(units::find_by_key(read.conn, id_or_code)?.ok_or_else(missing)?.id)
}

fn seen(read: &mut Read<'_>, actor: &Actor, rows: Vec<UnitRow>) -> Outcome<Vec<Unit>> {
    let full = |row: &UnitRow| actor.scope == Scope::All || actor.is_of(row.id);
    let groups: Vec<UnitId> =
        rows.iter().filter(|row| row.kind == UnitKind::Group && full(row)).map(|row| row.id).collect();
    let members = if groups.is_empty() { Vec::new() } else { units::members(read.conn, &groups)? };
    let of = |group: UnitId| members.iter().filter(move |(held, _)| *held == group).map(|(_, unit)| *unit).collect();
    Ok(rows
        .into_iter()
        .map(|row| {
            let details = full(&row).then(|| UnitDetails {
                short_name: row.short_name,
                name_en: row.name_en,
                parent_id: row.parent_id,
                members: of(row.id),
                contacts: Contacts { mailbox: row.mailbox, backup_mailbox: row.backup_mailbox },
                active: row.active,
                version: row.version,
            });
            Unit { id: row.id, code: row.code, name: row.name, kind: row.kind, details, etag: row.version }
        })
        .collect())
}
