//! What every request handler holds: the installation and the settings of the doors. Cheap to clone.

use crate::actions::access::Throttle;
use crate::actions::sign_in::{Hashing, SessionLimits};
use crate::config::{Config, Network};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::files::blobs::Blobs;
use crate::http::health::Probe;
use crate::http::limits::Limits;
use crate::http::metrics::Metrics;
use crate::http::problem::Fault;
use crate::http::sandbox::Turn;
use crate::transaction::World;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
pub struct State(Arc<Inner>);

pub struct Inner {
    pub world: World,
    pub settings: Settings,
    pub hashing: Hashing,
    /// Of denials that go on record.
    pub denials: Throttle,
    pub blobs: Blobs,
    pub limits: Limits,
    pub metrics: Metrics,
    /// What `/readyz` asks besides the database and the disk.
    pub probes: Vec<Probe>,
    /// Turns the clock; a sandbox's only.
    pub turn: Option<Turn>,
}

/// What the doors need of the configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Language of whoever asks for none.
    pub locale: Lang,
    /// People reach us through TLS: cookies are for TLS only.
    pub https: bool,
    pub sessions: SessionLimits,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    pub max_file_bytes: u64,
    /// Extensions of attachments, lower case, without the dot.
    pub allowed_files: Vec<String>,
    pub data_dir: PathBuf,
    /// HTTP worker threads; 0: one for each processor.
    pub workers: usize,
    /// Between two looks at the reminders.
    pub tick: Duration,
}

impl State {
    /// `probes`: what else must be alive for `/readyz`, the outbox and the planner say. `turn`: the sandbox's.
    ///
    /// # Errors
    /// When the attachments' directory can't be made.
    pub fn new(
        world: World,
        config: &Config,
        data_dir: &Path,
        probes: Vec<Probe>,
        turn: Option<Turn>,
    ) -> std::io::Result<Self> {
        let settings = Settings {
            locale: config.office.locale,
            https: config.public_url().starts_with("https://"),
            trusted_proxies: config.server.trusted_proxies.clone(),
            sessions: SessionLimits { idle: config.security.session_idle, length: config.security.session_length },
            max_file_bytes: config.files.max_file_bytes(),
            allowed_files: config.files.allowed.clone(),
            data_dir: data_dir.to_owned(),
            workers: usize::try_from(config.server.workers).unwrap_or(0),
            tick: config.reminders.tick,
        };
        let blobs = Blobs::open(&data_dir.join("attachments"))?;
        let (hashing, denials) = (Hashing::default(), Throttle::default());
        // A sandbox's passwords are printed, and all who try it may sit at one machine.
        let limits = Limits::new(if turn.is_some() { 0 } else { config.security.failures_per_address });
        let metrics = Metrics::default();
        Ok(Self(Arc::new(Inner { world, settings, hashing, denials, blobs, limits, metrics, probes, turn })))
    }
}

impl Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRequest for State {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.app_data::<Self>().cloned().ok_or_else(|| Refusal::new(Code::Internal).into()))
    }
}
