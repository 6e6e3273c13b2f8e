//! A website or an account entered, or what is said of it changed, by a form with the fields of its kind.

use crate::actions::assets::{self as acts, AssetChange, KEEPERS, NewAsset};
use crate::domain::asset::{AssetStatus, Platform};
use crate::domain::patch::Patch;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::AssetKind;
use crate::http::problem;
use crate::queries::assets::{self, AssetOut};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{Form, Sent};
use crate::web::lens::Lens;
use crate::web::picks;
use crate::web::registry::href;
use crate::web::view::sentence;
use crate::web::visit::{Room, Visit, see_other};
use actix_web::{HttpResponse, web};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct FormPage {
    title: String,
    form: FormView,
}

/// What a form is about.
#[derive(Debug, Clone)]
enum Subject {
    New(AssetKind),
    /// By id or code.
    Held(String),
}

/// `GET /assets/new/{kind}`
pub async fn get_new(visit: Visit, kind: web::Path<String>) -> HttpResponse {
    let Ok(kind) = kind.parse() else { return visit.refused(&Refusal::missing().into()).await };
    visit.page("asset_form.html", move |room| page(room, &Subject::New(kind), None)).await
}

/// `GET /assets/{key}/edit`
pub async fn get_edit(visit: Visit, key: web::Path<String>) -> HttpResponse {
    let subject = Subject::Held(key.into_inner());
    visit.page("asset_form.html", move |room| page(room, &subject, None)).await
}

/// `POST /assets/new/{kind}`
pub async fn post_new(visit: Visit, kind: web::Path<String>, sent: Sent) -> HttpResponse {
    let Ok(kind) = kind.parse() else { return visit.refused(&Refusal::missing().into()).await };
    post(visit, Subject::New(kind), sent).await
}

/// `POST /assets/{key}/edit`
pub async fn post_edit(visit: Visit, key: web::Path<String>, sent: Sent) -> HttpResponse {
    post(visit, Subject::Held(key.into_inner()), sent).await
}

async fn post(visit: Visit, subject: Subject, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    match perform(&visit, subject.clone(), &form).await {
        Ok(target) => see_other(&target),
        Err(failure) => refused(visit, subject, form, failure).await,
    }
}

/// Does what the form says; answers where the asset's page lies.
async fn perform(visit: &Visit, subject: Subject, form: &Form) -> Outcome<String> {
    let mut faults = Vec::new();
    let opened_on = form.date("opened_on", &mut faults);
    if !faults.is_empty() {
        return Err(Refusal::invalid(faults).into());
    }
    let said = form.clone();
    let saved = visit.change(form, move |tx, who| match subject {
        Subject::New(kind) => acts::create(tx, who, NewAsset { kind: Some(kind), opened_on, ..entered(&said) }),
        Subject::Held(key) => {
            let change = changed(&said);
            let opened_on = patch(said.has("opened_on"), opened_on);
            acts::change(tx, who, &key, said.version(), AssetChange { opened_on, ..change })
        }
    });
    Ok(format!("{}?done=asset_saved", href(&saved.await?.to_string())))
}

fn entered(form: &Form) -> NewAsset {
    let text = |name: &str| form.given(name).map(str::to_owned);
    NewAsset {
        code: text("code"),
        kind: None,
        name: form.text("name").to_owned(),
        address: text("address"),
        platform: form.given("platform").and_then(|word| word.parse().ok()),
        platform_id: text("platform_id"),
        certified_entity: text("certified_entity"),
        opened_on: None,
        site_code: text("site_code"),
        icp_no: text("icp_no"),
        security_filing_no: text("security_filing_no"),
        unit_id: form.text("unit_id").to_owned(),
        supervising_unit_id: text("supervising_unit_id"),
        status: form.given("status").and_then(|word| word.parse().ok()),
    }
}

/// A field that the form has is set or cleared; one of the other kind isn't in it.
fn changed(form: &Form) -> AssetChange {
    let text = |name: &str| patch(form.has(name), form.given(name).map(str::to_owned));
    AssetChange {
        code: text("code"),
        name: text("name"),
        address: text("address"),
        platform: patch(form.has("platform"), form.given("platform").and_then(|word| word.parse().ok())),
        platform_id: text("platform_id"),
        certified_entity: text("certified_entity"),
        opened_on: Patch::Keep,
        site_code: text("site_code"),
        icp_no: text("icp_no"),
        security_filing_no: text("security_filing_no"),
        unit_id: text("unit_id"),
        supervising_unit_id: text("supervising_unit_id"),
    }
}

fn patch<T>(there: bool, value: Option<T>) -> Patch<T> {
    match (there, value) {
        (false, _) => Patch::Keep,
        (true, None) => Patch::Clear,
        (true, Some(value)) => Patch::Set(value),
    }
}

