//! What can be done to a ticket, as forms: the fields of each act, and the act itself once its form came in.

use crate::actions::requests::{self, NewExtension};
use crate::actions::tickets::{self, Decision, LookBack, Progress};
use crate::domain::actor::Actor;
use crate::domain::id::{EventId, TicketId};
use crate::domain::refusal::{Fault, Place, Refusal};
use crate::domain::ticket::{Act, Command, Milestone, NewMilestone};
use crate::domain::vocabulary::{LookBackOutcome, State};
use crate::queries::tickets::TicketOut;
use crate::transaction::{Failure, Outcome, Tx};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{FILES, Form};
use crate::web::lens::Lens;
use crate::web::picks;
use crate::web::view::path_segment;
use crate::web::visit::Room;
use serde_json::Value;

/// Milestones that the form of carrying offers; blank ones are left out.
const MILESTONES: usize = 4;

/// A request of the unit that waits for a decision: its id and what it says.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: EventId,
    pub payload: Value,
    /// The unit that an objection proposes, by code.
    pub proposed: Option<String>,
}

/// The act's name as a verb.
#[must_use]
pub fn name(act: Act, lens: &Lens) -> &'static str {
    match act {
        Act::Acknowledge => lens.t("act.acknowledge"),
        Act::Progress => lens.t("act.progress"),
        Act::Object => lens.t("act.object"),
        Act::DecideObjection => lens.t("act.decide_objection"),
        Act::Reassign => lens.t("act.reassign"),
        Act::Feedback => lens.t("act.feedback"),
        Act::RegisterLetter => lens.t("act.register_letter"),
        Act::Accept => lens.t("act.accept"),
        Act::Return => lens.t("act.return"),
        Act::PassLookBack => lens.t("act.look_back_pass"),
        Act::FailLookBack => lens.t("act.look_back_fail"),
        Act::Carry => lens.t("act.carry"),
        Act::DecideMilestone => lens.t("act.milestone"),
        Act::Cancel => lens.t("act.cancel"),
        Act::Reopen => lens.t("act.reopen"),
        Act::AskExtension => lens.t("act.extension"),
        Act::DecideExtension => lens.t("act.decide_extension"),
        Act::MoveDueDate => lens.t("act.due_date"),
        Act::Urge => lens.t("act.urge"),
        Act::Comment => lens.t("act.comment"),
    }
}

/// Acts as buttons: the one thing to do first, what takes something away last.
pub const ORDER: [Act; 20] = [
    Act::Acknowledge,
    Act::DecideObjection,
    Act::DecideExtension,
    Act::DecideMilestone,
    Act::Accept,
    Act::Return,
    Act::PassLookBack,
    Act::FailLookBack,
    Act::Feedback,
    Act::Progress,
    Act::Urge,
    Act::AskExtension,
    Act::Object,
    Act::RegisterLetter,
    Act::MoveDueDate,
    Act::Carry,
    Act::Reassign,
    Act::Reopen,
    Act::Comment,
    Act::Cancel,
];

/// The form of an act. `waiting`: the request that a decision answers.
pub fn form(
    room: &mut Room<'_, '_>,
    ticket: &TicketOut,
    act: Act,
    waiting: Option<&Waiting>,
    attempt: Option<&Attempt>,
    corrects: Option<&str>,
) -> Outcome<FormView> {
    let mut fields = fields(room, ticket, act, waiting)?;
    if let (Act::Progress, Some(corrects)) = (act, corrects) {
        fields.push(FieldView::hidden("corrects", corrects));
    }
    let lens = &room.lens;
    let fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, lens)).collect();
    let reference = path_segment(&ticket.reference);
    Ok(FormView {
        action: format!("/tickets/{reference}/{act}"),
        title: name(act, lens).to_owned(),
        intro: intro(act, ticket, lens),
        submit: name(act, lens),
        grave: act == Act::Cancel,
        version: Some(ticket.version),
        cancel: format!("/tickets/{reference}"),
        problems: attempt.map(|attempt| attempt.problems(&fields, lens)),
        fields,
    })
}

