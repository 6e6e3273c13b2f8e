//! The words of the mails in both languages: dates, standings, what to do next, subjects. For `render`.

use super::content::{Act, Group, NextStep, Note, Standing};
use crate::domain::reminder::Anchor;
use crate::domain::vocabulary::Part;
use crate::domain::words::Lang;
use chrono::{Datelike, NaiveDate, Weekday};

/// `2021年8月27日（周五）`, `Fri 27 Aug 2021`.
pub(super) fn date(lang: Lang, on: NaiveDate) -> String {
    match lang {
        Lang::Zh => format!("{}年{}月{}日（周{}）", on.year(), on.month(), on.day(), weekday_zh(on.weekday())),
        Lang::En => on.format("%a %-d %b %Y").to_string(),
    }
}

const fn weekday_zh(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "一",
        Weekday::Tue => "二",
        Weekday::Wed => "三",
        Weekday::Thu => "四",
        Weekday::Fri => "五",
        Weekday::Sat => "六",
        Weekday::Sun => "日",
    }
}

/// `8月23日至29日`, `8月30日至9月5日`; `23–29 Aug 2021`, `30 Aug – 5 Sep 2021`.
pub(super) fn week(lang: Lang, from: NaiveDate, to: NaiveDate) -> String {
    let same_month = (from.year(), from.month()) == (to.year(), to.month());
    match (lang, same_month) {
        (Lang::Zh, true) => format!("{}月{}日至{}日", from.month(), from.day(), to.day()),
        (Lang::Zh, false) => format!("{}月{}日至{}月{}日", from.month(), from.day(), to.month(), to.day()),
        (Lang::En, true) => format!("{}–{}", from.day(), to.format("%-d %b %Y")),
        (Lang::En, false) => format!("{} – {}", from.format("%-d %b"), to.format("%-d %b %Y")),
    }
}

/// `1 day`, `2 days`.
fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A standing in words.
pub(super) fn standing(lang: Lang, standing: Standing) -> String {
    match (lang, standing) {
        (Lang::Zh, Standing::Overdue { days }) => format!("逾期 {days} 天"),
        (Lang::En, Standing::Overdue { days }) => format!("{} overdue", counted(days, "day", "days")),
        (Lang::Zh, Standing::DueToday) => "今日到期".to_owned(),
        (Lang::En, Standing::DueToday) => "due today".to_owned(),
        (Lang::Zh, Standing::WorkingDaysLeft { days }) => format!("剩 {days} 个工作日"),
        (Lang::En, Standing::WorkingDaysLeft { days }) => {
            format!("{} left", counted(days, "working day", "working days"))
        }
        (Lang::Zh, Standing::WaitingForReview { working_days: 0 }) => "今日提交，待审核".to_owned(),
        (Lang::En, Standing::WaitingForReview { working_days: 0 }) => "submitted today, waiting for review".to_owned(),
        (Lang::Zh, Standing::WaitingForReview { working_days }) => format!("已提交 {working_days} 个工作日，待审核"),
        (Lang::En, Standing::WaitingForReview { working_days }) => {
            format!("waiting for review for {}", counted(working_days, "working day", "working days"))
        }
        (Lang::Zh, Standing::LookBackDue { days_late: 0 }) => "今日应复查".to_owned(),
        (Lang::En, Standing::LookBackDue { days_late: 0 }) => "look-back due today".to_owned(),
        (Lang::Zh, Standing::LookBackDue { days_late }) => format!("复查已迟 {days_late} 天"),
        (Lang::En, Standing::LookBackDue { days_late }) => {
            format!("look-back {} late", counted(days_late, "day", "days"))
        }
        (lang, Standing::Settled { state }) => state.name(lang).to_owned(),
    }
}

/// Shape and colour of a standing; the words stand beside it always.
pub(super) const fn mark(standing: Standing) -> (&'static str, &'static str) {
    match standing {
        Standing::Overdue { .. } => ("●", "#d92d20"),
        Standing::DueToday => ("▲", "#b54708"),
        Standing::WorkingDaysLeft { days } if days <= 3 => ("▲", "#b54708"),
        Standing::WorkingDaysLeft { .. } => ("■", "#087443"),
        Standing::WaitingForReview { .. } | Standing::LookBackDue { .. } => ("◆", "#2e6bd6"),
        Standing::Settled { .. } => ("○", "#475467"),
    }
}

