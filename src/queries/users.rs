//! Users and their tokens, for the admin and for themselves.

use crate::domain::actor::Actor;
use crate::domain::id::{TokenId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::secret::token_prefix;
use crate::domain::vocabulary::{Role, TokenScope};
use crate::domain::words::Lang;
use crate::queries::page::{Ask, Slice};
use crate::queries::people::{Identity, Via};
use crate::queries::units::{self, UnitRef};
use crate::store::tokens::TokenRow;
use crate::store::users::{UserFilter, UserRow};
use crate::store::{tokens, users};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A person of a unit, or a service account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct User {
    pub id: UserId,
    pub login: String,
    pub name: String,
    #[schema(required = true)]
    pub email: Option<String>,
    #[schema(required = true)]
    pub unit_id: Option<UnitId>,
    pub roles: Vec<Role>,
    pub locale: String,
    pub active: bool,
    pub service: bool,
    #[schema(required = true)]
    pub deputy: Option<Deputy>,
    pub version: i64,
}

/// Who stands in, both days included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Deputy {
    pub user_id: UserId,
    #[schema(required = true)]
    pub from: Option<NaiveDate>,
    #[schema(required = true)]
    pub to: Option<NaiveDate>,
}

/// What a list of users is narrowed to.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// Of one or more units: ids or codes.
    pub unit: Vec<String>,
    /// With one or more roles.
    pub role: Vec<Role>,
    pub active: Option<bool>,
    /// Part of login, name or e-mail.
    pub q: Option<String>,
}

/// An access token; its secret is told only when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    /// How its secret begins, to recognise it by.
    pub prefix: String,
    pub user_id: UserId,
    /// `null`: all that the user may do.
    #[schema(required = true)]
    pub scopes: Option<Vec<TokenScope>>,
    /// The last day on which it works.
    #[schema(required = true)]
    pub expires_on: Option<NaiveDate>,
    pub created_at: Instant,
    /// Noted once an hour.
    #[schema(required = true)]
    pub last_used_at: Option<Instant>,
    pub version: i64,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Me {
    pub id: UserId,
    pub login: String,
    pub name: String,
    #[schema(required = true)]
    pub email: Option<String>,
    #[schema(required = true)]
    pub unit: Option<UnitRef>,
    pub roles: Vec<Role>,
    /// An account of a program: it has tokens and never signs in.
    pub service: bool,
    pub locale: Lang,
    /// For the header `X-CSRF-Token` of changes; `null` for a token, which needs none.
    #[schema(required = true)]
    pub csrf_token: Option<String>,
    /// What the token is limited to; `null` for all that the user may do.
    #[schema(required = true)]
    pub scopes: Option<Vec<TokenScope>>,
    pub version: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        let deputy = row.deputy_id.map(|id| Deputy { user_id: id, from: row.deputy_from, to: row.deputy_to });
        Self {
            roles: row.role_list(),
            id: row.id,
            login: row.login,
            name: row.name,
            email: row.email,
            unit_id: row.unit_id,
            locale: row.locale,
            active: row.active,
            service: row.service,
            deputy,
            version: row.version,
        }
    }
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        Self {
            prefix: token_prefix(row.id),
            scopes: row.scope_list(),
            id: row.id,
            name: row.name,
            user_id: row.user_id,
            expires_on: row.expires_on,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            version: 1,
        }
    }
}

/// In the order of logins.
///
/// # Errors
/// When the actor is no admin.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: UserQuery, ask: &Ask) -> Outcome<Slice<User>> {
    actor.require(&[Role::Admin])?;
    let units = query.unit.iter().map(|text| units::referred(read, "unit", text)).collect::<Outcome<Vec<_>>>()?;
    let filter = UserFilter { units, active: query.active, roles: query.role, text: query.q };
    let after: Option<String> = ask.after()?;
    let rows = users::list(read.conn, &filter, after.as_deref(), ask.fetch())?;
    let total = if ask.count { Some(users::count(read.conn, &filter)?) } else { None };
    Ok(ask.slice(rows, total, |row| row.login.clone()).map(User::from))
}

/// By id or login.
///
/// # Errors
/// When the actor is no admin, or there is none.
pub fn get(read: &mut Read<'_>, actor: &Actor, id_or_login: &str) -> Outcome<User> {
    actor.require(&[Role::Admin])?;
    Ok(users::find_by_key(read.conn, id_or_login)?.ok_or_else(Refusal::missing)?.into())
}

/// Whose tokens are meant: one's own, or another's for the admin.
///
/// # Errors
/// When another's are asked for by somebody else, or there is no such user.
pub fn whose(read: &mut Read<'_>, actor: &Actor, user: Option<&str>) -> Outcome<UserId> {
    let own = actor.user_id.ok_or_else(Refusal::missing)?;
    let Some(key) = user else { return Ok(own) };
    let found = users::find_by_key(read.conn, key)?.map(|user| user.id);
    if found == Some(own) {
        return Ok(own);
    }
    actor.require(&[Role::Admin])?;
    let missing = || {
        let place = Place::Parameter("user".to_owned());
        Refusal::field(Fault::new(place, Code::FieldReference).with("value", key))
    };
    Ok(found.ok_or_else(missing)?)
}

/// Tokens that work or have expired, in the order in which they were made.
///
/// # Errors
/// As `whose`.
pub fn list_tokens(read: &mut Read<'_>, actor: &Actor, user: Option<&str>, ask: &Ask) -> Outcome<Slice<Token>> {
    let user = whose(read, actor, user)?;
    let rows = tokens::list(read.conn, user, ask.after()?, ask.fetch())?;
    let total = if ask.count { Some(tokens::count(read.conn, user)?) } else { None };
    Ok(ask.slice(rows, total, |row| row.id).map(Token::from))
}

/// # Errors
/// When it isn't there any more.
pub fn get_token(read: &mut Read<'_>, id: TokenId) -> Outcome<Token> {
    Ok(tokens::find(read.conn, id)?.ok_or_else(Refusal::missing)?.into())
}

/// Who is asking, as they want to know it.
///
/// # Errors
/// When they are gone.
pub fn me(read: &mut Read<'_>, who: &Identity) -> Outcome<Me> {
    let id = who.user_id.ok_or_else(Refusal::missing)?;
    let user = users::find(read.conn, id)?.ok_or_else(Refusal::missing)?;
    let unit = match user.unit_id {
        Some(id) => crate::store::units::find(read.conn, id)?.map(UnitRef::from),
        None => None,
    };
    let (csrf_token, scopes) = match &who.via {
        Via::Session { csrf_token, .. } => (Some(csrf_token.clone()), None),
        Via::Token { scopes, .. } => (None, scopes.clone()),
    };
    Ok(Me {
        id,
        login: user.login,
        name: user.name,
        email: user.email,
        unit,
        roles: who.roles.clone(),
        service: user.service,
        locale: who.locale,
        csrf_token,
        scopes,
        version: user.version,
    })
}
