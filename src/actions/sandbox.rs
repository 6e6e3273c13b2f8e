//! The sandbox's clock: set forward by an admin, kept across restarts. Outside a sandbox it does not exist.

use crate::actions::record::record;
use crate::clock::ClockFault;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::store::sandbox;
use crate::transaction::{Outcome, World};
use serde_json::json;

/// Sets the clock to `at`, where it stands from then on; the same moment again is allowed. What a jump leads to is the
/// engine's: `Runner::settle(move |world| set_clock(world, &actor, at))`. Blocks.
///
/// A crash after the commit leaves the new time, and the next server's first look does what the jump owed.
///
/// # Errors
/// `sandbox.only` where the clock is real, the role where the actor is no admin, `sandbox.clock_backwards`.
pub fn set_clock(world: &World, actor: &Actor, at: Instant) -> Outcome<()> {
    let from = admit(world, actor, at)?;
    let by = actor.clone();
    world.write_now(move |tx| {
        sandbox::set_clock(tx.conn, at)?;
        record(tx, &by, Stream::Office, "sandbox.clock_set", &json!({"from": from, "to": at}))?;
        Ok(())
    })?;
    world.clock.set(at).map_err(refusal)?;
    Ok(())
}

/// May this actor set the clock to `at`? Answers the time it shows now.
///
/// # Errors
/// As `set_clock`.
pub fn admit(world: &World, actor: &Actor, at: Instant) -> Result<Instant, Refusal> {
    if world.clock.is_real() {
        return Err(Refusal::new(Code::SandboxOnly));
    }
    actor.require(&[Role::Admin])?;
    let now = world.clock.now();
    if at < now { Err(refusal(ClockFault::Backwards { now })) } else { Ok(now) }
}

fn refusal(fault: ClockFault) -> Refusal {
    match fault {
        ClockFault::Real => Refusal::new(Code::SandboxOnly),
        ClockFault::Backwards { now } => Refusal::new(Code::SandboxClockBackwards).with("now", now),
    }
}
