//! The desk: how much of what there is, each figure with the list behind it.

use crate::domain::actor::{Actor, Scope};
use crate::domain::calendar::start_of_day;
use crate::domain::instant::Instant;
use crate::domain::reminder::MessageState;
use crate::domain::standing::review_late_to;
use crate::domain::vocabulary::{Ball, Light, Pending, State};
use crate::queries::names::{UnitNames, UnitRef};
use crate::queries::tickets::as_of;
use crate::store::outbox::MessageFilter;
use crate::store::tickets::TicketFilter;
use crate::store::{outbox, tickets};
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A figure and the list whose `total` it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Figure {
    pub count: i64,
    pub href: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Counts {
    pub overdue: Figure,
    /// Yellow: few working days left.
    pub due_soon: Figure,
    pub due_today: Figure,
    pub unacknowledged: Figure,
    pub to_review: Figure,
    /// Of these, what has waited for longer than `office.review_days` working days.
    pub review_late: Figure,
    pub look_backs_due: Figure,
    pub extensions_pending: Figure,
    pub objections_pending: Figure,
    /// Milestones of carried tickets that are reported as reached and not decided.
    pub milestones_reported: Figure,
    /// Mails that did not arrive; the office's only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undelivered_mail: Option<Figure>,
}

/// What lies with one unit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnitFigures {
    pub unit: UnitRef,
    pub open: i64,
    pub overdue: i64,
    pub oldest_due_on: Option<NaiveDate>,
    pub href: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Overview {
    pub as_of: Instant,
    pub counts: Counts,
    pub by_state: BTreeMap<State, Figure>,
    pub by_light: BTreeMap<Light, Figure>,
    pub units: Vec<UnitFigures>,
}

/// Message states that mean a mail did not arrive.
pub const UNDELIVERED: [MessageState; 2] = outbox::UNDELIVERED;

/// The figures of everything in the actor's sight.
pub fn overview(read: &mut Read<'_>, actor: &Actor) -> Outcome<Overview> {
    let today = read.office.today(read.now);
    let (zone, late_to) = (read.office.zone, review_late_to(&read.office, read.now));
    let mut figure = |filter: TicketFilter, query: &str| figure(read, &actor.scope, &filter, query);
    let counts = Counts {
        overdue: figure(TicketFilter { overdue: Some(true), ..TicketFilter::default() }, "overdue=true")?,
        due_soon: figure(TicketFilter { lights: vec![Light::Yellow], ..TicketFilter::default() }, "light=yellow")?,
        due_today: figure(
            TicketFilter {
                balls: vec![Ball::Unit],
                overdue: Some(false),
                due_from: Some(today),
                due_to: Some(today),
                ..TicketFilter::default()
            },
            &format!("ball=unit&overdue=false&due_from={today}&due_to={today}"),
        )?,
        unacknowledged: figure(
            TicketFilter { unacknowledged: Some(true), ..TicketFilter::default() },
            "unacknowledged=true",
        )?,
        to_review: figure(
            TicketFilter { balls: vec![Ball::Coordinator], ..TicketFilter::default() },
            "ball=coordinator",
        )?,
        review_late: figure(
            TicketFilter {
                balls: vec![Ball::Coordinator],
                submitted_before: Some(start_of_day(zone, late_to.succ_opt().unwrap_or(late_to))),
                ..TicketFilter::default()
            },
            &format!("ball=coordinator&submitted_to={late_to}"),
        )?,
        look_backs_due: figure(
            TicketFilter { states: vec![State::Accepted], look_back_to: Some(today), ..TicketFilter::default() },
            &format!("state=accepted&look_back_to={today}"),
        )?,
        extensions_pending: figure(
            TicketFilter { pending: vec![Pending::Extension], ..TicketFilter::default() },
            "pending=extension",
        )?,
        objections_pending: figure(
            TicketFilter { pending: vec![Pending::Objection], ..TicketFilter::default() },
            "pending=objection",
        )?,
        milestones_reported: figure(
            TicketFilter { milestone_reported: true, ..TicketFilter::default() },
            "pending=milestone",
        )?,
        undelivered_mail: None,
    };
    let mut by_light = BTreeMap::new();
    for light in Light::ALL {
        let filter = TicketFilter { lights: vec![*light], ..TicketFilter::default() };
        by_light.insert(*light, figure(filter, &format!("light={light}"))?);
    }
    Ok(Overview {
        as_of: read.now,
        counts: Counts { undelivered_mail: undelivered(read, actor)?, ..counts },
        by_state: by_state(read, actor)?,
        by_light,
        units: by_unit(read, actor)?,
    })
}

fn figure(read: &mut Read<'_>, scope: &Scope, filter: &TicketFilter, query: &str) -> Outcome<Figure> {
    let as_of = as_of(read);
    Ok(Figure { count: tickets::count(read.conn, filter, scope, as_of)?, href: format!("/api/v1/tickets?{query}") })
}

fn undelivered(read: &mut Read<'_>, actor: &Actor) -> Outcome<Option<Figure>> {
    if actor.scope != Scope::All {
        return Ok(None);
    }
    let query: Vec<String> = UNDELIVERED.iter().map(|state| format!("state={state}")).collect();
    let filter = MessageFilter { states: UNDELIVERED.to_vec(), ..MessageFilter::default() };
    let count = outbox::count(read.conn, &filter)?;
    Ok(Some(Figure { count, href: format!("/api/v1/messages?{}", query.join("&")) }))
}

fn by_state(read: &mut Read<'_>, actor: &Actor) -> Outcome<BTreeMap<State, Figure>> {
    let counted = tickets::by_state(read.conn, &actor.scope)?;
    let figures = State::ALL.iter().map(|state| {
        let count = counted.iter().find(|(held, _)| held == state).map_or(0, |(_, count)| *count);
        (*state, Figure { count, href: format!("/api/v1/tickets?state={state}") })
    });
    Ok(figures.collect())
}

/// Units with most overdue first.
fn by_unit(read: &mut Read<'_>, actor: &Actor) -> Outcome<Vec<UnitFigures>> {
    let mut loads = tickets::by_unit(read.conn, &actor.scope, read.now)?;
    loads.sort_by_key(|load| (-load.overdue, load.oldest_due_on, load.unit_id));
    let names = UnitNames::load(read, loads.iter().map(|load| load.unit_id))?;
    let open = State::ALL.iter().filter(|state| state.is_open()).map(|state| format!("state={state}"));
    let open = open.collect::<Vec<_>>().join("&");
    let figures = loads.into_iter().map(|load| {
        let unit = names.get(load.unit_id);
        UnitFigures {
            href: format!("/api/v1/tickets?lead={}&{open}", unit.code),
            unit,
            open: load.open,
            overdue: load.overdue,
            oldest_due_on: load.oldest_due_on,
        }
    });
    Ok(figures.collect())
}
