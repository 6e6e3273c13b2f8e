//! Statistics for the office: one period, grouped, each figure with the list of its tickets where there is one.

use crate::domain::actor::Actor;
use crate::domain::id::{FindingId, NoticeId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::statistics::{By, Figures, Histogram, Tally};
use crate::domain::vocabulary::{Role, State};
use crate::queries::names::UnitNames;
use crate::store::notices;
use crate::store::statistics::{self, Grouping, Key, Period, Stretch};
use crate::transaction::{Outcome, Read};
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::{IntoParams, ToSchema};

/// Which tickets, and how they are told apart.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatisticsQuery {
    /// First due date, included; else 1 January of the year of `to`.
    pub from: Option<NaiveDate>,
    /// Last due date, included; else today.
    pub to: Option<NaiveDate>,
    /// Else `unit`: the lead unit.
    pub by: Option<By>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Statistics {
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub by: By,
    pub as_of: Instant,
    /// All rows together.
    pub total: StatisticsRow,
    /// Groups without anything due are left out.
    pub rows: Vec<StatisticsRow>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatisticsRow {
    pub group: Group,
    #[serde(flatten)]
    pub figures: Figures,
    /// By figure, the list of tickets whose `total` it is; of indicators there is none.
    pub links: BTreeMap<&'static str, String>,
}

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Group {
    /// A unit's or notice's code, an indicator, a month as `2026-03`; null of findings without an indicator and of the total.
    #[schema(required = true)]
    pub key: Option<String>,
    pub name: String,
    pub name_en: String,
}

/// The figures of a period.
///
/// # Errors
/// When the reader is not of the office, or the period ends before it begins.
pub fn statistics(read: &mut Read<'_>, actor: &Actor, query: &StatisticsQuery) -> Outcome<Statistics> {
    actor.require(&Role::OFFICE)?;
    let (from, to) = period(read, query)?;
    let by = query.by.unwrap_or(By::Unit);
    let grouping = match by {
        By::Unit => Grouping::Unit,
        By::Indicator => Grouping::Finding,
        By::Notice => Grouping::Notice,
        By::Month => Grouping::DueOn,
    };
    let period = Period { from, to, now: read.now, zone: read.office.zone };
    let tallies = tallies(read, grouping, period)?;
    let names = Names::load(read, tallies.keys())?;
    let mut groups: BTreeMap<Option<String>, (Group, Tally)> = BTreeMap::new();
    let mut total = Tally::default();
    for (key, tally) in tallies {
        total.add(&tally);
        let group = names.group(key);
        groups.entry(group.key.clone()).or_insert_with(|| (group, Tally::default())).1.add(&tally);
    }
    let limit = read.office.review_days;
    let rows = groups.into_values().map(|(group, tally)| {
        let links = narrowed(by, &group, (from, to)).map(|query| links(&query)).unwrap_or_default();
        StatisticsRow { figures: tally.figures(limit), links, group }
    });
    let all = Group { key: None, name: "合计".to_owned(), name_en: "Total".to_owned() };
    Ok(Statistics {
        from,
        to,
        by,
        as_of: read.now,
        rows: rows.collect(),
        total: StatisticsRow {
            group: all,
            figures: total.figures(limit),
            links: links(&format!("due_from={from}&due_to={to}")),
        },
    })
}

fn period(read: &Read<'_>, query: &StatisticsQuery) -> Result<(NaiveDate, NaiveDate), Refusal> {
    let to = query.to.unwrap_or_else(|| {
        let today = read.office.today(read.now);
        query.from.map_or(today, |from| from.max(today))
    });
    let from = query.from.or_else(|| NaiveDate::from_ymd_opt(to.year(), 1, 1)).unwrap_or(to);
    if from > to {
        let fault = Fault::new(Place::Parameter("to".to_owned()), Code::FieldOrder);
        return Err(Refusal::field(fault.with("earlier", from).with("later", to)));
    }
    Ok((from, to))
}

fn tallies(read: &mut Read<'_>, grouping: Grouping, period: Period) -> Outcome<BTreeMap<Key, Tally>> {
    let mut tallies: BTreeMap<Key, Tally> = BTreeMap::new();
    for (key, counts) in statistics::counts(read.conn, grouping, period)? {
        tallies.insert(key, Tally { counts, ..Tally::default() });
    }
    for stretch in [Stretch::ToSubmission, Stretch::ToAcceptance, Stretch::Reviewed, Stretch::Waiting] {
        for days in statistics::stretches(read.conn, grouping, stretch, period)? {
            let tally = tallies.entry(days.key).or_default();
            let took = read.office.calendar.working_days_between(days.from, days.to);
            histogram(tally, stretch).add(took, days.count);
        }
    }
    Ok(tallies)
}

fn histogram(tally: &mut Tally, stretch: Stretch) -> &mut Histogram {
    match stretch {
        Stretch::ToSubmission => &mut tally.to_submission,
        Stretch::ToAcceptance => &mut tally.to_acceptance,
        Stretch::Reviewed => &mut tally.reviewed,
        Stretch::Waiting => &mut tally.waiting,
    }
}

/// What groups are called.
struct Names {
    units: UnitNames,
    notices: HashMap<NoticeId, (String, String)>,
    indicators: HashMap<FindingId, Option<String>>,
}

impl Names {
    fn load<'k>(read: &mut Read<'_>, keys: impl Iterator<Item = &'k Key>) -> Outcome<Self> {
        let (mut unit_ids, mut notice_ids, mut finding_ids) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys {
            match key {
                Key::Unit(id) => unit_ids.push(*id),
                Key::Notice(id) => notice_ids.push(*id),
                Key::Finding(id) => finding_ids.push(*id),
                Key::DueOn(_) => {}
            }
        }
        let mut known = HashMap::new();
        for chunk in notice_ids.chunks(1_000) {
            known.extend(notices::by_ids(read.conn, chunk)?.into_iter().map(|row| (row.id, (row.code, row.title))));
        }
        let mut indicators = HashMap::new();
        for chunk in finding_ids.chunks(1_000) {
            indicators.extend(notices::indicators_of(read.conn, chunk)?);
        }
        Ok(Self { units: UnitNames::load(read, unit_ids.into_iter())?, notices: known, indicators })
    }

    fn group(&self, key: Key) -> Group {
        let same = |key: String, name: String| Group { key: Some(key), name_en: name.clone(), name };
        match key {
            Key::Unit(id) => {
                let unit = self.units.get(id);
                Group { key: Some(unit.code), name: unit.name, name_en: unit.name_en }
            }
            Key::Notice(id) => {
                let (code, title) = self.notices.get(&id).cloned().unwrap_or_default();
                same(code, title)
            }
            Key::Finding(id) => match self.indicators.get(&id).cloned().flatten() {
                Some(indicator) => same(indicator.clone(), indicator),
                None => Group { key: None, name: "未对应指标".to_owned(), name_en: "No indicator".to_owned() },
            },
            Key::DueOn(on) => {
                let month = on.format("%Y-%m").to_string();
                same(month.clone(), month)
            }
        }
    }
}

/// The filter of `GET /tickets` that means this group; none where there is no such filter.
fn narrowed(by: By, group: &Group, (from, to): (NaiveDate, NaiveDate)) -> Option<String> {
    let key = group.key.as_deref()?;
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let due = format!("due_from={from}&due_to={to}");
    match by {
        By::Unit => Some(format!("{due}&lead={}", encoded(key))),
        By::Notice => Some(format!("{due}&notice={}", encoded(key))),
        By::Indicator => None,
        By::Month => {
            let first: NaiveDate = format!("{key}-01").parse().ok()?;
            let last = first.checked_add_months(chrono::Months::new(1))?.pred_opt()?;
            Some(format!("due_from={}&due_to={}", first.max(from), last.min(to)))
        }
    }
}

/// The lists behind the figures of what `query` narrows to.
fn links(query: &str) -> BTreeMap<&'static str, String> {
    let states = |wanted: &dyn Fn(State) -> bool| {
        let named = State::ALL.iter().filter(|state| wanted(**state));
        named.map(|state| ["&state=", state.as_str()].concat()).collect::<String>()
    };
    let counted = states(&|state| state != State::Cancelled);
    let taken_on = states(&|state| !matches!(state, State::Cancelled | State::Issued));
    let narrow = [
        ("due", counted.clone()),
        ("on_time", format!("{counted}&on_time=true")),
        ("late", format!("{counted}&on_time=false")),
        ("open_overdue", "&overdue=true".to_owned()),
        ("returned", format!("{counted}&returned=true")),
        ("failed_again", format!("{counted}&failed_again=true")),
        ("acknowledged", taken_on),
        ("closed", format!("&state={}", State::Closed)),
        ("carried", format!("&state={}", State::Carried)),
    ];
    narrow.into_iter().map(|(figure, rest)| (figure, format!("/api/v1/tickets?{query}{rest}"))).collect()
}
