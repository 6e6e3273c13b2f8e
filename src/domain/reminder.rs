//! Which reminder steps are owed: (facts, rules, calendar, now) to steps. Pure, so that the engine, the rehearsal and
//! the "planned" view have one answer. It says to which roles; the caller finds the people and keeps the ledger.
//!
//! A step is a wall-clock rule, a local date and a time of day, never "the last one plus 24 hours".

use crate::domain::calendar::{Calendar, at_local, local_date, local_time};
use crate::domain::instant::Instant;
use crate::domain::ticket::Ticket;
use crate::domain::vocabulary::{Severity, State};
use crate::domain::words::Lang;
use crate::text_enum;
use chrono::{Datelike, Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use std::collections::BTreeMap;

mod record;
mod rule;
pub mod why;
pub use record::{EndReason, MessageKind, MessageState, ReminderState, Told};
pub use rule::{
    Anchor, Audience, DayUnit, Delivery, REMINDERS_TOML, Repeat, Rule, RuleFault, Subject, Who, check_rules, morning,
    parse_rules, working_days,
};

/// How far a step may be moved in search of a working day.
const SEARCH_DAYS: usize = 400;
/// Weeks of the office that are looked at before and after now.
const WEEKS_BACK: u64 = 53;
const WEEKS_AHEAD: usize = 60;

/// The hours of a working day in which digests are sent, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

impl Default for Window {
    /// 08:30 to 17:30.
    fn default() -> Self {
        let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap_or(NaiveTime::MIN);
        Self { from: time(8, 30), to: time(17, 30) }
    }
}

/// A day that steps are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnchorAt {
    pub on: NaiveDate,
    /// Assignment number, deadline version or cycle: the part of the ledger's key that makes a moved anchor a new one.
    pub version: i64,
    /// When this version began to count. Of the due date: when it was set, or the ticket came back to the unit,
    /// whichever is later. Steps before it are not owed.
    pub since: Instant,
}

impl AnchorAt {
    /// An anchor that begins with the act itself: issue, return, submission.
    #[must_use]
    pub fn act(zone: Tz, at: Instant, version: i64) -> Self {
        Self { on: local_date(zone, at), version, since: at }
    }
}

/// What the planner needs to know of one ticket, notice or the office. An anchor that is `None` has no steps: leave
/// out what no longer calls for anybody, such as the due date of a notice that all have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    pub subject: Subject,
    /// A ticket's.
    pub state: Option<State>,
    /// A ticket's.
    pub severity: Option<Severity>,
    pub issued: Option<AnchorAt>,
    pub due: Option<AnchorAt>,
    pub returned: Option<AnchorAt>,
    pub submitted: Option<AnchorAt>,
    pub look_back: Option<AnchorAt>,
    /// The office's: since when weeks count. Its version is not used, a week has its own.
    pub week: Option<AnchorAt>,
    /// When this installation first planned anything.
    pub first_tick: Instant,
}

impl Facts {
    /// Facts without any anchor.
    #[must_use]
    pub const fn new(subject: Subject, first_tick: Instant) -> Self {
        Self {
            subject,
            state: None,
            severity: None,
            issued: None,
            due: None,
            returned: None,
            submitted: None,
            look_back: None,
            week: None,
            first_tick,
        }
    }

    /// A ticket's facts; `first_tick` as in the field.
    #[must_use]
    pub fn of_ticket(ticket: &Ticket, zone: Tz, first_tick: Instant) -> Self {
        let cycle = i64::from(ticket.cycle);
        let act = |at: Option<Instant>, version: i64| at.map(|at| AnchorAt::act(zone, at, version));
        let due_since = match ticket.state {
            State::Returned => ticket.due.since.max(ticket.returned_at.unwrap_or(ticket.due.since)),
            State::Issued
            | State::InProgress
            | State::Submitted
            | State::Accepted
            | State::Closed
            | State::Carried
            | State::Cancelled => ticket.due.since,
        };
        Self {
            state: Some(ticket.state),
            severity: Some(ticket.severity),
            issued: act(Some(ticket.assigned_at), i64::from(ticket.assignment)),
            due: Some(AnchorAt { on: ticket.due.on, version: ticket.due.version.into(), since: due_since }),
            returned: act(ticket.returned_at, cycle),
            submitted: act(ticket.submitted_at, cycle),
            look_back: ticket.look_back_on.zip(ticket.accepted_at).map(|(on, since)| AnchorAt {
                on,
                version: cycle,
                since,
            }),
            ..Self::new(Subject::Ticket, first_tick)
        }
    }

    /// An issued notice's facts. `due_on` is `None` once it is closed or nobody's answer is missing.
    #[must_use]
    pub fn of_notice(issued_at: Instant, due_on: Option<NaiveDate>, zone: Tz, first_tick: Instant) -> Self {
        Self {
            issued: Some(AnchorAt::act(zone, issued_at, 1)),
            due: due_on.map(|on| AnchorAt { on, version: 1, since: issued_at }),
            ..Self::new(Subject::Notice, first_tick)
        }
    }

