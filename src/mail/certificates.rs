//! What a server's certificate says of itself, also where it is not trusted. For `rectify mail test`.

use chrono::NaiveDateTime;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{DigitallySignedStruct, Error, SignatureScheme};

/// The certificate that a server showed, whatever was made of it.
pub(super) type Seen = Arc<Mutex<Option<Certificate>>>;

/// Judges as the inner one does, and keeps what it saw.
#[derive(Debug)]
pub(super) struct Noting {
    pub inner: Arc<WebPkiServerVerifier>,
    pub seen: Seen,
}

impl ServerCertVerifier for Noting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Certificate::read(end_entity);
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The parts of an X.509 certificate (RFC 5280) that tell people whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    subject: String,
    issuer: String,
    /// Host names that it is good for.
    names: Vec<String>,
    not_after: Option<NaiveDateTime>,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "certificate: subject {:?}, names {:?}, issuer {:?}",
            self.subject,
            self.names.join(" "),
            self.issuer
        )?;
        match self.not_after {
            Some(end) => write!(f, ", valid until {end} UTC"),
            None => Ok(()),
        }
    }
}

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const BMP_STRING: u8 = 0x1E;
/// Context tags: version, extensions, and in a list of names a host or an address.
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;
const HOST: u8 = 0x82;
const ADDRESS: u8 = 0x87;
/// 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1D, 0x11];

/// DER values, one after the other.
#[derive(Clone, Copy)]
struct Values<'a>(&'a [u8]);

impl<'a> Values<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut length = usize::from(*first);
        if length >= 0x80 {
            let (digits, after) = rest.split_at_checked(length - 0x80)?;
            if digits.len() > 4 {
                return None;
            }
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, value))
    }

    fn next_of(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }

    fn inside(&mut self, wanted: u8) -> Option<Self> {
        self.next_of(wanted).map(Self)
    }

    /// The next one, if it is of this kind; otherwise nothing is taken.
    fn maybe(&mut self, wanted: u8) -> Option<Self> {
        let mut ahead = *self;
        let inside = ahead.inside(wanted)?;
        *self = ahead;
        Some(inside)
    }
}

impl Certificate {
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut certificate = Values(der).inside(SEQUENCE)?.inside(SEQUENCE)?;
        certificate.maybe(VERSION);
        certificate.next_of(INTEGER)?;
        certificate.inside(SEQUENCE)?;
        let issuer = name(certificate.inside(SEQUENCE)?);
        let mut validity = certificate.inside(SEQUENCE)?;
        validity.next()?;
        let not_after = validity.next().and_then(time);
        let subject = name(certificate.inside(SEQUENCE)?);
        certificate.inside(SEQUENCE)?;
        let mut names = Vec::new();
        while let Some((tag, value)) = certificate.next() {
            if tag == EXTENSIONS {
                names = host_names(Values(value)).unwrap_or_default();
            }
        }
        Some(Self { subject, issuer, names, not_after })
    }
}

/// `CN=mail.example.cn, O=…`, in the certificate's order.
fn name(mut parts: Values<'_>) -> String {
    let mut words = Vec::new();
    while let Some(mut part) = parts.inside(SET).and_then(|mut set| set.inside(SEQUENCE)) {
        let Some(oid) = part.next_of(OID) else { continue };
        let Some((tag, value)) = part.next() else { continue };
        // X.520 attributes: 2.5.4.n.
        let label = match oid {
            [0x55, 0x04, 0x03] => "CN",
            [0x55, 0x04, 0x06] => "C",
            [0x55, 0x04, 0x07] => "L",
            [0x55, 0x04, 0x08] => "ST",
            [0x55, 0x04, 0x0A] => "O",
            [0x55, 0x04, 0x0B] => "OU",
            _ => continue,
        };
        words.push(format!("{label}={}", text(tag, value)));
    }
    words.join(", ")
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units: Vec<u16> =
            value.as_chunks::<2>().0.iter().map(|[high, low]| u16::from_be_bytes([*high, *low])).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(value).into_owned()
    }
}

fn time((tag, value): (u8, &[u8])) -> Option<NaiveDateTime> {
    let digits = std::str::from_utf8(value).ok()?.trim_end_matches('Z');
    match tag {
        // RFC 5280 section 4.1.2.5.1: two digits of a year from 1950 to 2049.
        UTC_TIME => {
            let century = if digits.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" };
            NaiveDateTime::parse_from_str(&format!("{century}{digits}"), "%Y%m%d%H%M%S").ok()
        }
        GENERALIZED_TIME => NaiveDateTime::parse_from_str(digits, "%Y%m%d%H%M%S").ok(),
        _ => None,
    }
}

fn host_names(mut extensions: Values<'_>) -> Option<Vec<String>> {
    let mut extensions = extensions.inside(SEQUENCE)?;
    while let Some(mut extension) = extensions.inside(SEQUENCE) {
        if extension.next_of(OID)? != SUBJECT_ALT_NAME {
            continue;
        }
        // Perhaps with a flag, "critical", before its value.
        let octets = std::iter::from_fn(|| extension.next()).find(|(tag, _)| *tag == OCTETS)?;
        let mut list = Values(octets.1).inside(SEQUENCE)?;
        let all = std::iter::from_fn(|| list.next());
        return Some(all.filter_map(host_name).collect());
    }
    None
}

fn host_name((tag, value): (u8, &[u8])) -> Option<String> {
    match tag {
        HOST => Some(text(tag, value)),
        ADDRESS => {
            let four = <[u8; 4]>::try_from(value).map(IpAddr::from);
            four.or_else(|_longer| <[u8; 16]>::try_from(value).map(IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted_server::CERTIFICATE;
    use super::*;
    use proptest::prelude::*;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    #[test]
    fn a_certificate_says_whose_it_is() {
        let der = CertificateDer::from_pem_file(CERTIFICATE).unwrap();
        insta::assert_snapshot!(Certificate::read(&der).unwrap().to_string(), @r#"certificate: subject "CN=rectify test server", names "localhost 127.0.0.1", issuer "CN=rectify test server", valid until 2199-01-01 00:00:00 UTC"#);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let _ = Certificate::read(&bytes);
            let mut der = CertificateDer::from_pem_file(CERTIFICATE).unwrap().to_vec();
            let (at, cut) = (at.index(der.len()), cut.index(der.len()));
            der[at] = byte;
            let _ = Certificate::read(&der);
            let _ = Certificate::read(&der[..cut]);
        }
    }
}
