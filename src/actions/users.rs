//! Users (用户): made, changed, disabled by the admin; and how their passwords are kept.

use crate::actions::erase::must_be_there;
use crate::actions::record::{check_version, must_be_saved, record};
use crate::actions::units::flag;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE};
use crate::domain::id::{SessionId, UnitId, UserId};
use crate::domain::patch::Patch;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::{Role, UnitKind};
use crate::domain::words::Lang;
use crate::store::users::{self, UserRow};
use crate::store::{StoreError, savepoint, sessions, units};
use crate::transaction::{Outcome, Tx};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::{Value, json};

/// Characters of a login.
pub(super) const LOGIN: usize = 64;
/// Characters of a password: long ones are safe, and no rule about kinds of characters makes short ones so.
const PASSWORD: std::ops::RangeInclusive<usize> = 12..=256;

/// OWASP's floor for argon2id: 19 MB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A user to be made.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    #[serde(default)]
    #[schema(required = true)]
    pub login: String,
    #[serde(default)]
    #[schema(required = true)]
    pub name: String,
    pub email: Option<String>,
    /// The unit they belong to: its id or code. Liaisons and leaders need one.
    pub unit_id: Option<String>,
    #[serde(default)]
    #[schema(required = true)]
    pub roles: Vec<Role>,
    #[schema(default = "zh-CN")]
    pub locale: Option<Lang>,
    #[schema(default = true)]
    pub active: Option<bool>,
    /// An account of a program: it has tokens and never signs in.
    #[serde(default)]
    pub service: bool,
    /// 12 to 256 characters. Without one they can't sign in, but use tokens.
    pub password: Option<String>,
    pub deputy: Option<NewDeputy>,
}

/// Who stands in, and when: both days included.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeputy {
    /// Their id or login.
    #[serde(default)]
    #[schema(required = true)]
    pub user_id: String,
    #[schema(required = true)]
    pub from: Option<NaiveDate>,
    #[schema(required = true)]
    pub to: Option<NaiveDate>,
}

/// What is to be different about a user. What is left out stays; `null` clears.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub login: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub email: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub unit_id: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Role>>)]
    pub roles: Patch<Vec<Role>>,
    #[serde(default)]
    #[schema(value_type = Option<Lang>)]
    pub locale: Patch<Lang>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub active: Patch<bool>,
    /// 12 to 256 characters; `null`: they can't sign in any more. Either ends their sessions.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub password: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<NewDeputy>)]
    pub deputy: Patch<NewDeputy>,
}

/// `password_hash`: of `new.password`, made beforehand because it takes its time; see `Hashing`.
///
/// # Errors
/// When the actor is no admin, a field is not valid, or the login is taken.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, new: NewUser, password_hash: Option<String>) -> Outcome<UserId> {
    actor.require(&[Role::Admin])?;
    let mut check = Check::new();
    let id = tx.id();
    if let Some(password) = &new.password {
        check_password(&mut check, "/password", password, &new.login);
        if new.service {
            let reason = Arg::both("程序账号只用令牌，没有密码", "A service account has tokens and no password");
            check.fault(Fault::at("/password", Code::FieldNotAllowed).with("reason", reason));
        }
    }
    let row = UserRow {
        name: new.name,
        email: new.email,
        unit_id: unit(tx, &mut check, new.unit_id.as_deref())?,
        roles: UserRow::join_roles(&new.roles),
        locale: new.locale.unwrap_or(Lang::Zh).to_string(),
        active: new.active.unwrap_or(true),
        service: new.service,
        password_hash,
        ..UserRow::new(id, new.login, tx.now)
    };
    let row = with_deputy(tx, &mut check, row, new.deputy)?;
    let row = checked(check, &row)?;
    unless_taken(&row.login, savepoint(tx.conn, |conn| users::insert(conn, &row)))?;
    record(tx, actor, Stream::User(id), "user.created", &facts(&row))?;
    Ok(id)
}

