//! Why somebody was, or was not, told of a ticket's steps: decided here and nowhere else, from the ledger, the rules and what
//! they are to the ticket. Pure.

use super::{
    Delivery, EndReason, Facts, MessageState, Planner, ReminderState, Rule, SkipReason, Step, Subject, Told, early,
    speaks,
};
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use std::collections::BTreeMap;

/// A row of the ledger, as far as it answers the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub step: Step,
    /// The ledger's number of the step.
    pub number: i32,
    /// Is it a row of the one who is asked about?
    pub theirs: bool,
    /// As what it tells its recipient; of a step that nobody is told all that it asked for.
    pub audience: Vec<Told>,
    /// Nobody is told.
    pub nobody: bool,
    pub state: ReminderState,
    /// A word of `SkipReason` or `EndReason`, or `superseded:<rule>`.
    pub reason: Option<String>,
    /// How its mail stands.
    pub mail: Option<MessageState>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub planner: &'a Planner<'a>,
    pub facts: &'a Facts,
    pub now: Instant,
    /// What the one who is asked about is to the ticket today.
    pub roles: &'a [Told],
    /// The whole ledger of the ticket.
    pub ledger: &'a [Recorded],
}

/// Why they were not told of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Because {
    /// It is in a mail that has not left yet.
    Waits(MessageState),
    /// It was to be told, and was given up.
    Ended(EndReason),
    /// It was never to be told.
    Skipped(SkipReason),
    /// That rule tells the same, later.
    Superseded(String),
    /// The rule tells others at this step.
    NotInAudience,
    /// Others of the same role were told then.
    OthersThen,
    /// The rule does not speak of such a ticket in its state.
    NotInState,
    /// The next look tells it.
    Due,
}

/// A step that has come, and of which they were not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotTold {
    pub step: Step,
    pub because: Because,
}

/// Rule, version of its anchor, and the ledger's number of the step.
type Key = (String, i64, i32);

impl Question<'_> {
    /// Of every step that has come and was not told to them: why. In order of time.
    #[must_use]
    pub fn not_told(&self) -> Vec<NotTold> {
        let mut recorded: BTreeMap<Key, Vec<&Recorded>> = BTreeMap::new();
        for row in self.ledger {
            let key = (row.step.rule.clone(), row.step.anchor_version, row.number);
            recorded.entry(key).or_default().push(row);
        }
        let unrecorded = self.come().into_iter().filter(|(rule, step)| {
            let key: Key = (step.rule.clone(), step.anchor_version, rule.number(step.index));
            !recorded.contains_key(&key)
        });
        let mut all: Vec<NotTold> =
            unrecorded.map(|(rule, step)| NotTold { because: self.unrecorded(rule, &step), step }).collect();
        all.extend(recorded.values().filter_map(|rows| self.recorded(rows)));
        all.sort_by(|a, b| (a.step.at, &a.step.rule, a.step.index).cmp(&(b.step.at, &b.step.rule, b.step.index)));
        all
    }

    /// The next step that will tell them, if nothing changes.
    #[must_use]
    pub fn next(&self) -> Option<Step> {
        let ahead = self.planner.all_steps(self.facts, self.now).into_iter().filter(|step| step.at > self.now);
        ahead.into_iter().find(|step| self.rule(&step.rule).is_some_and(|rule| self.addresses(rule, step.index)))
    }

    fn rule(&self, code: &str) -> Option<&Rule> {
        self.planner.rules.iter().find(|rule| rule.code == code)
    }

    /// Are they among those whom the rule tells at that step?
    fn addresses(&self, rule: &Rule, index: u16) -> bool {
        rule.addressed(index).into_iter().any(|(who, _)| self.roles.contains(&Told::from(who)))
    }

    /// Every step of every rule for tickets that has come, whether the rule speaks or not.
    fn come(&self) -> Vec<(&Rule, Step)> {
        let rules = self.planner.rules.iter();
        let of_tickets = rules.filter(|rule| rule.subject == Subject::Ticket && rule.delivery == Delivery::Digest);
        let anchored = of_tickets.filter_map(|rule| Some((rule, self.facts.anchor(rule.anchor)?)));
        anchored
            .flat_map(|(rule, anchor)| {
                let steps = self.planner.steps(rule, anchor, self.now).take_while(|step| step.at <= self.now);
                steps.map(move |step| (rule, step))
            })
            .collect()
    }

    /// Why a step that has come stands nowhere.
    fn unrecorded(&self, rule: &Rule, step: &Step) -> Because {
        let anchor = self.facts.anchor(rule.anchor);
        if !self.addresses(rule, step.index) {
            Because::NotInAudience
        } else if !rule.active {
            Because::Ended(EndReason::RuleOff)
        } else if let Some(reason) = anchor.and_then(|anchor| early(step, rule, anchor, self.facts)) {
            Because::Skipped(reason)
        } else if speaks(rule, self.facts) {
            Because::Due
        } else {
            Because::NotInState
        }
    }

    /// The answer of a step that the ledger knows; `None` where they were told.
    fn recorded(&self, rows: &[&Recorded]) -> Option<NotTold> {
        let step = rows.first()?.step.clone();
        if rows.iter().any(|row| row.theirs && row.state == ReminderState::Sent) {
            return None;
        }
        // What may still arrive says more than what was given up.
        let theirs = rows.iter().filter(|row| row.theirs).min_by_key(|row| row.state != ReminderState::Queued);
        let because = match theirs {
            Some(row) => of_row(row),
            None => self.of_others(&step, rows),
        };
        Some(NotTold { step, because })
    }

    fn of_others(&self, step: &Step, rows: &[&Recorded]) -> Because {
        if let Some(nobody) = rows.iter().find(|row| row.nobody)
            && nobody.audience.iter().any(|told| self.roles.contains(told))
        {
            return of_row(nobody);
        }
        let asked = match self.rule(&step.rule) {
            Some(rule) => self.addresses(rule, step.index),
            None => rows.iter().flat_map(|row| &row.audience).any(|told| self.roles.contains(told)),
        };
        if asked { Because::OthersThen } else { Because::NotInAudience }
    }
}

