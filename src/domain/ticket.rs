//! The ticket (整改任务): one finding for one lead unit, what may happen to it and who may do it.
//!
//! `permit` says who may do what now; `apply` decides a command. Both read the same table, so what a page
//! offers is what the API takes.

mod apply;
mod milestone;
mod request;
#[cfg(test)]
mod tests;

pub use apply::{Change, Command, FeedbackPart, apply};
pub use milestone::{Milestone, NewMilestone};
pub use request::{RequestOutcome, ending};

use crate::domain::actor::Actor;
use crate::domain::asset::{NamedAsset, in_order};
use crate::domain::calendar::local_time;
use crate::domain::deadline::late_at;
use crate::domain::id::{FindingId, NoticeId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::refusal::{Arg, Code, Refusal};
use crate::domain::vocabulary::{Ball, LookBackPolicy, Pending, Role, Severity, State, WorkResult};
use crate::domain::words::Lang;
use crate::text_enum;
use chrono::{NaiveDate, NaiveTime};

/// All facts about a ticket that decisions need. Dates of rectifying, reporting, accepting, verifying and
/// striking off are five facts and never merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub reference: String,
    pub notice_id: NoticeId,
    pub finding_id: FindingId,
    pub unit_id: UnitId,
    pub co_unit_ids: Vec<UnitId>,
    pub handler: Option<String>,
    pub severity: Severity,
    pub state: State,
    pub pending: Option<Pending>,
    pub look_back: LookBackPolicy,

    pub due: Due,
    /// Approved extensions.
    pub extensions: i32,

    /// Percent done, as the lead unit last said.
    pub percent: i32,
    /// 1 for the first attempt; each return adds one.
    pub cycle: i32,
    /// Look-backs that failed.
    pub failed_again: i32,
    /// 1 for the first unit; each reassignment adds one.
    pub assignment: i32,
    /// Times the office urged.
    pub urged: i32,

    pub issued_at: Instant,
    /// When the present unit got it.
    pub assigned_at: Instant,
    pub acknowledged_at: Option<Instant>,
    pub completed_on: Option<NaiveDate>,
    pub result: Option<WorkResult>,
    pub submitted_at: Option<Instant>,
    pub submitted_by: Option<UserId>,
    pub on_time: Option<bool>,
    pub returned_at: Option<Instant>,
    pub accepted_at: Option<Instant>,
    pub accepted_by: Option<UserId>,
    pub look_back_on: Option<NaiveDate>,
    pub verified_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub last_progress_at: Option<Instant>,
    /// Of a carried ticket, in the order in which they were named.
    pub milestones: Vec<Milestone>,
    /// What the finding names and nobody else's ticket of that finding answers for.
    pub assets: Vec<NamedAsset>,

    /// The stream's event count: what `ETag` and `If-Match` speak of.
    pub version: i64,
}

/// The date by which the unit must answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub on: NaiveDate,
    /// The instant at which it is late.
    pub at: Instant,
    pub original_on: NaiveDate,
    /// Counts the moves of the date, from 1; reminders are planned per version.
    pub version: i32,
    /// Since when this version holds.
    pub since: Instant,
    /// The calendar's year was not announced when the date was derived.
    pub provisional: bool,
}

/// What a ticket is born with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    pub id: TicketId,
    pub reference: String,
    pub notice_id: NoticeId,
    pub finding_id: FindingId,
    pub unit_id: UnitId,
    pub co_unit_ids: Vec<UnitId>,
    pub severity: Severity,
    pub look_back: LookBackPolicy,
    pub due: Due,
}

text_enum! {
    /// What can be done to a ticket.
    Act {
        Acknowledge = "acknowledge",
        Progress = "progress",
        Object = "object",
        DecideObjection = "decide_objection",
        Reassign = "reassign",
        Feedback = "feedback",
        RegisterLetter = "register_letter",
        Accept = "accept",
        Return = "return",
        PassLookBack = "look_back_pass",
        FailLookBack = "look_back_fail",
        Carry = "carry",
        DecideMilestone = "milestone",
        Cancel = "cancel",
        Reopen = "reopen",
        AskExtension = "extension",
        DecideExtension = "decide_extension",
        MoveDueDate = "due_date",
        Urge = "urge",
        Comment = "comment",
    }
}