fn intro(act: Act, ticket: &TicketOut, lens: &Lens) -> Option<String> {
    let words = match act {
        Act::Acknowledge => lens.t("act.acknowledge.intro"),
        Act::Object => lens.t("act.object.intro"),
        Act::AskExtension => lens.t("act.extension.intro"),
        Act::Return => lens.t("act.return.intro"),
        Act::Carry => lens.t("act.carry.intro"),
        Act::DecideMilestone => lens.t("act.milestone.intro"),
        Act::Cancel => lens.t("act.cancel.intro"),
        Act::Reassign => lens.t("act.reassign.intro"),
        Act::Reopen => lens.t("act.reopen.intro"),
        Act::Urge => lens.t("act.urge.intro"),
        Act::MoveDueDate => return Some(format!("{} {}", lens.t("act.due_date.intro"), lens.date(ticket.due_on))),
        Act::Progress
        | Act::DecideObjection
        | Act::Feedback
        | Act::RegisterLetter
        | Act::Accept
        | Act::PassLookBack
        | Act::FailLookBack
        | Act::DecideExtension
        | Act::Comment => return None,
    };
    Some(words.to_owned())
}

fn fields(room: &mut Room<'_, '_>, ticket: &TicketOut, act: Act, waiting: Option<&Waiting>) -> Outcome<Vec<FieldView>> {
    let lens = room.lens;
    let reason = || FieldView::new("reason", Input::Text, lens.t("field.reason"));
    let due_on = || FieldView::new("due_on", Input::Date, lens.t("field.new_due_on"));
    Ok(match act {
        Act::Acknowledge => {
            let handler = FieldView::new("handler", Input::Line, lens.t("field.handler"));
            vec![handler.hint(lens.t("field.handler.hint")).with(room.who.name.as_str())]
        }
        Act::Progress => progress_fields(room, ticket),
        Act::Object => {
            let proposed = FieldView::new("proposed_unit_id", Input::Select, lens.t("field.proposed_unit"));
            vec![reason(), proposed.choices(other_units(room, ticket)?)]
        }
        Act::DecideObjection => {
            let uphold = FieldView::new("uphold", Input::Radio, lens.t("field.uphold"));
            let uphold = uphold.choices(yes_no(lens.t("field.uphold.yes"), lens.t("field.uphold.no")));
            let unit = FieldView::new("unit_id", Input::Select, lens.t("field.next_unit")).optional();
            let unit = unit.hint(lens.t("field.next_unit.hint")).choices(other_units(room, ticket)?);
            let proposed = waiting.and_then(|waiting| waiting.proposed.clone()).unwrap_or_default();
            vec![uphold, unit.with(proposed), reason()]
        }
        Act::Reassign => {
            let unit = FieldView::new("unit_id", Input::Select, lens.t("field.next_unit"));
            let due_on = due_on().optional().hint(lens.t("field.due_on.kept"));
            vec![unit.choices(other_units(room, ticket)?), due_on, reason()]
        }
        Act::Accept => vec![FieldView::new("reason", Input::Text, lens.t("field.opinion")).optional()],
        Act::Return => {
            let due_on = due_on();
            let late = lens.now >= ticket.due_at;
            let due_on = if late {
                due_on.hint(lens.t("field.due_on.past"))
            } else {
                due_on.optional().hint(lens.t("field.due_on.kept"))
            };
            vec![reason(), due_on]
        }
        Act::PassLookBack => {
            let seen = note(lens.t("field.look_back_note")).optional().hint(lens.t("field.evidence.hint"));
            vec![method(&lens), looked_on(&lens), seen, evidence(&lens)]
        }
        Act::FailLookBack => {
            vec![method(&lens), looked_on(&lens), note(lens.t("field.what_was_found")), evidence(&lens), due_on()]
        }
        Act::Carry => carry_fields(&lens, reason()),
        Act::DecideMilestone => {
            let waiting: Vec<&Milestone> = ticket.milestones.iter().filter(|milestone| milestone.waits()).collect();
            let first = waiting.first().map(|milestone| milestone.id.to_string()).unwrap_or_default();
            let which = FieldView::new("milestone_id", Input::Select, lens.t("field.milestone")).with(first);
            let which = which.choices(waiting.into_iter().map(|milestone| choice(milestone, &lens)));
            let reached = FieldView::new("reached", Input::Radio, lens.t("field.reached"));
            let reached = reached.choices(yes_no(lens.t("field.reached.yes"), lens.t("field.reached.no")));
            vec![which, reached, reason().optional().hint(lens.t("field.reached.reason_hint"))]
        }
        Act::Cancel => vec![reason()],
        Act::Reopen => vec![reason(), due_on()],
        Act::AskExtension => vec![
            FieldView::new("to", Input::Date, lens.t("field.extend_to")).optional(),
            FieldView::new("working_days", Input::Number, lens.t("field.extend_by"))
                .optional()
                .hint(lens.t("field.extend_by.hint")),
            reason(),
            FieldView::new("progress", Input::Text, lens.t("field.progress_so_far")),
        ],
        Act::DecideExtension => {
            let asked =
                waiting.and_then(|waiting| waiting.payload.get("to").and_then(Value::as_str).map(str::to_owned));
            let approve = FieldView::new("approve", Input::Radio, lens.t("field.approve"));
            let approve = approve.choices(yes_no(lens.t("field.approve.yes"), lens.t("field.approve.no")));
            let to = FieldView::new("to", Input::Date, lens.t("field.extend_to")).optional();
            vec![approve, to.hint(lens.t("field.extend_to.hint")).with(asked.unwrap_or_default()), reason()]
        }
        Act::MoveDueDate => vec![FieldView::new("to", Input::Date, lens.t("field.new_due_on")), reason()],
        Act::Urge => vec![note(lens.t("field.note")).optional()],
        Act::Comment => vec![FieldView::new("text", Input::Text, lens.t("field.comment"))],
        Act::Feedback | Act::RegisterLetter => Vec::new(),
    })
}

