//! Notices: the list; one with its annexes, findings and requirements; what issuing it would make, and issuing it.

use crate::actions::issue::{self, Issued};
use crate::actions::late_units::{self, LateUnits};
use crate::actions::notices as acts;
use crate::domain::id::{FindingId, UnitId};
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::ticket::Ticket;
use crate::domain::vocabulary::{AssetKind, LookBackPolicy, NoticeState, Role, Severity};
use crate::http::problem;
use crate::queries::notices::{self, Coverage, CoverageTotal, FindingOut, NoticeOut, NoticeQuery, RequirementOut};
use crate::queries::tickets::{self, TicketQuery};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, Problems};
use crate::web::form::{Form, Sent};
use crate::web::lens::{Day, Lens, Moment};
use crate::web::picks::{self, ask};
use crate::web::view::{self, path_segment};
use crate::web::visit::{Room, Visit, encoded, see_other};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use std::collections::HashMap;

const LIMIT: i64 = 50;

#[derive(Debug, Serialize)]
struct NoticesPage {
    total: i64,
    notices: Vec<NoticeLine>,
    next: Option<String>,
    first: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct NoticeLine {
    code: String,
    title: String,
    href: String,
    state: &'static str,
    draft: bool,
    deadline: Option<Day>,
    issued_at: Option<Moment>,
    tickets: i64,
}

#[derive(Debug, Serialize)]
struct NoticePage {
    line: NoticeLine,
    version: i64,
    facts: Vec<(&'static str, String)>,
    /// Tickets by light: name, count, list.
    lights: Vec<(String, i64, String)>,
    annexes: Vec<Annex>,
    findings: Vec<FindingView>,
    /// What is asked of the reader's own unit.
    own: Vec<OwnRequirement>,
    matrix: Option<Matrix>,
    /// Units that may be added to open-ended findings, by those who may.
    late: Vec<(String, String)>,
    may_issue: bool,
    may_close: bool,
    may_answer: bool,
    problems: Option<Problems>,
}

/// One annex: figures as printed, the share recomputed.
#[derive(Debug, Serialize)]
struct Annex {
    name: &'static str,
    rows: Vec<AnnexRow>,
    total: AnnexRow,
}

#[derive(Debug, Serialize)]
struct AnnexRow {
    unit: String,
    in_operation: i64,
    checked: i64,
    prominent: i64,
    printed: Option<String>,
    share: String,
    /// The printed share is not what the figures give.
    differs: bool,
}

#[derive(Debug, Serialize)]
struct FindingView {
    id: FindingId,
    version: i64,
    code: String,
    title: String,
    text: String,
    prominent: bool,
    units: String,
    co_units: String,
    assets: Vec<String>,
    indicator: Option<String>,
    due: Option<Day>,
    open_ended: bool,
    rectified: bool,
    /// The earlier finding that this one repeats: its name, its notice.
    repeats: Option<(String, String)>,
    href: String,
}

#[derive(Debug, Serialize)]
struct OwnRequirement {
    code: String,
    text: String,
    answered: bool,
    /// The letter that holds the answer.
    href: Option<String>,
}

/// Units × requirements: who has answered.
#[derive(Debug, Serialize)]
struct Matrix {
    requirements: Vec<(String, String)>,
    rows: Vec<MatrixRow>,
    open: String,
}

#[derive(Debug, Serialize)]
struct MatrixRow {
    unit: String,
    /// Each with the letter that holds the answer.
    cells: Vec<(Cell, Option<String>)>,
    open: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Cell {
    NotAsked,
    Open,
    Answered,
}

#[derive(Debug, Serialize)]
struct IssuePage {
    line: NoticeLine,
    /// Where it is confirmed, and what the form says besides.
    action: String,
    fields: Vec<(&'static str, String)>,
    warnings: Vec<String>,
    tickets: Vec<PlannedLine>,
    units: usize,
}

/// A ticket that issuing would make.
#[derive(Debug, Serialize)]
struct PlannedLine {
    reference: String,
    title: String,
    unit: String,
    due: Day,
}

/// `GET /notices`
pub async fn get_notices(visit: Visit) -> HttpResponse {
    let cursor = visit.asked("cursor").map(str::to_owned);
    visit.page("notices.html", move |room| list(room, cursor)).await
}

fn list(room: &mut Room<'_, '_>, cursor: Option<String>) -> Outcome<NoticesPage> {
    let first = cursor.as_ref().map(|_| "/notices");
    let ask = ask(LIMIT, cursor, "web notices page");
    let slice = notices::list(room.read, room.who, &NoticeQuery::default(), &ask)?;
    Ok(NoticesPage {
        total: slice.total.unwrap_or_default(),
        notices: slice.items.iter().map(|notice| line(notice, &room.lens)).collect(),
        next: slice.next.map(|cursor| format!("/notices?cursor={}", encoded(&cursor))),
        first,
    })
}

fn line(notice: &NoticeOut, lens: &Lens) -> NoticeLine {
    NoticeLine {
        code: notice.code.clone(),
        title: notice.title.clone(),
        href: format!("/notices/{}", path_segment(&notice.code)),
        state: match notice.state {
            NoticeState::Draft => lens.t("notice.draft"),
            NoticeState::Issued => lens.t("notice.issued"),
            NoticeState::Closed => lens.t("notice.closed"),
        },
        draft: notice.state == NoticeState::Draft,
        deadline: notice.deadline.as_ref().map(|deadline| lens.day(deadline.on)),
        issued_at: notice.issued_at.map(|at| lens.moment(at)),
        tickets: notice.ticket_count,
    }
}

/// `GET /notices/{code}`
pub async fn get_notice(visit: Visit, code: web::Path<String>) -> HttpResponse {
    let code = code.into_inner();
    visit.page("notice.html", move |room| page(room, &code, None)).await
}

/// `GET /notices/{code}/issue`, `/close`: where a reload leads.
pub async fn get_act(code: web::Path<String>) -> HttpResponse {
    see_other(&format!("/notices/{}", path_segment(&code)))
}

/// `POST /notices/{code}/issue`: what it would make; with `step=issue` it makes it.
pub async fn post_issue(visit: Visit, code: web::Path<String>, sent: Sent) -> HttpResponse {
    let code = code.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let (version, key) = (form.version(), code.clone());
    if form.text("step") == "issue" {
        let issued = visit.change(&form, move |tx, who| issue::issue(tx, who, &key, version).map(|_| ())).await;
        return match issued {
            Ok(()) => see_other(&format!("/notices/{}?done=issued", path_segment(&code))),
            Err(failure) => refused(visit, code, form, failure).await,
        };
    }
    match visit.change(&form, move |tx, who| issue::rehearse(tx, who, &key, version)).await {
        Ok(issued) => {
            let fields = version.map(|version| ("version", version.to_string())).into_iter().collect();
            let action = format!("/notices/{}/issue", path_segment(&code));
            visit.page("issue.html", move |room| preview(room, &code, &issued, (action, fields))).await
        }
        Err(failure) => refused(visit, code, form, failure).await,
    }
}

/// `POST /notices/{code}/units`: what adding units to an open-ended finding would make; with `step=issue` it makes it.
pub async fn post_units(visit: Visit, code: web::Path<String>, sent: Sent) -> HttpResponse {
    let code = code.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let (finding, late) = match late(&form) {
        Ok(read) => read,
        Err(refusal) => {
            // Nobody else hears what is wrong with it.
            return match visit.look(|room| Ok(room.who.require(&[Role::Coordinator])?)).await {
                Ok(_) => refused(visit, code, form, refusal.into()).await,
                Err(failure) => refused(visit, code, form, failure).await,
            };
        }
    };
    let (version, given) = (form.version(), late.clone());
    if form.text("step") == "issue" {
        let made = visit.change(&form, move |tx, who| late_units::add(tx, who, finding, version, &given).map(|_| ()));
        return match made.await {
            Ok(()) => see_other(&format!("/notices/{}?done=units_added", path_segment(&code))),
            Err(failure) => refused(visit, code, form, failure).await,
        };
    }
    match visit.change(&form, move |tx, who| late_units::rehearse(tx, who, finding, version, &given)).await {
        Ok(issued) => {
            let action = format!("/notices/{}/units", path_segment(&code));
            let said = late.units.into_iter().map(|unit| ("unit_ids", unit));
            let said = said.chain(late.due_on.map(|on| ("due_on", on.to_string())));
            let said = said.chain(version.map(|version| ("version", version.to_string())));
            let fields = said.chain([("finding", finding.to_string())]).collect();
            visit.page("issue.html", move |room| preview(room, &code, &issued, (action, fields))).await
        }
        Err(failure) => refused(visit, code, form, failure).await,
    }
}

/// The finding, and who is added to it.
fn late(form: &Form) -> Result<(FindingId, LateUnits), Refusal> {
    let finding = form.text("finding").parse().map_err(|_not_an_id| Refusal::missing())?;
    let mut faults = Vec::new();
    let due_on = form.date("due_on", &mut faults);
    let units: Vec<String> = form.all("unit_ids").filter(|unit| !unit.is_empty()).map(str::to_owned).collect();
    if units.is_empty() {
        faults.push(Fault::at("/unit_ids", Code::FieldRequired));
    }
    if faults.is_empty() { Ok((finding, LateUnits { units, due_on })) } else { Err(Refusal::invalid(faults)) }
}

/// `POST /notices/{code}/close`
pub async fn post_close(visit: Visit, code: web::Path<String>, sent: Sent) -> HttpResponse {
    let code = code.into_inner();
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let (version, key) = (form.version(), code.clone());
    match visit.change(&form, move |tx, who| acts::close(tx, who, &key, version)).await {
        Ok(_) => see_other(&format!("/notices/{}?done=closed", path_segment(&code))),
        Err(failure) => refused(visit, code, form, failure).await,
    }
}

/// The notice again, with what stands in the way.
async fn refused(visit: Visit, code: String, form: Form, failure: Failure) -> HttpResponse {
    let refusal = problem::told(&failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "notice.html", move |room| page(room, &code, Some(&attempt))).await
}

fn preview(
    room: &mut Room<'_, '_>,
    code: &str,
    issued: &Issued,
    (action, fields): (String, Vec<(&'static str, String)>),
) -> Outcome<IssuePage> {
    let planned: &[Ticket] = &issued.tickets;
    let notice = notices::get(room.read, room.who, code)?;
    let findings = notices::findings(room.read, room.who, code)?;
    let names = picks::unit_names(room)?;
    let lens = room.lens;
    let name = |unit: UnitId| names.get(&unit).cloned().unwrap_or_default();
    let title = |id: FindingId| {
        let finding = findings.iter().find(|finding| finding.id == id);
        finding.map(|finding| finding.title.clone()).unwrap_or_default()
    };
    let mut units: Vec<UnitId> = planned.iter().map(|ticket| ticket.unit_id).collect();
    units.sort();
    units.dedup();
    Ok(IssuePage {
        line: line(&notice, &lens),
        action,
        fields,
        warnings: issued.warnings.iter().map(|fault| fault.detail(lens.lang)).collect(),
        tickets: planned
            .iter()
            .map(|ticket| PlannedLine {
                reference: ticket.reference.clone(),
                title: title(ticket.finding_id),
                unit: name(ticket.unit_id),
                due: lens.day(ticket.due.on),
            })
            .collect(),
        units: units.len(),
    })
}

fn page(room: &mut Room<'_, '_>, code: &str, attempt: Option<&Attempt>) -> Outcome<NoticePage> {
    let notice = notices::get(room.read, room.who, code)?;
    let office = room.who.roles.iter().any(|role| role.reads_all());
    let coverage = if office { Some(notices::coverage(room.read, room.who, code)?) } else { None };
    let findings = notices::findings(room.read, room.who, code)?;
    let requirements = notices::requirements(room.read, room.who, code)?;
    let lights = lights(room, &notice)?;
    let adds = notice.state == NoticeState::Issued
        && room.who.has(Role::Coordinator)
        && findings.iter().any(|finding| finding.open_ended);
    let late = if adds { picks::units(room)? } else { Vec::new() };
    let lens = room.lens;
    let who = room.who;
    let coordinator = who.has(Role::Coordinator);
    let own = who.unit_id.filter(|_| !office);
    let own = own.map_or_else(Vec::new, |unit| own_requirements(&requirements, unit));
    let open_to_answer = notice.state == NoticeState::Issued && own.iter().any(|row| !row.answered);
    Ok(NoticePage {
        line: line(&notice, &lens),
        version: notice.version,
        facts: facts(&notice, &lens),
        lights,
        annexes: coverage.map_or_else(Vec::new, |coverage| annexes(&coverage, &lens)),
        findings: findings.iter().map(|finding| finding_view(finding, &lens)).collect(),
        late,
        may_issue: coordinator && notice.state == NoticeState::Draft,
        may_close: coordinator && notice.state == NoticeState::Issued,
        may_answer: open_to_answer && who.has_any(&[Role::Liaison, Role::Leader]),
        own,
        matrix: (office && !requirements.is_empty()).then(|| matrix(&requirements, &lens)),
        problems: attempt.map(|attempt| attempt.problems(&[], &lens)),
    })
}

fn facts(notice: &NoticeOut, lens: &Lens) -> Vec<(&'static str, String)> {
    let deadline = notice.deadline.as_ref().map(|deadline| {
        let mut text = lens.date(deadline.on);
        if let Some(cutoff) = &deadline.cutoff {
            text = format!("{text} {cutoff}");
        }
        match &deadline.raw {
            Some(raw) => {
                format!("{text}{}{raw}{}", lens.lang.pick("（原文：", " (as printed: "), lens.lang.pick("）", ")"))
            }
            None => text,
        }
    });
    let sampling = notice.sampling.as_ref();
    let sampling = sampling.map(|sampling| format!("{} – {}", lens.date(sampling.from), lens.date(sampling.to)));
    let look_back = match notice.look_back {
        LookBackPolicy::All => lens.t("notice.look_back.all"),
        LookBackPolicy::None => lens.t("notice.look_back.none"),
    };
    let known = [
        (lens.t("notice.document_no"), notice.document_no.clone()),
        (lens.t("notice.issued_on"), notice.issued_on.map(|on| lens.date(on))),
        (lens.t("notice.basis"), notice.basis.clone()),
        (lens.t("notice.sampling"), sampling),
        (lens.t("notice.deadline"), deadline),
        (lens.t("notice.feedback_to"), notice.feedback_to.as_ref().map(|unit| lens.unit(unit))),
        (lens.t("notice.look_back"), Some(look_back.to_owned())),
    ];
    known.into_iter().filter_map(|(label, value)| Some((label, value?))).collect()
}

/// Its tickets in sight, by light, each figure with its list.
fn lights(room: &mut Room<'_, '_>, notice: &NoticeOut) -> Outcome<Vec<(String, i64, String)>> {
    let mut found = Vec::new();
    if notice.state == NoticeState::Draft {
        return Ok(found);
    }
    for light in crate::domain::vocabulary::Light::ALL {
        let mut search = TicketQuery { notice: vec![notice.code.clone()], ..TicketQuery::default() };
        search.light = vec![*light];
        let count = tickets::count(room.read, room.who, &search)?;
        let href = format!("/tickets?notice={}&light={light}", encoded(&notice.code));
        found.push((crate::web::view::light_name(*light, &room.lens), count, href));
    }
    Ok(found)
}

fn annexes(coverage: &Coverage, lens: &Lens) -> Vec<Annex> {
    let kinds = [(AssetKind::Website, lens.t("annex.websites")), (AssetKind::NewMedia, lens.t("annex.new_media"))];
    let annex = |(kind, name): (AssetKind, &'static str)| {
        let rows: Vec<AnnexRow> = coverage
            .rows
            .iter()
            .filter(|row| row.kind == kind)
            .map(|row| AnnexRow {
                unit: lens.unit(&row.unit),
                in_operation: row.in_operation.into(),
                checked: row.checked.unwrap_or(row.in_operation).into(),
                prominent: row.prominent.into(),
                differs: differs(row.printed_share.as_deref(), row.share),
                printed: row.printed_share.clone(),
                share: percent(row.share),
            })
            .collect();
        let total = coverage.totals.get(&kind)?;
        (!rows.is_empty()).then(|| Annex { name, rows, total: total_row(total, lens) })
    };
    kinds.into_iter().filter_map(annex).collect()
}

fn total_row(total: &CoverageTotal, lens: &Lens) -> AnnexRow {
    AnnexRow {
        unit: lens.t("annex.total").to_owned(),
        in_operation: total.in_operation,
        checked: total.checked,
        prominent: total.prominent,
        printed: None,
        share: percent(total.share),
        differs: false,
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{share:.2}%"))
}

/// A printed share that its own figures don't give, at the precision it was printed with.
fn differs(printed: Option<&str>, share: Option<f64>) -> bool {
    let Some((printed, share)) = printed.map(|text| text.trim().trim_end_matches('%')).zip(share) else { return false };
    let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    printed.parse::<f64>().is_ok_and(|given| format!("{given:.decimals$}") != format!("{share:.decimals$}"))
}

fn finding_view(finding: &FindingOut, lens: &Lens) -> FindingView {
    let notice = encoded(&finding.notice.code);
    let repeats = finding.recurrence_of.as_ref().map(|earlier| {
        let name = format!("{}-{}", earlier.notice_code, earlier.code);
        (name, format!("/notices/{}", path_segment(&earlier.notice_code)))
    });
    FindingView {
        id: finding.id,
        version: finding.version,
        repeats,
        code: finding.code.clone(),
        title: finding.title.clone(),
        text: finding.text.clone(),
        prominent: finding.severity == Severity::Prominent,
        units: lens.units(&finding.units),
        co_units: lens.units(&finding.co_units),
        assets: finding.assets.iter().map(|asset| asset.name.clone()).collect(),
        indicator: finding.indicator.as_deref().map(|code| view::indicator(code, lens)),
        due: finding.due_on.map(|on| lens.day(on)),
        open_ended: finding.open_ended,
        rectified: finding.rectified_before_notice,
        href: format!("/tickets?notice={notice}&q={}", encoded(&format!("{}-{}-", finding.notice.code, finding.code))),
    }
}

fn own_requirements(requirements: &[RequirementOut], unit: UnitId) -> Vec<OwnRequirement> {
    let asked = requirements.iter().filter(|row| row.unit_ids.contains(&unit));
    let own = asked.map(|row| OwnRequirement {
        code: row.code.clone(),
        text: row.text.clone(),
        answered: row.answered_unit_ids.contains(&unit),
        href: answer_href(row, unit),
    });
    own.collect()
}

/// The letter in which the unit answered.
fn answer_href(row: &RequirementOut, unit: UnitId) -> Option<String> {
    let answer = row.answers.iter().find(|answer| answer.unit_id == unit)?;
    Some(format!("/feedback/{}", answer.feedback_id))
}

fn matrix(requirements: &[RequirementOut], lens: &Lens) -> Matrix {
    let mut order: Vec<UnitId> = Vec::new();
    let mut names: HashMap<UnitId, String> = HashMap::new();
    for unit in requirements.iter().flat_map(|row| &row.units) {
        if names.insert(unit.id, lens.unit(unit)).is_none() {
            order.push(unit.id);
        }
    }
    let cell = |row: &RequirementOut, unit: UnitId| {
        if !row.unit_ids.contains(&unit) {
            Cell::NotAsked
        } else if row.answered_unit_ids.contains(&unit) {
            Cell::Answered
        } else {
            Cell::Open
        }
    };
    let rows: Vec<MatrixRow> = order
        .into_iter()
        .map(|unit| {
            let cells: Vec<_> = requirements.iter().map(|row| (cell(row, unit), answer_href(row, unit))).collect();
            let open = cells.iter().filter(|(cell, _)| *cell == Cell::Open).count();
            MatrixRow { unit: names.get(&unit).cloned().unwrap_or_default(), cells, open }
        })
        .collect();
    let open = rows.iter().filter(|row| row.open > 0).count();
    Matrix {
        requirements: requirements.iter().map(|row| (row.code.clone(), row.text.clone())).collect(),
        open: lens.tn("matrix.open", i64::try_from(open).unwrap_or_default()),
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::differs;

    #[test]
    fn a_printed_share_is_compared_at_its_own_precision() {
        assert!(!differs(Some("0"), Some(0.0)));
        assert!(!differs(Some("3.1%"), Some(3.11)));
        assert!(differs(Some("0.04%"), Some(3.11)));
        assert!(!differs(None, Some(3.11)) && !differs(Some("–"), Some(3.11)));
    }
}
