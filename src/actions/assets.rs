//! The registry of websites and accounts: what the office says of them, and how they go from opening to reported closure.

use crate::actions::attachments;
use crate::actions::notices::taken;
use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::asset::{self, AssetStatus, Platform, Transition};
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE, TEXT};
use crate::domain::id::{AssetId, AttachmentId, UnitId};
use crate::domain::patch::Patch;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::{AssetKind, Role, UnitKind};
use crate::domain::words::Lang;
use crate::store::assets::{self, AssetRow};
use crate::store::attachments::{self as files, Owner};
use crate::store::{savepoint, units};
use crate::transaction::{Outcome, Tx};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// Who keeps the registry.
pub const KEEPERS: [Role; 2] = [Role::Coordinator, Role::Admin];
/// Characters of a code.
pub(super) const CODE: usize = 64;
const EVIDENCE_MAX: usize = 50;

/// A website or an account to be entered.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAsset {
    /// Its stable name for programs and files; made up where it is left out.
    pub code: Option<String>,
    #[schema(required = true)]
    pub kind: Option<AssetKind>,
    #[serde(default)]
    #[schema(required = true)]
    pub name: String,
    /// Of the home page or the account, with or without `https://`.
    pub address: Option<String>,
    /// Of an account, which must have one.
    pub platform: Option<Platform>,
    /// Of an account: its id on the platform.
    pub platform_id: Option<String>,
    /// Of an account: whom the platform has certified.
    pub certified_entity: Option<String>,
    /// Of an account.
    pub opened_on: Option<NaiveDate>,
    /// Of a website: 网站标识码, ten digits, or `bm` and eight.
    pub site_code: Option<String>,
    /// Of a website: ICP备案号.
    pub icp_no: Option<String>,
    /// Of a website: 公安备案号.
    pub security_filing_no: Option<String>,
    /// The sponsor (主办): id or code.
    #[serde(default)]
    #[schema(required = true)]
    pub unit_id: String,
    /// The supervising unit (主管): id or code.
    pub supervising_unit_id: Option<String>,
    /// Where it stands as it is entered; what has ended can't be entered.
    #[schema(default = "active")]
    pub status: Option<AssetStatus>,
}

/// What is to be different about an asset. What is left out stays; `null` clears. Its status moves by transitions.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssetChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub address: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Platform>)]
    pub platform: Patch<Platform>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub platform_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub certified_entity: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<NaiveDate>)]
    pub opened_on: Patch<NaiveDate>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub site_code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub icp_no: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub security_filing_no: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub unit_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub supervising_unit_id: Patch<String>,
}

/// A move to another status.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransition {
    pub to: AssetStatus,
    /// The caller's own uploads that prove it. The end of a life needs at least one.
    #[serde(default)]
    pub evidence: Vec<AttachmentId>,
    pub note: Option<String>,
}

/// # Errors
/// When the actor doesn't keep the registry, a field is not valid, or the code is taken.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, new: NewAsset) -> Outcome<AssetId> {
    actor.require(&KEEPERS)?;
    let mut check = Check::new();
    let id: AssetId = tx.id();
    if new.kind.is_none() {
        check.fault(Fault::at("/kind", Code::FieldRequired));
    }
    let kind = new.kind.unwrap_or(AssetKind::Website);
    let unit = sponsor(tx, &mut check, "/unit_id", Some(&new.unit_id))?;
    if new.unit_id.trim().is_empty() {
        check.fault(Fault::at("/unit_id", Code::FieldRequired));
    }
    let row = AssetRow {
        id,
        code: new.code.filter(|code| !code.trim().is_empty()).unwrap_or_else(|| made_up(kind, id)),
        kind,
        name: new.name,
        address: new.address,
        platform: new.platform,
        unit_id: unit.unwrap_or(NOBODY),
        supervising_unit_id: sponsor(tx, &mut check, "/supervising_unit_id", new.supervising_unit_id.as_deref())?,
        version: 1,
        created_at: tx.now,
        updated_at: tx.now,
        status: new.status.unwrap_or(AssetStatus::Active),
        site_code: new.site_code,
        icp_no: new.icp_no,
        security_filing_no: new.security_filing_no,
        platform_id: new.platform_id,
        certified_entity: new.certified_entity,
        opened_on: new.opened_on,
    };
    let row = checked(&mut check, row, None, tx.office.today(tx.now));
    check.done(())?;
    savepoint(tx.conn, |conn| assets::insert(conn, &row)).map_err(|fault| taken(fault, "code", &row.code))?;
    record(tx, actor, Stream::Asset(id), "asset.created", &facts(&row))?;
    Ok(id)
}

