//! Who was told what, who will be, and why somebody wasn't: the ledger as the office and a ticket's readers see it.

use crate::domain::actor::{Actor, Scope};
use crate::domain::calendar::start_of_day;
use crate::domain::id::{MessageId, NoticeId, ReminderId, SubjectId, TicketId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::reminder::{Facts, ReminderState, Rule, Step, Subject, Told};
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::queries::names::distinct;
use crate::queries::page::{Ask, Slice};
use crate::queries::tickets::unknown;
use crate::store::ledger::{self, NOBODY, ReminderFilter, ReminderRow};
use crate::store::recipients::{Addressed, Coordinators, Parties, Roster};
use crate::store::tickets::TicketRow;
use crate::store::units::UnitRow;
use crate::store::{notices, tickets, units, users};
use crate::text_enum;
use crate::transaction::{Outcome, Read};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Steps to come that are shown of a ticket.
const AHEAD: usize = 60;

text_enum! {
    /// What became of a reminder, or that it is to come.
    ReminderStatus {
        Planned = "planned",
        Queued = "queued",
        Sent = "sent",
        Failed = "failed",
        Skipped = "skipped",
        Cancelled = "cancelled",
    }
}

impl From<ReminderState> for ReminderStatus {
    fn from(state: ReminderState) -> Self {
        match state {
            ReminderState::Queued => Self::Queued,
            ReminderState::Sent => Self::Sent,
            ReminderState::Failed => Self::Failed,
            ReminderState::Skipped => Self::Skipped,
            ReminderState::Cancelled => Self::Cancelled,
        }
    }
}

/// One reminder to one recipient.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReminderOut {
    /// Null while it is only planned.
    #[schema(required = true)]
    pub id: Option<ReminderId>,
    pub subject: SubjectOut,
    pub rule: String,
    /// Null where the rule is gone.
    #[schema(required = true)]
    pub rule_name: Option<RuleName>,
    /// Assignment, version of the date, cycle, or the number of the event that it answers.
    pub anchor_version: i64,
    /// Of the rule, from 0.
    pub step: i32,
    /// Null where nobody is told.
    #[schema(required = true)]
    pub recipient: Option<RecipientOut>,
    /// As what they are told; of a step that nobody is told all that it asked for.
    pub audience: Vec<Told>,
    pub copy: bool,
    /// When the step comes.
    pub at: Instant,
    pub state: ReminderStatus,
    /// Why it was skipped, cancelled or failed: a word.
    #[schema(required = true)]
    pub reason: Option<String>,
    /// The rule that tells the same later.
    #[schema(required = true)]
    pub superseded_by: Option<String>,
    #[schema(required = true)]
    pub message_id: Option<MessageId>,
    /// When it was recorded.
    #[schema(required = true)]
    pub recorded_at: Option<Instant>,
    #[schema(required = true)]
    pub updated_at: Option<Instant>,
}

/// What a reminder is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SubjectOut {
    pub kind: Subject,
    /// Null for the office.
    #[schema(required = true)]
    pub id: Option<SubjectId>,
    /// A ticket's reference, a notice's code.
    #[schema(required = true)]
    pub reference: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleName {
    pub zh: String,
    pub en: String,
}

/// A person or a mailbox. To a unit's reader, others than the unit's own have neither name nor address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecipientOut {
    /// Null for a mailbox.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// The unit they are told for.
    #[schema(required = true)]
    pub unit_id: Option<UnitId>,
    #[schema(required = true)]
    pub name: Option<String>,
    /// Where they are reached now.
    #[schema(required = true)]
    pub address: Option<String>,
}

/// What a list of reminders is narrowed to. Values of one field are OR, fields AND.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReminderQuery {
    /// Id or reference.
    pub ticket: Option<String>,
    /// A user's id or login, a unit's id or code, or an address.
    pub recipient: Option<String>,
    /// First day of the steps, included.
    pub from: Option<NaiveDate>,
    /// Last day, included.
    pub to: Option<NaiveDate>,
    pub state: Vec<ReminderState>,
}

