//! One mail that nobody is owed, sent now: do these settings deliver? For `rectify mail test`; the queue knows nothing of it.

use super::message::{Address, Letter, MessageFault, freeze};
use super::outcome::{DeliveryResult, Outcome};
use super::record::is_channel_fault;
use super::sender::Sender;
use super::transcript::Listener;
use super::transports::{Parcel, Transport};
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use crate::text_enum;
use std::path::PathBuf;
use uuid::Uuid;

text_enum! {
    /// What the outcome would have meant for a message of the queue.
    Meaning {
        Sent = "sent",
        /// Tried again by itself.
        Retry = "retry",
        /// Refused for good.
        Dead = "dead",
        /// Sent, unanswered: sent once more, then given up.
        Uncertain = "uncertain",
        /// Sending pauses, and every message waits.
        ChannelFault = "channel_fault",
    }
}

impl Meaning {
    fn of(outcome: &Outcome) -> Self {
        match outcome.result {
            _ if is_channel_fault(outcome) => Self::ChannelFault,
            DeliveryResult::Sent => Self::Sent,
            DeliveryResult::Retry => Self::Retry,
            DeliveryResult::Dead => Self::Dead,
            DeliveryResult::Uncertain => Self::Uncertain,
            DeliveryResult::ChannelFault => Self::ChannelFault,
        }
    }
}

/// Who gets it, from whom, and in which language.
#[derive(Debug, Clone, Copy)]
pub struct Addressee<'a> {
    pub address: &'a str,
    pub lang: Lang,
    /// The office's name.
    pub office: &'a str,
    /// The right side of its Message-ID.
    pub domain: &'a str,
}

/// What came of it.
#[derive(Debug)]
pub struct Trial {
    pub message_id: String,
    pub outcome: Outcome,
    pub meaning: Meaning,
    /// The mail, where it was written into a folder.
    pub file: Option<PathBuf>,
}

/// Sends it; nothing where no transport is set. `listener` is told a conversation with a server line by line.
pub async fn try_out(
    sender: &Sender,
    to: Addressee<'_>,
    (id, now): (Uuid, Instant),
    listener: Listener,
) -> Result<Option<Trial>, MessageFault> {
    let mut transport = match sender.transport() {
        Transport::None => return Ok(None),
        Transport::Smtp(session) => Transport::Smtp(Box::new(session.heard_by(listener))),
        Transport::File { dir, zone } => Transport::File { dir, zone },
    };
    let bytes = freeze(&letter(sender, to, id, now))?;
    let from = &sender.from.email;
    let outcome = transport.deliver(Parcel { message_id: id, from, to: to.address, date: now, bytes: &bytes }).await;
    transport.close().await;
    let file = match &transport {
        Transport::File { dir, .. } if outcome.result == DeliveryResult::Sent => Some(dir.join(&outcome.reply)),
        Transport::File { .. } | Transport::Smtp(_) | Transport::None => None,
    };
    let meaning = Meaning::of(&outcome);
    Ok(Some(Trial { message_id: format!("<rectify.{id}@{}>", to.domain), outcome, meaning, file }))
}

fn letter(sender: &Sender, to: Addressee<'_>, id: Uuid, now: Instant) -> Letter {
    let mut from = sender.from.clone();
    if from.name.is_empty() {
        to.office.clone_into(&mut from.name);
    }
    let subject = to.lang.pick("【整改督办】测试邮件", "[rectify] Test mail");
    let words = to.lang.pick(
        "这是一封测试邮件：收到它，说明整改督办系统可以向此邮箱发信。无需处理。",
        "This is a test mail: that you read it shows that reminders can reach this mailbox. Nothing is to be done.",
    );
    Letter {
        message_id: id,
        domain: to.domain.to_owned(),
        from,
        to: Address { name: String::new(), email: to.address.to_owned() },
        subject: subject.to_owned(),
        text: format!("{words}\n"),
        html: format!("<!doctype html>\n<html lang=\"{}\">\n<p>{words}</p>\n</html>\n", to.lang),
        date: now,
        references: Vec::new(),
        ticket_reference: None,
    }
}
