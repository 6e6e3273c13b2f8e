//! One conversation with an SMTP server, phase by phase, each with its own patience. For the session in `smtp`.

use super::message::is_sound;
use super::outcome::{DeliveryResult, Outcome, Phase, judge_code, judge_silence};
use super::server::{Credentials, SmtpServer, Timeouts, TlsMode};
use super::transports::Turn;
use super::wire::{Reply, Trouble, Wire};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// A mail is written in blocks of this size, each with the patience of one block.
const BLOCK_BYTES: usize = 64 * 1024;

/// Where a conversation ended, and why.
#[derive(Debug)]
pub(super) struct Failure {
    pub phase: Phase,
    pub cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// The server's answer, well formed, was not the one hoped for.
    Refused(Reply),
    /// The connection is gone.
    Closed(String),
    /// What came is not SMTP.
    Garbage(&'static str),
    Stalled(Duration),
    /// Nothing is wrong with the message: we can't or may not talk to this server.
    Channel(String),
    /// Nothing is wrong with the server: this message can't be sent to anyone.
    Message(&'static str),
}

impl From<Trouble> for Cause {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Closed(why) => Self::Closed(why),
            Trouble::Garbage(why) => Self::Garbage(why),
        }
    }
}

impl Failure {
    fn at(phase: Phase, cause: impl Into<Cause>) -> Self {
        Self { phase, cause: cause.into() }
    }

    /// May a connection that worked before just have been closed by the server meanwhile? No byte of the mail has gone.
    pub fn is_stale_connection(&self) -> bool {
        let before_body = matches!(self.phase, Phase::Mail | Phase::Rcpt | Phase::Data);
        match &self.cause {
            Cause::Refused(reply) => before_body && reply.code == 421,
            Cause::Closed(_) | Cause::Garbage(_) => before_body,
            Cause::Stalled(_) | Cause::Channel(_) | Cause::Message(_) => false,
        }
    }

    pub fn into_outcome(self, server: &str) -> Outcome {
        let phase = self.phase;
        let (result, code, reply) = match self.cause {
            Cause::Refused(reply) => (judge_code(phase, reply.code), Some(reply.code), reply.text()),
            Cause::Closed(why) => (judge_silence(phase), None, why),
            Cause::Garbage(why) => (judge_silence(phase), None, why.to_owned()),
            Cause::Stalled(wait) => (judge_silence(phase), None, format!("no answer within {wait:?}")),
            Cause::Channel(why) => (DeliveryResult::ChannelFault, None, why),
            Cause::Message(why) => (DeliveryResult::Dead, None, why.to_owned()),
        };
        Outcome::new(result, phase, code, &reply, server)
    }
}

/// How to sign in: the last of these that is offered. PLAIN needs one round trip, LOGIN is what some old servers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mechanism {
    Login,
    Plain,
}

/// What the server offers that matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Offers {
    starttls: bool,
    size: bool,
    mechanism: Option<Mechanism>,
}

impl Offers {
    /// RFC 5321 section 4.1.1.1: the first line is the greeting. `AUTH=` is an old spelling some relays still send.
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase().replace("AUTH=", "AUTH ");
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("STARTTLS") => offers.starttls = true,
                Some("SIZE") => offers.size = true,
                Some("AUTH") => {
                    let known = words.filter_map(|word| match word {
                        "PLAIN" => Some(Mechanism::Plain),
                        "LOGIN" => Some(Mechanism::Login),
                        _ => None,
                    });
                    offers.mechanism = offers.mechanism.max(known.max());
                }
                Some(_) | None => {}
            }
        }
        offers
    }
}

/// A conversation that is ready for the next mail.
pub(super) struct Dialogue {
    wire: Wire,
    timeouts: Timeouts,
    offers: Offers,
}

