//! What is done to one ticket: the rules decide, the row is saved, the timeline says it, mails are queued.

use crate::actions::attachments;
use crate::actions::record::{check_version, must_be_saved, record};
use crate::actions::tell::{News, tell};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE, TEXT};
use crate::domain::id::{AttachmentId, EventId, MilestoneId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::reminder::{Anchor, Facts};
use crate::domain::ticket::{Act, Change, Command, Milestone, NewMilestone, Ticket, apply, entitled, permit};
use crate::domain::vocabulary::{LookBackOutcome, State, UnitKind};
use crate::store::assets::{self, Named};
use crate::store::attachments::Owner;
use crate::store::tickets::TicketRow;
use crate::store::{attachments as files, events, feedback, milestones, tickets, units};
use crate::text_enum;
use crate::transaction::{Outcome, Read, Tx};
use chrono::NaiveDate;

text_enum! {
    /// What a coordinator decides about feedback.
    Decision { Accept = "accept", Return = "return" }
}

/// What a look-back found, as it comes in.
#[derive(Debug, Clone)]
pub struct LookBack {
    pub outcome: LookBackOutcome,
    pub method: String,
    /// May be blank for a pass that files prove.
    pub note: String,
    pub evidence: Vec<AttachmentId>,
    /// The day of the re-check; today unless given.
    pub on: Option<NaiveDate>,
    /// Of a fail: due date of the rework.
    pub due_on: Option<NaiveDate>,
}

/// A line of progress as it comes in.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    pub text: String,
    pub percent: Option<i64>,
    pub attachment_ids: Vec<AttachmentId>,
    /// Number or id of the progress entry that this one puts right.
    pub corrects: Option<String>,
    pub milestone_id: Option<String>,
}

/// The liaison takes the ticket on and names who handles it.
pub fn acknowledge(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    handler: &str,
) -> Outcome<TicketId> {
    let held = open(tx, actor, key, version, Act::Acknowledge)?;
    let mut check = Check::new();
    let handler = check.line("/handler", handler, 100);
    let handler = check.done(handler)?;
    act(tx, actor, &held, Command::Acknowledge { handler })
}

pub fn log_progress(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    progress: &Progress,
) -> Outcome<TicketId> {
    let held = open(tx, actor, key, version, Act::Progress)?;
    let mut check = Check::new();
    let text = check.text("/text", &progress.text, TEXT);
    if let Some(percent) = progress.percent {
        check.between("/percent", percent, 0, 100);
    }
    let milestone = progress.milestone_id.as_ref().and_then(|id| {
        let milestone = id.parse().ok();
        if milestone.is_none() {
            check.fault(Fault::at("/milestone_id", Code::FieldReference).with("value", id));
        }
        milestone
    });
    check.at_most("/attachment_ids", progress.attachment_ids.len(), 50);
    let corrects = match &progress.corrects {
        Some(named) => corrected(tx, held.row.id, named, &mut check)?,
        None => None,
    };
    check.done(())?;
    attachments::check_own(tx, actor, &progress.attachment_ids, "/attachment_ids")?;
    attachments::check_room(tx, held.named(), &progress.attachment_ids, "/attachment_ids")?;
    let command = Command::Progress {
        text,
        percent: progress.percent.and_then(|percent| i32::try_from(percent).ok()),
        attachments: progress.attachment_ids.clone(),
        corrects,
        milestone,
    };
    files::link(tx.conn, &progress.attachment_ids, Owner::Ticket(held.row.id))?;
    act(tx, actor, &held, command)
}

/// The number of the progress entry of this timeline that `named` (a number or an id) stands for.
fn corrected(tx: &mut Tx<'_>, ticket: TicketId, named: &str, check: &mut Check) -> Outcome<Option<i64>> {
    let stream = Stream::Ticket(ticket).to_string();
    let event = match (named.parse::<i64>(), named.parse::<EventId>()) {
        (Ok(seq), _) => events::find(tx.conn, &stream, seq)?,
        (_, Ok(id)) => events::find_by_id(tx.conn, id)?.filter(|event| event.stream == stream),
        (Err(_), Err(_)) => None,
    };
    match event {
        Some(event) if event.act == "ticket.progress_logged" => Ok(Some(event.seq)),
        Some(_) | None => {
            check.fault(Fault::at("/corrects", Code::FieldReference).with("value", named));
            Ok(None)
        }
    }
}

