//! The reminder rules: the list with its switches, and one to be changed; what a change does is shown before it is saved.

use crate::actions::reminder_rules::{self as acts, Intent, KEEPERS, RepeatChange, RuleChange};
use crate::domain::patch::Patch;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::reminder::{Anchor, Audience, DayUnit, Delivery, Rule, Subject, Who};
use crate::domain::vocabulary::{Severity, State};
use crate::http::problem;
use crate::queries::people::Identity;
use crate::queries::reminder_rules::{self as views, RuleOut};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{Form, Sent};
use crate::web::lens::Lens;
use crate::web::preview::{PreviewPage, figures, steps};
use crate::web::texts::say_with;
use crate::web::view::{path_segment, sentence};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use actix_web::web;
use chrono::NaiveTime;
use serde::Serialize;

/// Steps from which somebody can be told.
const FROM_STEPS: u16 = 10;

#[derive(Debug, Serialize)]
struct RulesPage {
    rules: Vec<RuleLine>,
}

#[derive(Debug, Serialize)]
struct RuleLine {
    code: String,
    name: String,
    href: String,
    when: String,
    whom: String,
    active: bool,
    version: i64,
    switch_label: String,
}

#[derive(Debug, Serialize)]
struct RulePage {
    name: String,
    facts: Vec<(&'static str, String)>,
    form: FormView,
}

/// Who has the pages of rules and calendar among their places.
#[must_use]
pub fn keeps_rules(who: &Identity) -> bool {
    who.has_any(&KEEPERS)
}

/// `GET /rules`
pub async fn get_rules(visit: Visit) -> HttpResponse {
    visit.page("rules.html", list).await
}

fn list(room: &mut Room<'_, '_>) -> Outcome<RulesPage> {
    let lens = room.lens;
    let rows = views::all(room.read, room.who)?;
    Ok(RulesPage { rules: rows.iter().map(|row| line(row, &lens)).collect() })
}

fn line(RuleOut { rule, version, .. }: &RuleOut, lens: &Lens) -> RuleLine {
    let name = rule.name(lens.lang).to_owned();
    let switch = if rule.active { lens.t("rules.switch_off") } else { lens.t("rules.switch_on") };
    RuleLine {
        href: format!("/rules/{}", path_segment(&rule.code)),
        switch_label: format!("{switch} {name}"),
        when: when(rule, lens),
        whom: whom(rule, lens),
        code: rule.code.clone(),
        active: rule.active,
        version: *version,
        name,
    }
}

fn when(rule: &Rule, lens: &Lens) -> String {
    let anchor = anchor(rule.anchor, lens);
    match rule.delivery {
        Delivery::AtOnce => format!("{anchor} · {}", lens.t("rules.at_once")),
        Delivery::Digest => {
            let days = rule.offsets.iter().map(|offset| signed(*offset)).collect::<Vec<_>>().join(" ");
            let time = rule.time.format("%H:%M");
            let mut text = format!("{anchor} {days} {} {time}", unit(rule.unit, lens));
            if let Some(repeat) = rule.repeat {
                let (every, most) = (repeat.every.to_string(), repeat.at_most.to_string());
                text.push_str(lens.lang.pick("；", "; "));
                let told =
                    [("every", every.as_str()), ("unit", &unit(rule.unit, lens).to_lowercase()), ("most", &most)];
                text.push_str(&say_with(lens.lang, "rules.repeats", &told));
            }
            text
        }
    }
}

/// `-3`, `0`, `+1`
fn signed(offset: i32) -> String {
    if offset == 0 { "0".to_owned() } else { format!("{offset:+}") }
}

fn whom(rule: &Rule, lens: &Lens) -> String {
    let told = rule.audience.iter().map(|one| from_step(*one, lens));
    let copied = rule.copies.iter().map(|one| say_with(lens.lang, "rules.copy", &[("who", &from_step(*one, lens))]));
    told.chain(copied).collect::<Vec<_>>().join(lens.t("word.comma"))
}

fn from_step(one: Audience, lens: &Lens) -> String {
    let who = who_name(one.who, lens);
    if one.from_step == 0 {
        return who.to_owned();
    }
    let n = (one.from_step + 1).to_string();
    say_with(lens.lang, "rules.from_step", &[("who", who), ("n", &n)])
}

fn who_name(who: Who, lens: &Lens) -> &'static str {
    match who {
        Who::Liaison => lens.t("who.liaison"),
        Who::Leader => lens.t("who.leader"),
        Who::CoUnits => lens.t("who.co_units"),
        Who::ParentLeader => lens.t("who.parent_leader"),
        Who::Coordinators => lens.t("who.coordinators"),
        Who::UnansweredLiaisons => lens.t("who.unanswered_liaisons"),
    }
}