fn progress_fields(room: &Room<'_, '_>, ticket: &TicketOut) -> Vec<FieldView> {
    let lens = &room.lens;
    let text = FieldView::new("text", Input::Text, lens.t("field.progress"));
    let files = FieldView::new(FILES, Input::Files, lens.t("field.files")).optional();
    if room.who.is_of(ticket.unit.id) {
        let percent = FieldView::new("percent", Input::Number, lens.t("field.percent")).optional();
        let percent = percent.hint(lens.t("field.percent.hint")).with(ticket.percent.to_string());
        let mut fields = vec![text, percent];
        fields.extend(milestone_reached(lens, ticket));
        fields.push(files);
        fields
    } else {
        vec![text, files]
    }
}

/// Which milestone of a carried ticket has been reached.
fn milestone_reached(lens: &Lens, ticket: &TicketOut) -> Option<FieldView> {
    let open = ticket.milestones.iter().filter(|milestone| milestone.reached_at.is_none());
    let mut choices = vec![(String::new(), lens.t("field.milestone_none").to_owned())];
    choices.extend(open.map(|milestone| choice(milestone, lens)));
    let which = FieldView::new("milestone_id", Input::Select, lens.t("field.milestone_reached")).optional();
    let which = which.hint(lens.t("field.milestone_reached.hint"));
    (ticket.state == State::Carried && choices.len() > 1).then(|| which.choices(choices))
}

fn choice(milestone: &Milestone, lens: &Lens) -> (String, String) {
    (milestone.id.to_string(), format!("{} {}", lens.date(milestone.on), milestone.text))
}

fn looked_on(lens: &Lens) -> FieldView {
    FieldView::new("on", Input::Date, lens.t("field.looked_on")).with(lens.today.to_string())
}

fn evidence(lens: &Lens) -> FieldView {
    FieldView::new(FILES, Input::Files, lens.t("field.evidence")).optional()
}