    /// The office's facts: its weeks count from the first tick on.
    #[must_use]
    pub fn of_office(zone: Tz, first_tick: Instant) -> Self {
        Self { week: Some(AnchorAt::act(zone, first_tick, 0)), ..Self::new(Subject::Office, first_tick) }
    }

    #[must_use]
    pub const fn anchor(&self, anchor: Anchor) -> Option<AnchorAt> {
        match anchor {
            Anchor::Issued => self.issued,
            Anchor::Due => self.due,
            Anchor::Returned => self.returned,
            Anchor::Submitted => self.submitted,
            Anchor::LookBack => self.look_back,
            Anchor::Week => self.week,
            Anchor::Accepted
            | Anchor::ExtensionDecided
            | Anchor::Reassigned
            | Anchor::Cancelled
            | Anchor::Urged
            | Anchor::MilestoneReported => None,
        }
    }
}

/// One step of one rule for one version of its anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub rule: String,
    pub anchor_version: i64,
    pub index: u16,
    pub at: Instant,
}

text_enum! {
    /// Why a step, or a line of it, is recorded and not sent.
    SkipReason {
        /// Earlier than its anchor's start.
        BeforeStart = "before_start",
        /// Earlier than the installation's first tick.
        BeforeFirstTick = "before_first_tick",
        /// Earlier than its rule, or than the rule's last change.
        RuleNewer = "rule_newer",
        /// A newer step tells the same.
        Superseded = "superseded",
        /// The rule tells nobody at this step.
        NoAudience = "no_audience",
    }
}

impl SkipReason {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::BeforeStart => lang.pick("早于起算时间", "earlier than what it is counted from"),
            Self::BeforeFirstTick => lang.pick("早于系统启用时间", "earlier than this installation's first look"),
            Self::RuleNewer => {
                lang.pick("早于该提醒规则的设立或修改", "earlier than its rule, or the rule's last change")
            }
            Self::Superseded => lang.pick("已由后一步提醒代替", "a newer step tells the same"),
            Self::NoAudience => lang.pick("没有可通知的对象", "there is nobody to tell"),
        }
    }
}

/// A step that has come, with who is told by it and who by a newer one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueStep {
    pub step: Step,
    /// Whom to tell, and whether by copy. Empty where newer steps tell everybody.
    pub send: Vec<(Who, bool)>,
    /// Who is told by a newer step, and the code of its rule.
    pub superseded: Vec<(Who, String)>,
}

/// What is owed at a moment. Every step in `due` and `skipped` is to be recorded, so that it is handled from then on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owed {
    /// In order of time.
    pub due: Vec<DueStep>,
    pub skipped: Vec<(Step, SkipReason)>,
    /// When to look again, if nothing changes.
    pub next_at: Option<Instant>,
}

/// What a step is when its nominal moment lies outside the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Back,
    Forward,
}

/// The office's rules and calendar, with which any number of subjects are planned.
#[derive(Debug, Clone, Copy)]
pub struct Planner<'a> {
    pub rules: &'a [Rule],
    pub calendar: &'a Calendar,
    pub zone: Tz,
    pub window: Window,
}

