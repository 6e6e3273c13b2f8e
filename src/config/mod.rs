//! The settings: what they are, their types and limits. For the command line, which hands each room its section.

mod layers;
mod network;
mod values;

use crate::domain::upload::FileLimits;
use crate::domain::words::Lang;
use chrono::NaiveTime;
use chrono_tz::Tz;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use layers::{ConfigFault, Problem, Setting, environment};
pub use network::Network;
pub use values::{Listen, LogFormat, Secret, Transport};

/// The defaults, commented: what `rectify config` may print for people.
pub const DEFAULTS: &str = include_str!("../../config/rectify.toml");

/// The file in the data directory that holds what differs from the defaults.
pub const FILE_NAME: &str = "rectify.toml";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub office: Office,
    pub mail: Mail,
    pub files: Files,
    pub reminders: Reminders,
    pub log: Log,
    pub security: Security,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    #[serde(deserialize_with = "values::socket")]
    pub listen: SocketAddr,
    /// Empty until read through [`Config::public_url`].
    #[serde(deserialize_with = "values::web_address")]
    pub public_url: String,
    /// 0: one for each processor.
    #[serde(deserialize_with = "values::between::<0, 512, _>")]
    pub workers: u32,
    /// Figures for Prometheus without a sign-in.
    pub metrics_listen: Listen,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Never empty after [`Config::load`].
    #[serde(deserialize_with = "values::database_url")]
    pub url: Secret,
    #[serde(deserialize_with = "values::between::<1, 500, _>")]
    pub pool: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    #[serde(deserialize_with = "values::line")]
    pub name_zh: String,
    #[serde(deserialize_with = "values::line")]
    pub name_en: String,
    #[serde(deserialize_with = "values::zone")]
    pub time_zone: Tz,
    #[serde(deserialize_with = "values::line")]
    pub calendar: String,
    pub locale: Lang,
    /// Working days.
    #[serde(deserialize_with = "values::between::<0, 60, _>")]
    pub yellow_days: u32,
    /// Working days.
    #[serde(deserialize_with = "values::between::<1, 250, _>")]
    pub look_back_days: u32,
    /// Working days.
    #[serde(deserialize_with = "values::between::<1, 60, _>")]
    pub review_days: u32,
    pub four_eyes: bool,
    #[serde(deserialize_with = "values::time_of_day")]
    pub window_from: NaiveTime,
    #[serde(deserialize_with = "values::time_of_day")]
    pub window_to: NaiveTime,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    pub transport: Transport,
    #[serde(deserialize_with = "values::mailbox")]
    pub from: String,
    #[serde(deserialize_with = "values::host")]
    pub domain: String,
    #[serde(deserialize_with = "values::smtp_url")]
    pub smtp_url: Secret,
    #[serde(deserialize_with = "values::hosts")]
    pub plaintext_allowed_hosts: Vec<String>,
    /// Empty: none. Else a path from the data directory.
    pub ca_file: PathBuf,
    /// Empty: the host of the URL.
    #[serde(deserialize_with = "values::host_or_none")]
    pub tls_name: String,
    #[serde(deserialize_with = "values::between::<1, 64, _>")]
    pub connections: u32,
    /// 0: no limit.
    #[serde(deserialize_with = "values::between::<0, 64, _>")]
    pub connections_per_domain: u32,
    /// 0: no cap.
    #[serde(deserialize_with = "values::between::<0, 100_000, _>")]
    pub mails_per_minute: u32,
    #[serde(rename = "connect_seconds", deserialize_with = "values::seconds::<1, 600, _>")]
    pub connect_timeout: Duration,
    /// Greeting, sign-in, MAIL, RCPT.
    #[serde(rename = "command_seconds", deserialize_with = "values::seconds::<1, 3600, _>")]
    pub command_timeout: Duration,
    #[serde(rename = "data_seconds", deserialize_with = "values::seconds::<1, 3600, _>")]
    pub data_timeout: Duration,
    #[serde(rename = "block_seconds", deserialize_with = "values::seconds::<1, 3600, _>")]
    pub block_timeout: Duration,
    #[serde(rename = "final_dot_seconds", deserialize_with = "values::seconds::<1, 3600, _>")]
    pub final_dot_timeout: Duration,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    #[serde(deserialize_with = "values::between::<1, 1024, _>")]
    pub max_file_mb: u32,
    #[serde(deserialize_with = "values::between::<1, 102_400, _>")]
    pub max_ticket_mb: u32,
    #[serde(deserialize_with = "values::between::<1, 102_400, _>")]
    pub max_user_day_mb: u32,
    /// Lower case, without the dot.
    #[serde(deserialize_with = "values::extensions")]
    pub allowed: Vec<String>,
}

