//! A small SMTP server for tests: behaves, except where its script says otherwise, and remembers every byte.

use super::outcome::Phase;
use super::server::{ServerOptions, SmtpServer};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

pub const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/fixtures/localhost.cert.pem");
const STRANGER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/fixtures/elsewhere.cert.pem");
const STRANGERS_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/fixtures/elsewhere.key.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail/fixtures/localhost.key.pem");

/// What the server does at one point of one conversation.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Behave,
    Say(&'static [u8]),
    /// Says it and hangs up.
    Leave(&'static [u8]),
    Drop,
    /// Says nothing; of a mail it doesn't even read.
    Stall,
    /// A line of ten megabytes.
    Flood,
    /// A byte now and then, without end: of an answer, or taken of a mail.
    Drip,
}

/// Twenty times a second stands for once a second: a twentieth of the patience too.
const DRIP: Duration = Duration::from_millis(50);

/// (number of the connection, mails taken on it, phase) → act.
type Script = dyn Fn(usize, usize, Phase) -> Act + Send + Sync;

#[derive(Debug, Default, Clone)]
pub struct Log {
    /// What was said on each connection, mails left out.
    pub commands: Vec<Vec<String>>,
    /// The mails as they came over the wire, with their final dot.
    pub mails: Vec<Vec<u8>>,
    /// How often the socket was read for each of them.
    pub reads: Vec<usize>,
}

pub struct ScriptedServer {
    pub port: u16,
    log: Arc<Mutex<Log>>,
}

/// What the server offers, and how it is protected.
#[derive(Clone, Copy)]
pub struct Offer {
    pub implicit_tls: bool,
    pub capabilities: &'static [&'static str],
    /// Offered once TLS is on.
    pub inside_tls: &'static [&'static str],
    /// Shows a certificate that nobody knows.
    pub is_stranger: bool,
    /// Takes in little at once, so that a mail is not all gone before it is read.
    pub is_narrow: bool,
    /// What it offers from the second connection on.
    pub later: Option<&'static Self>,
}

impl Offer {
    pub const NOTHING: Self = Self {
        implicit_tls: false,
        capabilities: &[],
        inside_tls: &[],
        is_stranger: false,
        is_narrow: false,
        later: None,
    };
}

impl ScriptedServer {
    pub fn start(offer: Offer, script: impl Fn(usize, usize, Phase) -> Act + Send + Sync + 'static) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if offer.is_narrow {
            socket.set_recv_buffer_size(8_192).unwrap();
        }
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(16).unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Log::default()));
        let script: Arc<Script> = Arc::new(script);
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            for nth in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                log.lock().unwrap().commands.push(Vec::new());
                let offer = offer.later.copied().filter(|_| nth > 0).unwrap_or(offer);
                let visit = Visit { nth, mails: 0, offer, script: Arc::clone(&script), log: Arc::clone(&log) };
                tokio::spawn(async move {
                    if offer.implicit_tls {
                        if let Ok(stream) = acceptor(offer).accept(stream).await {
                            visit.talk(stream, true).await;
                        }
                    } else {
                        visit.talk(stream, false).await;
                    }
                });
            }
        });
        Self { port, log: kept }
    }

    pub fn log(&self) -> Log {
        self.log.lock().unwrap().clone()
    }

    /// The server's settings; `rest` is user and mode, e.g. `("user:pw@", "none")`.
    pub fn settings(&self, user: &str, tls: &str) -> Arc<SmtpServer> {
        let options = ServerOptions {
            hello: "rectify.example.cn".to_owned(),
            ca_file: Some(CERTIFICATE.into()),
            ..ServerOptions::default()
        };
        Arc::new(SmtpServer::parse(&format!("smtp://{user}127.0.0.1:{}?tls={tls}", self.port), &options).unwrap())
    }
}

