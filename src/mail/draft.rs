//! From a claimed message to bytes: what is left of it is composed, rendered and frozen once.

use super::amend::Prepared;
use super::check::{Dossier, Judged, Verdict};
use super::compose::{Composed, Desk, compose};
use super::message::{Address, Letter, freeze};
use super::render::Rendered;
use super::sender::Sender;
use super::templates::Templates;
use crate::domain::id::{MessageId, TicketId};
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use crate::store::outbox::{self, Frozen, MessageRow};
use crate::transaction::{Outcome, Read, World};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A message that may be sent now.
pub(super) struct Ready {
    pub message: MessageRow,
    pub from: String,
    pub to: String,
    pub bytes: Vec<u8>,
    /// The letter's date.
    pub date: Instant,
}

/// A message that was checked, with what it is to say where it has no bytes yet.
pub(super) struct Draft {
    message: MessageRow,
    judged: Judged,
    composed: Composed,
    raw: Option<Vec<u8>>,
    from: Address,
}

/// Judges each message, and composes those that have no bytes.
pub(super) fn check(
    read: &mut Read<'_>,
    world: &World,
    sender: &Sender,
    messages: Vec<MessageRow>,
) -> Outcome<Vec<Draft>> {
    let dossier = Dossier::load(read, &messages, sender.lang)?;
    let desk = Desk { dossier: &dossier, base_url: &world.base_url };
    let mut all = Vec::with_capacity(messages.len());
    for message in messages {
        let judged = dossier.judge(&message);
        let (mut composed, mut raw) = (Composed::default(), None);
        let to = judged.to.clone();
        match (judged.verdict, &to) {
            (Verdict::Write, Some(to)) => composed = compose(read, &desk, &message, &judged, to)?,
            (Verdict::Send, _) => raw = outbox::raw(read.conn, message.id)?,
            (Verdict::Write | Verdict::Replace | Verdict::Drop, _) => {}
        }
        let lang = to.map_or(sender.lang, |to| to.lang);
        all.push(Draft { message, judged, composed, raw, from: from(sender, &dossier, lang) });
    }
    Ok(all)
}

fn from(sender: &Sender, dossier: &Dossier, lang: Lang) -> Address {
    let mut from = sender.from.clone();
    if from.name.is_empty() {
        lang.pick(&dossier.office.name_zh, &dossier.office.name_en).clone_into(&mut from.name);
    }
    from
}

impl Draft {
    /// Its bytes: those it has, or those it gets now. A panic costs this message and no other.
    pub fn write(self, templates: &Templates, domain: &str, now: Instant) -> (Prepared, Option<Ready>) {
        let Self { message, judged, composed, raw, from } = self;
        let Composed { content, ticket } = composed;
        let written = match (&content, &judged.to) {
            (Some(content), Some(to)) => {
                let to = Address { name: to.name.clone(), email: to.address.clone() };
                Some(unless_it_panics(|| {
                    let rendered = content.render(templates).map_err(|fault| fault.to_string())?;
                    letter(message.id, rendered, ticket, (from.clone(), to), (domain, now))
                }))
            }
            (Some(_) | None, _) => None,
        };
        let bytes = raw.or_else(|| written.as_ref()?.as_ref().ok().map(|frozen| frozen.raw.clone()));
        let to = judged.to.as_ref().map(|to| to.address.clone());
        let ready = bytes.zip(to).map(|(bytes, to)| Ready {
            message: MessageRow { address: Some(to.clone()), ..message.clone() },
            from: from.email.clone(),
            to,
            date: message.rendered_at.unwrap_or(now),
            bytes,
        });
        (Prepared { message, judged, written }, ready)
    }
}

fn unless_it_panics<T>(write: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(write)).unwrap_or_else(|_panic| Err("writing it panicked".to_owned()))
}

fn letter(
    id: MessageId,
    rendered: Rendered,
    ticket: Option<(TicketId, String)>,
    (from, to): (Address, Address),
    (domain, now): (&str, Instant),
) -> Result<Frozen, String> {
    let address = to.email.clone();
    let (root, reference) = ticket.map_or((None, None), |(id, reference)| (Some(id), Some(reference)));
    let letter = Letter {
        message_id: id.0,
        domain: domain.to_owned(),
        from,
        to,
        subject: rendered.subject.clone(),
        text: rendered.text,
        html: rendered.html,
        date: now,
        references: root.map(|id| format!("<rectify.ticket.{id}@{domain}>")).into_iter().collect(),
        ticket_reference: reference,
    };
    let raw = freeze(&letter).map_err(|fault| fault.to_string())?;
    Ok(Frozen { address, subject: rendered.subject, raw, at: now })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_writing_is_that_mails_fault() {
        let fault = unless_it_panics::<Frozen>(|| {
            Err(["a line"].iter().skip(1).map(|line| line.len()).max().unwrap().to_string())
        });
        assert_eq!(fault.err().as_deref(), Some("writing it panicked"));
    }
}
