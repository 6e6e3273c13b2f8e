//! Reminder rules (提醒规则): made, changed and taken away by the office, or tried first. A change is told to every
//! process by the reference version, and the next ticks plan anew what it speaks of; nothing that lies before the
//! change is sent because of it.

use crate::actions::record::{check_version, must_be_saved, record};
use crate::actions::replan::{self, Comparison, Replanned};
use crate::domain::actor::Actor;
use crate::domain::audit::Stream;
use crate::domain::calendar::start_of_day;
use crate::domain::check::Check;
use crate::domain::instant::Instant;
use crate::domain::patch::Patch;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::reminder::{
    Anchor, Audience, DayUnit, Delivery, Repeat, Rule, RuleFault, Subject, morning, working_days,
};
use crate::domain::vocabulary::{Role, Severity, State};
use crate::store::ledger;
use crate::store::reference::{self, RuleRow};
use crate::transaction::{Outcome, Read, Tx};
use chrono::NaiveTime;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;

/// Who keeps the rules.
pub const KEEPERS: [Role; 2] = [Role::Admin, Role::Coordinator];
/// An office's rules at most: each is asked of each subject.
const RULES_MAX: usize = 200;

/// What is to be different about a rule. What is left out stays; `null` stands for what a new rule has that names none.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleChange {
    /// Never renamed: what was sent is recorded under it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name_zh: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name_en: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<Subject>)]
    pub subject: Patch<Subject>,
    #[serde(default)]
    #[schema(value_type = Option<Anchor>)]
    pub anchor: Patch<Anchor>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<i32>>)]
    pub offsets: Patch<Vec<i32>>,
    #[serde(default)]
    #[schema(value_type = Option<DayUnit>)]
    pub unit: Patch<DayUnit>,
    #[serde(default)]
    #[schema(value_type = Option<NaiveTime>)]
    pub time: Patch<NaiveTime>,
    #[serde(default)]
    #[schema(value_type = Option<RepeatChange>)]
    pub repeat: Patch<RepeatChange>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<State>>)]
    pub states: Patch<Vec<State>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Audience>>)]
    pub audience: Patch<Vec<Audience>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Audience>>)]
    pub copies: Patch<Vec<Audience>>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<Severity>>)]
    pub severities: Patch<Vec<Severity>>,
    #[serde(default)]
    #[schema(value_type = Option<Delivery>)]
    pub delivery: Patch<Delivery>,
    #[serde(default)]
    #[schema(value_type = Option<bool>)]
    pub active: Patch<bool>,
}

/// A part of a repetition that stays where it is left out.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RepeatChange {
    pub every: Option<u16>,
    pub at_most: Option<u16>,
}

/// What is asked for.
#[derive(Debug)]
pub enum Intent {
    /// A rule as it was typed in.
    Make(Box<RuleChange>),
    Create(Rule),
    Change {
        code: String,
        version: Option<i64>,
        change: Box<RuleChange>,
    },
    Remove {
        code: String,
        version: Option<i64>,
    },
}

/// A rule that was tried: as it would be (`None` where it would be gone), and what would be told otherwise.
#[derive(Debug)]
pub struct Tried {
    pub rule: Option<RuleRow>,
    pub changes: Replanned,
}

/// A change that may be made.
struct Decided {
    held: Option<RuleRow>,
    rule: Option<Rule>,
}

/// What would become of it, and of the reminders to come.
///
/// # Errors
/// Whatever `apply` would refuse.
pub fn rehearse(read: &mut Read<'_>, actor: &Actor, intent: Intent) -> Outcome<Tried> {
    let Decided { held, rule } = decide(read, actor, intent)?;
    // No row of steps has this number.
    let series = held.as_ref().map_or(0, |row| row.rule.series + 1);
    let rule = rule.map(|rule| dated(read, held.as_ref(), rule, series));
    let office = std::sync::Arc::clone(&read.office);
    let (old, new) = (held.as_ref().map(|row| &row.rule), rule.as_ref());
    let asked = Comparison {
        rules: vec![(old, new)],
        before: &office,
        after: &office,
        states: spoken_states(old.into_iter().chain(new)),
    };
    let changes = replan::compare(read, &asked, |_, _| Ok(HashMap::new()))?;
    let version = held.as_ref().map_or(1, |row| row.version + i64::from(Some(&row.rule) != rule.as_ref()));
    let position = held.as_ref().map_or(0, |row| row.position);
    let rule = rule.map(|rule| RuleRow { rule, position, version, updated_at: read.now });
    Ok(Tried { rule, changes })
}

