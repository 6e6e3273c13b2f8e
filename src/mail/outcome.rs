//! What became of one attempt to deliver one mail, and the rule that says so from phase and code.

use super::message::clean_line;
use crate::text_enum;

text_enum! {
    /// What one attempt means for the message.
    DeliveryResult {
        /// The server answered for it.
        Sent = "sent",
        /// Nothing was handed over; try again later.
        Retry = "retry",
        /// Refused for good.
        Dead = "dead",
        /// All of it was sent, the answer never came: it may or may not have been taken.
        Uncertain = "uncertain",
        /// The fault is ours or the server's, not the message's: stop sending, keep every message.
        ChannelFault = "channel_fault",
    }
}

text_enum! {
    /// Where an attempt ended.
    Phase {
        Connect = "connect",
        Greeting = "greeting",
        Ehlo = "ehlo",
        Starttls = "starttls",
        Tls = "tls",
        Auth = "auth",
        Mail = "mail",
        Rcpt = "rcpt",
        Data = "data",
        /// The mail's bytes, up to the final dot.
        Body = "body",
        /// The final dot has been sent.
        Dot = "dot",
        Quit = "quit",
        /// Written into a folder instead of sent.
        File = "file",
        /// Dropped: there is no transport.
        None = "none",
    }
}

/// The record of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub result: DeliveryResult,
    pub phase: Phase,
    /// The server's code; `None` where it gave none.
    pub code: Option<u16>,
    /// The server's words, or ours for what went wrong: one clean line of at most 500 characters.
    pub reply: String,
    /// `host:port`, a folder, or `none`.
    pub server: String,
}

impl Outcome {
    pub(super) fn new(result: DeliveryResult, phase: Phase, code: Option<u16>, reply: &str, server: &str) -> Self {
        Self { result, phase, code, reply: clean_line(reply, 500), server: server.to_owned() }
    }
}

/// What a refusal by code means. RFC 5321 section 4.2.1; the rest is judgement:
/// before RCPT a permanent refusal is about us, not about the message, save one about its size.
pub(super) fn judge_code(phase: Phase, code: u16) -> DeliveryResult {
    match (phase, code) {
        (_, 400..=499) => DeliveryResult::Retry,
        (Phase::Mail, 552 | 523) | (Phase::Rcpt | Phase::Data | Phase::Body | Phase::Dot, 500..=599) => {
            DeliveryResult::Dead
        }
        (
            Phase::Connect | Phase::Greeting | Phase::Ehlo | Phase::Starttls | Phase::Tls | Phase::Auth | Phase::Mail,
            500..=599,
        ) => DeliveryResult::ChannelFault,
        (phase, _) => judge_silence(phase),
    }
}

/// What a dropped, stalled or senseless dialogue means: only after the final dot may the mail have been taken.
pub(super) fn judge_silence(phase: Phase) -> DeliveryResult {
    match phase {
        Phase::Dot => DeliveryResult::Uncertain,
        Phase::Connect
        | Phase::Greeting
        | Phase::Ehlo
        | Phase::Starttls
        | Phase::Tls
        | Phase::Auth
        | Phase::Mail
        | Phase::Rcpt
        | Phase::Data
        | Phase::Body
        | Phase::Quit
        | Phase::File
        | Phase::None => DeliveryResult::Retry,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_table_of_phases_and_codes() {
        let mut table = String::new();
        for phase in Phase::ALL {
            for code in [250, 354, 421, 450, 523, 535, 550, 552, 554] {
                writeln!(table, "{phase} {code} {}", judge_code(*phase, code)).unwrap();
            }
            writeln!(table, "{phase} silence {}", judge_silence(*phase)).unwrap();
        }
        insta::assert_snapshot!(table);
    }
}
