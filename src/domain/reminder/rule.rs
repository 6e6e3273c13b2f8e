//! What a reminder rule says, and whether it makes sense. The default set is data: `config/reminders.toml`.

use crate::domain::instant::Instant;
use crate::domain::vocabulary::{Severity, State};
use crate::domain::words::Lang;
use crate::text_enum;
use chrono::{NaiveTime, Timelike};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The rules of a new installation, as text for [`parse_rules`].
pub const REMINDERS_TOML: &str = include_str!("../../../config/reminders.toml");

/// No step lies further from its anchor, in the rule's unit.
const OFFSET_MAX: i32 = 400;
const REPEAT_MAX: u16 = 400;
/// Numbers of one row of steps; the longest has 419.
const SERIES: i32 = 1_000;

text_enum! {
    /// What a rule watches.
    Subject { Ticket = "ticket", Notice = "notice", Office = "office" }
}

text_enum! {
    /// What a rule's steps are counted from, or the act that a rule answers at once.
    Anchor {
        Issued = "issued",
        Due = "due",
        Returned = "returned",
        Submitted = "submitted",
        LookBack = "look_back",
        /// The first working day of the week.
        Week = "week",
        Accepted = "accepted",
        ExtensionDecided = "extension_decided",
        Reassigned = "reassigned",
        Cancelled = "cancelled",
        Urged = "urged",
        MilestoneReported = "milestone_reported",
    }
}

impl Anchor {
    /// Can steps be counted from it?
    const fn is_dated(self) -> bool {
        match self {
            Self::Issued | Self::Due | Self::Returned | Self::Submitted | Self::LookBack | Self::Week => true,
            Self::Accepted
            | Self::ExtensionDecided
            | Self::Reassigned
            | Self::Cancelled
            | Self::Urged
            | Self::MilestoneReported => false,
        }
    }

    /// Is it an act of a person, that can be answered at once?
    const fn is_act(self) -> bool {
        match self {
            Self::Issued
            | Self::Returned
            | Self::Accepted
            | Self::ExtensionDecided
            | Self::Reassigned
            | Self::Cancelled
            | Self::Urged
            | Self::MilestoneReported => true,
            Self::Submitted | Self::Due | Self::LookBack | Self::Week => false,
        }
    }

    /// Does it lie ahead when it is set, so that there is a "before"?
    pub(super) const fn lies_ahead(self) -> bool {
        match self {
            Self::Due | Self::LookBack => true,
            Self::Issued
            | Self::Returned
            | Self::Submitted
            | Self::Week
            | Self::Accepted
            | Self::ExtensionDecided
            | Self::Reassigned
            | Self::Cancelled
            | Self::Urged
            | Self::MilestoneReported => false,
        }
    }
}

text_enum! {
    DayUnit { WorkingDays = "working_days", CalendarDays = "calendar_days" }
}

text_enum! {
    /// Lines of a digest, or a mail of their own as the act's answer.
    Delivery { Digest = "digest", AtOnce = "at_once" }
}

text_enum! {
    /// Who is told. Two of them may turn out to be one person.
    Who {
        /// All active liaisons of the lead unit, or their deputy, or the unit's mailbox.
        Liaison = "liaison",
        Leader = "leader",
        CoUnits = "co_units",
        /// The leader of the lead unit's parent unit.
        ParentLeader = "parent_leader",
        Coordinators = "coordinators",
        /// Liaisons of the notice's units that have not answered.
        UnansweredLiaisons = "unanswered_liaisons",
    }
}

impl Who {
    /// Has that subject such people?
    #[must_use]
    pub const fn fits(self, subject: Subject) -> bool {
        match (self, subject) {
            (Self::Coordinators, _)
            | (Self::UnansweredLiaisons, Subject::Notice)
            | (Self::Liaison | Self::Leader | Self::CoUnits | Self::ParentLeader, Subject::Ticket) => true,
            (Self::UnansweredLiaisons, Subject::Ticket | Subject::Office)
            | (Self::Liaison | Self::Leader | Self::CoUnits | Self::ParentLeader, Subject::Notice | Subject::Office) => {
                false
            }
        }
    }
}