fn anchor(anchor: Anchor, lens: &Lens) -> &'static str {
    match anchor {
        Anchor::Issued => lens.t("anchor.issued"),
        Anchor::Due => lens.t("anchor.due"),
        Anchor::Returned => lens.t("anchor.returned"),
        Anchor::Submitted => lens.t("anchor.submitted"),
        Anchor::LookBack => lens.t("anchor.look_back"),
        Anchor::Week => lens.t("anchor.week"),
        Anchor::Accepted => lens.t("anchor.accepted"),
        Anchor::ExtensionDecided => lens.t("anchor.extension_decided"),
        Anchor::Reassigned => lens.t("anchor.reassigned"),
        Anchor::Cancelled => lens.t("anchor.cancelled"),
        Anchor::Urged => lens.t("anchor.urged"),
        Anchor::MilestoneReported => lens.t("anchor.milestone_reported"),
    }
}

fn subject(subject: Subject, lens: &Lens) -> &'static str {
    match subject {
        Subject::Ticket => lens.t("subject.ticket"),
        Subject::Notice => lens.t("subject.notice"),
        Subject::Office => lens.t("subject.office"),
    }
}

fn unit(unit: DayUnit, lens: &Lens) -> &'static str {
    match unit {
        DayUnit::WorkingDays => lens.t("rule.working_days"),
        DayUnit::CalendarDays => lens.t("rule.calendar_days"),
    }
}

/// `GET /rules/{code}`
pub async fn get_rule(visit: Visit, code: web::Path<String>) -> HttpResponse {
    let code = code.into_inner();
    visit.page("rule.html", move |room| page(room, &code, None)).await
}

/// `POST /rules/{code}`: what it would change; with `step=save` it does, with `step=edit` the form comes back.
pub async fn post_rule(visit: Visit, code: web::Path<String>, sent: Sent) -> HttpResponse {
    let code = code.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    if form.text("step") == "edit" {
        let attempt = Attempt { form, refusal: Refusal::invalid(Vec::new()) };
        return visit.page("rule.html", move |room| page(room, &code, Some(&attempt))).await;
    }
    let intent = match intent(&code, &form) {
        Ok(intent) => intent,
        Err(refusal) => return refused(visit, code, form, &refusal.into()).await,
    };
    if form.text("step") == "save" {
        return match visit.change(&form, move |tx, who| acts::apply(tx, who, intent).map(|_| ())).await {
            Ok(()) => see_other("/rules?done=rule_saved"),
            Err(failure) => refused(visit, code, form, &failure).await,
        };
    }
    let held = form.clone();
    let tried = visit.look(move |room| {
        let tried = acts::rehearse(room.read, room.who, intent)?;
        Ok(preview(&tried, &held, &room.lens))
    });
    match tried.await {
        Ok((_, shown)) => visit.page("preview.html", move |_| Ok(shown)).await,
        Err(failure) => refused(visit, code, form, &failure).await,
    }
}

fn preview(tried: &acts::Tried, form: &Form, lens: &Lens) -> PreviewPage {
    let rule = tried.rule.as_ref().map(|row| &row.rule);
    let about = rule.map_or_else(String::new, |rule| {
        let state = if rule.active { lens.t("rules.on") } else { lens.t("rules.off") };
        format!("{} · {} · {} · {state}", rule.name(lens.lang), when(rule, lens), whom(rule, lens))
    });
    let action = rule.map_or_else(String::new, |rule| format!("/rules/{}", path_segment(&rule.code)));
    PreviewPage {
        title: lens.t("preview.rule"),
        crumbs: vec![(lens.t("rules.title").to_owned(), "/rules".to_owned())],
        about,
        figures: figures(&tried.changes, lens),
        tables: steps(&tried.changes, lens).into_iter().collect(),
        action,
        hidden: form.draft().into_iter().filter(|(name, _)| name != "step").collect(),
        editable: !form.is_checked("switch"),
        cancel: "/rules".to_owned(),
    }
}

/// The form again, with what is wrong.
async fn refused(visit: Visit, code: String, form: Form, failure: &Failure) -> HttpResponse {
    let refusal = problem::told(failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "rule.html", move |room| page(room, &code, Some(&attempt))).await
}

