//! `/me`: who is asking, and their own password.

use crate::actions::sign_in;
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::routes::Routes;
use crate::queries::users::{self, Me};
use actix_web::{get, post};
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(get_me).service(change_password);
}

#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordIn {
    old_password: String,
    /// 12 to 256 characters, without the login.
    new_password: String,
}

/// The caller: roles, unit, language, and the form token of their session.
#[utoipa::path(tag = "session", responses((status = 200, body = Me)))]
#[get("/me")]
pub async fn get_me(call: Call) -> Answer {
    call.read((), |read, who, ()| {
        let me = users::me(read, who)?;
        Reply::row(&me, me.version)
    })
    .await
}

/// Changes the caller's own password. Their other sessions end; tokens stay. A repeat finds the old password changed,
/// whatever its `Idempotency-Key`.
#[utoipa::path(tag = "session", request_body = PasswordIn, responses((status = 204)))]
#[post("/me/password")]
pub async fn change_password(call: Call, body: Body<PasswordIn>) -> Answer {
    let state = call.state.clone();
    let (who, given) = call.admit(body).await?;
    let words = (given.old_password, given.new_password);
    sign_in::change_password(&state.world, &state.hashing, &who, who.via.session(), words).await?;
    Ok(Reply::nothing())
}