/// `version`: the one the change is made from, if the caller said.
///
/// # Errors
/// When the asset is not in sight or was changed by someone else, the actor doesn't keep the registry, a field is not
/// valid, or the new code is taken.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    change: AssetChange,
) -> Outcome<AssetId> {
    let held = hold(tx, actor, key, version)?;
    let mut check = Check::new();
    let unit_id = match change.unit_id {
        Patch::Keep => held.unit_id,
        Patch::Set(key) if !key.trim().is_empty() => {
            sponsor(tx, &mut check, "/unit_id", Some(&key))?.unwrap_or(held.unit_id)
        }
        Patch::Set(_) | Patch::Clear => {
            check.fault(Fault::at("/unit_id", Code::FieldRequired));
            held.unit_id
        }
    };
    let supervising_unit_id = match change.supervising_unit_id {
        Patch::Keep => held.supervising_unit_id,
        Patch::Clear => None,
        Patch::Set(key) => sponsor(tx, &mut check, "/supervising_unit_id", Some(&key))?,
    };
    let row = AssetRow {
        code: change.code.onto(held.code.clone()),
        name: change.name.onto(held.name.clone()),
        address: change.address.over(held.address.clone()),
        platform: change.platform.over(held.platform),
        platform_id: change.platform_id.over(held.platform_id.clone()),
        certified_entity: change.certified_entity.over(held.certified_entity.clone()),
        opened_on: change.opened_on.over(held.opened_on),
        site_code: change.site_code.over(held.site_code.clone()),
        icp_no: change.icp_no.over(held.icp_no.clone()),
        security_filing_no: change.security_filing_no.over(held.security_filing_no.clone()),
        unit_id,
        supervising_unit_id,
        ..held.clone()
    };
    let row = checked(&mut check, row, Some(&held), tx.office.today(tx.now));
    check.done(())?;
    if row == held {
        return Ok(held.id);
    }
    save(tx, actor, &held, row, "asset.changed", &facts)
}

/// Moves an asset along its life.
///
/// # Errors
/// When the asset is not in sight or was changed by someone else, the actor doesn't keep the registry, its life doesn't
/// lead there, or what proves it is missing or not the actor's own upload.
pub fn transition(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    new: &NewTransition,
) -> Outcome<AssetId> {
    let held = hold(tx, actor, key, version)?;
    let mut check = Check::new();
    let note = check.optional_text("/note", new.note.as_deref(), TEXT);
    check.at_most("/evidence", new.evidence.len(), EVIDENCE_MAX);
    let asked = check.done(Transition { to: new.to, evidence: new.evidence.clone(), note })?;
    let said = asset::transit(held.kind, held.status, &asked)?;
    attachments::check_own(tx, actor, &asked.evidence, "/evidence")?;
    files::link(tx.conn, &asked.evidence, Owner::Asset(held.id))?;
    let row = AssetRow { status: asked.to, ..held.clone() };
    save(tx, actor, &held, row, "asset.status_changed", &|_| said.clone())
}

