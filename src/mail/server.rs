//! Which SMTP server to use and how: parsed from one URL, so that what runs is known to make sense.

use super::certificates::{Noting, Seen};
use super::outcome::Phase;
use crate::domain::address::is_domain;
use crate::text_enum;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio_rustls::rustls;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

text_enum! {
    /// How the connection is protected. There is no "if the server offers it": a stripped offer would go unnoticed.
    TlsMode { None = "none", Starttls = "starttls", Implicit = "implicit" }
}

impl TlsMode {
    const fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Starttls => 587,
            Self::Implicit => 465,
        }
    }
}

/// How long each phase may take. The defaults are RFC 5321 section 4.5.3.2's minima where it names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    pub greeting: Duration,
    pub ehlo: Duration,
    pub tls: Duration,
    pub auth: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data: Duration,
    /// One block of the mail's bytes.
    pub block: Duration,
    /// The answer to the final dot: too short a wait here makes doubles.
    pub dot: Duration,
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            greeting: Duration::from_mins(5),
            ehlo: Duration::from_mins(5),
            tls: Duration::from_secs(30),
            auth: Duration::from_mins(2),
            mail: Duration::from_mins(5),
            rcpt: Duration::from_mins(5),
            data: Duration::from_mins(2),
            block: Duration::from_mins(3),
            dot: Duration::from_mins(10),
            quit: Duration::from_secs(2),
        }
    }
}

impl Timeouts {
    /// The same wait for every phase.
    #[must_use]
    pub const fn all(wait: Duration) -> Self {
        Self {
            connect: wait,
            greeting: wait,
            ehlo: wait,
            tls: wait,
            auth: wait,
            mail: wait,
            rcpt: wait,
            data: wait,
            block: wait,
            dot: wait,
            quit: wait,
        }
    }

    pub(super) const fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Connect | Phase::File | Phase::None => self.connect,
            Phase::Greeting => self.greeting,
            Phase::Ehlo | Phase::Starttls => self.ehlo,
            Phase::Tls => self.tls,
            Phase::Auth => self.auth,
            Phase::Mail => self.mail,
            Phase::Rcpt => self.rcpt,
            Phase::Data => self.data,
            Phase::Body => self.block,
            Phase::Dot => self.dot,
            Phase::Quit => self.quit,
        }
    }
}

/// Why a server's settings are refused. Never names the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerFault {
    #[error(
        "the SMTP URL can't be read: {0}; its form is smtp://user:password@host:587?tls=starttls, with / # ? @ in a password written as %2F %23 %3F %40"
    )]
    Url(String),
    #[error("the SMTP URL begins with {0}://, not smtp:// or smtps://")]
    Scheme(String),
    #[error("the SMTP URL names no host, or no host name")]
    Host,
    #[error("the SMTP URL has a path or a fragment, which means nothing here")]
    Path,
    #[error("the SMTP URL has the unknown setting {0:?}; there is only tls=starttls, tls=implicit, tls=none")]
    Setting(String),
    #[error("the SMTP URL says tls={0:?}; it must be starttls, implicit or none")]
    Tls(String),
    #[error("user or password in the SMTP URL is not percent-encoded UTF-8 without control characters")]
    Credentials,
    #[error("the SMTP URL gives a password without a user, or a user without a password")]
    HalfCredentials,
    #[error(
        "tls=none sends mail and password in the clear: only to this machine, or to a host allowed by name; {0} is neither"
    )]
    PlainText(String),
    #[error("the name to greet with, {0:?}, is not a host name")]
    Hello(String),
    #[error("the name to expect in the certificate, {0:?}, is neither a host name nor an address")]
    TlsName(String),
    #[error("the file of certificates {} can't be used: {reason}", path.display())]
    CaFile { path: PathBuf, reason: String },
}

impl ServerFault {
    /// The setting to blame.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        match self {
            Self::CaFile { .. } => "mail.ca_file",
            Self::TlsName(_) => "mail.tls_name",
            Self::Hello(_) => "mail.domain",
            Self::Url(_)
            | Self::Scheme(_)
            | Self::Host
            | Self::Path
            | Self::Setting(_)
            | Self::Tls(_)
            | Self::Credentials
            | Self::HalfCredentials
            | Self::PlainText(_) => "mail.smtp_url",
        }
    }
}

/// Settings beside the URL.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// The name to greet with; empty: an address literal.
    pub hello: String,
    /// Hosts that may be spoken to in the clear.
    pub plain_hosts: Vec<String>,
    /// Certificates (PEM) trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// The name to expect in the certificate, where it differs from the host.
    pub tls_name: Option<String>,
}

pub(super) struct Credentials {
    pub user: String,
    pub password: String,
}

impl Credentials {
    /// RFC 4616.
    pub fn plain(&self) -> String {
        STANDARD.encode(format!("\0{}\0{}", self.user, self.password))
    }