/// Does it; answers the rule's code.
///
/// # Errors
/// When the actor keeps no rules, the rule is not there or was changed by someone else, a field is not valid, or the code
/// is taken.
pub fn apply(tx: &mut Tx<'_>, actor: &Actor, intent: Intent) -> Outcome<String> {
    actor.require(&KEEPERS)?;
    reference::lock(tx.conn)?;
    let Decided { held, rule } = decide(&mut tx.read(), actor, intent)?;
    let code = held.as_ref().map(|row| &row.rule).or(rule.as_ref()).map_or_else(String::new, |rule| rule.code.clone());
    if held.as_ref().map(|row| &row.rule) == rule.as_ref() {
        return Ok(code);
    }
    let act = match (&held, &rule) {
        (None, _) => "rule.created",
        (Some(_), Some(_)) => "rule.changed",
        (Some(_), None) => "rule.removed",
    };
    let payload = json!({"code": code, "before": held.as_ref().map(|row| &row.rule), "after": rule});
    let seq = record(tx, actor, Stream::Office, act, &payload)?;
    let series = i32::try_from(seq).unwrap_or(i32::MAX);
    let rule = rule.map(|rule| dated(&tx.read(), held.as_ref(), rule, series));
    match (&held, &rule) {
        (None, Some(rule)) => insert(tx, rule)?,
        (Some(row), Some(rule)) => {
            let next = RuleRow { rule: rule.clone(), version: row.version + 1, updated_at: tx.now, ..row.clone() };
            must_be_saved(reference::save_rule(tx.conn, &next, row.version)?, row.version)?;
        }
        (Some(_) | None, None) => reference::delete_rule(tx.conn, &code)?,
    }
    tx.raise_reference()?;
    look_again(tx, held.as_ref().map(|row| &row.rule), rule.as_ref())?;
    Ok(code)
}

fn insert(tx: &mut Tx<'_>, rule: &Rule) -> Outcome<()> {
    let rows = reference::rule_rows(tx.conn)?;
    let position = rows.iter().map(|row| row.position + 1).max().unwrap_or(0);
    Ok(reference::insert_rule(tx.conn, &RuleRow { rule: rule.clone(), position, version: 1, updated_at: tx.now })?)
}

/// Rules that answer acts have nothing planned; of the others what they speak of is looked at again.
fn look_again(tx: &mut Tx<'_>, old: Option<&Rule>, new: Option<&Rule>) -> Outcome<()> {
    let planned: Vec<&Rule> = [old, new].into_iter().flatten().filter(|rule| rule.is_planned()).collect();
    for subject in Subject::ALL {
        let of_subject: Vec<&Rule> = planned.iter().copied().filter(|rule| rule.subject == *subject).collect();
        if !of_subject.is_empty() {
            let states = spoken_states(of_subject.into_iter());
            ledger::look_again_at(tx.conn, *subject, &states, tx.now)?;
        }
    }
    Ok(())
}

/// States of tickets in which one of these rules speaks.
fn spoken_states<'a>(rules: impl Iterator<Item = &'a Rule>) -> Vec<State> {
    let rules: Vec<&Rule> = rules.filter(|rule| rule.is_planned()).collect();
    let speaks = |state: &State| rules.iter().any(|rule| rule.states.is_empty() || rule.states.contains(state));
    State::ALL.iter().copied().filter(speaks).collect()
}

/// The rule with the moment from which what is new about it counts. What moves to a later time of a day on which the
/// old steps were told already begins on the next.
fn dated(read: &Read<'_>, held: Option<&RuleRow>, rule: Rule, series: i32) -> Rule {
    let now = read.now;
    let Some(held) = held.map(|row| &row.rule) else { return Rule { since: Some(now), series, ..rule } };
    let next = rule.following(held, series, now);
    let is_told_today = next.series != held.series && next.time > held.time;
    Rule { since: if is_told_today { Some(tomorrow(read)) } else { next.since }, ..next }
}

