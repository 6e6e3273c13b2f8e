//! The form of a letter of feedback: one letter for one or several tickets of a notice, and for its requirements.

use crate::actions::feedback::{self, NewAnswer, NewFeedback, NewItem};
use crate::domain::id::UnitId;
use crate::domain::refusal::{Place, Refusal};
use crate::domain::ticket::Act;
use crate::domain::vocabulary::{Ball, Role, WorkResult};
use crate::http::problem;
use crate::queries::notices;
use crate::queries::tickets::{self, TicketOut, TicketQuery};
use crate::queries::units;
use crate::transaction::Outcome;
use crate::web::fields::{Attempt, FieldView, Input, Problems};
use crate::web::form::{FILES, Form, Sent};
use crate::web::lens::Lens;
use crate::web::picks::uncounted;
use crate::web::view::{TicketLine, path_segment, sentence};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use serde::Serialize;

/// Tickets of one unit that one letter may answer on this page.
const TICKETS: i64 = 100;

#[derive(Debug, Serialize)]
struct LetterPage {
    title: &'static str,
    notice_code: String,
    notice_title: String,
    /// A coordinator registers a paper letter of this unit.
    unit: Option<(String, String)>,
    letter: Vec<FieldView>,
    files: FieldView,
    items: Vec<ItemView>,
    answers: Vec<AnswerView>,
    problems: Option<Problems>,
    cancel: String,
}

/// A ticket's part of the letter.
#[derive(Debug, Serialize)]
struct ItemView {
    index: usize,
    line: TicketLine,
    text: String,
    chosen: bool,
    fields: Vec<FieldView>,
}

/// The answer to one requirement.
#[derive(Debug, Serialize)]
struct AnswerView {
    index: usize,
    code: String,
    text: String,
    field: FieldView,
}

/// What the page is about.
#[derive(Debug, Clone, Default)]
struct Source {
    notice: Option<String>,
    /// Whose letter a coordinator registers.
    unit: Option<String>,
    /// Tickets to answer at once.
    chosen: Vec<String>,
    /// All tickets of a form that was refused, in its order.
    listed: Option<Vec<String>>,
}

/// Who writes: the unit itself, or a coordinator for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Own,
    Registers,
}

/// `GET /feedback/new`
pub async fn get_letter(visit: Visit) -> HttpResponse {
    let source = Source {
        notice: visit.asked("notice").map(str::to_owned),
        unit: visit.asked("unit").map(str::to_owned),
        chosen: visit.query.iter().filter(|(name, _)| name == "ticket").map(|(_, key)| key.clone()).collect(),
        listed: None,
    };
    visit.page("letter.html", move |room| page(room, &source, None)).await
}

/// `POST /feedback`
pub async fn post_letter(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let (letter, places) = match letter(&form) {
        Ok(read) => read,
        Err(refusal) => return refused(visit, form, refusal).await,
    };
    let filed = visit.change(&form, move |tx, who| feedback::submit(tx, who, &letter)).await;
    match filed {
        Ok(id) => see_other(&format!("/feedback/{id}?done=letter")),
        Err(failure) => {
            let refusal = places.put_back(problem::told(&failure, &visit.context));
            refused(visit, form, refusal).await
        }
    }
}

async fn refused(visit: Visit, form: Form, refusal: Refusal) -> HttpResponse {
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let listed = indexed(&form, "items", "ticket");
    let source = Source {
        notice: form.given("notice").map(str::to_owned),
        unit: form.given("unit").map(str::to_owned),
        chosen: listed.iter().filter(|(index, _)| is_answered(&form, *index)).map(|(_, key)| key.clone()).collect(),
        listed: Some(listed.into_iter().map(|(_, key)| key).collect()),
    };
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "letter.html", move |room| page(room, &source, Some(&attempt))).await
}

/// Where the letter's items and answers stand in the form: blank ones are not sent on.
#[derive(Debug, Default)]
struct Places {
    items: Vec<usize>,
    answers: Vec<usize>,
}

