//! `/overview`: the desk's figures.

use crate::api::call::{Answer, Call, Reply};
use crate::api::routes::Routes;
use crate::queries::overview::{self, Overview};
use actix_web::get;

pub fn routes(config: &mut Routes<'_>) {
    config.service(get_overview);
}

/// How much there is of what, within the reader's sight, each figure with the list behind it.
#[utoipa::path(tag = "desk", responses((status = 200, body = Overview)))]
#[get("/overview")]
pub async fn get_overview(call: Call) -> Answer {
    call.read((), |read, who, ()| Reply::json(&overview::overview(read, who)?)).await
}