/// What the date of a line is.
pub(super) const fn date_label(lang: Lang, standing: Standing) -> &'static str {
    match standing {
        Standing::Overdue { .. } | Standing::DueToday | Standing::WorkingDaysLeft { .. } => lang.pick("期限", "Due"),
        Standing::WaitingForReview { .. } | Standing::Settled { .. } => lang.pick("整改期限", "Due"),
        Standing::LookBackDue { .. } => lang.pick("复查日期", "Look-back on"),
    }
}

/// What to do next.
pub(super) const fn next_step(lang: Lang, next: NextStep) -> &'static str {
    match next {
        NextStep::Acknowledge => {
            lang.pick("请尽快签收，并明确经办人。", "Acknowledge the ticket and name its handler.")
        }
        NextStep::Rectify => lang.pick(
            "请抓紧整改，在期限前提交书面反馈。",
            "Complete the rectification and file written feedback before the deadline.",
        ),
        NextStep::FileFeedbackToday => lang.pick(
            "请于今日内提交书面反馈；确有困难的，请在到期前申请延期。",
            "File written feedback today, or ask for an extension before the deadline passes.",
        ),
        NextStep::FileFeedbackNow => {
            lang.pick("请立即完成整改并提交书面反馈。", "Complete the rectification and file written feedback at once.")
        }
        NextStep::Rework => lang.pick(
            "请对照所列问题重新整改，并再次提交书面反馈。",
            "Put right what was found and file written feedback again.",
        ),
        NextStep::ReachMilestone => lang.pick(
            "请按挂账整改计划完成本阶段任务，并登记进展。",
            "Complete the current milestone of the plan and log your progress.",
        ),
        NextStep::Contribute => {
            lang.pick("请配合牵头单位整改，并登记进展。", "Support the lead unit and log your progress.")
        }
        NextStep::Supervise => lang.pick("请督促责任单位抓紧整改。", "See to it that the responsible unit acts."),
        NextStep::DecideMilestone => {
            lang.pick("请核实并确认阶段目标是否达成。", "Check it, and say whether the milestone is reached.")
        }
        NextStep::Review => lang.pick("请审核该单位的书面反馈。", "Review the unit’s written feedback."),
        NextStep::LookBack => {
            lang.pick("请开展回头看，并登记复查结果。", "Carry out the look-back and record its result.")
        }
        NextStep::AwaitLookBack => lang
            .pick("请巩固整改成果，做好回头看准备。", "Keep what was achieved in place; the look-back will check it."),
        NextStep::AnswerRequirements => {
            lang.pick("请在书面反馈中逐条答复工作要求。", "Answer each requirement in the feedback letter.")
        }
        NextStep::Nothing => lang.pick("本件供知悉，无需办理。", "For your information; nothing needs to be done."),
    }
}

pub(super) fn note(lang: Lang, note: Note) -> String {
    let fixed = |zh, en| lang.pick(zh, en).to_owned();
    match note {
        Note::News { anchor } => news(lang, anchor).to_owned(),
        Note::NotAcknowledged => fixed("尚未签收", "not yet acknowledged"),
        Note::Prominent => fixed("突出问题", "prominent problem"),
        Note::CoUnit => fixed("本单位为协办单位", "your unit supports the lead unit"),
        Note::ExtensionPending => {
            fixed("延期申请待审批，期限照常计算", "an extension is being decided (the clock runs on)")
        }
        Note::ObjectionPending => {
            fixed("异议待答复，期限照常计算", "an objection is being decided (the clock runs on)")
        }
        Note::Provisional => fixed("工作日历尚未公布，天数为暂定", "provisional: the calendar is not yet published"),
        Note::Carried => fixed("挂账整改", "carried, with milestones"),
        Note::Returned { times } => match lang {
            Lang::Zh => format!("已退回 {times} 次"),
            Lang::En if times == 1 => "returned once".to_owned(),
            Lang::En => format!("returned {times} times"),
        },
        Note::RequirementsOpen { open } => match lang {
            Lang::Zh => format!("尚有 {open} 条工作要求待答复"),
            Lang::En => format!("{} to answer", counted(open, "requirement", "requirements")),
        },
    }
}