impl Places {
    /// The refusal with its faults at the form's own fields.
    fn put_back(&self, mut refusal: Refusal) -> Refusal {
        for fault in &mut refusal.faults {
            let Place::Pointer(pointer) = &mut fault.place else { continue };
            for (list, form, places) in
                [("/items/", "/items/", &self.items), ("/requirement_answers/", "/answers/", &self.answers)]
            {
                let Some(rest) = pointer.strip_prefix(list) else { continue };
                let (index, field) = rest.split_once('/').unwrap_or((rest, ""));
                if let Some(place) = index.parse::<usize>().ok().and_then(|index| places.get(index)) {
                    let field = if field == "ticket_id" { "ticket" } else { field };
                    *pointer = format!("{form}{place}/{field}");
                    break;
                }
            }
        }
        refusal
    }
}

fn letter(form: &Form) -> Result<(NewFeedback, Places), Refusal> {
    let mut faults = Vec::new();
    let mut places = Places::default();
    let mut items = Vec::new();
    for (index, ticket) in indexed(form, "items", "ticket") {
        if !is_answered(form, index) {
            continue;
        }
        let at = |field: &str| format!("items.{index}.{field}");
        let result = form.word::<WorkResult>(&at("result"), &mut faults);
        let completed_on = form.date(&at("completed_on"), &mut faults);
        places.items.push(index);
        items.push(NewItem {
            ticket,
            cause: form.text(&at("cause")).to_owned(),
            measures: form.text(&at("measures")).to_owned(),
            result: result.unwrap_or(WorkResult::Not),
            completed_on,
        });
    }
    let mut answers = Vec::new();
    for (index, code) in indexed(form, "answers", "code") {
        if let Some(text) = form.given(&format!("answers.{index}.text")) {
            places.answers.push(index);
            answers.push(NewAnswer { code, text: text.to_owned() });
        }
    }
    let unit = form.given("unit").map(str::to_owned);
    let received_on = if unit.is_some() { form.must_date("received_on", &mut faults) } else { None };
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    let letter = NewFeedback {
        notice: form.text("notice").to_owned(),
        letter_no: form.given("letter_no").map(str::to_owned),
        signatory: form.text("signatory").to_owned(),
        items,
        answers,
        attachment_ids: form.file_ids(),
        unit,
        received_on,
    };
    Ok((letter, places))
}

/// The rows of a list in the form: index and key.
fn indexed(form: &Form, list: &str, key: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for index in 0..usize::try_from(TICKETS).unwrap_or_default() * 2 {
        let Some(value) = form.given(&format!("{list}.{index}.{key}")) else { break };
        found.push((index, value.to_owned()));
    }
    found
}

/// Ticked, or written into: what somebody typed is not left behind.
fn is_answered(form: &Form, index: usize) -> bool {
    ["include", "measures", "cause"].iter().any(|field| form.is_checked(&format!("items.{index}.{field}")))
}

