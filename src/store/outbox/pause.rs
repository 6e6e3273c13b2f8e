//! The channel's pauses: faults that are no message's hold all of them up for a while.

use crate::domain::instant::Instant;
use crate::store::dialect::lease_clock;
use crate::store::{Conn, StoreError, StoreResult, reference};
use chrono::TimeDelta;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

const PAUSE: &str = "mail.pause";

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
    use crate::store::schema::settings;
    diesel::delete(settings::table.filter(settings::key.eq(PAUSE))).execute(conn)?;
    Ok(())
}
