//! Outbox to mailbox: a message is checked, frozen into bytes once, and handed to a transport. For the engine.
//!
//! `courier` lets each `worker` claim due messages → `check` asks which of their lines still hold → `compose` makes plain
//! data of them → `render` writes subject, text and HTML → `message` freezes them into RFC 5322 bytes → `amend` notes all
//! that → `transports` delivers the bytes by SMTP (`smtp`), into a folder, or nowhere → `record` writes down the outcome.

mod amend;
mod check;
mod compose;
mod content;
mod courier;
mod dialogue;
mod draft;
mod layout;
mod message;
mod outcome;
mod overview;
mod reader;
mod record;
mod render;
mod sender;
mod server;
mod smtp;
mod transports;
mod wire;
mod wording;
mod worker;

#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod scripted_server;
#[cfg(test)]
mod smtp_tests;

pub use crate::domain::address::{AddressFault, parse_address};
pub use content::{About, Act, AtOnce, Digest, Group, Line, NextStep, Note, Standing, UndeliveredMail, Week};
pub use courier::{Courier, Delivered, Pauses, Signals};
pub use message::{Address, Letter, MessageFault, freeze};
pub use outcome::{DeliveryResult, Outcome, Phase};
pub use render::{DIGEST_LINES, RenderFault, Rendered, render_at_once, render_digest};
pub use sender::Sender;
pub use server::{ServerFault, ServerOptions, SmtpServer, Timeouts, TlsMode};
pub use smtp::{Keep, SmtpSession};
pub use transports::{Parcel, Transport, Turn};