fn page(room: &mut Room<'_, '_>, source: &Source, attempt: Option<&Attempt>) -> Outcome<LetterPage> {
    let first = match source.chosen.first() {
        Some(key) => Some(tickets::get(room.read, room.who, key)?),
        None => None,
    };
    let code = match (&source.notice, &first) {
        (Some(code), _) => code.clone(),
        (None, Some(ticket)) => ticket.notice.code.clone(),
        (None, None) => return Err(Refusal::missing().into()),
    };
    let notice = notices::get(room.read, room.who, &code)?;
    let (hand, unit_id) = hand(room, source, first.as_ref())?;
    let unit = units::get(room.read, room.who, &unit_id.to_string())?;
    let lens = room.lens;
    let found = answerable(room, source, &notice.code, (hand, unit_id))?;
    let alone = found.len() == 1;
    let items: Vec<ItemView> = found
        .into_iter()
        .enumerate()
        .map(|(index, ticket)| {
            let named = |key: &String| *key == ticket.reference || *key == ticket.id.to_string();
            let chosen = source.chosen.iter().any(named) || (alone && attempt.is_none());
            item(index, ticket, chosen, attempt, &lens)
        })
        .collect();
    let answers = answers(room, &notice.code, unit_id, attempt)?;
    let letter: Vec<FieldView> =
        letter_fields(hand, &lens).into_iter().map(|field| field.after(attempt, &lens)).collect();
    let files = FieldView::new(FILES, Input::Files, lens.t("field.scan")).optional().hint(lens.t("field.scan.hint"));
    let files = files.after(attempt, &lens);
    let fields: Vec<FieldView> = letter
        .iter()
        .chain([&files])
        .chain(items.iter().flat_map(|item| &item.fields))
        .chain(answers.iter().map(|answer| &answer.field))
        .cloned()
        .collect();
    Ok(LetterPage {
        title: match hand {
            Hand::Own => lens.t("letter.title"),
            Hand::Registers => lens.t("letter.register"),
        },
        cancel: match &first {
            Some(ticket) => format!("/tickets/{}", path_segment(&ticket.reference)),
            None => format!("/notices/{}", path_segment(&notice.code)),
        },
        notice_code: notice.code,
        notice_title: notice.title,
        unit: (hand == Hand::Registers).then(|| (unit.code.clone(), unit.name.clone())),
        problems: attempt.map(|attempt| attempt.problems(&fields, &lens)),
        letter,
        files,
        items,
        answers,
    })
}

/// Whose letter it is, and who writes it down.
fn hand(room: &mut Room<'_, '_>, source: &Source, first: Option<&TicketOut>) -> Outcome<(Hand, UnitId)> {
    let who = room.who;
    if let Some(unit) = who.unit_id.filter(|_| source.unit.is_none() && who.has_any(&[Role::Liaison, Role::Leader])) {
        return Ok((Hand::Own, unit));
    }
    who.require(&[Role::Coordinator])?;
    match (&source.unit, first) {
        (Some(key), _) => Ok((Hand::Registers, units::get(room.read, who, key)?.id)),
        (None, Some(ticket)) => Ok((Hand::Registers, ticket.unit.id)),
        (None, None) => Err(Refusal::missing().into()),
    }
}

/// The tickets that this letter may answer: those of the refused form, or all that wait for feedback.
fn answerable(
    room: &mut Room<'_, '_>,
    source: &Source,
    notice: &str,
    (hand, unit): (Hand, UnitId),
) -> Outcome<Vec<TicketOut>> {
    if let Some(listed) = &source.listed {
        return listed.iter().map(|key| tickets::get(room.read, room.who, key)).collect();
    }
    let mut search =
        TicketQuery { notice: vec![notice.to_owned()], lead: vec![unit.to_string()], ..TicketQuery::default() };
    search.ball = vec![Ball::Unit];
    let act = match hand {
        Hand::Own => Act::Feedback,
        Hand::Registers => Act::RegisterLetter,
    };
    let slice = tickets::list(room.read, room.who, &search, &uncounted(TICKETS, None, "web letter"))?;
    let mut found = slice.items;
    found.retain(|ticket| ticket.allowed_actions.contains(&act));
    let chosen = |ticket: &TicketOut| {
        source.chosen.contains(&ticket.reference) || source.chosen.contains(&ticket.id.to_string())
    };
    found.sort_by_key(|ticket| !chosen(ticket));
    Ok(found)
}

fn letter_fields(hand: Hand, lens: &Lens) -> Vec<FieldView> {
    let mut fields = vec![
        FieldView::new("letter_no", Input::Line, lens.t("field.letter_no"))
            .optional()
            .hint(lens.t("field.letter_no.hint")),
        FieldView::new("signatory", Input::Line, lens.t("field.signatory")).hint(lens.t("field.signatory.hint")),
    ];
    if hand == Hand::Registers {
        let received = FieldView::new("received_on", Input::Date, lens.t("field.received_on"));
        fields.push(received.hint(lens.t("field.received_on.hint")).with(lens.today.to_string()));
    }
    fields
}

