//! What `serve` and `demo` share: the address is taken first, everything is opened, then it listens, works and stops.

use super::say::CliFault;
use crate::actions::calendars::{self, Intent};
use crate::actions::sandbox::set_clock;
use crate::api;
use crate::config::Config;
use crate::domain::actor::Actor;
use crate::domain::calendar::{CN_TOML, Calendar};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::http::health::Probe;
use crate::http::metrics::{self, Watched};
use crate::http::sandbox::{Jump, Turn};
use crate::http::state::State;
use crate::installation::Installation;
use crate::mail::{Courier, Sender, SenderFault, TEMPLATES_FOLDER, TemplateFault, Templates};
use crate::reminders::{self, Runner, Tally};
use crate::transaction::{Failure, World};
use crate::web;
use chrono::TimeDelta;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpSocket;
use tokio::task::LocalSet;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// An address that is ours and not yet open to anybody.
pub(super) struct Reserved {
    socket: TcpSocket,
    pub address: SocketAddr,
}

/// Runs a server's life to its end.
pub(super) fn live<T>(work: impl Future<Output = Result<T, CliFault>>) -> Result<T, CliFault> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|fault| refused(&"tokio", &fault))?;
    LocalSet::new().block_on(&runtime, work)
}

/// Takes the address, so that nobody else can and its port is known; nobody can connect yet.
pub(super) fn reserve(listen: SocketAddr) -> Result<Reserved, CliFault> {
    let reserved = (|| {
        let socket = if listen.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // A restart need not wait for the connections of the last run to be forgotten.
        socket.set_reuseaddr(true)?;
        socket.bind(listen)?;
        Ok(Reserved { address: socket.local_addr()?, socket })
    })();
    reserved.map_err(|fault: std::io::Error| refused(&listen, &fault))
}

fn refused(address: &impl std::fmt::Display, fault: &std::io::Error) -> CliFault {
    Refusal::new(Code::ListenRefused).with("address", address).with("reason", fault).into()
}

/// How this installation sends, for one courier.
pub(super) fn sender(config: &Config, data_dir: &Path) -> Result<Sender, CliFault> {
    Sender::from_config(config, data_dir).map_err(|fault| match fault {
        SenderFault::Server(fault) => Config::unusable(fault.setting(), fault).into(),
        SenderFault::Templates(fault) => faulty_template(&fault),
    })
}

/// The templates that hold here, read and tried.
pub(super) fn templates(data_dir: &Path) -> Result<Templates, CliFault> {
    Templates::load(&data_dir.join(TEMPLATES_FOLDER)).map_err(|fault| faulty_template(&fault))
}

pub(super) fn built_in_templates() -> Result<Templates, CliFault> {
    Templates::built_in().map_err(|fault| faulty_template(&fault))
}

fn faulty_template(fault: &TemplateFault) -> CliFault {
    Refusal::new(Code::TemplateFaulty).with("reason", fault).into()
}

/// Years of the shipped calendar of which nothing is known here, not even a single day.
async fn add_shipped_years(world: &World) -> Result<(), CliFault> {
    let shipped =
        Calendar::from_toml(CN_TOML).map_err(|fault| Failure::broken(format!("the shipped calendar: {fault}")))?;
    let looked = shipped.clone();
    let is_missing = world.read(move |read| {
        let held = &read.office.calendar;
        Ok(held.code == looked.code && looked.years().any(|(year, _)| !held.knows_of(year)))
    });
    if is_missing.await? {
        let system = Actor::system("server");
        let changes = world.write(move |tx| calendars::apply(tx, &system, Intent::Missing(shipped))).await?;
        tracing::info!(
            calendar.deadlines = changes.deadlines,
            calendar.look_backs = changes.look_backs,
            "years of the shipped calendar were added"
        );
    }
    Ok(())
}

