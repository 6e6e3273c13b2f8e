//! Written feedback (书面反馈): one letter on one notice, which answers tickets and requirements, all or nothing.

use crate::actions::attachments;
use crate::actions::record::record;
use crate::actions::tickets::{act, hold};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::{Check, LINE, TEXT};
use crate::domain::id::{AttachmentId, FeedbackId, FeedbackItemId, RequirementId, TicketId, UnitId};
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::ticket::{Command, FeedbackPart, role_required};
use crate::domain::vocabulary::{NoticeState, Role, WorkResult};
use crate::store::attachments::Owner;
use crate::store::feedback::{FeedbackItemRow, FeedbackRow};
use crate::store::notices::{AnswerRow, NoticeRow};
use crate::store::{attachments as files, feedback, notices, units};
use crate::transaction::{Failure, Outcome, Tx};
use chrono::NaiveDate;
use serde_json::json;

/// Items and answers of one letter at most.
const ITEMS_MAX: usize = 500;
const FILES_MAX: usize = 50;
/// Where a letter names its files.
const LETTER_FILES: &str = "/attachment_ids";

/// A letter as it comes in.
#[derive(Debug, Clone, Default)]
pub struct NewFeedback {
    /// Id or code.
    pub notice: String,
    pub letter_no: Option<String>,
    pub signatory: String,
    pub items: Vec<NewItem>,
    pub answers: Vec<NewAnswer>,
    pub attachment_ids: Vec<AttachmentId>,
    /// Id or code; with `received_on` when a coordinator registers a paper letter.
    pub unit: Option<String>,
    pub received_on: Option<NaiveDate>,
}

/// One ticket's part of a letter as it comes in.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// Id or reference.
    pub ticket: String,
    pub cause: String,
    pub measures: String,
    pub result: WorkResult,
    pub completed_on: Option<NaiveDate>,
}

/// The answer to one requirement as it comes in.
#[derive(Debug, Clone)]
pub struct NewAnswer {
    pub code: String,
    pub text: String,
}

/// Who writes: a unit itself, or a coordinator for it.
struct Author<'a> {
    unit_id: UnitId,
    signatory: &'a str,
    /// The day a paper letter came in.
    received_on: Option<NaiveDate>,
}

/// Files a letter: every item is decided by its ticket's rules; one refusal undoes all.
pub fn submit(tx: &mut Tx<'_>, actor: &Actor, letter: &NewFeedback) -> Outcome<FeedbackId> {
    let author = author(tx, actor, letter)?;
    let notice = notice(tx, actor, &letter.notice)?;
    let checked = checked(letter)?;
    let answers = answers(tx, &notice, author.unit_id, &checked.answers)?;
    attachments::check_own(tx, actor, &letter.attachment_ids, "/attachment_ids")?;

    let id: FeedbackId = tx.id();
    let mut items = Vec::with_capacity(checked.items.len());
    let mut references = Vec::with_capacity(checked.items.len());
    for (index, item) in checked.items.iter().enumerate() {
        let (row, reference) = answer_ticket(tx, actor, &author, (&notice, id), item, &letter.attachment_ids)
            .map_err(|failure| below(failure, &format!("/items/{index}")))?;
        items.push(row);
        references.push(reference);
    }
    feedback::insert(
        tx.conn,
        &FeedbackRow {
            id,
            notice_id: notice.id,
            unit_id: author.unit_id,
            letter_no: checked.letter_no.clone(),
            signatory: checked.signatory,
            author_id: actor.user_id,
            registered: author.received_on.is_some(),
            received_on: author.received_on,
            submitted_at: tx.now,
            version: 1,
        },
        &items,
    )?;
    let rows: Vec<AnswerRow> = answers
        .into_iter()
        .map(|(requirement_id, text)| AnswerRow {
            requirement_id,
            unit_id: author.unit_id,
            feedback_id: id,
            text,
            answered_at: tx.now,
        })
        .collect();
    notices::insert_answers(tx.conn, &rows)?;
    files::link(tx.conn, &letter.attachment_ids, Owner::Feedback(id))?;
    let hashes: Vec<_> = files::by_ids(tx.conn, &letter.attachment_ids)?
        .into_iter()
        .map(|file| {
            json!({"id": file.id, "name": file.name, "size": file.size_bytes, "media_type": file.media_type,
                   "sha256": file.sha256})
        })
        .collect();
    let unit = units::find(tx.conn, author.unit_id)?.ok_or_else(Refusal::missing)?;
    // Whole, as the receipt shows it: its hash vouches for every field of it.
    let payload = json!({
        "notice_id": notice.id, "unit_id": author.unit_id, "letter_no": checked.letter_no,
        "notice": {"id": notice.id, "code": notice.code},
        "unit": {"id": unit.id, "code": unit.code, "name": unit.name, "name_en": unit.name_en},
        "references": references,
        "ticket_ids": items.iter().map(|item| item.ticket_id).collect::<Vec<_>>(),
        "requirements": rows.iter().map(|row| row.requirement_id).collect::<Vec<_>>(),
        "answers": rows.iter().map(|row| &row.text).collect::<Vec<_>>(),
        "attachments": hashes, "received_on": author.received_on,
    });
    record(tx, actor, Stream::Feedback(id), "feedback.filed", &payload)?;
    Ok(id)
}