/// What happened, told in a digest.
const fn news(lang: Lang, anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::Issued => lang.pick("新下达", "newly issued"),
        Anchor::Returned => lang.pick("审核退回", "returned for rework"),
        Anchor::Accepted => lang.pick("审核通过", "accepted"),
        Anchor::ExtensionDecided => lang.pick("期限有新决定", "the due date was decided on"),
        Anchor::Reassigned => lang.pick("转派给本单位", "reassigned to your unit"),
        Anchor::Cancelled => lang.pick("已撤销", "cancelled"),
        Anchor::Urged => lang.pick("已催办", "urged"),
        Anchor::MilestoneReported => lang.pick("阶段目标待确认", "a milestone to decide"),
        Anchor::Due | Anchor::Submitted | Anchor::LookBack | Anchor::Week => lang.pick("有更新", "updated"),
    }
}

/// What a digest's group is called, there and in the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    Overdue,
    DueToday,
    DueSoon,
    ToAcknowledge,
    Others,
    DueThisWeek,
    ToReview,
    Undelivered,
}

impl Heading {
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Overdue => lang.pick("逾期", "Overdue"),
            Self::DueToday => lang.pick("今日到期", "Due today"),
            Self::DueSoon => lang.pick("即将到期", "Due soon"),
            Self::ToAcknowledge => lang.pick("待签收", "To acknowledge"),
            Self::Others => lang.pick("其他", "Others"),
            Self::DueThisWeek => lang.pick("本周到期", "Due this week"),
            Self::ToReview => lang.pick("待审核", "Waiting for review"),
            Self::Undelivered => lang.pick("邮件未送达", "Undelivered mail"),
        }
    }

    const fn measure(self) -> &'static str {
        match self {
            Self::Overdue
            | Self::DueToday
            | Self::DueSoon
            | Self::ToAcknowledge
            | Self::DueThisWeek
            | Self::ToReview => "件",
            Self::Others => "项",
            Self::Undelivered => "封",
        }
    }

    fn in_subject(self, lang: Lang, count: usize) -> String {
        match (lang, self) {
            (Lang::Zh, _) => format!("{} {count} {}", self.name(lang), self.measure()),
            (Lang::En, Self::Overdue) => format!("{count} overdue"),
            (Lang::En, Self::DueToday) => format!("{count} due today"),
            (Lang::En, Self::DueSoon) => format!("{count} due soon"),
            (Lang::En, Self::ToAcknowledge) => format!("{count} to acknowledge"),
            (Lang::En, Self::Others) if count == 1 => "1 other".to_owned(),
            (Lang::En, Self::Others) => format!("{count} others"),
            (Lang::En, Self::DueThisWeek) => format!("{count} due this week"),
            (Lang::En, Self::ToReview) => format!("{count} to review"),
            (Lang::En, Self::Undelivered) if count == 1 => "1 mail undelivered".to_owned(),
            (Lang::En, Self::Undelivered) => format!("{count} mails undelivered"),
        }
    }

    /// `逾期（3 件）`, `Overdue (3)`.
    pub fn counted(self, lang: Lang, count: usize) -> String {
        match lang {
            Lang::Zh => format!("{}（{count} {}）", self.name(lang), self.measure()),
            Lang::En => format!("{} ({count})", self.name(lang)),
        }
    }
}

/// The product's name before every subject.
pub(super) const fn prefix(lang: Lang) -> &'static str {
    lang.pick("【整改督办】", "[rectify] ")
}

/// `逾期 3 件、今日到期 1 件`; empty where nothing is counted.
pub(super) fn counts(lang: Lang, groups: &[(Heading, usize)]) -> String {
    let parts: Vec<_> = groups
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(heading, count)| heading.in_subject(lang, *count))
        .collect();
    parts.join(lang.pick("、", ", "))
}

pub(super) fn totals<'a>(groups: impl IntoIterator<Item = (Heading, &'a Group)>) -> Vec<(Heading, usize)> {
    groups.into_iter().map(|(heading, group)| (heading, group.total)).collect()
}

/// What a digest's subject says of its counts, and of the week that it gives an overview of.
pub(super) fn digest_in_subject(lang: Lang, week: Option<&str>, counts: &str) -> String {
    let Some(week) = week else { return counts.to_owned() };
    let counts = if counts.is_empty() { lang.pick("无待办事项", "nothing is due") } else { counts };
    match lang {
        Lang::Zh => format!("每周概览（{week}）：{counts}"),
        Lang::En => format!("Week of {week}: {counts}"),
    }
}

