//! `/me`: who is asking.

use crate::api::call::{Answer, Call, Reply};
use crate::api::routes::Routes;
use crate::queries::users::{self, Me};
use actix_web::get;

pub fn routes(config: &mut Routes<'_>) {
    config.service(get_me);
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
