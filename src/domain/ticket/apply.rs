//! Decides a command: the ticket as it is afterwards and what the timeline says, or the refusal.

use super::milestone::{move_next, next};
use super::request::lapses;
use super::{Act, Due, Milestone, Ticket, permit};
use crate::domain::actor::Actor;
use crate::domain::calendar::local_date;
use crate::domain::check::not_ancient;
use crate::domain::id::{AttachmentId, FeedbackId, MilestoneId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::{LookBackPolicy, Pending, State, WorkResult};
use crate::domain::words::Lang;
use chrono::NaiveDate;
use serde_json::{Value, json};

/// One ticket's part of a letter of feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackPart {
    pub feedback_id: FeedbackId,
    pub cause: String,
    pub measures: String,
    pub result: WorkResult,
    pub completed_on: Option<NaiveDate>,
}

/// What somebody asks to be done. Texts are trimmed and within their limits already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Acknowledge {
        handler: String,
    },
    Progress {
        text: String,
        percent: Option<i32>,
        attachments: Vec<AttachmentId>,
        corrects: Option<i64>,
        /// The milestone that the lead unit says it has reached.
        milestone: Option<MilestoneId>,
    },
    Object {
        reason: String,
        proposed: UnitId,
    },
    /// Upheld: the ticket goes to `unit`.
    DecideObjection {
        reason: String,
        unit: Option<UnitId>,
    },
    Reassign {
        reason: String,
        unit: UnitId,
        due_on: Option<NaiveDate>,
    },
    Feedback(FeedbackPart),
    /// A paper letter, registered by a coordinator; `received_on` counts for on-time.
    RegisterLetter {
        part: FeedbackPart,
        /// Who signed it, and so handles a ticket that nobody had taken on.
        signatory: String,
        received_on: NaiveDate,
    },
    Accept {
        reason: String,
    },
    Return {
        reason: String,
        due_on: Option<NaiveDate>,
    },
    /// `note` may be empty where files prove it.
    PassLookBack {
        method: String,
        note: String,
        on: NaiveDate,
        evidence: Vec<AttachmentId>,
    },
    FailLookBack {
        method: String,
        note: String,
        on: NaiveDate,
        evidence: Vec<AttachmentId>,
        due_on: NaiveDate,
    },
    Carry {
        reason: String,
        milestones: Vec<Milestone>,
    },
    /// Reached, or reported too early.
    DecideMilestone {
        id: MilestoneId,
        reached: bool,
        reason: String,
    },
    Cancel {
        reason: String,
    },
    Reopen {
        reason: String,
        due_on: NaiveDate,
    },
    AskExtension {
        to: NaiveDate,
        reason: String,
        progress: String,
    },
    /// Approved: the date moves to `to`.
    DecideExtension {
        reason: String,
        to: Option<NaiveDate>,
    },
    MoveDueDate {
        to: NaiveDate,
        reason: String,
    },
    Urge {
        note: Option<String>,
    },
    Comment {
        text: String,
    },
}

impl Command {
    #[must_use]
    pub const fn act(&self) -> Act {
        match self {
            Self::Acknowledge { .. } => Act::Acknowledge,
            Self::Progress { .. } => Act::Progress,
            Self::Object { .. } => Act::Object,
            Self::DecideObjection { .. } => Act::DecideObjection,
            Self::Reassign { .. } => Act::Reassign,
            Self::Feedback(_) => Act::Feedback,
            Self::RegisterLetter { .. } => Act::RegisterLetter,
            Self::Accept { .. } => Act::Accept,
            Self::Return { .. } => Act::Return,
            Self::PassLookBack { .. } => Act::PassLookBack,
            Self::FailLookBack { .. } => Act::FailLookBack,
            Self::Carry { .. } => Act::Carry,
            Self::DecideMilestone { .. } => Act::DecideMilestone,
            Self::Cancel { .. } => Act::Cancel,
            Self::Reopen { .. } => Act::Reopen,
            Self::AskExtension { .. } => Act::AskExtension,
            Self::DecideExtension { .. } => Act::DecideExtension,
            Self::MoveDueDate { .. } => Act::MoveDueDate,
            Self::Urge { .. } => Act::Urge,
            Self::Comment { .. } => Act::Comment,
        }
    }
}

