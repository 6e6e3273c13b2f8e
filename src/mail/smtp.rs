//! Mails over SMTP, one after the other over one connection while it is fit for it. For the courier.
//!
//! The conversation is our own, not lettre's: lettre's connection awaits the answer to a QUIT after any refused
//! EHLO or STARTTLS, joins greeting and EHLO (and STARTTLS, handshake and EHLO) into one step, reads lines of any
//! length, takes a reply in GBK for a broken network, and keeps what was read ahead of a TLS handshake.

use super::dialogue::{Dialogue, Failure};
use super::outcome::{DeliveryResult, Outcome, Phase};
use super::server::{SmtpServer, Timeouts};
use super::transports::Turn;
use crate::domain::address::parse_address;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a connection is kept for the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub mails: u32,
    pub age: Duration,
    pub idle: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self { mails: 100, age: Duration::from_mins(5), idle: Duration::from_secs(30) }
    }
}

struct Open {
    dialogue: Dialogue,
    since: Instant,
    last_used: Instant,
    mails: u32,
}

impl Open {
    async fn new(server: &SmtpServer, timeouts: &Timeouts) -> Result<Self, Failure> {
        let dialogue = Dialogue::open(server, timeouts).await?;
        let now = Instant::now();
        Ok(Self { dialogue, since: now, last_used: now, mails: 0 })
    }

    fn is_fit(&self, keep: &Keep) -> bool {
        self.mails < keep.mails && self.since.elapsed() < keep.age && self.last_used.elapsed() < keep.idle
    }
}

/// One worker's line to one server. A future of `deliver` that is dropped takes its connection with it.
pub struct SmtpSession {
    server: Arc<SmtpServer>,
    timeouts: Timeouts,
    keep: Keep,
    open: Option<Open>,
}

impl SmtpSession {
    #[must_use]
    pub const fn new(server: Arc<SmtpServer>, timeouts: Timeouts, keep: Keep) -> Self {
        Self { server, timeouts, keep, open: None }
    }

    /// Will the next mail go over the connection that is open now?
    pub fn is_reusable(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.is_fit(&self.keep))
    }

    /// Hands over one mail to one recipient. After any failure the connection is dropped, never talked to again.
    pub async fn deliver(&mut self, from: &str, to: &str, bytes: &[u8]) -> Outcome {
        self.deliver_in(Turn::now(), from, to, bytes).await
    }

    /// `deliver`, whose mail follows the envelope when its turn has come.
    pub(super) async fn deliver_in(&mut self, mut turn: Turn, from: &str, to: &str, bytes: &[u8]) -> Outcome {
        let name = self.server.name();
        let Ok(from) = parse_address(from) else {
            return Outcome::new(
                DeliveryResult::ChannelFault,
                Phase::Mail,
                None,
                "the sender's address is invalid",
                &name,
            );
        };
        let Ok(to) = parse_address(to) else {
            return Outcome::new(DeliveryResult::Dead, Phase::Rcpt, None, "the recipient's address is invalid", &name);
        };
        match self.send(&mut turn, (&from, &to), bytes).await {
            Ok(outcome) => outcome,
            Err(failure) => failure.into_outcome(&name),
        }
    }

    /// Says good-bye, where a connection is open.
    pub async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.dialogue.quit().await;
        }
    }

    async fn send(&mut self, turn: &mut Turn, between: (&str, &str), bytes: &[u8]) -> Result<Outcome, Failure> {
        if !self.is_reusable() {
            self.close().await;
        }
        if let Some(open) = self.open.take() {
            match self.send_over(open, turn, between, bytes).await {
                Err(failure) if failure.is_stale_connection() => {}
                done => return done,
            }
        }
        let open = Open::new(&self.server, &self.timeouts).await?;
        self.send_over(open, turn, between, bytes).await
    }

    async fn send_over(
        &mut self,
        mut open: Open,
        turn: &mut Turn,
        (from, to): (&str, &str),
        bytes: &[u8],
    ) -> Result<Outcome, Failure> {
        let reply = open.dialogue.send(turn, (from, to), bytes).await?;
        open.mails += 1;
        open.last_used = Instant::now();
        self.open = Some(open);
        Ok(Outcome::new(DeliveryResult::Sent, Phase::Dot, Some(reply.code), &reply.text(), &self.server.name()))
    }
}