fn acceptor(offer: Offer) -> TlsAcceptor {
    let (certificate, key) = if offer.is_stranger { (STRANGER, STRANGERS_KEY) } else { (CERTIFICATE, KEY) };
    let certificates = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(key).unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

struct Visit {
    nth: usize,
    mails: usize,
    offer: Offer,
    script: Arc<Script>,
    log: Arc<Mutex<Log>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The conversation is over.
struct Over;

struct Socket {
    stream: Box<dyn Stream>,
    held: Vec<u8>,
}

impl Socket {
    async fn until(&mut self, end: &[u8]) -> Result<(Vec<u8>, usize), Over> {
        let (mut reads, mut searched) = (0, 0);
        loop {
            if let Some(at) = self.held[searched..].windows(end.len()).position(|window| window == end) {
                return Ok((self.held.drain(..searched + at + end.len()).collect(), reads));
            }
            searched = self.held.len().saturating_sub(end.len());
            reads += 1;
            if self.stream.read_buf(&mut self.held).await.map_err(|_gone| Over)? == 0 {
                return Err(Over);
            }
        }
    }
}

impl Visit {
    async fn talk(mut self, stream: impl Stream + 'static, mut in_tls: bool) {
        let mut socket = Socket { stream: Box::new(stream), held: Vec::with_capacity(1 << 20) };
        if self.answer(&mut socket, Phase::Greeting, b"220 mail.example.cn ESMTP\r\n").await.is_err() {
            return;
        }
        while let Ok((line, _)) = socket.until(b"\r\n").await {
            let line = String::from_utf8(line).unwrap().trim_end().to_owned();
            self.log.lock().unwrap().commands[self.nth].push(line.clone());
            let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            let done = match verb.as_str() {
                "EHLO" => {
                    let offers = if in_tls { self.offer.inside_tls } else { self.offer.capabilities };
                    self.answer(&mut socket, Phase::Ehlo, ehlo(offers).as_bytes()).await
                }
                "STARTTLS" => match self.answer(&mut socket, Phase::Starttls, b"220 go ahead\r\n").await {
                    Ok(()) => {
                        // Said in the place of the handshake.
                        if !matches!(self.act(&mut socket, Phase::Tls).await, Ok(false)) {
                            return;
                        }
                        match acceptor(self.offer).accept(socket.stream).await {
                            Ok(stream) => {
                                socket = Socket { stream: Box::new(stream), held: Vec::new() };
                                in_tls = true;
                                Ok(())
                            }
                            Err(_) => return,
                        }
                    }
                    Err(over) => Err(over),
                },
                "AUTH" if line.ends_with("LOGIN") => {
                    self.answer(&mut socket, Phase::Auth, b"334 VXNlcm5hbWU6\r\n").await
                }
                "DXNLCG==" | "DXNLCJE=" => self.answer(&mut socket, Phase::Auth, b"334 UGFzc3dvcmQ6\r\n").await,
                "MAIL" => self.answer(&mut socket, Phase::Mail, b"250 sender ok\r\n").await,
                "RCPT" => self.answer(&mut socket, Phase::Rcpt, b"250 recipient ok\r\n").await,
                "DATA" => self.take_mail(&mut socket).await,
                "QUIT" => return,
                // AUTH PLAIN, or the password after AUTH LOGIN.
                _ => self.answer(&mut socket, Phase::Auth, b"235 welcome\r\n").await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn take_mail(&mut self, socket: &mut Socket) -> Result<(), Over> {
        self.answer(socket, Phase::Data, b"354 end with a dot\r\n").await?;
        self.act(socket, Phase::Body).await?;
        let (mail, reads) = socket.until(b"\r\n.\r\n").await?;
        {
            let mut log = self.log.lock().unwrap();
            log.mails.push(mail);
            log.reads.push(reads);
        }
        let done = self.answer(socket, Phase::Dot, "250 2.0.0 queued as 1A2B\r\n".as_bytes()).await;
        self.mails += 1;
        done
    }

    async fn answer(&self, socket: &mut Socket, phase: Phase, usual: &[u8]) -> Result<(), Over> {
        if self.act(socket, phase).await? {
            return Ok(());
        }
        socket.stream.write_all(usual).await.map_err(|_gone| Over)?;
        socket.stream.flush().await.map_err(|_gone| Over)
    }

    /// Does what the script says; `true` where that was an answer.
    async fn act(&self, socket: &mut Socket, phase: Phase) -> Result<bool, Over> {
        let act = (self.script)(self.nth, self.mails, phase);
        if phase == Phase::Body && matches!(act, Act::Say(_) | Act::Leave(_) | Act::Flood) {
            // In the middle of the mail, not ahead of it.
            socket.stream.read_buf(&mut socket.held).await.map_err(|_gone| Over)?;
        }
        match act {
            Act::Behave => Ok(false),
            Act::Drop => Err(Over),
            Act::Say(words) => {
                socket.stream.write_all(words).await.map_err(|_gone| Over)?;
                socket.stream.flush().await.map_err(|_gone| Over)?;
                Ok(true)
            }
            Act::Leave(words) => {
                socket.stream.write_all(words).await.map_err(|_gone| Over)?;
                socket.stream.flush().await.map_err(|_gone| Over)?;
                Err(Over)
            }
            Act::Stall if phase == Phase::Body => std::future::pending().await,
            Act::Stall => {
                // Keeps the connection open, reads on, says nothing.
                let mut sink = vec![0; 4_096];
                while socket.stream.read(&mut sink).await.is_ok_and(|read| read > 0) {}
                Err(Over)
            }
            Act::Flood => {
                let block = vec![b'2'; 65_536];
                for _ in 0..10_000_000 / block.len() {
                    socket.stream.write_all(&block).await.map_err(|_gone| Over)?;
                }
                Ok(true)
            }
            Act::Drip => {
                let mut byte = [b'2'];
                loop {
                    let dripped = if phase == Phase::Body {
                        socket.stream.read_exact(&mut byte).await.map(drop)
                    } else {
                        socket.stream.write_all(&byte).await
                    };
                    dripped.map_err(|_gone| Over)?;
                    socket.stream.flush().await.map_err(|_gone| Over)?;
                    tokio::time::sleep(DRIP).await;
                }
            }
        }
    }
}

fn ehlo(offers: &[&str]) -> String {
    let mut lines = vec!["mail.example.cn greets you"];
    lines.extend(offers);
    let (last, first) = lines.split_last().unwrap();
    let first: Vec<_> = first.iter().map(|line| format!("250-{line}\r\n")).collect();
    format!("{}250 {last}\r\n", first.concat())
}
