//! Outbox to mailbox: a letter is rendered, frozen into bytes once, and handed to a transport. For the courier.
//!
//! `render` writes subject, text and HTML from plain data → `message` freezes them into RFC 5322 bytes →
//! `transports` delivers the bytes by SMTP (`smtp`), into a folder, or nowhere, and answers with an `Outcome`.
//! Nothing here touches the database or reads the clock of the office.

mod amend;
mod check;
mod compose;
mod content;
mod courier;
mod dialogue;
mod layout;
mod message;
mod outcome;
mod render;
mod sender;
mod server;
mod smtp;
mod transports;
mod wire;
mod wording;

#[cfg(test)]
mod render_tests;
#[cfg(test)]
mod scripted_server;
#[cfg(test)]
mod smtp_tests;

pub use crate::domain::address::{AddressFault, parse_address};
pub use content::{About, Act, AtOnce, Digest, Group, Line, NextStep, Note, Standing, UndeliveredMail, WeeklyOverview};
pub use courier::{Courier, Delivered, Pauses, Signals};
pub use message::{Address, Letter, MessageFault, freeze};
pub use outcome::{DeliveryResult, Outcome, Phase};
pub use render::{DIGEST_LINES, RenderFault, Rendered, render_at_once, render_digest, render_weekly};
pub use sender::Sender;
pub use server::{ServerFault, ServerOptions, SmtpServer, Timeouts, TlsMode};
pub use smtp::{Keep, SmtpSession};
pub use transports::{Parcel, Transport};