/// `version`: the one the change is made from, if the caller said. `password_hash`: of `change.password`.
///
/// # Errors
/// When the actor is no admin, the user is not there or was changed by someone else, a field is not valid, or the new
/// login is taken.
pub fn change(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id_or_login: &str,
    version: Option<i64>,
    change: UserChange,
    password_hash: Option<String>,
) -> Outcome<UserId> {
    actor.require(&[Role::Admin])?;
    let found = users::find_by_key(tx.conn, id_or_login)?.ok_or_else(Refusal::missing)?;
    let held = users::lock(tx.conn, found.id)?.ok_or_else(Refusal::missing)?;
    check_version(version, held.version)?;
    must_be_there(&held)?;
    let mut check = Check::new();
    let new_password = change.password.is_given();
    let unit_id = match change.unit_id {
        Patch::Keep => held.unit_id,
        Patch::Clear => None,
        Patch::Set(text) => unit(tx, &mut check, Some(&text))?,
    };
    let row = UserRow {
        login: change.login.onto(held.login.clone()),
        name: change.name.onto(held.name.clone()),
        email: change.email.over(held.email.clone()),
        unit_id,
        roles: UserRow::join_roles(&change.roles.onto(held.role_list())),
        locale: change.locale.over(held.locale.parse().ok()).unwrap_or(Lang::Zh).to_string(),
        active: flag(&mut check, "/active", held.active, change.active),
        password_hash: password(&mut check, &held, change.password, password_hash),
        ..held.clone()
    };
    let row = match change.deputy {
        Patch::Keep => row,
        Patch::Clear => with_deputy(tx, &mut check, row, None)?,
        Patch::Set(deputy) => with_deputy(tx, &mut check, row, Some(deputy))?,
    };
    let row = checked(check, &row)?;
    if row == held {
        return Ok(held.id);
    }
    keep_an_admin(tx, &held, &row)?;
    let seq = record(tx, actor, Stream::User(held.id), "user.changed", &facts(&row))?;
    let unlocked = if new_password { (0, None) } else { (row.failed_sign_ins, row.locked_until) };
    let (failed_sign_ins, locked_until) = unlocked;
    let row = UserRow { version: seq, updated_at: tx.now, failed_sign_ins, locked_until, ..row };
    let saved = unless_taken(&row.login, savepoint(tx.conn, |conn| users::save(conn, &row, held.version)))?;
    must_be_saved(saved, held.version)?;
    if new_password || !row.active {
        sessions::end_all(tx.conn, row.id, None)?;
    }
    Ok(row.id)
}

/// The actor's own new password in place of the old one, both hashed already; ends their sessions but this one.
pub(super) fn set_own_password(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (old, password_hash): (Option<String>, String),
    session: Option<SessionId>,
) -> Outcome<()> {
    let id = actor.user_id.ok_or_else(Refusal::missing)?;
    let held = users::lock(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    // The admin may have set another one since the old one was found right.
    if held.password_hash != old || !held.active {
        return Err(Refusal::field(Fault::at("/old_password", Code::SignInFailed)).into());
    }
    let seq = record(tx, actor, Stream::User(id), "user.password_changed", &json!({}))?;
    let row = UserRow { password_hash: Some(password_hash), version: seq, updated_at: tx.now, ..held.clone() };
    must_be_saved(users::save(tx.conn, &row, held.version)?, held.version)?;
    sessions::end_all(tx.conn, id, session)?;
    Ok(())
}

/// Says whether a password may be taken.
pub fn check_password(check: &mut Check, pointer: &str, password: &str, login: &str) {
    let length = password.chars().count();
    let (min, max) = (*PASSWORD.start(), *PASSWORD.end());
    if length < min {
        check.fault(Fault::at(pointer, Code::FieldTooShort).with("min", min));
    }
    if length > max {
        check.fault(Fault::at(pointer, Code::FieldTooLong).with("max", max).with("length", length));
    }
    if !login.is_empty() && password.to_lowercase().contains(&login.to_lowercase()) {
        let reason = Arg::both("密码不能包含用户名", "A password can't hold the login");
        check.fault(Fault::at(pointer, Code::FieldFormat).with("reason", reason));
    }
}

/// The hash to keep for a password, with its salt and parameters. Takes tens of milliseconds and 19 MB.
///
/// # Errors
/// When the system gives no random bytes.
pub fn hash_password(password: &str) -> Result<String, StoreError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|fault| unusable(&fault))?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = hasher.hash_password(password.as_bytes()).map_err(|fault| unusable(&fault))?;
    Ok(hash.to_string())
}

/// Is this the password that was hashed? Its own parameters decide, whatever ours are now.
#[must_use]
pub fn verify_password(password: &str, hash: &str) -> bool {
    Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}

fn unusable(fault: &impl std::fmt::Display) -> StoreError {
    StoreError::Unsupported(format!("a password can't be hashed: {fault}"))
}