fn carry_fields(lens: &Lens, reason: FieldView) -> Vec<FieldView> {
    let mut fields = vec![reason];
    for index in 0..MILESTONES {
        let number = i64::try_from(index + 1).unwrap_or_default();
        let first = index == 0;
        let on = FieldView::new(format!("milestones.{index}.on"), Input::Date, lens.tn("field.milestone_on", number));
        let text =
            FieldView::new(format!("milestones.{index}.text"), Input::Line, lens.tn("field.milestone_text", number));
        fields.extend([on, text].map(|field| if first { field } else { field.optional() }));
    }
    fields
}

fn method(lens: &Lens) -> FieldView {
    FieldView::new("method", Input::Line, lens.t("field.method")).hint(lens.t("field.method.hint"))
}

fn note(label: &str) -> FieldView {
    FieldView::new("note", Input::Text, label)
}

fn yes_no(yes: &str, no: &str) -> [(String, String); 2] {
    [("yes".to_owned(), yes.to_owned()), ("no".to_owned(), no.to_owned())]
}

/// Every unit but the lead.
fn other_units(room: &mut Room<'_, '_>, ticket: &TicketOut) -> Outcome<Vec<(String, String)>> {
    let mut units = picks::units(room)?;
    units.retain(|(code, _)| *code != ticket.unit.code);
    units.insert(0, (String::new(), room.lens.t("field.choose").to_owned()));
    Ok(units)
}

/// Does what the form says. `waiting`: the request that a decision answers.
pub fn perform(
    tx: &mut Tx<'_>,
    who: &Actor,
    (key, act): (&str, Act),
    form: &Form,
    waiting: Option<EventId>,
) -> Outcome<TicketId> {
    // Before anything that was typed is looked at.
    tickets::may(&mut tx.read(), who, key, act)?;
    let version = form.version();
    let mut faults = Vec::new();
    let reason = form.text("reason");
    match act {
        Act::Acknowledge => tickets::acknowledge(tx, who, key, version, form.text("handler")),
        Act::Progress => {
            let percent = form.number("percent", &mut faults);
            whole(faults)?;
            let progress = Progress {
                text: form.text("text").to_owned(),
                percent,
                attachment_ids: form.file_ids(),
                corrects: form.given("corrects").map(str::to_owned),
                milestone_id: form.given("milestone_id").map(str::to_owned),
            };
            tickets::log_progress(tx, who, key, version, &progress)
        }
        Act::Object => {
            let asked = requests::object(tx, who, key, version, (reason, form.text("proposed_unit_id")))?;
            Ok(asked.ticket_id)
        }
        Act::DecideObjection => {
            let uphold = yes(form, "uphold", &mut faults);
            whole(faults)?;
            let id = waiting.ok_or_else(Refusal::missing)?;
            // The proposed unit is chosen beforehand; it means nothing where the objection is rejected.
            let unit = form.given("unit_id").filter(|_| uphold);
            requests::decide_objection(tx, who, &id.to_string(), version, (uphold, unit, reason))
        }
        Act::Reassign => {
            let due_on = form.date("due_on", &mut faults);
            whole(faults)?;
            tickets::reassign(tx, who, key, version, (reason, form.text("unit_id"), due_on))
        }
        Act::Accept => tickets::review(tx, who, key, version, (Decision::Accept, reason), None),
        Act::Return => {
            let due_on = form.date("due_on", &mut faults);
            whole(faults)?;
            tickets::review(tx, who, key, version, (Decision::Return, reason), due_on)
        }
        Act::AskExtension => {
            let asked = NewExtension {
                to: form.date("to", &mut faults),
                working_days: form.number("working_days", &mut faults),
                reason: reason.to_owned(),
                progress: form.text("progress").to_owned(),
            };
            whole(faults)?;
            Ok(requests::ask_extension(tx, who, key, version, &asked)?.ticket_id)
        }
        Act::DecideExtension => {
            let approve = yes(form, "approve", &mut faults);
            let to = form.date("to", &mut faults).filter(|_| approve);
            whole(faults)?;
            let id = waiting.ok_or_else(Refusal::missing)?;
            requests::decide_extension(tx, who, &id.to_string(), version, (approve, to, reason))
        }
        Act::PassLookBack => look_back(tx, who, key, LookBackOutcome::Pass, form),
        Act::FailLookBack => look_back(tx, who, key, LookBackOutcome::Fail, form),
        Act::Carry => {
            let milestones = milestones(form, &mut faults);
            whole(faults)?;
            tickets::carry(tx, who, key, version, (reason, &milestones))
        }
        Act::DecideMilestone => {
            let reached = yes(form, "reached", &mut faults);
            whole(faults)?;
            tickets::decide_milestone(tx, who, (key, form.text("milestone_id")), version, (reached, reason))
        }
        Act::Cancel | Act::Reopen | Act::MoveDueDate | Act::Urge | Act::Comment => {
            tickets::perform(tx, who, key, version, command(act, form)?)
        }
        Act::Feedback | Act::RegisterLetter => Err(Refusal::missing().into()),
    }
}

