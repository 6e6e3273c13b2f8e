//! `/session`: signing in and out with a password, for browsers.

use crate::actions::sign_in;
use crate::api::call::{Answer, Call, Input, Reply};
use crate::api::json::Body;
use crate::api::routes::Routes;
use crate::http::identity::{Credentials, ended_cookie, session_cookie};
use crate::http::state::State;
use crate::queries::people::{Credential, Via};
use crate::queries::users::{self, Me};
use actix_web::{delete, post};
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(create_session).service(end_session);
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
pub async fn create_session(state: State, body: Body<SignIn>) -> Answer {
    let SignIn { login, password } = body.settle()?;
    let limits = state.settings.sessions;
    let signed_in = sign_in::sign_in(&state.world, &state.hashing, limits, &login, password).await?;
    let credentials =
        Credentials { credential: Credential::fresh(&signed_in.secret), csrf: None, asked: String::new() };
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