    pub fn login(&self) -> [String; 2] {
        [STANDARD.encode(&self.user), STANDARD.encode(&self.password)]
    }

    /// What no record and no transcript may show, the longest first where one holds another.
    pub fn secrets(&self) -> Vec<String> {
        let [user_word, password_word] = self.login();
        vec![self.plain(), password_word, self.password.clone(), user_word]
    }
}

/// An SMTP server, ready to be spoken to.
pub struct SmtpServer {
    host: String,
    port: u16,
    tls: TlsMode,
    pub(super) hello: String,
    pub(super) credentials: Option<Credentials>,
    pub(super) tls_name: ServerName<'static>,
    pub(super) tls_config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
    /// Was the host allowed by name? Else plain text goes to loopback addresses only, whatever the name resolves to.
    pub(super) plain_by_name: bool,
}

impl SmtpServer {
    /// Reads `smtp://user:password@host:587?tls=starttls|implicit|none` (or `smtps://`, which is implicit).
    /// Without `tls`, ports 25 and 587 mean starttls and everything else implicit; without a port, tls decides.
    pub fn parse(url: &str, options: &ServerOptions) -> Result<Self, ServerFault> {
        let url = Url::parse(url).map_err(|error| ServerFault::Url(error.to_string()))?;
        let smtps = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            other => return Err(ServerFault::Scheme(other.to_owned())),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(ServerFault::Path);
        }
        let host = host(&url)?;
        let tls = tls_mode(&url, smtps)?;
        let plain_by_name = options.plain_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&host));
        if tls == TlsMode::None && !plain_by_name && !is_loopback(&host) {
            return Err(ServerFault::PlainText(host));
        }
        let roots = Arc::new(roots(options.ca_file.as_deref())?);
        let tls_name = options.tls_name.as_deref().unwrap_or(&host).to_owned();
        Ok(Self {
            port: url.port().unwrap_or(tls.default_port()),
            tls,
            hello: hello(&options.hello)?,
            credentials: credentials(&url)?,
            tls_name: ServerName::try_from(tls_name.clone()).map_err(|_not_a_name| ServerFault::TlsName(tls_name))?,
            tls_config: tls_config(Arc::clone(&roots))?,
            roots,
            plain_by_name,
            host,
        })
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    pub const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// As `tls_config`, keeping the certificate that is shown.
    pub(super) fn noting(&self, seen: &Seen) -> std::io::Result<Arc<ClientConfig>> {
        let inner = WebPkiServerVerifier::builder_with_provider(Arc::clone(&self.roots), provider())
            .build()
            .map_err(std::io::Error::other)?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Noting { inner, seen: Arc::clone(seen) }))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// `host:port`, for records.
    pub(super) fn name(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "smtp://{}?tls={}", self.name(), self.tls)
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SmtpServer").field(&self.to_string()).finish()
    }
}

fn host(url: &Url) -> Result<String, ServerFault> {
    let host = url.host_str().ok_or(ServerFault::Host)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).to_ascii_lowercase();
    if is_domain(&bare) || bare.parse::<std::net::IpAddr>().is_ok() { Ok(bare) } else { Err(ServerFault::Host) }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn tls_mode(url: &Url, smtps: bool) -> Result<TlsMode, ServerFault> {
    let mut given = None;
    for (key, value) in url.query_pairs() {
        if key != "tls" {
            return Err(ServerFault::Setting(key.into_owned()));
        }
        given = Some(value.parse::<TlsMode>().map_err(|_unknown| ServerFault::Tls(value.into_owned()))?);
    }
    match (given, smtps, url.port()) {
        (Some(mode), true, _) if mode != TlsMode::Implicit => Err(ServerFault::Tls(mode.to_string())),
        (Some(mode), _, _) => Ok(mode),
        (None, false, Some(25 | 587)) => Ok(TlsMode::Starttls),
        (None, _, _) => Ok(TlsMode::Implicit),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, ServerFault> {
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => Err(ServerFault::HalfCredentials),
        (user, Some(password)) => {
            Ok(Some(Credentials { user: percent_decode(user)?, password: percent_decode(password)? }))
        }
    }
}

fn percent_decode(text: &str) -> Result<String, ServerFault> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next(), bytes.next()].map(|digit| char::from(digit.unwrap_or_default()).to_digit(16));
            let [Some(high), Some(low)] = digits else { return Err(ServerFault::Credentials) };
            out.push(u8::try_from(high * 16 + low).map_err(|_never| ServerFault::Credentials)?);
        } else {
            out.push(byte);
        }
    }
    let decoded = String::from_utf8(out).map_err(|_not_utf8| ServerFault::Credentials)?;
    if decoded.chars().any(char::is_control) { Err(ServerFault::Credentials) } else { Ok(decoded) }
}