/// The asset, in sight and held for a change by somebody who may make one.
fn hold(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<AssetRow> {
    let held = assets::lock(tx.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    actor.require(&KEEPERS)?;
    check_version(version, held.version)?;
    Ok(held)
}

/// Records `act` and saves the row in its new version.
pub(super) fn save(
    tx: &mut Tx<'_>,
    actor: &Actor,
    held: &AssetRow,
    row: AssetRow,
    act: &str,
    said: &dyn Fn(&AssetRow) -> Value,
) -> Outcome<AssetId> {
    let version = record(tx, actor, Stream::Asset(held.id), act, &said(&row))?;
    let row = AssetRow { version, updated_at: tx.now, ..row };
    let saved = savepoint(tx.conn, |conn| assets::save(conn, &row, held.version));
    must_be_saved(saved.map_err(|fault| taken(fault, "code", &row.code))?, held.version)?;
    Ok(held.id)
}

/// Stands for a sponsor that is at fault; nothing is saved then.
pub(super) const NOBODY: UnitId = UnitId(uuid::Uuid::nil());

fn sponsor(tx: &mut Tx<'_>, check: &mut Check, pointer: &str, key: Option<&str>) -> Outcome<Option<UnitId>> {
    let Some(key) = key.map(str::trim).filter(|key| !key.is_empty()) else { return Ok(None) };
    let found = units::find_by_key(tx.conn, key)?;
    match &found {
        None => check.fault(Fault::at(pointer, Code::FieldReference).with("value", key)),
        Some(unit) if unit.kind == UnitKind::Group => {
            check.fault(Fault::at(pointer, Code::UnitIsGroup).with("unit", &unit.code));
        }
        Some(_) => {}
    }
    Ok(found.map(|unit| unit.id))
}

/// `site-…`, `account-…` and the end of its id.
fn made_up(kind: AssetKind, id: AssetId) -> String {
    let stem = match kind {
        AssetKind::Website => "site",
        AssetKind::NewMedia => "account",
    };
    let id = id.0.simple().to_string();
    format!("{stem}-{}", id.get(20..).unwrap_or(&id))
}

/// The row trimmed and within its limits, with the fields of its kind only. What stood there before is not asked again.
pub(super) fn checked(check: &mut Check, row: AssetRow, held: Option<&AssetRow>, today: NaiveDate) -> AssetRow {
    of_kind(check, &row);
    let as_before = held.is_some_and(|held| held.opened_on == row.opened_on);
    if !as_before && row.opened_on.is_some_and(|on| on > today) {
        check.fault(Fault::at("/opened_on", Code::FieldFuture).with("today", today));
    }
    if held.is_none() && !row.status.may_begin(row.kind) {
        let begins = |lang: Lang| {
            let all = AssetStatus::of(row.kind).iter().filter(|status| status.may_begin(row.kind));
            all.map(|status| lang.pick(status.name(Lang::Zh), status.as_str())).collect::<Vec<_>>()
        };
        let choices = Arg::both(begins(Lang::Zh).join("、"), begins(Lang::En).join(", "));
        check.fault(Fault::at("/status", Code::FieldChoice).with("choices", choices));
    }
    let was = |field: fn(&AssetRow) -> &Option<String>| held.and_then(|held| field(held).as_deref());
    AssetRow {
        code: check.code("/code", &row.code, CODE),
        name: check.line("/name", &row.name, LINE),
        address: identifier(check, "/address", row.address, was(|row| &row.address), asset::address),
        site_code: identifier(check, "/site_code", row.site_code, was(|row| &row.site_code), asset::site_code),
        icp_no: identifier(check, "/icp_no", row.icp_no, was(|row| &row.icp_no), asset::icp_number),
        security_filing_no: identifier(
            check,
            "/security_filing_no",
            row.security_filing_no,
            was(|row| &row.security_filing_no),
            asset::security_filing_number,
        ),
        platform_id: check.optional_line("/platform_id", row.platform_id.as_deref(), LINE),
        certified_entity: check.optional_line("/certified_entity", row.certified_entity.as_deref(), LINE),
        ..row
    }
}

fn identifier(
    check: &mut Check,
    pointer: &str,
    given: Option<String>,
    held: Option<&str>,
    read: impl FnOnce(&str) -> Result<String, Arg>,
) -> Option<String> {
    let given = given.filter(|text| !text.trim().is_empty())?;
    if held == Some(given.as_str()) {
        return Some(given);
    }
    match read(&given) {
        Ok(read) => Some(read),
        Err(reason) => {
            check.fault(Fault::at(pointer, Code::FieldFormat).with("reason", reason));
            None
        }
    }
}

/// An account has a platform; neither kind has the other's fields.
fn of_kind(check: &mut Check, row: &AssetRow) {
    let said = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    let (foreign, why) = match row.kind {
        AssetKind::Website => (
            [
                ("/platform", row.platform.is_some()),
                ("/platform_id", said(&row.platform_id)),
                ("/certified_entity", said(&row.certified_entity)),
                ("/opened_on", row.opened_on.is_some()),
            ],
            Arg::both("网站没有这一项", "A website has no such thing"),
        ),
        AssetKind::NewMedia => (
            [
                ("/site_code", said(&row.site_code)),
                ("/icp_no", said(&row.icp_no)),
                ("/security_filing_no", said(&row.security_filing_no)),
                ("", false),
            ],
            Arg::both("新媒体账号没有这一项", "A new-media account has no such thing"),
        ),
    };
    for (pointer, _) in foreign.iter().filter(|(_, given)| *given) {
        check.fault(Fault::at(*pointer, Code::FieldNotAllowed).with("reason", why.clone()));
    }
    if row.kind == AssetKind::NewMedia && row.platform.is_none() {
        check.fault(Fault::at("/platform", Code::FieldRequired));
    }
}

/// What the record says of a row.
pub(super) fn facts(row: &AssetRow) -> Value {
    json!({
        "code": row.code, "kind": row.kind, "name": row.name, "address": row.address, "platform": row.platform,
        "platform_id": row.platform_id, "certified_entity": row.certified_entity, "opened_on": row.opened_on,
        "site_code": row.site_code, "icp_no": row.icp_no, "security_filing_no": row.security_filing_no,
        "unit_id": row.unit_id, "supervising_unit_id": row.supervising_unit_id, "status": row.status,
    })
}
