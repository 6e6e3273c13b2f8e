//! The working calendar: a year's days off and make-up working days; the admin changes a day, after seeing what moves.

use crate::actions::calendars::{self as acts, CountedDate, DateMove, DayChange, Intent};
use crate::domain::calendar::DayMark;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::Role;
use crate::http::problem;
use crate::queries::calendars;
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{Form, Sent};
use crate::web::lens::Lens;
use crate::web::preview::{PreviewPage, Table, figures, steps};
use crate::web::texts::say_with;
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use chrono::{Datelike, NaiveDate};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct CalendarPage {
    year: i32,
    name: String,
    working_days: usize,
    provisional: bool,
    next_year_missing: Option<String>,
    source: Option<String>,
    days: Vec<(String, &'static str, String)>,
    form: Option<FormView>,
}

/// The line that warns of a coming year without its days off; `None` where none has to be told.
#[must_use]
pub fn next_year_missing(room: &Room<'_, '_>) -> Option<String> {
    let lens = &room.lens;
    let is_missing = room.read.office.calendar.misses_next_year(lens.today);
    let year = (lens.today.year() + 1).to_string();
    is_missing.then(|| say_with(lens.lang, "calendar.next_year_missing", &[("year", &year)]))
}

/// `GET /calendar`
pub async fn get_calendar(visit: Visit) -> HttpResponse {
    let asked = visit.asked("year").map(str::to_owned);
    visit.page("calendar.html", move |room| page(room, year(asked.as_deref())?, None)).await
}

fn year(asked: Option<&str>) -> Result<Option<i32>, Refusal> {
    let wrong = |_not_a_year| Refusal::field(Fault::new(Place::Parameter("year".to_owned()), Code::FieldDate));
    asked.map(str::parse).transpose().map_err(wrong)
}

fn page(room: &mut Room<'_, '_>, asked: Option<i32>, attempt: Option<&Attempt>) -> Outcome<CalendarPage> {
    if attempt.is_some() {
        // Nobody else hears what is wrong with it.
        room.who.require(&[Role::Admin])?;
    }
    let lens = room.lens;
    let code = room.read.office.calendar.code.clone();
    let found = calendars::year(room.read, &code, asked.unwrap_or(lens.today.year()))?;
    let days =
        found.days.iter().map(|day| (lens.date(day.date), mark(day.kind, &lens), day.name.clone().unwrap_or_default()));
    Ok(CalendarPage {
        days: days.collect(),
        next_year_missing: next_year_missing(room),
        form: room.who.has(Role::Admin).then(|| form(found.year, found.version, attempt, &lens)),
        year: found.year,
        name: found.name,
        working_days: found.working_days,
        provisional: found.provisional,
        source: found.source,
    })
}

fn mark(mark: DayMark, lens: &Lens) -> &'static str {
    match mark {
        DayMark::Holiday => lens.t("calendar.holiday"),
        DayMark::Workday => lens.t("calendar.workday"),
        DayMark::Normal => lens.t("calendar.normal"),
    }
}

fn form(year: i32, version: i64, attempt: Option<&Attempt>, lens: &Lens) -> FormView {
    let kinds = DayMark::ALL.iter().map(|kind| (kind.to_string(), mark(*kind, lens).to_owned()));
    let fields = [
        FieldView::new("date", Input::Date, lens.t("calendar.date")),
        FieldView::new("kind", Input::Radio, lens.t("calendar.kind")).choices(kinds),
        FieldView::new("name", Input::Line, lens.t("calendar.name")).optional(),
    ];
    let fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, lens)).collect();
    let problems =
        attempt.filter(|attempt| attempt.refusal.code != Code::Invalid || !attempt.refusal.faults.is_empty());
    FormView {
        action: "/calendar".to_owned(),
        title: lens.t("calendar.change").to_owned(),
        intro: None,
        problems: problems.map(|attempt| attempt.problems(&fields, lens)),
        fields,
        submit: lens.t("calendar.preview"),
        grave: false,
        version: Some(version),
        cancel: format!("/calendar?year={year}"),
    }
}

