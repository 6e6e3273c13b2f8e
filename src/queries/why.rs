//! "Why did, or didn't, this person get a mail on this ticket?": one answer, in the reader's language.

use crate::domain::actor::{Actor, Scope};
use crate::domain::id::{MessageId, UnitId, UserId};
use crate::domain::instant::Instant;
use crate::domain::refusal::Refusal;
use crate::domain::reminder::why::{Because, NotTold, Question, Recorded};
use crate::domain::reminder::{Facts, MessageState, ReminderState, Rule, Step, Subject, Told};
use crate::domain::words::Lang;
use crate::queries::messages::AttemptOut;
use crate::queries::reminders::{RecipientOut, ReminderOut, RuleName, SubjectOut, recipients, rule_name, shown};
use crate::store::ledger::{self, NOBODY, ReminderFilter, ReminderRow};
use crate::store::outbox::{self, AttemptRow};
use crate::store::recipients::{Coordinators, Parties, Roster};
use crate::store::tickets::{self, TicketRow};
use crate::store::{units, users};
use crate::transaction::{Outcome, Read};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Rows of one ticket's ledger that are looked at; more no ticket has.
const ROWS: i64 = 5_000;

/// Whose mails on which ticket.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyQuery {
    /// Id or reference.
    pub ticket: String,
    /// A user's id or login, a unit's id or code, or an address.
    pub recipient: String,
}

/// The answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WhyOut {
    pub ticket: SubjectOut,
    pub recipient: RecipientOut,
    /// What they are to the ticket today; empty where no rule tells them of it.
    pub roles: Vec<Told>,
    /// The latest first.
    pub told: Vec<ToldOut>,
    /// Every step that has come and was not told to them, the latest first.
    pub not_told: Vec<NotToldOut>,
    /// The next step that will tell them, if nothing changes.
    #[schema(required = true)]
    pub next: Option<NextOut>,
    /// All of it in a sentence or two.
    pub words: String,
}

/// A reminder that they got.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ToldOut {
    #[serde(flatten)]
    pub reminder: ReminderOut,
    /// The last try to deliver its mail; the office's to see.
    #[schema(required = true)]
    pub attempt: Option<AttemptOut>,
    pub words: String,
}

/// A step of which they were not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotToldOut {
    pub rule: String,
    #[schema(required = true)]
    pub rule_name: Option<RuleName>,
    pub step: u16,
    pub at: Instant,
    /// `not_in_audience`, `superseded`, `refused`, `rule_off` …: why, as a word.
    pub reason: String,
    #[schema(required = true)]
    pub superseded_by: Option<String>,
    /// The mail that was to tell it; the office's to see.
    #[schema(required = true)]
    pub message_id: Option<MessageId>,
    #[schema(required = true)]
    pub attempt: Option<AttemptOut>,
    pub words: String,
    /// The reason in words, for a page that names the rest itself.
    #[serde(skip)]
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextOut {
    pub rule: String,
    #[schema(required = true)]
    pub rule_name: Option<RuleName>,
    pub step: u16,
    pub at: Instant,
}

/// One who may be asked about: value of `WhyQuery::recipient`, and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub value: String,
    pub name: String,
    pub told: Told,
}

/// # Errors
/// When ticket or recipient is out of the reader's sight: to a unit all people but its own are.
pub fn why(read: &mut Read<'_>, actor: &Actor, query: &WhyQuery, lang: Lang) -> Outcome<WhyOut> {
    let row = tickets::find(read.conn, query.ticket.trim(), &actor.scope)?.ok_or_else(Refusal::missing)?;
    let (keys, recipient) = known(read, &actor.scope, &query.recipient)?;
    let (office, rules, now) = (Arc::clone(&read.office), Arc::clone(&read.rules), read.now);
    let (parties, facts) = watched(read, &row)?;
    let roster = Roster::load(read.conn, parties.units(), Coordinators::Asked, (office.today(now), Lang::Zh))?;
    let roles: Vec<Told> = Told::ALL.iter().copied().filter(|told| is_among(&roster, *told, &parties, &keys)).collect();
    let filter = ReminderFilter { subject: Some(row.id.into()), ..ReminderFilter::default() };
    let rows = ledger::list(read.conn, &filter, None, ROWS)?;
    let mails = Mails::load(read, &actor.scope, rows.iter().filter(|row| keys.contains(&row.recipient)))?;
    let recorded: Vec<Recorded> = rows.iter().map(|row| recorded(row, &keys, &mails)).collect();
    let planner = office.planner(&rules);
    let question = Question { planner: &planner, facts: &facts, now, roles: &roles, ledger: &recorded };
    let teller = Teller { lang, zone: office.zone, rules: &rules };

    let theirs = |row: &ReminderRow| keys.contains(&row.recipient);
    let sent: Vec<ReminderRow> =
        rows.iter().filter(|row| theirs(row) && row.state == ReminderState::Sent).cloned().collect();
    let attempts: Vec<Option<AttemptOut>> = sent.iter().map(|row| mails.attempt(row.message_id)).collect();
    let told: Vec<ToldOut> = shown(read, &actor.scope, sent)?
        .into_iter()
        .zip(attempts)
        .map(|(reminder, attempt)| ToldOut { words: teller.told(&reminder), reminder, attempt })
        .collect();
    let mut not_told: Vec<NotToldOut> = question
        .not_told()
        .into_iter()
        .map(|one| {
            let own = rows.iter().filter(|row| theirs(row)).find(|row| is_of(row, &one.step));
            let mail = own.and_then(|row| row.message_id);
            NotToldOut {
                message_id: mail.filter(|_| actor.scope == Scope::All),
                attempt: mails.attempt(mail),
                ..teller.not_told(one)
            }
        })
        .collect();
    not_told.reverse();
    let next = question.next().map(|step| teller.next(step));
    let name = recipient.name.clone().unwrap_or_default();
    let words = teller.summary(&name, &row.reference, &roles, (&told, &not_told), next.as_ref());
    let ticket = SubjectOut { kind: Subject::Ticket, id: Some(row.id.into()), reference: Some(row.reference) };
    Ok(WhyOut { ticket, recipient, roles, told, not_told, next, words })
}

