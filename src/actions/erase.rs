//! The removal of a departed person's data (个人信息清除): what can be known of them goes, the record stays whole.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::audit::{ERASED, Stream};
use crate::domain::id::UserId;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::store::users::{self, UserRow};
use crate::store::{events, sessions, tokens};
use crate::transaction::{Outcome, Tx};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// Begins a login that stands for nobody's.
const MARK: &str = "erased-";

/// What went, or would go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Erased {
    pub user_id: UserId,
    /// The mark in place of the login.
    pub login: String,
    /// Events of the person's own timeline whose content is removed.
    pub payloads: usize,
    /// Events, of whatever timeline, from which the person's name is removed.
    pub names: usize,
}

/// What `erase` would do; nothing is removed.
///
/// # Errors
/// As `erase`.
pub fn rehearse(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<Erased> {
    tx.rehearse(|tx| erase(tx, actor, key, version))
}

/// Removes a disabled user's personal data by id or login. It can't be undone.
///
/// # Errors
/// When the actor is no admin, the user is not there, was changed by someone else, is active, or was erased before.
pub fn erase(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<Erased> {
    actor.require(&[Role::Admin])?;
    let found = users::find_by_key(tx.conn, key)?.ok_or_else(Refusal::missing)?;
    let held = users::lock(tx.conn, found.id)?.ok_or_else(Refusal::missing)?;
    check_version(version, held.version)?;
    if held.active {
        return Err(Refusal::new(Code::UserActive).with("login", &held.login).into());
    }
    must_be_there(&held)?;
    let stream = Stream::User(held.id).to_string();
    sessions::end_all(tx.conn, held.id, None)?;
    tokens::revoke_all(tx.conn, held.id, tx.machine_now)?;
    let payloads = events::remove_payloads(tx.conn, &stream)?;
    // As an actor a person is called like their timeline.
    let names = events::remove_names(tx.conn, &stream)?;
    let seq = record(tx, actor, Stream::User(held.id), ERASED, &json!({"payloads": payloads, "names": names}))?;
    let row = UserRow {
        login: mark(held.id),
        name: "—".to_owned(),
        email: None,
        password_hash: None,
        deputy_id: None,
        deputy_from: None,
        deputy_to: None,
        version: seq,
        updated_at: tx.now,
        ..held.clone()
    };
    must_be_saved(users::save(tx.conn, &row, held.version)?, held.version)?;
    Ok(Erased { user_id: held.id, login: row.login, payloads, names })
}

/// Nobody else becomes who was here: what they did stays theirs.
pub(super) fn must_be_there(row: &UserRow) -> Result<(), Refusal> {
    if row.login == mark(row.id) { Err(Refusal::new(Code::UserErased).with("login", &row.login)) } else { Ok(()) }
}

/// The end of an id is drawn by chance.
fn mark(id: UserId) -> String {
    let id = id.0.simple().to_string();
    format!("{MARK}{}", id.get(20..).unwrap_or(&id))
}
