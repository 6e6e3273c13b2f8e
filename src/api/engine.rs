//! `/engine`: how reminders and mail are doing, and the word of an admin that a clock is right.

use crate::actions::clock;
use crate::api::call::{Answer, Call, Reply};
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::engine::{self, EngineOut};
use actix_web::{get, post};

pub fn routes(config: &mut Routes<'_>) {
    config.service(get_engine).service(accept_clock);
}

/// The last look, mail that waits or is lost, pauses and holds.
#[utoipa::path(tag = "messages", responses((status = 200, body = EngineOut)))]
#[get("/engine")]
pub async fn get_engine(call: Call) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read((), |read, who, ()| Reply::json(&engine::get(read, who)?)).await
}

/// The clock leapt by more than two days, so nothing was sent; its time is right all the same.
#[utoipa::path(tag = "messages", responses((status = 200, body = EngineOut)))]
#[post("/engine/accept-clock")]
pub async fn accept_clock(call: Call) -> Answer {
    let call = call.only(&[Role::Admin]);
    call.write((), |tx, who, ()| {
        clock::accept(tx, who)?;
        Reply::json(&engine::get(&mut tx.read(), who)?)
    })
    .await
}