/// Those whom some rule may tell of a ticket, as far as the reader sees them.
///
/// # Errors
/// When the ticket is out of sight.
pub fn candidates(read: &mut Read<'_>, actor: &Actor, key: &str) -> Outcome<Vec<Candidate>> {
    let row = tickets::find(read.conn, key, &actor.scope)?.ok_or_else(Refusal::missing)?;
    let (parties, _) = watched(read, &row)?;
    let today = read.office.today(read.now);
    let roster = Roster::load(read.conn, parties.units(), Coordinators::Asked, (today, Lang::Zh))?;
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for told in Told::ALL.iter().copied() {
        for to in roster.told(told, &parties) {
            let value = to.user_id.map(|id| id.to_string()).or_else(|| to.unit_id.map(|id| id.to_string()));
            let in_sight = actor.scope == Scope::All || to.unit_id.is_some_and(|unit| actor.scope.sees(&[unit]));
            if let Some(value) = value.filter(|value| in_sight && seen.insert(value.clone())) {
                found.push(Candidate { value, name: to.name, told });
            }
        }
    }
    Ok(found)
}

fn watched(read: &mut Read<'_>, row: &TicketRow) -> Outcome<(Parties, Facts)> {
    let co: Vec<UnitId> = tickets::co_units_of(read.conn, &[row.id])?.into_iter().map(|(_, unit)| unit).collect();
    let first_tick = ledger::first_tick(read.conn)?.unwrap_or(read.now);
    let facts = Facts::of_ticket(&row.ticket(co.clone()), read.office.zone, first_tick);
    Ok((Parties { lead: Some(row.unit_id), co, ..Parties::default() }, facts))
}

fn is_among(roster: &Roster, told: Told, parties: &Parties, keys: &[String]) -> bool {
    roster.told(told, parties).iter().any(|one| keys.contains(&one.key))
}

/// Whom a text means, in sight: their keys in the ledger, and the first of them as the reader sees them.
fn known(read: &mut Read<'_>, scope: &Scope, text: &str) -> Outcome<(Vec<String>, RecipientOut)> {
    let mut keys = Vec::new();
    let mut first = None;
    for key in recipients(read, text)? {
        let found = match key.split_once(':') {
            Some(("user", id)) => match id.parse::<UserId>() {
                Ok(id) => users::find(read.conn, id)?.map(|user| RecipientOut {
                    user_id: Some(user.id),
                    unit_id: user.unit_id,
                    name: Some(user.name),
                    address: user.email,
                }),
                Err(_not_an_id) => None,
            },
            Some((_, id)) => units::find_by_key(read.conn, id)?.map(|unit| RecipientOut {
                user_id: None,
                unit_id: Some(unit.id),
                name: Some(unit.name),
                address: unit.mailbox,
            }),
            None => None,
        };
        let in_sight = |one: &RecipientOut| *scope == Scope::All || one.unit_id.is_some_and(|unit| scope.sees(&[unit]));
        if let Some(found) = found.filter(in_sight) {
            keys.push(key);
            first.get_or_insert(found);
        }
    }
    Ok((keys, first.ok_or_else(Refusal::missing)?))
}

fn is_of(row: &ReminderRow, step: &Step) -> bool {
    row.rule == step.rule
        && row.anchor_version == step.anchor_version
        && Rule::index_of(row.step) == step.index
        && row.step_at == step.at
}

fn recorded(row: &ReminderRow, keys: &[String], mails: &Mails) -> Recorded {
    Recorded {
        step: Step {
            rule: row.rule.clone(),
            anchor_version: row.anchor_version,
            index: Rule::index_of(row.step),
            at: row.step_at,
        },
        number: row.step,
        theirs: keys.contains(&row.recipient),
        audience: row.audience.split(' ').filter_map(|word| word.parse().ok()).collect(),
        nobody: row.recipient == NOBODY,
        state: row.state,
        reason: row.reason.clone(),
        mail: row.message_id.and_then(|id| mails.states.get(&id).copied()),
    }
}

