//! The coordinator's week as plain data: the same lists and counts as on the desk.

use super::compose::Desk;
use super::content::{About, Group, Line, UndeliveredMail, Week};
use super::reader::{Reader, next_step, notes};
use super::render::DIGEST_LINES;
use crate::domain::actor::Scope;
use crate::domain::calendar::local_date;
use crate::domain::reminder::EndReason;
use crate::domain::standing::first_green_on;
use crate::domain::vocabulary::{Ball, State};
use crate::domain::words::Lang;
use crate::store::outbox::{self, MessageFilter};
use crate::store::tickets::{self, AsOf, TicketFilter, TicketSort};
use crate::store::{units, users};
use crate::transaction::{Outcome, Read};
use chrono::{Datelike, Days};
use std::collections::HashMap;

impl Desk<'_> {
    pub(super) fn week(&self, read: &mut Read<'_>, lang: Lang) -> Outcome<Week> {
        let today = self.today();
        let from = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into())).unwrap_or(today);
        let until = from.checked_add_days(Days::new(6)).unwrap_or(from);
        let overdue = TicketFilter { overdue: Some(true), ..TicketFilter::default() };
        let due = TicketFilter {
            overdue: Some(false),
            balls: vec![Ball::Unit],
            due_from: Some(today),
            due_to: Some(until),
            ..TicketFilter::default()
        };
        let waiting = TicketFilter { states: vec![State::Submitted], ..TicketFilter::default() };
        let dead = MessageFilter { states: outbox::UNDELIVERED.to_vec(), ..MessageFilter::default() };
        Ok(Week {
            from,
            to: until,
            overdue: self.group_of(read, &overdue, lang)?,
            due_this_week: self.group_of(read, &due, lang)?,
            waiting_for_review: self.group_of(read, &waiting, lang)?,
            undelivered: self.undelivered(read, &dead, lang)?,
            undelivered_total: usize::try_from(outbox::count(read.conn, &dead)?).unwrap_or(0),
        })
    }

    /// A list's first lines and its total, as the pages count it.
    fn group_of(&self, read: &mut Read<'_>, filter: &TicketFilter, lang: Lang) -> Outcome<Group> {
        let as_of = AsOf { now: read.now, first_green_on: first_green_on(&read.office, read.now) };
        let limit = i64::try_from(DIGEST_LINES).unwrap_or(0);
        let rows = tickets::list(read.conn, filter, &Scope::All, as_of, TicketSort::DueOn, None, limit)?;
        let total = tickets::count(read.conn, filter, &Scope::All, as_of)?;
        let leads: Vec<_> = rows.iter().map(|row| row.unit_id).collect();
        let names: HashMap<_, _> = units::by_ids(read.conn, &leads)?.into_iter().map(|unit| (unit.id, unit)).collect();
        let lines = rows.iter().map(|row| {
            let standing = self.standing(row);
            Line {
                about: About::Ticket,
                reference: row.reference.clone(),
                title: row.title.clone(),
                unit: names.get(&row.unit_id).map(|unit| unit.called(lang).to_owned()),
                due_on: row.due_on,
                standing,
                next: next_step(row.state, standing, Reader::Superior),
                notes: notes(row, Reader::Superior),
                link: self.ticket_url(&row.reference),
            }
        });
        Ok(Group { lines: lines.collect(), total: usize::try_from(total).unwrap_or(0) })
    }

    fn undelivered(&self, read: &mut Read<'_>, dead: &MessageFilter, lang: Lang) -> Outcome<Vec<UndeliveredMail>> {
        let limit = i64::try_from(DIGEST_LINES).unwrap_or(0);
        let rows = outbox::list(read.conn, dead, None, limit)?;
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let last = outbox::last_attempts(read.conn, &ids)?;
        let people: Vec<_> = rows.iter().filter_map(|row| row.recipient_user_id).collect();
        let people: HashMap<_, _> =
            users::by_ids(read.conn, &people)?.into_iter().map(|row| (row.id, row.name)).collect();
        let mailboxes: Vec<_> = rows.iter().filter_map(|row| row.recipient_unit_id).collect();
        let mailboxes: HashMap<_, _> = units::by_ids(read.conn, &mailboxes)?
            .into_iter()
            .map(|row| (row.id, row.called(lang).to_owned()))
            .collect();
        let told = rows.into_iter().map(|row| {
            let person = row.recipient_user_id.and_then(|id| people.get(&id));
            let name = person.or_else(|| mailboxes.get(&row.recipient_unit_id?)).cloned().unwrap_or_default();
            let words = last.get(&row.id).map(|attempt| {
                attempt.code.map_or_else(|| attempt.reply.clone(), |code| format!("{code} {}", attempt.reply))
            });
            let reason = words
                .or_else(|| row.reason.as_deref()?.parse().ok().map(|reason: EndReason| reason.name(lang).to_owned()));
            UndeliveredMail {
                recipient: row.address.map_or_else(|| name.clone(), |address| format!("{name} <{address}>")),
                subject: row.subject.unwrap_or_default(),
                queued_on: local_date(self.dossier.office.zone, row.since.min(row.created_at)),
                reason: reason.unwrap_or_default(),
                link: format!("{}/mail/{}", self.base_url, row.id),
            }
        });
        Ok(told.collect())
    }
}
