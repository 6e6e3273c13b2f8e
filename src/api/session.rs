//! `/session`: signing in and out with a password, for browsers.

use crate::actions::sign_in;
use crate::api::call::{Answer, Call, Input, Reply, id};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::api::tokens::Whose;
use crate::http::identity::{Credentials, ended_cookie, session_cookie};
use crate::http::origin;
use crate::http::state::State;
use crate::queries::people::{Credential, Via};
use crate::queries::sessions::{self, SessionOut};
use crate::queries::users::{self, Me};
use actix_web::{HttpRequest, delete, get, post, web};
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(create_session).service(end_session).service(list_sessions).service(revoke_session);
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    login: String,
    password: String,
}

/// Signs in: the answer sets the session's cookie and tells the form token. A repeat is a new session, whatever its
/// `Idempotency-Key`: no answer that holds a secret is kept.
#[utoipa::path(tag = "session", security(()), request_body = SignIn, responses((status = 201, body = Me)))]
#[post("/session")]
pub async fn create_session(state: State, request: HttpRequest, body: Body<SignIn>) -> Answer {
    origin::check(&request, &state)?;
    let from = origin::address(&request, &state.settings.trusted_proxies);
    let SignIn { login, password } = body.settle()?;
    let signed_in = state.sign_in(from, &login, password).await?;
    let credential = Credential::fresh(&signed_in.secret);
    let credentials = Credentials { credential, csrf: None, asked: String::new(), foreign: false };
    let reply = state
        .read(&credentials, |read, who| {
            let me = users::me(read, who)?;
            Reply::created("/api/v1/me", &me, me.version)
        })
        .await?;
    Ok(reply.with_header("set-cookie", session_cookie(&state, signed_in.secret).to_string()))
}

/// Signs out: the session ends here and its cookie goes. A token stays as it is.
#[utoipa::path(tag = "session", responses((status = 204)))]
#[delete("/session")]
pub async fn end_session(call: Call) -> Answer {
    let cookie = ended_cookie(&call.state).to_string();
    call.write((), |tx, who, ()| {
        if let Via::Session { id, .. } = who.via {
            sign_in::sign_out(tx, who, id)?;
        }
        Ok(Reply::nothing().with_header("set-cookie", cookie))
    })
    .await
}

/// The caller's sessions that have not ended, in the order in which they were begun.
#[utoipa::path(tag = "session", params(Paging, Whose), responses((status = 200, body = ListOf<SessionOut>)))]
#[get("/sessions")]
pub async fn list_sessions(call: Call, list: List<Whose>) -> Answer {
    let idle = call.state.settings.sessions.idle;
    call.read(list, move |read, who, Listed { page, filter }| {
        let slice = sessions::list(read, who, idle, filter.user.as_deref(), &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Ends a session, here or in another browser: whoever holds its cookie is out at once.
#[utoipa::path(tag = "session", responses((status = 204)))]
#[delete("/sessions/{id}")]
pub async fn revoke_session(call: Call, path: web::Path<String>) -> Answer {
    call.write((), move |tx, who, ()| {
        sign_in::end_session(tx, who, id(&path)?)?;
        Ok(Reply::nothing())
    })
    .await
}