/// One who is told, from a step on (the first is 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    pub who: Who,
    #[serde(default)]
    pub from_step: u16,
}

/// Further steps after a rule's last offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Days between two of them, in the rule's unit.
    pub every: u16,
    /// How many steps in this row, the last offset's included.
    pub at_most: u16,
}

/// When somebody is reminded of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub code: String,
    pub name_zh: String,
    pub name_en: String,
    pub subject: Subject,
    pub anchor: Anchor,
    /// One step each, ascending, in `unit` from the anchor; none for a rule that is sent at once.
    #[serde(default)]
    pub offsets: Vec<i32>,
    #[serde(default = "working_days")]
    pub unit: DayUnit,
    #[serde(default = "morning")]
    pub time: NaiveTime,
    #[serde(default)]
    pub repeat: Option<Repeat>,
    /// States in which it speaks; empty = all.
    #[serde(default)]
    pub states: Vec<State>,
    pub audience: Vec<Audience>,
    #[serde(default)]
    pub copies: Vec<Audience>,
    /// Empty = all.
    #[serde(default)]
    pub severities: Vec<Severity>,
    pub delivery: Delivery,
    #[serde(default = "active")]
    pub active: bool,
    /// When it began to say what it says; steps up to then are not owed. `None`: from the beginning.
    #[serde(skip)]
    pub since: Option<Instant>,
    /// Which of the rule's rows of steps this is: the ledger tells a step of it from one of a row before.
    #[serde(skip)]
    pub series: i32,
}

/// Does `list` name more than `held`, where an empty one names all?
fn adds<T: PartialEq>(list: &[T], held: &[T]) -> bool {
    !held.is_empty() && (list.is_empty() || list.iter().any(|one| !held.contains(one)))
}

/// The unit of a rule that names none.
#[must_use]
pub const fn working_days() -> DayUnit {
    DayUnit::WorkingDays
}

/// The time of a rule that names none.
#[must_use]
pub fn morning() -> NaiveTime {
    NaiveTime::from_hms_opt(8, 30, 0).unwrap_or(NaiveTime::MIN)
}

const fn active() -> bool {
    true
}

impl Rule {
    #[must_use]
    pub fn name(&self, lang: Lang) -> &str {
        lang.pick(&self.name_zh, &self.name_en)
    }