fn of_row(row: &Recorded) -> Because {
    let word = row.reason.as_deref().unwrap_or_default();
    let ended = || Because::Ended(word.parse().unwrap_or(EndReason::NoLongerOwed));
    match row.state {
        ReminderState::Queued | ReminderState::Sent => Because::Waits(row.mail.unwrap_or(MessageState::Queued)),
        ReminderState::Failed | ReminderState::Cancelled => ended(),
        ReminderState::Skipped => match word.split_once(':') {
            Some((_, by)) => Because::Superseded(by.to_owned()),
            None => word.parse().map_or_else(|_unknown| ended(), Because::Skipped),
        },
    }
}

impl Because {
    /// A stable word.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Waits(_) => "waits",
            Self::Ended(reason) => reason.as_str(),
            Self::Skipped(reason) => reason.as_str(),
            Self::Superseded(_) => SkipReason::Superseded.as_str(),
            Self::NotInAudience => "not_in_audience",
            Self::OthersThen => "others_then",
            Self::NotInState => "not_in_state",
            Self::Due => "due",
        }
    }

    /// The reason in words; `name` gives a rule's.
    #[must_use]
    pub fn words(&self, lang: Lang, name: &dyn Fn(&str) -> String) -> String {
        match self {
            Self::Waits(state) => match lang {
                Lang::Zh => format!("所在邮件{}", state.name(lang)),
                Lang::En => format!("its mail is {}", state.name(lang)),
            },
            Self::Ended(reason) => reason.name(lang).to_owned(),
            Self::Skipped(reason) => reason.name(lang).to_owned(),
            Self::Superseded(by) => match lang {
                Lang::Zh => format!("已由后来的“{}”代替", name(by)),
                Lang::En => format!("“{}” told the same later", name(by)),
            },
            Self::NotInAudience => {
                lang.pick("该规则在这一步不通知此人", "the rule does not tell this one at that step").to_owned()
            }
            Self::OthersThen => lang
                .pick(
                    "当时通知的是他人：此人当时没有该角色、由他人代理，或与他人共用邮箱",
                    "others were told then: this one did not have the role, had a deputy, or shares an address with one who \
                     was told",
                )
                .to_owned(),
            Self::NotInState => lang
                .pick(
                    "任务的状态或严重程度不在该规则范围内",
                    "the rule does not speak in the ticket’s state, or of its severity",
                )
                .to_owned(),
            Self::Due => lang.pick("已到时间，下次检查时发送", "it is due: the next look tells it").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::{CN_TOML, Calendar};
    use crate::domain::reminder::{AnchorAt, REMINDERS_TOML, Window, parse_rules};
    use crate::domain::vocabulary::{Severity, State};
    use chrono_tz::Tz;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    /// Issued 2021-08-16 at 09:00, due 2021-08-27, and asked on the 24th at noon.
    fn answers(
        state: State,
        roles: &[Told],
        change: impl FnOnce(&mut Vec<Rule>),
        ledger: impl FnOnce(&[Step]) -> Vec<Recorded>,
    ) -> Vec<String> {
        let issued = at("2021-08-16T09:00:00+08:00");
        let facts = Facts {
            state: Some(state),
            severity: Some(Severity::General),
            issued: Some(AnchorAt::act(Tz::Asia__Shanghai, issued, 1)),
            due: Some(AnchorAt { on: "2021-08-27".parse().unwrap(), version: 1, since: issued }),
            ..Facts::new(Subject::Ticket, at("2021-08-17T00:00:00Z"))
        };
        let mut rules = parse_rules(REMINDERS_TOML).unwrap();
        let calendar = Calendar::from_toml(CN_TOML).unwrap();
        let all = {
            let planner =
                Planner { rules: &rules, calendar: &calendar, zone: Tz::Asia__Shanghai, window: Window::default() };
            planner.all_steps(&facts, issued)
        };
        change(&mut rules);
        let planner =
            Planner { rules: &rules, calendar: &calendar, zone: Tz::Asia__Shanghai, window: Window::default() };
        let ledger = ledger(&all);
        let now = at("2021-08-24T12:00:00+08:00");
        let question = Question { planner: &planner, facts: &facts, now, roles, ledger: &ledger };
        let told = question.not_told();
        assert!(told.is_sorted_by_key(|one| one.step.at) && told.iter().all(|one| one.step.at <= now));
        told.iter().map(|one| format!("{} {} {}", one.step.rule, one.step.index, one.because.word())).collect()
    }

    fn row(step: &Step, theirs: bool, state: ReminderState, reason: Option<&str>) -> Recorded {
        Recorded {
            step: step.clone(),
            number: step.index.into(),
            theirs,
            audience: vec![Told::Liaison],
            nobody: false,
            state,
            reason: reason.map(str::to_owned),
            mail: None,
        }
    }

    fn of<'a>(steps: &'a [Step], rule: &str) -> &'a Step {
        steps.iter().find(|step| step.rule == rule).unwrap()
    }

    #[test]
    fn a_step_that_stands_nowhere_is_due_or_its_rule_says_nothing_to_them() {
        let of_liaison = answers(State::InProgress, &[Told::Liaison], |_| (), |_| Vec::new());
        assert!(of_liaison.contains(&"before-3 0 due".to_owned()), "{of_liaison:?}");
        assert!(of_liaison.contains(&"unacknowledged 1 not_in_state".to_owned()), "{of_liaison:?}");
        let of_leader = answers(State::InProgress, &[Told::Leader], |_| (), |_| Vec::new());
        assert!(of_leader.contains(&"before-3 0 not_in_audience".to_owned()), "{of_leader:?}");
        let of_nobody = answers(State::InProgress, &[], |_| (), |_| Vec::new());
        assert!(of_nobody.iter().all(|line| line.ends_with("not_in_audience")) && !of_nobody.is_empty());
    }

    #[test]
    fn a_rule_that_was_switched_off_is_named_as_the_reason() {
        let off = |rules: &mut Vec<Rule>| rules.iter_mut().for_each(|rule| rule.active = rule.code != "before-3");
        let told = answers(State::InProgress, &[Told::Liaison], off, |_| Vec::new());
        assert!(told.contains(&"before-3 0 rule_off".to_owned()), "{told:?}");
    }

    #[test]
    fn the_ledgers_own_row_answers_first() {
        for (state, reason, word) in [
            (ReminderState::Queued, None, Some("waits")),
            (ReminderState::Sent, None, None),
            (ReminderState::Failed, Some("refused"), Some("refused")),
            (ReminderState::Cancelled, Some("no_longer_owed"), Some("no_longer_owed")),
            (ReminderState::Skipped, Some("superseded:before-1"), Some("superseded")),
            (ReminderState::Skipped, Some("before_start"), Some("before_start")),
        ] {
            let told = answers(
                State::InProgress,
                &[Told::Liaison],
                |_| (),
                |steps| {
                    vec![
                        row(of(steps, "before-3"), true, state, reason),
                        row(of(steps, "before-3"), false, ReminderState::Sent, None),
                    ]
                },
            );
            let found = told.iter().find_map(|line| line.strip_prefix("before-3 0 "));
            assert_eq!(found, word, "{state}");
        }
    }

    #[test]
    fn where_only_others_have_rows_the_role_decides_what_is_said() {
        let others = |steps: &[Step]| vec![row(of(steps, "before-3"), false, ReminderState::Sent, None)];
        let of_liaison = answers(State::InProgress, &[Told::Liaison], |_| (), others);
        assert!(of_liaison.contains(&"before-3 0 others_then".to_owned()), "{of_liaison:?}");
        let of_leader = answers(State::InProgress, &[Told::Leader], |_| (), others);
        assert!(of_leader.contains(&"before-3 0 not_in_audience".to_owned()), "{of_leader:?}");
        let nobody = |steps: &[Step]| {
            vec![Recorded {
                nobody: true,
                ..row(of(steps, "before-3"), false, ReminderState::Skipped, Some("no_audience"))
            }]
        };
        let of_liaison = answers(State::InProgress, &[Told::Liaison], |_| (), nobody);
        assert!(of_liaison.contains(&"before-3 0 no_audience".to_owned()), "{of_liaison:?}");
    }

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let name = |code: &str| code.to_owned();
        let all = [
            Because::Waits(MessageState::Retry),
            Because::Ended(EndReason::Refused),
            Because::Skipped(SkipReason::BeforeStart),
            Because::Superseded("before-1".to_owned()),
            Because::NotInAudience,
            Because::OthersThen,
            Because::NotInState,
            Because::Due,
        ];
        for because in all {
            let (zh, en) = (because.words(Lang::Zh, &name), because.words(Lang::En, &name));
            assert!(!zh.is_empty() && zh != en && (en.is_ascii() || en.contains(['“', '’'])), "{zh} {en}");
        }
    }
}
