//! Subject, text and HTML of every mail, from plain data: digests, with or without the week's overview, and at-once mails.
//!
//! What is written here is read by officials in a mail program: `render_tests` keeps a snapshot of each kind.

use super::content::{AtOnce, Digest, Group, UndeliveredMail};
use super::layout::{self, LineView};
use super::message::clean_line;
use super::templates::Templates;
use super::wording::{self, Heading};
use crate::domain::words::Lang;
use serde::Serialize;
use std::collections::HashSet;
use thiserror::Error;

/// Lines in one mail; the rest is a count and a link.
pub const DIGEST_LINES: usize = 50;
const SUBJECT_CHARS: usize = 120;

/// A mail, ready to be frozen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

#[derive(Debug, Error)]
pub enum RenderFault {
    /// An empty digest is never sent.
    #[error("there is nothing to say")]
    Empty,
    #[error("a template is at fault: {0}")]
    Template(#[from] minijinja::Error),
}

/// A digest as a mail. `Empty` where no group has a line; the week's overview is sent also where all is well: that it
/// comes shows that reminders work.
pub fn render_digest(templates: &Templates, digest: &Digest) -> Result<Rendered, RenderFault> {
    let lang = digest.lang;
    let groups = groups(digest);
    if digest.week.is_none() && groups.iter().all(|(_, group)| group.lines.is_empty()) {
        return Err(RenderFault::Empty);
    }
    let undelivered_total = digest.week.as_ref().map_or(0, |week| week.undelivered_total);
    let mut totals = wording::totals(groups.iter().map(|(heading, group)| (*heading, group)));
    totals.push((Heading::Undelivered, undelivered_total));
    let counts = wording::counts(lang, &totals);
    let week = digest.week.as_ref().map(|week| wording::week(lang, week.from, week.to));
    let subject = subject(lang, &wording::digest_in_subject(lang, week.as_deref(), &counts));
    let (sections, unlisted) = sections(lang, &groups);
    let undelivered = digest.week.iter().flat_map(|week| &week.undelivered).take(DIGEST_LINES);
    let undelivered: Vec<_> = undelivered.map(|mail| UndeliveredView::new(lang, mail)).collect();
    let page = DigestView {
        subject: &subject,
        recipient: &clean_line(&digest.recipient_name, 64),
        office: &clean_line(&digest.office_name, 64),
        date: &wording::date(lang, digest.date),
        week,
        base_url: &digest.base_url,
        list_url: &digest.list_url,
        undelivered_heading: numbered(lang, sections.len(), &Heading::Undelivered.counted(lang, undelivered_total)),
        undelivered_unlisted: undelivered_total.saturating_sub(undelivered.len()),
        undelivered,
        sections,
        unlisted,
    };
    finish(templates, lang, "digest", &page, subject.clone())
}

/// What the digest and its week list, each subject once: first what the overview counts, then the reader's own rest.
fn groups(digest: &Digest) -> Vec<(Heading, Group)> {
    let week = digest.week.as_ref();
    let mut groups = vec![(Heading::Overdue, joined(&digest.overdue, week.map(|week| &week.overdue)))];
    if let Some(week) = week {
        groups.push((Heading::DueThisWeek, week.due_this_week.clone()));
        groups.push((Heading::ToReview, week.waiting_for_review.clone()));
    }
    groups.extend([
        (Heading::DueToday, digest.due_today.clone()),
        (Heading::DueSoon, digest.due_soon.clone()),
        (Heading::ToAcknowledge, digest.to_acknowledge.clone()),
        (Heading::Others, digest.others.clone()),
    ]);
    each_once(&mut groups);
    groups
}

/// The reader's own lines, then what else there is of the kind; the whole counts what it doesn't list as well.
fn joined(own: &Group, whole: Option<&Group>) -> Group {
    let Some(whole) = whole else { return own.clone() };
    let held: HashSet<&str> = own.lines.iter().map(|line| line.reference.as_str()).collect();
    let others = whole.lines.iter().filter(|line| !held.contains(line.reference.as_str()));
    Group { lines: own.lines.iter().chain(others).cloned().collect(), total: whole.total.max(own.total) }
}

/// An act as a mail.
pub fn render_at_once(templates: &Templates, at_once: &AtOnce) -> Result<Rendered, RenderFault> {
    let lang = at_once.lang;
    let reference = clean_line(&at_once.reference, 64);
    let title = clean_line(&at_once.title, 500);
    let act = wording::act_in_subject(lang, at_once.act);
    let subject = subject(lang, &format!("{act} {reference}{}{title}", lang.pick("：", ": ")));
    let office = clean_line(&at_once.office_name, 64);
    let standing = at_once.standing.map(|standing| {
        let (mark, colour) = wording::mark(standing);
        StandingView { words: wording::standing(lang, standing), mark, colour }
    });
    let page = AtOnceView {
        subject: &subject,
        recipient: &clean_line(&at_once.recipient_name, 64),
        office: &office,
        base_url: &at_once.base_url,
        what_happened: &wording::what_happened(lang, at_once.act, &office),
        reference: &reference,
        title: &title,
        unit: &clean_line(&at_once.unit, 120),
        due: at_once.due_on.map(|on| wording::date(lang, on)),
        standing,
        reason_label: wording::reason_label(lang, at_once.act),
        reason: paragraphs(at_once.reason.as_deref().unwrap_or_default()),
        next: wording::next_step(lang, at_once.next),
        notes: at_once.notes.iter().map(|note| wording::note(lang, *note)).collect(),
        link: at_once.link.as_deref(),
    };
    finish(templates, lang, "at_once", &page, subject.clone())
}

/// Keeps the first line about each subject; what is taken away is taken off the total too.
fn each_once(groups: &mut [(Heading, Group)]) {
    let mut seen = HashSet::new();
    for (_, group) in groups {
        let before = group.lines.len();
        group.total = group.total.max(before);
        group.lines.retain(|line| seen.insert((line.about, line.reference.clone())));
        group.total -= before - group.lines.len();
    }
}

/// The groups that have lines, at most `DIGEST_LINES` in all, and how many lines are left out.
fn sections(lang: Lang, groups: &[(Heading, Group)]) -> (Vec<SectionView>, usize) {
    let mut room = DIGEST_LINES;
    let mut unlisted = 0;
    let mut sections = Vec::new();
    for (heading, group) in groups.iter().filter(|(_, group)| group.total > 0) {
        let lines: Vec<_> = group.lines.iter().take(room).map(|line| LineView::new(lang, line)).collect();
        room -= lines.len();
        unlisted += group.total - lines.len();
        // A heading with nothing under it only puzzles: the subject counts the group, the link leads to it.
        if !lines.is_empty() {
            let heading = numbered(lang, sections.len(), &heading.counted(lang, group.total));
            sections.push(SectionView { heading, lines });
        }
    }
    (sections, unlisted)
}

/// Chinese documents number their headings, English mails don't.
fn numbered(lang: Lang, index: usize, heading: &str) -> String {
    match lang {
        Lang::Zh => format!("{}、{heading}", wording::ordinal_zh(index)),
        Lang::En => heading.to_owned(),
    }
}

fn subject(lang: Lang, rest: &str) -> String {
    clean_line(&format!("{}{rest}", wording::prefix(lang)), SUBJECT_CHARS)
}

/// A reason keeps its paragraphs.
fn paragraphs(text: &str) -> Vec<String> {
    text.lines().map(|line| clean_line(line, 4_000)).filter(|line| !line.is_empty()).collect()
}

fn finish<V: Serialize>(
    templates: &Templates,
    lang: Lang,
    name: &str,
    page: &V,
    subject: String,
) -> Result<Rendered, RenderFault> {
    let (text, html) = layout::fill(templates, lang, name, page)?;
    Ok(Rendered { subject, text, html })
}

#[derive(Serialize)]
struct SectionView {
    heading: String,
    lines: Vec<LineView>,
}

#[derive(Serialize)]
struct DigestView<'a> {
    subject: &'a str,
    recipient: &'a str,
    office: &'a str,
    date: &'a str,
    /// Of a weekly overview.
    week: Option<String>,
    base_url: &'a str,
    list_url: &'a str,
    sections: Vec<SectionView>,
    unlisted: usize,
    undelivered_heading: String,
    undelivered: Vec<UndeliveredView>,
    undelivered_unlisted: usize,
}

#[derive(Serialize)]
struct StandingView {
    words: String,
    mark: &'static str,
    colour: &'static str,
}

#[derive(Serialize)]
struct AtOnceView<'a> {
    subject: &'a str,
    recipient: &'a str,
    office: &'a str,
    base_url: &'a str,
    what_happened: &'a str,
    reference: &'a str,
    title: &'a str,
    unit: &'a str,
    due: Option<String>,
    standing: Option<StandingView>,
    reason_label: &'a str,
    reason: Vec<String>,
    next: &'a str,
    notes: Vec<String>,
    link: Option<&'a str>,
}

#[derive(Serialize)]
struct UndeliveredView {
    recipient: String,
    subject: String,
    queued_on: String,
    reason: String,
    link: String,
}

impl UndeliveredView {
    fn new(lang: Lang, mail: &UndeliveredMail) -> Self {
        Self {
            recipient: clean_line(&mail.recipient, 254),
            subject: clean_line(&mail.subject, SUBJECT_CHARS),
            queued_on: wording::date(lang, mail.queued_on),
            reason: clean_line(&mail.reason, 500),
            link: mail.link.clone(),
        }
    }
}
