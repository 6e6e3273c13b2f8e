//! `/sandbox/clock`: time travel, in a sandbox only.

use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::routes::Routes;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::http::sandbox::Jump;
use actix_web::post;
use serde::Deserialize;

pub fn routes(config: &mut Routes<'_>) {
    config.service(set_clock);
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockIn {
    /// Not earlier than the clock shows.
    pub now: Instant,
}

/// Sets the sandbox's clock, where it stands from then on: one look at what is due there, and its mails. Outside a
/// sandbox it does not exist.
#[utoipa::path(tag = "sandbox", request_body = ClockIn, responses(
    (status = 200, body = Jump),
    (status = 404, description = "This is no sandbox")
))]
#[post("/sandbox/clock")]
pub async fn set_clock(call: Call, body: Body<ClockIn>) -> Answer {
    let turn = call.state.turn.clone();
    let Some(turn) = turn else {
        // Whoever is not even signed in learns nothing of that.
        call.let_in().await?;
        return Err(Refusal::new(Code::SandboxOnly).into());
    };
    let (who, given) = call.only(&[Role::Admin]).admit(body).await?;
    Ok(Reply::json(&turn(who.actor, given.now).await?)?)
}