    /// Is it told by the planner's digests, and switched on?
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.active && self.delivery == Delivery::Digest
    }

    /// The offset of that step, `None` after the last.
    #[must_use]
    pub fn offset(&self, index: u16) -> Option<i32> {
        if let Some(offset) = self.offsets.get(usize::from(index)) {
            return Some(*offset);
        }
        let (repeat, last) = (self.repeat?, self.offsets.last()?);
        let nth = usize::from(index) + 1 - self.offsets.len();
        if nth >= usize::from(repeat.at_most) {
            return None;
        }
        last.checked_add(i32::try_from(nth).ok()?.checked_mul(repeat.every.into())?)
    }

    /// The ledger's number of that step.
    #[must_use]
    pub fn number(&self, index: u16) -> i32 {
        self.series.saturating_mul(SERIES).saturating_add(index.into())
    }

    /// The step of a ledger's number, whichever row of steps it belongs to.
    #[must_use]
    pub fn index_of(number: i32) -> u16 {
        u16::try_from(number % SERIES).unwrap_or(u16::MAX)
    }

    /// This rule in the place of `held`. With other steps it begins a row of its own (`series`, a number never used
    /// for this rule), and what it says that was not said before it says from `now` on.
    #[must_use]
    pub fn following(self, held: &Self, series: i32, now: Instant) -> Self {
        let counts_alike = (self.subject, self.anchor, self.unit, self.repeat, self.delivery)
            == (held.subject, held.anchor, held.unit, held.repeat, held.delivery);
        let is_same_row = counts_alike && self.offsets == held.offsets;
        let speaks_more =
            self.active && !held.active || adds(&self.states, &held.states) || adds(&self.severities, &held.severities);
        // Steps that an earlier time of day moves into the past were to come: the past is not told.
        let comes_earlier = self.time < held.time;
        let since = if is_same_row && !speaks_more && !comes_earlier { held.since } else { Some(now) };
        Self { since, series: if is_same_row { held.series } else { series }, ..self }
    }

    /// Who is told at that step, and whether by copy; nobody twice.
    #[must_use]
    pub fn addressed(&self, index: u16) -> Vec<(Who, bool)> {
        let told = self.audience.iter().map(|one| (one, false)).chain(self.copies.iter().map(|one| (one, true)));
        let mut all: Vec<(Who, bool)> = Vec::new();
        for (one, copy) in told {
            if one.from_step <= index && !all.iter().any(|(who, _)| *who == one.who) {
                all.push((one.who, copy));
            }
        }
        all
    }

    /// Does the rule make sense by itself?
    pub fn check(&self) -> Result<(), RuleFault> {
        let fault = |field, (reason_zh, reason_en)| {
            Err(RuleFault::Invalid { rule: self.code.clone(), field, reason_zh, reason_en })
        };
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.code.is_empty() || self.code.len() > 40 || !self.code.chars().all(fits) {
            return fault("code", ("应为 1 至 40 个 a-z、0-9 或 -", "must be 1 to 40 of a-z, 0-9 and -"));
        }
        for (field, name) in [("name_zh", &self.name_zh), ("name_en", &self.name_en)] {
            if name.trim().is_empty() || name.chars().count() > 60 || name.chars().any(char::is_control) {
                return fault(field, ("应为 1 至 60 个字符", "must be 1 to 60 characters"));
            }
        }
        if self.time.nanosecond() != 0 {
            return fault("time", ("应为 00:00 至 23:59:59", "must be 00:00 to 23:59:59"));
        }
        self.check_subject().or_else(|(field, reason)| fault(field, reason))?;
        self.check_steps().or_else(|(field, reason)| fault(field, reason))?;
        self.check_audience().or_else(|(field, reason)| fault(field, reason))
    }

    fn check_subject(&self) -> Result<(), (&'static str, Reason)> {
        let is_known = match self.subject {
            Subject::Ticket => self.anchor != Anchor::Week,
            Subject::Notice => matches!(self.anchor, Anchor::Issued | Anchor::Due),
            Subject::Office => self.anchor == Anchor::Week,
        };
        let fits = match self.delivery {
            Delivery::Digest => self.anchor.is_dated(),
            Delivery::AtOnce => self.anchor.is_act() && self.subject == Subject::Ticket,
        };
        if !(is_known && fits) {
            return Err(("anchor", ("与 subject 或 delivery 不符", "does not fit the subject or the delivery")));
        }
        match (self.subject, self.delivery) {
            (Subject::Ticket, Delivery::Digest) if self.states.is_empty() => {
                Err(("states", ("请至少列出一个状态", "name at least one state")))
            }
            (Subject::Notice | Subject::Office, _) if !(self.states.is_empty() && self.severities.is_empty()) => {
                Err(("states", ("只有任务有状态和严重程度", "only a ticket has a state and a severity")))
            }
            (Subject::Ticket | Subject::Notice | Subject::Office, _) => Ok(()),
        }
    }

    fn check_steps(&self) -> Result<(), (&'static str, Reason)> {
        if self.delivery == Delivery::AtOnce {
            return if self.offsets.is_empty() && self.repeat.is_none() {
                Ok(())
            } else {
                Err(("offsets", ("即时发送的规则没有步骤", "a rule that is sent at once has no steps")))
            };
        }
        let earliest = if self.anchor.lies_ahead() { -OFFSET_MAX } else { 0 };
        let in_range = self.offsets.iter().all(|offset| (earliest..=OFFSET_MAX).contains(offset));
        let ascend = self.offsets.iter().zip(self.offsets.iter().skip(1)).all(|(one, next)| one < next);
        if self.offsets.is_empty() || self.offsets.len() > 20 || !in_range || !ascend {
            return Err((
                "offsets",
                (
                    "应为 1 至 20 个由小到大、绝对值不超过 400 的整数；仅 due 和 look_back 可为负",
                    "must be 1 to 20 ascending numbers within 400; only due and look_back have a before",
                ),
            ));
        }
        if self.anchor == Anchor::Week && (self.offsets != [0] || self.repeat.is_some()) {
            return Err(("offsets", ("week 只有 [0]", "of a week there is only [0]")));
        }
        match self.repeat {
            Some(Repeat { every, at_most })
                if !(1..=REPEAT_MAX).contains(&every) || !(1..=REPEAT_MAX).contains(&at_most) =>
            {
                Err(("repeat", ("every 和 at_most 应为 1 至 400", "every and at_most must be 1 to 400")))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn check_audience(&self) -> Result<(), (&'static str, Reason)> {
        let mut seen = BTreeSet::new();
        for (field, list) in [("audience", &self.audience), ("copies", &self.copies)] {
            for one in list {
                if !one.who.fits(self.subject) {
                    return Err((field, ("含有与 subject 不符的对象", "names someone whom the subject does not have")));
                }
                if !seen.insert(one.who) {
                    return Err((field, ("同一对象列出两次", "names someone twice")));
                }
                let is_reached = one.from_step == 0 || self.offset(one.from_step).is_some();
                if !is_reached {
                    return Err((field, ("from_step 超出步骤数", "from_step comes after the last step")));
                }
            }
        }
        if self.audience.iter().any(|one| one.from_step == 0) {
            Ok(())
        } else {
            Err(("audience", ("第一步没有对象", "nobody is told at the first step")))
        }
    }
}

/// A reason in Chinese and English.
type Reason = (&'static str, &'static str);

/// Why a set of rules can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// Not TOML, an unknown or missing key, a word that isn't one; the text names line and column.
    #[error("{0}")]
    Syntax(String),
    #[error("the rule `{0}` stands twice")]
    Duplicate(String),
    #[error("rule `{rule}`: `{field}` {reason_en}")]
    Invalid { rule: String, field: &'static str, reason_zh: &'static str, reason_en: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    rules: Vec<Rule>,
}

/// Reads rules from a file of the form of `config/reminders.toml`.
pub fn parse_rules(text: &str) -> Result<Vec<Rule>, RuleFault> {
    let file: RuleFile = toml::from_str(text).map_err(|fault| RuleFault::Syntax(fault.to_string()))?;
    check_rules(&file.rules)?;
    Ok(file.rules)
}

/// Does each rule make sense, and has each its own code?
pub fn check_rules(rules: &[Rule]) -> Result<(), RuleFault> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        rule.check()?;
        if !seen.insert(rule.code.as_str()) {
            return Err(RuleFault::Duplicate(rule.code.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<Rule> {
        parse_rules(REMINDERS_TOML).unwrap()
    }

    fn rule(code: &str) -> Rule {
        rules().into_iter().find(|rule| rule.code == code).unwrap()
    }

    fn steps(rule: &Rule) -> Vec<i32> {
        (0..).map_while(|index| rule.offset(index)).collect()
    }

    #[test]
    fn the_default_rules_are_those_of_the_design_and_one_for_milestones() {
        let codes: Vec<String> = rules().into_iter().map(|rule| rule.code).collect();
        assert_eq!(
            codes.join(" "),
            "assigned unacknowledged before-7 before-3 before-1 due-today overdue-1 overdue-3 overdue-weekly returned \
             accepted extension-decided reassigned cancelled urged milestone-reported review-waiting look-back-due \
             requirements-open weekly-overview"
        );
        assert!(rules().iter().all(|rule| rule.active));
    }

    #[test]
    fn steps_are_the_offsets_and_then_the_repeats() {
        assert_eq!(steps(&rule("unacknowledged")), [1, 2, 3, 4, 5]);
        assert_eq!(steps(&rule("overdue-weekly")), [8, 13, 18, 23, 28, 33, 38, 43]);
        assert_eq!(steps(&rule("requirements-open")), [-3, -1, 1, 6, 11, 16, 21, 26, 31, 36]);
        assert_eq!(steps(&rule("due-today")), [0]);
        assert!(steps(&rule("urged")).is_empty());
    }

    #[test]
    fn more_people_are_told_from_a_step_on() {
        let rule = rule("unacknowledged");
        assert_eq!(rule.addressed(1), [(Who::Liaison, false)]);
        assert_eq!(rule.addressed(2), [(Who::Liaison, false), (Who::Leader, false), (Who::Coordinators, false)]);
    }

    #[test]
    fn rules_survive_json() {
        for rule in rules() {
            let json = serde_json::to_string(&rule).unwrap();
            assert_eq!(serde_json::from_str::<Rule>(&json).unwrap(), rule);
        }
    }

    #[test]
    fn a_faulty_rule_is_refused_with_its_field() {
        type Spoilt = (&'static str, &'static str, fn(&mut Rule));
        let faults: [Spoilt; 15] = [
            ("due-today", "code", |rule| rule.code = "Due today".into()),
            ("due-today", "name_en", |rule| rule.name_en = " ".into()),
            ("due-today", "offsets", |rule| rule.offsets = vec![401]),
            ("due-today", "offsets", |rule| rule.offsets = vec![1, 1]),
            ("due-today", "offsets", |rule| rule.offsets = vec![]),
            ("unacknowledged", "offsets", |rule| rule.offsets = vec![-1]),
            ("urged", "offsets", |rule| rule.offsets = vec![0]),
            ("weekly-overview", "offsets", |rule| rule.offsets = vec![1]),
            ("unacknowledged", "repeat", |rule| rule.repeat = Some(Repeat { every: 0, at_most: 5 })),
            ("unacknowledged", "repeat", |rule| rule.repeat = Some(Repeat { every: 1, at_most: 401 })),
            ("due-today", "states", |rule| rule.states = vec![]),
            ("due-today", "anchor", |rule| rule.anchor = Anchor::Urged),
            ("due-today", "audience", |rule| rule.audience = vec![]),
            ("due-today", "audience", |rule| rule.audience[0].who = Who::UnansweredLiaisons),
            ("due-today", "copies", |rule| rule.copies = rule.audience.clone()),
        ];
        for (code, expected, spoil) in faults {
            let mut spoilt = rule(code);
            spoil(&mut spoilt);
            match spoilt.check() {
                Err(RuleFault::Invalid { field, .. }) => assert_eq!(field, expected, "{code}"),
                other => panic!("{code} {expected}: {other:?}"),
            }
        }
        let twice = REMINDERS_TOML.replace("\"before-7\"", "\"before-3\"");
        assert_eq!(parse_rules(&twice), Err(RuleFault::Duplicate("before-3".into())));
        let unknown = REMINDERS_TOML.replacen("delivery", "color = 1\ndelivery", 2);
        assert!(matches!(parse_rules(&unknown), Err(RuleFault::Syntax(_))));
        let late = REMINDERS_TOML.replacen("offsets = [1]", "offsets = [1]\ntime = \"25:00\"", 1);
        assert!(matches!(parse_rules(&late), Err(RuleFault::Syntax(_))));
        let early = REMINDERS_TOML.replacen("offsets = [1]", "offsets = [1]\ntime = \"07:45\"", 1);
        assert!(parse_rules(&early).is_ok());
    }
}
