//! What holds all messages up: faults of the channel for a while, a clock that leapt until an admin has accepted it.

use crate::domain::instant::Instant;
use crate::store::dialect::lease_clock;
use crate::store::{Conn, StoreError, StoreResult, reference};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

const PAUSE: &str = "mail.pause";
const HOLD: &str = "clock.hold";

/// The channel is at fault and no message is sent for a while. In the leases' time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pause {
    pub since: Instant,
    pub until: Instant,
    /// Faults in a row.
    pub times: u32,
    /// The server's words, or ours.
    pub reason: String,
}

pub fn pause(conn: &mut Conn) -> StoreResult<Option<Pause>> {
    Ok(reference::setting(conn, PAUSE)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// Pauses the channel for longer each time. Workers that failed on the same fault count once.
pub fn set_pause(conn: &mut Conn, reason: &str, machine_now: Instant) -> StoreResult<()> {
    let clock = lease_clock(conn, machine_now)?;
    let held = pause(conn)?;
    if held.as_ref().is_some_and(|held| held.until > clock) {
        return Ok(());
    }
    let times = held.as_ref().map_or(0, |held| held.times).saturating_add(1);
    let seconds = [30, 60, 120, 300, 600].get(usize::try_from(times - 1).unwrap_or(usize::MAX)).copied().unwrap_or(900);
    let pause = Pause {
        since: held.map_or(clock, |held| held.since),
        until: clock.plus(TimeDelta::seconds(seconds)),
        times,
        reason: reason.to_owned(),
    };
    let text = serde_json::to_string(&pause).map_err(|fault| StoreError::Unavailable(fault.to_string()))?;
    reference::set_setting(conn, PAUSE, &text)
}

/// The channel works again.
pub fn end_pause(conn: &mut Conn) -> StoreResult<()> {
    reference::remove_setting(conn, PAUSE)?;
    Ok(())
}

/// The clock leapt: nothing is planned or sent until an admin accepts its time, or it is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hold {
    /// The last time that was right.
    pub trusted: Instant,
    /// What the clock showed next.
    pub found: Instant,
}

pub fn hold(conn: &mut Conn) -> StoreResult<Option<Hold>> {
    Ok(reference::setting(conn, HOLD)?.and_then(|text| serde_json::from_str(&text).ok()))
}

pub fn set_hold(conn: &mut Conn, hold: &Hold) -> StoreResult<()> {
    let text = serde_json::to_string(hold).map_err(|fault| StoreError::Unavailable(fault.to_string()))?;
    reference::set_setting(conn, HOLD, &text)
}

/// `false` where nothing was held.
pub fn end_hold(conn: &mut Conn) -> StoreResult<bool> {
    reference::remove_setting(conn, HOLD)
}
