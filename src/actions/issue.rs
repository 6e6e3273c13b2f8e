//! Issuing a notice (交办): every finding becomes one ticket for each lead unit, all in one transaction, or nothing.

use crate::actions::notices::{draft, save};
use crate::actions::record::record_births;
use crate::actions::recurrence::{Earlier, earlier_tickets};
use crate::actions::tell::{News, tell};
use crate::actions::tickets::next_reminder;
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::deadline::{Deadline, Wording};
use crate::domain::id::{FindingId, NoticeId, RequirementId, TicketId, UnitId};
use crate::domain::instant::Instant;
use crate::domain::office::Office;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::reminder::{Anchor, AnchorAt, Facts, Subject};
use crate::domain::ticket::{Due, NewTicket, Ticket};
use crate::domain::vocabulary::{NoticeState, Part, Role, UnitKind};
use crate::store::notices::{FindingRow, NoticeRow};
use crate::store::tickets::TicketRow;
use crate::store::units::UnitRow;
use crate::store::users::UserRow;
use crate::store::{notices, tickets, units, users};
use crate::transaction::{Outcome, Tx};
use chrono::{NaiveTime, TimeDelta};
use serde_json::json;
use std::collections::HashMap;

/// What issuing makes, or would make.
#[derive(Debug, Clone)]
pub struct Issued {
    pub notice_id: NoticeId,
    pub tickets: Vec<Ticket>,
    /// What is strange about it, but not refused.
    pub warnings: Vec<Fault>,
}

/// A due date that lies further ahead is worth a warning.
const FAR: TimeDelta = TimeDelta::days(366);

/// Everything that issuing reads, loaded once.
pub(super) struct Draft {
    pub notice: NoticeRow,
    findings: Vec<FindingRow>,
    /// Lead and co-units of each finding, groups expanded.
    named: HashMap<(FindingId, Part), Vec<UnitId>>,
    units: HashMap<UnitId, UnitRow>,
    /// Groups without anybody to ask, by name.
    empty_groups: Vec<(FindingId, String)>,
    /// Active people of the units.
    people: HashMap<UnitId, Vec<UserRow>>,
    coordinators: Vec<UserRow>,
    /// Due date of tickets whose finding has none of its own.
    deadline: Option<Deadline>,
    /// The ticket that a finding's next ticket for a unit repeats.
    earlier: HashMap<(FindingId, UnitId), Earlier>,
    /// How many tickets a finding has already.
    numbered: HashMap<FindingId, u32>,
}

