//! One ticket: the finding verbatim, how it stands, its timeline, and the form of the act being done.

use crate::domain::calendar::{DayKind, TraceDay};
use crate::domain::deadline::Explanation;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::ticket::{Act, Milestone};
use crate::domain::vocabulary::{Ball, State, WorkResult};
use crate::http::problem;
use crate::queries::feedback::{self, FeedbackQuery};
use crate::queries::reminders;
use crate::queries::tickets::{self, TicketOut};
use crate::queries::timeline::EventOut;
use crate::transaction::{Failure, Outcome};
use crate::web::acts;
use crate::web::fields::{Attempt, FormView};
use crate::web::form::{Form, Sent};
use crate::web::lens::{Day, Lens, Moment};
use crate::web::mail::{ToldView, told};
use crate::web::picks::uncounted;
use crate::web::texts;
use crate::web::timeline::{self, EventView};
use crate::web::view::{Button, FileView, TicketLine, act_href, path_segment, sentence};
use crate::web::visit::{Room, Visit, see_other};
use crate::web::why::{self, WhyView};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

/// Letters of one unit on one notice that are looked through for a ticket's answers.
const LETTERS: i64 = 200;
/// Reminders shown with a ticket.
const REMINDERS: i64 = 100;

#[derive(Debug, Serialize)]
struct TicketPage {
    line: TicketLine,
    text: String,
    notice_code: String,
    assets: Vec<AssetView>,
    indicator: Option<String>,
    co_units: Option<String>,
    /// The ticket that this one repeats, and those that repeat it, by reference.
    repeats: Option<String>,
    repeated_by: Vec<String>,
    standing: Standing,
    primary: Option<Button>,
    others: Vec<Button>,
    grave: Vec<Button>,
    form: Option<FormView>,
    /// What happened since the form was drawn, where somebody was faster.
    changes: Vec<EventView>,
    /// The feedback that waits for review.
    to_review: Option<AnswerView>,
    events: Vec<EventView>,
    /// Reminders of the ticket, those to come first.
    reminders: Vec<ToldView>,
    why: WhyView,
    may_correct: bool,
}

#[derive(Debug, Serialize)]
struct AssetView {
    name: String,
    address: Option<String>,
    href: Option<String>,
}

/// The card beside the timeline.
#[derive(Debug, Serialize)]
struct Standing {
    ball: &'static str,
    due_at: Moment,
    explanation: Option<ExplanationView>,
    extensions: i32,
    cycle: i32,
    failed_again: i32,
    on_time: Option<bool>,
    dates: Vec<(&'static str, String)>,
    milestones: Vec<MilestoneView>,
}

/// What will be reached when, and how far that is.
#[derive(Debug, Serialize)]
struct MilestoneView {
    on: Day,
    text: String,
    stands: &'static str,
}

/// Why the date is what it is.
#[derive(Debug, Serialize)]
struct ExplanationView {
    raw: Option<String>,
    provisional: bool,
    from: String,
    counted: usize,
    /// Days that are not counted although they seem working days, and the other way round.
    exceptions: Vec<String>,
}

/// One letter's answer to this ticket.
#[derive(Debug, Serialize)]
struct AnswerView {
    href: String,
    letter_no: Option<String>,
    signatory: String,
    at: Moment,
    registered: bool,
    cause: String,
    measures: String,
    result: String,
    done: bool,
    completed_on: Option<Day>,
    files: Vec<FileView>,
}

/// `GET /tickets/{key}`
pub async fn get_ticket(visit: Visit, key: web::Path<String>) -> HttpResponse {
    let act = visit.asked("act").and_then(|act| act.parse().ok());
    let corrects = visit.asked("corrects").map(str::to_owned);
    let why = visit.asked("why").map(str::to_owned);
    let key = key.into_inner();
    visit.page("ticket.html", move |room| page(room, &key, &Drawn { act, corrects, why, attempt: None })).await
}

/// `GET /tickets/{key}/{act}`: where a reload of a refused form leads.
pub async fn get_act(path: web::Path<(String, String)>) -> HttpResponse {
    let (key, act) = path.into_inner();
    let target = match act.parse::<Act>() {
        Ok(act) => act_href(&key, act),
        Err(_) => format!("/tickets/{}", path_segment(&key)),
    };
    see_other(&target)
}

/// `POST /tickets/{key}/{act}`
pub async fn post_act(visit: Visit, path: web::Path<(String, String)>, sent: Sent) -> HttpResponse {
    let (key, word) = path.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let Ok(act) = word.parse::<Act>() else { return visit.refused(&Refusal::missing().into()).await };
    match perform(&visit, &key, act, &form).await {
        Ok(()) => see_other(&back(&form, &key, act)),
        Err(failure) => refused(visit, key, act, form, failure).await,
    }
}

async fn perform(visit: &Visit, key: &str, act: Act, form: &Form) -> Outcome<()> {
    let (key, held) = (key.to_owned(), form.clone());
    visit
        .change(form, move |tx, who| {
            let waiting = match asked_by(act) {
                Some(asked) => {
                    let lens = Lens::new(who.locale, &tx.read());
                    let mut read = tx.read();
                    let events = timeline::events(&mut Room { read: &mut read, who, lens }, &key)?;
                    timeline::waiting(&events, asked).map(|waiting| waiting.id)
                }
                None => None,
            };
            acts::perform(tx, who, (&key, act), &held, waiting)?;
            Ok(())
        })
        .await
}

/// The event of a request that this act decides.
fn asked_by(act: Act) -> Option<&'static str> {
    let decided = [(Act::DecideExtension, "ticket.extension_requested"), (Act::DecideObjection, "ticket.objected")];
    decided.into_iter().find(|(decision, _)| *decision == act).map(|(_, asked)| asked)
}

