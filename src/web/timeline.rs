//! A ticket's timeline in words: who did what when, newest first.

use crate::domain::vocabulary::Pending;
use crate::domain::words::Lang;
use crate::queries::names::UnitRef;
use crate::queries::page::Slice;
use crate::queries::timeline::{self, EventOut};
use crate::transaction::Outcome;
use crate::web::acts::Waiting;
use crate::web::lens::{Lens, Moment};
use crate::web::picks::uncounted;
use crate::web::view::{FileView, sentence};
use crate::web::visit::Room;
use chrono::NaiveDate;
use serde::Serialize;
use serde_json::Value;

const PAGE: i64 = 200;
/// A timeline with more events is cut; the REST interface has them all.
const PAGES_MAX: usize = 10;

/// One line.
#[derive(Debug, Clone, Serialize)]
pub struct EventView {
    pub seq: i64,
    pub at: Moment,
    pub who: String,
    /// What was done.
    pub title: String,
    /// What was said, with its label.
    pub facts: Vec<Fact>,
    /// Free text.
    pub text: Option<String>,
    pub files: Vec<FileView>,
    /// Marks what moves the ticket.
    pub weight: Weight,
    /// A progress entry that may be corrected.
    pub is_progress: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    pub label: &'static str,
    pub value: String,
}

/// How much a line matters to somebody who skims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    Turn,
    Note,
}

/// All events of a ticket, oldest first.
pub fn events(room: &mut Room<'_, '_>, key: &str) -> Outcome<Vec<EventOut>> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let ask = uncounted(PAGE, cursor, "web timeline");
        let Slice { items, next, .. } = timeline::of_ticket(room.read, room.who, key, &ask)?;
        found.extend(items);
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The newest request of this kind.
#[must_use]
pub fn waiting(events: &[EventOut], act: &str) -> Option<Waiting> {
    let event = events.iter().rev().find(|event| event.act == act)?;
    let payload = event.payload.clone().unwrap_or(Value::Null);
    let proposed = payload.get("proposed_unit_id").and_then(Value::as_str);
    let proposed = proposed.and_then(|id| event.units.iter().find(|unit| unit.id.to_string() == id));
    Some(Waiting { id: event.id, proposed: proposed.map(|unit| unit.code.clone()), payload })
}

#[must_use]
pub fn shown(event: &EventOut, lens: &Lens) -> EventView {
    let said = Said { payload: event.payload.as_ref(), units: &event.units, lens };
    let (title, mut facts, text) = said.words(&event.act);
    facts.extend(said.lapsed());
    EventView {
        seq: event.seq,
        at: lens.moment(event.at),
        who: who(event, lens),
        title,
        facts,
        text: text.or_else(|| event.payload.is_none().then(|| lens.t("event.removed").to_owned())),
        files: event.attachments.iter().map(FileView::from).collect(),
        weight: weight(&event.act),
        is_progress: event.act == "ticket.progress_logged",
    }
}

pub fn who(event: &EventOut, lens: &Lens) -> String {
    if event.actor.label.starts_with("system:") {
        lens.t("event.system").to_owned()
    } else if event.actor.name.is_empty() {
        lens.t("event.nameless").to_owned()
    } else if event.actor.service {
        format!("{}{}", event.actor.name, lens.t("event.by_program"))
    } else {
        event.actor.name.clone()
    }
}

fn weight(act: &str) -> Weight {
    match act {
        "ticket.progress_logged" | "ticket.commented" | "ticket.urged" => Weight::Note,
        _ => Weight::Turn,
    }
}

/// The facts that there are.
fn present(facts: impl IntoIterator<Item = Option<Fact>>) -> Vec<Fact> {
    facts.into_iter().flatten().collect()
}