/// Who an act asks for.
enum Who {
    /// One of these roles, of the lead unit.
    Lead(&'static [Role]),
    /// A liaison of the lead or of a co-unit.
    Contributor,
    /// One of these roles, of whatever unit.
    Office(&'static [Role]),
    /// One of these roles, neither of the lead unit nor the author of the work.
    Outsider(&'static [Role]),
    /// Everybody who sees the ticket, but for those who only read.
    Anyone,
}

/// Every role but the one that changes nothing.
pub const SPEAKERS: &[Role] = &[Role::Admin, Role::Coordinator, Role::Approver, Role::Liaison, Role::Leader];

/// Who may do this act, in which states, and the refusal elsewhere.
fn rule(act: Act) -> (Who, &'static [State], Code) {
    use State::{Accepted, Carried, Closed, InProgress, Issued, Returned, Submitted};
    const LIAISON: &[Role] = &[Role::Liaison];
    const LEADER: &[Role] = &[Role::Leader];
    const BOTH: &[Role] = &[Role::Liaison, Role::Leader];
    const COORDINATOR: &[Role] = &[Role::Coordinator];
    const APPROVER: &[Role] = &[Role::Approver];
    const UNITS_MOVE: &[State] = &[Issued, InProgress, Returned, Carried];
    const OPEN: &[State] = &[Issued, InProgress, Submitted, Returned, Accepted, Carried];
    match act {
        Act::Acknowledge => (Who::Lead(LIAISON), &[Issued], Code::TicketNotIssued),
        Act::Progress => (Who::Contributor, &[InProgress, Returned, Carried], Code::TicketNotInProgress),
        Act::Object => (Who::Lead(LEADER), &[Issued], Code::TicketNotIssued),
        // The objection of a unit that has taken the ticket on meanwhile still waits for its answer.
        Act::DecideObjection | Act::Reassign => {
            (Who::Outsider(COORDINATOR), &[Issued, InProgress], Code::TicketNotInProgress)
        }
        Act::Feedback | Act::AskExtension => (Who::Lead(BOTH), UNITS_MOVE, Code::TicketNotWithUnit),
        Act::RegisterLetter | Act::Urge => (Who::Office(COORDINATOR), UNITS_MOVE, Code::TicketNotWithUnit),
        Act::Accept | Act::Return => (Who::Outsider(COORDINATOR), &[Submitted], Code::TicketNotSubmitted),
        Act::PassLookBack | Act::FailLookBack => (Who::Outsider(COORDINATOR), &[Accepted], Code::TicketNotAccepted),
        Act::Carry => (Who::Outsider(APPROVER), &[InProgress, Returned], Code::TicketNotInProgress),
        Act::DecideMilestone => (Who::Outsider(COORDINATOR), &[Carried], Code::TicketNotCarried),
        Act::Cancel => (Who::Outsider(APPROVER), OPEN, Code::TicketNotOpen),
        Act::Reopen => (Who::Outsider(APPROVER), &[Closed], Code::TicketNotClosed),
        // What was filed may be returned: the request that came before it still waits for its answer.
        Act::DecideExtension => {
            (Who::Outsider(APPROVER), &[Issued, InProgress, Submitted, Returned, Carried], Code::TicketNotWithUnit)
        }
        Act::MoveDueDate => (Who::Outsider(APPROVER), UNITS_MOVE, Code::TicketNotWithUnit),
        Act::Comment => (Who::Anyone, State::ALL, Code::TicketNotOpen),
    }
}

/// Is `act` this actor's to do, in whatever state the ticket is?
///
/// # Errors
/// The refusal that the API would answer: role, own unit, own work.
pub fn entitled(ticket: &Ticket, actor: &Actor, act: Act) -> Result<(), Refusal> {
    let (who, ..) = rule(act);
    entitle(ticket, actor, &who)
}

/// May `actor` do `act` to this ticket now?
///
/// # Errors
/// The refusal that the API would answer: role, own unit, own work, four eyes, state, pending decision, past due, an asset
/// that is not in order.
pub fn permit(ticket: &Ticket, actor: &Actor, act: Act, office: &Office, now: Instant) -> Result<(), Refusal> {
    let (who, states, elsewhere) = rule(act);
    entitle(ticket, actor, &who)?;
    if !states.contains(&ticket.state) {
        return Err(wrong_state(ticket.state, act, elsewhere));
    }
    let pending = |wanted: Pending| ticket.pending == Some(wanted);
    match act {
        Act::DecideObjection if !pending(Pending::Objection) => Err(Refusal::new(Code::TicketNothingPending)),
        Act::DecideExtension if !pending(Pending::Extension) => Err(Refusal::new(Code::TicketNothingPending)),
        Act::DecideMilestone if !ticket.milestones.iter().any(Milestone::waits) => {
            Err(Refusal::new(Code::MilestoneNotReported))
        }
        Act::PassLookBack | Act::FailLookBack if office.four_eyes && ticket.was_accepted_by(actor) => {
            Err(Refusal::new(Code::FourEyes))
        }
        Act::Object | Act::AskExtension if ticket.pending.is_some() => Err(still_pending(ticket)),
        Act::AskExtension if now >= ticket.due.at => Err(Refusal::new(Code::TicketPastDue).with("due", ticket.due.on)),
        Act::Accept => in_order(&ticket.assets),
        Act::Acknowledge
        | Act::Progress
        | Act::Object
        | Act::DecideObjection
        | Act::Reassign
        | Act::Feedback
        | Act::RegisterLetter
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
        | Act::Comment => Ok(()),
    }
}

fn entitle(ticket: &Ticket, actor: &Actor, who: &Who) -> Result<(), Refusal> {
    let need = |roles: &[Role]| {
        if actor.has_any(roles) { Ok(()) } else { Err(role_required(roles)) }
    };
    match who {
        Who::Lead(roles) => {
            need(roles)?;
            own_unit(actor.is_of(ticket.unit_id))
        }
        Who::Contributor => {
            need(&[Role::Liaison])?;
            own_unit(actor.is_of(ticket.unit_id) || ticket.co_unit_ids.iter().any(|unit| actor.is_of(*unit)))
        }
        Who::Office(roles) => need(roles),
        Who::Outsider(roles) => {
            need(roles)?;
            let author = ticket.submitted_by.is_some() && ticket.submitted_by == actor.user_id;
            if author || actor.is_of(ticket.unit_id) { Err(Refusal::new(Code::OwnWork)) } else { Ok(()) }
        }
        Who::Anyone if !actor.scope.sees(&ticket.units()) => Err(Refusal::missing()),
        Who::Anyone if actor.only_reads() => Err(role_required(SPEAKERS)),
        Who::Anyone => Ok(()),
    }
}

fn own_unit(own: bool) -> Result<(), Refusal> {
    if own { Ok(()) } else { Err(Refusal::new(Code::OtherUnit)) }
}

/// The refusal for a role that is missing.
#[must_use]
pub fn role_required(roles: &[Role]) -> Refusal {
    let names = |lang: Lang| roles.iter().map(|role| role.name(lang)).collect::<Vec<_>>();
    let roles = Arg::both(names(Lang::Zh).join("、"), names(Lang::En).join(", "));
    Refusal::new(Code::RoleRequired).with("roles", roles)
}

fn wrong_state(state: State, act: Act, elsewhere: Code) -> Refusal {
    let code = match (act, state) {
        (Act::Feedback | Act::RegisterLetter, State::Submitted) => Code::TicketAlreadySubmitted,
        (_, State::Closed | State::Cancelled) if elsewhere == Code::TicketNotWithUnit => Code::TicketNotOpen,
        _ => elsewhere,
    };
    Refusal::new(code).with("state", Arg::both(state.name(Lang::Zh), state.name(Lang::En)))
}

fn still_pending(ticket: &Ticket) -> Refusal {
    let pending = ticket
        .pending
        .map_or_else(|| Arg::both("", ""), |pending| Arg::both(pending.name(Lang::Zh), pending.name(Lang::En)));
    Refusal::new(Code::TicketPending).with("pending", pending)
}

impl Ticket {
    /// A ticket as it is issued: nobody has done anything yet.
    #[must_use]
    pub fn issued(new: NewTicket, now: Instant) -> Self {
        let NewTicket { id, reference, notice_id, finding_id, unit_id, co_unit_ids, severity, look_back, due } = new;
        Self {
            id,
            reference,
            notice_id,
            finding_id,
            unit_id,
            co_unit_ids,
            handler: None,
            severity,
            state: State::Issued,
            pending: None,
            look_back,
            due,
            extensions: 0,
            percent: 0,
            cycle: 1,
            failed_again: 0,
            assignment: 1,
            urged: 0,
            issued_at: now,
            assigned_at: now,
            acknowledged_at: None,
            completed_on: None,
            result: None,
            submitted_at: None,
            submitted_by: None,
            on_time: None,
            returned_at: None,
            accepted_at: None,
            accepted_by: None,
            look_back_on: None,
            verified_at: None,
            closed_at: None,
            last_progress_at: None,
            milestones: Vec::new(),
            assets: Vec::new(),
            version: 1,
        }
    }

    /// What this actor may do now.
    #[must_use]
    pub fn allowed(&self, actor: &Actor, office: &Office, now: Instant) -> Vec<Act> {
        Act::ALL
            .iter()
            .copied()
            .filter(|act| permit(self, actor, *act, office, now).is_ok())
            .filter(|act| *act != Act::Accept || self.result == Some(WorkResult::Done))
            .collect()
    }

    /// Did this very person accept it? Who stands in for somebody acts in their own name.
    fn was_accepted_by(&self, actor: &Actor) -> bool {
        self.accepted_by.is_some() && self.accepted_by == actor.user_id
    }

    /// Is it the unit's move and late at `now`?
    #[must_use]
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.state.ball() == Ball::Unit && now >= self.due.at
    }

    /// Lead and co-units.
    #[must_use]
    pub fn units(&self) -> Vec<UnitId> {
        std::iter::once(self.unit_id).chain(self.co_unit_ids.iter().copied()).collect()
    }
}

impl Due {
    /// The first due date of a ticket.
    #[must_use]
    pub fn first(on: NaiveDate, at: Instant, provisional: bool, since: Instant) -> Self {
        Self { on, at, original_on: on, version: 1, since, provisional }
    }

    /// The date moved to `on`, late at the same time of day as before; the original date stays.
    #[must_use]
    pub fn moved(self, on: NaiveDate, office: &Office, now: Instant) -> Self {
        let provisional = office.calendar.is_provisional(on);
        let at = late_at(office.zone, on, self.cutoff(office));
        Self { on, at, version: self.version + 1, since: now, provisional, ..self }
    }

    /// The time of day at which it is late; without one, the whole day counts.
    fn cutoff(&self, office: &Office) -> Option<NaiveTime> {
        (self.at < office.late_at(self.on)).then(|| local_time(office.zone, self.at))
    }
}