/// The ledger, the latest step first.
///
/// # Errors
/// When the reader is not of the office, or the ticket is unknown.
pub fn list(read: &mut Read<'_>, actor: &Actor, query: &ReminderQuery, ask: &Ask) -> Outcome<Slice<ReminderOut>> {
    actor.require(&Role::OFFICE)?;
    let zone = read.office.zone;
    let subject = match &query.ticket {
        None => None,
        Some(key) => {
            let row = tickets::find(read.conn, key, &actor.scope)?;
            Some(row.ok_or_else(|| Refusal::invalid(vec![unknown("ticket", key)]))?.id.into())
        }
    };
    let filter = ReminderFilter {
        subject,
        recipients: query.recipient.as_ref().map(|text| recipients(read, text)).transpose()?.unwrap_or_default(),
        states: query.state.clone(),
        from: query.from.map(|on| start_of_day(zone, on)),
        before: query.to.map(|on| start_of_day(zone, on.succ_opt().unwrap_or(on))),
    };
    let after: Option<(Instant, ReminderId)> = ask.after()?;
    let rows = ledger::list(read.conn, &filter, after, ask.fetch())?;
    let total = if ask.count { Some(ledger::count(read.conn, &filter)?) } else { None };
    let page = ask.slice(rows, total, |row| (row.step_at, row.id));
    Ok(Slice { items: shown(read, &actor.scope, page.items)?, next: page.next, total: page.total })
}

/// Where a page of a ticket's reminders ends: in the ledger, or in those to come.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Key {
    Ledger(Instant, ReminderId),
    Planned(usize),
}

/// A ticket's reminders in sight: those that came, the latest first, then those to come, the next first. What will be
/// is shown as it would be if nothing changed.
///
/// # Errors
/// When the ticket is out of sight.
pub fn of_ticket(read: &mut Read<'_>, actor: &Actor, key: &str, ask: &Ask) -> Outcome<Slice<ReminderOut>> {
    let row = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let filter = ReminderFilter { subject: Some(row.id.into()), ..ReminderFilter::default() };
    let (rows, skipped) = match ask.after::<Key>()? {
        None => (ledger::list(read.conn, &filter, None, ask.fetch())?, 0),
        Some(Key::Ledger(at, id)) => (ledger::list(read.conn, &filter, Some((at, id)), ask.fetch())?, 0),
        Some(Key::Planned(shown)) => (Vec::new(), shown),
    };
    let keys: Vec<Key> = rows.iter().map(|row| Key::Ledger(row.step_at, row.id)).collect();
    let mut all: Vec<(ReminderOut, Key)> = shown(read, &actor.scope, rows)?.into_iter().zip(keys).collect();
    let ahead = planned(read, &actor.scope, &row)?;
    let planned = i64::try_from(ahead.len()).unwrap_or(0);
    all.extend(ahead.into_iter().zip(1..).map(|(one, nth)| (one, Key::Planned(nth))).skip(skipped));
    let total = if ask.count { Some(ledger::count(read.conn, &filter)? + planned) } else { None };
    Ok(ask.slice(all, total, |(_, key)| key.clone()).map(|(one, _)| one))
}

/// The newest reminder of tickets: `tickets.last_reminder_id` as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LastReminder {
    /// When it was sent; of one that wasn't, when it was to be told.
    pub at: Instant,
    pub rule: String,
    pub state: ReminderState,
}

pub fn last_of(read: &mut Read<'_>, ids: &[ReminderId]) -> Outcome<HashMap<ReminderId, LastReminder>> {
    let rows = ledger::by_ids(read.conn, ids)?;
    let told = rows.into_iter().map(|row| {
        let at = if row.state == ReminderState::Sent { row.updated_at } else { row.step_at };
        (row.id, LastReminder { at, rule: row.rule, state: row.state })
    });
    Ok(told.collect())
}

