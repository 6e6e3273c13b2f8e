//! What a message says: from the rows of its lines, as things stand now, to the plain data that `render` writes.

use super::check::{Dossier, Judged, NoticeFile, TicketFile};
use super::content::{About, Act, AtOnce, Digest, Group, Line, NextStep, Note, Standing};
use super::reader::{Reader, next_step, notes};
use super::render::{DIGEST_LINES, RenderFault, Rendered, render_at_once, render_digest};
use super::templates::Templates;
use crate::domain::audit::Stream;
use crate::domain::calendar::local_date;
use crate::domain::id::{SubjectId, TicketId};
use crate::domain::reminder::{Anchor, Delivery, MessageKind, Subject, Told};
use crate::domain::standing;
use crate::domain::vocabulary::{Ball, Part, State};
use crate::domain::words::Lang;
use crate::store::events;
use crate::store::ledger::ReminderRow;
use crate::store::outbox::MessageRow;
use crate::store::recipients::Recipient;
use crate::store::tickets::TicketRow;
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde_json::Value;
use std::collections::BTreeMap;

/// A mail as plain data.
#[derive(Debug)]
pub enum Content {
    Digest(Box<Digest>),
    AtOnce(Box<AtOnce>),
}

impl Content {
    pub fn render(&self, templates: &Templates) -> Result<Rendered, RenderFault> {
        match self {
            Self::Digest(digest) => render_digest(templates, digest),
            Self::AtOnce(at_once) => render_at_once(templates, at_once),
        }
    }
}

/// What composing needs besides the rows.
pub struct Desk<'a> {
    pub dossier: &'a Dossier,
    pub base_url: &'a str,
}

/// What a message is to say. Nothing where its lines are of a kind that it can't say.
#[derive(Debug, Default)]
pub struct Composed {
    pub content: Option<Content>,
    /// The one ticket that it is about, if it is one, with its reference.
    pub ticket: Option<(TicketId, String)>,
}

/// What is left of a message, to its reader.
pub fn compose(
    read: &mut Read<'_>,
    desk: &Desk<'_>,
    message: &MessageRow,
    judged: &Judged,
    to: &Recipient,
) -> Outcome<Composed> {
    let about: Vec<SubjectId> = judged.keep.iter().map(|row| row.subject_id).collect();
    let ticket = about.first().filter(|first| about.iter().all(|id| id == *first));
    let ticket = ticket.and_then(|id| desk.dossier.ticket(*id)).map(|file| (file.row.id, file.row.reference.clone()));
    let content = match message.kind {
        MessageKind::Digest => Some(Content::Digest(Box::new(desk.digest(read, &judged.keep, to)?))),
        MessageKind::AtOnce => desk.at_once(read, &judged.keep, to)?.map(|at_once| Content::AtOnce(Box::new(at_once))),
    };
    Ok(Composed { content, ticket })
}

/// A digest's group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Overdue,
    DueToday,
    DueSoon,
    ToAcknowledge,
    Others,
}