/// Listens, calls `announce`, and serves until the process is told to stop.
pub(super) async fn serve(
    installation: &Installation,
    reserved: Reserved,
    announce: impl FnOnce(),
) -> Result<(), CliFault> {
    let (world, config) = (installation.world.clone(), &installation.config);
    add_shipped_years(&world).await?;
    let courier = Courier::new(world.clone(), sender(config, &installation.data_dir)?);
    let runner = reminders::start(world.clone(), courier, config.reminders.tick);
    let probes = probes(&world, &runner, config);
    let turn = (!world.clock.is_real()).then(|| turn(&world, &runner));
    let counted = runner.clone();
    let served = async {
        let address = reserved.address;
        let state = State::new(world, config, &installation.data_dir, probes, turn).map_err(|fault| {
            Refusal::new(Code::InstallationFolder).with("place", "attachments").with("reason", fault)
        })?;
        state.metrics.count_attempts(Arc::new(move || counted.attempts()));
        let watched = config.server.metrics_listen.0.map(|at| watch(&state, at)).transpose()?;
        let listener = reserved.socket.listen(BACKLOG).and_then(tokio::net::TcpListener::into_std);
        let listener = listener.map_err(|fault| refused(&address, &fault))?;
        let server = crate::http::server::start(state, listener, |config| {
            api::configure(config);
            // Last: pages answer for every address that nothing else lies at.
            web::configure(config);
        });
        let server = server.map_err(|fault| refused(&address, &fault))?;
        // Polled once, it listens to signals too: whoever reads the greeting may stop it.
        let server = tokio::task::spawn_local(server);
        tokio::task::yield_now().await;
        announce();
        let ended = server.await.unwrap_or_else(|fault| Err(std::io::Error::other(fault)));
        if let Some(watched) = watched {
            watched.stop().await;
        }
        ended.map_err(|fault| refused(&address, &fault))
    }
    .await;
    runner.stop().await;
    served
}

/// Listens for whoever collects figures.
fn watch(state: &State, at: SocketAddr) -> Result<Watched, CliFault> {
    let listener = std::net::TcpListener::bind(at);
    let watched = listener.and_then(|listener| metrics::watch(state.clone(), listener));
    watched.map_err(|fault| refused(&at, &fault))
}

/// Turns a sandbox's clock: the engine is told to settle once it stands.
fn turn(world: &World, runner: &Runner) -> Turn {
    let (world, runner) = (world.clone(), runner.clone());
    Arc::new(move |actor, at| {
        let (world, runner) = (world.clone(), runner.clone());
        Box::pin(async move {
            let tally = runner.settle(move |world| set_clock(world, &actor, at)).await?;
            let Tally { planned, sent, skipped, cancelled, .. } = tally;
            Ok(Jump { now: world.clock.now(), planned, sent, skipped, cancelled })
        })
    })
}

/// The engine's part of `/readyz`: silence is a fault.
fn probes(world: &World, runner: &Runner, config: &Config) -> Vec<Probe> {
    let started = world.clock.machine_now();
    let every = TimeDelta::from_std(config.reminders.tick).unwrap_or(TimeDelta::hours(1));
    // A slow mail server may keep the courier for as long as one mail may take.
    let patience = [
        ("planner", every * 3 + TimeDelta::minutes(1)),
        (
            "outbox",
            TimeDelta::from_std(config.mail.final_dot_timeout).unwrap_or(TimeDelta::hours(1)) + TimeDelta::minutes(5),
        ),
    ];
    patience
        .into_iter()
        .map(|(name, patience)| {
            let (clock, runner) = (world.clock.clone(), runner.clone());
            let check = move || {
                let health = runner.health();
                let heard = if name == "planner" { health.ticked_at } else { health.courier_at };
                let last = heard.unwrap_or(started);
                if last.plus(patience) >= clock.machine_now() {
                    Ok(())
                } else {
                    Err(format!("not heard of since {last}"))
                }
            };
            Probe { name, check: Arc::new(check) }
        })
        .collect()
}

/// Every fault at once, or what was opened.
pub(super) fn together<A, B, C>(
    lang: Lang,
    (a, b, c): (Result<A, CliFault>, Result<B, CliFault>, Result<C, CliFault>),
) -> Result<(A, B, C), CliFault> {
    match (a, b, c) {
        (Ok(a), Ok(b), Ok(c)) => Ok((a, b, c)),
        (a, b, c) => {
            let faults = [a.err(), b.err(), c.err()].into_iter().flatten().collect();
            Err(CliFault::all(lang, faults))
        }
    }
}