/// A decided change: the ticket afterwards, and its line on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub ticket: Ticket,
    /// Dotted, never renamed.
    pub event: &'static str,
    pub payload: Value,
}

/// Decides `command` on `ticket` at `now`.
///
/// # Errors
/// What `permit` refuses, and what the command itself gets wrong.
pub fn apply(
    ticket: &Ticket,
    actor: &Actor,
    command: Command,
    office: &Office,
    now: Instant,
) -> Result<Change, Refusal> {
    let act = command.act();
    permit(ticket, actor, act, office, now)?;
    let mut next = ticket.clone();
    let (event, mut payload) = match command {
        Command::Acknowledge { handler } => next.acknowledge(handler, now),
        Command::Progress { text, percent, attachments, corrects, milestone } => {
            next.advance(percent, actor, now)?;
            let mut payload =
                json!({"text": text, "percent": percent, "attachment_ids": attachments, "corrects": corrects});
            if let Some(id) = milestone {
                say(&mut payload, "milestone", next.report(id, actor, now)?);
            }
            ("ticket.progress_logged", payload)
        }
        Command::Object { reason, proposed } => {
            not_same_unit(ticket, proposed)?;
            next.pending = Some(Pending::Objection);
            ("ticket.objected", json!({"reason": reason, "proposed_unit_id": proposed}))
        }
        Command::DecideObjection { reason, unit } => {
            next.pending = None;
            if let Some(unit) = unit {
                not_same_unit(ticket, unit)?;
                next.hand_to(unit, now);
            }
            ("ticket.objection_decided", json!({"upheld": unit.is_some(), "reason": reason, "unit_id": unit}))
        }
        Command::Reassign { reason, unit, due_on } => {
            not_same_unit(ticket, unit)?;
            if let Some(due_on) = due_on {
                next.set_due(due_on, "/due_on", office, now)?;
            }
            next.hand_to(unit, now);
            let payload =
                json!({"from_unit_id": ticket.unit_id, "unit_id": unit, "reason": reason, "due_on": next.due.on});
            ("ticket.reassigned", payload)
        }
        Command::Feedback(part) => {
            let author = Author { user_id: actor.user_id, name: &actor.name };
            next.submit(&part, &author, now < ticket.due.at, office, now)?
        }
        Command::RegisterLetter { part, signatory, received_on } => {
            next.register(&part, &signatory, received_on, office, now)?
        }
        Command::Accept { reason } => next.accept(&reason, actor, office, now)?,
        Command::Return { reason, due_on } => {
            next.send_back("/due_on", due_on, office, now)?;
            ("ticket.returned", json!({"reason": reason, "due_on": next.due.on, "cycle": next.cycle}))
        }
        Command::PassLookBack { method, note, on, evidence } => {
            next.strike_off((&method, &note, on, &evidence), office, now)?
        }
        Command::FailLookBack { method, note, on, evidence, due_on } => {
            next.fail_again((&method, &note, on, &evidence), due_on, office, now)?
        }
        Command::Carry { reason, milestones } => next.carry(&reason, milestones, office, now)?,
        Command::DecideMilestone { id, reached, reason } => next.decide_milestone(id, reached, &reason, office, now)?,
        Command::Cancel { reason } => {
            next.state = State::Cancelled;
            ("ticket.cancelled", json!({"reason": reason}))
        }
        Command::Reopen { reason, due_on } => {
            next.send_back("/due_on", Some(due_on), office, now)?;
            ("ticket.reopened", json!({"reason": reason, "due_on": next.due.on, "cycle": next.cycle}))
        }
        Command::AskExtension { to, reason, progress } => {
            later_than(ticket.due.on, to, "/to")?;
            next.pending = Some(Pending::Extension);
            ("ticket.extension_requested", json!({"to": to, "reason": reason, "progress": progress}))
        }
        Command::DecideExtension { reason, to } => {
            next.pending = None;
            if let Some(to) = to {
                later_than(ticket.due.on, to, "/to")?;
                next.set_due(to, "/to", office, now)?;
                next.extensions += 1;
            }
            let payload = json!({"approved": to.is_some(), "to": to, "reason": reason, "from": ticket.due.on});
            ("ticket.extension_decided", payload)
        }
        Command::MoveDueDate { to, reason } => {
            next.move_due(to, "/to", office, now)?;
            ("ticket.due_moved", json!({"from": ticket.due.on, "to": to, "reason": reason}))
        }
        Command::Urge { note } => {
            next.urged += 1;
            ("ticket.urged", json!({"note": note, "count": next.urged}))
        }
        Command::Comment { text } => ("ticket.commented", json!({"text": text})),
    };
    let moved = next.due.version != ticket.due.version;
    if moved && next.state == State::Carried && matches!(act, Act::MoveDueDate | Act::DecideExtension) {
        move_next(&mut next.milestones, next.due.on);
    }
    if let Some(pending) = ticket.pending.filter(|pending| lapses(*pending, act, moved)) {
        next.pending = None;
        say(&mut payload, "lapsed", json!(pending));
    }
    next.version = ticket.version + 1;
    Ok(Change { ticket: next, event, payload })
}

