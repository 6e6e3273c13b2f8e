//! The first page: for the office the desk, for a unit its work by urgency. Every figure equals the list it leads to.

use crate::actions::clock;
use crate::domain::ticket::Act;
use crate::domain::vocabulary::{Ball, NoticeState, Role, State};
use crate::queries::engine::{self, EngineOut};
use crate::queries::notices::{self, NoticeQuery};
use crate::queries::overview::{self, Counts, Figure, Overview};
use crate::queries::tickets::{self, Awaited, TicketOrder, TicketOut, TicketQuery};
use crate::transaction::Outcome;
use crate::web::acts;
use crate::web::calendar::next_year_missing;
use crate::web::form::Sent;
use crate::web::frame::sees_mail;
use crate::web::lens::{Day, Lens};
use crate::web::picks::{ask, uncounted};
use crate::web::rules::keeps_rules;
use crate::web::texts::say_with;
use crate::web::view::{Button, TicketLine, Waited, act_href, path_segment};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use chrono::TimeDelta;
use serde::Serialize;

/// Lines of a queue on the desk; the rest is behind its link.
const QUEUE: i64 = 8;
const OVERDUE: i64 = 20;
/// Units listed, those with most overdue first.
const UNITS: usize = 50;
/// Lines of a unit's work.
const WORK: i64 = 100;
/// Notices looked through for requirements that a unit has not answered.
const NOTICES: i64 = 50;
/// A planner that says nothing for longer is worth a warning.
const QUIET: TimeDelta = TimeDelta::minutes(5);

#[derive(Debug, Serialize)]
struct DeskPage {
    warnings: Vec<Warning>,
    /// A clock that leapt, and this reader may say that it is right.
    may_accept_clock: bool,
    figures: Vec<FigureView>,
    overdue: Queue,
    queues: Vec<Queue>,
    units: Vec<UnitView>,
    /// Units that are not listed.
    units_more: usize,
    as_of: String,
    /// The coming year's days off are not known yet.
    calendar: Option<String>,
}

