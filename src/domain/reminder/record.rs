//! The words of the record: what became of a reminder and of its mail, and why. For ledger, outbox and their readers.

use super::Who;
use crate::domain::words::Lang;
use crate::text_enum;

text_enum! {
    /// What became of one reminder to one recipient.
    ReminderState {
        /// In a mail that has not left yet.
        Queued = "queued",
        Sent = "sent",
        /// Its mail is dead.
        Failed = "failed",
        /// Recorded, never to be sent.
        Skipped = "skipped",
        /// Was to be sent and no longer holds.
        Cancelled = "cancelled",
    }
}

impl ReminderState {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Queued => lang.pick("待发送", "queued"),
            Self::Sent => lang.pick("已发送", "sent"),
            Self::Failed => lang.pick("未送达", "failed"),
            Self::Skipped => lang.pick("已略过", "skipped"),
            Self::Cancelled => lang.pick("已取消", "cancelled"),
        }
    }
}

text_enum! {
    MessageKind { AtOnce = "at_once", Digest = "digest" }
}

text_enum! {
    MessageState {
        Queued = "queued",
        /// A worker holds it, or held it when it died.
        Sending = "sending",
        Retry = "retry",
        /// All of it was handed over, the answer never came; it is sent once more.
        Uncertain = "uncertain",
        /// The operator's.
        Held = "held",
        Sent = "sent",
        Dead = "dead",
        Cancelled = "cancelled",
    }
}

impl MessageState {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Queued => lang.pick("待发送", "queued"),
            Self::Sending => lang.pick("发送中", "sending"),
            Self::Retry => lang.pick("待重试", "to be tried again"),
            Self::Uncertain => lang.pick("结果不明", "uncertain"),
            Self::Held => lang.pick("已暂停", "held"),
            Self::Sent => lang.pick("已发送", "sent"),
            Self::Dead => lang.pick("未送达", "undelivered"),
            Self::Cancelled => lang.pick("已取消", "cancelled"),
        }
    }

    /// Does it wait for an attempt?
    #[must_use]
    pub const fn is_waiting(self) -> bool {
        match self {
            Self::Queued | Self::Retry | Self::Uncertain => true,
            Self::Sending | Self::Held | Self::Sent | Self::Dead | Self::Cancelled => false,
        }
    }
}

text_enum! {
    /// As what somebody was told: a part of a rule's audience, or one of the two that no rule names.
    Told {
        Liaison = "liaison",
        Leader = "leader",
        CoUnits = "co_units",
        ParentLeader = "parent_leader",
        Coordinators = "coordinators",
        UnansweredLiaisons = "unanswered_liaisons",
        /// Of the unit that led before a reassignment.
        FormerUnit = "former_unit",
        /// The unit's second mailbox and its leader, where mail to who was to be told is refused for good.
        Fallback = "fallback",
    }
}

impl From<Who> for Told {
    fn from(who: Who) -> Self {
        match who {
            Who::Liaison => Self::Liaison,
            Who::Leader => Self::Leader,
            Who::CoUnits => Self::CoUnits,
            Who::ParentLeader => Self::ParentLeader,
            Who::Coordinators => Self::Coordinators,
            Who::UnansweredLiaisons => Self::UnansweredLiaisons,
        }
    }
}

text_enum! {
    /// Why a queued reminder or a mail was given up, by us or by the server.
    EndReason {
        /// The state, the date or the assignment it spoke of is another one.
        NoLongerOwed = "no_longer_owed",
        /// Its rule was switched off or removed.
        RuleOff = "rule_off",
        /// The recipient no longer has the role in which they were told.
        NotInRole = "not_in_role",
        /// Nothing of the mail was left to say.
        NothingLeft = "nothing_left",
        /// Another mail with what is left took its place.
        Replaced = "replaced",
        ByOperator = "by_operator",
        /// The server refused it for good.
        Refused = "refused",
        /// Tried for five days.
        GivenUp = "given_up",
        /// The answer to it never came, twice.
        Uncertain = "uncertain",
        /// Workers died of it.
        Poison = "poison",
        /// It could not be written as a mail.
        Unwritable = "unwritable",
    }
}

impl EndReason {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::NoLongerOwed => lang.pick("情况已变化，无需提醒", "no longer owed: things have changed"),
            Self::RuleOff => lang.pick("提醒规则已停用", "the rule is switched off"),
            Self::NotInRole => lang.pick("收件人已不担任该角色", "the recipient no longer has the role"),
            Self::NothingLeft => lang.pick("没有需要告知的内容", "nothing was left to say"),
            Self::Replaced => lang.pick("内容变化，另发新邮件", "replaced by another mail"),
            Self::ByOperator => lang.pick("人工取消", "cancelled by hand"),
            Self::Refused => lang.pick("对方服务器拒收", "refused by the server for good"),
            Self::GivenUp => lang.pick("多次重试未成功", "given up after many tries"),
            Self::Uncertain => lang.pick("是否送达不明", "it is unknown whether it arrived"),
            Self::Poison => lang.pick("发送过程反复中断", "sending it broke down again and again"),
            Self::Unwritable => lang.pick("无法生成邮件", "it could not be written as a mail"),
        }
    }
}
