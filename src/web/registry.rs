//! The registry of websites and accounts: the list; one with its life, its tickets, and the step that can come next.

use crate::actions::assets::{self as acts, KEEPERS, NewTransition};
use crate::domain::asset::{AssetStatus, Platform};
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::AssetKind;
use crate::http::problem;
use crate::queries::assets::{self, AssetOut, AssetQuery};
use crate::queries::tickets::{self, TicketQuery};
use crate::queries::timeline::{self as events, EventOut};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{FILES, Form, Sent};
use crate::web::lens::Lens;
use crate::web::picks::{self, ask, uncounted};
use crate::web::texts;
use crate::web::timeline::{EventView, Fact, Weight, who};
use crate::web::view::{Button, Choice, FileView, TicketLine, link, path_segment, sentence};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use std::str::FromStr;

const LIMIT: i64 = 50;
/// Tickets and events shown with an asset.
const TICKETS: i64 = 100;
const EVENTS: i64 = 200;
/// Parameters that narrow the list.
const FILTERS: [&str; 5] = ["q", "kind", "status", "platform", "unit"];

#[derive(Debug, Serialize)]
struct AssetsPage {
    total: i64,
    lines: Vec<AssetLine>,
    q: String,
    kinds: Vec<Choice>,
    statuses: Vec<Choice>,
    platforms: Vec<Choice>,
    units: Vec<Choice>,
    /// Is the list narrowed?
    narrowed: bool,
    /// May the reader enter one?
    keeps: bool,
    next: Option<String>,
    first: Option<String>,
}

#[derive(Debug, Serialize)]
struct AssetLine {
    code: String,
    name: String,
    href: String,
    kind: String,
    unit: String,
    supervising_unit: Option<String>,
    status: String,
    /// Tickets that name it can't be accepted while it stands so.
    contradicts: bool,
}

