//! For whoever watches: is it alive (`/healthz`), may it be sent work (`/readyz`). Neither needs a sign-in.

use crate::http::state::State;
use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A check that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(2);

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

/// Can it serve: database, disk, outbox worker and planner?
#[utoipa::path(tag = "service", security(()), responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
#[get("/readyz")]
pub async fn get_readiness(state: State) -> HttpResponse {
    let mut checks = vec![Check::of("database", database(&state).await), Check::of("disk", disk(&state).await)];
    checks.extend(state.probes.iter().map(|probe| Check::of(probe.name, (probe.check)())));
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).insert_header((CACHE_CONTROL, "no-store")).json(Readiness { ready, checks })
}

async fn database(state: &State) -> Result<(), String> {
    match tokio::time::timeout(PATIENCE, state.world.read(|_| Ok(()))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready: database");
            Err("the database does not answer".to_owned())
        }
        Err(_) => Err("the database does not answer in time".to_owned()),
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