impl Desk<'_> {
    pub(super) fn today(&self) -> NaiveDate {
        self.dossier.office.today(self.dossier.now)
    }

    pub(super) fn office_name(&self, lang: Lang) -> String {
        let office = &self.dossier.office;
        lang.pick(&office.name_zh, &office.name_en).to_owned()
    }

    pub(super) fn list_url(&self) -> String {
        format!("{}/tickets", self.base_url)
    }

    pub(super) fn ticket_url(&self, reference: &str) -> String {
        format!("{}/tickets/{reference}", self.base_url)
    }

    /// The lead unit's name, as the reader knows it.
    fn unit(&self, row: &TicketRow, lang: Lang) -> String {
        self.dossier.roster.unit(row.unit_id).map_or_else(String::new, |unit| unit.called(lang).to_owned())
    }

    fn digest(&self, read: &mut Read<'_>, rows: &[ReminderRow], to: &Recipient) -> Outcome<Digest> {
        let has_week = rows.iter().any(|row| row.subject_kind == Subject::Office);
        let week = if has_week { Some(self.week(read, to.lang)?) } else { None };
        let mut by_subject: BTreeMap<SubjectId, Vec<&ReminderRow>> = BTreeMap::new();
        for row in rows {
            by_subject.entry(row.subject_id).or_default().push(row);
        }
        let mut groups: BTreeMap<Place, Vec<Line>> = BTreeMap::new();
        for (id, rows) in by_subject {
            let line = match (self.dossier.ticket(id), self.dossier.notice(id)) {
                (Some(file), _) => Some(self.ticket_line(file, &rows, to.lang)),
                (None, Some(file)) => self.requirements_line(file, &rows),
                (None, None) => None,
            };
            if let Some((place, line)) = line {
                groups.entry(place).or_default().push(line);
            }
        }
        let mut group = |place| {
            let mut lines = groups.remove(&place).unwrap_or_default();
            lines.sort_by(|a, b| (a.due_on, &a.reference).cmp(&(b.due_on, &b.reference)));
            let total = lines.len();
            lines.truncate(DIGEST_LINES);
            Group { lines, total }
        };
        Ok(Digest {
            lang: to.lang,
            recipient_name: to.name.clone(),
            office_name: self.office_name(to.lang),
            date: self.today(),
            base_url: self.base_url.to_owned(),
            list_url: self.list_url(),
            overdue: group(Place::Overdue),
            due_today: group(Place::DueToday),
            due_soon: group(Place::DueSoon),
            to_acknowledge: group(Place::ToAcknowledge),
            others: group(Place::Others),
            week,
        })
    }

    fn ticket_line(&self, file: &TicketFile, rows: &[&ReminderRow], lang: Lang) -> (Place, Line) {
        let row = &file.row;
        let reader = Reader::of(rows, row.unit_id);
        let standing = self.standing(row);
        let line = Line {
            about: About::Ticket,
            reference: row.reference.clone(),
            title: row.title.clone(),
            unit: (reader == Reader::Superior).then(|| self.unit(row, lang)),
            due_on: match standing {
                Standing::LookBackDue { .. } => row.look_back_on.unwrap_or(row.due_on),
                Standing::Overdue { .. }
                | Standing::DueToday
                | Standing::WorkingDaysLeft { .. }
                | Standing::WaitingForReview { .. }
                | Standing::Settled { .. } => row.due_on,
            },
            standing,
            next: next_step(row.state, standing, reader),
            notes: [self.news(rows), notes(row, reader)].concat(),
            link: self.ticket_url(&row.reference),
        };
        (self.place(row, standing, rows), line)
    }

    /// What would have been told at once, each kind once.
    fn news(&self, rows: &[&ReminderRow]) -> Vec<Note> {
        let rules = rows.iter().filter_map(|row| self.dossier.rule(&row.rule));
        let mut anchors: Vec<Anchor> =
            rules.filter(|rule| rule.delivery == Delivery::AtOnce).map(|rule| rule.anchor).collect();
        anchors.sort();
        anchors.dedup();
        anchors.into_iter().map(|anchor| Note::News { anchor }).collect()
    }

    fn place(&self, row: &TicketRow, standing: Standing, rows: &[&ReminderRow]) -> Place {
        let is_of = |anchor: Anchor| {
            rows.iter().any(|row| self.dossier.rule(&row.rule).is_some_and(|rule| rule.anchor == anchor))
        };
        let is_far = |days: u32| row.state == State::Issued && days > u32::from(self.dossier.office.yellow_days);
        match standing {
            Standing::Overdue { .. } => Place::Overdue,
            Standing::DueToday => Place::DueToday,
            Standing::WorkingDaysLeft { days } if is_of(Anchor::Due) && !is_far(days) => Place::DueSoon,
            Standing::WorkingDaysLeft { .. } if row.state == State::Issued => Place::ToAcknowledge,
            Standing::WorkingDaysLeft { .. } if is_of(Anchor::Due) => Place::DueSoon,
            Standing::WorkingDaysLeft { .. }
            | Standing::WaitingForReview { .. }
            | Standing::LookBackDue { .. }
            | Standing::Settled { .. } => Place::Others,
        }
    }

    pub(super) fn standing(&self, row: &TicketRow) -> Standing {
        let (office, now, today) = (&self.dossier.office, self.dossier.now, self.today());
        match (row.state.ball(), row.submitted_at, row.look_back_on) {
            (Ball::Coordinator, Some(at), _) => {
                let since = local_date(office.zone, at);
                Standing::WaitingForReview { working_days: number(office.calendar.working_days_between(since, today)) }
            }
            (Ball::Verifier, _, Some(on)) if on <= today => {
                Standing::LookBackDue { days_late: number((today - on).num_days()) }
            }
            (Ball::Verifier | Ball::None, _, _) => Standing::Settled { state: row.state },
            (Ball::Unit | Ball::Coordinator, _, _) => {
                let stands = standing::standing(row.state, row.due_on, row.due_at, office, now);
                if stands.overdue {
                    Standing::Overdue { days: number(stands.days_overdue) }
                } else {
                    self.days_left(row.due_on)
                }
            }
        }
    }

    fn days_left(&self, due_on: NaiveDate) -> Standing {
        let today = self.today();
        if due_on == today {
            Standing::DueToday
        } else {
            let days = self.dossier.office.calendar.working_days_between(today, due_on);
            Standing::WorkingDaysLeft { days: number(days) }
        }
    }

    fn requirements_line(&self, file: &NoticeFile, rows: &[&ReminderRow]) -> Option<(Place, Line)> {
        let row = &file.row;
        let due_on = row.due_on?;
        let is_late = row.due_at.is_some_and(|at| at <= self.dossier.now);
        let standing = if is_late {
            Standing::Overdue { days: number((self.today() - due_on).num_days().max(1)) }
        } else {
            self.days_left(due_on)
        };
        let units: Vec<_> = rows.iter().filter_map(|row| row.recipient_unit_id).collect();
        let open = file.open.iter().filter(|(unit, _)| units.contains(unit)).map(|(_, open)| *open).max();
        let line = Line {
            about: About::Requirements,
            reference: row.code.clone(),
            title: row.title.clone(),
            unit: None,
            due_on,
            standing,
            next: NextStep::AnswerRequirements,
            notes: open.map(|open| Note::RequirementsOpen { open }).into_iter().collect(),
            link: format!("{}/notices/{}", self.base_url, row.code),
        };
        Some((Place::Others, line))
    }

    fn at_once(&self, read: &mut Read<'_>, rows: &[ReminderRow], to: &Recipient) -> Outcome<Option<AtOnce>> {
        let Some(line) = rows.first() else { return Ok(None) };
        let Some(file) = self.dossier.ticket(line.subject_id) else { return Ok(None) };
        let Some(rule) = self.dossier.rule(&line.rule) else { return Ok(None) };
        let row = &file.row;
        let stream = Stream::Ticket(row.id).to_string();
        let event = events::find(read.conn, &stream, line.anchor_version)?;
        let payload = event.as_ref().and_then(|event| event.payload.as_deref());
        let payload: Value = payload.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let told = Happened { act: event.as_ref().map_or("", |event| &event.act), payload: &payload };
        let reader = Reader::of(&[line], row.unit_id);
        let act = told.act(rule.anchor, row, (line.told(), reader));
        let is_away = act == Act::ReassignedAway;
        let shows_standing = row.state.ball() == Ball::Unit && !is_away;
        let unit = if is_away {
            line.recipient_unit_id
                .and_then(|id| self.dossier.roster.unit(id))
                .map(|unit| unit.called(to.lang).to_owned())
        } else {
            Some(self.unit(row, to.lang))
        };
        let standing = self.standing(row);
        Ok(Some(AtOnce {
            lang: to.lang,
            recipient_name: to.name.clone(),
            office_name: self.office_name(to.lang),
            base_url: self.base_url.to_owned(),
            act,
            reference: row.reference.clone(),
            title: row.title.clone(),
            unit: unit.unwrap_or_default(),
            due_on: (row.state.is_open() && !is_away).then_some(row.due_on),
            standing: shows_standing.then_some(standing),
            reason: told.reason(),
            next: if is_away {
                NextStep::Nothing
            } else if act == Act::MilestoneReported {
                NextStep::DecideMilestone
            } else {
                next_step(row.state, standing, reader)
            },
            notes: if is_away { Vec::new() } else { notes(row, reader) },
            link: (!is_away).then(|| self.ticket_url(&row.reference)),
        }))
    }
}

