//! The outbox as the office sees it: each mail, what it tells, and every try to deliver it.

use crate::domain::actor::{Actor, Scope};
use crate::domain::id::MessageId;
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::reminder::{MessageKind, MessageState};
use crate::domain::vocabulary::Role;
use crate::queries::page::{Ask, Slice};
use crate::queries::reminders::{self, People, RecipientOut, ReminderOut};
use crate::store::ledger;
use crate::store::outbox::{self, AttemptRow, MessageFilter, MessageRow, Pause};
use crate::transaction::{Outcome, Read};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Reminders that are shown with a message; a digest has a line for each.
const LINES: i64 = 500;

/// A mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageOut {
    pub id: MessageId,
    pub kind: MessageKind,
    /// Of an at-once mail and of the overview; a digest tells of several.
    #[schema(required = true)]
    pub rule: Option<String>,
    pub recipient: RecipientOut,
    /// Where it was written for; null while it isn't written.
    #[schema(required = true)]
    pub address: Option<String>,
    #[schema(required = true)]
    pub subject: Option<String>,
    pub state: MessageState,
    /// Why it is dead or cancelled: a word.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// When it is tried next.
    #[schema(required = true)]
    pub next_at: Option<Instant>,
    pub attempts: i32,
    #[schema(required = true)]
    pub last_attempt: Option<AttemptOut>,
    pub created_at: Instant,
    #[schema(required = true)]
    pub sent_at: Option<Instant>,
    pub version: i64,
}

/// One try to deliver it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AttemptOut {
    pub no: i32,
    pub at: Instant,
    /// `host:port`, a folder, or nothing where it is unknown.
    pub server: String,
    /// Where it ended: connect, greeting, ehlo, starttls, tls, auth, mail, rcpt, data, body, dot, file, unknown.
    pub phase: String,
    #[schema(required = true)]
    pub code: Option<i32>,
    pub reply: String,
    /// `sent`, `retry`, `dead`, `uncertain`, `channel_fault`
    pub result: String,
}

impl From<AttemptRow> for AttemptOut {
    fn from(row: AttemptRow) -> Self {
        Self {
            no: row.no,
            at: row.at,
            server: row.server,
            phase: row.phase,
            code: row.code,
            reply: row.reply,
            result: row.result,
        }
    }
}

/// A mail with all that is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MessageDetails {
    #[serde(flatten)]
    pub message: MessageOut,
    /// Oldest first.
    pub log: Vec<AttemptOut>,
    /// What it tells.
    pub reminders: Vec<ReminderOut>,
}

/// What a list of messages is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    pub state: Vec<MessageState>,
    /// A user's id or login, a unit's id or code, or an address.
    pub recipient: Option<String>,
}

/// Newest first.
///
/// # Errors
/// When the reader is not of the office.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &MessageQuery, ask: &Ask) -> Outcome<Slice<MessageOut>> {
    actor.require(&Role::OFFICE)?;
    let recipients = query.recipient.as_ref().map(|text| reminders::recipients(read, text)).transpose()?;
    let filter = MessageFilter { states: query.state.clone(), recipients: recipients.unwrap_or_default() };
    let before: Option<MessageId> = ask.after()?;
    let rows = outbox::list(read.conn, &filter, before, ask.fetch())?;
    let total = if ask.count { Some(outbox::count(read.conn, &filter)?) } else { None };
    let page = ask.slice(rows, total, |row| row.id);
    Ok(Slice { items: shown(read, page.items)?, next: page.next, total: page.total })
}

/// One mail, by id.
///
/// # Errors
/// When the reader is not of the office, or there is none.
pub fn get(read: &mut Read<'_>, actor: &Actor, id: MessageId) -> Outcome<MessageDetails> {
    actor.require(&Role::OFFICE)?;
    let row = outbox::find(read.conn, id)?.ok_or_else(Refusal::missing)?;
    let message = shown(read, vec![row])?.pop().ok_or_else(Refusal::missing)?;
    let log = outbox::attempts_of(read.conn, id)?.into_iter().map(AttemptOut::from).collect();
    let lines = ledger::of_message(read.conn, id, LINES)?;
    Ok(MessageDetails { message, log, reminders: reminders::shown(read, &Scope::All, lines)? })
}

/// The mail as it went over the wire; `None` while it isn't written.
///
/// # Errors
/// When the reader is not of the office.
pub fn raw(read: &mut Read<'_>, actor: &Actor, id: MessageId) -> Outcome<Option<Vec<u8>>> {
    actor.require(&Role::OFFICE)?;
    Ok(outbox::raw(read.conn, id)?)
}

/// Why no mail leaves at the moment, if none does.
pub fn pause(read: &mut Read<'_>) -> Outcome<Option<Pause>> {
    Ok(outbox::pause(read.conn)?)
}

fn shown(read: &mut Read<'_>, rows: Vec<MessageRow>) -> Outcome<Vec<MessageOut>> {
    let people = People::load(read, rows.iter().map(|row| (row.recipient_user_id, row.recipient_unit_id)))?;
    let ids: Vec<MessageId> = rows.iter().map(|row| row.id).collect();
    let mut last = outbox::last_attempts(read.conn, &ids)?;
    let shown = rows.into_iter().map(|row| MessageOut {
        id: row.id,
        kind: row.kind,
        rule: row.rule,
        recipient: people.recipient(&row.recipient, row.recipient_user_id, row.recipient_unit_id),
        address: row.address,
        subject: row.subject,
        state: row.state,
        reason: row.reason,
        next_at: row.next_at,
        attempts: row.attempts,
        last_attempt: last.remove(&row.id).map(AttemptOut::from),
        created_at: row.created_at,
        sent_at: row.sent_at,
        version: row.version,
    });
    Ok(shown.collect())
}