fn page(room: &mut Room<'_, '_>, code: &str, attempt: Option<&Attempt>) -> Outcome<RulePage> {
    let row = views::get(room.read, room.who, code)?;
    let lens = &room.lens;
    let rule = &row.rule;
    let fields: Vec<FieldView> = fields(rule, lens).into_iter().map(|field| field.after(attempt, lens)).collect();
    let problems =
        attempt.filter(|attempt| attempt.refusal.code != Code::Invalid || !attempt.refusal.faults.is_empty());
    Ok(RulePage {
        name: rule.name(lens.lang).to_owned(),
        facts: vec![
            (lens.t("rule.code"), rule.code.clone()),
            (lens.t("rule.subject"), subject(rule.subject, lens).to_owned()),
            (lens.t("rule.anchor"), anchor(rule.anchor, lens).to_owned()),
        ],
        form: FormView {
            action: format!("/rules/{}", path_segment(&rule.code)),
            title: lens.t("rule.edit").to_owned(),
            intro: None,
            problems: problems.map(|attempt| attempt.problems(&fields, lens)),
            fields,
            submit: lens.t("rule.preview"),
            grave: false,
            version: Some(row.version),
            cancel: "/rules".to_owned(),
        },
    })
}

fn fields(rule: &Rule, lens: &Lens) -> Vec<FieldView> {
    let line = |name: &str, label: &'static str, value: &str| FieldView::new(name, Input::Line, label).with(value);
    let mut all = vec![
        line("name_zh", lens.t("rule.name_zh"), &rule.name_zh),
        line("name_en", lens.t("rule.name_en"), &rule.name_en),
    ];
    if rule.delivery == Delivery::Digest {
        all.extend(step_fields(rule, lens));
    }
    if rule.subject == Subject::Ticket {
        let states = State::ALL.iter().map(|state| (state.to_string(), sentence(state.name(lens.lang))));
        let chosen: Vec<&str> = rule.states.iter().map(|state| state.as_str()).collect();
        all.push(FieldView::new("states", Input::Checks, lens.t("rule.states")).choices(states).with(chosen.join(" ")));
        let weights = [
            (Severity::Prominent.to_string(), lens.t("severity.prominent").to_owned()),
            (Severity::General.to_string(), lens.t("severity.general").to_owned()),
        ];
        let chosen: Vec<&str> = rule.severities.iter().map(|severity| severity.as_str()).collect();
        let field = FieldView::new("severities", Input::Checks, lens.t("rule.severities")).choices(weights);
        all.push(field.with(chosen.join(" ")).hint(lens.t("rule.severities.hint")).optional());
    }
    all.extend(Who::ALL.iter().filter(|who| who.fits(rule.subject)).map(|who| told_field(rule, *who, lens)));
    let states = [("yes", lens.t("rules.on")), ("no", lens.t("rules.off"))];
    let states = states.into_iter().map(|(value, name)| (value.to_owned(), name.to_owned()));
    let active = FieldView::new("active", Input::Radio, lens.t("rule.active")).choices(states);
    all.push(active.with(if rule.active { "yes" } else { "no" }));
    all
}

fn step_fields(rule: &Rule, lens: &Lens) -> Vec<FieldView> {
    let offsets = rule.offsets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let number = |name: &str, label: &'static str, value: Option<u16>| {
        let value = value.map(|value| value.to_string()).unwrap_or_default();
        FieldView::new(name, Input::Number, label).with(value).optional()
    };
    let units = DayUnit::ALL.iter().map(|one| (one.to_string(), unit(*one, lens).to_owned()));
    let repeat = rule.repeat;
    vec![
        FieldView::new("offsets", Input::Line, lens.t("rule.offsets")).with(offsets).hint(lens.t("rule.offsets.hint")),
        FieldView::new("unit", Input::Select, lens.t("rule.unit")).choices(units).with(rule.unit.as_str()),
        FieldView::new("time", Input::Line, lens.t("rule.time"))
            .with(rule.time.format("%H:%M").to_string())
            .hint(lens.t("rule.time.hint")),
        number("repeat.every", lens.t("rule.every"), repeat.map(|repeat| repeat.every))
            .hint(lens.t("rule.repeat.hint")),
        number("repeat.at_most", lens.t("rule.at_most"), repeat.map(|repeat| repeat.at_most)),
    ]
}