/// The act as a subject names it, before the reference.
pub(super) const fn act_in_subject(lang: Lang, act: Act) -> &'static str {
    match act {
        Act::Assigned { part: Part::Lead } => lang.pick("新任务", "New ticket"),
        Act::Assigned { part: Part::Co } => lang.pick("新协办任务", "New ticket to support"),
        Act::Returned | Act::LookBackFailed => lang.pick("退回重办", "Returned"),
        Act::Accepted { .. } => lang.pick("审核通过", "Accepted"),
        Act::ExtensionGranted { .. } => lang.pick("延期获批", "Extension granted"),
        Act::ExtensionRefused => lang.pick("延期未获批准", "Extension refused"),
        Act::DueDateMoved { .. } => lang.pick("期限调整", "Due date changed"),
        Act::ReassignedHere => lang.pick("转入任务", "Reassigned to you"),
        Act::ReassignedAway => lang.pick("任务转出", "Reassigned to another unit"),
        Act::Cancelled => lang.pick("任务撤销", "Cancelled"),
        Act::Urged { .. } => lang.pick("催办", "Action urged"),
        Act::MilestoneReported => lang.pick("阶段目标待确认", "Milestone reported"),
    }
}

/// What happened, as the mail's first sentence.
pub(super) fn what_happened(lang: Lang, act: Act, office: &str) -> String {
    match lang {
        Lang::Zh => what_happened_zh(act, office),
        Lang::En => what_happened_en(act, office),
    }
}

fn what_happened_zh(act: Act, office: &str) -> String {
    match act {
        Act::Assigned { part: Part::Lead } => format!("{office}向你单位交办以下整改任务。"),
        Act::Assigned { part: Part::Co } => format!("{office}交办以下整改任务，你单位为协办单位。"),
        Act::Returned => format!("你单位提交的书面反馈经{office}审核未通过，现退回重办。"),
        Act::LookBackFailed => format!("{office}对以下任务开展回头看，复查未通过，现退回重办。"),
        Act::Accepted { look_back_on: Some(on) } => {
            format!("你单位提交的书面反馈已通过{office}审核，拟于{}开展回头看。", date(Lang::Zh, on))
        }
        Act::Accepted { look_back_on: None } => format!("你单位提交的书面反馈已通过{office}审核，任务已销号。"),
        Act::ExtensionGranted { from } => {
            format!("你单位提出的延期申请已获批准，原期限为{}。", date(Lang::Zh, from))
        }
        Act::ExtensionRefused => "你单位提出的延期申请未获批准，期限不变。".to_owned(),
        Act::DueDateMoved { from } => format!("{office}调整了以下任务的期限，原期限为{}。", date(Lang::Zh, from)),
        Act::ReassignedHere => format!("{office}将以下整改任务转派你单位办理。"),
        Act::ReassignedAway => format!("{office}已将以下整改任务转派其他单位办理，你单位不再承办。"),
        Act::Cancelled => format!("{office}已撤销以下整改任务，记录予以保留。"),
        Act::Urged { times } if times > 1 => format!("{office}对以下整改任务进行第 {times} 次催办。"),
        Act::Urged { .. } => format!("{office}对以下整改任务进行催办。"),
        Act::MilestoneReported => "责任单位报告以下挂账任务的阶段目标已经达成。".to_owned(),
    }
}

fn what_happened_en(act: Act, office: &str) -> String {
    match act {
        Act::Assigned { part: Part::Lead } => format!("{office} has assigned this ticket to your unit."),
        Act::Assigned { part: Part::Co } => {
            format!("{office} has issued this ticket; your unit is to support the lead unit.")
        }
        Act::Returned => format!("{office} has reviewed your unit’s feedback and returned the ticket for rework."),
        Act::LookBackFailed => format!("The look-back by {office} was not passed; the ticket is returned for rework."),
        Act::Accepted { look_back_on: Some(on) } => {
            format!("{office} has accepted your unit’s feedback. The look-back is set for {}.", date(Lang::En, on))
        }
        Act::Accepted { look_back_on: None } => {
            format!("{office} has accepted your unit’s feedback; the ticket is closed.")
        }
        Act::ExtensionGranted { from } => {
            format!("Your unit’s request for an extension is granted. The ticket was due on {}.", date(Lang::En, from))
        }
        Act::ExtensionRefused => {
            "Your unit’s request for an extension is refused; the due date stays as it is.".to_owned()
        }
        Act::DueDateMoved { from } => {
            format!("{office} has changed the due date of this ticket. It was due on {}.", date(Lang::En, from))
        }
        Act::ReassignedHere => format!("{office} has reassigned this ticket to your unit."),
        Act::ReassignedAway => {
            format!("{office} has reassigned this ticket to another unit; yours no longer handles it.")
        }
        Act::Cancelled => format!("{office} has cancelled this ticket; its record is kept."),
        Act::Urged { times } if times > 1 => {
            format!("{office} urges your unit to act on this ticket, for the {} time.", ordinal(times))
        }
        Act::Urged { .. } => format!("{office} urges your unit to act on this ticket."),
        Act::MilestoneReported => "The unit reports that it has reached a milestone of this carried ticket.".to_owned(),
    }
}