fn author<'a>(tx: &mut Tx<'_>, actor: &Actor, letter: &'a NewFeedback) -> Outcome<Author<'a>> {
    let registers = letter.unit.is_some() || letter.received_on.is_some();
    if !registers {
        let roles = [Role::Liaison, Role::Leader];
        return match actor.unit_id {
            Some(unit_id) if actor.has_any(&roles) => {
                Ok(Author { unit_id, signatory: letter.signatory.trim(), received_on: None })
            }
            Some(_) | None if actor.has(Role::Coordinator) => {
                let missing = |pointer| Fault::at(pointer, Code::FieldRequired);
                Err(Refusal::invalid(vec![missing("/unit_id"), missing("/received_on")]).into())
            }
            Some(_) | None => Err(role_required(&roles).into()),
        };
    }
    if !actor.has(Role::Coordinator) {
        let given = [("/unit_id", letter.unit.is_some()), ("/received_on", letter.received_on.is_some())];
        let faults = given.iter().filter(|(_, is_given)| *is_given);
        let faults = faults.map(|(pointer, _)| Fault::at(*pointer, Code::FeedbackRegisterOnly)).collect();
        return Err(Refusal::invalid(faults).into());
    }
    let (Some(key), Some(received_on)) = (&letter.unit, letter.received_on) else {
        let pointer = if letter.unit.is_some() { "/received_on" } else { "/unit_id" };
        return Err(Refusal::field(Fault::at(pointer, Code::FieldRequired)).into());
    };
    let today = tx.office.today(tx.now);
    if received_on > today {
        return Err(Refusal::field(Fault::at("/received_on", Code::FieldFuture).with("today", today)).into());
    }
    match units::find_by_key(tx.conn, key)? {
        Some(unit) => {
            Ok(Author { unit_id: unit.id, signatory: letter.signatory.trim(), received_on: Some(received_on) })
        }
        None => Err(Refusal::field(Fault::at("/unit_id", Code::FieldReference).with("value", key)).into()),
    }
}

/// The notice, if it is issued and in the actor's sight.
fn notice(tx: &mut Tx<'_>, actor: &Actor, key: &str) -> Outcome<NoticeRow> {
    let row = notices::find_by_key(tx.conn, key)?.ok_or_else(Refusal::missing)?;
    crate::store::scope::sees_notice(tx.conn, &actor.scope, &row)?.then_some(()).ok_or_else(Refusal::missing)?;
    if row.state == NoticeState::Draft {
        return Err(Refusal::new(Code::NoticeNotIssued).into());
    }
    Ok(row)
}

/// The letter with its texts within their limits; completeness of each item is the ticket's to decide.
fn checked(letter: &NewFeedback) -> Result<NewFeedback, Refusal> {
    if letter.items.is_empty() && letter.answers.is_empty() {
        return Err(Refusal::new(Code::FeedbackEmpty));
    }
    let mut check = Check::new();
    check.at_most("/items", letter.items.len(), ITEMS_MAX);
    check.at_most("/requirement_answers", letter.answers.len(), ITEMS_MAX);
    check.at_most("/attachment_ids", letter.attachment_ids.len(), FILES_MAX);
    let mut clean = letter.clone();
    clean.signatory = check.line("/signatory", &letter.signatory, 100);
    clean.letter_no = check.optional_line("/letter_no", letter.letter_no.as_deref(), 100);
    for (index, item) in clean.items.iter_mut().enumerate() {
        let at = |field: &str| format!("/items/{index}/{field}");
        item.cause = check.text(&at("cause"), &item.cause, TEXT);
        item.measures = check.text(&at("measures"), &item.measures, TEXT);
    }
    for (index, answer) in clean.answers.iter_mut().enumerate() {
        answer.code = check.line(&format!("/requirement_answers/{index}/code"), &answer.code, LINE);
        answer.text = check.text(&format!("/requirement_answers/{index}/text"), &answer.text, TEXT);
    }
    repeated(&mut check, "/items", "ticket_id", clean.items.iter().map(|item| &item.ticket));
    repeated(&mut check, "/requirement_answers", "code", clean.answers.iter().map(|answer| &answer.code));
    let has_evidence = clean.letter_no.is_some() || !letter.attachment_ids.is_empty();
    let needs_evidence = !clean.items.is_empty();
    let clean = check.done(clean)?;
    if needs_evidence && !has_evidence {
        return Err(Refusal::new(Code::FeedbackNoEvidence));
    }
    Ok(clean)
}