fn item(index: usize, ticket: TicketOut, chosen: bool, attempt: Option<&Attempt>, lens: &Lens) -> ItemView {
    let at = |field: &str| format!("items.{index}.{field}");
    let results = WorkResult::ALL.iter().map(|result| (result.as_str().to_owned(), sentence(result.name(lens.lang))));
    let fields = [
        FieldView::new(at("cause"), Input::Text, lens.t("field.cause")),
        FieldView::new(at("measures"), Input::Text, lens.t("field.measures")),
        FieldView::new(at("result"), Input::Radio, lens.t("field.result")).choices(results),
        FieldView::new(at("completed_on"), Input::Date, lens.t("field.completed_on"))
            .optional()
            .hint(lens.t("field.completed_on.hint")),
    ];
    let mut fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, lens)).collect();
    // What is wrong with the ticket itself has no field of its own.
    let whole = FieldView::hidden(at("ticket"), ticket.reference.as_str()).after(attempt, lens);
    fields.push(FieldView { value: ticket.reference.clone(), label: ticket.reference.clone(), ..whole });
    ItemView { index, line: TicketLine::of(&ticket, lens), text: ticket.text, chosen, fields }
}

/// The requirements that ask this unit and that it has not answered.
fn answers(room: &mut Room<'_, '_>, notice: &str, unit: UnitId, attempt: Option<&Attempt>) -> Outcome<Vec<AnswerView>> {
    let asked = notices::requirements(room.read, room.who, notice)?;
    let lens = &room.lens;
    let open = asked.into_iter().filter(|row| row.unit_ids.contains(&unit) && !row.answered_unit_ids.contains(&unit));
    let view = |(index, row): (usize, notices::RequirementOut)| {
        let label = format!("{} {}", lens.t("field.answer"), row.code);
        let field = FieldView::new(format!("answers.{index}.text"), Input::Text, label).optional();
        AnswerView { index, code: row.code, text: row.text, field: field.after(attempt, lens) }
    };
    Ok(open.enumerate().map(view).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::refusal::{Arg, Code, Fault};

    #[test]
    fn only_tickets_that_are_ticked_or_written_into_are_answered_and_faults_go_back_to_their_field() {
        let body = "notice=N&signatory=a&letter_no=1&items.0.ticket=A&items.1.ticket=B&items.1.include=yes\
            &items.1.measures=m&items.1.result=done&items.1.completed_on=2021-08-01&items.2.ticket=C&items.2.cause=c\
            &items.2.result=not&answers.0.code=R1&answers.0.text=&answers.1.code=R2&answers.1.text=yes";
        let form = Form::parse(body.as_bytes()).unwrap();
        let (letter, places) = letter(&form).unwrap();
        assert_eq!(letter.items.iter().map(|item| item.ticket.as_str()).collect::<Vec<_>>(), ["B", "C"]);
        assert_eq!(letter.answers.first().map(|answer| answer.code.as_str()), Some("R2"));
        let faults = ["/items/0/measures", "/items/1/ticket_id", "/requirement_answers/0/code", "/signatory"]
            .map(|pointer| Fault::at(pointer, Code::FieldRequired).with("x", Arg::from("y")));
        let back = places.put_back(Refusal::invalid(faults.to_vec()));
        let told: Vec<_> = back.faults.iter().map(|fault| format!("{:?}", fault.place)).collect();
        let expected = ["/items/1/measures", "/items/2/ticket", "/answers/1/code", "/signatory"]
            .map(|pointer| format!("{:?}", Place::Pointer(pointer.to_owned())));
        assert_eq!(told, expected);
    }
}
