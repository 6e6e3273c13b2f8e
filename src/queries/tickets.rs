//! The ticket as people and programs see it, alone and in lists: the same row for JSON and pages.

use crate::domain::actor::Actor;
use crate::domain::asset::AssetStatus;
use crate::domain::calendar::start_of_day;
use crate::domain::deadline::{Explanation, Wording};
use crate::domain::id::{AssetId, FindingId, NoticeId, ReminderId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::standing::{days_in_review, first_green_on, standing};
use crate::domain::ticket::{Act, Milestone};
use crate::domain::vocabulary::{AssetKind, Ball, Light, Pending, Severity, State};
use crate::queries::names::{UnitNames, UnitRef, distinct};
use crate::queries::notices::find_in_sight;
use crate::queries::page::{Ask, Slice};
pub use crate::queries::reminders::LastReminder;
use crate::queries::reminders::last_of;
use crate::store::assets::{self, AssetRow};
use crate::store::tickets::{AsOf, Named, TicketFilter, TicketKey, TicketRow, TicketSort};
use crate::store::{milestones, notices, tickets, units};
use crate::text_enum;
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use utoipa::{IntoParams, ToSchema};

/// One finding × one lead unit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TicketOut {
    pub id: TicketId,
    pub reference: String,
    pub title: String,
    /// The finding, verbatim.
    pub text: String,
    pub notice: NoticeRef,
    pub finding: FindingRef,
    /// The lead unit.
    pub unit: UnitRef,
    pub co_units: Vec<UnitRef>,
    pub handler: Option<String>,
    pub severity: Severity,
    pub indicator: Option<String>,
    pub assets: Vec<AssetRef>,
    pub state: State,
    pub ball: Ball,
    pub pending: Option<Pending>,
    pub light: Light,
    pub overdue: bool,
    pub due_on: NaiveDate,
    /// The instant at which it is late.
    pub due_at: Instant,
    pub original_due_on: NaiveDate,
    pub due_version: i32,
    pub provisional: bool,
    pub extensions: i32,
    /// Working days; null once overdue.
    pub days_left: Option<i64>,
    pub calendar_days_left: Option<i64>,
    /// Calendar days, from 1; 0 while not overdue.
    pub days_overdue: i64,
    pub percent: i32,
    pub acknowledged_at: Option<Instant>,
    pub completed_on: Option<NaiveDate>,
    pub submitted_at: Option<Instant>,
    /// Working days for which it has waited for its review; null while it doesn't.
    pub days_in_review: Option<i64>,
    pub accepted_at: Option<Instant>,
    pub look_back_on: Option<NaiveDate>,
    pub verified_at: Option<Instant>,
    pub closed_at: Option<Instant>,
    pub on_time: Option<bool>,
    pub cycle: i32,
    pub failed_again: i32,
    pub recurrence_of: Option<TicketId>,
    /// Of a ticket that is or was carried, in the order in which they were named.
    pub milestones: Vec<Milestone>,
    pub last_progress_at: Option<Instant>,
    pub last_reminder: Option<LastReminder>,
    pub version: i64,
    pub updated_at: Instant,
    /// What the reader may do now.
    pub allowed_actions: Vec<Act>,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NoticeRef {
    pub id: NoticeId,
    pub code: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingRef {
    pub id: FindingId,
    pub code: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AssetRef {
    pub id: AssetId,
    pub code: String,
    pub kind: AssetKind,
    pub name: String,
    pub address: Option<String>,
    pub status: AssetStatus,
}

impl From<&AssetRow> for AssetRef {
    fn from(row: &AssetRow) -> Self {
        Self {
            id: row.id,
            code: row.code.clone(),
            kind: row.kind,
            name: row.name.clone(),
            address: row.address.clone(),
            status: row.status,
        }
    }
}

text_enum! {
    /// How a list of tickets is ordered.
    TicketOrder {
        DueOn = "due_on",
        DueOnDescending = "-due_on",
        UpdatedDescending = "-updated_at",
        Reference = "reference",
        /// Of those that were submitted, the oldest submission first.
        Submitted = "submitted_at",
    }
}

text_enum! {
    /// What waits for somebody's decision beside the state.
    Awaited { Extension = "extension", Objection = "objection", Milestone = "milestone" }
}

impl Awaited {
    /// A request of the unit; a milestone is none.
    const fn request(self) -> Option<Pending> {
        match self {
            Self::Extension => Some(Pending::Extension),
            Self::Objection => Some(Pending::Objection),
            Self::Milestone => None,
        }
    }
}

impl TicketOrder {
    const fn sort(self) -> TicketSort {
        match self {
            Self::DueOn => TicketSort::DueOn,
            Self::DueOnDescending => TicketSort::DueOnDescending,
            Self::UpdatedDescending => TicketSort::UpdatedDescending,
            Self::Reference => TicketSort::Reference,
            Self::Submitted => TicketSort::Submitted,
        }
    }
}

/// What a list of tickets is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// Ids or codes of notices.
    pub notice: Vec<String>,
    /// Ids or codes of units that lead or help.
    pub unit: Vec<String>,
    /// Ids or codes of lead units.
    pub lead: Vec<String>,
    /// Ids or codes of co-units.
    pub co: Vec<String>,
    pub state: Vec<State>,
    pub light: Vec<Light>,
    /// Whose move it is.
    pub ball: Vec<Ball>,
    pub overdue: Option<bool>,
    pub unacknowledged: Option<bool>,
    /// A request, or a milestone reported as reached, that waits for a decision.
    pub pending: Vec<Awaited>,
    /// First due date, included.
    pub due_from: Option<NaiveDate>,
    /// Last due date, included.
    pub due_to: Option<NaiveDate>,
    /// Last day of the look-back, included.
    pub look_back_to: Option<NaiveDate>,
    /// Last day of the newest submission, included.
    pub submitted_to: Option<NaiveDate>,
    /// Was the first complete submission in time? One that is still to come is neither.
    pub on_time: Option<bool>,
    /// Sent back at least once.
    pub returned: Option<bool>,
    /// At least one look-back failed.
    pub failed_again: Option<bool>,
    pub severity: Vec<Severity>,
    /// Ids of assets.
    pub asset: Vec<AssetId>,
    /// Ids or references of tickets: those that repeat one of them.
    pub recurrence_of: Vec<String>,
    /// Part of the reference, the title or the finding's text.
    pub q: Option<String>,
    pub sort: Option<TicketOrder>,
}

/// One page of the tickets in sight.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &TicketQuery, ask: &Ask) -> Outcome<Slice<TicketOut>> {
    let filter = resolved(read, actor, query)?;
    let sort = query.sort.unwrap_or(TicketOrder::DueOn).sort();
    let after: Option<TicketKey> = ask.after()?;
    let as_of = as_of(read);
    let rows = tickets::list(read.conn, &filter, &actor.scope, as_of, sort, after, ask.fetch())?;
    let total = if ask.count { Some(tickets::count(read.conn, &filter, &actor.scope, as_of)?) } else { None };
    let page = ask.slice(rows, total, |row| key_of(row, sort));
    Ok(Slice { items: shown(read, actor, &page.items)?, next: page.next, total: page.total })
}

/// How many tickets in sight fit; the number that `list` would count.
pub fn count(read: &mut Read<'_>, actor: &Actor, query: &TicketQuery) -> Outcome<i64> {
    let filter = resolved(read, actor, query)?;
    let as_of = as_of(read);
    Ok(tickets::count(read.conn, &filter, &actor.scope, as_of)?)
}

/// One ticket in sight, by id or reference.
pub fn get(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<TicketOut> {
    let row = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    shown(read, actor, &[row])?.pop().ok_or_else(|| Refusal::missing().into())
}

/// The rows as they are shown, with what they name, in as few queries as there are kinds of names.
pub fn shown(read: &mut Read<'_>, actor: &Actor, rows: &[TicketRow]) -> Outcome<Vec<TicketOut>> {
    let context = Context::load(read, actor, rows)?;
    Ok(rows.iter().filter_map(|row| context.show(read, actor, row)).collect())
}

/// What a ticket has to do with others: the one that it repeats, and those that repeat it.
#[derive(Debug, Clone, Default)]
pub struct Recurrence {
    pub of: Option<String>,
    pub by: Vec<String>,
}

/// Of a ticket in sight, those in sight, by reference.
pub fn recurrence(read: &mut Read<'_>, actor: &Actor, ticket: &TicketOut) -> Outcome<Recurrence> {
    let of = match ticket.recurrence_of {
        Some(id) => tickets::find(read.conn, &id.to_string(), &actor.scope)?.map(|row| row.reference),
        None => None,
    };
    let by = tickets::recurrences_of(read.conn, ticket.id, &actor.scope)?;
    Ok(Recurrence { of, by: by.into_iter().map(|(_, reference)| reference).collect() })
}

/// Why the due date is what it is, day by day.
pub fn deadline(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Explanation> {
    let row = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let notice = notices::find(read.conn, row.notice_id)?.ok_or_else(Refusal::missing)?;
    let finding = notices::find_finding(read.conn, row.finding_id)?.ok_or_else(Refusal::missing)?;
    let of_notice = row.due_version == 1 && finding.due_on.is_none();
    let wording = Wording { raw: notice.deadline_raw.filter(|_| of_notice), ..Wording::on(row.due_on) };
    let office = &read.office;
    let explanation = wording.explain(office.today(row.due_since), office.zone, &office.calendar);
    Ok(Explanation { at: row.due_at, ..explanation })
}

/// The moments that make "overdue" and "yellow" comparisons.
pub(super) fn as_of(read: &Read<'_>) -> AsOf {
    AsOf { now: read.now, first_green_on: first_green_on(&read.office, read.now) }
}

fn key_of(row: &TicketRow, sort: TicketSort) -> TicketKey {
    match sort {
        TicketSort::DueOn | TicketSort::DueOnDescending => TicketKey::Due(row.due_on, row.id),
        TicketSort::UpdatedDescending => TicketKey::Updated(row.updated_at, row.id),
        TicketSort::Reference => TicketKey::Reference(row.reference.clone()),
        TicketSort::Submitted => TicketKey::Submitted(row.submitted_at.unwrap_or(row.issued_at), row.id),
    }
}

fn resolved(read: &mut Read<'_>, actor: &Actor, query: &TicketQuery) -> Outcome<TicketFilter> {
    let zone = read.office.zone;
    let mut faults = Vec::new();
    let mut notice_ids = Vec::with_capacity(query.notice.len());
    for key in &query.notice {
        match find_in_sight(read, actor, key)? {
            Some(row) => notice_ids.push(row.id),
            None => faults.push(unknown("notice", key)),
        }
    }
    let mut unit_ids = |parameter: &str, keys: &[String]| -> Outcome<Vec<UnitId>> {
        let mut ids = Vec::with_capacity(keys.len());
        for key in keys {
            match units::find_by_key(read.conn, key)? {
                Some(row) => ids.push(row.id),
                None => faults.push(unknown(parameter, key)),
            }
        }
        Ok(ids)
    };
    let filter = TicketFilter {
        notices: notice_ids,
        units: unit_ids("unit", &query.unit)?,
        leads: unit_ids("lead", &query.lead)?,
        cos: unit_ids("co", &query.co)?,
        states: query.state.clone(),
        balls: query.ball.clone(),
        lights: query.light.clone(),
        overdue: query.overdue,
        unacknowledged: query.unacknowledged,
        pending: query.pending.iter().filter_map(|awaited| awaited.request()).collect(),
        milestone_reported: query.pending.contains(&Awaited::Milestone),
        due_from: query.due_from,
        due_to: query.due_to,
        look_back_to: query.look_back_to,
        submitted: query.sort == Some(TicketOrder::Submitted),
        submitted_before: query.submitted_to.map(|on| start_of_day(zone, on.succ_opt().unwrap_or(on))),
        on_time: query.on_time,
        returned: query.returned,
        failed_again: query.failed_again,
        severities: query.severity.clone(),
        assets: query.asset.clone(),
        recurrences_of: Vec::new(),
        text: query.q.as_ref().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
    };
    let mut filter = filter;
    for key in &query.recurrence_of {
        match tickets::find(read.conn, key, &actor.scope)? {
            Some(row) => filter.recurrences_of.push(row.id),
            None => faults.push(unknown("recurrence_of", key)),
        }
    }
    if faults.is_empty() { Ok(filter) } else { Err(Refusal::invalid(faults).into()) }
}

/// A value of a query parameter that names nothing.
pub(super) fn unknown(parameter: &str, value: &str) -> Fault {
    Fault::new(Place::Parameter(parameter.to_owned()), Code::FieldReference).with("value", value)
}

/// What some rows name.
struct Context {
    named: HashMap<TicketId, Named>,
    units: UnitNames,
    co_units: HashMap<TicketId, Vec<UnitId>>,
    assets: assets::Named,
    reminders: HashMap<ReminderId, LastReminder>,
    milestones: HashMap<TicketId, Vec<Milestone>>,
    /// Earlier tickets that these repeat, as far as the reader may know of them.
    in_sight: HashSet<TicketId>,
}

impl Context {
    fn load(read: &mut Read<'_>, actor: &Actor, rows: &[TicketRow]) -> Outcome<Self> {
        let ids: Vec<TicketId> = rows.iter().map(|row| row.id).collect();
        let named = tickets::named(read.conn, &ids)?;
        let mut co_units: HashMap<TicketId, Vec<_>> = HashMap::new();
        for (ticket, unit) in tickets::co_units_of(read.conn, &ids)? {
            co_units.entry(ticket).or_default().push(unit);
        }
        let mut milestones: HashMap<TicketId, Vec<_>> = HashMap::new();
        for (ticket, milestone) in milestones::of_tickets(read.conn, &ids)? {
            milestones.entry(ticket).or_default().push(milestone);
        }
        let finding_ids = distinct(rows.iter().map(|row| row.finding_id));
        let judged = distinct(rows.iter().filter(|row| row.state == State::Submitted).map(|row| row.finding_id));
        let assets = assets::Named::load(read.conn, &finding_ids, &judged)?;
        let earlier: Vec<TicketId> = rows.iter().filter_map(|row| row.recurrence_of).collect();
        let reminder_ids: Vec<ReminderId> = rows.iter().filter_map(|row| row.last_reminder_id).collect();
        Ok(Self {
            reminders: last_of(read, &reminder_ids)?,
            named: named.into_iter().map(|named| (named.ticket_id, named)).collect(),
            units: UnitNames::load(read, co_units.values().flatten().copied())?,
            co_units,
            assets,
            milestones,
            in_sight: tickets::in_sight(read.conn, &earlier, &actor.scope)?.into_iter().collect(),
        })
    }

    fn show(&self, read: &Read<'_>, actor: &Actor, row: &TicketRow) -> Option<TicketOut> {
        let co_units = self.co_units.get(&row.id).cloned().unwrap_or_default();
        let named = self.named.get(&row.id)?;
        let standing = standing(row.state, row.due_on, row.due_at, &read.office, read.now);
        let mut ticket = row.ticket(co_units.clone());
        ticket.milestones = self.milestones.get(&row.id).cloned().unwrap_or_default();
        let units = ticket.units();
        if row.state == State::Submitted {
            ticket.assets = self.assets.facts(&self.assets.guarding(row.finding_id, &units));
        }
        Some(TicketOut {
            id: row.id,
            reference: row.reference.clone(),
            title: row.title.clone(),
            text: named.text.clone(),
            notice: NoticeRef { id: row.notice_id, code: named.notice_code.clone() },
            finding: FindingRef { id: row.finding_id, code: named.finding_code.clone() },
            unit: UnitRef {
                id: row.unit_id,
                code: named.unit_code.clone(),
                name: named.unit_name.clone(),
                name_en: named.unit_name_en.clone(),
            },
            co_units: co_units.iter().map(|unit| self.units.get(*unit)).collect(),
            handler: row.handler.clone(),
            severity: row.severity,
            indicator: named.indicator.clone(),
            // Another unit's are not theirs to see.
            assets: self.assets.of(row.finding_id, &units).into_iter().map(AssetRef::from).collect(),
            state: row.state,
            ball: standing.ball,
            pending: row.pending,
            light: standing.light,
            overdue: standing.overdue,
            due_on: row.due_on,
            due_at: row.due_at,
            original_due_on: row.original_due_on,
            due_version: row.due_version,
            provisional: row.provisional,
            extensions: row.extensions,
            days_left: standing.days_left,
            calendar_days_left: standing.calendar_days_left,
            days_overdue: standing.days_overdue,
            percent: row.percent,
            acknowledged_at: row.acknowledged_at,
            completed_on: row.completed_on,
            submitted_at: row.submitted_at,
            days_in_review: row
                .submitted_at
                .filter(|_| standing.ball == Ball::Coordinator)
                .map(|at| days_in_review(at, &read.office, read.now)),
            accepted_at: row.accepted_at,
            look_back_on: row.look_back_on,
            verified_at: row.verified_at,
            closed_at: row.closed_at,
            on_time: row.on_time,
            cycle: row.cycle,
            failed_again: row.failed_again,
            recurrence_of: row.recurrence_of.filter(|id| self.in_sight.contains(id)),
            last_progress_at: row.last_progress_at,
            last_reminder: row.last_reminder_id.and_then(|id| self.reminders.get(&id).cloned()),
            version: row.version,
            updated_at: row.updated_at,
            allowed_actions: ticket.allowed(actor, &read.office, read.now),
            milestones: ticket.milestones,
        })
    }
}