/// `POST /calendar`: what it would move; with `step=save` it does, with `step=edit` the form comes back.
pub async fn post_calendar(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    if form.text("step") == "edit" {
        let year = typed_year(&form);
        let attempt = Attempt { form, refusal: Refusal::invalid(Vec::new()) };
        return visit.page("calendar.html", move |room| page(room, year, Some(&attempt))).await;
    }
    let asked = match asked(&form) {
        Ok(asked) => asked,
        Err(refusal) => return refused(visit, form, &refusal.into()).await,
    };
    if form.text("step") == "save" {
        let year = asked.date.year();
        let saved = visit.change(&form, move |tx, who| {
            let code = tx.office.calendar.code.clone();
            acts::apply(tx, who, asked.intent(code)).map(|_| ())
        });
        return match saved.await {
            Ok(()) => see_other(&format!("/calendar?year={year}&done=calendar_saved")),
            Err(failure) => refused(visit, form, &failure).await,
        };
    }
    let held = form.clone();
    let tried = visit.look(move |room| {
        let (code, date, kind) = (room.read.office.calendar.code.clone(), asked.date, asked.kind);
        let tried = acts::rehearse(room.read, room.who, asked.intent(code))?;
        Ok(preview(&tried, (date, kind), &held, &room.lens))
    });
    match tried.await {
        Ok((_, shown)) => visit.page("preview.html", move |_| Ok(shown)).await,
        Err(failure) => refused(visit, form, &failure).await,
    }
}

/// The year of the day that was typed.
fn typed_year(form: &Form) -> Option<i32> {
    form.text("date").trim().parse().ok().map(|date: NaiveDate| date.year())
}

/// A day as the form has it.
struct Asked {
    date: NaiveDate,
    kind: DayMark,
    name: Option<String>,
    version: Option<i64>,
}

impl Asked {
    fn intent(self, code: String) -> Intent {
        let change = DayChange { kind: self.kind, name: self.name };
        Intent::Day { code, date: self.date, version: self.version, change }
    }
}

fn asked(form: &Form) -> Result<Asked, Refusal> {
    let mut faults = Vec::new();
    let date = form.must_date("date", &mut faults);
    let kind = form.word("kind", &mut faults);
    match (date, kind) {
        (Some(date), Some(kind)) if faults.is_empty() => {
            Ok(Asked { date, kind, name: form.given("name").map(str::to_owned), version: form.version() })
        }
        _ => Err(Refusal::invalid(faults)),
    }
}

fn preview(tried: &acts::Tried, (date, kind): (NaiveDate, DayMark), form: &Form, lens: &Lens) -> PreviewPage {
    let changes = &tried.changes;
    let mut shown = vec![
        (lens.t("preview.deadlines"), changes.deadlines),
        (lens.t("preview.look_backs"), changes.look_backs),
        (lens.t("preview.confirmed"), changes.confirmed),
    ];
    shown.extend(figures(&changes.reminders, lens));
    let year = date.year();
    PreviewPage {
        title: lens.t("preview.calendar"),
        crumbs: vec![(format!("{} {year}", lens.t("calendar.title")), format!("/calendar?year={year}"))],
        about: format!("{} · {}", lens.date(date), mark(kind, lens)),
        figures: shown,
        tables: dates(&changes.first, lens).into_iter().chain(steps(&changes.reminders, lens)).collect(),
        action: "/calendar".to_owned(),
        hidden: form.draft().into_iter().filter(|(name, _)| name != "step").collect(),
        editable: true,
        cancel: format!("/calendar?year={year}"),
    }
}

fn dates(moves: &[DateMove], lens: &Lens) -> Option<Table> {
    let head = ["preview.subject", "preview.date", "preview.before", "preview.after"];
    let row = |one: &DateMove| {
        let date = match one.date {
            CountedDate::Due => lens.t("preview.due"),
            CountedDate::LookBack => lens.t("preview.look_back"),
        };
        vec![one.reference.clone(), date.to_owned(), lens.date(one.from), lens.date(one.to)]
    };
    (!moves.is_empty()).then(|| Table {
        title: lens.t("preview.first_dates"),
        head: head.into_iter().map(|key| lens.t(key)).collect(),
        rows: moves.iter().map(row).collect(),
    })
}

/// The form again, with what is wrong.
async fn refused(visit: Visit, form: Form, failure: &Failure) -> HttpResponse {
    let refusal = problem::told(failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let year = typed_year(&form).filter(|year| (1900..=2999).contains(year));
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "calendar.html", move |room| page(room, year, Some(&attempt))).await
}
