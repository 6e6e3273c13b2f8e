//! The types of single settings: read once, so that inside the program a setting can't be wrong.

use chrono::NaiveTime;
use chrono_tz::{TZ_VARIANTS, Tz};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;
use tracing_subscriber::EnvFilter;
use url::Url;

/// A value that must not be printed: passwords and addresses that hold one.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value itself, for whoever needs it to connect. Not for logs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_empty() { "Secret(empty)" } else { "Secret(…)" })
    }
}

/// An address to listen on, if any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        text(input, |text| match text {
            "" => Ok(Self(None)),
            text => text.parse().map(|address| Self(Some(address))).map_err(|_not_an_address| {
                "write an IP address and a port, like 127.0.0.1:9187, or nothing".to_owned()
            }),
        })
    }
}

/// Where mails go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    File,
    Smtp,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// The known word that comes nearest, if any is near.
pub(super) fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|word| (strsim::jaro_winkler(&text.to_lowercase(), &word.to_lowercase()), word))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

pub(super) fn between<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
    let number = i64::deserialize(input)?;
    u32::try_from(number)
        .ok()
        .filter(|number| (MIN..=MAX).contains(number))
        .ok_or_else(|| D::Error::custom(format!("must lie between {MIN} and {MAX}")))
}

pub(super) fn seconds<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    input: D,
) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(between::<MIN, MAX, D>(input)?.into()))
}

pub(super) fn minutes<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(
    input: D,
) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(u64::from(between::<MIN, MAX, D>(input)?) * 60))
}

pub(super) fn hours<'de, const MIN: u32, const MAX: u32, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    Ok(Duration::from_secs(u64::from(between::<MIN, MAX, D>(input)?) * 3600))
}

/// Reads a text and refuses it with a reason.
fn text<'de, D: Deserializer<'de>, T>(input: D, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, D::Error> {
    read(&String::deserialize(input)?).map_err(D::Error::custom)
}

pub(super) fn line<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(input, |text| match text.trim() {
        "" => Err("must not be empty".to_owned()),
        line if line.chars().any(char::is_control) => Err("must be one line without control characters".to_owned()),
        line => Ok(line.to_owned()),
    })
}

pub(super) fn socket<'de, D: Deserializer<'de>>(input: D) -> Result<SocketAddr, D::Error> {
    text(input, |text| {
        text.parse().ok().ok_or_else(|| "write an IP address and a port, like 127.0.0.1:8080".to_owned())
    })
}

pub(super) fn web_address<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(input, |text| {
        if text.is_empty() {
            return Ok(String::new());
        }
        let url = Url::parse(text).map_err(|fault| format!("not a web address: {fault}"))?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
            Ok(text.to_owned())
        } else {
            Err("write it like https://rectify.example.cn".to_owned())
        }
    })
}

pub(super) fn zone<'de, D: Deserializer<'de>>(input: D) -> Result<Tz, D::Error> {
    text(input, |text| {
        text.parse().ok().ok_or_else(|| {
            let hint = nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name()));
            format!("no such time zone{}", hint.map(|name| format!("; did you mean {name}?")).unwrap_or_default())
        })
    })
}

pub(super) fn time_of_day<'de, D: Deserializer<'de>>(input: D) -> Result<NaiveTime, D::Error> {
    text(input, |text| {
        NaiveTime::parse_from_str(text, "%H:%M").ok().ok_or_else(|| "write a time of day like 08:30".to_owned())
    })
}

pub(super) fn mailbox<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(input, |text| {
        let address = text.rsplit_once('<').map_or(text, |(_, address)| address.trim_end_matches('>')).trim();
        let whole = address.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && is_host(domain));
        if whole && !text.chars().any(char::is_control) {
            Ok(text.to_owned())
        } else {
            Err("write an address like rectify@example.cn".to_owned())
        }
    })
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'))
}

pub(super) fn host<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(
        input,
        |text| {
            if is_host(text) { Ok(text.to_lowercase()) } else { Err("write a domain like example.cn".to_owned()) }
        },
    )
}

pub(super) fn host_or_none<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(input, |text| {
        if text.is_empty() || is_host(text) {
            Ok(text.to_lowercase())
        } else {
            Err("write a host's name like mail.example.cn".to_owned())
        }
    })
}

pub(super) fn hosts<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    let hosts = Vec::<String>::deserialize(input)?;
    match hosts.iter().find(|host| !is_host(host)) {
        Some(wrong) => Err(D::Error::custom(format!("{wrong:?} is not a host's name"))),
        None => Ok(hosts.into_iter().map(|host| host.to_lowercase()).collect()),
    }
}

pub(super) fn smtp_url<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
    // The reason must not repeat the value: it holds the password.
    text(input, |text| {
        let usable = |url: Url| matches!(url.scheme(), "smtp" | "smtps") && url.has_host();
        if text.is_empty() || Url::parse(text).is_ok_and(usable) {
            Ok(Secret::new(text))
        } else {
            Err("write it like smtps://user:password@host:465 or smtp://host:587?tls=starttls; \
                 characters like @ / : # in a password are written as %40 %2F %3A %23"
                .to_owned())
        }
    })
}

pub(super) fn database_url<'de, D: Deserializer<'de>>(input: D) -> Result<Secret, D::Error> {
    // The reason must not repeat the value: it may hold a password.
    text(input, |text| match text.split_once("://").map(|(scheme, _)| scheme) {
        None | Some("sqlite" | "postgres" | "postgresql") => Ok(Secret::new(text)),
        Some(_) => Err("write it like sqlite:/var/lib/rectify/rectify.db or postgres://user:password@host/name; \
                        other databases are not supported"
            .to_owned()),
    })
}

pub(super) fn extensions<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    let list = Vec::<String>::deserialize(input)?;
    match list.iter().find(|text| text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric())) {
        Some(wrong) => Err(D::Error::custom(format!("{wrong:?} is not an extension; write pdf, without a dot"))),
        None => Ok(list.into_iter().map(|text| text.to_lowercase()).collect()),
    }
}

pub(super) fn log_level<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    text(input, |text| match EnvFilter::try_new(text) {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err("write error, warn, info, debug, trace, or info,rectify::mail=debug".to_owned()),
    })
}