/// Makes the tickets and queues their mails.
pub fn issue(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<Issued> {
    let (draft, tickets) = planned(tx, actor, key, version)?;
    let warnings = draft.warnings(&tickets, tx);
    save_new(tx, actor, &draft, &tickets)?;
    expand_requirements(tx, &draft.notice)?;

    let deadline = draft.deadline;
    let row = NoticeRow {
        state: NoticeState::Issued,
        issued_at: Some(tx.now),
        due_on: deadline.map(|deadline| deadline.on),
        due_at: deadline.map(|deadline| deadline.at),
        next_reminder_at: deadline.and_then(|deadline| next_notice_reminder(tx, &deadline)),
        ..draft.notice.clone()
    };
    let notice_id = save(tx, actor, &draft.notice, row, "notice.issued", &json!({"tickets": tickets.len()}))?;
    tell_of(tx, &tickets)?;
    Ok(Issued { notice_id, tickets, warnings })
}

/// New tickets with the first event of each.
pub(super) fn save_new(tx: &mut Tx<'_>, actor: &Actor, draft: &Draft, made: &[Ticket]) -> Outcome<()> {
    let rows: Vec<TicketRow> = made
        .iter()
        .map(|ticket| TicketRow {
            next_reminder_at: next_reminder(tx, ticket),
            recurrence_of: draft.repeated_by(ticket).map(|earlier| earlier.id),
            ..TicketRow::new(ticket, draft.title(ticket))
        })
        .collect();
    let parties: Vec<(TicketId, UnitId, Part)> = made.iter().flat_map(parties).collect();
    tickets::insert_all(tx.conn, &rows, &parties)?;
    let births: Vec<_> = made
        .iter()
        .map(|ticket| (Stream::Ticket(ticket.id), "ticket.issued", said(ticket, draft.repeated_by(ticket))))
        .collect();
    record_births(tx, actor, &births)
}

/// Queues the mails that tell of new tickets.
pub(super) fn tell_of(tx: &mut Tx<'_>, made: &[Ticket]) -> Outcome<()> {
    let news: Vec<News<'_>> = made.iter().map(|ticket| News { ticket, seq: 1, former_unit: None }).collect();
    tell(tx, Anchor::Issued, &news)
}

/// What issuing would make; nothing is written.
pub fn rehearse(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<Issued> {
    let (draft, tickets) = planned(tx, actor, key, version)?;
    let warnings = draft.warnings(&tickets, tx);
    Ok(Issued { notice_id: draft.notice.id, tickets, warnings })
}

fn planned(tx: &mut Tx<'_>, actor: &Actor, key: &str, version: Option<i64>) -> Outcome<(Draft, Vec<Ticket>)> {
    let notice = draft(tx, actor, key, version)?;
    let draft = load(tx, notice)?;
    let faults = draft.faults();
    if !faults.is_empty() {
        return Err(Refusal { faults, ..Refusal::new(Code::NoticeIncomplete) }.into());
    }
    let tickets = draft.tickets(tx);
    Ok((draft, tickets))
}

fn load(tx: &mut Tx<'_>, notice: NoticeRow) -> Outcome<Draft> {
    let findings = notices::findings_of(tx.conn, notice.id)?;
    let ids: Vec<_> = findings.iter().map(|finding| finding.id).collect();
    let entered = notices::finding_units_of(tx.conn, &ids)?;
    drafted(tx, notice, findings, entered)
}

/// All that issuing these findings to these units reads.
pub(super) fn drafted(
    tx: &mut Tx<'_>,
    notice: NoticeRow,
    findings: Vec<FindingRow>,
    entered: Vec<(FindingId, UnitId, Part)>,
) -> Outcome<Draft> {
    let entered_ids: Vec<UnitId> = entered.iter().map(|(_, unit, _)| *unit).collect();
    let members = members_of(tx, &notice, &entered_ids)?;
    let mut named: HashMap<_, Vec<UnitId>> = HashMap::new();
    let mut empty = Vec::new();
    for (finding, unit, part) in entered {
        if part == Part::Lead && members.get(&unit).is_some_and(Vec::is_empty) {
            empty.push((finding, unit));
        }
        let held = named.entry((finding, part)).or_default();
        for unit in members.get(&unit).map_or(std::slice::from_ref(&unit), Vec::as_slice) {
            if !held.contains(unit) {
                held.push(*unit);
            }
        }
    }
    let mut all: Vec<UnitId> = named.values().flatten().copied().collect();
    all.extend(&entered_ids);
    all.sort();
    all.dedup();
    let mut held = HashMap::new();
    let mut people: HashMap<UnitId, Vec<UserRow>> = HashMap::new();
    for chunk in all.chunks(1_000) {
        held.extend(units::by_ids(tx.conn, chunk)?.into_iter().map(|row| (row.id, row)));
        for person in users::active_of_units(tx.conn, chunk)?.into_iter().filter(|person| !person.service) {
            if let Some(unit) = person.unit_id {
                people.entry(unit).or_default().push(person);
            }
        }
    }
    let mut coordinators = users::active_with_role(tx.conn, Role::Coordinator)?;
    coordinators.retain(|person| !person.service);
    let earlier = earlier_tickets(tx, &findings)?;
    let mut numbered: HashMap<FindingId, u32> = HashMap::new();
    let ids: Vec<FindingId> = findings.iter().map(|finding| finding.id).collect();
    for ticket in tickets::of_findings(tx.conn, &ids)? {
        *numbered.entry(ticket.finding_id).or_default() += 1;
    }
    let deadline = deadline(tx, &notice);
    let name = |id: UnitId| held.get(&id).map_or_else(String::new, |row| row.name.clone());
    let empty_groups = empty.into_iter().map(|(finding, unit)| (finding, name(unit))).collect();
    Ok(Draft { notice, findings, named, empty_groups, units: held, people, coordinators, deadline, earlier, numbered })
}

/// The members of those units that are groups, less the unit that receives the feedback.
pub(super) fn members_of(tx: &mut Tx<'_>, notice: &NoticeRow, ids: &[UnitId]) -> Outcome<HashMap<UnitId, Vec<UnitId>>> {
    let mut members: HashMap<UnitId, Vec<UnitId>> = HashMap::new();
    let mut distinct = ids.to_vec();
    distinct.sort();
    distinct.dedup();
    for row in units::by_ids(tx.conn, &distinct)?.iter().filter(|row| row.kind == UnitKind::Group) {
        members.insert(row.id, Vec::new());
    }
    let groups: Vec<UnitId> = members.keys().copied().collect();
    for (group, unit) in units::members(tx.conn, &groups)? {
        if notice.feedback_to != Some(unit) {
            members.entry(group).or_default().push(unit);
        }
    }
    Ok(members)
}

fn deadline(tx: &Tx<'_>, notice: &NoticeRow) -> Option<Deadline> {
    let wording = Wording {
        on: notice.deadline_on?,
        cutoff: notice.deadline_cutoff.as_deref().and_then(|text| NaiveTime::parse_from_str(text, "%H:%M").ok()),
        inclusive: notice.deadline_inclusive,
        raw: None,
    };
    Some(wording.deadline(tx.office.zone, &tx.office.calendar))
}

/// A requirement that asks a group asks its members from now on.
fn expand_requirements(tx: &mut Tx<'_>, notice: &NoticeRow) -> Outcome<()> {
    let asked = notices::requirement_units_of(tx.conn, notice.id)?;
    let ids: Vec<UnitId> = asked.iter().map(|(_, unit)| *unit).collect();
    let members = members_of(tx, notice, &ids)?;
    if members.is_empty() {
        return Ok(());
    }
    let mut expanded: Vec<(RequirementId, UnitId)> = asked
        .iter()
        .flat_map(|(requirement, unit)| {
            let each = members.get(unit).cloned().unwrap_or_else(|| vec![*unit]);
            each.into_iter().map(|unit| (*requirement, unit))
        })
        .collect();
    expanded.sort();
    expanded.dedup();
    Ok(notices::replace_asked_units(tx.conn, notice.id, &expanded)?)
}

fn next_notice_reminder(tx: &Tx<'_>, deadline: &Deadline) -> Option<Instant> {
    let due = AnchorAt { on: deadline.on, version: 1, since: tx.now };
    let facts = Facts { due: Some(due), ..Facts::new(Subject::Notice, tx.now) };
    tx.office.planner(&tx.rules).next_at(&facts, tx.now)
}

fn parties(ticket: &Ticket) -> Vec<(TicketId, UnitId, Part)> {
    let co_units = ticket.co_unit_ids.iter().map(|unit| (ticket.id, *unit, Part::Co));
    std::iter::once((ticket.id, ticket.unit_id, Part::Lead)).chain(co_units).collect()
}

fn said(ticket: &Ticket, earlier: Option<&Earlier>) -> serde_json::Value {
    json!({
        "reference": ticket.reference, "notice_id": ticket.notice_id, "finding_id": ticket.finding_id,
        "unit_id": ticket.unit_id, "co_unit_ids": ticket.co_unit_ids, "due_on": ticket.due.on,
        "recurrence_of": earlier.map(|earlier| earlier.id), "recurrence_reference": earlier.map(|earlier| &earlier.reference),
    })
}

impl Draft {
    fn title(&self, ticket: &Ticket) -> &str {
        self.findings.iter().find(|finding| finding.id == ticket.finding_id).map_or("", |finding| &finding.title)
    }

    /// The same unit's ticket of the finding that its own repeats.
    fn repeated_by(&self, ticket: &Ticket) -> Option<&Earlier> {
        self.earlier.get(&(ticket.finding_id, ticket.unit_id))
    }

    pub(super) fn unit(&self, id: UnitId) -> Option<&UnitRow> {
        self.units.get(&id)
    }

    /// Dates that may be a slip of the pen: over already, far ahead, on a day off.
    fn warnings(&self, made: &[Ticket], tx: &Tx<'_>) -> Vec<Fault> {
        let dated = self.findings.iter().enumerate().filter_map(|(index, finding)| {
            let ticket = made.iter().find(|ticket| ticket.finding_id == finding.id)?;
            Some((index, finding, ticket.due))
        });
        dated
            .flat_map(|(index, finding, due)| {
                let at = move |code: Code| {
                    Fault::at(format!("/findings/{index}"), code).with("finding", &finding.code).with("due", due.on)
                };
                strange(due, &tx.office, tx.now).into_iter().map(at)
            })
            .collect()
    }

    fn units_of(&self, finding: &FindingRow, part: Part) -> &[UnitId] {
        self.named.get(&(finding.id, part)).map_or(&[], Vec::as_slice)
    }

    /// Every reason why this can't be issued.
    fn faults(&self) -> Vec<Fault> {
        if self.findings.is_empty() {
            return vec![Fault::at("/findings", Code::NoFindings)];
        }
        let mut faults = Vec::new();
        for (index, finding) in self.findings.iter().enumerate() {
            let at = |code: Code| Fault::at(format!("/findings/{index}"), code).with("finding", &finding.code);
            if finding.due_on.is_none() && self.deadline.is_none() {
                faults.push(at(Code::DueMissing));
            }
            let leads = self.units_of(finding, Part::Lead);
            let empty = self.empty_groups.iter().filter(|(id, _)| *id == finding.id);
            faults.extend(empty.map(|(_, group)| at(Code::GroupEmpty).with("unit", group)));
            if !self.named.contains_key(&(finding.id, Part::Lead)) {
                faults.push(at(Code::FindingNoUnits));
            }
            for unit in leads.iter().filter_map(|id| self.units.get(id)) {
                faults.extend(self.unit_fault(unit).map(|code| at(code).with("unit", &unit.name)));
            }
        }
        faults
    }

    pub(super) fn unit_fault(&self, unit: &UnitRow) -> Option<Code> {
        let people = self.people.get(&unit.id).map_or(&[][..], Vec::as_slice);
        let reachable = unit.mailbox.is_some()
            || people
                .iter()
                .any(|person| person.email.is_some() && (person.has(Role::Liaison) || person.has(Role::Leader)));
        if !unit.active {
            Some(Code::UnitInactive)
        } else if !reachable {
            Some(Code::UnitUnreachable)
        } else if self.coordinators.iter().all(|person| person.unit_id == Some(unit.id)) {
            Some(Code::NoOutsideCoordinator)
        } else {
            None
        }
    }

    pub(super) fn tickets(&self, tx: &Tx<'_>) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        for finding in &self.findings {
            let co_units = self.units_of(finding, Part::Co);
            let first = self.numbered.get(&finding.id).map_or(1, |made| made + 1);
            for (unit, number) in self.units_of(finding, Part::Lead).iter().zip(first..) {
                let reference = format!("{}-{}-{number:02}", self.notice.code, finding.code);
                if let Some(due) = self.due(finding, tx) {
                    let co_units = co_units.iter().copied().filter(|co| co != unit).collect();
                    tickets.push(self.ticket(tx, finding, (*unit, co_units), reference, due));
                }
            }
        }
        tickets
    }

    fn due(&self, finding: &FindingRow, tx: &Tx<'_>) -> Option<Due> {
        let own = finding.due_on.map(|on| Wording::on(on).deadline(tx.office.zone, &tx.office.calendar));
        let deadline = own.or(self.deadline)?;
        Some(Due::first(deadline.on, deadline.at, deadline.provisional, tx.now))
    }

    fn ticket(
        &self,
        tx: &Tx<'_>,
        finding: &FindingRow,
        (unit_id, co_unit_ids): (UnitId, Vec<UnitId>),
        reference: String,
        due: Due,
    ) -> Ticket {
        let new = NewTicket {
            id: tx.id(),
            reference,
            notice_id: self.notice.id,
            finding_id: finding.id,
            unit_id,
            co_unit_ids,
            severity: finding.severity,
            look_back: self.notice.look_back,
            due,
        };
        Ticket::issued(new, tx.now)
    }
}

/// What is strange about a due date.
pub(super) fn strange(due: Due, office: &Office, now: Instant) -> Vec<Code> {
    let mut found = Vec::new();
    if due.at <= now {
        found.push(Code::DeadlinePast);
    }
    if due.on - office.today(now) > FAR {
        found.push(Code::DeadlineFar);
    }
    if !office.calendar.is_working(due.on) {
        found.push(Code::DeadlineDayOff);
    }
    found
}