impl Planner<'_> {
    /// The steps that have come by `now` and are not `handled(rule, anchor_version, index)`. Each role is told only by
    /// the newest of them (by all, if several fall on that moment), also when that one is handled already.
    #[must_use]
    pub fn owed(&self, facts: &Facts, now: Instant, handled: &dyn Fn(&str, i64, u16) -> bool) -> Owed {
        let mut owed = Owed::default();
        let mut come: Vec<(Step, &Rule, bool)> = Vec::new();
        for (rule, anchor) in self.speaking(facts) {
            for step in self.steps(rule, anchor, now) {
                if step.at > now {
                    owed.next_at = Some(owed.next_at.map_or(step.at, |held| held.min(step.at)));
                    break;
                }
                let is_handled = handled(&step.rule, step.anchor_version, step.index);
                match early(&step, rule, anchor, facts) {
                    None => come.push((step, rule, is_handled)),
                    Some(reason) if !is_handled => owed.skipped.push((step, reason)),
                    Some(_) => {}
                }
            }
        }
        come.sort_by_key(|(step, _, _)| step.at);
        let mut newest: BTreeMap<Who, (Instant, &str)> = BTreeMap::new();
        for (step, rule, _) in &come {
            for (who, _) in rule.addressed(step.index) {
                let held = newest.entry(who).or_insert((step.at, &rule.code));
                if held.0 < step.at {
                    *held = (step.at, &rule.code);
                }
            }
        }
        for (step, rule, _) in come.iter().filter(|(_, _, is_handled)| !is_handled) {
            let mut due = DueStep { step: step.clone(), send: Vec::new(), superseded: Vec::new() };
            for (who, copy) in rule.addressed(step.index) {
                match newest.get(&who) {
                    Some((at, by)) if *at > step.at => due.superseded.push((who, (*by).to_owned())),
                    Some(_) | None => due.send.push((who, copy)),
                }
            }
            owed.due.push(due);
        }
        owed
    }

    /// The ledger's number of a rule's step.
    #[must_use]
    pub fn number(&self, code: &str, index: u16) -> i32 {
        self.rules.iter().find(|rule| rule.code == code).map_or(index.into(), |rule| rule.number(index))
    }

    /// When the next step of these facts comes, the present moment included; `None` when none will.
    #[must_use]
    pub fn next_at(&self, facts: &Facts, now: Instant) -> Option<Instant> {
        self.owed(facts, now.minus(TimeDelta::microseconds(1)), &|_, _, _| true).next_at
    }

    /// The steps after the first moment and up to the second that are not handled, in order of time, as a server tells them
    /// that never stops: each at its own moment, so that none takes another's place. Of the office at most a year's.
    #[must_use]
    pub fn coming(
        &self,
        facts: &Facts,
        (after, until): (Instant, Instant),
        handled: &dyn Fn(&str, i64, u16) -> bool,
    ) -> Vec<DueStep> {
        let mut coming = Vec::new();
        for (rule, anchor) in self.speaking(facts) {
            let steps = self.steps(rule, anchor, after).take_while(|step| step.at <= until);
            let told = steps.filter(|step| {
                step.at > after
                    && early(step, rule, anchor, facts).is_none()
                    && !handled(&step.rule, step.anchor_version, step.index)
            });
            coming.extend(told.map(|step| DueStep { send: rule.addressed(step.index), superseded: Vec::new(), step }));
        }
        coming.sort_by_key(|due| due.step.at);
        coming
    }

    /// Every step in the subject's current state, past and to come, in order of time. Of the office: the weeks of the
    /// past year and the year ahead.
    #[must_use]
    pub fn all_steps(&self, facts: &Facts, now: Instant) -> Vec<Step> {
        let mut all: Vec<Step> =
            self.speaking(facts).flat_map(|(rule, anchor)| self.steps(rule, anchor, now)).collect();
        all.sort_by_key(|step| step.at);
        all
    }

    /// Does a line that was queued for a step still hold: does its rule speak, and is its anchor still that version?
    /// Of a rule that is sent at once only the rule is asked, for its act can't be undone.
    #[must_use]
    pub fn still_holds(&self, facts: &Facts, rule: &str, anchor_version: i64) -> bool {
        let Some(rule) = self.rules.iter().find(|held| held.code == rule) else { return false };
        let is_current = match (rule.delivery, rule.anchor) {
            (Delivery::AtOnce, _) => true,
            (Delivery::Digest, Anchor::Week) => facts.week.is_some(),
            (Delivery::Digest, anchor) => facts.anchor(anchor).is_some_and(|held| held.version == anchor_version),
        };
        is_current && speaks(rule, facts)
    }

    /// The first moment at or after `now` that lies in the window: what is found owed on a day off waits until then.
    #[must_use]
    pub fn next_open(&self, now: Instant) -> Instant {
        let today = local_date(self.zone, now);
        let open =
            today.iter_days().take(SEARCH_DAYS).filter(|date| self.calendar.is_working(*date)).find_map(|date| {
                let opens = at_local(self.zone, date, self.window.from).max(now);
                self.is_open(opens, date).then_some(opens)
            });
        open.unwrap_or(now)
    }

    /// The moments of a rule's steps, counted from an anchor; of the office's those of its weeks.
    #[must_use]
    pub fn moments(&self, rule: &Rule, anchor: AnchorAt, now: Instant) -> Vec<(u16, Instant)> {
        self.steps(rule, anchor, now).map(|step| (step.index, step.at)).collect()
    }

    /// Planned rules that speak, each with its anchor.
    fn speaking<'s>(&'s self, facts: &'s Facts) -> impl Iterator<Item = (&'s Rule, AnchorAt)> {
        self.rules
            .iter()
            .filter(|rule| rule.is_planned() && speaks(rule, facts))
            .filter_map(|rule| facts.anchor(rule.anchor).map(|anchor| (rule, anchor)))
    }

    /// The rule's steps in order of time.
    fn steps<'s>(&'s self, rule: &'s Rule, anchor: AnchorAt, now: Instant) -> Box<dyn Iterator<Item = Step> + 's> {
        if rule.anchor == Anchor::Week {
            Box::new(self.weekly_steps(rule, anchor, now))
        } else {
            Box::new(self.dated_steps(rule, anchor))
        }
    }

    fn dated_steps<'s>(&'s self, rule: &'s Rule, anchor: AnchorAt) -> impl Iterator<Item = Step> + 's {
        let offsets = (0..=u16::MAX).map_while(|index| rule.offset(index).map(|offset| (index, offset)));
        // From an offset of 0 on, the next step is counted from the last: a long row costs no more than its days.
        let nominal = offsets.scan((0, anchor.on), move |(counted, from), (index, offset)| {
            let date = match rule.unit {
                DayUnit::WorkingDays => self.calendar.add_working_days(*from, offset.checked_sub(*counted)?)?,
                DayUnit::CalendarDays => shifted(anchor.on, offset)?,
            };
            if offset >= 0 {
                (*counted, *from) = (offset, date);
            }
            Some((index, offset, date))
        });
        nominal.filter_map(move |(index, offset, date)| {
            let way = if rule.anchor.lies_ahead() && offset <= 0 { Move::Back } else { Move::Forward };
            let at = self.place(date, rule.time, way)?;
            Some(Step { rule: rule.code.clone(), anchor_version: anchor.version, index, at })
        })
    }

    fn weekly_steps<'s>(&'s self, rule: &'s Rule, anchor: AnchorAt, now: Instant) -> impl Iterator<Item = Step> + 's {
        let today = local_date(self.zone, now);
        let oldest = today.checked_sub_days(Days::new(WEEKS_BACK * 7)).unwrap_or(today);
        let first = anchor.on.max(oldest);
        let last = first.max(today).checked_add_days(Days::new(7 * u64::try_from(WEEKS_AHEAD).unwrap_or(0)));
        let weeks = first.iter_days().step_by(7).take_while(move |date| last.is_none_or(|last| *date <= last));
        weeks.filter_map(move |date| {
            let at = self.place(self.calendar.first_working_of_week(date)?, rule.time, Move::Forward)?;
            let week = date.iso_week();
            let anchor_version = i64::from(week.year()) * 100 + i64::from(week.week());
            Some(Step { rule: rule.code.clone(), anchor_version, index: 0, at })
        })
    }

    /// The moment in the window that stands for that date and time: the same time of day where that can be, on the
    /// last earlier or the next later working day. Going back it is never later, going forward never earlier.
    fn place(&self, nominal: NaiveDate, time: NaiveTime, way: Move) -> Option<Instant> {
        let Window { from, to } = self.window;
        let (first, time) = match way {
            Move::Back if time < from => (nominal.pred_opt()?, to),
            Move::Back => (nominal, time.min(to)),
            Move::Forward if time > to => (nominal.succ_opt()?, from),
            Move::Forward => (nominal, time.max(from)),
        };
        let days = std::iter::successors(Some(first), |date| match way {
            Move::Back => date.pred_opt(),
            Move::Forward => date.succ_opt(),
        });
        days.take(SEARCH_DAYS).filter(|date| self.calendar.is_working(*date)).find_map(|date| {
            let at = at_local(self.zone, date, time);
            self.is_open(at, date).then_some(at)
        })
    }

    /// Is it in the window of that date? A gap of the zone's clock may have pushed it out, or swallowed the day.
    fn is_open(&self, at: Instant, date: NaiveDate) -> bool {
        let time = local_time(self.zone, at);
        local_date(self.zone, at) == date && self.window.from <= time && time <= self.window.to
    }
}

