//! Every kind of mail once, from sample data that takes each way through the templates. For `templates`, at the start.

use super::content::{About, Act, AtOnce, Digest, Group, Line, NextStep, Note, Standing, UndeliveredMail, Week};
use super::render::{RenderFault, render_at_once, render_digest};
use super::templates::Templates;
use crate::domain::vocabulary::Part;
use crate::domain::words::Lang;
use chrono::NaiveDate;

/// Writes each sample in both languages.
pub(super) fn rehearse(templates: &Templates) -> Result<(), RenderFault> {
    for lang in Lang::ALL {
        for digest in [plain(*lang), with_week(*lang), calm_week(*lang)] {
            render_digest(templates, &digest)?;
        }
        for at_once in [full(*lang), bare(*lang)] {
            render_at_once(templates, &at_once)?;
        }
    }
    Ok(())
}

const TITLE: &str = "样例 <sample>";
const ADDRESS: &str = "https://rectify.example.cn";

fn day() -> NaiveDate {
    NaiveDate::default()
}

/// With everything that a line may have, or with nothing that it may lack.
fn line(reference: &str, is_full: bool) -> Line {
    Line {
        about: About::Ticket,
        reference: reference.to_owned(),
        title: TITLE.to_owned(),
        unit: is_full.then(|| TITLE.to_owned()),
        due_on: day(),
        standing: Standing::DueToday,
        next: NextStep::Rectify,
        notes: if is_full { vec![Note::Prominent, Note::Returned { times: 2 }] } else { Vec::new() },
        link: format!("{ADDRESS}/tickets/{reference}"),
    }
}

fn empty(lang: Lang) -> Digest {
    Digest {
        lang,
        recipient_name: TITLE.to_owned(),
        office_name: TITLE.to_owned(),
        date: day(),
        base_url: ADDRESS.to_owned(),
        list_url: format!("{ADDRESS}/tickets"),
        overdue: Group::default(),
        due_today: Group::default(),
        due_soon: Group::default(),
        to_acknowledge: Group::default(),
        others: Group::default(),
        week: None,
    }
}

/// More lines than are listed.
fn plain(lang: Lang) -> Digest {
    let lines = vec![line("A-1", true), line("A-2", false)];
    Digest { overdue: Group { lines, total: 9 }, due_soon: vec![line("A-3", true)].into(), ..empty(lang) }
}

fn week() -> Week {
    Week {
        from: day(),
        to: day(),
        overdue: Group::default(),
        due_this_week: Group::default(),
        waiting_for_review: Group::default(),
        undelivered: Vec::new(),
        undelivered_total: 0,
    }
}

fn with_week(lang: Lang) -> Digest {
    let undelivered = UndeliveredMail {
        recipient: TITLE.to_owned(),
        subject: TITLE.to_owned(),
        queued_on: day(),
        reason: TITLE.to_owned(),
        link: format!("{ADDRESS}/mail/1"),
    };
    let week = Week {
        overdue: vec![line("A-4", true)].into(),
        waiting_for_review: vec![line("A-5", false)].into(),
        undelivered: vec![undelivered],
        undelivered_total: 2,
        ..week()
    };
    Digest { week: Some(week), ..plain(lang) }
}

fn calm_week(lang: Lang) -> Digest {
    Digest { week: Some(week()), ..empty(lang) }
}

fn full(lang: Lang) -> AtOnce {
    AtOnce {
        lang,
        recipient_name: TITLE.to_owned(),
        office_name: TITLE.to_owned(),
        base_url: ADDRESS.to_owned(),
        act: Act::Returned,
        reference: "A-1".to_owned(),
        title: TITLE.to_owned(),
        unit: TITLE.to_owned(),
        due_on: Some(day()),
        standing: Some(Standing::Overdue { days: 3 }),
        reason: Some("一\n二".to_owned()),
        next: NextStep::Rework,
        notes: vec![Note::NotAcknowledged, Note::Prominent],
        link: Some(format!("{ADDRESS}/tickets/A-1")),
    }
}

fn bare(lang: Lang) -> AtOnce {
    AtOnce {
        act: Act::Assigned { part: Part::Co },
        due_on: None,
        standing: None,
        reason: None,
        next: NextStep::Nothing,
        notes: Vec::new(),
        link: None,
        ..full(lang)
    }
}