/// What the timeline says: the event's code and its payload.
type Said = (&'static str, Value);

/// A look-back: method, note, day, evidence.
type Look<'a> = (&'a str, &'a str, NaiveDate, &'a [AttachmentId]);

/// Who answers for a letter. One on paper is the unit's own, not of who typed it in: it has no user.
struct Author<'a> {
    user_id: Option<UserId>,
    name: &'a str,
}

/// One more thing that the payload says.
fn say(payload: &mut Value, field: &str, value: Value) {
    if let Some(said) = payload.as_object_mut() {
        said.insert(field.to_owned(), value);
    }
}

impl Ticket {
    fn acknowledge(&mut self, handler: String, now: Instant) -> Said {
        let payload = json!({"handler": handler});
        self.state = State::InProgress;
        self.handler = Some(handler);
        self.acknowledged_at = Some(now);
        ("ticket.acknowledged", payload)
    }

    fn advance(&mut self, percent: Option<i32>, actor: &Actor, now: Instant) -> Result<(), Refusal> {
        if percent.is_some() && !actor.is_of(self.unit_id) {
            let why = Arg::both("百分比由牵头单位填写", "the percentage is the lead unit's to give");
            return Err(Refusal::field(Fault::at("/percent", Code::FieldNotAllowed).with("reason", why)));
        }
        self.percent = percent.unwrap_or(self.percent);
        self.last_progress_at = Some(now);
        Ok(())
    }

    /// The lead unit says that it has reached a milestone; answers what the timeline says of it.
    fn report(&mut self, id: MilestoneId, actor: &Actor, now: Instant) -> Result<Value, Refusal> {
        let refused = |code| Fault::at("/milestone_id", code);
        let because = |zh, en| Refusal::field(refused(Code::FieldNotAllowed).with("reason", Arg::both(zh, en)));
        if !actor.is_of(self.unit_id) {
            return Err(because("阶段目标由牵头单位报告", "A milestone is the lead unit's to report"));
        }
        if self.state != State::Carried {
            return Err(because("只有挂账的任务才有阶段目标", "Only a carried ticket has milestones"));
        }
        let Some(milestone) = self.milestones.iter_mut().find(|milestone| milestone.id == id) else {
            return Err(Refusal::field(refused(Code::FieldReference).with("value", id)));
        };
        if milestone.reached_at.is_some() {
            return Err(because("该阶段目标已确认达成", "It is accepted as reached already"));
        }
        milestone.reported_at = Some(now);
        Ok(milestone.told())
    }

    fn submit(
        &mut self,
        part: &FeedbackPart,
        author: &Author<'_>,
        in_time: bool,
        office: &Office,
        now: Instant,
    ) -> Result<Said, Refusal> {
        if let Some(day) = part.completed_on {
            not_in_future(day, "/completed_on", office, now)?;
        }
        if part.result == WorkResult::Done && part.completed_on.is_none() {
            return Err(Refusal::field(Fault::at("/completed_on", Code::FieldRequired)));
        }
        if self.state == State::Issued {
            self.acknowledged_at = Some(now);
            self.handler = Some(author.name.to_owned());
        }
        self.state = State::Submitted;
        self.submitted_at = Some(now);
        self.submitted_by = author.user_id;
        self.result = Some(part.result);
        self.completed_on = part.completed_on;
        if part.result == WorkResult::Done && self.on_time.is_none() {
            self.on_time = Some(in_time);
        }
        let payload = json!({
            "feedback_id": part.feedback_id, "cause": part.cause, "measures": part.measures,
            "result": part.result, "completed_on": part.completed_on, "cycle": self.cycle,
        });
        Ok(("ticket.submitted", payload))
    }

