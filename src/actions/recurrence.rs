//! Recurrence (复发): a finding that repeats one of an earlier notice, and the tickets that go with it.

use crate::domain::check::Check;
use crate::domain::id::{FindingId, NoticeId, TicketId, UnitId};
use crate::domain::refusal::{Arg, Code, Fault};
use crate::domain::vocabulary::{NoticeState, State};
use crate::store::notices::{self, FindingRow};
use crate::store::tickets;
use crate::transaction::{Outcome, Tx};
use std::collections::HashMap;

const POINTER: &str = "/recurrence_of";

/// A ticket that another one repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    pub id: TicketId,
    pub reference: String,
}

/// The finding that `key` means, for one of `notice`, which is still a draft: it must have been issued before.
pub(super) fn earlier(
    tx: &mut Tx<'_>,
    notice: NoticeId,
    key: Option<&str>,
    check: &mut Check,
) -> Outcome<Option<FindingId>> {
    let Some(key) = key.map(str::trim).filter(|key| !key.is_empty()) else { return Ok(None) };
    let Some(found) = named(tx, key)? else {
        check.fault(Fault::at(POINTER, Code::FieldReference).with("value", key));
        return Ok(None);
    };
    let is_issued = notices::find(tx.conn, found.notice_id)?.is_some_and(|row| row.state != NoticeState::Draft);
    if found.notice_id == notice || !is_issued {
        let why =
            Arg::both("只能指向此前已交办通报中的问题", "It must be a finding of a notice that was issued before");
        check.fault(Fault::at(POINTER, Code::FieldNotAllowed).with("reason", why));
        return Ok(None);
    }
    Ok(Some(found.id))
}

/// By id, or by both codes with a hyphen between; either may hold hyphens of its own.
fn named(tx: &mut Tx<'_>, key: &str) -> Outcome<Option<FindingRow>> {
    if let Ok(id) = key.parse() {
        return Ok(notices::find_finding(tx.conn, id)?);
    }
    for (at, _) in key.match_indices('-').take(20) {
        let (notice, finding) = (key.get(..at).unwrap_or_default(), key.get(at + 1..).unwrap_or_default());
        if let Some(found) = notices::find_finding_by_codes(tx.conn, notice, finding)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Each unit's newest ticket of the findings that these repeat, by the repeating finding. One that was cancelled is none.
pub(super) fn earlier_tickets(
    tx: &mut Tx<'_>,
    findings: &[FindingRow],
) -> Outcome<HashMap<(FindingId, UnitId), Earlier>> {
    let mut repeated: Vec<FindingId> = findings.iter().filter_map(|finding| finding.recurrence_of).collect();
    repeated.sort();
    repeated.dedup();
    let mut found = HashMap::new();
    for row in tickets::of_findings(tx.conn, &repeated)?.into_iter().filter(|row| row.state != State::Cancelled) {
        for finding in findings.iter().filter(|finding| finding.recurrence_of == Some(row.finding_id)) {
            let earlier = Earlier { id: row.id, reference: row.reference.clone() };
            found.insert((finding.id, row.unit_id), earlier);
        }
    }
    Ok(found)
}