#[derive(Debug, Serialize)]
struct AssetPage {
    line: AssetLine,
    live: bool,
    /// May the reader change what is said of it?
    keeps: bool,
    address: Option<String>,
    href: Option<String>,
    facts: Vec<(&'static str, String)>,
    /// Where its life can lead, for whoever keeps the registry.
    steps: Vec<Button>,
    form: Option<FormView>,
    tickets: Vec<TicketLine>,
    events: Vec<EventView>,
}

/// `GET /assets`
pub async fn get_assets(visit: Visit) -> HttpResponse {
    let query = Query(visit.query.clone());
    visit.page("assets.html", move |room| list(room, &query)).await
}

/// `GET /assets/{key}`; `?to=` opens the form of a transition.
pub async fn get_asset(visit: Visit, key: web::Path<String>) -> HttpResponse {
    let to = visit.asked("to").and_then(|to| to.parse().ok());
    let key = key.into_inner();
    visit.page("asset.html", move |room| page(room, &key, to, None)).await
}

/// `GET /assets/{key}/transitions`: where a reload of a refused form leads.
pub async fn get_act(key: web::Path<String>) -> HttpResponse {
    see_other(&href(&key))
}

/// `POST /assets/{key}/transitions`
pub async fn post_act(visit: Visit, key: web::Path<String>, sent: Sent) -> HttpResponse {
    let key = key.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let Ok(to) = form.text("to").parse::<AssetStatus>() else {
        // Whoever may not hears that first.
        let looked = visit.look(move |room| keeper(room, &key)).await;
        return visit.refused(&looked.err().unwrap_or_else(|| Refusal::missing().into())).await;
    };
    match perform(&visit, &key, to, &form).await {
        Ok(()) => see_other(&format!("{}?done=asset_moved", href(&key))),
        Err(failure) => refused(visit, key, to, form, failure).await,
    }
}

fn keeper(room: &mut Room<'_, '_>, key: &str) -> Outcome<()> {
    assets::get(room.read, room.who, key)?;
    Ok(room.who.require(&KEEPERS)?)
}

async fn perform(visit: &Visit, key: &str, to: AssetStatus, form: &Form) -> Outcome<()> {
    let (key, version) = (key.to_owned(), form.version());
    let note = form.given("note").map(str::to_owned);
    let asked = NewTransition { to, evidence: form.file_ids(), note };
    let moved = visit.change(form, move |tx, who| acts::transition(tx, who, &key, version, &asked)).await;
    moved.map(|_| ()).map_err(at_the_files)
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

/// The asset again, with the form as it was filled in and what is wrong with it.
async fn refused(visit: Visit, key: String, to: AssetStatus, form: Form, failure: Failure) -> HttpResponse {
    let refusal = problem::told(&failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "asset.html", move |room| page(room, &key, Some(to), Some(&attempt))).await
}

/// Where an asset's page lies.
#[must_use]
pub fn href(code: &str) -> String {
    format!("/assets/{}", path_segment(code))
}

/// The parameters as they came.
struct Query(Vec<(String, String)>);

impl Query {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = move |(held, _): &&(String, String)| held == name;
        self.0.iter().filter(of_name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn words<T: FromStr>(&self, name: &str) -> Result<Vec<T>, Refusal> {
        let wrong = || {
            let place = Place::Parameter(name.to_owned());
            Refusal::field(Fault::new(place, Code::FieldReference).with("value", name))
        };
        self.all(name).map(|value| value.parse().map_err(|_unknown| wrong())).collect()
    }

    fn search(&self) -> Result<AssetQuery, Refusal> {
        Ok(AssetQuery {
            kind: self.words("kind")?,
            status: self.words("status")?,
            platform: self.words("platform")?,
            unit: self.all("unit").map(str::to_owned).collect(),
            q: self.one("q").map(|text| text.replace('\0', "")),
        })
    }

    fn filters(&self) -> Vec<(&str, &str)> {
        FILTERS.iter().flat_map(|name| self.all(name).map(move |value| (*name, value))).collect()
    }

    /// The list's address with its filters and these pairs.
    fn href(&self, more: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(self.filters()).extend_pairs(more).finish();
        if query.is_empty() { "/assets".to_owned() } else { format!("/assets?{query}") }
    }
}

fn list(room: &mut Room<'_, '_>, query: &Query) -> Outcome<AssetsPage> {
    let search = query.search()?;
    let cursor = query.one("cursor").map(str::to_owned);
    let fingerprint = format!("web assets {:?}", query.filters());
    let slice = assets::list(room.read, room.who, &search, &ask(LIMIT, cursor, &fingerprint))?;
    let units = picks::units_in_sight(room)?;
    let lens = room.lens;
    let unit = query.one("unit").unwrap_or_default();
    let kind = |kind: &AssetKind| choice(kind.as_str(), kind_name(*kind, &lens).to_owned(), search.kind.contains(kind));
    let status = |one: &AssetStatus| choice(one.as_str(), sentence(one.name(lens.lang)), search.status.contains(one));
    let platform = |one: &Platform| choice(one.as_str(), one.name(lens.lang).to_owned(), search.platform.contains(one));
    Ok(AssetsPage {
        total: slice.total.unwrap_or_default(),
        lines: slice.items.iter().map(|asset| line(asset, &lens)).collect(),
        q: query.one("q").unwrap_or_default().to_owned(),
        kinds: AssetKind::ALL.iter().map(kind).collect(),
        statuses: AssetStatus::ALL.iter().map(status).collect(),
        platforms: Platform::ALL.iter().map(platform).collect(),
        units: units.into_iter().map(|(value, name)| Choice { chosen: value == unit, value, name }).collect(),
        keeps: room.who.has_any(&KEEPERS),
        narrowed: !query.filters().is_empty(),
        next: slice.next.as_deref().map(|cursor| query.href(&[("cursor", cursor)])),
        first: query.one("cursor").map(|_| query.href(&[])),
    })
}

fn choice(value: &str, name: String, chosen: bool) -> Choice {
    Choice { value: value.to_owned(), name, chosen }
}

fn kind_name(kind: AssetKind, lens: &Lens) -> &'static str {
    match kind {
        AssetKind::Website => lens.t("asset.website"),
        AssetKind::NewMedia => lens.t("asset.new_media"),
    }
}

fn line(asset: &AssetOut, lens: &Lens) -> AssetLine {
    let kind = kind_name(asset.kind, lens);
    AssetLine {
        href: href(&asset.code),
        code: asset.code.clone(),
        name: asset.name.clone(),
        kind: asset.platform.map_or_else(|| kind.to_owned(), |platform| platform.name(lens.lang).to_owned()),
        unit: lens.unit(&asset.unit),
        supervising_unit: asset.supervising_unit.as_ref().map(|unit| lens.unit(unit)),
        status: sentence(asset.status.name(lens.lang)),
        contradicts: asset.status.contradicts_acceptance(),
    }
}

fn page(room: &mut Room<'_, '_>, key: &str, to: Option<AssetStatus>, attempt: Option<&Attempt>) -> Outcome<AssetPage> {
    let asset = assets::get(room.read, room.who, key)?;
    let tickets = named_by(room, &asset)?;
    let told = events::of_asset(room.read, room.who, key, &uncounted(EVENTS, None, "web asset events"))?.items;
    let lens = room.lens;
    let keeps = room.who.has_any(&KEEPERS);
    let steps = asset
        .next_statuses
        .iter()
        .filter(|_| keeps)
        .map(|to| Button { name: to.name(lens.lang), href: format!("{}?to={to}#act", href(&asset.code)) });
    // A refused form stays, even where the step is no longer allowed: what was typed must not be lost.
    let to = to.filter(|to| keeps && (attempt.is_some() || asset.next_statuses.contains(to)));
    Ok(AssetPage {
        line: line(&asset, &lens),
        live: asset.live,
        keeps,
        href: asset.address.as_deref().and_then(link),
        facts: facts(&asset, &lens),
        steps: steps.collect(),
        form: to.map(|to| form(&asset, to, attempt, &lens)),
        tickets,
        events: shown(&told, &lens),
        address: asset.address,
    })
}

/// Tickets in sight that are about this asset.
fn named_by(room: &mut Room<'_, '_>, asset: &AssetOut) -> Outcome<Vec<TicketLine>> {
    let search = TicketQuery { asset: vec![asset.id], ..TicketQuery::default() };
    let found = tickets::list(room.read, room.who, &search, &uncounted(TICKETS, None, "web asset tickets"))?;
    let lens = room.lens;
    // A finding with many units names the assets of each.
    let about = found.items.iter().filter(|ticket| ticket.assets.iter().any(|named| named.id == asset.id));
    Ok(about.map(|ticket| TicketLine::of(ticket, &lens)).collect())
}

fn facts(asset: &AssetOut, lens: &Lens) -> Vec<(&'static str, String)> {
    let known = [
        (lens.t("asset.unit"), Some(lens.unit(&asset.unit))),
        (lens.t("asset.supervising_unit"), asset.supervising_unit.as_ref().map(|unit| lens.unit(unit))),
        (lens.t("asset.site_code"), asset.site_code.clone()),
        (lens.t("asset.icp_no"), asset.icp_no.clone()),
        (lens.t("asset.security_filing_no"), asset.security_filing_no.clone()),
        (lens.t("asset.platform"), asset.platform.map(|platform| platform.name(lens.lang).to_owned())),
        (lens.t("asset.platform_id"), asset.platform_id.clone()),
        (lens.t("asset.certified_entity"), asset.certified_entity.clone()),
        (lens.t("asset.opened_on"), asset.opened_on.map(|on| lens.date(on))),
    ];
    known.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

fn form(asset: &AssetOut, to: AssetStatus, attempt: Option<&Attempt>, lens: &Lens) -> FormView {
    let files = FieldView::new(FILES, Input::Files, lens.t("asset.evidence"));
    let files = if to.needs_evidence() { files.hint(lens.t("asset.evidence.hint")) } else { files.optional() };
    let note = FieldView::new("note", Input::Text, lens.t("asset.note")).optional();
    let fields: Vec<FieldView> =
        [FieldView::hidden("to", to.as_str()), note, files].map(|field| field.after(attempt, lens)).into();
    let name = to.name(lens.lang);
    FormView {
        action: format!("{}/transitions", href(&asset.code)),
        title: texts::say_with(lens.lang, "asset.move_to", &[("status", name)]),
        intro: (!to.is_live()).then(|| lens.t("asset.move.end").to_owned()),
        submit: lens.t("asset.move"),
        grave: to.needs_evidence(),
        version: Some(asset.version),
        cancel: href(&asset.code),
        problems: attempt.map(|attempt| attempt.problems(&fields, lens)),
        fields,
    }
}

/// The timeline in words, newest first. Of a change only what has become different is told.
fn shown(events: &[EventOut], lens: &Lens) -> Vec<EventView> {
    let mut before: Option<&Value> = None;
    let mut lines = Vec::with_capacity(events.len());
    for event in events {
        lines.push(told(event, before, lens));
        if event.act != "asset.status_changed" {
            before = event.payload.as_ref();
        }
    }
    lines.reverse();
    lines
}

fn told(event: &EventOut, before: Option<&Value>, lens: &Lens) -> EventView {
    let (title, facts) = match event.act.as_str() {
        "asset.created" => (lens.t("event.asset_created"), differences(event, None, lens)),
        "asset.changed" => (lens.t("event.asset_changed"), differences(event, before, lens)),
        "asset.status_changed" => (lens.t("event.asset_moved"), moved(event, lens)),
        other => (lens.t("event.asset_changed"), vec![Fact { label: lens.t("event.other"), value: other.to_owned() }]),
    };
    let note = event.payload.as_ref().and_then(|payload| payload.get("note")).and_then(Value::as_str);
    EventView {
        seq: event.seq,
        at: lens.moment(event.at),
        who: who(event, lens),
        title: title.to_owned(),
        facts,
        text: note.map(str::to_owned),
        files: event.attachments.iter().map(FileView::from).collect(),
        weight: if event.act == "asset.changed" { Weight::Note } else { Weight::Turn },
        is_progress: false,
    }
}

fn moved(event: &EventOut, lens: &Lens) -> Vec<Fact> {
    let fact = |label: &'static str, field: &str| {
        let word = event.payload.as_ref()?.get(field)?.as_str()?;
        let name = word.parse::<AssetStatus>().map_or_else(|_| word.to_owned(), |one| sentence(one.name(lens.lang)));
        Some(Fact { label, value: name })
    };
    [fact(lens.t("fact.from"), "from"), fact(lens.t("fact.to"), "to")].into_iter().flatten().collect()
}

fn differences(event: &EventOut, before: Option<&Value>, lens: &Lens) -> Vec<Fact> {
    let fields = [
        ("name", lens.t("asset.name")),
        ("address", lens.t("asset.address")),
        ("site_code", lens.t("asset.site_code")),
        ("icp_no", lens.t("asset.icp_no")),
        ("security_filing_no", lens.t("asset.security_filing_no")),
        ("platform", lens.t("asset.platform")),
        ("platform_id", lens.t("asset.platform_id")),
        ("certified_entity", lens.t("asset.certified_entity")),
        ("opened_on", lens.t("asset.opened_on")),
        ("unit_id", lens.t("asset.unit")),
        ("supervising_unit_id", lens.t("asset.supervising_unit")),
    ];
    let Some(payload) = &event.payload else { return Vec::new() };
    let said = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let differs = fields.into_iter().filter_map(|(field, label)| {
        let now = payload.get(field).and_then(said);
        let was = before.and_then(|before| before.get(field)).and_then(said);
        if now == was {
            return None;
        }
        let value = now.map_or_else(|| lens.t("asset.none").to_owned(), |now| in_words(event, field, now, lens));
        Some(Fact { label, value })
    });
    differs.collect()
}

fn in_words(event: &EventOut, field: &str, value: String, lens: &Lens) -> String {
    if field == "platform" {
        return value.parse::<Platform>().map_or(value, |platform| platform.name(lens.lang).to_owned());
    }
    let unit = event.units.iter().find(|unit| unit.id.to_string() == value);
    unit.map_or(value, |unit| lens.unit(unit))
}
