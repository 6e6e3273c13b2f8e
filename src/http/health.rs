//! For whoever watches: is it alive (`/healthz`), may it be sent work (`/readyz`). Neither needs a sign-in.

use crate::http::state::State;
use crate::queries::engine::{self, EngineOut};
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get};
use chrono::TimeDelta;
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);
/// Planners of all processes that say nothing for longer have stalled; several times their pace, if that is longer.
const SILENCE: TimeDelta = TimeDelta::minutes(10);
const SILENT_TICKS: i32 = 3;

/// Something besides database and disk that must be alive. Must not block.
#[derive(Clone)]
pub struct Probe {
    /// `outbox`, `planner` …
    pub name: &'static str,
    pub check: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// What `/readyz` answers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
    /// How reminders and mail are doing; null where the database does not answer. What it tells of dead mail, of a pause or
    /// of a clock that leapt is for people to mend, on pages that must be reachable for it: no reason not to be ready.
    #[schema(required = true)]
    pub engine: Option<EngineOut>,
}

/// One thing that must work.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Check {
    pub name: String,
    pub ok: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Check {
    fn of(name: &str, result: Result<(), String>) -> Self {
        Self { name: name.to_owned(), ok: result.is_ok(), reason: result.err() }
    }
}

/// Is the process alive?
#[utoipa::path(tag = "service", security(()), responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/healthz")]
pub async fn get_health() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// Can it serve: database, disk, outbox worker and planner? And how the engine is doing.
#[utoipa::path(tag = "service", security(()), responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
#[get("/readyz")]
pub async fn get_readiness(state: State) -> HttpResponse {
    let (engine, database) = match engine(&state).await {
        Ok(engine) => (Some(engine), Ok(())),
        Err(reason) => (None, Err(reason)),
    };
    let mut checks = vec![Check::of("database", database), Check::of("disk", disk(&state).await)];
    checks.extend(state.probes.iter().map(|probe| Check::of(probe.name, (probe.check)())));
    if let Some(engine) = &engine {
        checks.push(Check::of("look", looked(engine, state.settings.tick)));
    }
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let engine = engine.map(EngineOut::for_anyone);
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(Readiness { ready, checks, engine })
}

async fn engine(state: &State) -> Result<EngineOut, String> {
    match tokio::time::timeout(PATIENCE, state.world.read(engine::state)).await {
        Ok(Ok(engine)) => Ok(engine),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: database");
            Err("the database does not answer".to_owned())
        }
        Err(_) => Err("the database does not answer in time".to_owned()),
    }
}

/// Has any process looked at the reminders of late? One that never has is watched by its own probe.
fn looked(engine: &EngineOut, tick: Duration) -> Result<(), String> {
    let patience = SILENCE.max(TimeDelta::from_std(tick).unwrap_or(SILENCE) * SILENT_TICKS);
    match engine.silent_since(patience) {
        None => Ok(()),
        Some(since) => Err(format!("no process has looked at the reminders since {since}")),
    }
}

async fn disk(state: &State) -> Result<(), String> {
    let folder = state.settings.data_dir.clone();
    let work = tokio::task::spawn_blocking(move || try_to_write(&folder));
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => {
            tracing::warn!(%error, "not ready: disk");
            Err(format!("nothing can be written: {}", error.kind()))
        }
        Ok(Err(_)) => Err("the disk could not be asked".to_owned()),
        Err(_) => Err("the disk does not answer in time".to_owned()),
    }
}

/// Enough bytes that a full disk shows.
fn try_to_write(folder: &Path) -> std::io::Result<()> {
    let path = folder.join(format!(".ready-{}", std::process::id()));
    let result = std::fs::File::create(&path).and_then(|mut file| file.write_all(&[0; 16 * 1024]));
    std::fs::remove_file(&path)?;
    result
}