fn repeated<'a>(check: &mut Check, list: &str, field: &str, keys: impl Iterator<Item = &'a String>) {
    let mut seen = std::collections::HashSet::new();
    for (index, key) in keys.enumerate() {
        if !seen.insert(key) {
            check.fault(Fault::at(format!("{list}/{index}/{field}"), Code::FieldDuplicate).with("value", key));
        }
    }
}

/// The requirements that the notice asks of this unit, each with its answer.
fn answers(
    tx: &mut Tx<'_>,
    notice: &NoticeRow,
    unit: UnitId,
    given: &[NewAnswer],
) -> Outcome<Vec<(RequirementId, String)>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let asked = notices::requirement_units_of(tx.conn, notice.id)?;
    let known = notices::requirements_of(tx.conn, notice.id)?;
    let mut found = Vec::with_capacity(given.len());
    let mut faults = Vec::new();
    for (index, answer) in given.iter().enumerate() {
        let row = known.iter().find(|row| row.code == answer.code && asked.contains(&(row.id, unit)));
        match row {
            Some(row) => found.push((row.id, answer.text.clone())),
            None => faults.push(
                Fault::at(format!("/requirement_answers/{index}/code"), Code::FieldReference)
                    .with("value", &answer.code),
            ),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(Refusal::invalid(faults).into()) }
}

fn answer_ticket(
    tx: &mut Tx<'_>,
    actor: &Actor,
    author: &Author<'_>,
    (notice, feedback_id): (&NoticeRow, FeedbackId),
    item: &NewItem,
    letter_files: &[AttachmentId],
) -> Outcome<(FeedbackItemRow, String)> {
    let held = hold(tx, actor, &item.ticket)?;
    if held.row.notice_id != notice.id {
        let fault = Fault::at("/ticket_id", Code::FeedbackOtherNotice).with("ticket", &held.row.reference);
        return Err(Refusal::field(fault).into());
    }
    if held.row.unit_id != author.unit_id {
        return Err(Refusal::new(Code::OtherUnit).into());
    }
    attachments::check_room(tx, held.named(), letter_files, LETTER_FILES)?;
    let part = FeedbackPart {
        feedback_id,
        cause: item.cause.clone(),
        measures: item.measures.clone(),
        result: item.result,
        completed_on: item.completed_on,
    };
    let command = match author.received_on {
        None => Command::Feedback(part),
        Some(received_on) => Command::RegisterLetter { part, signatory: author.signatory.to_owned(), received_on },
    };
    let ticket_id: TicketId = act(tx, actor, &held, command)?;
    let row = FeedbackItemRow {
        id: tx.id::<FeedbackItemId>(),
        feedback_id,
        ticket_id,
        cycle: held.row.cycle,
        cause: item.cause.clone(),
        measures: item.measures.clone(),
        result: item.result,
        completed_on: item.completed_on,
        decision: None,
        reason: None,
        decided_at: None,
        decided_by: None,
    };
    Ok((row, held.row.reference))
}

/// A refusal of one item, told as a fault of its place in the letter.
fn below(failure: Failure, place: &str) -> Failure {
    let Failure::Refused(mut refusal) = failure else { return failure };
    for fault in &mut refusal.faults {
        if let Place::Pointer(pointer) = &mut fault.place
            && pointer != "/received_on"
            && pointer != LETTER_FILES
        {
            pointer.insert_str(0, place);
        }
    }
    if refusal.faults.is_empty() {
        let mut fault = Fault::at(format!("{place}/ticket_id"), refusal.code);
        fault.args.clone_from(&refusal.args);
        refusal.faults.push(fault);
    }
    Failure::Refused(refusal)
}