/// How the mails of some rows stand. Tries to deliver them are the office's to see.
struct Mails {
    states: HashMap<MessageId, MessageState>,
    attempts: HashMap<MessageId, AttemptRow>,
}

impl Mails {
    fn load<'a>(read: &mut Read<'_>, scope: &Scope, rows: impl Iterator<Item = &'a ReminderRow>) -> Outcome<Self> {
        let ids: HashSet<MessageId> = rows.filter_map(|row| row.message_id).collect();
        let ids: Vec<MessageId> = ids.into_iter().collect();
        let states = outbox::by_ids(read.conn, &ids)?.into_iter().map(|row| (row.id, row.state)).collect();
        let attempts = match scope {
            Scope::All => outbox::last_attempts(read.conn, &ids)?,
            Scope::Units(_) => HashMap::new(),
        };
        Ok(Self { states, attempts })
    }

    fn attempt(&self, id: Option<MessageId>) -> Option<AttemptOut> {
        self.attempts.get(&id?).cloned().map(AttemptOut::from)
    }
}

/// Puts answers into words.
struct Teller<'a> {
    lang: Lang,
    zone: Tz,
    rules: &'a [Rule],
}

impl Teller<'_> {
    fn name(&self, code: &str) -> String {
        self.rules
            .iter()
            .find(|rule| rule.code == code)
            .map_or_else(|| code.to_owned(), |rule| rule.name(self.lang).to_owned())
    }

    fn moment(&self, at: Instant) -> String {
        at.utc().with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    fn told(&self, reminder: &ReminderOut) -> String {
        let (at, rule) = (self.moment(reminder.updated_at.unwrap_or(reminder.at)), self.name(&reminder.rule));
        match self.lang {
            Lang::Zh => format!("{at} 已发送“{rule}”。"),
            Lang::En => format!("{at}: “{rule}” was sent."),
        }
    }

    fn not_told(&self, one: NotTold) -> NotToldOut {
        let why = one.because.words(self.lang, &|code| self.name(code));
        let (at, rule) = (self.moment(one.step.at), self.name(&one.step.rule));
        let words = match self.lang {
            Lang::Zh => format!("{at} “{rule}”未发：{why}。"),
            Lang::En => format!("{at}: “{rule}” was not told: {why}."),
        };
        NotToldOut {
            rule_name: rule_name(self.rules, &one.step.rule),
            reason: one.because.word().to_owned(),
            superseded_by: match one.because {
                Because::Superseded(by) => Some(by),
                Because::Waits(_)
                | Because::Ended(_)
                | Because::Skipped(_)
                | Because::NotInAudience
                | Because::OthersThen
                | Because::NotInState
                | Because::Due => None,
            },
            rule: one.step.rule,
            step: one.step.index,
            at: one.step.at,
            message_id: None,
            attempt: None,
            words,
            why,
        }
    }

    fn next(&self, step: Step) -> NextOut {
        NextOut { rule_name: rule_name(self.rules, &step.rule), rule: step.rule, step: step.index, at: step.at }
    }

    /// How often they were told, what was held back last, and what comes.
    fn summary(
        &self,
        name: &str,
        reference: &str,
        roles: &[Told],
        (told, not_told): (&[ToldOut], &[NotToldOut]),
        next: Option<&NextOut>,
    ) -> String {
        let mut parts = vec![match (told.first(), self.lang) {
            (Some(last), Lang::Zh) => {
                format!("{name}已就 {reference} 收到 {} 条提醒，最近一条：{}", told.len(), last.words)
            }
            (Some(last), Lang::En) => {
                let times = if told.len() == 1 { "once".to_owned() } else { format!("{} times", told.len()) };
                format!("{name} was told {times} of {reference}; the last: {}", last.words)
            }
            (None, Lang::Zh) => format!("{name}没有收到过关于 {reference} 的提醒。"),
            (None, Lang::En) => format!("{name} was never told of {reference}."),
        }];
        let elsewhere = Because::NotInAudience.word();
        if let Some(last) = not_told.iter().find(|one| one.reason != elsewhere) {
            parts.push(match self.lang {
                Lang::Zh => format!("最近未发的一条：{}", last.words),
                Lang::En => format!("The last that was not told: {}", last.words),
            });
        }
        parts.push(match (next, roles, self.lang) {
            (Some(next), _, Lang::Zh) => {
                format!("情况不变时，下一条为 {} 的“{}”。", self.moment(next.at), self.name(&next.rule))
            }
            (Some(next), _, Lang::En) => {
                format!("If nothing changes, “{}” comes next, at {}.", self.name(&next.rule), self.moment(next.at))
            }
            (None, [], Lang::Zh) => "现在没有规则就此任务通知此人。".to_owned(),
            (None, [], Lang::En) => "No rule tells this one of the ticket now.".to_owned(),
            (None, _, Lang::Zh) => "在当前状态下没有后续提醒。".to_owned(),
            (None, _, Lang::En) => "In its present state nothing more comes.".to_owned(),
        });
        parts.join(self.lang.pick("", " "))
    }
}
