//! The first administrator: a link that is printed once, works once and only while there is nobody else to ask.

use crate::actions::sign_in::new_secret;
use crate::actions::users::{self, NewUser};
use crate::domain::actor::Actor;
use crate::domain::id::UserId;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::secret::hash_secret;
use crate::domain::vocabulary::Role;
use crate::store::users::{UserFilter, count};
use crate::store::{Conn, StoreError, StoreResult, reference};
use crate::transaction::{Outcome, Read, Tx};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

const LINK: &str = "setup.link";
const VALID_HOURS: i64 = 24;

/// How the link is kept. In the machine's time.
#[derive(Serialize, Deserialize)]
struct Link {
    hash: [u8; 32],
    until: Instant,
}

/// A new link's secret, good for a day, in place of any before; `None` where somebody is administrator already.
///
/// # Errors
/// When the database can't be written or the system gives no random bytes.
pub fn invite(tx: &mut Tx<'_>) -> Outcome<Option<String>> {
    if has_admin(tx.conn)? {
        reference::remove_setting(tx.conn, LINK)?;
        return Ok(None);
    }
    let secret = new_secret()?;
    let link = Link { hash: hash_secret(&secret), until: tx.machine_now.plus(TimeDelta::hours(VALID_HOURS)) };
    let text = serde_json::to_string(&link).map_err(|fault| StoreError::Unavailable(fault.to_string()))?;
    reference::set_setting(tx.conn, LINK, &text)?;
    Ok(Some(secret))
}

/// Is it the link that is good now?
///
/// # Errors
/// `setup.link_ended` where it isn't.
pub fn check(read: &mut Read<'_>, secret: &str) -> Outcome<()> {
    let held = reference::setting(read.conn, LINK)?;
    let held: Option<Link> = held.and_then(|text| serde_json::from_str(&text).ok());
    let is_good = held.is_some_and(|link| {
        let is_same: bool = link.hash.ct_eq(&hash_secret(secret)).into();
        is_same && read.machine_now < link.until
    });
    if is_good && !has_admin(read.conn)? { Ok(()) } else { Err(Refusal::new(Code::SetupLinkEnded).into()) }
}

/// Makes the administrator that the link is for, and ends it. `password_hash`: of `new.password`.
///
/// # Errors
/// As `check`, and what `users::create` refuses.
pub fn redeem(tx: &mut Tx<'_>, secret: &str, new: NewUser, password_hash: String) -> Outcome<UserId> {
    check(&mut tx.read(), secret)?;
    // Of two who come at once one finds it gone.
    if !reference::remove_setting(tx.conn, LINK)? {
        return Err(Refusal::new(Code::SetupLinkEnded).into());
    }
    let new = NewUser { roles: vec![Role::Admin], ..new };
    users::create(tx, &Actor::system("setup"), new, Some(password_hash))
}

fn has_admin(conn: &mut Conn) -> StoreResult<bool> {
    let filter = UserFilter { roles: vec![Role::Admin], active: Some(true), ..UserFilter::default() };
    Ok(count(conn, &filter)? > 0)
}