/// Back to where the form was: the list of one's work, or the ticket.
fn back(form: &Form, key: &str, act: Act) -> String {
    if form.text("from") == "work" {
        format!("/?done={act}")
    } else {
        format!("/tickets/{}?done={act}", path_segment(key))
    }
}

/// The ticket again, with the form as it was typed and what is wrong with it.
async fn refused(visit: Visit, key: String, act: Act, form: Form, failure: Failure) -> HttpResponse {
    let refusal = problem::told(&failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let drawn = Drawn { act: Some(act), corrects: None, why: None, attempt: Some(Attempt { form, refusal }) };
    visit.page_with(status, "ticket.html", move |room| page(room, &key, &drawn)).await
}

/// Which form the page has, and what came of it.
struct Drawn {
    act: Option<Act>,
    corrects: Option<String>,
    /// Whose mails are asked about.
    why: Option<String>,
    attempt: Option<Attempt>,
}

fn page(room: &mut Room<'_, '_>, key: &str, drawn: &Drawn) -> Outcome<TicketPage> {
    let ticket = tickets::get(room.read, room.who, key)?;
    let events = timeline::events(room, key)?;
    let lens = room.lens;
    let attempt = drawn.attempt.as_ref();
    // A refused form stays, even where the act is no longer allowed: what was typed must not be lost.
    let act = drawn.act.filter(|act| attempt.is_some() || ticket.allowed_actions.contains(act));
    let form = match act {
        // A letter has a page of its own.
        Some(Act::Feedback | Act::RegisterLetter) | None => None,
        Some(act) => {
            let waiting = asked_by(act).and_then(|asked| timeline::waiting(&events, asked));
            let corrects = drawn.corrects.as_deref().or_else(|| attempt.and_then(|held| held.form.given("corrects")));
            Some(acts::form(room, &ticket, act, waiting.as_ref(), attempt, corrects)?)
        }
    };
    let reminders = reminders::of_ticket(room.read, room.who, key, &uncounted(REMINDERS, None, "web reminders"))?;
    let recurrence = tickets::recurrence(room.read, room.who, &ticket)?;
    let why = why::view(room, key, drawn.why.as_deref())?;
    let (primary, others, grave) = buttons(&ticket, &lens);
    let standing = standing(room, &ticket, key)?;
    let to_review = if ticket.state == State::Submitted { answer(room, &ticket)? } else { None };
    let stale = attempt.filter(|attempt| attempt.refusal.code == Code::Stale);
    let seen = stale.and_then(|attempt| attempt.form.version());
    let newer = events.iter().filter(|event| seen.is_some_and(|seen| event.seq > seen));
    Ok(TicketPage {
        line: TicketLine::of(&ticket, &lens),
        notice_code: ticket.notice.code.clone(),
        assets: assets(&ticket),
        indicator: ticket.indicator.clone(),
        co_units: (!ticket.co_units.is_empty()).then(|| lens.units(&ticket.co_units)),
        repeats: recurrence.of,
        repeated_by: recurrence.by,
        standing,
        primary,
        others,
        grave,
        changes: newer.map(|event| timeline::shown(event, &lens)).collect(),
        form,
        to_review,
        may_correct: ticket.allowed_actions.contains(&Act::Progress),
        events: lines(&events, &lens),
        reminders: reminders.items.iter().map(|reminder| told(reminder, &lens)).collect(),
        why,
        text: ticket.text,
    })
}

fn lines(events: &[EventOut], lens: &Lens) -> Vec<EventView> {
    events.iter().rev().map(|event| timeline::shown(event, lens)).collect()
}

/// The first thing to do, the others, and those that take something away.
fn buttons(ticket: &TicketOut, lens: &Lens) -> (Option<Button>, Vec<Button>, Vec<Button>) {
    let allowed = acts::ORDER.into_iter().filter(|act| ticket.allowed_actions.contains(act));
    let button = |act: Act| Button { name: acts::name(act, lens), href: act_href(&ticket.reference, act) };
    let (grave, plain): (Vec<Act>, Vec<Act>) = allowed.partition(|act| *act == Act::Cancel);
    // To comment is never the one thing to do.
    let primary = plain.first().copied().filter(|act| *act != Act::Comment);
    let others = plain.iter().copied().filter(|act| Some(*act) != primary).map(button).collect();
    (primary.map(button), others, grave.into_iter().map(button).collect())
}

fn assets(ticket: &TicketOut) -> Vec<AssetView> {
    let view = |asset: &tickets::AssetRef| {
        let address = asset.address.clone().filter(|address| !address.is_empty());
        let href = address.as_deref().filter(|text| text.starts_with("http://") || text.starts_with("https://"));
        AssetView { name: asset.name.clone(), href: href.map(str::to_owned), address }
    };
    ticket.assets.iter().map(view).collect()
}

fn standing(room: &mut Room<'_, '_>, ticket: &TicketOut, key: &str) -> Outcome<Standing> {
    let lens = room.lens;
    let explanation = tickets::deadline(room.read, room.who, key)?;
    let at = |label, at: Option<_>| at.map(|at| (lens.t(label), lens.moment(at).text));
    let on = |label, on: Option<_>| on.map(|on| (lens.t(label), lens.date(on)));
    let dates = [
        at("date.acknowledged", ticket.acknowledged_at),
        on("date.completed", ticket.completed_on),
        at("date.submitted", ticket.submitted_at),
        at("date.accepted", ticket.accepted_at),
        on("date.look_back", ticket.look_back_on.filter(|_| ticket.state == State::Accepted)),
        at("date.verified", ticket.verified_at),
        at("date.closed", ticket.closed_at),
    ];
    Ok(Standing {
        ball: match ticket.ball {
            Ball::Unit => lens.t("ball.unit"),
            Ball::Coordinator => lens.t("ball.coordinator"),
            Ball::Verifier => lens.t("ball.verifier"),
            Ball::None => lens.t("ball.none"),
        },
        due_at: lens.moment(ticket.due_at),
        explanation: ticket.state.is_open().then(|| explained(&explanation, &lens)),
        extensions: ticket.extensions,
        cycle: ticket.cycle,
        failed_again: ticket.failed_again,
        on_time: ticket.on_time,
        dates: dates.into_iter().flatten().collect(),
        milestones: ticket.milestones.iter().map(|milestone| milestone_view(milestone, &lens)).collect(),
    })
}

fn milestone_view(milestone: &Milestone, lens: &Lens) -> MilestoneView {
    let stands = match (milestone.reached_at, milestone.reported_at) {
        (Some(_), _) => lens.t("milestone.reached"),
        (None, Some(_)) => lens.t("milestone.reported"),
        (None, None) => lens.t("milestone.ahead"),
    };
    MilestoneView { on: lens.day(milestone.on), text: milestone.text.clone(), stands }
}

fn explained(explanation: &Explanation, lens: &Lens) -> ExplanationView {
    ExplanationView {
        raw: explanation.raw.clone(),
        provisional: explanation.provisional,
        from: explanation.days.first().map(|day| lens.date(day.date)).unwrap_or_default(),
        counted: explanation.days.iter().filter(|day| day.counted).count(),
        exceptions: exceptions(&explanation.days, lens),
    }
}

/// Holidays and make-up working days, those of one kind and name in one line.
fn exceptions(days: &[TraceDay], lens: &Lens) -> Vec<String> {
    let mut runs: Vec<(&TraceDay, &TraceDay)> = Vec::new();
    for day in days.iter().filter(|day| matches!(day.kind, DayKind::Holiday | DayKind::MakeUp)) {
        match runs.last_mut() {
            Some((first, last))
                if first.kind == day.kind && first.name == day.name && last.date.succ_opt() == Some(day.date) =>
            {
                *last = day;
            }
            Some(_) | None => runs.push((day, day)),
        }
    }
    runs.into_iter().map(|(first, last)| exception(first, last, lens)).collect()
}

fn exception(first: &TraceDay, last: &TraceDay, lens: &Lens) -> String {
    let kind = match first.kind {
        DayKind::Holiday => lens.t("day.holiday"),
        DayKind::MakeUp => lens.t("day.make_up"),
        DayKind::Workday => lens.t("day.workday"),
        DayKind::Weekend => lens.t("day.weekend"),
    };
    let when = if first.date == last.date {
        lens.date(first.date)
    } else {
        let span = [("from", lens.date(first.date)), ("to", lens.date(last.date))];
        texts::say_with(lens.lang, "deadline.span", &span.each_ref().map(|(name, day)| (*name, day.as_str())))
    };
    format!("{when} {kind} {}", first.name.as_deref().unwrap_or_default()).trim_end().to_owned()
}

/// The newest letter's answer to this ticket.
fn answer(room: &mut Room<'_, '_>, ticket: &TicketOut) -> Outcome<Option<AnswerView>> {
    let search = FeedbackQuery { notice: Some(ticket.notice.code.clone()), unit: vec![ticket.unit.code.clone()] };
    let letters = feedback::list(room.read, room.who, &search, &uncounted(LETTERS, None, "web answers"))?;
    let lens = room.lens;
    let found = letters.items.into_iter().find_map(|letter| {
        let item = letter.items.iter().find(|item| item.ticket_id == ticket.id)?.clone();
        Some((letter, item))
    });
    Ok(found.map(|(letter, item)| AnswerView {
        href: format!("/feedback/{}", letter.id),
        letter_no: letter.letter_no,
        signatory: letter.signatory,
        at: lens.moment(letter.submitted_at),
        registered: letter.registered,
        cause: item.cause,
        measures: item.measures,
        result: sentence(item.result.name(lens.lang)),
        done: item.result == WorkResult::Done,
        completed_on: item.completed_on.map(|on| lens.day(on)),
        files: letter.attachments.iter().map(FileView::from).collect(),
    }))
}

impl Visit {
    /// The answer to a refused form that is no matter of its fields: not signed in, not there, not allowed, our fault.
    pub async fn beyond_the_form(&self, refusal: &Refusal, form: &Form) -> Option<HttpResponse> {
        let status = problem::status(refusal.code.kind());
        match status {
            StatusCode::UNAUTHORIZED => Some(crate::web::sign_in::ask_again(self, form).await),
            StatusCode::CONFLICT
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::PAYLOAD_TOO_LARGE => None,
            _ => Some(self.refused(&Failure::from(refusal.clone())).await),
        }
    }
}
