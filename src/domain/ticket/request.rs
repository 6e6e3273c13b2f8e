//! Requests for an extension and objections: by what they end, other than by silence.

use super::Act;
use crate::domain::vocabulary::Pending;
use crate::text_enum;
use serde_json::Value;

text_enum! {
    /// How a request ended.
    RequestOutcome { Approved = "approved", Rejected = "rejected", Lapsed = "lapsed" }
}

/// Does a request that waits make no sense any more after this act? `moved`: the act set another due date.
pub(super) const fn lapses(pending: Pending, act: Act, moved: bool) -> bool {
    match (act, pending) {
        (
            Act::Acknowledge
            | Act::Progress
            | Act::Object
            | Act::DecideObjection
            | Act::AskExtension
            | Act::DecideExtension
            | Act::Urge
            | Act::Comment,
            Pending::Extension | Pending::Objection,
        )
        // What was filed may be returned, and then the date matters again.
        | (Act::Feedback | Act::RegisterLetter, Pending::Extension)
        // Whose the ticket is doesn't depend on its date.
        | (Act::MoveDueDate | Act::DecideMilestone, Pending::Objection) => false,
        (Act::DecideMilestone, Pending::Extension) => moved,
        // Whoever answers has taken the ticket on.
        (Act::Feedback | Act::RegisterLetter, Pending::Objection)
        | (Act::MoveDueDate, Pending::Extension)
        | (
            Act::Reassign
            | Act::Accept
            | Act::Return
            | Act::PassLookBack
            | Act::FailLookBack
            | Act::Carry
            | Act::Cancel
            | Act::Reopen,
            Pending::Extension | Pending::Objection,
        ) => true,
    }
}

/// How a request of this kind ended by an event of its ticket's timeline; `None` where it did not.
#[must_use]
pub fn ending(kind: Pending, act: &str, payload: &Value) -> Option<RequestOutcome> {
    let (decided, granted) = match kind {
        Pending::Extension => ("ticket.extension_decided", "approved"),
        Pending::Objection => ("ticket.objection_decided", "upheld"),
    };
    if act == decided {
        let is_granted = payload.get(granted).and_then(Value::as_bool).unwrap_or(false);
        return Some(if is_granted { RequestOutcome::Approved } else { RequestOutcome::Rejected });
    }
    let lapsed = payload.get("lapsed").and_then(Value::as_str);
    (lapsed == Some(kind.as_str())).then_some(RequestOutcome::Lapsed)
}