/// Keys of those that a text means; a key that nobody has where it means nobody.
pub(super) fn recipients(read: &mut Read<'_>, text: &str) -> Outcome<Vec<String>> {
    let text = text.trim();
    let of_unit = |id: UnitId| vec![format!("unit:{id}"), format!("backup:{id}")];
    if let Ok(id) = text.parse::<UserId>() {
        return Ok(match users::find(read.conn, id)? {
            Some(user) => vec![format!("user:{}", user.id)],
            None => of_unit(UnitId(id.0)),
        });
    }
    let mut keys = Vec::new();
    if text.contains('@') {
        let (people, mailboxes) = (users::by_address(read.conn, text)?, units::by_address(read.conn, text)?);
        keys.extend(people.into_iter().map(|id| format!("user:{id}")));
        keys.extend(mailboxes.into_iter().flat_map(of_unit));
    } else if let Some(user) = users::find_by_login(read.conn, text)? {
        keys.push(format!("user:{}", user.id));
    } else if let Some(unit) = units::find_by_code(read.conn, text)? {
        keys.extend(of_unit(unit.id));
    }
    if keys.is_empty() {
        keys.push(format!("user:{text}"));
    }
    Ok(keys)
}

/// Rows with what they name, in as few queries as there are kinds of names.
pub(super) fn shown(read: &mut Read<'_>, scope: &Scope, rows: Vec<ReminderRow>) -> Outcome<Vec<ReminderOut>> {
    let of = |kind: Subject| distinct(rows.iter().filter(|row| row.subject_kind == kind).map(|row| row.subject_id));
    let ids: Vec<TicketId> = of(Subject::Ticket).into_iter().map(|id| id.0.into()).collect();
    let mut names: HashMap<SubjectId, String> =
        tickets::references(read.conn, &ids)?.into_iter().map(|(id, reference)| (id.into(), reference)).collect();
    let ids: Vec<NoticeId> = of(Subject::Notice).into_iter().map(|id| id.0.into()).collect();
    names.extend(notices::by_ids(read.conn, &ids)?.into_iter().map(|row| (row.id.into(), row.code)));
    let people = People::load(read, rows.iter().map(|row| (row.recipient_user_id, row.recipient_unit_id)))?;
    let rules = Arc::clone(&read.rules);
    let shown = rows.into_iter().map(|row| {
        let (reason, superseded_by) = match row.reason.as_deref().and_then(|text| text.split_once(':')) {
            Some((reason, by)) => (Some(reason.to_owned()), Some(by.to_owned())),
            None => (row.reason.clone(), None),
        };
        let is_told = row.recipient != NOBODY;
        let recipient = is_told.then(|| people.recipient(&row.recipient, row.recipient_user_id, row.recipient_unit_id));
        ReminderOut {
            id: Some(row.id),
            subject: SubjectOut {
                kind: row.subject_kind,
                id: (row.subject_kind != Subject::Office).then_some(row.subject_id),
                reference: names.get(&row.subject_id).cloned(),
            },
            rule_name: rule_name(&rules, &row.rule),
            rule: row.rule,
            anchor_version: row.anchor_version,
            step: Rule::index_of(row.step).into(),
            recipient: recipient.map(|one| in_sight(scope, one)),
            audience: row.audience.split(' ').filter_map(|word| word.parse().ok()).collect(),
            copy: row.copy,
            at: row.step_at,
            state: row.state.into(),
            reason,
            superseded_by,
            message_id: row.message_id.filter(|_| *scope == Scope::All),
            recorded_at: Some(row.created_at),
            updated_at: Some(row.updated_at),
        }
    });
    Ok(shown.collect())
}

/// The steps that a ticket's state has ahead, with those who would be told today; the next first.
fn planned(read: &mut Read<'_>, scope: &Scope, row: &TicketRow) -> Outcome<Vec<ReminderOut>> {
    let (office, rules, now) = (Arc::clone(&read.office), Arc::clone(&read.rules), read.now);
    let co_unit_ids = tickets::co_units_of(read.conn, &[row.id])?.into_iter().map(|(_, unit)| unit).collect();
    let ticket = row.ticket(co_unit_ids);
    let facts = Facts::of_ticket(&ticket, office.zone, now);
    let steps = office.planner(&rules).all_steps(&facts, now);
    let parties = Parties { lead: Some(ticket.unit_id), co: ticket.co_unit_ids, ..Parties::default() };
    let today = office.today(now);
    let roster = Roster::load(read.conn, parties.units(), Coordinators::Asked, (today, Lang::Zh))?;
    let mut all = Vec::new();
    for step in steps.into_iter().filter(|step| step.at > now).take(AHEAD) {
        let Some(rule) = rules.iter().find(|rule| rule.code == step.rule) else { continue };
        let asked: Vec<(Told, bool)> =
            rule.addressed(step.index).into_iter().map(|(who, copy)| (Told::from(who), copy)).collect();
        let told = roster.addressed(&asked, &parties);
        all.extend(told.into_iter().map(|one| ahead(scope, row, (rule, &step), one)));
    }
    Ok(all)
}

