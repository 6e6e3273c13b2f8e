//! A conversation with a mail server, told line by line while it goes on, without its secrets. For `rectify mail test`.

use super::message::clean_line;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const LINE_CHARS: usize = 500;
/// What stands for a secret.
pub(super) const HIDDEN: &str = "********";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Client,
    Server,
    /// Nobody's words: what happened to the connection.
    Note,
}

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Since the beginning.
    pub after: Duration,
    pub by: Speaker,
    pub text: String,
}

/// Who is told each line.
pub type Listener = Arc<dyn Fn(Said) + Send + Sync>;

/// Nobody listens to most conversations.
#[derive(Clone, Default)]
pub(super) struct Transcript(Option<Arc<Heard>>);

struct Heard {
    begun: Instant,
    secrets: Vec<String>,
    tell: Listener,
}

impl Transcript {
    /// `secrets` are never told, whoever says them.
    pub fn new(tell: Listener, secrets: Vec<String>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
        Self(Some(Arc::new(Heard { begun: Instant::now(), secrets, tell })))
    }

    pub const fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    pub fn tell(&self, by: Speaker, text: impl fmt::Display) {
        let Some(heard) = &self.0 else { return };
        let mut text = text.to_string();
        for secret in &heard.secrets {
            text = text.replace(secret, HIDDEN);
        }
        (heard.tell)(Said { after: heard.begun.elapsed(), by, text: clean_line(&text, LINE_CHARS) });
    }
}
