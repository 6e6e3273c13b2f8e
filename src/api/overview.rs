//! `/overview`: the desk's figures.

use crate::api::call::{Answer, Call, Reply};
use crate::queries::overview::{self, Overview};
use actix_web::get;
use utoipa_actix_web::service_config::ServiceConfig;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(get_overview);
}

/// How much there is of what, within the reader's sight, each figure with the list behind it.
#[utoipa::path(tag = "desk", responses((status = 200, body = Overview)))]
#[get("/overview")]
pub async fn get_overview(call: Call) -> Answer {
    call.read((), |read, who, ()| Reply::json(&overview::overview(read, who)?)).await
}