impl Dialogue {
    /// From nothing to "ready for a mail": TCP, greeting, EHLO, TLS, sign-in.
    pub async fn open(server: &SmtpServer, timeouts: &Timeouts) -> Result<Self, Failure> {
        let stream = connect(server, timeouts.connect).await?;
        let wire = Wire::new(stream).map_err(|error| Failure::at(Phase::Connect, Trouble::from(error)))?;
        let mut dialogue = Self { wire, timeouts: *timeouts, offers: Offers::default() };
        if server.tls() == TlsMode::Implicit {
            dialogue = dialogue.into_tls(server).await?;
        }
        dialogue.expect(Phase::Greeting, 220).await?;
        dialogue.ehlo(server).await?;
        if server.tls() == TlsMode::Starttls {
            if !dialogue.offers.starttls {
                let why = "the server offers no STARTTLS; nothing was sent".to_owned();
                return Err(Failure::at(Phase::Starttls, Cause::Channel(why)));
            }
            dialogue.ask(Phase::Starttls, "STARTTLS", 220).await?;
            dialogue = dialogue.into_tls(server).await?;
            // RFC 3207 section 4.2: what was offered in the clear is forgotten.
            dialogue.ehlo(server).await?;
        }
        if let Some(credentials) = &server.credentials {
            dialogue.sign_in(credentials).await?;
        }
        Ok(dialogue)
    }

    /// Hands over one mail, whose content goes when its turn has come; `Ok` is the server's word that it has it.
    pub async fn send(&mut self, turn: &mut Turn, (from, to): (&str, &str), bytes: &[u8]) -> Result<Reply, Failure> {
        if !is_sound(bytes) {
            return Err(Failure::at(
                Phase::Data,
                Cause::Message("the mail is not ASCII in lines of at most 998 bytes"),
            ));
        }
        let size = if self.offers.size { format!(" SIZE={}", bytes.len()) } else { String::new() };
        self.ask(Phase::Mail, &format!("MAIL FROM:<{from}>{size}"), 250).await?;
        self.ask(Phase::Rcpt, &format!("RCPT TO:<{to}>"), 250).await?;
        self.ask(Phase::Data, "DATA", 354).await?;
        turn.come().await;
        self.write_mail(bytes).await?;
        self.expect(Phase::Dot, 250).await
    }

    /// Says good-bye without waiting for the answer.
    pub async fn quit(mut self) {
        // Whether it got through changes nothing: the connection is closed either way.
        let _ = timeout(self.timeouts.quit, self.wire.write(b"QUIT\r\n")).await;
    }

    async fn ehlo(&mut self, server: &SmtpServer) -> Result<(), Failure> {
        let reply = self.ask(Phase::Ehlo, &format!("EHLO {}", server.hello), 250).await?;
        self.offers = Offers::read(&reply);
        Ok(())
    }

