//! What a mail is to say, as plain data: written by who plans and sends, read by `render`.

use crate::domain::reminder::Anchor;
use crate::domain::vocabulary::{Part, State};
use crate::domain::words::Lang;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// What a line is about. A ticket stands once in a digest, and so does a notice's list of requirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Ticket,
    /// The requirements (工作要求) of a notice that the unit has not answered; the reference is the notice's code.
    Requirements,
}

/// Where it stands, on the day of the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Calendar days since the due date, from 1.
    Overdue {
        days: u32,
    },
    DueToday,
    WorkingDaysLeft {
        days: u32,
    },
    /// Working days since the feedback was filed.
    WaitingForReview {
        working_days: u32,
    },
    /// Calendar days since the look-back was due; 0: today.
    LookBackDue {
        days_late: u32,
    },
    /// Nothing is to be done before the look-back, or ever.
    Settled {
        state: State,
    },
}

/// What the reader is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    Acknowledge,
    Rectify,
    FileFeedbackToday,
    FileFeedbackNow,
    Rework,
    /// A carried ticket.
    ReachMilestone,
    /// A co-unit.
    Contribute,
    /// A superior, or a coordinator's copy.
    Supervise,
    /// Say whether a milestone that is reported is reached.
    DecideMilestone,
    Review,
    LookBack,
    /// Accepted; the unit waits for the look-back.
    AwaitLookBack,
    AnswerRequirements,
    Nothing,
}

/// A fact worth a word beside the standing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// What happened, in a digest that takes the place of mails of their own.
    News {
        anchor: Anchor,
    },
    NotAcknowledged,
    Prominent,
    CoUnit,
    ExtensionPending,
    ObjectionPending,
    /// The working calendar of that year is not published yet.
    Provisional,
    Carried,
    Returned {
        times: u32,
    },
    RequirementsOpen {
        open: u32,
    },
}

/// One line of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub about: About,
    pub reference: String,
    pub title: String,
    /// The unit it lies with; given to readers of more than one unit.
    pub unit: Option<String>,
    pub due_on: NaiveDate,
    pub standing: Standing,
    pub next: NextStep,
    pub notes: Vec<Note>,
    pub link: String,
}

/// Some lines, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub lines: Vec<Line>,
    pub total: usize,
}

impl From<Vec<Line>> for Group {
    fn from(lines: Vec<Line>) -> Self {
        Self { total: lines.len(), lines }
    }
}

/// One recipient's reminders of one day and slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    pub lang: Lang,
    pub recipient_name: String,
    pub office_name: String,
    /// The local date of the mail.
    pub date: NaiveDate,
    pub base_url: String,
    /// Where all of the reader's lines are listed.
    pub list_url: String,
    pub overdue: Group,
    pub due_today: Group,
    pub due_soon: Group,
    pub to_acknowledge: Group,
    pub others: Group,
    /// The overview that is due on the same day: one mail tells both.
    pub week: Option<Week>,
}

/// What somebody did that is told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Assigned {
        part: Part,
    },
    Returned,
    LookBackFailed,
    /// Without a look-back the ticket is closed.
    Accepted {
        look_back_on: Option<NaiveDate>,
    },
    ExtensionGranted {
        from: NaiveDate,
    },
    ExtensionRefused,
    /// An approver moved the date unasked.
    DueDateMoved {
        from: NaiveDate,
    },
    /// To the unit that now leads.
    ReassignedHere,
    /// To the unit that led: it no longer sees the ticket, so there is no link.
    ReassignedAway,
    Cancelled,
    /// How often in all, this time included.
    Urged {
        times: u32,
    },
    /// Of a carried ticket.
    MilestoneReported,
}

/// One act on one ticket, told to one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtOnce {
    pub lang: Lang,
    pub recipient_name: String,
    pub office_name: String,
    pub base_url: String,
    pub act: Act,
    pub reference: String,
    pub title: String,
    /// The lead unit, as the reader knows it: to a unit that lost the ticket, its own name.
    pub unit: String,
    pub due_on: Option<NaiveDate>,
    pub standing: Option<Standing>,
    pub reason: Option<String>,
    pub next: NextStep,
    pub notes: Vec<Note>,
    /// `None` where the reader may not see the ticket.
    pub link: Option<String>,
}

/// A mail that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndeliveredMail {
    pub recipient: String,
    pub subject: String,
    pub queued_on: NaiveDate,
    /// The server's words, or ours.
    pub reason: String,
    pub link: String,
}

/// What a coordinator sees besides on the first working day of a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Week {
    /// The week's first and last day.
    pub from: NaiveDate,
    pub to: NaiveDate,
    pub overdue: Group,
    pub due_this_week: Group,
    pub waiting_for_review: Group,
    pub undelivered: Vec<UndeliveredMail>,
    pub undelivered_total: usize,
}