    /// A letter on paper counts by the day it came in.
    fn register(
        &mut self,
        part: &FeedbackPart,
        signatory: &str,
        received_on: NaiveDate,
        office: &Office,
        now: Instant,
    ) -> Result<Said, Refusal> {
        not_in_future(received_on, "/received_on", office, now)?;
        let author = Author { user_id: None, name: signatory };
        let (event, mut payload) = self.submit(part, &author, received_on <= self.due.on, office, now)?;
        say(&mut payload, "received_on", json!(received_on));
        Ok((event, payload))
    }

    fn accept(&mut self, reason: &str, actor: &Actor, office: &Office, now: Instant) -> Result<Said, Refusal> {
        let result = self.result.unwrap_or(WorkResult::Not);
        if result != WorkResult::Done {
            let words = Arg::both(result.name(Lang::Zh), result.name(Lang::En));
            return Err(Refusal::new(Code::ReviewResultNotDone).with("result", words));
        }
        self.accepted_at = Some(now);
        self.accepted_by = actor.user_id;
        match self.look_back {
            LookBackPolicy::All => {
                self.state = State::Accepted;
                self.look_back_on = Some(office.after_working_days(office.today(now), office.look_back_days));
            }
            LookBackPolicy::None => {
                self.state = State::Closed;
                self.closed_at = Some(now);
            }
        }
        Ok(("ticket.accepted", json!({"reason": reason, "look_back_on": self.look_back_on})))
    }

    /// Back to the unit for another cycle: the old date if it is still ahead, else a new one is a must.
    fn send_back(
        &mut self,
        pointer: &str,
        due_on: Option<NaiveDate>,
        office: &Office,
        now: Instant,
    ) -> Result<(), Refusal> {
        match due_on {
            Some(on) => self.set_due(on, pointer, office, now)?,
            None if now < self.due.at => {}
            None => return Err(Refusal::field(Fault::at(pointer, Code::FieldRequired))),
        }
        self.state = State::Returned;
        self.returned_at = Some(now);
        self.cycle += 1;
        self.look_back_on = None;
        Ok(())
    }

    fn carry(
        &mut self,
        reason: &str,
        milestones: Vec<Milestone>,
        office: &Office,
        now: Instant,
    ) -> Result<Said, Refusal> {
        let Some(first) = milestones.iter().map(|milestone| milestone.on).min() else {
            return Err(Refusal::field(Fault::at("/milestones", Code::FieldRequired)));
        };
        for (index, milestone) in milestones.iter().enumerate() {
            self.due.ahead(milestone.on, &format!("/milestones/{index}/on"), office, now)?;
        }
        self.set_due(first, "/milestones", office, now)?;
        self.state = State::Carried;
        let told: Vec<Value> = milestones.iter().map(Milestone::told).collect();
        self.milestones = milestones;
        Ok(("ticket.carried", json!({"reason": reason, "milestones": told, "due_on": first})))
    }

    /// Once the earliest milestone is reached the ticket is due at the next one, even if that is late already.
    fn decide_milestone(
        &mut self,
        id: MilestoneId,
        reached: bool,
        reason: &str,
        office: &Office,
        now: Instant,
    ) -> Result<Said, Refusal> {
        let before = next(&self.milestones).map(|milestone| milestone.id);
        let milestone = self.milestones.iter_mut().find(|milestone| milestone.id == id).ok_or_else(Refusal::missing)?;
        if !milestone.waits() {
            return Err(Refusal::new(Code::MilestoneNotReported));
        }
        if reached {
            milestone.reached_at = Some(now);
        } else {
            milestone.reported_at = None;
        }
        let told = milestone.told();
        let after = next(&self.milestones).filter(|milestone| Some(milestone.id) != before);
        if let Some(on) = after.map(|milestone| milestone.on).filter(|on| *on != self.due.on) {
            self.due = self.due.moved(on, office, now);
        }
        let payload = json!({"milestone": told, "reached": reached, "reason": reason, "due_on": self.due.on});
        Ok(("ticket.milestone_decided", payload))
    }

