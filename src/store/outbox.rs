//! Messages (邮件) in the outbox.

use crate::store::schema::messages;
use crate::store::{Conn, StoreResult};
use diesel::prelude::*;

/// How many messages are in one of these states.
pub fn count_in(conn: &mut Conn, states: &[&str]) -> StoreResult<i64> {
    let states: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
    Ok(messages::table.filter(messages::state.eq_any(states)).count().get_result(conn)?)
}
