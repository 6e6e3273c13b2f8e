//! Connections kept open for threads that read, and on PostgreSQL also write.

use crate::store::connection::{Access, Address, Conn, open};
use crate::store::error::{StoreError, StoreResult};
use diesel::r2d2::{self, R2D2Connection};
use std::time::{Duration, Instant};

/// A connection not used for this long is asked whether it still lives: the server may have been restarted.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
const WAIT_FOR_A_CONNECTION: Duration = Duration::from_secs(10);

pub(super) struct Manager {
    address: Address,
    access: Access,
}

pub(super) struct Pooled {
    pub(super) conn: Conn,
    used_at: Instant,
}

impl Pooled {
    /// Call when done with it.
    pub(super) fn touch(&mut self) {
        self.used_at = Instant::now();
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = StoreError;

    fn connect(&self) -> StoreResult<Pooled> {
        open(&self.address, self.access).map(|conn| Pooled { conn, used_at: Instant::now() })
    }

    fn is_valid(&self, held: &mut Pooled) -> StoreResult<()> {
        match &mut held.conn {
            Conn::Sqlite(_) => Ok(()),
            Conn::Pg(_) if held.used_at.elapsed() < TRUSTED_FOR => Ok(()),
            Conn::Pg(c) => Ok(c.ping()?),
        }
    }

    fn has_broken(&self, held: &mut Pooled) -> bool {
        held.conn.is_broken()
    }
}

/// A bounded set of connections.
pub(super) struct Pool(r2d2::Pool<Manager>);

impl Pool {
    /// Opens nothing yet: the first use does, so that its fault reaches whoever can answer for it.
    pub(super) fn new(address: Address, access: Access, size: u32) -> Self {
        Self(
            r2d2::Pool::builder()
                .max_size(size.max(1))
                .min_idle(Some(0))
                .connection_timeout(WAIT_FOR_A_CONNECTION)
                .test_on_check_out(true)
                .build_unchecked(Manager { address, access }),
        )
    }

    pub(super) fn with<T, E: From<StoreError>>(&self, f: impl FnOnce(&mut Conn) -> Result<T, E>) -> Result<T, E> {
        let mut held = self.0.get().map_err(|fault| self.fault(&fault))?;
        let result = f(&mut held.conn);
        held.touch();
        result
    }

    fn fault(&self, fault: &impl std::fmt::Display) -> StoreError {
        // All connections exist and all are in use: that is load, not a fault.
        if self.0.state().connections >= self.0.max_size() {
            StoreError::Busy
        } else {
            StoreError::Unavailable(fault.to_string())
        }
    }
}
