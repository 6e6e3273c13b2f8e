//! The closed vocabularies of the office: states, roles, kinds. One word for one thing, in both languages.

use crate::domain::words::Lang;
use crate::text_enum;

text_enum! {
    /// Where a ticket stands in its life.
    State {
        Issued = "issued",
        InProgress = "in_progress",
        Submitted = "submitted",
        Returned = "returned",
        Accepted = "accepted",
        Closed = "closed",
        Carried = "carried",
        Cancelled = "cancelled",
    }
}

impl State {
    /// The state's name for people.
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Issued => lang.pick("待签收", "waiting for acknowledgement"),
            Self::InProgress => lang.pick("整改中", "in progress"),
            Self::Submitted => lang.pick("待审核", "in review"),
            Self::Returned => lang.pick("退回重办", "returned for rework"),
            Self::Accepted => lang.pick("已办结待复查", "accepted, waiting for look-back"),
            Self::Closed => lang.pick("已销号", "closed"),
            Self::Carried => lang.pick("挂账整改", "carried"),
            Self::Cancelled => lang.pick("已撤销", "cancelled"),
        }
    }

    /// Neither closed nor cancelled.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Issued | Self::InProgress | Self::Submitted | Self::Returned | Self::Accepted | Self::Carried => true,
            Self::Closed | Self::Cancelled => false,
        }
    }

    /// Whose move it is in this state.
    #[must_use]
    pub const fn ball(self) -> Ball {
        match self {
            Self::Issued | Self::InProgress | Self::Returned | Self::Carried => Ball::Unit,
            Self::Submitted => Ball::Coordinator,
            Self::Accepted => Ball::Verifier,
            Self::Closed | Self::Cancelled => Ball::None,
        }
    }
}

text_enum! {
    /// Whose move it is.
    Ball { Unit = "unit", Coordinator = "coordinator", Verifier = "verifier", None = "none" }
}

text_enum! {
    /// The traffic light, never shown by colour alone.
    Light { Red = "red", Yellow = "yellow", Green = "green", Blue = "blue", Grey = "grey" }
}

text_enum! {
    /// How bad a finding is: prominent = single veto.
    Severity { Prominent = "prominent", General = "general" }
}

text_enum! {
    /// What a user may do.
    Role {
        Admin = "admin",
        Coordinator = "coordinator",
        Approver = "approver",
        Liaison = "liaison",
        Leader = "leader",
        Viewer = "viewer",
    }
}

impl Role {
    /// Those who read all.
    pub const OFFICE: [Self; 4] = [Self::Coordinator, Self::Admin, Self::Approver, Self::Viewer];

    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Admin => lang.pick("管理员", "admin"),
            Self::Coordinator => lang.pick("督办员", "coordinator"),
            Self::Approver => lang.pick("审批人", "approver"),
            Self::Liaison => lang.pick("联络员", "liaison"),
            Self::Leader => lang.pick("单位负责人", "leader"),
            Self::Viewer => lang.pick("查阅者", "viewer"),
        }
    }

    /// Roles that read every unit's rows.
    #[must_use]
    pub const fn reads_all(self) -> bool {
        match self {
            Self::Admin | Self::Coordinator | Self::Approver | Self::Viewer => true,
            Self::Liaison | Self::Leader => false,
        }
    }
}

text_enum! {
    /// What kind of unit it is. A group has members and never holds a ticket.
    UnitKind {
        County = "county",
        District = "district",
        City = "city",
        Zone = "zone",
        Department = "department",
        Office = "office",
        Other = "other",
        Group = "group",
    }
}

text_enum! {
    NoticeState { Draft = "draft", Issued = "issued", Closed = "closed" }
}

text_enum! {
    /// Does acceptance lead to a look-back, or close at once?
    LookBackPolicy { All = "all", None = "none" }
}

text_enum! {
    /// What a coverage row counts, and what an asset is.
    AssetKind { Website = "website", NewMedia = "new_media" }
}

text_enum! {
    /// How far the unit says it got.
    WorkResult { Done = "done", Partly = "partly", Not = "not" }
}

impl WorkResult {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Done => lang.pick("已完成", "done"),
            Self::Partly => lang.pick("部分完成", "partly done"),
            Self::Not => lang.pick("未完成", "not done"),
        }
    }
}

text_enum! {
    /// A request that waits for somebody's decision beside the state.
    Pending { Extension = "extension", Objection = "objection" }
}

impl Pending {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Extension => lang.pick("延期申请", "a request for extension"),
            Self::Objection => lang.pick("异议", "an objection"),
        }
    }
}

text_enum! {
    /// What a look-back found.
    LookBackOutcome { Pass = "pass", Fail = "fail" }
}

text_enum! {
    /// A unit's part in a ticket: the lead answers for all, co-units contribute.
    Part { Lead = "lead", Co = "co" }
}

text_enum! {
    /// What a token may do at most; without any it may do all that its user may.
    TokenScope { Read = "read", Write = "write" }
}
