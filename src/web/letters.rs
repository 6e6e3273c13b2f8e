//! Letters of feedback: the list, and one with its receipt.

use crate::domain::id::FeedbackId;
use crate::domain::refusal::Refusal;
use crate::queries::feedback::{self, FeedbackOut, FeedbackQuery};
use crate::transaction::Outcome;
use crate::web::lens::{Day, Lens, Moment};
use crate::web::picks::ask;
use crate::web::view::{FileView, path_segment, sentence};
use crate::web::visit::{Room, Visit, encoded};
use actix_web::{HttpResponse, web};
use serde::Serialize;

const LIMIT: i64 = 50;

#[derive(Debug, Serialize)]
struct LettersPage {
    total: i64,
    letters: Vec<LetterLine>,
    next: Option<String>,
    first: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct LetterLine {
    href: String,
    name: String,
    unit: String,
    notice_code: String,
    at: Moment,
    signatory: String,
    items: usize,
    answers: usize,
    /// Where its items stand, in words.
    verdict: String,
    registered: bool,
}

#[derive(Debug, Serialize)]
struct OnePage {
    line: LetterLine,
    notice_href: String,
    author: Option<String>,
    received_on: Option<Day>,
    items: Vec<ItemView>,
    answers: Vec<(String, String)>,
    files: Vec<FileView>,
    chain_hash: String,
}

#[derive(Debug, Serialize)]
struct ItemView {
    reference: String,
    title: String,
    cause: String,
    measures: String,
    result: String,
    completed_on: Option<Day>,
    verdict: String,
    reason: Option<String>,
    decided_at: Option<Moment>,
}

/// `GET /feedback`
pub async fn get_letters(visit: Visit) -> HttpResponse {
    let cursor = visit.asked("cursor").map(str::to_owned);
    visit.page("letters.html", move |room| page(room, cursor)).await
}

fn page(room: &mut Room<'_, '_>, cursor: Option<String>) -> Outcome<LettersPage> {
    let first = cursor.as_ref().map(|_| "/feedback");
    let slice = feedback::list(room.read, room.who, &FeedbackQuery::default(), &ask(LIMIT, cursor, "web feedback"))?;
    Ok(LettersPage {
        total: slice.total.unwrap_or_default(),
        letters: slice.items.iter().map(|letter| line(letter, &room.lens)).collect(),
        next: slice.next.map(|cursor| format!("/feedback?cursor={}", encoded(&cursor))),
        first,
    })
}

/// `GET /feedback/{id}`
pub async fn get_one(visit: Visit, id: web::Path<String>) -> HttpResponse {
    let id = id.into_inner();
    visit
        .page("feedback.html", move |room| {
            let id: FeedbackId = id.parse().ok().ok_or_else(Refusal::missing)?;
            one(room, id)
        })
        .await
}

fn one(room: &mut Room<'_, '_>, id: FeedbackId) -> Outcome<OnePage> {
    let letter = feedback::get(room.read, room.who, id)?;
    let receipt = feedback::receipt(room.read, room.who, id)?;
    let lens = room.lens;
    let items = letter.items.iter().map(|item| ItemView {
        reference: item.reference.clone(),
        title: item.title.clone(),
        cause: item.cause.clone(),
        measures: item.measures.clone(),
        result: sentence(item.result.name(lens.lang)),
        completed_on: item.completed_on.map(|on| lens.day(on)),
        verdict: verdict(item.decision.as_deref(), &lens).to_owned(),
        reason: item.reason.clone().filter(|reason| !reason.is_empty()),
        decided_at: item.decided_at.map(|at| lens.moment(at)),
    });
    Ok(OnePage {
        notice_href: format!("/notices/{}", path_segment(&letter.notice.code)),
        author: letter.author.as_ref().map(|author| author.name.clone()),
        received_on: letter.received_on.map(|on| lens.day(on)),
        items: items.collect(),
        answers: letter.requirement_answers.iter().map(|answer| (answer.code.clone(), answer.text.clone())).collect(),
        files: letter.attachments.iter().map(FileView::from).collect(),
        chain_hash: receipt.chain_hash,
        line: line(&letter, &lens),
    })
}

fn line(letter: &FeedbackOut, lens: &Lens) -> LetterLine {
    LetterLine {
        href: format!("/feedback/{}", letter.id),
        name: letter.letter_no.clone().unwrap_or_else(|| lens.t("letter.unnumbered").to_owned()),
        unit: lens.unit(&letter.unit),
        notice_code: letter.notice.code.clone(),
        at: lens.moment(letter.submitted_at),
        signatory: letter.signatory.clone(),
        items: letter.items.len(),
        answers: letter.requirement_answers.len(),
        verdict: verdicts(letter, lens),
        registered: letter.registered,
    }
}

fn verdict(decision: Option<&str>, lens: &Lens) -> &'static str {
    match decision {
        Some("accepted") => lens.t("verdict.accepted"),
        Some("returned") => lens.t("verdict.returned"),
        Some(_) | None => lens.t("verdict.waiting"),
    }
}

/// How many items were accepted, returned, or wait.
fn verdicts(letter: &FeedbackOut, lens: &Lens) -> String {
    let count =
        |decision: Option<&str>| letter.items.iter().filter(|item| item.decision.as_deref() == decision).count();
    let parts = [Some("accepted"), Some("returned"), None].map(|decision| (verdict(decision, lens), count(decision)));
    let told = parts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{word} {count}"));
    told.collect::<Vec<_>>().join(lens.lang.pick("，", ", "))
}