    fn strike_off(&mut self, look: Look<'_>, office: &Office, now: Instant) -> Result<Said, Refusal> {
        let (_, note, _, evidence) = look;
        let payload = self.looked_at(look, office, now)?;
        if note.is_empty() && evidence.is_empty() {
            return Err(Refusal::field(Fault::at("/evidence", Code::LookBackNoEvidence)));
        }
        self.state = State::Closed;
        self.verified_at = Some(now);
        self.closed_at = Some(now);
        Ok(("ticket.look_back_passed", payload))
    }

    fn fail_again(
        &mut self,
        look: Look<'_>,
        due_on: NaiveDate,
        office: &Office,
        now: Instant,
    ) -> Result<Said, Refusal> {
        let mut payload = self.looked_at(look, office, now)?;
        self.send_back("/due_on", Some(due_on), office, now)?;
        self.failed_again += 1;
        say(&mut payload, "due_on", json!(self.due.on));
        say(&mut payload, "cycle", json!(self.cycle));
        Ok(("ticket.look_back_failed", payload))
    }

    /// What the timeline says of a look-back, if its day lies between the acceptance and today.
    fn looked_at(
        &self,
        (method, note, on, evidence): Look<'_>,
        office: &Office,
        now: Instant,
    ) -> Result<Value, Refusal> {
        not_in_future(on, "/on", office, now)?;
        let accepted_on = self.accepted_at.map(|at| local_date(office.zone, at));
        if let Some(accepted_on) = accepted_on.filter(|accepted_on| on < *accepted_on) {
            let fault = Fault::at("/on", Code::FieldOrder).with("earlier", accepted_on).with("later", on);
            return Err(Refusal::field(fault));
        }
        Ok(json!({"method": method, "note": note, "on": on, "attachment_ids": evidence}))
    }

    /// Like `set_due`, but the date that stands already is no move.
    fn move_due(&mut self, on: NaiveDate, pointer: &str, office: &Office, now: Instant) -> Result<(), Refusal> {
        let held = self.due;
        self.set_due(on, pointer, office, now)?;
        if self.due != held {
            return Ok(());
        }
        let why = Arg::both("与现期限相同", "It is due on that day already");
        Err(Refusal::field(Fault::at(pointer, Code::FieldNotAllowed).with("reason", why)))
    }

    /// Due on `on` from now on. A date that stands already, and is not late, keeps its version and its cut-off.
    fn set_due(&mut self, on: NaiveDate, pointer: &str, office: &Office, now: Instant) -> Result<(), Refusal> {
        if on != self.due.on || now >= self.due.at {
            self.due = self.due.ahead(on, pointer, office, now)?;
        }
        Ok(())
    }

    fn hand_to(&mut self, unit: UnitId, now: Instant) {
        self.unit_id = unit;
        self.co_unit_ids.retain(|co| *co != unit);
        self.state = State::Issued;
        self.assignment += 1;
        self.assigned_at = now;
        self.acknowledged_at = None;
        self.handler = None;
        self.percent = 0;
    }
}

fn not_same_unit(ticket: &Ticket, unit: UnitId) -> Result<(), Refusal> {
    if ticket.unit_id == unit { Err(Refusal::new(Code::TicketSameUnit)) } else { Ok(()) }
}

impl Due {
    /// Moved to `on`, if it is not late there already.
    fn ahead(self, on: NaiveDate, pointer: &str, office: &Office, now: Instant) -> Result<Self, Refusal> {
        let moved = self.moved(on, office, now);
        if moved.at > now {
            return Ok(moved);
        }
        let today = office.today(now);
        let is_over = self.moved(today, office, now).at <= now;
        let first = today.succ_opt().filter(|_| is_over).unwrap_or(today);
        Err(Refusal::field(Fault::at(pointer, Code::FieldPast).with("today", first)))
    }
}

/// A day on which something was done: not after today, and no slip of the pen.
fn not_in_future(on: NaiveDate, pointer: &str, office: &Office, now: Instant) -> Result<(), Refusal> {
    let today = office.today(now);
    if on <= today {
        return not_ancient(pointer, on, today);
    }
    Err(Refusal::field(Fault::at(pointer, Code::FieldFuture).with("today", today)))
}

fn later_than(current: NaiveDate, to: NaiveDate, pointer: &str) -> Result<(), Refusal> {
    if to > current {
        return Ok(());
    }
    let fault = Fault::at(pointer, Code::FieldOrder).with("earlier", current).with("later", to);
    Err(Refusal::field(fault))
}