/// Something that keeps mails from those who should get them.
#[derive(Debug, Serialize)]
struct Warning {
    text: String,
    /// Where it is looked into.
    href: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct FigureView {
    name: &'static str,
    count: i64,
    href: String,
    /// Something is late or lost.
    alarming: bool,
}

#[derive(Debug, Serialize)]
struct Queue {
    name: &'static str,
    empty: &'static str,
    total: i64,
    href: String,
    lines: Vec<TicketLine>,
    act: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct UnitView {
    name: String,
    open: i64,
    overdue: i64,
    oldest: Option<Day>,
    href: String,
}

#[derive(Debug, Serialize)]
struct WorkPage {
    figures: Vec<FigureView>,
    lines: Vec<WorkLine>,
    total: i64,
    href: &'static str,
    waiting: Queue,
    requirements: Vec<OpenRequirements>,
    handler: String,
}

/// A ticket with the one thing to do next.
#[derive(Debug, Serialize)]
struct WorkLine {
    #[serde(flatten)]
    line: TicketLine,
    next: Option<Button>,
    may_acknowledge: bool,
    may_progress: bool,
    /// Whose percentage it is.
    leads: bool,
}

#[derive(Debug, Serialize)]
struct OpenRequirements {
    title: String,
    open: String,
    deadline: Option<Day>,
    href: String,
    may_answer: bool,
}

/// `GET /`
pub async fn get_desk(visit: Visit) -> HttpResponse {
    let (frame, office) = match visit.look(|room| Ok(room.who.roles.iter().any(|role| role.reads_all()))).await {
        Ok(found) => found,
        Err(failure) => return visit.refused(&failure).await,
    };
    drop(frame);
    let tick = TimeDelta::from_std(visit.state.settings.tick).unwrap_or(QUIET);
    if office {
        visit.page("desk.html", move |room| desk(room, tick)).await
    } else {
        visit.page("my_work.html", work).await
    }
}

/// A list's address among the pages: the same query as over REST.
fn page_href(figure: &Figure) -> String {
    let href = figure.href.trim_start_matches("/api/v1");
    match href.strip_prefix("/messages") {
        Some(query) => format!("/mail{query}"),
        None => href.to_owned(),
    }
}

fn figure(name: &'static str, figure: &Figure, alarming: bool) -> FigureView {
    FigureView { name, count: figure.count, href: page_href(figure), alarming: alarming && figure.count > 0 }
}

fn desk(room: &mut Room<'_, '_>, tick: TimeDelta) -> Outcome<DeskPage> {
    let found = overview::overview(room.read, room.who)?;
    let engine = engine::get(room.read, room.who)?;
    let lens = room.lens;
    let counts = &found.counts;
    let overdue = TicketQuery { overdue: Some(true), ..TicketQuery::default() };
    let overdue =
        queue(room, (lens.t("desk.overdue"), lens.t("desk.overdue.empty")), &overdue, &counts.overdue, OVERDUE)?;
    let units = found.units.iter().filter(|unit| unit.open > 0);
    let units = units.map(|unit| UnitView {
        name: lens.unit(&unit.unit),
        open: unit.open,
        overdue: unit.overdue,
        oldest: unit.oldest_due_on.map(|on| lens.day(on)),
        href: unit.href.trim_start_matches("/api/v1").to_owned(),
    });
    Ok(DeskPage {
        warnings: warnings(&engine, counts, tick, &lens),
        may_accept_clock: engine.clock_hold.is_some() && room.who.has(Role::Admin),
        calendar: next_year_missing(room).filter(|_| keeps_rules(room.who)),
        figures: figures(&found, sees_mail(room.who), &lens),
        units_more: found.units.iter().filter(|unit| unit.open > 0).count().saturating_sub(UNITS),
        units: units.take(UNITS).collect(),
        queues: queues(room, counts)?,
        overdue,
        as_of: lens.moment(found.as_of).text,
    })
}

/// What stands in the way of mails, the gravest first.
fn warnings(engine: &EngineOut, counts: &Counts, tick: TimeDelta, lens: &Lens) -> Vec<Warning> {
    let mut found = Vec::new();
    if let Some(hold) = engine.clock_hold {
        let (trusted, clock) = (lens.moment(hold.trusted).text, lens.moment(hold.found).text);
        let text = say_with(lens.lang, "warning.clock", &[("trusted", &trusted), ("found", &clock)]);
        found.push(Warning { text, href: None });
    }
    if let Some(since) = engine.silent_since(QUIET.max(tick)) {
        let text = say_with(lens.lang, "warning.silent", &[("at", &lens.moment(since).text)]);
        found.push(Warning { text, href: None });
    }
    if let Some(pause) = &engine.pause {
        let since = lens.moment(pause.since).text;
        let text = say_with(lens.lang, "warning.paused", &[("since", &since), ("reason", &pause.reason)]);
        found.push(Warning { text, href: Some("/mail") });
    }
    let lost = counts.undelivered_mail.as_ref().map_or(0, |lost| lost.count);
    if lost > 0 {
        let text = lens.tn("warning.undelivered", lost);
        found.push(Warning { text, href: Some("/mail?state=dead&state=uncertain") });
    }
    found
}

/// `POST /engine/accept-clock`: an admin says that a clock which leapt is right.
pub async fn post_accept_clock(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    match visit.change(&form, |tx, who| clock::accept(tx, who)).await {
        Ok(()) => see_other("/?done=clock_accepted"),
        Err(failure) => visit.refused(&failure).await,
    }
}

fn figures(found: &Overview, mail: bool, lens: &Lens) -> Vec<FigureView> {
    let counts = &found.counts;
    let mut figures = vec![
        figure(lens.t("figure.overdue"), &counts.overdue, true),
        figure(lens.t("figure.due_soon"), &counts.due_soon, false),
        figure(lens.t("figure.to_review"), &counts.to_review, false),
        figure(lens.t("figure.review_late"), &counts.review_late, true),
        figure(lens.t("figure.unacknowledged"), &counts.unacknowledged, false),
        figure(lens.t("figure.extensions"), &counts.extensions_pending, false),
        figure(lens.t("figure.objections"), &counts.objections_pending, false),
        figure(lens.t("figure.milestones"), &counts.milestones_reported, false),
        figure(lens.t("figure.look_backs"), &counts.look_backs_due, false),
    ];
    if let Some(lost) = counts.undelivered_mail.as_ref().filter(|_| mail) {
        figures.push(figure(lens.t("figure.undelivered"), lost, true));
    }
    figures
}

/// Queues of the office that hold something: those that the reader decides first.
fn queues(room: &mut Room<'_, '_>, counts: &Counts) -> Outcome<Vec<Queue>> {
    let lens = room.lens;
    let today = lens.today;
    let mut found: Vec<(bool, Queue)> = Vec::new();
    let mut add = |room: &mut Room<'_, '_>,
                   (name, decider): (&'static str, Role),
                   figure: &Figure,
                   narrow: &dyn Fn(&mut TicketQuery)|
     -> Outcome<()> {
        if figure.count > 0 {
            let mut search = TicketQuery::default();
            narrow(&mut search);
            found.push((!room.who.has(decider), queue(room, (name, ""), &search, figure, QUEUE)?));
        }
        Ok(())
    };
    add(room, (lens.t("desk.to_review"), Role::Coordinator), &counts.to_review, &|search| {
        search.ball = vec![Ball::Coordinator];
        search.sort = Some(TicketOrder::Submitted);
    })?;
    add(room, (lens.t("desk.extensions"), Role::Approver), &counts.extensions_pending, &|search| {
        search.pending = vec![Awaited::Extension];
    })?;
    add(room, (lens.t("desk.objections"), Role::Coordinator), &counts.objections_pending, &|search| {
        search.pending = vec![Awaited::Objection];
    })?;
    add(room, (lens.t("desk.milestones"), Role::Coordinator), &counts.milestones_reported, &|search| {
        search.pending = vec![Awaited::Milestone];
    })?;
    add(room, (lens.t("desk.unacknowledged"), Role::Coordinator), &counts.unacknowledged, &|search| {
        search.unacknowledged = Some(true);
    })?;
    add(room, (lens.t("desk.look_backs"), Role::Coordinator), &counts.look_backs_due, &|search| {
        search.state = vec![State::Accepted];
        search.look_back_to = Some(today);
    })?;
    found.sort_by_key(|(others, _)| *others);
    Ok(found.into_iter().map(|(_, queue)| queue).collect())
}

fn queue(
    room: &mut Room<'_, '_>,
    (name, empty): (&'static str, &'static str),
    search: &TicketQuery,
    figure: &Figure,
    limit: i64,
) -> Outcome<Queue> {
    let slice = tickets::list(room.read, room.who, search, &uncounted(limit, None, "web desk"))?;
    Ok(Queue {
        name,
        empty,
        total: figure.count,
        href: page_href(figure),
        lines: slice.items.iter().map(|ticket| line(room, ticket, search)).collect(),
        act: None,
    })
}

/// A line of a queue; of the reviews with how long each has waited.
fn line(room: &Room<'_, '_>, ticket: &TicketOut, search: &TicketQuery) -> TicketLine {
    let limit = i64::from(room.read.office.review_days);
    let waited = ticket.days_in_review.filter(|_| search.sort == Some(TicketOrder::Submitted)).map(|days| {
        let text = say_with(room.lens.lang, "desk.waited", &[("n", &days.to_string()), ("limit", &limit.to_string())]);
        Waited { text, late: days > limit }
    });
    TicketLine { waited, ..TicketLine::of(ticket, &room.lens) }
}

fn work(room: &mut Room<'_, '_>) -> Outcome<WorkPage> {
    let found = overview::overview(room.read, room.who)?;
    let lens = room.lens;
    let counts = &found.counts;
    let own = TicketQuery { ball: vec![Ball::Unit], ..TicketQuery::default() };
    let slice = tickets::list(room.read, room.who, &own, &ask(WORK, None, "web work"))?;
    let away = TicketQuery { ball: vec![Ball::Coordinator, Ball::Verifier], ..TicketQuery::default() };
    let waiting = tickets::list(room.read, room.who, &away, &ask(QUEUE, None, "web waiting"))?;
    Ok(WorkPage {
        figures: vec![
            figure(lens.t("figure.overdue"), &counts.overdue, true),
            figure(lens.t("figure.due_today"), &counts.due_today, false),
            figure(lens.t("figure.due_soon"), &counts.due_soon, false),
            figure(lens.t("figure.unacknowledged"), &counts.unacknowledged, false),
            figure(lens.t("figure.extensions"), &counts.extensions_pending, false),
            figure(lens.t("figure.objections"), &counts.objections_pending, false),
        ],
        lines: slice.items.iter().map(|ticket| work_line(room, ticket)).collect(),
        total: slice.total.unwrap_or_default(),
        href: "/tickets?ball=unit",
        waiting: Queue {
            name: lens.t("work.waiting"),
            empty: lens.t("work.waiting.empty"),
            total: waiting.total.unwrap_or_default(),
            href: "/tickets?ball=coordinator&ball=verifier".to_owned(),
            lines: waiting.items.iter().map(|ticket| TicketLine::of(ticket, &lens)).collect(),
            act: None,
        },
        requirements: requirements(room)?,
        handler: room.who.name.clone(),
    })
}

fn work_line(room: &Room<'_, '_>, ticket: &TicketOut) -> WorkLine {
    let lens = &room.lens;
    let may = |act: Act| ticket.allowed_actions.contains(&act);
    let next = [Act::Acknowledge, Act::Feedback, Act::Progress].into_iter().find(|act| may(*act));
    WorkLine {
        line: TicketLine::of(ticket, lens),
        next: next.map(|act| Button { name: acts::name(act, lens), href: act_href(&ticket.reference, act) }),
        may_acknowledge: may(Act::Acknowledge),
        may_progress: may(Act::Progress),
        leads: room.who.is_of(ticket.unit.id),
    }
}

/// Notices whose requirements the reader's own unit has not all answered.
fn requirements(room: &mut Room<'_, '_>) -> Outcome<Vec<OpenRequirements>> {
    let Some(unit) = room.who.unit_id else { return Ok(Vec::new()) };
    let search = NoticeQuery { state: vec![NoticeState::Issued] };
    let slice = notices::list(room.read, room.who, &search, &uncounted(NOTICES, None, "web requirements"))?;
    let lens = room.lens;
    let may_answer = room.who.has_any(&[Role::Liaison, Role::Leader]);
    let mut found = Vec::new();
    for notice in slice.items {
        let asked = notices::requirements(room.read, room.who, &notice.code)?;
        let own: Vec<_> = asked.iter().filter(|row| row.unit_ids.contains(&unit)).collect();
        let open = own.iter().filter(|row| !row.answered_unit_ids.contains(&unit)).count();
        if open > 0 {
            found.push(OpenRequirements {
                title: notice.title,
                open: lens.tn("work.requirements.open", i64::try_from(open).unwrap_or_default()),
                deadline: notice.deadline.map(|deadline| lens.day(deadline.on)),
                href: format!("/feedback/new?notice={}", path_segment(&notice.code)),
                may_answer,
            });
        }
    }
    Ok(found)
}
