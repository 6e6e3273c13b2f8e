//! What a change of rules or of the calendar would do, shown before it is saved.

use crate::actions::replan::{Replanned, StepChange};
use crate::web::lens::Lens;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub struct PreviewPage {
    pub title: &'static str,
    pub crumbs: Vec<(String, String)>,
    pub about: String,
    pub figures: Vec<(&'static str, usize)>,
    pub tables: Vec<Table>,
    pub action: String,
    /// The form as it was sent, to be sent again.
    pub hidden: Vec<(String, String)>,
    /// Can one go back to the form?
    pub editable: bool,
    pub cancel: String,
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub title: &'static str,
    pub head: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

/// How many reminders change.
pub fn figures(changes: &Replanned, lens: &Lens) -> Vec<(&'static str, usize)> {
    vec![
        (lens.t("preview.tickets"), changes.tickets),
        (lens.t("preview.added"), changes.reminders_added),
        (lens.t("preview.removed"), changes.reminders_removed),
        (lens.t("preview.moved"), changes.reminders_moved),
    ]
}

/// The first of the reminders that change; none where nothing does.
pub fn steps(changes: &Replanned, lens: &Lens) -> Option<Table> {
    let head = ["preview.subject", "preview.unit", "preview.before", "preview.after"];
    let row = |step: &StepChange| {
        let at = |at: Option<crate::domain::instant::Instant>| at.map_or_else(none, |at| lens.moment(at).text);
        let unit = step.unit.as_ref().map(|unit| {
            let english = if unit.name_en.is_empty() { &unit.name } else { &unit.name_en };
            lens.lang.pick(&unit.name, english).to_owned()
        });
        vec![
            step.reference.clone().unwrap_or_else(none),
            unit.unwrap_or_else(none),
            at(step.at_before),
            at(step.at_after),
        ]
    };
    (!changes.first.is_empty()).then(|| Table {
        title: lens.t("preview.first"),
        head: head.into_iter().map(|key| lens.t(key)).collect(),
        rows: changes.first.iter().map(row).collect(),
    })
}

fn none() -> String {
    "–".to_owned()
}