fn look_back(tx: &mut Tx<'_>, who: &Actor, key: &str, outcome: LookBackOutcome, form: &Form) -> Outcome<TicketId> {
    let mut faults = Vec::new();
    let found = LookBack {
        outcome,
        method: form.text("method").to_owned(),
        note: form.text("note").to_owned(),
        evidence: form.file_ids(),
        on: form.date("on", &mut faults),
        due_on: form.date("due_on", &mut faults),
    };
    whole(faults)?;
    tickets::look_back(tx, who, key, form.version(), &found).map_err(at_the_files)
}

/// The refusal with what is wrong with the evidence at the field of files.
fn at_the_files(failure: Failure) -> Failure {
    let Failure::Refused(mut refusal) = failure else { return failure };
    for fault in &mut refusal.faults {
        if let Place::Pointer(place) = &mut fault.place
            && let Some(rest) = place.strip_prefix("/evidence")
        {
            *place = format!("/{FILES}{rest}");
        }
    }
    Failure::Refused(refusal)
}

/// The act that needs nothing but words and dates.
fn command(act: Act, form: &Form) -> Result<Command, Refusal> {
    let mut faults = Vec::new();
    let text = |name: &str| form.text(name).to_owned();
    let command = match act {
        Act::Cancel => Some(Command::Cancel { reason: text("reason") }),
        Act::Reopen => {
            form.must_date("due_on", &mut faults).map(|due_on| Command::Reopen { reason: text("reason"), due_on })
        }
        Act::MoveDueDate => {
            form.must_date("to", &mut faults).map(|to| Command::MoveDueDate { to, reason: text("reason") })
        }
        Act::Urge => Some(Command::Urge { note: form.given("note").map(str::to_owned) }),
        Act::Comment => Some(Command::Comment { text: text("text") }),
        Act::Acknowledge
        | Act::Progress
        | Act::Object
        | Act::DecideObjection
        | Act::Reassign
        | Act::Feedback
        | Act::RegisterLetter
        | Act::Accept
        | Act::Return
        | Act::PassLookBack
        | Act::FailLookBack
        | Act::Carry
        | Act::DecideMilestone
        | Act::AskExtension
        | Act::DecideExtension => None,
    };
    whole(faults)?;
    command.ok_or_else(Refusal::missing)
}

/// The milestones that say something; blank rows are left out.
fn milestones(form: &Form, faults: &mut Vec<Fault>) -> Vec<NewMilestone> {
    let mut found = Vec::new();
    for index in 0..MILESTONES {
        let (on, text) = (format!("milestones.{index}.on"), format!("milestones.{index}.text"));
        if form.given(&on).is_none() && form.given(&text).is_none() {
            continue;
        }
        if let Some(on) = form.must_date(&on, faults) {
            found.push(NewMilestone { on, text: form.text(&text).to_owned() });
        }
    }
    found
}

fn yes(form: &Form, name: &str, faults: &mut Vec<Fault>) -> bool {
    match form.given(name) {
        Some("yes") => true,
        Some("no") => false,
        Some(_) | None => {
            faults.push(Fault::at(format!("/{name}"), crate::domain::refusal::Code::FieldRequired));
            false
        }
    }
}

fn whole(faults: Vec<Fault>) -> Result<(), Refusal> {
    if faults.is_empty() { Ok(()) } else { Err(Refusal::invalid(faults)) }
}