fn hello(name: &str) -> Result<String, ServerFault> {
    if name.is_empty() {
        Ok("[127.0.0.1]".to_owned())
    } else if is_domain(name) {
        Ok(name.to_owned())
    } else {
        Err(ServerFault::Hello(name.to_owned()))
    }
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, ServerFault> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let fault = |path: &Path, reason: String| ServerFault::CaFile { path: path.to_owned(), reason };
    if let Some(path) = ca_file {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| fault(path, error.to_string()))?;
        let before = roots.len();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| fault(path, error.to_string()))?;
            roots.add(certificate).map_err(|error| fault(path, error.to_string()))?;
        }
        if roots.len() == before {
            return Err(fault(path, "it holds no certificate".to_owned()));
        }
    }
    Ok(roots)
}

/// The provider is named because a process-wide default exists only where somebody installed one.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn tls_config(roots: Arc<RootCertStore>) -> Result<Arc<ClientConfig>, ServerFault> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ServerFault::Url(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<SmtpServer, ServerFault> {
        SmtpServer::parse(url, &ServerOptions::default())
    }

    #[test]
    fn mode_and_port_follow_from_each_other() {
        for (url, shown) in [
            ("smtp://mail.gov.cn", "smtp://mail.gov.cn:465?tls=implicit"),
            ("smtps://mail.gov.cn", "smtp://mail.gov.cn:465?tls=implicit"),
            ("smtp://Mail.Gov.CN:587", "smtp://mail.gov.cn:587?tls=starttls"),
            ("smtp://mail.gov.cn?tls=starttls", "smtp://mail.gov.cn:587?tls=starttls"),
            ("smtp://mail.gov.cn:2465/?tls=implicit", "smtp://mail.gov.cn:2465?tls=implicit"),
            ("smtp://localhost?tls=none", "smtp://localhost:25?tls=none"),
            ("smtp://127.0.0.1:2525?tls=none", "smtp://127.0.0.1:2525?tls=none"),
            ("smtp://[::1]:2525?tls=none", "smtp://[::1]:2525?tls=none"),
        ] {
            assert_eq!(parse(url).unwrap().to_string(), shown, "{url}");
        }
    }

    #[test]
    fn credentials_are_percent_decoded_and_never_shown() {
        let server = parse("smtp://oa%40gov.cn:p%2Fw%3Ad+%E5%AF%86@mail.gov.cn?tls=starttls").unwrap();
        let credentials = server.credentials.as_ref().unwrap();
        assert_eq!((credentials.user.as_str(), credentials.password.as_str()), ("oa@gov.cn", "p/w:d+密"));
        assert_eq!(format!("{server} {server:?}").matches("p/w").count(), 0);
        assert!(!format!("{server:?}").contains("oa@"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_reason() {
        for (url, fault) in [
            ("http://mail.gov.cn", ServerFault::Scheme("http".into())),
            ("smtp://", ServerFault::Host),
            ("smtp:mail.gov.cn", ServerFault::Path),
            ("smtp://mail.gov.cn/inbox", ServerFault::Path),
            ("smtp://u:p#x@mail.gov.cn", ServerFault::Url("invalid port number".into())),
            ("smtp://mail.gov.cn?tls=yes", ServerFault::Tls("yes".into())),
            ("smtp://mail.gov.cn?ssl=1", ServerFault::Setting("ssl".into())),
            ("smtps://mail.gov.cn?tls=none", ServerFault::Tls("none".into())),
            ("smtp://mail.gov.cn?tls=none", ServerFault::PlainText("mail.gov.cn".into())),
            ("smtp://192.0.2.1?tls=none", ServerFault::PlainText("192.0.2.1".into())),
            ("smtp://u@mail.gov.cn", ServerFault::HalfCredentials),
            ("smtp://:p@mail.gov.cn", ServerFault::HalfCredentials),
            ("smtp://u:%zz@mail.gov.cn", ServerFault::Credentials),
            ("smtp://u:%00@mail.gov.cn", ServerFault::Credentials),
            ("smtp://u:%ff@mail.gov.cn", ServerFault::Credentials),
        ] {
            assert_eq!(parse(url).err(), Some(fault), "{url}");
        }
        assert!(!parse("smtp://user:Secret@:x").unwrap_err().to_string().contains("Secret"));
    }

    #[test]
    fn a_relay_may_be_allowed_by_name() {
        let options = ServerOptions { plain_hosts: vec!["Relay.gov.cn".into()], ..ServerOptions::default() };
        assert!(SmtpServer::parse("smtp://relay.gov.cn?tls=none", &options).unwrap().plain_by_name);
        assert!(SmtpServer::parse("smtp://other.gov.cn?tls=none", &options).is_err());
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let options = ServerOptions { ca_file: Some(file.path().to_owned()), ..ServerOptions::default() };
        let fault = SmtpServer::parse("smtp://mail.gov.cn", &options).unwrap_err();
        assert!(fault.to_string().contains("it holds no certificate"), "{fault}");
    }
}
