//! `/audit`: the record, and its proof.

use crate::api::call::{Answer, Call, Reply};
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::audit::{self, Verdict};
use crate::queries::record::{self, RecordOut, RecordQuery};
use actix_web::get;

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_audit).service(verify_audit);
}

/// Every event of every timeline, newest first.
#[utoipa::path(tag = "audit", params(Paging, RecordQuery), responses((status = 200, body = ListOf<RecordOut>)))]
#[get("/audit")]
pub async fn list_audit(call: Call, list: List<RecordQuery>) -> Answer {
    let call = call.only(&[Role::Admin, Role::Viewer]);
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = record::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Walks every checkpoint and every chain of events, and names the first link that does not hold.
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