/// The form as it was filled in, with what is wrong.
async fn refused(visit: Visit, subject: Subject, form: Form, failure: Failure) -> HttpResponse {
    let refusal = problem::told(&failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "asset_form.html", move |room| page(room, &subject, Some(&attempt))).await
}

fn page(room: &mut Room<'_, '_>, subject: &Subject, attempt: Option<&Attempt>) -> Outcome<FormPage> {
    let held = match subject {
        Subject::New(_) => None,
        Subject::Held(key) => Some(assets::get(room.read, room.who, key)?),
    };
    room.who.require(&KEEPERS)?;
    let units = picks::units(room)?;
    let lens = room.lens;
    let kind = match (subject, &held) {
        (Subject::New(kind), _) => *kind,
        (Subject::Held(_), Some(held)) => held.kind,
        (Subject::Held(_), None) => return Err(Refusal::missing().into()),
    };
    let fields = fields(kind, held.as_ref(), &units, &lens);
    let fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, &lens)).collect();
    let title = match (&held, kind) {
        (Some(held), _) => held.name.clone(),
        (None, AssetKind::Website) => lens.t("asset.new_website").to_owned(),
        (None, AssetKind::NewMedia) => lens.t("asset.new_account").to_owned(),
    };
    let (action, cancel) = match &held {
        Some(held) => (format!("{}/edit", href(&held.code)), href(&held.code)),
        None => (format!("/assets/new/{kind}"), "/assets".to_owned()),
    };
    Ok(FormPage {
        title,
        form: FormView {
            action,
            title: lens.t("asset.said").to_owned(),
            intro: held.is_some().then(|| lens.t("asset.said.intro").to_owned()),
            submit: lens.t("asset.save"),
            grave: false,
            version: held.as_ref().map(|held| held.version),
            cancel,
            problems: attempt.map(|attempt| attempt.problems(&fields, &lens)),
            fields,
        },
    })
}

fn fields(kind: AssetKind, held: Option<&AssetOut>, units: &[(String, String)], lens: &Lens) -> Vec<FieldView> {
    let line = |name: &str, label: &str, value: Option<&String>| {
        FieldView::new(name, Input::Line, label).with(value.cloned().unwrap_or_default())
    };
    let of = |field: fn(&AssetOut) -> &Option<String>| held.and_then(|held| field(held).as_ref());
    let unit = |name: &str, label: &str, held: Option<&String>| {
        let none = (String::new(), lens.t("field.choose").to_owned());
        let choices = std::iter::once(none).chain(units.iter().cloned());
        FieldView::new(name, Input::Select, label).choices(choices).with(held.cloned().unwrap_or_default())
    };
    let code = line("code", lens.t("asset.code"), held.map(|held| &held.code));
    let code = if held.is_some() { code } else { code.optional().hint(lens.t("asset.code.hint")) };
    let mut fields = vec![
        line("name", lens.t("asset.name"), held.map(|held| &held.name)),
        unit("unit_id", lens.t("asset.unit"), held.map(|held| &held.unit.code)),
        unit(
            "supervising_unit_id",
            lens.t("asset.supervising_unit"),
            held.and_then(|held| held.supervising_unit.as_ref()).map(|unit| &unit.code),
        )
        .optional(),
        line("address", lens.t("asset.address"), of(|held| &held.address)).optional(),
    ];
    match kind {
        AssetKind::Website => fields.extend([
            line("site_code", lens.t("asset.site_code"), of(|held| &held.site_code)).optional(),
            line("icp_no", lens.t("asset.icp_no"), of(|held| &held.icp_no)).optional(),
            line("security_filing_no", lens.t("asset.security_filing_no"), of(|held| &held.security_filing_no))
                .optional(),
        ]),
        AssetKind::NewMedia => {
            let platforms = Platform::ALL.iter().map(|one| (one.as_str().to_owned(), one.name(lens.lang).to_owned()));
            let platform = FieldView::new("platform", Input::Select, lens.t("asset.platform")).choices(platforms);
            let on = held.and_then(|held| held.opened_on).map(|on| on.to_string()).unwrap_or_default();
            let held_platform = held.and_then(|held| held.platform).map_or("", Platform::as_str);
            fields.extend([
                platform.with(held_platform),
                line("platform_id", lens.t("asset.platform_id"), of(|held| &held.platform_id)).optional(),
                line("certified_entity", lens.t("asset.certified_entity"), of(|held| &held.certified_entity))
                    .optional(),
                FieldView::new("opened_on", Input::Date, lens.t("asset.opened_on")).with(on).optional(),
            ]);
        }
    }
    if held.is_none() {
        let begins = AssetStatus::of(kind).iter().filter(|status| status.may_begin(kind));
        let begins = begins.map(|status| (status.as_str().to_owned(), sentence(status.name(lens.lang))));
        let status = FieldView::new("status", Input::Select, lens.t("head.state")).choices(begins);
        fields.push(status.with(AssetStatus::Active.as_str()));
    }
    fields.push(code);
    fields
}
