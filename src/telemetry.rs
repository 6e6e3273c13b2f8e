//! Logging: text for people or JSON for machines, to standard error. For the command line, once at start.

use crate::config::{Log, LogFormat};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// Logging can't start.
#[derive(Debug, thiserror::Error)]
#[error("logging can't start: {0}")]
pub struct TelemetryFault(String);

/// Starts logging for the whole process.
pub fn start(log: &Log) -> Result<(), TelemetryFault> {
    subscriber(log, std::io::stderr)?.try_init().map_err(|fault| TelemetryFault(fault.to_string()))
}

fn subscriber<W>(log: &Log, writer: W) -> Result<impl Subscriber + Send + Sync, TelemetryFault>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = EnvFilter::try_new(&log.level).map_err(|fault| TelemetryFault(fault.to_string()))?;
    let filter = level.and(filter_fn(keeps_passwords));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match log.format {
        LogFormat::Text => Box::new(lines.with_ansi(false).with_filter(filter)),
        LogFormat::Json => Box::new(lines.json().flatten_event(true).with_filter(filter)),
    };
    Ok(tracing_subscriber::registry().with(layer))
}

/// lettre writes the SMTP password and whole mails at DEBUG; no setting may let them through.
fn keeps_passwords(event: &Metadata<'_>) -> bool {
    let of_lettre = event.target().split("::").next() == Some("lettre");
    !of_lettre || *event.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = Log { format, level: level.to_owned() };
        tracing::subscriber::with_default(subscriber(&log, move || writer.clone()).unwrap(), || {
            tracing::debug!(target: "lettre::transport::smtp::client", "Wrote: AUTH PLAIN hush");
            tracing::info!(target: "lettre::transport::smtp::client", "connected");
            tracing::debug!(ticket.id = 7, "looked");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_setting_lets_lettre_log_passwords() {
        for level in ["trace", "lettre=trace", "lettre::transport::smtp::client=trace,debug"] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let text = logged(format, level);
                assert!(!text.contains("hush") && text.contains("connected"), "{level}: {text}");
            }
        }
    }

    #[test]
    fn the_level_is_followed_and_json_has_fields() {
        assert!(!logged(LogFormat::Text, "info").contains("looked"));
        let text = logged(LogFormat::Json, "debug");
        let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!((&line["message"], &line["ticket.id"]), (&"looked".into(), &7.into()));
    }
}
