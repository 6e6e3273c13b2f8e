//! Mails that went out: the list, and one as it was received.

use actix_web::web::ServiceConfig;

pub fn configure(_config: &mut ServiceConfig) {}
