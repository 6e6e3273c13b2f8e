//! Where frozen mails go: an SMTP server, a folder of .eml files, or nowhere. One answer for all: an `Outcome`.

use super::outcome::{DeliveryResult, Outcome, Phase};
use super::smtp::SmtpSession;
use crate::domain::instant::Instant;
use chrono_tz::Tz;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use uuid::Uuid;

/// One frozen mail on its way to one recipient.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    pub message_id: Uuid,
    pub from: &'a str,
    pub to: &'a str,
    /// The letter's own date, not the attempt's: a second attempt must find the first one's file.
    pub date: Instant,
    pub bytes: &'a [u8],
}

/// When a mail may be handed over for good. Everything before the server's word for it may be said earlier.
#[derive(Debug, Clone)]
pub struct Turn(watch::Receiver<bool>);

impl Turn {
    #[must_use]
    pub fn now() -> Self {
        let (open, turn) = Self::to_come();
        open.send_replace(true);
        turn
    }

    /// It comes when `true` is sent.
    pub(super) fn to_come() -> (watch::Sender<bool>, Self) {
        let (open, turn) = watch::channel(false);
        (open, Self(turn))
    }

    /// Never where the sender is gone without a word: whoever waits is dropped then.
    pub(super) async fn come(&mut self) {
        if self.0.wait_for(|has_come| *has_come).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// How mails leave.
pub enum Transport {
    Smtp(Box<SmtpSession>),
    /// One .eml a message into `dir`; the zone is the office's, for the stamp in the name.
    File {
        dir: PathBuf,
        zone: Tz,
    },
    /// Accepts and drops.
    None,
}

impl Transport {
    pub async fn deliver(&mut self, parcel: Parcel<'_>, mut turn: Turn) -> Outcome {
        match self {
            Self::Smtp(session) => session.deliver_in(turn, parcel.from, parcel.to, parcel.bytes).await,
            Self::File { dir, zone } => {
                turn.come().await;
                into_folder(dir, *zone, parcel).await
            }
            Self::None => {
                turn.come().await;
                Outcome::new(DeliveryResult::Sent, Phase::None, None, "dropped: no transport is set", "none")
            }
        }
    }

    /// Ends what is open; mails may still be delivered afterwards.
    pub async fn close(&mut self) {
        match self {
            Self::Smtp(session) => session.close().await,
            Self::File { .. } | Self::None => {}
        }
    }
}

async fn into_folder(dir: &Path, zone: Tz, parcel: Parcel<'_>) -> Outcome {
    let server = dir.display().to_string();
    let name = file_name(zone, parcel.date, parcel.message_id);
    match write_file(dir, &name, parcel.bytes).await {
        Ok(()) => Outcome::new(DeliveryResult::Sent, Phase::File, None, &name, &server),
        // A full disk or a missing folder is no message's fault.
        Err(error) => Outcome::new(DeliveryResult::ChannelFault, Phase::File, None, &error.to_string(), &server),
    }
}

/// Sorts by the office's time, then by id.
fn file_name(zone: Tz, date: Instant, message_id: Uuid) -> String {
    format!("{}-{message_id}.eml", date.utc().with_timezone(&zone).format("%Y%m%d-%H%M%S"))
}

/// The file is there whole or not at all, also after a power cut.
async fn write_file(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    // Two workers may hold the same message when a lease has run out: each writes its own temporary file.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let nth = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = dir.join(format!(".{name}.{}-{nth}.tmp", std::process::id()));
    tokio::fs::create_dir_all(dir).await?;
    let written = async {
        let mut file = tokio::fs::File::create(&temporary).await?;
        file.write_all(bytes).await?;
        file.sync_all().await?;
        tokio::fs::rename(&temporary, dir.join(name)).await?;
        tokio::fs::File::open(dir).await?.sync_all().await
    };
    let done = written.await;
    if done.is_err() {
        // The error that counts is the first one.
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(bytes: &[u8]) -> Parcel<'_> {
        Parcel {
            message_id: Uuid::from_u128(7),
            from: "rectify@gov.cn",
            to: "zhang@gov.cn",
            date: "2021-08-15T17:30:00Z".parse().unwrap(),
            bytes,
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_second_attempt_overwrites_the_first_ones_file() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = dir.path().join("outbox");
        let mut transport = Transport::File { dir: outbox.clone(), zone: chrono_tz::Asia::Shanghai };
        for bytes in [b"first\r\n".as_slice(), b"second\r\n"] {
            assert_eq!(transport.deliver(parcel(bytes), Turn::now()).await.result, DeliveryResult::Sent);
        }
        let name = "20210816-013000-00000000-0000-0000-0000-000000000007.eml";
        assert_eq!(names(&outbox), [name]);
        assert_eq!(std::fs::read(outbox.join(name)).unwrap(), b"second\r\n");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_the_channels_fault() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut transport = Transport::File { dir: file.path().join("outbox"), zone: chrono_tz::Asia::Shanghai };
        let outcome = transport.deliver(parcel(b"x\r\n"), Turn::now()).await;
        assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::File));
        assert!(!outcome.reply.is_empty());
    }

    #[tokio::test]
    async fn no_transport_takes_everything() {
        let outcome = Transport::None.deliver(parcel(b"x\r\n"), Turn::now()).await;
        assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Sent, Phase::None));
    }
}