/// Has the rule something to say of a subject as it stands?
#[must_use]
pub fn speaks(rule: &Rule, facts: &Facts) -> bool {
    let in_state = rule.states.is_empty() || facts.state.is_some_and(|state| rule.states.contains(&state));
    let of_weight =
        rule.severities.is_empty() || facts.severity.is_some_and(|severity| rule.severities.contains(&severity));
    rule.active && rule.subject == facts.subject && in_state && of_weight
}

/// Why a step that has come was never to be sent.
fn early(step: &Step, rule: &Rule, anchor: AnchorAt, facts: &Facts) -> Option<SkipReason> {
    if step.at < anchor.since {
        Some(SkipReason::BeforeStart)
    } else if step.at < facts.first_tick {
        Some(SkipReason::BeforeFirstTick)
    } else if rule.since.is_some_and(|since| step.at <= since) {
        Some(SkipReason::RuleNewer)
    } else if rule.addressed(step.index).is_empty() {
        Some(SkipReason::NoAudience)
    } else {
        None
    }
}

fn shifted(date: NaiveDate, days: i32) -> Option<NaiveDate> {
    let span = Days::new(days.unsigned_abs().into());
    if days < 0 { date.checked_sub_days(span) } else { date.checked_add_days(span) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::CN_TOML;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, HashSet};

    fn rules() -> Vec<Rule> {
        parse_rules(REMINDERS_TOML).unwrap()
    }

    fn cn() -> Calendar {
        Calendar::from_toml(CN_TOML).unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn none(_: &str, _: i64, _: u16) -> bool {
        false
    }

    /// A ticket of the source notice: issued 2021-08-16 at 09:00, due 2021-08-27.
    fn source() -> Facts {
        let issued = at("2021-08-16T09:00:00+08:00");
        Facts {
            state: Some(State::Issued),
            severity: Some(Severity::General),
            issued: Some(AnchorAt::act(Tz::Asia__Shanghai, issued, 1)),
            due: Some(AnchorAt { on: day("2021-08-27"), version: 1, since: issued }),
            ..Facts::new(Subject::Ticket, at("2021-08-01T00:00:00Z"))
        }
    }

    fn with_planner<T>(run: impl FnOnce(&Planner) -> T) -> T {
        let (rules, calendar) = (rules(), cn());
        run(&Planner { rules: &rules, calendar: &calendar, zone: Tz::Asia__Shanghai, window: Window::default() })
    }

    fn shown(step: &Step, zone: Tz) -> String {
        step.at.utc().with_timezone(&zone).format("%m-%d %H:%M").to_string()
    }

    #[test]
    fn the_steps_of_the_source_notice() {
        let steps = with_planner(|planner| planner.all_steps(&source(), at("2021-08-16T01:00:00Z")));
        let days = |code: &str| {
            let of_rule = steps.iter().filter(|step| step.rule == code);
            of_rule.map(|step| shown(step, Tz::Asia__Shanghai).replace(" 08:30", "")).collect::<Vec<_>>().join(" ")
        };
        for (code, expected) in [
            ("unacknowledged", "08-17 08-18 08-19 08-20 08-23"),
            ("before-7", "08-18"),
            ("before-3", "08-24"),
            ("before-1", "08-26"),
            ("due-today", "08-27"),
            ("overdue-1", "08-30"),
            ("overdue-3", "09-01"),
            // Across Mid-Autumn and National Day with their worked weekends.
            ("overdue-weekly", "09-08 09-15 09-23 09-29 10-12 10-19 10-26 11-02"),
            ("assigned", ""),
            ("review-waiting", ""),
        ] {
            assert_eq!(days(code), expected, "{code}");
        }
    }

    #[test]
    fn a_day_off_moves_steps_back_before_the_due_day_and_forward_after() {
        // Due on Saturday 2021-10-02, inside National Day; 2021-10-09 is a worked Saturday.
        let mut facts = source();
        facts.due = Some(AnchorAt { on: day("2021-10-02"), version: 2, since: at("2021-09-01T00:00:00Z") });
        let mut rules = rules();
        rules.retain(|rule| ["before-1", "due-today", "overdue-1", "overdue-3"].contains(&rule.code.as_str()));
        for rule in &mut rules {
            rule.time = NaiveTime::from_hms_opt(18, 0, 0).unwrap();
        }
        let calendar = cn();
        let zone = Tz::Asia__Shanghai;
        let planner = Planner { rules: &rules, calendar: &calendar, zone, window: Window::default() };
        let steps: Vec<String> =
            planner.all_steps(&facts, at("2021-09-01T00:00:00Z")).iter().map(|step| shown(step, zone)).collect();
        assert_eq!(steps, ["09-30 17:30", "09-30 17:30", "10-09 08:30", "10-12 08:30"]);
        for rule in &mut rules {
            rule.time = NaiveTime::from_hms_opt(7, 0, 0).unwrap();
        }
        let planner = Planner { rules: &rules, calendar: &calendar, zone, window: Window::default() };
        let steps: Vec<String> =
            planner.all_steps(&facts, at("2021-09-01T00:00:00Z")).iter().map(|step| shown(step, zone)).collect();
        assert_eq!(steps, ["09-29 17:30", "09-30 17:30", "10-08 08:30", "10-11 08:30"]);
    }

    #[test]
    fn a_day_that_the_zone_left_out_holds_no_step() {
        // Apia had no Friday 2011-12-30.
        let mut facts = source();
        facts.due = Some(AnchorAt { on: day("2011-12-30"), version: 1, since: at("2011-12-01T00:00:00Z") });
        let mut rules = rules();
        rules.retain(|rule| ["before-1", "due-today", "overdue-1"].contains(&rule.code.as_str()));
        let (calendar, zone) = (cn(), Tz::Pacific__Apia);
        let planner = Planner { rules: &rules, calendar: &calendar, zone, window: Window::default() };
        let now = at("2011-12-29T20:00:00-10:00");
        let steps: Vec<String> = planner.all_steps(&facts, now).iter().map(|step| shown(step, zone)).collect();
        assert_eq!(steps, ["12-29 08:30", "12-29 08:30", "01-02 08:30"]);
        assert_eq!(planner.next_open(now), at("2012-01-02T08:30:00+14:00"));
    }

    #[test]
    fn what_was_missed_collapses_into_the_newest_for_each_role() {
        // Down from the day of issue until Wednesday 2021-09-01 at noon.
        let owed = with_planner(|planner| planner.owed(&source(), at("2021-09-01T12:00:00+08:00"), &none));
        assert!(owed.skipped.is_empty());
        assert_eq!(owed.due.len(), 11);
        let newest = owed.due.last().unwrap();
        assert_eq!(newest.step.rule, "overdue-3");
        let told = [(Who::Liaison, false), (Who::Leader, false), (Who::ParentLeader, false), (Who::Coordinators, true)];
        assert_eq!(newest.send, told);
        for older in owed.due.iter().rev().skip(1) {
            assert!(older.send.is_empty());
            assert!(older.superseded.iter().all(|(_, by)| by == "overdue-3"), "{}", older.step.rule);
        }
        assert_eq!(owed.next_at, Some(at("2021-09-08T00:30:00Z")));
    }

    #[test]
    fn steps_before_the_start_or_the_first_tick_are_skipped() {
        let mut facts = source();
        // Issued on the day before it is due, by an installation that planned first on the day after.
        let issued = at("2021-08-26T09:00:00+08:00");
        facts.issued = Some(AnchorAt::act(Tz::Asia__Shanghai, issued, 1));
        facts.due = Some(AnchorAt { on: day("2021-08-27"), version: 1, since: issued });
        facts.first_tick = at("2021-08-28T00:00:00Z");
        let owed = with_planner(|planner| planner.owed(&facts, at("2021-08-28T01:00:00Z"), &none));
        let skipped: Vec<_> = owed.skipped.iter().map(|(step, reason)| (step.rule.as_str(), *reason)).collect();
        assert_eq!(
            skipped,
            [
                ("unacknowledged", SkipReason::BeforeFirstTick),
                ("before-7", SkipReason::BeforeStart),
                ("before-3", SkipReason::BeforeStart),
                ("before-1", SkipReason::BeforeStart),
                ("due-today", SkipReason::BeforeFirstTick),
            ]
        );
        assert!(owed.due.is_empty());
    }

    #[test]
    fn a_step_older_than_one_already_told_is_not_told_afterwards() {
        let owed = with_planner(|planner| {
            let now = at("2021-08-27T09:00:00+08:00");
            planner.owed(&source(), now, &|rule, _, _| rule != "before-3")
        });
        assert_eq!(owed.due.len(), 1);
        assert!(owed.due[0].send.is_empty());
        assert_eq!(owed.due[0].superseded, [(Who::Liaison, "due-today".to_owned())]);
    }

    #[test]
    fn only_what_speaks_in_the_state_is_owed_or_holds() {
        with_planner(|planner| {
            let mut facts = source();
            facts.submitted = Some(AnchorAt::act(planner.zone, at("2021-08-20T10:00:00+08:00"), 1));
            assert!(planner.still_holds(&facts, "before-3", 1));
            assert!(!planner.still_holds(&facts, "before-3", 2));
            assert!(planner.still_holds(&facts, "urged", 7));
            assert!(!planner.still_holds(&facts, "no-such-rule", 1));
            facts.state = Some(State::Submitted);
            assert!(!planner.still_holds(&facts, "before-3", 1));
            assert!(!planner.still_holds(&facts, "urged", 7));
            let owed = planner.owed(&facts, at("2021-09-01T12:00:00+08:00"), &none);
            assert!(owed.due.iter().all(|due| due.step.rule == "review-waiting"));
            assert_eq!(owed.due.first().map(|due| shown(&due.step, planner.zone)).as_deref(), Some("08-24 08:30"));
            facts.state = Some(State::Closed);
            assert_eq!(planner.owed(&facts, at("2021-09-01T12:00:00+08:00"), &none), Owed::default());
        });
    }

    #[test]
    fn the_offices_week_begins_with_its_first_working_day() {
        with_planner(|planner| {
            let start = at("2021-09-01T00:00:00Z");
            let facts = Facts {
                week: Some(AnchorAt { on: day("2021-09-01"), version: 0, since: start }),
                ..Facts::new(Subject::Office, start)
            };
            // The server was away; on Saturday 2021-10-09 the week began on Friday the 8th.
            let owed = planner.owed(&facts, at("2021-10-09T09:00:00+08:00"), &none);
            let told: Vec<_> = owed.due.iter().filter(|due| !due.send.is_empty()).map(|due| &due.step).collect();
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].anchor_version, told[0].index, told[0].at), (202_140, 0, at("2021-10-08T00:30:00Z")));
            assert_eq!(owed.due.len(), 5);
            assert_eq!(
                owed.skipped,
                [(
                    Step {
                        rule: "weekly-overview".into(),
                        anchor_version: 202_135,
                        index: 0,
                        at: at("2021-08-30T00:30:00Z")
                    },
                    SkipReason::BeforeStart
                )]
            );
            assert_eq!(owed.next_at, Some(at("2021-10-11T00:30:00Z")));
            // A year away, and a week that is wholly off: 2026-02-16 to 02-22.
            let owed = planner.owed(&facts, at("2026-02-18T09:00:00+08:00"), &|_, version, _| version <= 202_607);
            assert_eq!((owed.due.len(), owed.next_at), (0, Some(at("2026-02-24T00:30:00Z"))));
        });
    }

    #[test]
    fn a_notice_reminds_before_and_after_its_deadline() {
        with_planner(|planner| {
            let since = at("2021-08-16T09:00:00+08:00");
            let facts = Facts {
                due: Some(AnchorAt { on: day("2021-08-27"), version: 1, since }),
                ..Facts::new(Subject::Notice, since)
            };
            let steps: Vec<_> =
                planner.all_steps(&facts, since).iter().take(4).map(|step| shown(step, planner.zone)).collect();
            assert_eq!(steps, ["08-24 08:30", "08-26 08:30", "08-30 08:30", "09-06 08:30"]);
        });
    }

    #[test]
    fn what_is_found_on_a_day_off_waits_for_the_window() {
        with_planner(|planner| {
            for (now, opens) in [
                ("2021-10-02T03:00:00+08:00", "2021-10-08T08:30:00+08:00"),
                ("2021-10-08T08:00:00+08:00", "2021-10-08T08:30:00+08:00"),
                ("2021-10-08T12:34:56+08:00", "2021-10-08T12:34:56+08:00"),
                ("2021-10-08T17:30:01+08:00", "2021-10-09T08:30:00+08:00"),
            ] {
                assert_eq!(planner.next_open(at(now)), at(opens), "{now}");
            }
        });
    }

    const ZONES: [Tz; 7] = [
        Tz::Asia__Shanghai,
        Tz::Pacific__Apia,
        Tz::Africa__Cairo,
        Tz::America__Havana,
        Tz::America__Sao_Paulo,
        Tz::Australia__Lord_Howe,
        Tz::America__St_Johns,
    ];

    prop_compose! {
        /// Days in the years of the table and after it, and around the days that a zone's clock left out or cut.
        fn days()(base in prop::sample::select(vec![
            "2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01", "2025-01-01", "2026-01-01", "2027-01-01",
            "2011-12-10", "2024-04-10", "2018-10-20", "2024-02-25",
        ]), ahead in 0..365_i64) -> NaiveDate {
            day(base) + TimeDelta::days(ahead)
        }
    }

    prop_compose! {
        fn facts()(
            due in days(),
            issued_before in 0..60_i64,
            seconds in 0..86_400_i64,
            back in 0..20_i64,
            first_tick in -80..20_i64,
            state in prop::sample::select(State::ALL),
            version in 0..3_i64,
        ) -> Facts {
            let moment = |days: i64| Instant::from(
                (due - TimeDelta::days(days)).and_time(NaiveTime::MIN).and_utc() + TimeDelta::seconds(seconds),
            );
            let act = |at| Some(AnchorAt::act(Tz::Asia__Shanghai, at, version));
            Facts {
                state: Some(state),
                severity: Some(Severity::General),
                issued: act(moment(issued_before)),
                due: Some(AnchorAt { on: due, version, since: moment(issued_before - back) }),
                returned: act(moment(-back)),
                submitted: act(moment(back)),
                look_back: Some(AnchorAt { on: due + TimeDelta::days(30), version, since: moment(back) }),
                ..Facts::new(Subject::Ticket, moment(-first_tick))
            }
        }
    }

    prop_compose! {
        fn any_rule()(
            anchor in prop::sample::select(vec![Anchor::Issued, Anchor::Due, Anchor::Returned, Anchor::Submitted, Anchor::LookBack]),
            offsets in prop::collection::btree_set(-12..20_i32, 1..4),
            unit in prop::sample::select(DayUnit::ALL),
            minute in 0..1_440_u32,
            repeat in prop::option::of((1..8_u16, 1..8_u16)),
            leader_from in 0..3_u16,
        ) -> Rule {
            let lowest = if anchor.lies_ahead() { -12 } else { 0 };
            let mut offsets: Vec<i32> = offsets.into_iter().filter(|offset| *offset >= lowest).collect();
            if offsets.is_empty() {
                offsets.push(1);
            }
            Rule {
                code: String::new(),
                name_zh: "提醒".into(),
                name_en: "reminder".into(),
                subject: Subject::Ticket,
                anchor,
                offsets,
                unit,
                time: NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).unwrap(),
                repeat: repeat.map(|(every, at_most)| Repeat { every, at_most }),
                states: State::ALL.to_vec(),
                audience: vec![
                    Audience { who: Who::Liaison, from_step: 0 },
                    Audience { who: Who::Leader, from_step: leader_from },
                ],
                copies: vec![],
                severities: vec![],
                delivery: Delivery::Digest,
                active: true,
                since: None,
                series: 0,
            }
        }
    }

    prop_compose! {
        fn any_rules()(mut made in prop::collection::vec(any_rule(), 1..5), with_default: bool) -> Vec<Rule> {
            for (n, rule) in made.iter_mut().enumerate() {
                rule.code = format!("made-{n}");
            }
            if with_default { [rules(), made].concat() } else { made }
        }
    }

    fn key(step: &Step) -> (String, i64, u16) {
        (step.rule.clone(), step.anchor_version, step.index)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn every_step_is_owed_once_and_in_the_window(
            facts in facts(), rules in any_rules(), zone in prop::sample::select(ZONES.to_vec()), after in -40..120_i64,
            known in 0..5_u16,
        ) {
            let calendar = cn();
            let window = Window::default();
            let planner = Planner { rules: &rules, calendar: &calendar, zone, window };
            let now = facts.due.unwrap().since.plus(TimeDelta::days(after));
            let all = planner.all_steps(&facts, now);
            let handled = |_: &str, _: i64, index: u16| known > 0 && index % 5 == known;
            let owed = planner.owed(&facts, now, &handled);

            let mut recorded = HashSet::new();
            for step in owed.due.iter().map(|due| &due.step).chain(owed.skipped.iter().map(|(step, _)| step)) {
                prop_assert!(recorded.insert(key(step)), "{step:?} twice");
                prop_assert!(step.at <= now && !handled(&step.rule, step.anchor_version, step.index));
            }
            for step in &all {
                let come = step.at <= now && !handled(&step.rule, step.anchor_version, step.index);
                prop_assert_eq!(recorded.contains(&key(step)), come, "{:?}", step);
            }
            prop_assert_eq!(owed.next_at, all.iter().map(|step| step.at).filter(|at| *at > now).min());

            for step in &all {
                let (date, time) = (local_date(zone, step.at), local_time(zone, step.at));
                prop_assert!(calendar.is_working(date) && window.from <= time && time <= window.to, "{step:?}");
                let rule = rules.iter().find(|rule| rule.code == step.rule).unwrap();
                let (offset, from) = (rule.offset(step.index).unwrap(), facts.anchor(rule.anchor).unwrap().on);
                let nominal = match rule.unit {
                    DayUnit::WorkingDays => calendar.add_working_days(from, offset).unwrap(),
                    DayUnit::CalendarDays => from + TimeDelta::days(offset.into()),
                };
                let back = rule.anchor.lies_ahead() && offset <= 0;
                let expected = if back {
                    calendar.last_working_on_or_before(nominal - TimeDelta::days((rule.time < window.from).into()))
                } else {
                    calendar.next_working_on_or_after(nominal + TimeDelta::days((rule.time > window.to).into()))
                };
                // Apia left out a working day, 2011-12-30.
                prop_assert!(expected == Some(date) || zone == Tz::Pacific__Apia, "{step:?} {expected:?}");
                let nominal = at_local(zone, nominal, rule.time);
                if back {
                    prop_assert!(step.at <= nominal, "{step:?}");
                } else {
                    prop_assert!(step.at >= nominal, "{step:?}");
                }
            }

            for who in Who::ALL {
                let told = owed.due.iter().filter(|due| due.send.iter().any(|(sent, _)| sent == who));
                let moments: BTreeSet<Instant> = told.map(|due| due.step.at).collect();
                prop_assert!(moments.len() <= 1, "{who} is told of {moments:?}");
                let addressed = owed.due.iter().any(|due| due.superseded.iter().any(|(held, _)| held == who));
                prop_assert!(known > 0 || !addressed || moments.len() == 1, "{who} is told nothing");
            }

            let after = planner.owed(&facts, now, &|rule, version, index| {
                handled(rule, version, index) || recorded.contains(&(rule.to_owned(), version, index))
            });
            prop_assert!(after.due.is_empty() && after.skipped.is_empty());
            prop_assert_eq!(after.next_at, owed.next_at);
        }

        #[test]
        fn a_server_that_is_never_down_tells_every_step_at_its_time(
            facts in facts(), rules in any_rules(), zone in prop::sample::select(ZONES.to_vec()),
        ) {
            let calendar = cn();
            let planner = Planner { rules: &rules, calendar: &calendar, zone, window: Window::default() };
            let mut ledger = HashSet::new();
            let mut told = 0;
            let mut walked = Vec::new();
            let mut next = Some(facts.first_tick);
            while let Some(now) = next {
                let owed = planner.owed(&facts, now, &|rule, version, index| {
                    ledger.contains(&(rule.to_owned(), version, index))
                });
                for due in &owed.due {
                    prop_assert!(due.superseded.is_empty() && due.step.at == now);
                    prop_assert!(ledger.insert(key(&due.step)));
                    told += 1;
                    walked.push(due.clone());
                }
                for (step, reason) in &owed.skipped {
                    prop_assert!(*reason == SkipReason::BeforeStart || *reason == SkipReason::BeforeFirstTick);
                    prop_assert!(ledger.insert(key(step)));
                }
                prop_assert!(owed.next_at.is_none_or(|at| at > now));
                next = owed.next_at;
            }
            let just_before = facts.first_tick.minus(TimeDelta::microseconds(1));
            let coming = planner.coming(&facts, (just_before, facts.first_tick.plus(TimeDelta::days(100_000))), &none);
            prop_assert_eq!(coming, walked);
            let all = planner.all_steps(&facts, facts.first_tick);
            prop_assert_eq!(ledger.len(), all.len());
            let anchor = |step: &Step| {
                facts.anchor(rules.iter().find(|rule| rule.code == step.rule).unwrap().anchor).unwrap()
            };
            let in_time = |step: &&Step| step.at >= facts.first_tick && step.at >= anchor(step).since;
            prop_assert_eq!(told, all.iter().filter(in_time).count());
        }

        #[test]
        fn the_window_opens_at_or_after_now(days in days(), seconds in 0..86_400_i64, zone in prop::sample::select(ZONES.to_vec())) {
            let calendar = cn();
            let planner = Planner { rules: &[], calendar: &calendar, zone, window: Window::default() };
            let now = Instant::from(days.and_time(NaiveTime::MIN).and_utc() + TimeDelta::seconds(seconds));
            let opens = planner.next_open(now);
            prop_assert!(opens >= now && calendar.is_working(local_date(zone, opens)));
            prop_assert_eq!(planner.next_open(opens), opens);
        }
    }
}
