//! What the REST interface and the pages share: the server, who is asking, the road into the database, and how a
//! failure is answered.

pub mod blocking;
pub mod context;
pub mod headers;
pub mod health;
pub mod identity;
pub mod limits;
pub mod metrics;
pub mod origin;
pub mod problem;
pub mod sandbox;
pub mod server;
pub mod state;
pub mod uploads;
