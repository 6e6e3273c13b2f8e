//! The list of tickets: filters, sorting, paging; the same parameters as over REST, so that a figure's link fits both.

use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::{Ball, Light, Severity, State};
use crate::queries::tickets::{self, Awaited, TicketOrder, TicketQuery};
use crate::transaction::Outcome;
use crate::web::lens::Lens;
use crate::web::picks::{self, ask};
use crate::web::view::{Choice, TicketLine, light_name, sentence};
use crate::web::visit::{Room, Visit};
use actix_web::HttpResponse;
use serde::Serialize;
use std::str::FromStr;

const LIMIT: i64 = 50;
/// Units in one select box.
const UNITS_MAX: usize = 300;

#[derive(Debug, Serialize)]
struct TicketsPage {
    total: i64,
    lines: Vec<TicketLine>,
    filters: Filters,
    /// What narrows the list, each with the address of the list without it.
    chips: Vec<Chip>,
    /// Parameters that the filter's form has no field for.
    kept: Vec<(String, String)>,
    heads: Vec<Head>,
    next: Option<String>,
    /// The first page, where this is a later one.
    first: Option<String>,
}

#[derive(Debug, Serialize)]
struct Filters {
    q: String,
    notices: Vec<Choice>,
    units: Vec<Choice>,
    /// Typed by code, where there are too many to choose from.
    unit: Option<String>,
    states: Vec<Choice>,
    lights: Vec<Choice>,
    severities: Vec<Choice>,
    due_from: String,
    due_to: String,
    /// Are the lesser filters in use?
    open: bool,
}

#[derive(Debug, Serialize)]
struct Chip {
    text: String,
    href: String,
}

/// A column that the list can be sorted by.
#[derive(Debug, Serialize)]
struct Head {
    name: &'static str,
    href: Option<String>,
    /// `ascending` or `descending`, where the list is sorted by it.
    sorted: Option<&'static str>,
}

/// `GET /tickets`
pub async fn get_tickets(visit: Visit) -> HttpResponse {
    let query = Query(visit.query.clone());
    visit.page("tickets.html", move |room| page(room, &query)).await
}

/// The parameters as they came.
struct Query(Vec<(String, String)>);

/// Parameters of the list; others are the frame's own.
const KNOWN: [&str; 23] = [
    "submitted_to",
    "on_time",
    "returned",
    "failed_again",
    "recurrence_of",
    "notice",
    "unit",
    "lead",
    "co",
    "state",
    "light",
    "ball",
    "overdue",
    "unacknowledged",
    "pending",
    "due_from",
    "due_to",
    "look_back_to",
    "severity",
    "asset",
    "q",
    "sort",
    "cursor",
];
/// Parameters that the filter's form has fields for.
const FIELDS: [&str; 8] = ["notice", "unit", "state", "light", "severity", "due_from", "due_to", "q"];

impl Query {
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = move |(held, _): &&(String, String)| held == name;
        self.0.iter().filter(of_name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    fn owned(&self, name: &str) -> Vec<String> {
        self.all(name).map(str::to_owned).collect()
    }

    /// Its pairs that narrow or sort the list, without blanks.
    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let known = |(name, value): &(&str, &str)| KNOWN.contains(name) && !value.trim().is_empty();
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(known)
    }

    /// The list's address with these pairs.
    fn href<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        if query.is_empty() { "/tickets".to_owned() } else { format!("/tickets?{query}") }
    }

    fn search(&self) -> Result<TicketQuery, Refusal> {
        let mut faults = Vec::new();
        let search = TicketQuery {
            notice: self.owned("notice"),
            unit: self.owned("unit"),
            lead: self.owned("lead"),
            co: self.owned("co"),
            state: self.words("state", &mut faults),
            light: self.words("light", &mut faults),
            ball: self.words("ball", &mut faults),
            overdue: self.word("overdue", &mut faults),
            unacknowledged: self.word("unacknowledged", &mut faults),
            pending: self.words("pending", &mut faults),
            due_from: self.word("due_from", &mut faults),
            due_to: self.word("due_to", &mut faults),
            look_back_to: self.word("look_back_to", &mut faults),
            submitted_to: self.word("submitted_to", &mut faults),
            on_time: self.word("on_time", &mut faults),
            returned: self.word("returned", &mut faults),
            failed_again: self.word("failed_again", &mut faults),
            recurrence_of: self.owned("recurrence_of"),
            severity: self.words("severity", &mut faults),
            asset: self.words("asset", &mut faults),
            q: self.one("q").map(|text| text.replace('\0', "")),
            sort: self.word::<TicketOrder>("sort", &mut faults),
        };
        if faults.is_empty() { Ok(search) } else { Err(Refusal::invalid(faults)) }
    }

    fn words<T: FromStr>(&self, name: &str, faults: &mut Vec<Fault>) -> Vec<T> {
        let mut found = Vec::new();
        for value in self.all(name) {
            match value.parse() {
                Ok(word) => found.push(word),
                Err(_) => faults.push(wrong(name)),
            }
        }
        found
    }

    fn word<T: FromStr>(&self, name: &str, faults: &mut Vec<Fault>) -> Option<T> {
        self.words(name, faults).into_iter().next()
    }
}

