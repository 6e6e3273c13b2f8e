//! The sandbox's clock, set by its admin from the banner of every page.

use crate::domain::refusal::Refusal;
use crate::web::form::Sent;
use crate::web::visit::Visit;
use actix_web::HttpResponse;

/// `POST /sandbox/clock`
pub async fn post_clock(visit: Visit, sent: Sent) -> HttpResponse {
    match sent.0 {
        Ok(_) => visit.refused(&Refusal::missing().into()).await,
        Err(failure) => visit.refused(&failure).await,
    }
}