    async fn into_tls(self, server: &SmtpServer) -> Result<Self, Failure> {
        let wait = self.timeouts.tls;
        match timeout(wait, self.wire.into_tls(server)).await {
            Ok(Ok(wire)) => Ok(Self { wire, ..self }),
            // Certificates, versions, a server that speaks no TLS: no later attempt will fare better.
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(Failure::at(Phase::Tls, Cause::Channel(format!("TLS: {error}"))))
            }
            Ok(Err(error)) => Err(Failure::at(Phase::Tls, Trouble::from(error))),
            Err(_elapsed) => Err(Failure::at(Phase::Tls, Cause::Stalled(wait))),
        }
    }

    async fn sign_in(&mut self, credentials: &Credentials) -> Result<(), Failure> {
        let Credentials { user, password } = credentials;
        let (plain, login) =
            (STANDARD.encode(format!("\0{user}\0{password}")), [STANDARD.encode(user), STANDARD.encode(password)]);
        let answer = match self.offers.mechanism {
            Some(Mechanism::Plain) => self.ask(Phase::Auth, &format!("AUTH PLAIN {plain}"), 235).await.map(drop),
            Some(Mechanism::Login) => self.sign_in_by_login(&login).await,
            None => {
                let why = "the server offers neither AUTH PLAIN nor AUTH LOGIN".to_owned();
                Err(Failure::at(Phase::Auth, Cause::Channel(why)))
            }
        };
        // Servers quote the command they refuse, and this one holds the password.
        let [user_word, password_word] = &login;
        answer.map_err(|failure| redact(failure, &[&plain, password_word, password, user_word]))
    }

    async fn sign_in_by_login(&mut self, words: &[String; 2]) -> Result<(), Failure> {
        let [user, password] = words;
        self.ask(Phase::Auth, "AUTH LOGIN", 334).await?;
        self.ask(Phase::Auth, user, 334).await?;
        self.ask(Phase::Auth, password, 235).await.map(drop)
    }

    async fn ask(&mut self, phase: Phase, command: &str, hoped: u16) -> Result<Reply, Failure> {
        let wait = self.timeouts.of(phase);
        let line = format!("{command}\r\n");
        let exchange = async {
            self.wire.write(line.as_bytes()).await?;
            self.wire.read_reply().await
        };
        judge(phase, hoped, wait, timeout(wait, exchange).await)
    }

    async fn expect(&mut self, phase: Phase, hoped: u16) -> Result<Reply, Failure> {
        let wait = self.timeouts.of(phase);
        judge(phase, hoped, wait, timeout(wait, self.wire.read_reply()).await)
    }

    /// The mail with its final dot. An error here means that the dot has not gone: the last block carries it.
    async fn write_mail(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let wait = self.timeouts.of(Phase::Body);
        let stuffed = stuff_dots(bytes);
        for (nth, block) in stuffed.chunks(BLOCK_BYTES).enumerate() {
            let written =
                async { if nth == 0 { self.wire.write(block).await } else { self.wire.write_block(block).await } };
            match timeout(wait, written).await {
                Ok(Ok(())) => {}
                Ok(Err(trouble)) => return Err(self.last_words(trouble).await),
                Err(_elapsed) => return Err(Failure::at(Phase::Body, Cause::Stalled(wait))),
            }
        }
        Ok(())
    }

    /// A server that hangs up in the middle of a mail may have said why (552 and the like).
    async fn last_words(&mut self, trouble: Trouble) -> Failure {
        match timeout(self.timeouts.quit, self.wire.read_reply()).await {
            Ok(Ok(reply)) if reply.code >= 400 => Failure::at(Phase::Body, Cause::Refused(reply)),
            Ok(Ok(_) | Err(_)) | Err(_) => Failure::at(Phase::Body, trouble),
        }
    }
}

/// The first digit decides (RFC 5321 section 4.2.1); servers differ in the others.
fn judge(
    phase: Phase,
    hoped: u16,
    wait: Duration,
    answer: Result<Result<Reply, Trouble>, Elapsed>,
) -> Result<Reply, Failure> {
    match answer {
        Ok(Ok(reply)) if reply.code / 100 == hoped / 100 => Ok(reply),
        Ok(Ok(reply)) => Err(Failure::at(phase, Cause::Refused(reply))),
        Ok(Err(trouble)) => Err(Failure::at(phase, trouble)),
        Err(_elapsed) => Err(Failure::at(phase, Cause::Stalled(wait))),
    }
}

async fn connect(server: &SmtpServer, wait: Duration) -> Result<TcpStream, Failure> {
    let failure = |cause| Failure::at(Phase::Connect, cause);
    let found = match timeout(wait, lookup_host((server.host(), server.port()))).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(failure(Cause::Closed(format!("the host's address can't be found: {error}")))),
        Err(_elapsed) => return Err(failure(Cause::Stalled(wait))),
    };
    // A name may lead anywhere; in the clear we go to this machine only, unless the host is allowed by name.
    let anywhere = server.tls() != TlsMode::None || server.plain_by_name;
    let why = "tls=none, but the host's address is not this machine's".to_owned();
    let mut last = Cause::Channel(why);
    for address in found.filter(|address| anywhere || address.ip().is_loopback()).take(4) {
        match timeout(wait, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Cause::Closed(format!("{address}: {error}")),
            Err(_elapsed) => last = Cause::Stalled(wait),
        }
    }
    Err(failure(last))
}

/// RFC 5321 section 4.5.2: a dot that begins a line is doubled; then the line with nothing but a dot.
/// `bytes` ends with a line end (`is_sound`), so that what arrives is exactly what was frozen.
fn stuff_dots(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 50 + 3);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

fn redact(failure: Failure, secrets: &[&str]) -> Failure {
    let Cause::Refused(mut reply) = failure.cause else { return failure };
    for line in &mut reply.lines {
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            *line = line.replace(secret, "***");
        }
    }
    Failure { phase: failure.phase, cause: Cause::Refused(reply) }
}
