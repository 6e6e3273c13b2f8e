//! The sandbox's clock: set forward by an admin, kept across restarts. Outside a sandbox it does not exist.

use crate::actions::record::record;
use crate::clock::ClockFault;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::Role;
use crate::store::sandbox;
use crate::transaction::{Outcome, World};
use chrono::Datelike;
use serde_json::json;

/// It never goes back, so a year that was mistyped would stay.
const LAST_YEAR: i32 = 2099;

/// Sets the clock to `at`, where it stands from then on; the same moment again is allowed. What a jump leads to is the
/// engine's: `Runner::settle(move |world| set_clock(world, &actor, at))`. Blocks.
///
/// A crash after the commit leaves the new time, and the next server's first look does what the jump owed.
///
/// # Errors
/// `sandbox.only` where the clock is real, the role where the actor is no admin, `sandbox.clock_backwards`, or a year too far ahead.
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
    if at < now {
        return Err(refusal(ClockFault::Backwards { now }));
    }
    if at.utc().year() > LAST_YEAR {
        let reason = Arg::both("沙箱时钟只能设到 2099 年底", "a sandbox's clock goes up to the end of 2099");
        return Err(Refusal::field(Fault::at("/now", Code::FieldNotAllowed).with("reason", reason)));
    }
    Ok(now)
}

fn refusal(fault: ClockFault) -> Refusal {
    match fault {
        ClockFault::Real => Refusal::new(Code::SandboxOnly),
        ClockFault::Backwards { now } => Refusal::new(Code::SandboxClockBackwards).with("now", now),
    }
}