/// The text of an act that is no ticket's.
fn other_act(act: &str) -> Option<&'static str> {
    Some(match act {
        "notice.drafted" => "act.notice.drafted",
        "notice.changed" => "act.notice.changed",
        "notice.issued" => "act.notice.issued",
        "notice.closed" => "act.notice.closed",
        "notice.coverage_set" => "act.notice.coverage_set",
        "notice.requirements_set" => "act.notice.requirements_set",
        "finding.added" => "act.finding.added",
        "finding.changed" => "act.finding.changed",
        "finding.units_added" => "act.finding.units_added",
        "feedback.filed" => "act.feedback.filed",
        "unit.created" => "act.unit.created",
        "unit.changed" => "act.unit.changed",
        "user.created" => "act.user.created",
        "user.changed" => "act.user.changed",
        "user.password_changed" => "act.user.password_changed",
        "user.signed_in" => "act.user.signed_in",
        "user.signed_out" => "act.user.signed_out",
        "user.session_ended" => "act.user.session_ended",
        "user.sign_in_failed" => "act.user.sign_in_failed",
        "user.denied" => "act.user.denied",
        "user.deputy_changed" => "act.user.deputy_changed",
        "user.handed_over" => "act.user.handed_over",
        "user.took_over" => "act.user.took_over",
        "user.erased" => "act.user.erased",
        "asset.created" => "act.asset.created",
        "asset.changed" => "act.asset.changed",
        "asset.status_changed" => "act.asset.status_changed",
        "token.created" => "act.token.created",
        "token.revoked" => "act.token.revoked",
        "attachment.uploaded" => "act.attachment.uploaded",
        "message.retried" => "act.message.retried",
        "message.held" => "act.message.held",
        "message.released" => "act.message.released",
        "message.cancelled" => "act.message.cancelled",
        "calendar.changed" => "act.calendar.changed",
        "rule.created" => "act.rule.created",
        "rule.changed" => "act.rule.changed",
        "rule.removed" => "act.rule.removed",
        "clock.accepted" => "act.clock.accepted",
        "sandbox.clock_set" => "act.sandbox.clock_set",
        "checkpoint.made" => "act.checkpoint.made",
        "export.made" => "act.export.made",
        _ => return None,
    })
}

/// What an event says, read field by field.
struct Said<'a> {
    payload: Option<&'a Value>,
    units: &'a [UnitRef],
    lens: &'a Lens,
}

type Words = (String, Vec<Fact>, Option<String>);