fn wrong(name: &str) -> Fault {
    Fault::new(Place::Parameter(name.to_owned()), Code::FieldReference).with("value", name)
}

fn page(room: &mut Room<'_, '_>, query: &Query) -> Outcome<TicketsPage> {
    let search = query.search()?;
    let mut filter: Vec<_> = query.pairs().filter(|(name, _)| *name != "cursor").collect();
    filter.sort_unstable();
    let fingerprint = format!("web tickets {filter:?}");
    let cursor = query.one("cursor").map(str::to_owned);
    let slice = tickets::list(room.read, room.who, &search, &ask(LIMIT, cursor, &fingerprint))?;
    let lens = room.lens;
    let without_cursor = || query.pairs().filter(|(name, _)| *name != "cursor");
    let next = slice.next.as_deref().map(|cursor| Query::href(without_cursor().chain([("cursor", cursor)])));
    let unfielded = query.pairs().filter(|(name, _)| !FIELDS.contains(name) && *name != "cursor");
    let filters = filters(room, query, &search)?;
    Ok(TicketsPage {
        total: slice.total.unwrap_or_default(),
        lines: slice.items.iter().map(|ticket| TicketLine::of(ticket, &lens)).collect(),
        chips: chips(query, &filters, &lens),
        kept: unfielded.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        heads: heads(query, &lens),
        next,
        first: query.one("cursor").map(|_| Query::href(without_cursor())),
        filters,
    })
}

fn filters(room: &mut Room<'_, '_>, query: &Query, search: &TicketQuery) -> Outcome<Filters> {
    let notices = picks::notices(room)?;
    let units = picks::units_in_sight(room)?;
    let lens = room.lens;
    let pick = |choices: Vec<(String, String)>, name: &str| {
        let chosen = query.one(name).unwrap_or_default().to_owned();
        let choice = move |(value, name): (String, String)| Choice { chosen: value == chosen, value, name };
        choices.into_iter().map(choice).collect::<Vec<Choice>>()
    };
    let state = |state: &State| choice(state.as_str(), sentence(state.name(lens.lang)), search.state.contains(state));
    let light = |light: &Light| choice(light.as_str(), light_name(*light, &lens), search.light.contains(light));
    let severity = |severity: &Severity| {
        choice(severity.as_str(), severity_name(*severity, &lens).to_owned(), search.severity.contains(severity))
    };
    Ok(Filters {
        q: query.one("q").unwrap_or_default().to_owned(),
        notices: pick(notices, "notice"),
        unit: (units.len() > UNITS_MAX).then(|| query.one("unit").unwrap_or_default().to_owned()),
        units: if units.len() > UNITS_MAX { Vec::new() } else { pick(units, "unit") },
        states: State::ALL.iter().map(state).collect(),
        lights: Light::ALL.iter().map(light).collect(),
        severities: Severity::ALL.iter().map(severity).collect(),
        due_from: query.one("due_from").unwrap_or_default().to_owned(),
        due_to: query.one("due_to").unwrap_or_default().to_owned(),
        open: ["state", "light", "severity", "due_from", "due_to"].iter().any(|name| query.one(name).is_some()),
    })
}

fn choice(value: &str, name: String, chosen: bool) -> Choice {
    Choice { value: value.to_owned(), name, chosen }
}

fn severity_name(severity: Severity, lens: &Lens) -> &'static str {
    match severity {
        Severity::Prominent => lens.t("severity.prominent"),
        Severity::General => lens.t("severity.general"),
    }
}

