//! What several pages show alike: the light, a ticket's line, the list's foot, files.

use crate::domain::reminder::ReminderState;
use crate::domain::ticket::Act;
use crate::domain::vocabulary::{Light, State};
use crate::queries::tickets::TicketOut;
use crate::queries::timeline::FileOut;
use crate::web::lens::{Day, Lens, Moment};
use serde::Serialize;

/// The traffic light: shape, words and colour, so that none has to be told by colour alone.
#[derive(Debug, Clone, Serialize)]
pub struct LightView {
    pub colour: Light,
    pub shape: &'static str,
    pub words: String,
}

impl LightView {
    #[must_use]
    pub fn of(ticket: &TicketOut, lens: &Lens) -> Self {
        let words = match ticket.light {
            Light::Red => lens.tn("light.overdue", ticket.days_overdue),
            Light::Yellow if ticket.calendar_days_left == Some(0) => lens.t("light.due_today").to_owned(),
            Light::Yellow => lens.tn("light.days_left", ticket.days_left.unwrap_or(0)),
            Light::Green => lens.t("light.on_track").to_owned(),
            Light::Blue if ticket.state == State::Accepted => lens.t("light.look_back").to_owned(),
            Light::Blue => lens.t("light.in_review").to_owned(),
            Light::Grey => sentence(ticket.state.name(lens.lang)),
        };
        Self { colour: ticket.light, shape: shape(ticket.light), words }
    }
}

const fn shape(light: Light) -> &'static str {
    match light {
        Light::Red => "●",
        Light::Yellow => "▲",
        Light::Green => "■",
        Light::Blue => "◆",
        Light::Grey => "○",
    }
}

/// The name of a light where it is a choice.
#[must_use]
pub fn light_name(light: Light, lens: &Lens) -> String {
    let words = match light {
        Light::Red => lens.t("light.red"),
        Light::Yellow => lens.t("light.yellow"),
        Light::Green => lens.t("light.green"),
        Light::Blue => lens.t("light.blue"),
        Light::Grey => lens.t("light.grey"),
    };
    format!("{} {words}", shape(light))
}

/// A word of the vocabulary at the beginning of a line.
#[must_use]
pub fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

/// A ticket in a list.
#[derive(Debug, Clone, Serialize)]
pub struct TicketLine {
    pub reference: String,
    pub title: String,
    pub unit: String,
    pub light: LightView,
    pub state: String,
    pub due: Day,
    /// The date it was due first, where that has moved.
    pub original_due: Option<Day>,
    /// Working days left, beside the date.
    pub left: Option<String>,
    pub percent: i32,
    pub handler: Option<String>,
    pub prominent: bool,
    pub pending: Option<String>,
    pub last_progress: Option<Moment>,
    pub last_reminder: Option<ReminderView>,
    /// How long it has waited for its review; where that is what the list is about.
    pub waited: Option<Waited>,
    pub version: i64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Waited {
    pub text: String,
    /// Longer than the office allows itself.
    pub late: bool,
}

/// The newest reminder, and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct ReminderView {
    pub at: Moment,
    pub state: String,
    /// Nobody may have got it.
    pub failed: bool,
}

impl TicketLine {
    #[must_use]
    pub fn of(ticket: &TicketOut, lens: &Lens) -> Self {
        Self {
            reference: ticket.reference.clone(),
            title: ticket.title.clone(),
            unit: lens.unit(&ticket.unit),
            light: LightView::of(ticket, lens),
            state: sentence(ticket.state.name(lens.lang)),
            due: lens.day(ticket.due_on),
            original_due: (ticket.original_due_on != ticket.due_on).then(|| lens.day(ticket.original_due_on)),
            left: left(ticket, lens),
            percent: ticket.percent,
            handler: ticket.handler.clone(),
            prominent: ticket.severity == crate::domain::vocabulary::Severity::Prominent,
            pending: ticket.pending.map(|pending| match pending {
                crate::domain::vocabulary::Pending::Extension => lens.t("pending.extension").to_owned(),
                crate::domain::vocabulary::Pending::Objection => lens.t("pending.objection").to_owned(),
            }),
            last_progress: ticket.last_progress_at.map(|at| lens.moment(at)),
            last_reminder: ticket.last_reminder.as_ref().map(|last| ReminderView {
                at: lens.moment(last.at),
                state: sentence(last.state.name(lens.lang)),
                failed: last.state == ReminderState::Failed,
            }),
            waited: None,
            version: ticket.version,
        }
    }
}

/// Days left in words, where the light doesn't say them already.
fn left(ticket: &TicketOut, lens: &Lens) -> Option<String> {
    let days = ticket.days_left.filter(|_| ticket.light == Light::Green)?;
    Some(lens.tn("light.days_left", days))
}

/// A file that can be downloaded.
#[derive(Debug, Clone, Serialize)]
pub struct FileView {
    pub name: String,
    pub href: String,
    pub size: String,
    pub sha256: String,
}

impl From<&FileOut> for FileView {
    fn from(file: &FileOut) -> Self {
        Self {
            name: file.name.clone(),
            href: format!("/api/v1/attachments/{}", file.id),
            size: size(file.size),
            sha256: file.sha256.clone(),
        }
    }
}

/// `640 B`, `12 KB`, `3.4 MB`.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KB", (bytes + 512) / 1_024),
        _ => {
            let tenths = (bytes * 10 + 524_288) / 1_048_576;
            format!("{}.{} MB", tenths / 10, tenths % 10)
        }
    }
}

/// A choice of a list.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    pub value: String,
    pub name: String,
    pub chosen: bool,
}

/// An act as a button that opens its form.
#[derive(Debug, Clone, Serialize)]
pub struct Button {
    pub name: &'static str,
    pub href: String,
}

/// Where the form of this act lies.
#[must_use]
pub fn act_href(reference: &str, act: Act) -> String {
    let reference = path_segment(reference);
    match act {
        Act::Feedback | Act::RegisterLetter => format!("/feedback/new?ticket={reference}"),
        Act::Acknowledge
        | Act::Progress
        | Act::Object
        | Act::DecideObjection
        | Act::Reassign
        | Act::Accept
        | Act::Return
        | Act::PassLookBack
        | Act::FailLookBack
        | Act::Carry
        | Act::DecideMilestone
        | Act::Cancel
        | Act::Reopen
        | Act::AskExtension
        | Act::DecideExtension
        | Act::MoveDueDate
        | Act::Urge
        | Act::Comment => format!("/tickets/{reference}?act={act}#act"),
    }
}

/// A code or reference as a part of an address; codes may hold Chinese characters.
#[must_use]
pub fn path_segment(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            return out;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_that_fits() {
        assert_eq!(size(640), "640 B");
        assert_eq!(size(12_000), "12 KB");
        assert_eq!(size(3_565_158), "3.4 MB");
    }

    #[test]
    fn a_reference_with_chinese_characters_makes_a_proper_address() {
        assert_eq!(path_segment("2021Q2-F01-01"), "2021Q2-F01-01");
        assert_eq!(path_segment("整/?"), "%E6%95%B4%2F%3F");
    }

    #[test]
    fn a_word_begins_with_a_capital_and_chinese_stays() {
        assert_eq!(sentence("in review"), "In review");
        assert_eq!(sentence("待审核"), "待审核");
    }
}
