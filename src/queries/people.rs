//! Who is asking: a token or session looked up, with the roles and the scope that go with it. For the doors.

use crate::domain::actor::{Actor, Scope};
use crate::domain::id::{SessionId, TokenId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::secret::hash_secret;
use crate::domain::vocabulary::TokenScope;
use crate::domain::words::Lang;
use crate::store::users::UserRow;
use crate::store::{sessions, tokens, units};
use crate::transaction::{Outcome, Read};
use chrono::TimeDelta;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// A token's last use is noted at most this often, a session's a few times within its idle limit.
const TOKEN_NOTED_EVERY: TimeDelta = TimeDelta::hours(1);
const SESSION_NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// The hash of a secret that someone showed. The secret itself goes no further.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    Token([u8; 32]),
    Session([u8; 32]),
}

impl Credential {
    /// `rct_<8>_<43>`; `None` if it isn't even shaped like one.
    #[must_use]
    pub fn token(secret: &str) -> Option<Self> {
        let (id, rest) = secret.strip_prefix("rct_")?.split_once('_')?;
        let fits = id.len() == 8 && rest.len() == 43 && secret.is_ascii();
        fits.then(|| Self::Token(hash_secret(secret)))
    }

    /// A session's secret that was made a moment ago.
    #[must_use]
    pub fn fresh(secret: &str) -> Self {
        Self::Session(hash_secret(secret))
    }

    /// A session cookie's value: 43 characters.
    #[must_use]
    pub fn session(secret: &str) -> Option<Self> {
        (secret.len() == 43 && secret.is_ascii()).then(|| Self::Session(hash_secret(secret)))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(…)",
            Self::Session(_) => "Session(…)",
        })
    }
}

/// Who is asking, and how they came in.
#[derive(Debug, Clone)]
pub struct Identity {
    pub actor: Actor,
    pub login: String,
    pub locale: Lang,
    pub via: Via,
    /// The note of its use that is due.
    pub touch: Option<Touch>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    Token { id: TokenId, scopes: Option<Vec<TokenScope>> },
    Session { id: SessionId, csrf_token: String },
}

impl Via {
    /// The session, where one was shown.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Session { id, .. } => Some(*id),
            Self::Token { .. } => None,
        }
    }
}

/// Whose use, and when, is to be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Token(TokenId, Instant),
    Session(SessionId, Instant),
}

impl Deref for Identity {
    type Target = Actor;

    fn deref(&self) -> &Actor {
        &self.actor
    }
}

/// # Errors
/// When it doesn't exist, has ended, or its user may no longer sign in.
pub fn identify(read: &mut Read<'_>, credential: &Credential, idle: Duration) -> Outcome<Identity> {
    match credential {
        Credential::Token(hash) => by_token(read, hash),
        Credential::Session(hash) => by_session(read, hash, idle),
    }
}

fn by_token(read: &mut Read<'_>, hash: &[u8; 32]) -> Outcome<Identity> {
    let found = tokens::by_hash(read.conn, hash)?.filter(|(token, user)| {
        let today = read.office.today(read.machine_now);
        let current = token.revoked_at.is_none() && token.expires_on.is_none_or(|last| today <= last);
        current && user.active && same(&token.hash, hash)
    });
    let Some((token, user)) = found else { return Err(Refusal::new(Code::TokenInvalid).into()) };
    let noted = token.last_used_at.is_some_and(|at| at.plus(TOKEN_NOTED_EVERY) > read.machine_now);
    let via = Via::Token { id: token.id, scopes: token.scope_list() };
    let touch = (!noted).then_some(Touch::Token(token.id, read.machine_now));
    identity(read, &user, via, touch)
}

fn by_session(read: &mut Read<'_>, hash: &[u8; 32], idle: Duration) -> Outcome<Identity> {
    let now = read.machine_now;
    let idle = TimeDelta::from_std(idle).unwrap_or(TimeDelta::MAX);
    let found = sessions::by_hash(read.conn, hash)?.filter(|(session, user)| {
        let current = session.expires_at > now && session.seen_at.plus(idle) > now;
        current && user.active && !user.service && same(&session.token_hash, hash)
    });
    let Some((session, user)) = found else { return Err(Refusal::new(Code::SignInRequired).into()) };
    let noted = session.seen_at.plus(SESSION_NOTED_EVERY.min(idle / 4)) > now;
    let via = Via::Session { id: session.id, csrf_token: session.csrf_token };
    identity(read, &user, via, (!noted).then_some(Touch::Session(session.id, now)))
}

fn same(held: &[u8], given: &[u8]) -> bool {
    held.ct_eq(given).into()
}

fn identity(read: &mut Read<'_>, user: &UserRow, via: Via, touch: Option<Touch>) -> Outcome<Identity> {
    Ok(Identity {
        actor: actor(read, user)?,
        login: user.login.clone(),
        locale: user.locale.parse().unwrap_or(Lang::Zh),
        via,
        touch,
    })
}

/// A user as an actor: their roles, and the rows that these let them see.
pub fn actor(read: &mut Read<'_>, user: &UserRow) -> Outcome<Actor> {
    let roles = user.role_list();
    let scope = match user.unit_id {
        _ if roles.iter().any(|role| role.reads_all()) => Scope::All,
        Some(unit) => Scope::Units(units::subtree(read.conn, unit)?),
        None => Scope::Units(Vec::<UnitId>::new()),
    };
    Ok(Actor { user_id: Some(user.id), name: user.name.clone(), unit_id: user.unit_id, roles, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shaped_like_a_secret_is_not_looked_up() {
        let secret = format!("rct_1a2b3c4d_{}", "x".repeat(43));
        assert_eq!(Credential::token(&secret), Some(Credential::Token(hash_secret(&secret))));
        for wrong in ["", "rct_", "rct_1a2b3c4d", "rct_1a2b3c4d_short", &format!("rcx_1a2b3c4d_{}", "x".repeat(43))] {
            assert_eq!(Credential::token(wrong), None, "{wrong}");
        }
        assert!(!format!("{:?}", Credential::token(&secret)).contains("1a2b3c4d"));
    }
}