fn checked(mut check: Check, row: &UserRow) -> Result<UserRow, Refusal> {
    let roles = row.role_list();
    if roles.is_empty() {
        check.fault(Fault::at("/roles", Code::FieldRequired));
    }
    if row.unit_id.is_none() && roles.iter().any(|role| !role.reads_all()) {
        check.fault(Fault::at("/unit_id", Code::FieldRequired));
    }
    let row = UserRow {
        login: check.code("/login", &row.login, LOGIN),
        name: check.line("/name", &row.name, LINE),
        email: check.email("/email", row.email.as_deref()),
        ..row.clone()
    };
    check.done(row)
}

fn password(check: &mut Check, held: &UserRow, given: Patch<String>, hash: Option<String>) -> Option<String> {
    match given {
        Patch::Keep => held.password_hash.clone(),
        Patch::Clear => None,
        Patch::Set(password) => {
            check_password(check, "/password", &password, &held.login);
            if held.service {
                let reason = Arg::both("程序账号只用令牌，没有密码", "A service account has tokens and no password");
                check.fault(Fault::at("/password", Code::FieldNotAllowed).with("reason", reason));
            }
            hash
        }
    }
}

fn unit(tx: &mut Tx<'_>, check: &mut Check, text: Option<&str>) -> Outcome<Option<UnitId>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    match units::find_by_key(tx.conn, text)? {
        None => check.fault(Fault::at("/unit_id", Code::FieldReference).with("value", text)),
        Some(unit) if unit.kind == UnitKind::Group => {
            check.fault(Fault::at("/unit_id", Code::UnitIsGroup).with("unit", unit.code));
        }
        Some(unit) => return Ok(Some(unit.id)),
    }
    Ok(None)
}

fn with_deputy(tx: &mut Tx<'_>, check: &mut Check, row: UserRow, deputy: Option<NewDeputy>) -> Outcome<UserRow> {
    let Some(deputy) = deputy else {
        return Ok(UserRow { deputy_id: None, deputy_from: None, deputy_to: None, ..row });
    };
    for (pointer, date) in [("/deputy/from", deputy.from), ("/deputy/to", deputy.to)] {
        if date.is_none() {
            check.fault(Fault::at(pointer, Code::FieldRequired));
        }
    }
    if deputy.from.zip(deputy.to).is_some_and(|(from, to)| from > to) {
        check.fault(Fault::at("/deputy/to", Code::FieldOrder).with("earlier", "from").with("later", "to"));
    }
    let key = deputy.user_id.trim();
    let found = if key.is_empty() { None } else { users::find_by_key(tx.conn, key)? };
    match &found {
        None if key.is_empty() => check.fault(Fault::at("/deputy/user_id", Code::FieldRequired)),
        Some(user) if user.active && !user.service && user.id != row.id => {}
        None | Some(_) => check.fault(Fault::at("/deputy/user_id", Code::FieldReference).with("value", key)),
    }
    Ok(UserRow { deputy_id: found.map(|user| user.id), deputy_from: deputy.from, deputy_to: deputy.to, ..row })
}

/// Without an admin nobody could make one.
pub(super) fn keep_an_admin(tx: &mut Tx<'_>, held: &UserRow, row: &UserRow) -> Outcome<()> {
    let was = held.active && held.has(Role::Admin);
    let is = row.active && row.has(Role::Admin);
    if was && !is {
        let others = users::active_with_role(tx.conn, Role::Admin)?;
        if others.iter().all(|other| other.id == held.id) {
            return Err(Refusal::new(Code::LastAdmin).with("login", &held.login).into());
        }
    }
    Ok(())
}

fn unless_taken<T>(login: &str, result: Result<T, StoreError>) -> Outcome<T> {
    result.map_err(|error| match error.unique_violation() {
        Some(_) => {
            let what = Arg::both("用户名", "The login");
            Refusal::new(Code::Duplicate).with("what", what).with("value", login).into()
        }
        None => error.into(),
    })
}

pub(super) fn facts(row: &UserRow) -> Value {
    json!({
        "login": row.login,
        "name": row.name,
        "email": row.email,
        "unit_id": row.unit_id,
        "roles": row.role_list(),
        "locale": row.locale,
        "active": row.active,
        "service": row.service,
        "has_password": row.password_hash.is_some(),
        "deputy": row.deputy_id.map(|id| json!({"user_id": id, "from": row.deputy_from, "to": row.deputy_to})),
    })
}