const MEGABYTE: u64 = 1024 * 1024;

impl Files {
    #[must_use]
    pub fn max_file_bytes(&self) -> u64 {
        u64::from(self.max_file_mb) * MEGABYTE
    }

    #[must_use]
    pub fn limits(&self) -> FileLimits {
        FileLimits {
            ticket_bytes: u64::from(self.max_ticket_mb) * MEGABYTE,
            user_day_bytes: u64::from(self.max_user_day_mb) * MEGABYTE,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    #[serde(rename = "tick_seconds", deserialize_with = "values::seconds::<1, 3600, _>")]
    pub tick: Duration,
    #[serde(deserialize_with = "values::between::<0, 1000, _>")]
    pub at_once_a_day: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    #[serde(deserialize_with = "values::log_level")]
    pub level: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    #[serde(rename = "session_idle_minutes", deserialize_with = "values::minutes::<1, 1440, _>")]
    pub session_idle: Duration,
    #[serde(rename = "session_hours", deserialize_with = "values::hours::<1, 720, _>")]
    pub session_length: Duration,
    /// From one address in a quarter of an hour; 0: no limit.
    #[serde(deserialize_with = "values::between::<0, 100_000, _>")]
    pub failures_per_address: u32,
}

impl Config {
    /// Defaults < `rectify.toml` in `data_dir` < `env` (other variables than `RECTIFY_…` are passed over) <
    /// `overrides` (`("server.listen", "0.0.0.0:80")`, from flags). All problems are told at once.
    pub fn load(
        data_dir: &Path,
        env: impl Iterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Self, ConfigFault> {
        let mut layers = layers::Layers::defaults()?;
        layers.file(&data_dir.join(FILE_NAME));
        layers.environment(env);
        layers.flags(overrides);
        let mut config = layers.settle(Self::across)?;
        if config.database.url.is_empty() {
            config.database.url = Secret::new(format!("sqlite:{}", data_dir.join("rectify.db").display()));
        }
        Ok(config)
    }

    /// Every setting as it holds, with where it was given; secrets are masked.
    pub fn effective(
        data_dir: &Path,
        env: impl Iterator<Item = (String, String)>,
        overrides: &[(&str, String)],
    ) -> Result<Vec<Setting>, ConfigFault> {
        let mut layers = layers::Layers::defaults()?;
        layers.file(&data_dir.join(FILE_NAME));
        layers.environment(env);
        layers.flags(overrides);
        let settings = layers.list();
        layers.settle(Self::across).map(|_| settings)
    }

    /// One setting that turned out to be unusable when it was put to use.
    #[must_use]
    pub fn unusable(key: &str, reason: impl std::fmt::Display) -> ConfigFault {
        let place = "rectify".to_owned();
        ConfigFault(vec![Problem { key: key.to_owned(), place, reason: reason.to_string() }])
    }

    /// The compiled-in defaults, for tests.
    pub fn defaults(data_dir: &Path) -> Result<Self, ConfigFault> {
        let mut layers = layers::Layers::defaults()?;
        layers.flags(&[("database.url", format!("sqlite:{}", data_dir.join("rectify.db").display()))]);
        layers.settle(Self::across)
    }

    /// What one value alone can't tell: the key to blame, and why.
    fn across(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        if self.office.window_from >= self.office.window_to {
            faults.push(("office.window_to", "must be later than office.window_from".to_owned()));
        }
        if self.mail.transport == Transport::Smtp && self.mail.smtp_url.is_empty() {
            faults.push((
                "mail.smtp_url",
                "is needed for mail.transport = \"smtp\"; write smtps://user:password@host:465".to_owned(),
            ));
        }
        if self.security.session_idle > self.security.session_length {
            faults.push(("security.session_idle_minutes", "must not be longer than security.session_hours".to_owned()));
        }
        faults
    }

    /// How people reach it, without a slash at the end.
    #[must_use]
    pub fn public_url(&self) -> String {
        if !self.server.public_url.is_empty() {
            return self.server.public_url.trim_end_matches('/').to_owned();
        }
        let mut listen = self.server.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(match listen {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{listen}")
    }
}

#[cfg(test)]
mod tests;
