//! The server: what every request passes on its way in and out, its time limits, and how it stops.

use crate::actions::sign_in;
use crate::http::context::Context;
use crate::http::problem::{self, Fault};
use crate::http::state::State;
use crate::http::{headers, health, metrics};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Server, ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, HttpMessage, HttpResponse, HttpServer};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tracing::{Instrument, Span};

/// A client that hasn't sent its headers by then is let go.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const KEPT_ALIVE: Duration = Duration::from_secs(75);
/// After the signal to stop, requests under way have this long.
const STOP_WITHIN_SECONDS: u64 = 30;
const SWEEP_EVERY: Duration = Duration::from_hours(1);

/// Serves until the process is told to stop (SIGTERM, SIGINT); requests under way are answered first.
///
/// # Errors
/// When the address can't be listened on.
pub async fn run<F>(state: State, listen: SocketAddr, configure: F) -> io::Result<()>
where
    F: Fn(&mut ServiceConfig) + Send + Clone + 'static,
{
    let listener = TcpListener::bind(listen)?;
    start(state, listener, configure)?.await
}

/// A server on a listener that is already bound; it works while it is awaited or spawned. `configure` registers the
/// doors: the REST interface, then the pages.
///
/// # Errors
/// When the listener can't be used.
pub fn start<F>(state: State, listener: TcpListener, configure: F) -> io::Result<Server>
where
    F: Fn(&mut ServiceConfig) + Send + Clone + 'static,
{
    sweep_now_and_then(state.clone());
    drop(tokio::task::spawn_blocking(sign_in::prepare));
    let workers = state.settings.workers;
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(from_fn(frame))
            .service(health::get_health)
            .service(health::get_readiness)
            .service(metrics::get_metrics)
            .configure(configure.clone())
    })
    .client_request_timeout(HEADERS_WITHIN)
    .keep_alive(KEPT_ALIVE)
    .shutdown_timeout(STOP_WITHIN_SECONDS);
    if workers > 0 {
        server = server.workers(workers);
    }
    Ok(server.listen(listener)?.run())
}

fn sweep_now_and_then(state: State) {
    actix_web::rt::spawn(async move {
        let mut hours = tokio::time::interval(SWEEP_EVERY);
        loop {
            hours.tick().await;
            if let Err(error) = state.world.write(sign_in::sweep).await {
                tracing::warn!(%error, "old sessions and kept answers stay for now");
            }
        }
    });
}

/// Around every request: its context and log lines, the words of its failure, the headers of its answer.
async fn frame(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<State>().cloned() else {
        return Err(actix_web::error::ErrorInternalServerError("no state"));
    };
    let context = Context::new(&request, &state);
    request.extensions_mut().insert(context.clone());
    if request.method() == Method::HEAD {
        // The answer's body is left out further down, where the request was read.
        request.head_mut().method = Method::GET;
    }
    let started = tokio::time::Instant::now();
    let span = span(&context);
    let outcome = next.call(request).instrument(span.clone()).await;
    let _entered = span.enter();
    let mut answer = match outcome {
        Ok(answer) => worded(answer.map_into_boxed_body(), &context),
        Err(error) => {
            let mut response = failure(Some(&error), error.as_response_error().status_code(), &context);
            finish(response.headers_mut(), &context, &state);
            return Err(InternalError::from_response(error, response).into());
        }
    };
    finish(answer.headers_mut(), &context, &state);
    log(&answer, &context, started.elapsed());
    state.metrics.answered(&answer, &context.method, started.elapsed());
    Ok(answer)
}

fn span(context: &Context) -> Span {
    tracing::info_span!(
        "request",
        request.id = context.request_id,
        trace.id = context.trace_id,
        http.method = context.method,
        http.path = context.path
    )
}

/// A refused request gets its words here, unless whoever refused it found some already.
fn worded(answer: ServiceResponse<BoxBody>, context: &Context) -> ServiceResponse<BoxBody> {
    let status = answer.status();
    let failed = status.is_client_error() || status.is_server_error();
    let silent = answer.response().error().is_some() || !answer.headers().contains_key(CONTENT_TYPE);
    if !failed || !silent {
        return answer;
    }
    let response = failure(answer.response().error(), status, context);
    answer.into_response(response)
}

fn failure(error: Option<&Error>, status: actix_web::http::StatusCode, context: &Context) -> HttpResponse {
    let Some(fault) = error.and_then(Error::as_error::<Fault>) else {
        if status.is_server_error() {
            let error = error.map(ToString::to_string);
            tracing::error!(request.id = context.request_id, error, "failed outside our handlers");
        }
        return problem::response(&problem::foreign(error, status, context), context);
    };
    let mut response = problem::response(&problem::told(&fault.failure, context), context);
    for (name, value) in &fault.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn finish(answer: &mut HeaderMap, context: &Context, state: &State) {
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        answer.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers::complete(answer, state.settings.https);
}

/// Looks are the bulk and say little; changes and failures of ours are worth a line.
fn log(answer: &ServiceResponse<BoxBody>, context: &Context, took: Duration) {
    let status = answer.status().as_u16();
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if context.method == "GET" || context.method == "HEAD" {
        tracing::debug!(http.status = status, took_ms, "answered");
    } else {
        tracing::info!(http.status = status, took_ms, "answered");
    }
}