impl Said<'_> {
    fn words(&self, act: &str) -> Words {
        let t = |key| self.lens.t(key).to_owned();
        match act {
            "ticket.issued" => (
                t("event.issued"),
                present([
                    self.unit("fact.lead", "unit_id"),
                    self.date("fact.due_on", "due_on"),
                    self.plain("ticket.recurrence_of", "recurrence_reference"),
                ]),
                None,
            ),
            "ticket.acknowledged" => (t("event.acknowledged"), present([self.plain("fact.handler", "handler")]), None),
            "ticket.progress_logged" => {
                let corrects = self.number("corrects").map(|seq| self.fact("fact.corrects", format!("#{seq}")));
                let percent = self.number("percent").map(|percent| self.fact("fact.percent", format!("{percent}%")));
                let milestone = self.milestone("fact.milestone_reported");
                (t("event.progress_logged"), present([percent, milestone, corrects]), self.text("text"))
            }
            "ticket.objected" => {
                let proposed = self.unit("fact.proposed", "proposed_unit_id");
                (t("event.objected"), present([proposed]), self.text("reason"))
            }
            "ticket.objection_decided" => {
                let title = if self.is("upheld") { t("event.objection_upheld") } else { t("event.objection_rejected") };
                (title, present([self.unit("fact.lead", "unit_id")]), self.text("reason"))
            }
            "ticket.reassigned" => {
                let units = [self.unit("fact.from", "from_unit_id"), self.unit("fact.lead", "unit_id")];
                let due_on = self.date("fact.due_on", "due_on");
                (t("event.reassigned"), present(units.into_iter().chain([due_on])), self.text("reason"))
            }
            "ticket.submitted" => self.submitted(),
            "ticket.accepted" => {
                let look_back = self.date("fact.look_back_on", "look_back_on");
                (t("event.accepted"), present([look_back]), self.text("reason"))
            }
            "ticket.returned" => {
                (t("event.returned"), present([self.date("fact.due_on", "due_on"), self.cycle()]), self.text("reason"))
            }
            "ticket.look_back_passed" => {
                let facts = [self.plain("fact.method", "method"), self.date("fact.on", "on")];
                (t("event.look_back_passed"), present(facts), self.text("note"))
            }
            "ticket.look_back_failed" => {
                let looked = [self.plain("fact.method", "method"), self.date("fact.on", "on")];
                let facts = looked.into_iter().chain([self.date("fact.due_on", "due_on"), self.cycle()]);
                (t("event.look_back_failed"), present(facts), self.text("note"))
            }
            "ticket.carried" => self.carried(),
            "ticket.milestone_decided" => {
                let reached = self.is("reached");
                let title = if reached { t("event.milestone_reached") } else { t("event.milestone_sent_back") };
                let facts = [self.milestone("fact.milestone"), self.date("fact.due_on", "due_on").filter(|_| reached)];
                (title, present(facts), self.text("reason"))
            }
            "ticket.cancelled" => (t("event.cancelled"), Vec::new(), self.text("reason")),
            "ticket.reopened" => {
                (t("event.reopened"), present([self.date("fact.due_on", "due_on"), self.cycle()]), self.text("reason"))
            }
            "ticket.extension_requested" => {
                let progress = self.text("progress").map(|text| self.fact("fact.progress", text));
                let facts = present([self.date("fact.asked_for", "to"), progress]);
                (t("event.extension_requested"), facts, self.text("reason"))
            }
            "ticket.extension_decided" => {
                let title =
                    if self.is("approved") { t("event.extension_granted") } else { t("event.extension_refused") };
                let facts = present([self.date("fact.from", "from"), self.date("fact.to", "to")]);
                (title, facts, self.text("reason"))
            }
            "ticket.handed_over" => {
                let facts = [self.plain("fact.from", "from"), self.plain("fact.handler", "to")];
                (t("event.handed_over"), present(facts), self.text("reason"))
            }
            "ticket.due_moved" => {
                let facts = present([self.date("fact.from", "from"), self.date("fact.to", "to")]);
                (t("event.due_moved"), facts, self.text("reason").or_else(|| self.calendar()))
            }
            "ticket.look_back_moved" => {
                let facts = present([self.date("fact.from", "from"), self.date("fact.to", "to")]);
                (t("event.look_back_moved"), facts, self.calendar())
            }
            "ticket.due_confirmed" => {
                (t("event.due_confirmed"), present([self.date("fact.due_on", "due_on")]), self.calendar())
            }
            "ticket.urged" => {
                let count = self.number("count").map(|count| self.fact("fact.urged", count.to_string()));
                (t("event.urged"), present([count]), self.text("note"))
            }
            "ticket.commented" => (t("event.commented"), Vec::new(), self.text("text")),
            other => self.other(other),
        }
    }

    /// What is no ticket's: its name, and the few fields that tell it from others of its kind.
    fn other(&self, act: &str) -> Words {
        let title = other_act(act).map_or_else(|| act.to_owned(), |key| self.lens.t(key).to_owned());
        let counted = |label, field| {
            let number = self.number(field).filter(|number| *number > 0);
            number.map(|number| self.fact(label, number.to_string()))
        };
        let facts = [
            self.plain("fact.login", "login"),
            self.plain("fact.code", "code"),
            self.plain("fact.name", "name"),
            self.plain("fact.title", "title"),
            self.plain("fact.asked", "asked"),
            self.plain("fact.letter_no", "letter_no"),
            self.plain("fact.what", "what"),
            counted("fact.number", "number"),
            counted("fact.failures", "failures"),
            counted("fact.left_out", "left_out"),
            counted("fact.payloads", "payloads"),
            counted("fact.names", "names"),
        ];
        (title, present(facts), None)
    }

    fn submitted(&self) -> Words {
        let result = self.text("result").map(|word| {
            let name = word.parse().map(|result: crate::domain::vocabulary::WorkResult| result.name(self.lens.lang));
            self.fact("fact.result", name.map(sentence).unwrap_or(word))
        });
        let facts = [
            result,
            self.date("fact.completed_on", "completed_on"),
            self.date("fact.received_on", "received_on"),
            self.plain("fact.cause", "cause"),
        ];
        let title = if self.text("received_on").is_some() { "event.registered" } else { "event.submitted" };
        (self.lens.t(title).to_owned(), present(facts), self.text("measures"))
    }

    fn carried(&self) -> Words {
        let milestones = self.payload.and_then(|payload| payload.get("milestones")).and_then(Value::as_array);
        let steps = milestones.into_iter().flatten().filter_map(|milestone| {
            let on = milestone.get("on")?.as_str()?.parse::<NaiveDate>().ok()?;
            let text = milestone.get("text")?.as_str()?;
            Some(Some(self.fact("fact.milestone", format!("{} {text}", self.lens.date(on)))))
        });
        (self.lens.t("event.carried").to_owned(), present(steps), self.text("reason"))
    }

    /// The milestone that this is about.
    fn milestone(&self, label: &'static str) -> Option<Fact> {
        let milestone = self.payload?.get("milestone")?;
        let on = milestone.get("on")?.as_str()?.parse::<NaiveDate>().ok()?;
        Some(self.fact(label, format!("{} {}", self.lens.date(on), milestone.get("text")?.as_str()?)))
    }

    /// The request that this act left without an answer.
    fn lapsed(&self) -> Option<Fact> {
        let what = match self.text("lapsed")?.parse().ok()? {
            Pending::Extension => self.lens.t("lapsed.extension"),
            Pending::Objection => self.lens.t("lapsed.objection"),
        };
        Some(self.fact("fact.lapsed", what.to_owned()))
    }

    fn fact(&self, label: &'static str, value: String) -> Fact {
        Fact { label: self.lens.t(label), value }
    }

    fn text(&self, field: &str) -> Option<String> {
        let text = self.payload?.get(field)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn number(&self, field: &str) -> Option<i64> {
        self.payload?.get(field)?.as_i64()
    }

    fn is(&self, field: &str) -> bool {
        self.payload.and_then(|payload| payload.get(field)).and_then(Value::as_bool).unwrap_or(false)
    }

    fn plain(&self, label: &'static str, field: &str) -> Option<Fact> {
        self.text(field).map(|text| self.fact(label, text))
    }

    fn date(&self, label: &'static str, field: &str) -> Option<Fact> {
        let on = self.text(field)?.parse::<NaiveDate>().ok()?;
        Some(self.fact(label, self.lens.date(on)))
    }

    fn unit(&self, label: &'static str, field: &str) -> Option<Fact> {
        let id = self.text(field)?;
        let unit = self.units.iter().find(|unit| unit.id.to_string() == id)?;
        Some(self.fact(label, self.lens.unit(unit)))
    }

    /// The words for what the working calendar caused.
    fn calendar(&self) -> Option<String> {
        self.payload?.get("cause")?.get("calendar")?;
        Some(self.lens.t("event.by_calendar").to_owned())
    }

    /// The round of work, where it is not the first.
    fn cycle(&self) -> Option<Fact> {
        let cycle = self.number("cycle").filter(|cycle| *cycle > 1)?;
        let value = match self.lens.lang {
            Lang::Zh => format!("第 {cycle} 轮"),
            Lang::En => format!("No. {cycle}"),
        };
        Some(self.fact("fact.cycle", value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_act_on_record_has_words() {
        let kinds = [
            "notice",
            "finding",
            "feedback",
            "unit",
            "user",
            "asset",
            "token",
            "attachment",
            "message",
            "calendar",
            "rule",
            "clock",
            "sandbox",
            "checkpoint",
            "export",
        ];
        let mut paths = Vec::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        files(&source.join("actions"), &mut paths);
        paths.push(source.join("domain/audit.rs"));
        let mut seen = 0;
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            for word in text.split('"') {
                let Some((kind, rest)) = word.split_once('.') else { continue };
                let is_act =
                    kinds.contains(&kind) && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                if is_act && !rest.is_empty() {
                    assert!(other_act(word).is_some(), "{}: no words for {word}", path.display());
                    seen += 1;
                }
            }
        }
        assert!(seen > 30, "{seen}");
    }
}
