//! What the life of a ticket promises. Here: the ticket of the source notice, the people around it, and how a test
//! lets them act.

mod acts;
mod properties;
mod table;

use super::*;
use crate::domain::actor::{Actor, Scope};
use crate::domain::calendar::{CN_TOML, Calendar};
use crate::domain::id::{AttachmentId, FeedbackId, MilestoneId};
use crate::domain::refusal::Place;
use chrono::{NaiveTime, TimeDelta};
use chrono_tz::Tz;
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

const LEAD: UnitId = UnitId(Uuid::from_u128(1));
const CO: UnitId = UnitId(Uuid::from_u128(2));
const FOREIGN: UnitId = UnitId(Uuid::from_u128(3));
const BUREAU: UnitId = UnitId(Uuid::from_u128(4));

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A moment of the office: `08-20 10:00` of 2021 in Shanghai.
fn at(text: &str) -> Instant {
    format!("2021-{}:00+08:00", text.replace(' ', "T")).parse().unwrap()
}

fn office() -> Office {
    static CALENDAR: LazyLock<Arc<Calendar>> = LazyLock::new(|| Arc::new(Calendar::from_toml(CN_TOML).unwrap()));
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
    Office {
        name_zh: "市行政审批服务局".into(),
        name_en: "Bureau".into(),
        zone: Tz::Asia__Shanghai,
        calendar: Arc::clone(&CALENDAR),
        window: (time(8, 30), time(17, 30)),
        yellow_days: 3,
        look_back_days: 20,
        review_days: 3,
        four_eyes: false,
        at_once_a_day: 0,
    }
}

/// Issued on Monday 2021-08-16 at 09:00, due on Friday 08-27.
fn ticket() -> Ticket {
    let issued = at("08-16 09:00");
    let due_on = day("2021-08-27");
    let new = NewTicket {
        id: TicketId(Uuid::from_u128(10)),
        reference: "2021Q2-F01-01".into(),
        notice_id: NoticeId(Uuid::from_u128(11)),
        finding_id: FindingId(Uuid::from_u128(12)),
        unit_id: LEAD,
        co_unit_ids: vec![CO],
        severity: Severity::General,
        look_back: LookBackPolicy::All,
        due: Due::first(due_on, office().late_at(due_on), false, issued),
    };
    Ticket::issued(new, issued)
}

fn person(name: &str, unit: UnitId, roles: &[Role]) -> Actor {
    let number = name.bytes().fold(100, |sum: u128, byte| sum * 31 + u128::from(byte));
    let reads_all = roles.iter().any(|role| role.reads_all());
    Actor {
        user_id: Some(UserId(Uuid::from_u128(number))),
        name: name.to_owned(),
        unit_id: Some(unit),
        roles: roles.to_vec(),
        scope: if reads_all { Scope::All } else { Scope::Units(vec![unit]) },
    }
}

fn liaison() -> Actor {
    person("liaison", LEAD, &[Role::Liaison])
}

fn leader() -> Actor {
    person("leader", LEAD, &[Role::Leader])
}

fn co_liaison() -> Actor {
    person("co-liaison", CO, &[Role::Liaison])
}

fn coordinator() -> Actor {
    person("coordinator", BUREAU, &[Role::Coordinator])
}

fn approver() -> Actor {
    person("approver", BUREAU, &[Role::Approver])
}

/// Everybody who might try something, with one word each.
fn cast() -> Vec<Actor> {
    vec![
        liaison(),
        leader(),
        co_liaison(),
        person("co-leader", CO, &[Role::Leader]),
        person("foreign liaison", FOREIGN, &[Role::Liaison, Role::Leader]),
        coordinator(),
        person("second coordinator", BUREAU, &[Role::Coordinator]),
        person("lead's coordinator", LEAD, &[Role::Coordinator, Role::Liaison]),
        approver(),
        person("admin", BUREAU, &[Role::Admin]),
        person("lead's approver", LEAD, &[Role::Approver, Role::Leader]),
        person("viewer", BUREAU, &[Role::Viewer]),
        person("viewer who helps", CO, &[Role::Viewer, Role::Liaison]),
        Actor::system("engine"),
    ]
}

fn letter(result: WorkResult, completed_on: Option<&str>) -> FeedbackPart {
    FeedbackPart {
        feedback_id: FeedbackId(Uuid::from_u128(20)),
        cause: "账号闲置".into(),
        measures: "已注销".into(),
        result,
        completed_on: completed_on.map(day),
    }
}

fn done(completed_on: &str) -> Command {
    Command::Feedback(letter(WorkResult::Done, Some(completed_on)))
}

fn acknowledge() -> Command {
    Command::Acknowledge { handler: "张三".into() }
}

