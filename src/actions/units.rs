//! Units (单位): made and changed by the admin. A tree by parent; groups have members and nothing else.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE};
use crate::domain::id::UnitId;
use crate::domain::patch::Patch;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::{Role, UnitKind};
use crate::store::units::{self, UnitRow};
use crate::store::{StoreError, savepoint};
use crate::transaction::{Outcome, Tx};
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of a code.
pub(super) const CODE: usize = 40;
/// Members of a group.
const MEMBERS: usize = 1_000;

/// A unit to be made.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUnit {
    /// Its stable name for programs and files, e.g. `430502`.
    #[serde(default)]
    #[schema(required = true)]
    pub code: String,
    #[serde(default)]
    #[schema(required = true)]
    pub name: String,
    /// Its name where there is little room; the name where it is left out.
    pub short_name: Option<String>,
    pub name_en: Option<String>,
    #[schema(required = true)]
    pub kind: Option<UnitKind>,
    /// The unit above: its id or code.
    pub parent_id: Option<String>,
    /// Of a group: ids or codes.
    #[serde(default)]
    pub members: Vec<String>,
    #[serde(default)]
    pub contacts: NewContacts,
    #[schema(default = true)]
    pub active: Option<bool>,
}

#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewContacts {
    pub mailbox: Option<String>,
    pub backup_mailbox: Option<String>,
}

/// What is to be different about a unit. What is left out stays; `null` clears.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub short_name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name_en: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<UnitKind>)]
    pub kind: Patch<UnitKind>,
    /// The unit above: its id or code.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub parent_id: Patch<String>,
    /// Of a group, all of them: ids or codes.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    pub members: Patch<Vec<String>>,
    #[serde(default)]
    #[schema(value_type = Option<NewContacts>)]
    pub contacts: Patch<ContactsChange>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub active: Patch<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactsChange {
    #[serde(default)]
    pub mailbox: Patch<String>,
    #[serde(default)]
    pub backup_mailbox: Patch<String>,
}

/// # Errors
/// When the actor is no admin, a field is not valid, or the code is taken.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, new: NewUnit) -> Outcome<UnitId> {
    actor.require(&[Role::Admin])?;
    let mut check = Check::new();
    if new.kind.is_none() {
        check.fault(Fault::at("/kind", Code::FieldRequired));
    }
    let row = UnitRow {
        id: tx.id(),
        short_name: new.short_name.unwrap_or_default(),
        code: new.code,
        name: new.name,
        name_en: new.name_en.unwrap_or_default(),
        kind: new.kind.unwrap_or(UnitKind::Other),
        parent_id: parent(tx, &mut check, new.parent_id.as_deref())?,
        mailbox: new.contacts.mailbox,
        backup_mailbox: new.contacts.backup_mailbox,
        active: new.active.unwrap_or(true),
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
    };
    let members = members(tx, &mut check, row.kind, &new.members)?;
    let row = checked(check, &row)?;
    stand_in_the_tree(tx, &row)?;
    unless_taken(&row.code, savepoint(tx.conn, |conn| units::insert(conn, &row)))?;
    if !members.is_empty() {
        units::set_members(tx.conn, row.id, &members)?;
    }
    record(tx, actor, Stream::Unit(row.id), "unit.created", &facts(&row, &members))?;
    Ok(row.id)
}

/// `version`: the one the change is made from, if the caller said.
///
/// # Errors
/// When the actor is no admin, the unit is not there or was changed by someone else, a field is not valid, or the new
/// code is taken.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id_or_code: &str,
    version: Option<i64>,
    change: UnitChange,
) -> Outcome<UnitId> {
    actor.require(&[Role::Admin])?;
    let found = units::find_by_key(tx.conn, id_or_code)?.ok_or_else(Refusal::missing)?;
    let held = units::lock(tx.conn, found.id)?.ok_or_else(Refusal::missing)?;
    check_version(version, held.version)?;
    let held_members: Vec<UnitId> =
        units::members(tx.conn, &[held.id])?.into_iter().map(|(_, member)| member).collect();
    let mut check = Check::new();
    let parent_id = match change.parent_id {
        Patch::Keep => held.parent_id,
        Patch::Clear => None,
        Patch::Set(text) => parent(tx, &mut check, Some(&text))?,
    };
    let members = match change.members {
        Patch::Keep => held_members.clone(),
        Patch::Clear => Vec::new(),
        Patch::Set(texts) => members(tx, &mut check, held.kind, &texts)?,
    };
    let contacts = match change.contacts {
        Patch::Keep => ContactsChange::default(),
        Patch::Clear => ContactsChange { mailbox: Patch::Clear, backup_mailbox: Patch::Clear },
        Patch::Set(contacts) => contacts,
    };
    let row = UnitRow {
        code: change.code.onto(held.code.clone()),
        name: change.name.onto(held.name.clone()),
        short_name: change.short_name.onto(held.short_name.clone()),
        name_en: change.name_en.onto(held.name_en.clone()),
        kind: kind(&mut check, held.kind, change.kind),
        parent_id,
        mailbox: contacts.mailbox.over(held.mailbox.clone()),
        backup_mailbox: contacts.backup_mailbox.over(held.backup_mailbox.clone()),
        active: flag(&mut check, "/active", held.active, change.active),
        ..held.clone()
    };
    let row = checked(check, &row)?;
    if row == held && members == held_members {
        return Ok(held.id);
    }
    stand_in_the_tree(tx, &row)?;
    let seq = record(tx, actor, Stream::Unit(held.id), "unit.changed", &facts(&row, &members))?;
    let row = UnitRow { version: seq, updated_at: tx.now, ..row };
    let saved = unless_taken(&row.code, savepoint(tx.conn, |conn| units::save(conn, &row, held.version)))?;
    must_be_saved(saved, held.version)?;
    if members != held_members {
        units::set_members(tx.conn, row.id, &members)?;
    }
    Ok(row.id)
}

