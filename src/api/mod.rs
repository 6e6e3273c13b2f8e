//! REST: one file per resource; `call` is the road that each takes into the database, the others the conventions.
//!
//! A new resource is a file like `units.rs` with its `routes`, and one line in `resources` below.

pub mod attachments;
pub mod audit;
pub mod calendars;
pub mod call;
pub mod docs;
pub mod engine;
pub mod etag;
pub mod feedback;
pub mod findings;
pub mod idempotency;
pub mod json;
pub mod me;
pub mod messages;
pub mod notices;
pub mod openapi;
pub mod overview;
pub mod page;
pub mod params;
pub mod reminder_rules;
pub mod reminders;
pub mod requests;
pub mod routes;
pub mod sandbox;
pub mod session;
mod shape;
pub mod statistics;
pub mod tickets;
pub mod tokens;
pub mod units;
pub mod users;

use crate::api::routes::Routes;
use crate::domain::refusal::{Code, Refusal};
use crate::http::problem::Fault;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where everything of version 1 lies.
pub const BASE: &str = "/api/v1";

/// Registers the interface, its document and its reader.
pub fn configure(config: &mut web::ServiceConfig) {
    let resources = |server: &mut web::ServiceConfig| resources(&mut Routes::serving(server));
    config.service(web::scope(BASE).configure(resources).default_service(web::to(unknown)));
    config
        .service(docs::get_document)
        .service(docs::get_reader)
        .service(docs::get_reader_style)
        .service(docs::get_reader_script);
    config.default_service(web::to(unknown));
}

/// Every route below `BASE`.
pub(crate) fn resources(config: &mut Routes<'_>) {
    config.configure(session::routes).configure(me::routes).configure(tokens::routes);
    config.configure(users::routes).configure(units::routes).configure(attachments::routes);
    config.configure(notices::routes).configure(findings::routes);
    config.configure(tickets::routes).configure(requests::routes).configure(feedback::routes);
    config.configure(statistics::routes);
    config.configure(overview::routes).configure(calendars::routes).configure(audit::routes);
    config
        .configure(reminder_rules::routes)
        .configure(reminders::routes)
        .configure(messages::routes)
        .configure(engine::routes)
        .configure(sandbox::routes);
}

/// No such address, or one that doesn't know the method.
async fn unknown(request: HttpRequest) -> Result<HttpResponse, Fault> {
    let (path, method) = (request.path(), request.method());
    let known = openapi::methods(path);
    if known.is_empty() {
        return Err(Refusal::new(Code::RouteUnknown).with("path", path).into());
    }
    let refusal = Refusal::new(Code::MethodNotAllowed).with("path", path).with("method", method);
    Err(Fault::from(refusal).with_header("allow", known.join(", ")))
}