fn ahead(scope: &Scope, row: &TicketRow, (rule, step): (&Rule, &Step), one: Addressed) -> ReminderOut {
    let recipient = RecipientOut {
        user_id: one.to.user_id,
        unit_id: one.to.unit_id,
        name: Some(one.to.name),
        address: Some(one.to.address),
    };
    ReminderOut {
        id: None,
        subject: SubjectOut { kind: Subject::Ticket, id: Some(row.id.into()), reference: Some(row.reference.clone()) },
        rule: rule.code.clone(),
        rule_name: Some(RuleName { zh: rule.name_zh.clone(), en: rule.name_en.clone() }),
        anchor_version: step.anchor_version,
        step: step.index.into(),
        recipient: Some(in_sight(scope, recipient)),
        audience: vec![one.told],
        copy: one.copy,
        at: step.at,
        state: ReminderStatus::Planned,
        reason: None,
        superseded_by: None,
        message_id: None,
        recorded_at: None,
        updated_at: None,
    }
}

pub(super) fn rule_name(rules: &[Rule], code: &str) -> Option<RuleName> {
    let rule = rules.iter().find(|rule| rule.code == code)?;
    Some(RuleName { zh: rule.name_zh.clone(), en: rule.name_en.clone() })
}

/// A unit's reader is told of other units' and the office's people only that there was somebody.
fn in_sight(scope: &Scope, one: RecipientOut) -> RecipientOut {
    let is_own = match scope {
        Scope::All => true,
        Scope::Units(own) => one.unit_id.is_some_and(|unit| own.contains(&unit)),
    };
    if is_own { one } else { RecipientOut { user_id: None, name: None, address: None, ..one } }
}

/// Names and addresses of recipients, as they are now.
pub(super) struct People {
    users: BTreeMap<UserId, (String, Option<String>)>,
    units: BTreeMap<UnitId, UnitRow>,
}

impl People {
    pub(super) fn load(
        read: &mut Read<'_>,
        ids: impl Iterator<Item = (Option<UserId>, Option<UnitId>)>,
    ) -> Outcome<Self> {
        let (people, mailboxes): (Vec<_>, Vec<_>) = ids.unzip();
        let mut users_by_id = BTreeMap::new();
        for chunk in distinct(people.into_iter().flatten()).chunks(1_000) {
            let rows = users::by_ids(read.conn, chunk)?;
            users_by_id.extend(rows.into_iter().map(|row| (row.id, (row.name, row.email))));
        }
        let mut units_by_id = BTreeMap::new();
        for chunk in distinct(mailboxes.into_iter().flatten()).chunks(1_000) {
            units_by_id.extend(units::by_ids(read.conn, chunk)?.into_iter().map(|row| (row.id, row)));
        }
        Ok(Self { users: users_by_id, units: units_by_id })
    }

    /// The one that the ledger and the outbox know by this key.
    pub(super) fn recipient(&self, key: &str, user: Option<UserId>, unit: Option<UnitId>) -> RecipientOut {
        let (name, address) = match user {
            Some(id) => self.users.get(&id).cloned().map_or((None, None), |(name, email)| (Some(name), email)),
            None => unit.and_then(|id| self.units.get(&id)).map_or((None, None), |row| {
                let is_backup = key.starts_with("backup:");
                let address = if is_backup { row.backup_mailbox.clone() } else { row.mailbox.clone() };
                (Some(row.name.clone()), address)
            }),
        };
        RecipientOut { user_id: user, unit_id: unit, name, address }
    }
}