/// A coordinator's verdict on the feedback that waits.
pub fn review(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    (decision, reason): (Decision, &str),
    due_on: Option<NaiveDate>,
) -> Outcome<TicketId> {
    let (wanted, word) = match decision {
        Decision::Accept => (Act::Accept, "accepted"),
        Decision::Return => (Act::Return, "returned"),
    };
    let held = open(tx, actor, key, version, wanted)?;
    let mut check = Check::new();
    let reason = match decision {
        Decision::Return => check.text("/reason", reason, TEXT),
        Decision::Accept => check.optional_text("/reason", Some(reason), TEXT).unwrap_or_default(),
    };
    if decision == Decision::Accept && due_on.is_some() {
        let why = Arg::both("只有退回才有新的期限", "Only a return has a new due date");
        check.fault(Fault::at("/due_on", Code::FieldNotAllowed).with("reason", why));
    }
    let reason = check.done(reason)?;
    let command = match decision {
        Decision::Accept => Command::Accept { reason: reason.clone() },
        Decision::Return => Command::Return { reason: reason.clone(), due_on },
    };
    let ticket = act(tx, actor, &held, command)?;
    feedback::decide(tx.conn, ticket, held.row.cycle, (word, &reason), actor.user_id, tx.now)?;
    Ok(ticket)
}

/// The re-check after acceptance: strikes the ticket off, or returns it.
pub fn look_back(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    found: &LookBack,
) -> Outcome<TicketId> {
    let wanted = match found.outcome {
        LookBackOutcome::Pass => Act::PassLookBack,
        LookBackOutcome::Fail => Act::FailLookBack,
    };
    let held = open(tx, actor, key, version, wanted)?;
    let mut check = Check::new();
    let method = check.line("/method", &found.method, LINE);
    let note = match found.outcome {
        LookBackOutcome::Pass => check.optional_text("/note", Some(&found.note), TEXT).unwrap_or_default(),
        LookBackOutcome::Fail => check.text("/note", &found.note, TEXT),
    };
    check.at_most("/evidence", found.evidence.len(), 50);
    let on = found.on.unwrap_or_else(|| tx.office.today(tx.now));
    let evidence = found.evidence.clone();
    let command = match (found.outcome, found.due_on) {
        (LookBackOutcome::Pass, None) => Some(Command::PassLookBack { method, note, on, evidence }),
        (LookBackOutcome::Pass, Some(_)) => {
            let why = Arg::both("只有不合格才有新的期限", "Only a fail has a new due date");
            check.fault(Fault::at("/due_on", Code::FieldNotAllowed).with("reason", why));
            None
        }
        (LookBackOutcome::Fail, Some(due_on)) => Some(Command::FailLookBack { method, note, on, evidence, due_on }),
        (LookBackOutcome::Fail, None) => {
            check.fault(Fault::at("/due_on", Code::FieldRequired));
            None
        }
    };
    let Some(command) = check.done(command)? else { return Err(Refusal::missing().into()) };
    attachments::check_own(tx, actor, &found.evidence, "/evidence")?;
    attachments::check_room(tx, held.named(), &found.evidence, "/evidence")?;
    files::link(tx.conn, &found.evidence, Owner::Ticket(held.row.id))?;
    act(tx, actor, &held, command)
}

/// Keeps a ticket that can't be finished on the books, with milestones.
pub fn carry(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    (reason, milestones): (&str, &[NewMilestone]),
) -> Outcome<TicketId> {
    let held = open(tx, actor, key, version, Act::Carry)?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, TEXT);
    check.at_most("/milestones", milestones.len(), 50);
    let milestones = milestones.iter().enumerate().map(|(index, new)| {
        let text = check.line(&format!("/milestones/{index}/text"), &new.text, LINE);
        Milestone::new(tx.id(), NewMilestone { on: new.on, text })
    });
    let milestones = milestones.collect();
    let command = check.done(Command::Carry { reason, milestones })?;
    act(tx, actor, &held, command)
}

