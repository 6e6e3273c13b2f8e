//! Access tokens: made and revoked by their user, or by the admin for anybody.

use crate::actions::record::record;
use crate::actions::sign_in::new_secret;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE};
use crate::domain::id::{TokenId, UserId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::secret::{hash_secret, token_prefix};
use crate::domain::vocabulary::{Role, TokenScope};
use crate::store::tokens::TokenRow;
use crate::store::{tokens, users};
use crate::transaction::{Outcome, Tx};
use chrono::NaiveDate;
use serde::Deserialize;
use serde_json::json;

/// A token to be made.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    #[serde(default)]
    #[schema(required = true)]
    pub name: String,
    /// The last day on which it works; left out, it works until it is revoked.
    pub expires_on: Option<NaiveDate>,
    /// What it is limited to; left out, all that the user may do. Every token may read.
    pub scopes: Option<Vec<TokenScope>>,
}

/// What a token that makes another is limited to itself: the new one can do no more, and lives no longer.
#[derive(Debug, Default)]
pub struct Limits {
    pub scopes: Option<Vec<TokenScope>>,
    pub expires_on: Option<NaiveDate>,
}

impl Limits {
    /// The new token within these limits; what it leaves out is as here.
    ///
    /// # Errors
    /// When it asks for more.
    pub fn onto(self, new: NewToken) -> Result<NewToken, Refusal> {
        let mut check = Check::new();
        let reason =
            || Arg::both("不能超出所用令牌自己的权限和期限", "no more than the token that makes it has itself");
        if let (Some(own), Some(asked)) = (&self.scopes, &new.scopes)
            && asked.iter().any(|scope| !own.contains(scope))
        {
            check.fault(Fault::at("/scopes", Code::FieldNotAllowed).with("reason", reason()));
        }
        if self.expires_on.zip(new.expires_on).is_some_and(|(own, asked)| asked > own) {
            check.fault(Fault::at("/expires_on", Code::FieldNotAllowed).with("reason", reason()));
        }
        let scopes = new.scopes.clone().or(self.scopes);
        let expires_on = new.expires_on.or(self.expires_on);
        check.done(NewToken { expires_on, scopes, ..new })
    }
}

/// A new token and its secret, which is told here and never again.
#[derive(Debug)]
pub struct Made {
    pub id: TokenId,
    pub secret: String,
}

/// For `user`; the caller has made sure that the actor may.
///
/// # Errors
/// When a field is not valid, or the user is gone.
pub fn create(tx: &mut Tx<'_>, actor: &Actor, user: UserId, new: NewToken) -> Outcome<Made> {
    let mut check = Check::new();
    let name = check.line("/name", &new.name, LINE);
    let today = tx.office.today(tx.machine_now);
    if new.expires_on.is_some_and(|on| on < today) {
        check.fault(Fault::at("/expires_on", Code::FieldPast).with("today", today));
    }
    if new.scopes.as_ref().is_some_and(Vec::is_empty) {
        check.fault(Fault::at("/scopes", Code::FieldRequired));
    }
    check.done(())?;
    users::lock(tx.conn, user)?.ok_or_else(Refusal::missing)?;
    let id: TokenId = tx.id();
    let secret = format!("{}{}", token_prefix(id), new_secret()?);
    let row = TokenRow {
        id,
        user_id: user,
        name,
        hash: hash_secret(&secret).to_vec(),
        scopes: new.scopes.map(words),
        created_at: tx.machine_now,
        expires_on: new.expires_on,
        last_used_at: None,
        revoked_at: None,
    };
    tokens::insert(tx.conn, &row)?;
    let facts = json!({"token": id, "name": row.name, "scopes": row.scopes, "expires_on": row.expires_on});
    record(tx, actor, Stream::User(user), "token.created", &facts)?;
    Ok(Made { id, secret })
}

/// From now on it is not there.
///
/// # Errors
/// When it isn't there, or is another's and the actor no admin.
pub fn revoke(tx: &mut Tx<'_>, actor: &Actor, id: TokenId) -> Outcome<()> {
    let row = tokens::find(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    if actor.user_id != Some(row.user_id) && actor.require(&[Role::Admin]).is_err() {
        return Err(Refusal::missing().into());
    }
    users::lock(tx.conn, row.user_id)?;
    tokens::revoke(tx.conn, id, tx.machine_now)?;
    record(tx, actor, Stream::User(row.user_id), "token.revoked", &json!({"token": id, "name": row.name}))?;
    Ok(())
}

fn words(mut scopes: Vec<TokenScope>) -> String {
    scopes.sort();
    scopes.dedup();
    scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ")
}
