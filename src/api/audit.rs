//! `/audit`: proves the record.

use crate::api::call::{Answer, Call, Reply};
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::audit::{self, Verdict};
use actix_web::get;

pub fn routes(config: &mut Routes<'_>) {
    config.service(verify_audit);
}

/// Walks every chain of events and names the first link that does not hold.
#[utoipa::path(tag = "audit", responses((status = 200, body = Verdict)))]
#[get("/audit/verify")]
pub async fn verify_audit(call: Call) -> Answer {
    let call = call.only(&[Role::Admin, Role::Viewer]);
    call.read((), |read, who, ()| {
        who.require(&[Role::Admin, Role::Viewer])?;
        Reply::json(&audit::verify(read)?)
    })
    .await
}
