//! How this installation sends: who from, over what, over how many connections. Made from the settings, for the courier.

use super::limits::Limits;
use super::message::Address;
use super::server::{ServerFault, ServerOptions, SmtpServer, Timeouts};
use super::smtp::{Keep, SmtpSession};
use super::templates::{FOLDER, TemplateFault, Templates};
use super::transports::Transport;
use crate::config::{self, Config};
use crate::domain::address::is_domain;
use crate::domain::words::Lang;
use chrono_tz::Tz;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// The sender's settings, understood.
#[derive(Debug)]
pub struct Sender {
    /// Without a name: the office's, in the reader's language.
    pub(super) from: Address,
    /// Language of mailboxes, which have chosen none.
    pub(super) lang: Lang,
    pub(super) templates: Templates,
    /// Shared by all that is made from it: one for the process.
    pub(super) limits: Arc<Limits>,
    connections: usize,
    outlet: Outlet,
}

/// Why mail can't be sent with these settings.
#[derive(Debug, Error)]
pub enum SenderFault {
    #[error(transparent)]
    Server(#[from] ServerFault),
    #[error(transparent)]
    Templates(#[from] TemplateFault),
}

#[derive(Debug)]
enum Outlet {
    Smtp {
        server: Arc<SmtpServer>,
        timeouts: Timeouts,
    },
    File {
        dir: PathBuf,
        zone: Tz,
    },
    /// Mails stay in the queue.
    None,
}

impl Sender {
    /// The file transport writes to `outbox/` in the data directory; an office's own templates lie in its `templates/`.
    pub fn from_config(config: &Config, data_dir: &Path) -> Result<Self, SenderFault> {
        let mail = &config.mail;
        let outlet = match mail.transport {
            config::Transport::File => Outlet::File { dir: data_dir.join("outbox"), zone: config.office.time_zone },
            config::Transport::None => Outlet::None,
            config::Transport::Smtp => {
                let options = ServerOptions {
                    hello: if is_domain(&mail.domain) { mail.domain.clone() } else { String::new() },
                    plain_hosts: mail.plaintext_allowed_hosts.clone(),
                    ca_file: Some(&mail.ca_file)
                        .filter(|path| !path.as_os_str().is_empty())
                        .map(|path| data_dir.join(path)),
                    tls_name: Some(mail.tls_name.clone()).filter(|name| !name.is_empty()),
                };
                let server = SmtpServer::parse(mail.smtp_url.expose(), &options)?;
                Outlet::Smtp { server: Arc::new(server), timeouts: timeouts(mail) }
            }
        };
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let limits = match &outlet {
            Outlet::Smtp { .. } => Limits::new(count(mail.connections_per_domain), count(mail.mails_per_minute)),
            Outlet::File { .. } | Outlet::None => Limits::new(0, 0),
        };
        Ok(Self {
            from: mailbox(&mail.from),
            lang: config.office.locale,
            templates: Templates::load(&data_dir.join(FOLDER))?,
            limits,
            connections: count(mail.connections),
            outlet,
        })
    }

    /// One for each connection; none where mails stay in the queue.
    #[must_use]
    pub fn transports(&self) -> Vec<Transport> {
        match &self.outlet {
            Outlet::None => Vec::new(),
            Outlet::File { .. } | Outlet::Smtp { .. } => (0..self.connections).map(|_| self.transport()).collect(),
        }
    }

    /// A new one, with no connection yet.
    #[must_use]
    pub fn transport(&self) -> Transport {
        match &self.outlet {
            Outlet::Smtp { server, timeouts } => {
                Transport::Smtp(Box::new(SmtpSession::new(Arc::clone(server), *timeouts, Keep::default())))
            }
            Outlet::File { dir, zone } => Transport::File { dir: dir.clone(), zone: *zone },
            Outlet::None => Transport::None,
        }
    }
}

fn timeouts(mail: &config::Mail) -> Timeouts {
    let command = mail.command_timeout;
    Timeouts {
        connect: mail.connect_timeout,
        tls: mail.connect_timeout,
        greeting: command,
        ehlo: command,
        auth: command,
        mail: command,
        rcpt: command,
        data: mail.data_timeout,
        block: mail.block_timeout,
        dot: mail.final_dot_timeout,
        ..Timeouts::default()
    }
}

/// `Name <address>` or an address.
fn mailbox(text: &str) -> Address {
    match text.rsplit_once('<') {
        Some((name, rest)) => Address {
            name: name.trim().trim_matches('"').to_owned(),
            email: rest.trim_end_matches(|c: char| c == '>' || c.is_whitespace()).to_owned(),
        },
        None => Address { name: String::new(), email: text.trim().to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_may_have_a_name() {
        let read = |text: &str| {
            let address = mailbox(text);
            (address.name, address.email)
        };
        assert_eq!(read("a@b.cn"), (String::new(), "a@b.cn".to_owned()));
        assert_eq!(read("整改督办 <a@b.cn>"), ("整改督办".to_owned(), "a@b.cn".to_owned()));
        assert_eq!(read("\"X, Y\" <a@b.cn> "), ("X, Y".to_owned(), "a@b.cn".to_owned()));
    }

    #[test]
    fn each_transport_has_as_many_lines_as_it_can_use() {
        let dir = tempfile::tempdir().unwrap();
        let lines = |flags: &[(&str, String)]| {
            let config = Config::load(dir.path(), std::iter::empty(), flags).unwrap();
            Sender::from_config(&config, dir.path()).unwrap().transports().len()
        };
        assert_eq!(lines(&[("mail.connections", "2".to_owned())]), 2);
        assert_eq!(lines(&[("mail.transport", "none".to_owned())]), 0);
        let smtp =
            [("mail.transport", "smtp".to_owned()), ("mail.smtp_url", "smtp://127.0.0.1:2525?tls=none".to_owned())];
        assert_eq!(lines(&smtp), 4);
    }
}
