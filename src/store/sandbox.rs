//! What marks an installation as a sandbox, and where its clock stands.

use crate::domain::instant::Instant;
use crate::store::reference::{set_setting, setting};
use crate::store::{Conn, StoreError, StoreResult};

const MARK: &str = "sandbox";
const BUILDING: &str = "building";
const READY: &str = "ready";
const CLOCK: &str = "sandbox.clock";

/// A sandbox as it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sandbox {
    /// Its story has been played to the end.
    pub ready: bool,
    /// Where the office's time stands; `None` while it follows the system.
    pub clock: Option<Instant>,
}

/// `None` where the installation is no sandbox.
pub fn find(conn: &mut Conn) -> StoreResult<Option<Sandbox>> {
    let Some(mark) = setting(conn, MARK)? else { return Ok(None) };
    let clock = setting(conn, CLOCK)?
        .map(|text| text.parse().map_err(|fault| StoreError::Unavailable(format!("{CLOCK} is no instant: {fault}"))))
        .transpose()?;
    Ok(Some(Sandbox { ready: mark == READY, clock }))
}

/// From now on it is a sandbox, still to be filled.
pub fn mark(conn: &mut Conn) -> StoreResult<()> {
    set_setting(conn, MARK, BUILDING)
}

pub fn finish(conn: &mut Conn) -> StoreResult<()> {
    set_setting(conn, MARK, READY)
}

pub fn set_clock(conn: &mut Conn, at: Instant) -> StoreResult<()> {
    set_setting(conn, CLOCK, &at.to_string())
}