fn ordinal(number: u32) -> String {
    let suffix = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// What the given reason is called after such an act.
pub(super) const fn reason_label(lang: Lang, act: Act) -> &'static str {
    match act {
        Act::Returned => lang.pick("退回意见", "Reason"),
        Act::LookBackFailed => lang.pick("复查发现", "What was found"),
        Act::Accepted { .. } | Act::ExtensionRefused | Act::ExtensionGranted { .. } => lang.pick("审核意见", "Remark"),
        Act::Urged { .. } => lang.pick("催办意见", "Remark"),
        Act::MilestoneReported => lang.pick("阶段目标", "Milestone"),
        Act::Assigned { .. } => lang.pick("说明", "Remark"),
        Act::DueDateMoved { .. } | Act::ReassignedHere | Act::ReassignedAway | Act::Cancelled => {
            lang.pick("理由", "Reason")
        }
    }
}

/// `一` to `十`, for the headings of Chinese mails, which never have more.
pub(super) fn ordinal_zh(index: usize) -> &'static str {
    ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十"].get(index).copied().unwrap_or("又")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn dates_and_weeks_read_as_in_documents() {
        assert_eq!(date(Lang::Zh, on("2021-08-27")), "2021年8月27日（周五）");
        assert_eq!(date(Lang::En, on("2021-08-27")), "Fri 27 Aug 2021");
        assert_eq!(week(Lang::Zh, on("2021-08-23"), on("2021-08-29")), "8月23日至29日");
        assert_eq!(week(Lang::Zh, on("2021-08-30"), on("2021-09-05")), "8月30日至9月5日");
        assert_eq!(week(Lang::En, on("2021-08-23"), on("2021-08-29")), "23–29 Aug 2021");
        assert_eq!(week(Lang::En, on("2021-08-30"), on("2021-09-05")), "30 Aug – 5 Sep 2021");
    }

    #[test]
    fn subjects_count_only_what_there_is() {
        let some = [(Heading::Overdue, 3), (Heading::DueToday, 1)];
        assert_eq!(counts(Lang::Zh, &some), "逾期 3 件、今日到期 1 件");
        assert_eq!(counts(Lang::En, &some), "3 overdue, 1 due today");
        let rest = [(Heading::Overdue, 0), (Heading::DueSoon, 2), (Heading::ToAcknowledge, 1), (Heading::Others, 1)];
        assert_eq!(counts(Lang::Zh, &rest), "即将到期 2 件、待签收 1 件、其他 1 项");
        assert_eq!(counts(Lang::En, &rest), "2 due soon, 1 to acknowledge, 1 other");
        assert_eq!(counts(Lang::En, &[(Heading::Others, 2)]), "2 others");
    }

    #[test]
    fn standings_agree_with_their_number() {
        for (given, zh, en) in [
            (Standing::Overdue { days: 3 }, "逾期 3 天", "3 days overdue"),
            (Standing::Overdue { days: 1 }, "逾期 1 天", "1 day overdue"),
            (Standing::DueToday, "今日到期", "due today"),
            (Standing::WorkingDaysLeft { days: 2 }, "剩 2 个工作日", "2 working days left"),
            (Standing::WorkingDaysLeft { days: 1 }, "剩 1 个工作日", "1 working day left"),
        ] {
            assert_eq!((standing(Lang::Zh, given).as_str(), standing(Lang::En, given).as_str()), (zh, en));
        }
        assert_eq!(
            [2, 3, 4, 11, 12, 21, 101, 111].map(ordinal),
            ["2nd", "3rd", "4th", "11th", "12th", "21st", "101st", "111th"]
        );
    }
}