fn tomorrow(read: &Read<'_>) -> Instant {
    let today = read.office.today(read.now);
    start_of_day(read.office.zone, today.succ_opt().unwrap_or(today))
}

fn decide(read: &mut Read<'_>, actor: &Actor, intent: Intent) -> Outcome<Decided> {
    actor.require(&KEEPERS)?;
    match intent {
        Intent::Make(given) => newly(read, made(*given)?),
        Intent::Create(rule) => newly(read, rule),
        Intent::Change { code, version, change } => {
            let held = held(read, &code, version)?;
            let rule = changed(&held.rule, *change)?;
            checked(&rule)?;
            Ok(Decided { held: Some(held), rule: Some(rule) })
        }
        Intent::Remove { code, version } => Ok(Decided { held: Some(held(read, &code, version)?), rule: None }),
    }
}

fn newly(read: &mut Read<'_>, rule: Rule) -> Outcome<Decided> {
    checked(&rule)?;
    let rows = reference::rule_rows(read.conn)?;
    if rows.iter().any(|row| row.rule.code == rule.code) {
        let what = Arg::both("规则代码", "The rule's code");
        return Err(Refusal::new(Code::Duplicate).with("what", what).with("value", &rule.code).into());
    }
    if rows.len() >= RULES_MAX {
        return Err(Refusal::new(Code::RulesTooMany).with("max", RULES_MAX).into());
    }
    Ok(Decided { held: None, rule: Some(rule) })
}

/// A rule of which all that must be there is; every field that is missing is told at once.
fn made(given: RuleChange) -> Result<Rule, Refusal> {
    let mut check = Check::new();
    let missing = [
        ("/code", !given.code.is_given()),
        ("/name_zh", !given.name_zh.is_given()),
        ("/name_en", !given.name_en.is_given()),
        ("/subject", !given.subject.is_given()),
        ("/anchor", !given.anchor.is_given()),
        ("/audience", !given.audience.is_given()),
        ("/delivery", !given.delivery.is_given()),
    ];
    for (pointer, _) in missing.into_iter().filter(|(_, is_missing)| *is_missing) {
        check.fault(Fault::at(pointer, Code::FieldRequired));
    }
    check.done(())?;
    let blank = Rule {
        code: given.code.clone().over(None).unwrap_or_default(),
        name_zh: String::new(),
        name_en: String::new(),
        subject: Subject::Ticket,
        anchor: Anchor::Due,
        offsets: Vec::new(),
        unit: working_days(),
        time: morning(),
        repeat: None,
        states: Vec::new(),
        audience: Vec::new(),
        copies: Vec::new(),
        severities: Vec::new(),
        delivery: Delivery::Digest,
        active: true,
        since: None,
        series: 0,
    };
    changed(&blank, given)
}

fn held(read: &mut Read<'_>, code: &str, version: Option<i64>) -> Outcome<RuleRow> {
    let row = reference::find_rule(read.conn, code)?.ok_or_else(Refusal::missing)?;
    check_version(version, row.version)?;
    Ok(row)
}

fn checked(rule: &Rule) -> Result<(), Refusal> {
    match rule.check() {
        Ok(()) => Ok(()),
        Err(RuleFault::Invalid { field, reason_zh, reason_en, .. }) => Err(Refusal::field(
            Fault::at(format!("/{field}"), Code::FieldFormat).with("reason", Arg::both(reason_zh, reason_en)),
        )),
        Err(fault @ (RuleFault::Syntax(_) | RuleFault::Duplicate(_))) => {
            Err(Refusal::new(Code::Malformed).with("reason", fault))
        }
    }
}