fn chips(query: &Query, filters: &Filters, lens: &Lens) -> Vec<Chip> {
    let mut chips = Vec::new();
    let pairs: Vec<(&str, &str)> = query.pairs().filter(|(name, _)| *name != "cursor").collect();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let Some(text) = chip(name, value, filters, lens) else { continue };
        let others = pairs.iter().enumerate().filter(|(held, _)| *held != index).map(|(_, pair)| *pair);
        chips.push(Chip { text, href: Query::href(others) });
    }
    chips
}

/// What a parameter narrows the list to, in words; none for the order.
fn chip(name: &str, value: &str, filters: &Filters, lens: &Lens) -> Option<String> {
    let named = |choices: &[Choice]| {
        choices
            .iter()
            .find(|choice| choice.value == value)
            .map_or_else(|| value.to_owned(), |choice| choice.name.clone())
    };
    let labelled = |label: &str, value: String| format!("{label}{}{value}", lens.lang.pick("：", ": "));
    let day = || value.parse().map_or_else(|_| value.to_owned(), |on| lens.date(on));
    let is = value == "true";
    Some(match name {
        "q" => labelled(lens.t("filter.q"), value.to_owned()),
        "notice" => labelled(lens.t("filter.notice"), named(&filters.notices)),
        "unit" => labelled(lens.t("filter.unit"), named(&filters.units)),
        "lead" => labelled(lens.t("filter.lead"), named(&filters.units)),
        "co" => labelled(lens.t("filter.co"), named(&filters.units)),
        "state" => named(&filters.states),
        "light" => named(&filters.lights),
        "severity" => named(&filters.severities),
        "ball" => match value.parse().ok()? {
            Ball::Unit => lens.t("ball.unit"),
            Ball::Coordinator => lens.t("ball.coordinator"),
            Ball::Verifier => lens.t("ball.verifier"),
            Ball::None => lens.t("ball.none"),
        }
        .to_owned(),
        "pending" => match value.parse().ok()? {
            Awaited::Extension => lens.t("pending.extension"),
            Awaited::Objection => lens.t("pending.objection"),
            Awaited::Milestone => lens.t("pending.milestone"),
        }
        .to_owned(),
        "overdue" => (if is { lens.t("filter.overdue") } else { lens.t("filter.not_overdue") }).to_owned(),
        "unacknowledged" => {
            (if is { lens.t("filter.unacknowledged") } else { lens.t("filter.acknowledged") }).to_owned()
        }
        "due_from" => labelled(lens.t("filter.due_from"), day()),
        "due_to" => labelled(lens.t("filter.due_to"), day()),
        "look_back_to" => labelled(lens.t("filter.look_back_to"), day()),
        "submitted_to" => labelled(lens.t("filter.submitted_to"), day()),
        "on_time" => (if is { lens.t("filter.on_time") } else { lens.t("filter.late") }).to_owned(),
        "returned" => (if is { lens.t("filter.returned") } else { lens.t("filter.not_returned") }).to_owned(),
        "failed_again" => {
            (if is { lens.t("filter.failed_again") } else { lens.t("filter.not_failed_again") }).to_owned()
        }
        "recurrence_of" => labelled(lens.t("ticket.recurrence_of"), value.to_owned()),
        "asset" => labelled(lens.t("filter.asset"), value.to_owned()),
        _ => return None,
    })
}

fn heads(query: &Query, lens: &Lens) -> Vec<Head> {
    let sort = query.one("sort").unwrap_or("due_on");
    let by = |wanted: &str| {
        let rest = query.pairs().filter(|(name, _)| *name != "cursor" && *name != "sort");
        let order = (wanted != "due_on").then_some(("sort", wanted));
        Some(Query::href(rest.chain(order)))
    };
    let plain = |name| Head { name, href: None, sorted: None };
    let due = match sort {
        "due_on" => Head { name: lens.t("head.due"), href: by("-due_on"), sorted: Some("ascending") },
        "-due_on" => Head { name: lens.t("head.due"), href: by("due_on"), sorted: Some("descending") },
        _ => Head { name: lens.t("head.due"), href: by("due_on"), sorted: None },
    };
    vec![
        Head {
            name: lens.t("head.ticket"),
            href: by("reference"),
            sorted: (sort == "reference").then_some("ascending"),
        },
        plain(lens.t("head.unit")),
        plain(lens.t("head.state")),
        due,
        plain(lens.t("head.light")),
        plain(lens.t("head.percent")),
        plain(lens.t("head.handler")),
    ]
}
