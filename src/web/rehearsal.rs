//! What will be sent in the next 30 days: each day with its mails, and one day's mails with what they tell.

use crate::domain::calendar::local_date;
use crate::domain::reminder::Subject;
use crate::queries::rehearsal::{self, Rehearsal, RehearsedLine, RehearsedMail, Span};
use crate::transaction::Outcome;
use crate::web::lens::{Day, Lens, Moment};
use crate::web::view::path_segment;
use crate::web::visit::{Room, Visit};
use actix_web::HttpResponse;
use chrono::{NaiveDate, TimeDelta};
use serde::Serialize;
use std::collections::BTreeMap;

const DAYS: i64 = 30;
/// Mails of one day, and lines of one mail, that are listed.
const MAILS: usize = 100;
const LINES: usize = 10;

#[derive(Debug, Serialize)]
struct RehearsalPage {
    total: usize,
    truncated: bool,
    days: Vec<DayView>,
    on: Option<DetailView>,
}

/// One day of the list.
#[derive(Debug, Serialize)]
struct DayView {
    day: Day,
    mails: usize,
    /// Each rule with how many lines tell it.
    rules: Vec<(String, String)>,
    href: String,
    here: bool,
}

/// The day that is looked into.
#[derive(Debug, Serialize)]
struct DetailView {
    day: Day,
    mails: Vec<MailView>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct MailView {
    at: Moment,
    name: String,
    address: Option<String>,
    lines: Vec<LineView>,
    more: usize,
}

#[derive(Debug, Serialize)]
struct LineView {
    rule: String,
    reference: Option<String>,
    href: Option<String>,
    due: Option<Day>,
    copy: bool,
}

/// `GET /reminders`
pub async fn get_rehearsal(visit: Visit) -> HttpResponse {
    let on = visit.asked("on").and_then(|on| on.parse().ok());
    visit.page("rehearsal.html", move |room| page(room, on)).await
}

fn page(room: &mut Room<'_, '_>, asked: Option<NaiveDate>) -> Outcome<RehearsalPage> {
    let now = room.read.now;
    let told = rehearsal::rehearse(room.read, room.who, Span { from: now, to: now.plus(TimeDelta::days(DAYS)) })?;
    let lens = &room.lens;
    let mut days: BTreeMap<NaiveDate, Vec<&RehearsedMail>> = BTreeMap::new();
    for mail in &told.items {
        days.entry(local_date(lens.zone, mail.at)).or_default().push(mail);
    }
    let on = asked.filter(|on| days.contains_key(on)).or_else(|| days.keys().next().copied());
    Ok(RehearsalPage {
        total: told.total,
        truncated: is_cut(&told),
        on: on.and_then(|on| days.get(&on).map(|mails| detail(on, mails, lens))),
        days: days.iter().map(|(day, mails)| day_view(*day, mails, on == Some(*day), lens)).collect(),
    })
}

fn is_cut(told: &Rehearsal) -> bool {
    told.truncated || told.items.len() < told.total
}

fn day_view(day: NaiveDate, mails: &[&RehearsedMail], here: bool, lens: &Lens) -> DayView {
    let mut rules: BTreeMap<&str, (String, i64)> = BTreeMap::new();
    for line in mails.iter().flat_map(|mail| &mail.lines) {
        rules.entry(&line.rule).or_insert_with(|| (rule(line, lens), 0)).1 += 1;
    }
    DayView {
        day: lens.day(day),
        mails: mails.len(),
        rules: rules.into_values().map(|(name, count)| (name, lens.tn("rehearsal.count", count))).collect(),
        href: format!("/reminders?on={day}#day"),
        here,
    }
}

fn detail(day: NaiveDate, mails: &[&RehearsedMail], lens: &Lens) -> DetailView {
    DetailView {
        day: lens.day(day),
        mails: mails.iter().take(MAILS).map(|mail| mail_view(mail, lens)).collect(),
        more: mails.len().saturating_sub(MAILS),
    }
}

fn mail_view(mail: &RehearsedMail, lens: &Lens) -> MailView {
    MailView {
        at: lens.moment(mail.at),
        name: mail.recipient.name.clone().unwrap_or_default(),
        address: mail.recipient.address.clone(),
        lines: mail.lines.iter().take(LINES).map(|line| line_view(line, lens)).collect(),
        more: mail.lines.len().saturating_sub(LINES),
    }
}

fn line_view(line: &RehearsedLine, lens: &Lens) -> LineView {
    let href = |reference: &String| match line.subject.kind {
        Subject::Ticket => Some(format!("/tickets/{}", path_segment(reference))),
        Subject::Notice => Some(format!("/notices/{}", path_segment(reference))),
        Subject::Office => None,
    };
    LineView {
        rule: rule(line, lens),
        href: line.reference.as_ref().and_then(href),
        reference: line.reference.clone(),
        due: line.due_on.map(|on| lens.day(on)),
        copy: line.copy,
    }
}

fn rule(line: &RehearsedLine, lens: &Lens) -> String {
    line.rule_name.as_ref().map_or_else(|| line.rule.clone(), |name| lens.lang.pick(&name.zh, &name.en).to_owned())
}