fn changed(held: &Rule, change: RuleChange) -> Result<Rule, Refusal> {
    let mut check = Check::new();
    if change.code.is_given() && change.code != Patch::Set(held.code.clone()) {
        let reason = Arg::both(
            "规则代码不能更改：已发送的提醒记在它名下",
            "A rule keeps its code: what was sent is recorded under it",
        );
        check.fault(Fault::at("/code", Code::FieldNotAllowed).with("reason", reason));
    }
    let rule = Rule {
        code: held.code.clone(),
        name_zh: change.name_zh.onto(held.name_zh.clone()),
        name_en: change.name_en.onto(held.name_en.clone()),
        subject: needed(&mut check, "/subject", held.subject, change.subject),
        anchor: needed(&mut check, "/anchor", held.anchor, change.anchor),
        offsets: change.offsets.onto(held.offsets.clone()),
        unit: change.unit.over(Some(held.unit)).unwrap_or_else(working_days),
        time: change.time.over(Some(held.time)).unwrap_or_else(morning),
        repeat: repeat(&mut check, held.repeat, change.repeat),
        states: change.states.onto(held.states.clone()),
        audience: change.audience.onto(held.audience.clone()),
        copies: change.copies.onto(held.copies.clone()),
        severities: change.severities.onto(held.severities.clone()),
        delivery: needed(&mut check, "/delivery", held.delivery, change.delivery),
        active: change.active.over(Some(held.active)).unwrap_or(true),
        since: held.since,
        series: held.series,
    };
    check.done(rule)
}

fn needed<T>(check: &mut Check, pointer: &str, held: T, change: Patch<T>) -> T {
    match change {
        Patch::Keep => held,
        Patch::Set(value) => value,
        Patch::Clear => {
            check.fault(Fault::at(pointer, Code::FieldRequired));
            held
        }
    }
}

fn repeat(check: &mut Check, held: Option<Repeat>, change: Patch<RepeatChange>) -> Option<Repeat> {
    let given = match change {
        Patch::Keep => return held,
        Patch::Clear => return None,
        Patch::Set(given) => given,
    };
    let every = given.every.or(held.map(|held| held.every));
    let at_most = given.at_most.or(held.map(|held| held.at_most));
    for (pointer, value) in [("/repeat/every", every), ("/repeat/at_most", at_most)] {
        if value.is_none() {
            check.fault(Fault::at(pointer, Code::FieldRequired));
        }
    }
    every.zip(at_most).map(|(every, at_most)| Repeat { every, at_most })
}

/// How an import of rules went, or would.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub created: Vec<String>,
    pub changed: Vec<String>,
    pub unchanged: Vec<String>,
}

/// Takes in rules as a file has them: each by its code, the others stay.
///
/// # Errors
/// Whatever `apply` refuses of one of them; then none is taken.
pub fn import(tx: &mut Tx<'_>, actor: &Actor, rules: Vec<Rule>) -> Outcome<Imported> {
    let mut imported = Imported::default();
    for rule in rules {
        let code = rule.code.clone();
        match reference::find_rule(tx.conn, &code)? {
            None => {
                apply(tx, actor, Intent::Create(rule))?;
                imported.created.push(code);
            }
            Some(held) if held.rule == (Rule { since: held.rule.since, series: held.rule.series, ..rule.clone() }) => {
                imported.unchanged.push(code);
            }
            Some(_) => {
                let change = Box::new(whole(rule));
                apply(tx, actor, Intent::Change { code: code.clone(), version: None, change })?;
                imported.changed.push(code);
            }
        }
    }
    Ok(imported)
}

/// A change that leaves nothing as it was.
fn whole(rule: Rule) -> RuleChange {
    RuleChange {
        code: Patch::Keep,
        name_zh: Patch::Set(rule.name_zh),
        name_en: Patch::Set(rule.name_en),
        subject: Patch::Set(rule.subject),
        anchor: Patch::Set(rule.anchor),
        offsets: Patch::Set(rule.offsets),
        unit: Patch::Set(rule.unit),
        time: Patch::Set(rule.time),
        repeat: rule.repeat.map_or(Patch::Clear, |repeat| {
            Patch::Set(RepeatChange { every: Some(repeat.every), at_most: Some(repeat.at_most) })
        }),
        states: Patch::Set(rule.states),
        audience: Patch::Set(rule.audience),
        copies: Patch::Set(rule.copies),
        severities: Patch::Set(rule.severities),
        delivery: Patch::Set(rule.delivery),
        active: Patch::Set(rule.active),
    }
}