/// Accepts a milestone that was reported as reached, or sends the report back.
pub fn decide_milestone(
    tx: &mut Tx<'_>,
    actor: &Actor,
    (key, milestone): (&str, &str),
    version: Option<i64>,
    (reached, reason): (bool, &str),
) -> Outcome<TicketId> {
    let held = hold(tx, actor, key)?;
    check_version(version, held.row.version)?;
    entitled(&held.ticket, actor, Act::DecideMilestone)?;
    let id = milestone.parse::<MilestoneId>().ok();
    // Also those of a ticket that is carried no more: they are there, and nothing is decided about them.
    let known = milestones::of_tickets(tx.conn, &[held.row.id])?;
    let known = known.into_iter().find(|(_, milestone)| Some(milestone.id) == id);
    let id = known.map(|(_, milestone)| milestone.id).ok_or_else(Refusal::missing)?;
    permit(&held.ticket, actor, Act::DecideMilestone, &tx.office, tx.now)?;
    let mut check = Check::new();
    let reason = if reached {
        check.optional_text("/reason", Some(reason), TEXT).unwrap_or_default()
    } else {
        check.text("/reason", reason, TEXT)
    };
    let command = check.done(Command::DecideMilestone { id, reached, reason })?;
    act(tx, actor, &held, command)
}

/// An act that needs nothing but the ticket and words: cancel, reopen, urge, comment, move the date.
pub fn perform(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>, command: Command) -> Outcome<TicketId> {
    let held = open(tx, actor, key, version, command.act())?;
    let command = checked(command)?;
    act(tx, actor, &held, command)
}

/// The command with its texts trimmed and within their limits.
fn checked(command: Command) -> Result<Command, Refusal> {
    let mut check = Check::new();
    let command = match command {
        Command::Cancel { reason } => Command::Cancel { reason: check.text("/reason", &reason, TEXT) },
        Command::Reopen { reason, due_on } => Command::Reopen { reason: check.text("/reason", &reason, TEXT), due_on },
        Command::MoveDueDate { to, reason } => {
            Command::MoveDueDate { to, reason: check.text("/reason", &reason, TEXT) }
        }
        Command::Urge { note } => Command::Urge { note: check.optional_text("/note", note.as_deref(), TEXT) },
        Command::Comment { text } => Command::Comment { text: check.text("/text", &text, TEXT) },
        Command::Carry { .. }
        | Command::DecideMilestone { .. }
        | Command::Object { .. }
        | Command::DecideObjection { .. }
        | Command::Reassign { .. }
        | Command::AskExtension { .. }
        | Command::DecideExtension { .. }
        | Command::PassLookBack { .. }
        | Command::FailLookBack { .. }
        | Command::Acknowledge { .. }
        | Command::Progress { .. }
        | Command::Feedback(_)
        | Command::RegisterLetter { .. }
        | Command::Accept { .. }
        | Command::Return { .. } => command,
    };
    check.done(command)
}

/// The active unit, no group, that a key names as a ticket's next lead; what is wrong with it is a fault.
pub(super) fn next_lead(tx: &mut Tx<'_>, key: &str, pointer: &str, check: &mut Check) -> Outcome<Option<UnitId>> {
    let found = units::find_by_key(tx.conn, key)?;
    match &found {
        Some(unit) if unit.kind == UnitKind::Group => {
            check.fault(Fault::at(pointer, Code::UnitIsGroup).with("unit", &unit.code));
        }
        Some(unit) if unit.active => {}
        Some(_) | None => check.fault(Fault::at(pointer, Code::FieldReference).with("value", key)),
    }
    Ok(found.map(|unit| unit.id))
}

/// Gives the ticket to another unit.
pub fn reassign(
    tx: &mut Tx<'_>,
    actor: &Actor,
    key: &str,
    version: Option<i64>,
    (reason, unit, due_on): (&str, &str, Option<NaiveDate>),
) -> Outcome<TicketId> {
    let held = open(tx, actor, key, version, Act::Reassign)?;
    let mut check = Check::new();
    let reason = check.text("/reason", reason, TEXT);
    let unit = next_lead(tx, unit, "/unit_id", &mut check)?;
    let reason = check.done(reason)?;
    let Some(unit) = unit else { return Err(Refusal::missing().into()) };
    act(tx, actor, &held, Command::Reassign { reason, unit, due_on })
}

/// Is the ticket in sight, and `wanted` this actor's to do, whatever its state? `open` without a change in mind.
///
/// # Errors
/// The refusal that `open` would answer.
pub fn may(read: &mut Read<'_>, actor: &Actor, key: &str, wanted: Act) -> Outcome<()> {
    let row = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let co_units = tickets::co_units_of(read.conn, &[row.id])?.into_iter().map(|(_, unit)| unit).collect();
    Ok(entitled(&row.ticket(co_units), actor, wanted)?)
}

/// A ticket that is locked for a change: its row and its facts.
pub(super) struct Held {
    pub row: TicketRow,
    pub ticket: Ticket,
}