/// The event that a mail answers.
struct Happened<'a> {
    act: &'a str,
    payload: &'a Value,
}

impl Happened<'_> {
    fn date(&self, key: &str) -> Option<NaiveDate> {
        self.payload.get(key)?.as_str()?.parse().ok()
    }

    /// The reason given, the note, or the milestone that is reported.
    fn reason(&self) -> Option<String> {
        let text =
            |key: &str| self.payload.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        let milestone = || self.payload.pointer("/milestone/text").and_then(Value::as_str);
        text("reason").or_else(|| text("note")).or_else(milestone).map(str::to_owned)
    }

    fn act(&self, anchor: Anchor, row: &TicketRow, (told, reader): (Option<Told>, Reader)) -> Act {
        let part = if reader == Reader::Co { Part::Co } else { Part::Lead };
        match anchor {
            Anchor::Returned if self.act == "ticket.look_back_failed" => Act::LookBackFailed,
            Anchor::Returned => Act::Returned,
            Anchor::Accepted => Act::Accepted { look_back_on: row.look_back_on },
            Anchor::ExtensionDecided => self.decided(row),
            Anchor::Reassigned if told == Some(Told::FormerUnit) => Act::ReassignedAway,
            Anchor::Reassigned => Act::ReassignedHere,
            Anchor::Cancelled => Act::Cancelled,
            Anchor::Urged => Act::Urged { times: number(row.urged.into()) },
            Anchor::MilestoneReported => Act::MilestoneReported,
            Anchor::Issued | Anchor::Due | Anchor::Submitted | Anchor::LookBack | Anchor::Week => {
                Act::Assigned { part }
            }
        }
    }

    /// A date that was asked for, or moved unasked.
    fn decided(&self, row: &TicketRow) -> Act {
        let from = self.date("from").unwrap_or(row.original_due_on);
        let is_approved = self.payload.get("approved").and_then(Value::as_bool);
        match is_approved {
            Some(true) => Act::ExtensionGranted { from },
            Some(false) => Act::ExtensionRefused,
            None => Act::DueDateMoved { from },
        }
    }
}

/// A count that fits.
fn number(count: i64) -> u32 {
    u32::try_from(count.max(0)).unwrap_or(u32::MAX)
}