/// Is this part told, or copied, and from which step on?
fn told_field(rule: &Rule, who: Who, lens: &Lens) -> FieldView {
    let held = rule.audience.iter().chain(&rule.copies).find(|one| one.who == who).map_or(0, |one| one.from_step);
    let last = if rule.delivery == Delivery::AtOnce { 1 } else { FROM_STEPS.max(held + 1) };
    let numbered = |word: &'static str, key: &'static str| {
        (0..last).map(move |step| (format!("{word}:{step}"), lens.tn(key, i64::from(step) + 1)))
    };
    let nobody = (String::new(), lens.t("rule.nobody").to_owned());
    let choices =
        std::iter::once(nobody).chain(numbered("to", "rule.told_from")).chain(numbered("copy", "rule.copied_from"));
    let of = |list: &[Audience], word: &str| {
        list.iter().find(|one| one.who == who).map(|one| format!("{word}:{}", one.from_step))
    };
    let value = of(&rule.audience, "to").or_else(|| of(&rule.copies, "copy")).unwrap_or_default();
    FieldView::new(format!("who.{who}"), Input::Select, who_name(who, lens)).choices(choices).with(value)
}

/// What the form asks for. A switch of the list says nothing but on or off.
fn intent(code: &str, form: &Form) -> Result<Intent, Refusal> {
    let mut faults = Vec::new();
    let active = Patch::Set(form.text("active") == "yes");
    let change = if form.is_checked("switch") {
        RuleChange { active, ..RuleChange::default() }
    } else {
        let (audience, copies) = told(form);
        RuleChange {
            name_zh: Patch::Set(form.text("name_zh").trim().to_owned()),
            name_en: Patch::Set(form.text("name_en").trim().to_owned()),
            offsets: given(form, "offsets", || offsets(form, &mut faults)),
            unit: given(form, "unit", || form.text("unit").parse().unwrap_or(DayUnit::WorkingDays)),
            states: given(form, "who.liaison", || form.all("states").filter_map(|word| word.parse().ok()).collect()),
            severities: given(form, "who.liaison", || {
                form.all("severities").filter_map(|word| word.parse().ok()).collect()
            }),
            audience: Patch::Set(audience),
            copies: Patch::Set(copies),
            active,
            ..RuleChange::default()
        }
    };
    let change = RuleChange { time: time(form, &mut faults), repeat: repeat(form, &mut faults), ..change };
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults));
    }
    Ok(Intent::Change { code: code.to_owned(), version: form.version(), change: Box::new(change) })
}

/// A field that the form has.
fn given<T>(form: &Form, name: &str, read: impl FnOnce() -> T) -> Patch<T> {
    if form.has(name) { Patch::Set(read()) } else { Patch::Keep }
}

fn offsets(form: &Form, faults: &mut Vec<Fault>) -> Vec<i32> {
    let words =
        form.text("offsets").split(|letter: char| matches!(letter, ',' | '，' | '、') || letter.is_whitespace());
    let numbers: Result<Vec<i32>, _> = words.filter(|word| !word.is_empty()).map(str::parse).collect();
    numbers.unwrap_or_else(|_not_a_number| {
        let expected = Arg::both("以逗号分隔的整数", "whole numbers, separated by commas");
        faults.push(Fault::at("/offsets", Code::FieldType).with("expected", expected));
        Vec::new()
    })
}

fn time(form: &Form, faults: &mut Vec<Fault>) -> Patch<NaiveTime> {
    if !form.has("time") {
        return Patch::Keep;
    }
    let read = form.text("time").trim().parse();
    if read.is_err() {
        faults.push(Fault::at("/time", Code::FieldTime));
    }
    read.map_or(Patch::Keep, Patch::Set)
}

fn repeat(form: &Form, faults: &mut Vec<Fault>) -> Patch<RepeatChange> {
    if !form.has("repeat.every") {
        return Patch::Keep;
    }
    let mut number = |name: &str| {
        let number = form.number(name, faults)?;
        let number: Option<u16> = number.try_into().ok();
        if number.is_none() {
            faults.push(
                Fault::at(format!("/{}", name.replace('.', "/")), Code::FieldOutOfRange)
                    .with("min", 1)
                    .with("max", 400),
            );
        }
        number
    };
    match (number("repeat.every"), number("repeat.at_most")) {
        (None, None) => Patch::Clear,
        (every @ Some(_), at_most @ Some(_)) => Patch::Set(RepeatChange { every, at_most }),
        (every, _) => {
            let missing = if every.is_none() { "/repeat/every" } else { "/repeat/at_most" };
            faults.push(Fault::at(missing, Code::FieldRequired));
            Patch::Keep
        }
    }
}

fn told(form: &Form) -> (Vec<Audience>, Vec<Audience>) {
    let (mut audience, mut copies) = (Vec::new(), Vec::new());
    for who in Who::ALL {
        let field = format!("who.{who}");
        let Some((word, step)) = form.text(&field).split_once(':') else { continue };
        let one = Audience { who: *who, from_step: step.parse().unwrap_or(0) };
        if word == "copy" { copies.push(one) } else { audience.push(one) }
    }
    (audience, copies)
}