fn progress(percent: Option<i32>) -> Command {
    Command::Progress { text: "正在办理".into(), percent, attachments: vec![], corrects: None, milestone: None }
}

/// The n-th milestone of a test's ticket, from 0.
fn milestone_id(index: usize) -> MilestoneId {
    MilestoneId(Uuid::from_u128(30 + u128::try_from(index).unwrap()))
}

fn report(index: usize) -> Command {
    let milestone = Some(milestone_id(index));
    Command::Progress { text: "已达成".into(), percent: None, attachments: vec![], corrects: None, milestone }
}

fn decide_milestone(index: usize, reached: bool) -> Command {
    Command::DecideMilestone { id: milestone_id(index), reached, reason: "已核实".into() }
}

fn object(proposed: UnitId) -> Command {
    Command::Object { reason: "不属于本单位职责".into(), proposed }
}

fn decide_objection(unit: Option<UnitId>) -> Command {
    Command::DecideObjection { reason: "职责分工".into(), unit }
}

fn reassign(unit: UnitId, due_on: Option<&str>) -> Command {
    Command::Reassign { reason: "职责调整".into(), unit, due_on: due_on.map(day) }
}

fn accept() -> Command {
    Command::Accept { reason: "材料齐全".into() }
}

fn send_back(due_on: Option<&str>) -> Command {
    Command::Return { reason: "佐证不足".into(), due_on: due_on.map(day) }
}

fn pass(on: &str) -> Command {
    Command::PassLookBack { method: "现场".into(), note: "已整改".into(), on: day(on), evidence: vec![] }
}

fn fail(on: &str, due_on: &str) -> Command {
    let (on, due_on) = (day(on), day(due_on));
    Command::FailLookBack { method: "抽查".into(), note: "仍可访问".into(), on, evidence: vec![], due_on }
}

fn carry(milestones: &[&str]) -> Command {
    let new = |on: &&str| NewMilestone { on: day(on), text: "完成一步".into() };
    let milestones = milestones.iter().enumerate().map(|(index, on)| Milestone::new(milestone_id(index), new(on)));
    Command::Carry { reason: "平台冻结期".into(), milestones: milestones.collect() }
}

fn cancel() -> Command {
    Command::Cancel { reason: "重复".into() }
}

fn reopen(due_on: &str) -> Command {
    Command::Reopen { reason: "复发".into(), due_on: day(due_on) }
}

fn ask(to: &str) -> Command {
    Command::AskExtension { to: day(to), reason: "招标".into(), progress: "已立项".into() }
}

fn decide_extension(to: Option<&str>) -> Command {
    Command::DecideExtension { reason: "属实".into(), to: to.map(day) }
}

fn move_due(to: &str) -> Command {
    Command::MoveDueDate { to: day(to), reason: "统一调整".into() }
}

fn comment() -> Command {
    Command::Comment { text: "知悉".into() }
}

/// The ticket as acts have left it.
struct Life {
    office: Office,
    ticket: Ticket,
}

impl Life {
    fn new() -> Self {
        Self { office: office(), ticket: ticket() }
    }

    /// Does it, or panics with the refusal.
    fn then(mut self, moment: &str, who: &Actor, command: Command) -> Self {
        self.ticket = self.attempt(moment, who, command).unwrap().ticket;
        self
    }

    fn attempt(&self, moment: &str, who: &Actor, command: Command) -> Result<Change, Refusal> {
        apply(&self.ticket, who, command, &self.office, at(moment))
    }

    /// The refusal's code; of an invalid field, its place and code.
    fn refused(&self, moment: &str, who: &Actor, command: Command) -> String {
        let refusal = self.attempt(moment, who, command).unwrap_err();
        match refusal.faults.as_slice() {
            [] => refusal.code.as_str().to_owned(),
            [fault] => {
                let Place::Pointer(pointer) = &fault.place else { panic!("{:?}", fault.place) };
                format!("{pointer} {}", fault.code.as_str())
            }
            more => panic!("{more:?}"),
        }
    }

    /// Acknowledged on the day of issue.
    fn in_progress() -> Self {
        Self::new().then("08-16 10:00", &liaison(), acknowledge())
    }

    /// Answered in full on 08-20.
    fn submitted() -> Self {
        Self::in_progress().then("08-20 10:00", &liaison(), done("2021-08-19"))
    }

    /// Accepted on 08-23.
    fn accepted() -> Self {
        Self::submitted().then("08-23 10:00", &coordinator(), accept())
    }

    /// Struck off on 09-20.
    fn closed() -> Self {
        Self::accepted().then("09-20 10:00", &coordinator(), pass("2021-09-20"))
    }

    /// Sent back on 08-23, due on the old date.
    fn returned() -> Self {
        Self::submitted().then("08-23 10:00", &coordinator(), send_back(None))
    }
}
