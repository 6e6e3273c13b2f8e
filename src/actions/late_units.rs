//! Late units: an open-ended finding (等) of an issued notice gets further units, and they their tickets.

use crate::actions::issue::{self, Draft, Issued, drafted, members_of, save_new, tell_of};
use crate::actions::notices::{distinct_units, lock, units_of};
use crate::actions::record::{check_version, must_be_saved, record};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::check::Check;
use crate::domain::id::{FindingId, UnitId};
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::vocabulary::{NoticeState, Part, Role, State};
use crate::store::notices::{self, FindingRow, NoticeRow};
use crate::store::tickets;
use crate::transaction::{Outcome, Tx};
use chrono::NaiveDate;
use serde_json::json;
use std::collections::HashSet;

/// Who is added, as it comes in.
#[derive(Debug, Clone, Default)]
pub struct LateUnits {
    /// Ids or codes; of a group its members that have no ticket of the finding yet.
    pub units: Vec<String>,
    /// Instead of the finding's or the notice's date.
    pub due_on: Option<NaiveDate>,
}

/// A late issue that nothing speaks against.
struct Planned {
    finding: FindingRow,
    draft: Draft,
    issued: Issued,
}

/// Issues tickets to further units, with their mails.
pub fn add(tx: &mut Tx<'_>, actor: &Actor, id: FindingId, version: Option<i64>, given: &LateUnits) -> Outcome<Issued> {
    let Planned { finding, draft, issued } = planned(tx, actor, id, version, given)?;
    save_new(tx, actor, &draft, &issued.tickets)?;
    let leads: Vec<UnitId> = issued.tickets.iter().map(|ticket| ticket.unit_id).collect();
    notices::add_finding_leads(tx.conn, id, &leads)?;
    let row = FindingRow { version: finding.version + 1, updated_at: tx.now, ..finding.clone() };
    must_be_saved(notices::save_finding(tx.conn, &row, finding.version)?, finding.version)?;
    let references: Vec<&str> = issued.tickets.iter().map(|ticket| ticket.reference.as_str()).collect();
    let payload =
        json!({"notice_id": finding.notice_id, "unit_ids": leads, "tickets": references, "due_on": given.due_on});
    record(tx, actor, Stream::Finding(id), "finding.units_added", &payload)?;
    tell_of(tx, &issued.tickets)?;
    Ok(issued)
}

/// What `add` would make; nothing is written.
pub fn rehearse(
    tx: &mut Tx<'_>,
    actor: &Actor,
    id: FindingId,
    version: Option<i64>,
    given: &LateUnits,
) -> Outcome<Issued> {
    Ok(planned(tx, actor, id, version, given)?.issued)
}

fn planned(tx: &mut Tx<'_>, actor: &Actor, id: FindingId, version: Option<i64>, given: &LateUnits) -> Outcome<Planned> {
    let (notice, finding) = open_ended(tx, actor, id, version)?;
    let mut check = Check::new();
    if given.units.is_empty() {
        check.fault(Fault::at("/unit_ids", Code::FieldRequired));
    }
    let added = added(tx, &notice, &finding, given, &mut check)?;
    let co_units = notices::finding_units_of(tx.conn, &[id])?.into_iter().filter(|(_, _, part)| *part == Part::Co);
    let entered = added.iter().map(|(_, unit)| (id, *unit, Part::Lead)).chain(co_units).collect();
    let dated = FindingRow { due_on: given.due_on.or(finding.due_on), ..finding.clone() };
    let notice_id = notice.id;
    let draft = drafted(tx, notice, vec![dated], entered)?;
    for (index, unit) in &added {
        let fault = draft.unit(*unit).and_then(|unit| Some((draft.unit_fault(unit)?, unit)));
        if let Some((code, unit)) = fault {
            let fault = Fault::at(format!("/unit_ids/{index}"), code);
            check.fault(fault.with("finding", &finding.code).with("unit", &unit.name));
        }
    }
    let tickets = draft.tickets(tx);
    let due = tickets.first().map(|ticket| ticket.due);
    match due {
        None if !added.is_empty() => {
            check.fault(Fault::at("/due_on", Code::DueMissing).with("finding", &finding.code));
        }
        Some(due) if given.due_on.is_some() && due.at <= tx.now => {
            check.fault(Fault::at("/due_on", Code::FieldPast).with("today", tx.office.today(tx.now)));
        }
        Some(_) | None => {}
    }
    check.done(())?;
    let strange = due.map_or_else(Vec::new, |due| issue::strange(due, &tx.office, tx.now));
    let warning = |code: Code| {
        let due = due.map(|due| due.on.to_string()).unwrap_or_default();
        Fault::at("/due_on", code).with("finding", &finding.code).with("due", due)
    };
    let warnings = strange.into_iter().map(warning).collect();
    Ok(Planned { draft, issued: Issued { notice_id, tickets, warnings }, finding })
}

/// The finding and its notice, locked, if units may be added.
fn open_ended(tx: &mut Tx<'_>, actor: &Actor, id: FindingId, version: Option<i64>) -> Outcome<(NoticeRow, FindingRow)> {
    actor.require(&[Role::Coordinator])?;
    let found = notices::find_finding(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    // Whoever adds units to a finding waits here, so that references go on counting.
    let notice = lock(tx, &found.notice_id.to_string())?;
    let finding = notices::find_finding(tx.conn, id)?.ok_or_else(Refusal::missing)?;
    check_version(version, finding.version)?;
    match notice.state {
        NoticeState::Draft => Err(Refusal::new(Code::NoticeNotIssued).into()),
        NoticeState::Closed => Err(Refusal::new(Code::NoticeClosed).into()),
        NoticeState::Issued if !finding.open_ended => Err(Refusal::new(Code::FindingNotOpenEnded).into()),
        NoticeState::Issued => Ok((notice, finding)),
    }
}

/// The units that get a ticket, each with the place of the key that named it. One that leads a ticket of the finding
/// already gets no second one.
fn added(
    tx: &mut Tx<'_>,
    notice: &NoticeRow,
    finding: &FindingRow,
    given: &LateUnits,
    check: &mut Check,
) -> Outcome<Vec<(usize, UnitId)>> {
    let known = units_of(tx, given.units.iter())?;
    let named: Vec<UnitId> = distinct_units(&known, &given.units, "/unit_ids", check).map(|unit| unit.id).collect();
    let members = members_of(tx, notice, &named)?;
    let mut taken: HashSet<UnitId> = tickets::of_findings(tx.conn, &[finding.id])?
        .into_iter()
        .filter(|ticket| ticket.state != State::Cancelled)
        .map(|ticket| ticket.unit_id)
        .collect();
    let mut added = Vec::new();
    let mut seen = HashSet::new();
    for (index, key) in given.units.iter().enumerate() {
        let Some(unit) = known.get(key).filter(|unit| seen.insert(unit.id)) else { continue };
        let each = members.get(&unit.id).cloned().unwrap_or_else(|| vec![unit.id]);
        let before = added.len();
        added.extend(each.iter().filter(|unit| taken.insert(**unit)).map(|unit| (index, *unit)));
        if added.len() == before {
            let pointer = format!("/unit_ids/{index}");
            let fault = if each.is_empty() {
                Fault::at(pointer, Code::GroupEmpty).with("finding", &finding.code).with("unit", &unit.name)
            } else {
                Fault::at(pointer, Code::FindingHasUnit).with("finding", &finding.code).with("unit", &unit.name)
            };
            check.fault(fault);
        }
    }
    Ok(added)
}