fn checked(mut check: Check, row: &UnitRow) -> Result<UnitRow, Refusal> {
    let name = check.line("/name", &row.name, LINE);
    let short_name = check.optional_line("/short_name", Some(&row.short_name), LINE);
    let row = UnitRow {
        code: check.code("/code", &row.code, CODE),
        short_name: short_name.unwrap_or_else(|| name.clone()),
        name_en: check.optional_line("/name_en", Some(&row.name_en), LINE).unwrap_or_default(),
        mailbox: check.email("/contacts/mailbox", row.mailbox.as_deref()),
        backup_mailbox: check.email("/contacts/backup_mailbox", row.backup_mailbox.as_deref()),
        name,
        ..row.clone()
    };
    check.done(row)
}

/// A group stays one and no other unit becomes one: users, tickets and children hang on what it is.
fn kind(check: &mut Check, held: UnitKind, change: Patch<UnitKind>) -> UnitKind {
    match change {
        Patch::Keep => held,
        Patch::Clear => {
            check.fault(Fault::at("/kind", Code::FieldRequired));
            held
        }
        Patch::Set(kind) => {
            if (kind == UnitKind::Group) != (held == UnitKind::Group) {
                let reason =
                    Arg::both("单位组与一般单位不能互相转换", "A group can't become another unit, nor the reverse");
                check.fault(Fault::at("/kind", Code::FieldNotAllowed).with("reason", reason));
            }
            kind
        }
    }
}

/// A truth value can be changed, not cleared.
pub(super) fn flag(check: &mut Check, pointer: &str, held: bool, change: Patch<bool>) -> bool {
    match change {
        Patch::Keep => held,
        Patch::Set(value) => value,
        Patch::Clear => {
            check.fault(Fault::at(pointer, Code::FieldRequired));
            held
        }
    }
}

fn parent(tx: &mut Tx<'_>, check: &mut Check, text: Option<&str>) -> Outcome<Option<UnitId>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let found = units::find_by_key(tx.conn, text)?;
    if found.is_none() {
        check.fault(Fault::at("/parent_id", Code::FieldReference).with("value", text));
    }
    Ok(found.map(|unit| unit.id))
}

fn members(tx: &mut Tx<'_>, check: &mut Check, kind: UnitKind, texts: &[String]) -> Outcome<Vec<UnitId>> {
    if kind != UnitKind::Group && !texts.is_empty() {
        let reason = Arg::both("只有单位组有成员", "Only a group has members");
        check.fault(Fault::at("/members", Code::FieldNotAllowed).with("reason", reason));
        return Ok(Vec::new());
    }
    check.at_most("/members", texts.len(), MEMBERS);
    let mut found = Vec::new();
    for (at, text) in texts.iter().take(MEMBERS).enumerate() {
        let pointer = format!("/members/{at}");
        match units::find_by_key(tx.conn, text.trim())? {
            None => check.fault(Fault::at(pointer, Code::FieldReference).with("value", text)),
            Some(unit) if unit.kind == UnitKind::Group => {
                let reason = Arg::both(format!("{text} 本身是单位组"), format!("{text} is a group itself"));
                check.fault(Fault::at(pointer, Code::FieldNotAllowed).with("reason", reason));
            }
            Some(unit) if found.contains(&unit.id) => {
                check.fault(Fault::at(pointer, Code::FieldDuplicate).with("value", text));
            }
            Some(unit) => found.push(unit.id),
        }
    }
    Ok(found)
}

/// Groups stand outside the tree; below a unit there is no way back to it.
fn stand_in_the_tree(tx: &mut Tx<'_>, row: &UnitRow) -> Outcome<()> {
    let Some(parent) = row.parent_id else { return Ok(()) };
    let above = units::find(tx.conn, parent)?.ok_or_else(Refusal::missing)?;
    if let Some(group) = [row, &above].into_iter().find(|unit| unit.kind == UnitKind::Group) {
        let fault = Fault::at("/parent_id", Code::UnitIsGroup).with("unit", &group.code);
        return Err(Refusal::field(fault).into());
    }
    if units::subtree(tx.conn, row.id)?.contains(&parent) {
        return Err(Refusal::new(Code::UnitCycle).with("unit", &above.code).into());
    }
    Ok(())
}

fn unless_taken<T>(code: &str, result: Result<T, StoreError>) -> Outcome<T> {
    result.map_err(|error| match error.unique_violation() {
        Some(_) => {
            let what = Arg::both("单位代码", "The unit code");
            Refusal::new(Code::Duplicate).with("what", what).with("value", code).into()
        }
        None => error.into(),
    })
}

pub(super) fn facts(row: &UnitRow, members: &[UnitId]) -> Value {
    json!({
        "code": row.code,
        "name": row.name,
        "short_name": row.short_name,
        "name_en": row.name_en,
        "kind": row.kind,
        "parent_id": row.parent_id,
        "members": members,
        "contacts": {"mailbox": row.mailbox, "backup_mailbox": row.backup_mailbox},
        "active": row.active,
    })
}
