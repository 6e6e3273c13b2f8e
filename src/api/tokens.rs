//! `/tokens`: the caller's own access tokens, anybody's for the admin.

use crate::actions::tokens::{self, Limits, NewToken};
use crate::api::call::{Answer, Call, Reply, id};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging, Params};
use crate::api::routes::Routes;
use crate::queries::people::Via;
use crate::queries::users::{self as views, Token};
use actix_web::{delete, get, post, web};
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_tokens).service(create_token).service(revoke_token);
}

/// Whose tokens are meant.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Whose {
    /// Another user, by id or login: for the admin.
    pub user: Option<String>,
}

/// A new token with its secret.
#[derive(Serialize, utoipa::ToSchema)]
pub struct FreshToken {
    #[serde(flatten)]
    token: Token,
    /// Told here and never again: `rct_…`
    secret: String,
}

/// The caller's tokens, in the order in which they were made.
#[utoipa::path(tag = "session", params(Paging, Whose), responses((status = 200, body = ListOf<Token>)))]
#[get("/tokens")]
pub async fn list_tokens(call: Call, list: List<Whose>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list_tokens(read, who, filter.user.as_deref(), &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Makes a token. Its secret is in this answer and nowhere else.
#[utoipa::path(tag = "session", params(Whose), request_body = NewToken, responses((status = 201, body = FreshToken)))]
#[post("/tokens")]
pub async fn create_token(call: Call, whose: Params<Whose>, body: Body<NewToken>) -> Answer {
    call.write((whose, body), |tx, who, (whose, new)| {
        let user = views::whose(&mut tx.read(), who, whose.user.as_deref())?;
        let own = match who.via {
            Via::Token { id, .. } => Some(views::get_token(&mut tx.read(), id)?),
            Via::Session { .. } => None,
        };
        let within = own.map_or_else(Limits::default, |own| Limits { scopes: own.scopes, expires_on: own.expires_on });
        let made = tokens::create(tx, who, user, within.onto(new)?)?;
        let token = views::get_token(&mut tx.read(), made.id)?;
        let (location, version) = (format!("/api/v1/tokens/{}", made.id), token.version);
        Reply::created(location, &FreshToken { token, secret: made.secret }, version)
    })
    .await
}

/// Revokes a token: it stops working at once.
#[utoipa::path(tag = "session", responses((status = 204)))]
#[delete("/tokens/{id}")]
pub async fn revoke_token(call: Call, path: web::Path<String>) -> Answer {
    call.write((), move |tx, who, ()| {
        tokens::revoke(tx, who, id(&path)?)?;
        Ok(Reply::nothing())
    })
    .await
}
