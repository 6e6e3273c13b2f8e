//! `/metrics`: figures for Prometheus, in its text format 0.0.4. On the main listener for the office's roles; on a listener
//! of its own, where the settings name one, for whoever reaches that.
//!
//! A scrape asks the database as little as `/readyz` does, and the number of series has a bound.

use crate::domain::instant::Instant;
use crate::domain::vocabulary::Role;
use crate::http::identity::Credentials;
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::queries::engine::{self, EngineOut};
use crate::store::outbox::OPEN;
use crate::transaction::Failure;
use actix_web::dev::{ServerHandle, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{App, HttpResponse, HttpServer, get, web};
use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Seconds. What takes longer than the last is worth a look whatever it is.
const BUCKETS: [f64; 4] = [0.025, 0.1, 0.5, 2.5];
/// Kinds of requests that are told apart; each has a series for every bucket and three more. Further ones are `other`.
const KINDS: usize = 60;
const ATTEMPTS: usize = 40;

/// Names and values of one series' labels.
type Labels = Vec<(&'static str, String)>;

/// Attempts to deliver by this process: phase in which they ended, result, number.
pub type Attempts = Arc<dyn Fn() -> Vec<(&'static str, &'static str, u64)> + Send + Sync>;

/// What this process counts.
#[derive(Default)]
pub struct Metrics {
    requests: Requests,
    attempts: OnceLock<Attempts>,
}

struct Requests {
    took: Family<Labels, Histogram>,
    kinds: Mutex<BTreeSet<Labels>>,
}

impl Default for Requests {
    fn default() -> Self {
        Self { took: Family::new_with_constructor(|| Histogram::new(BUCKETS)), kinds: Mutex::default() }
    }
}

impl Metrics {
    /// Where attempts to deliver are counted; told once, by whoever starts the engine.
    pub fn count_attempts(&self, attempts: Attempts) {
        // A second engine in one process there is not.
        let _ = self.attempts.set(attempts);
    }

    /// A request that was answered.
    pub fn answered<B>(&self, answer: &ServiceResponse<B>, method: &str, took: Duration) {
        // The pattern, never the path: that holds ids, and anybody can ask for anything.
        let route = answer.request().match_pattern().unwrap_or_else(|| "unknown".to_owned());
        self.requests.observe(route, method, answer.status().as_u16(), took);
    }
}

impl Requests {
    fn observe(&self, route: String, method: &str, status: u16, took: Duration) {
        let labels = |route: String, method: &str| -> Labels {
            vec![("route", route), ("method", method.to_owned()), ("status", format!("{}xx", status / 100))]
        };
        let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        let method = if known.iter().any(|known| known.as_str() == method) { method } else { "other" };
        let mut kind = labels(route, method);
        if !self.is_told_apart(&kind) {
            kind = labels("other".to_owned(), "other");
        }
        self.took.get_or_create(&kind).observe(took.as_secs_f64());
    }

    fn is_told_apart(&self, kind: &Labels) -> bool {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.contains(kind) || (kinds.len() < KINDS && kinds.insert(kind.clone()))
    }
}

/// Figures for Prometheus. On the listener of `server.metrics_listen` they need no sign-in.
#[utoipa::path(tag = "service", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = 401, description = "Nobody is signed in, or not any more"),
    (status = 403, description = "Only the office reads them"),
    (status = 503, description = "The database does not answer")
))]
#[get("/metrics")]
pub async fn get_metrics(state: State, credentials: Credentials) -> Result<HttpResponse, Fault> {
    let engine = state
        .read(&credentials, |read, who| {
            who.require(&Role::OFFICE)?;
            engine::state(read)
        })
        .await?;
    Ok(told(&state, &engine)?)
}

/// The same for whoever reaches the listener.
async fn get_openly(state: State) -> Result<HttpResponse, Fault> {
    let engine = state.world.read(engine::state).await?;
    Ok(told(&state, &engine)?)
}

/// A listener of its own that knows `/metrics` and nothing else.
pub struct Watched(ServerHandle);

impl Watched {
    pub async fn stop(self) {
        self.0.stop(false).await;
    }
}

/// Listens beside the server. On a thread that runs local tasks.
///
/// # Errors
/// When the listener can't be used.
pub fn watch(state: State, listener: TcpListener) -> std::io::Result<Watched> {
    let server =
        HttpServer::new(move || App::new().app_data(state.clone()).route("/metrics", web::get().to(get_openly)));
    // Whoever stops the server stops this one; it has nothing to end.
    let server = server.workers(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    Ok(Watched(handle))
}

fn told(state: &State, engine: &EngineOut) -> Result<HttpResponse, Failure> {
    let mut text = String::new();
    prometheus_text::encode(&mut text, &registry(&state.metrics, engine))
        .map_err(|fault| Failure::broken(format!("figures can't be written: {fault}")))?;
    Ok(HttpResponse::Ok().content_type(KIND).insert_header((CACHE_CONTROL, "no-store")).body(text))
}

fn seconds_since(engine: &EngineOut, at: Instant) -> f64 {
    (engine.now.utc() - at.utc()).as_seconds_f64().max(0.0)
}

fn registry(metrics: &Metrics, engine: &EngineOut) -> Registry {
    let mut registry = Registry::with_prefix("rectify");
    let build: Labels = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    registry.register("build", "What runs here", Info::new(build));
    let requests = metrics.requests.took.clone();
    registry.register("http_request_duration_seconds", "Requests by route, method and kind of status", requests);

    let outbox = Family::<Labels, Gauge>::default();
    for state in OPEN {
        let count = engine.mail.by_state.get(&state).copied().unwrap_or_default();
        outbox.get_or_create(&vec![("state", state.to_string())]).set(count);
    }
    registry.register("outbox_messages", "Mails that are not done with, by state", outbox);
    let waited = engine.mail.oldest_due_at.map_or(0.0, |at| seconds_since(engine, at));
    registry.register(
        "outbox_oldest_due_seconds",
        "How long the longest-waiting mail is late",
        ConstGauge::new(waited),
    );
    if let Some(at) = engine.looked_at {
        let lag = ConstGauge::new(seconds_since(engine, at));
        registry.register("reminder_lag_seconds", "Since the last look at the reminders that was noted", lag);
    }
    let is_held = i64::from(engine.clock_hold.is_some());
    registry.register("clock_held", "1 while a clock that leapt is not believed", ConstGauge::new(is_held));
    let is_paused = i64::from(engine.pause.is_some());
    registry.register("mail_paused", "1 while the mail channel rests after a fault", ConstGauge::new(is_paused));

    let attempts = Family::<Labels, Counter>::default();
    let counted = metrics.attempts.get().map(|attempts| attempts()).unwrap_or_default();
    for (phase, result, count) in counted.into_iter().take(ATTEMPTS) {
        attempts.get_or_create(&vec![("phase", phase.to_owned()), ("result", result.to_owned())]).inc_by(count);
    }
    registry.register("smtp_attempts", "Attempts to deliver by this process: where they ended, and how", attempts);
    registry
}