impl Held {
    /// By id and reference.
    pub fn named(&self) -> (TicketId, &str) {
        (self.row.id, &self.row.reference)
    }
}

/// Locks the ticket for `wanted`: in sight, of the version the caller knows, and the act allowed now. Asked before
/// the body is looked at, so that a wrong moment is told before a missing word.
pub(super) fn open(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>, wanted: Act) -> Outcome<Held> {
    let held = hold(tx, actor, key)?;
    check_version(version, held.row.version)?;
    permit(&held.ticket, actor, wanted, &tx.office, tx.now)?;
    Ok(held)
}

/// Locks a ticket that the actor sees.
pub(super) fn hold(tx: &mut Tx<'_>, actor: &Actor, key: &str) -> Outcome<Held> {
    let row = tickets::lock(tx.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let co_units = tickets::co_units_of(tx.conn, &[row.id])?.into_iter().map(|(_, unit)| unit).collect();
    let mut ticket = row.ticket(co_units);
    // Whoever had to wait for the lock was looked up before it: the ticket may have been given away meanwhile.
    if !actor.scope.sees(&ticket.units()) {
        return Err(Refusal::missing().into());
    }
    // A ticket that is not carried gets new ones when it is.
    if row.state == State::Carried {
        ticket.milestones = milestones::of_tickets(tx.conn, &[row.id])?.into_iter().map(|(_, one)| one).collect();
    }
    // Only acceptance asks for them. They are held, so that none changes its status meanwhile.
    if row.state == State::Submitted {
        let finding = [row.finding_id];
        let guarding = Named::load(tx.conn, &finding, &finding)?.guarding(row.finding_id, &ticket.units());
        ticket.assets = assets::lock_all(tx.conn, &guarding)?.iter().map(assets::named).collect();
    }
    Ok(Held { row, ticket })
}

/// Decides, saves, records and tells.
pub(super) fn act(tx: &mut Tx<'_>, actor: &Actor, held: &Held, command: Command) -> Outcome<TicketId> {
    let change = apply(&held.ticket, actor, command, &tx.office, tx.now)?;
    save(tx, &held.row, &change)?;
    let ticket = &change.ticket;
    let former_unit = (ticket.unit_id != held.ticket.unit_id).then_some(held.ticket.unit_id);
    if former_unit.is_some() {
        tickets::set_lead(tx.conn, ticket.id, ticket.unit_id)?;
    }
    if ticket.milestones != held.ticket.milestones {
        milestones::replace(tx.conn, ticket.id, &ticket.milestones)?;
    }
    let seq = record(tx, actor, Stream::Ticket(ticket.id), change.event, &change.payload)?;
    let is_milestone = change.payload.get("milestone").is_some_and(|milestone| !milestone.is_null());
    if let Some(anchor) = answered_at_once(change.event, former_unit.is_some(), is_milestone) {
        tell(tx, anchor, &[News { ticket, seq, former_unit }])?;
    }
    Ok(ticket.id)
}

fn save(tx: &mut Tx<'_>, row: &TicketRow, change: &Change) -> Outcome<()> {
    let next = next_reminder(tx, &change.ticket);
    let changed = row.changed(&change.ticket, next, tx.now);
    Ok(must_be_saved(tickets::save(tx.conn, row, &changed)?, row.version)?)
}

/// When the planner has to look at this ticket next.
pub(super) fn next_reminder(tx: &Tx<'_>, ticket: &Ticket) -> Option<Instant> {
    let facts = Facts::of_ticket(ticket, tx.office.zone, ticket.issued_at);
    tx.office.planner(&tx.rules).next_at(&facts, tx.now)
}

/// The act that rules can answer at once, by its event; `handed_over` = another unit leads now, `reports` = it says that a
/// milestone is reached.
fn answered_at_once(event: &str, handed_over: bool, reports: bool) -> Option<Anchor> {
    match event {
        "ticket.returned" | "ticket.look_back_failed" | "ticket.reopened" => Some(Anchor::Returned),
        "ticket.accepted" => Some(Anchor::Accepted),
        "ticket.extension_decided" | "ticket.due_moved" => Some(Anchor::ExtensionDecided),
        "ticket.reassigned" | "ticket.objection_decided" if handed_over => Some(Anchor::Reassigned),
        "ticket.cancelled" => Some(Anchor::Cancelled),
        "ticket.urged" => Some(Anchor::Urged),
        "ticket.progress_logged" if reports => Some(Anchor::MilestoneReported),
        _ => None,
    }
}
