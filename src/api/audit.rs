//! `/audit`: proves the record.

use crate::api::call::{Answer, Call, Reply};
use crate::domain::vocabulary::Role;
use crate::queries::audit::{self, Verdict};
use actix_web::get;
use utoipa_actix_web::service_config::ServiceConfig;

pub fn routes(config: &mut ServiceConfig<'_>) {
    config.service(verify_audit);
}

/// Walks every chain of events and names the first link that does not hold.
#[utoipa::path(tag = "audit", responses((status = 200, body = Verdict)))]
#[get("/audit/verify")]
pub async fn verify_audit(call: Call) -> Answer {
    call.read((), |read, who, ()| {
        who.require(&[Role::Admin, Role::Viewer])?;
        Reply::json(&audit::verify(read)?)
    })
    .await
}
