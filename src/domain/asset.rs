//! The asset (检查对象): a website or a new-media account, its life from opening to reported closure, and what an account
//! that is not in order means for the tickets that name it.

mod identifiers;
#[cfg(test)]
mod tests;

pub use identifiers::{address, icp_number, security_filing_number, site_code};

use crate::domain::id::{AssetId, AttachmentId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::AssetKind;
use crate::domain::words::Lang;
use crate::text_enum;
use serde_json::{Value, json};

text_enum! {
    /// Where a website or an account stands. The words of the two reporting systems
    /// (全国政务新媒体信息报送系统, 全国政府网站信息报送系统).
    AssetStatus {
        /// Approved to be opened, not open yet.
        Applied = "applied",
        Active = "active",
        /// Something that has to be filed has changed: a name, an entity, a domain.
        ChangePending = "change_pending",
        /// A website that is off line for a time, and filed so.
        Suspended = "suspended",
        /// A website that the reporting system lists as an exception.
        Exempt = "exempt",
        /// Its closing has been approved.
        WindingDown = "winding_down",
        /// An account that the platform has frozen before it goes.
        Deregistering = "deregistering",
        /// An account that the platform has removed.
        Deregistered = "deregistered",
        /// An account whose closing has been reported: the end.
        ClosedReported = "closed_reported",
        /// A website that is off line for good, and filed so: the end.
        Offline = "offline",
        /// It is there, and no report has named it (漏报).
        Unreported = "unreported",
    }
}

text_enum! {
    /// The platforms that notices count accounts by.
    Platform {
        WechatOfficial = "wechat_official",
        WechatChannels = "wechat_channels",
        SinaWeibo = "sina_weibo",
        App = "app",
        MiniProgram = "mini_program",
        Douyin = "douyin",
        Kuaishou = "kuaishou",
        Toutiao = "toutiao",
        Baijiahao = "baijiahao",
        Tieba = "tieba",
        Dayu = "dayu",
        Qiehao = "qiehao",
        Other = "other",
    }
}

impl Platform {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::WechatOfficial => lang.pick("微信公众号", "WeChat official account"),
            Self::WechatChannels => lang.pick("微信视频号", "WeChat Channels"),
            Self::SinaWeibo => lang.pick("新浪微博", "Sina Weibo"),
            Self::App => lang.pick("移动客户端", "App"),
            Self::MiniProgram => lang.pick("小程序", "Mini program"),
            Self::Douyin => lang.pick("抖音", "Douyin"),
            Self::Kuaishou => lang.pick("快手", "Kuaishou"),
            Self::Toutiao => lang.pick("今日头条", "Toutiao"),
            Self::Baijiahao => lang.pick("百家号", "Baijiahao"),
            Self::Tieba => lang.pick("百度贴吧", "Baidu Tieba"),
            Self::Dayu => lang.pick("大鱼号", "Dayu"),
            Self::Qiehao => lang.pick("企鹅号", "Qiehao"),
            Self::Other => lang.pick("其他", "Other"),
        }
    }
}

impl AssetStatus {
    #[must_use]
    pub const fn name(self, lang: Lang) -> &'static str {
        match self {
            Self::Applied => lang.pick("拟开设", "applied for"),
            Self::Active => lang.pick("正常", "active"),
            Self::ChangePending => lang.pick("变更待备案", "change to be filed"),
            Self::Suspended => lang.pick("临时下线", "off line for a time"),
            Self::Exempt => lang.pick("例外", "exception"),
            Self::WindingDown => lang.pick("拟关停", "winding down"),
            Self::Deregistering => lang.pick("注销中", "deregistering"),
            Self::Deregistered => lang.pick("平台已注销", "deregistered"),
            Self::ClosedReported => lang.pick("已报备关停", "closed and reported"),
            Self::Offline => lang.pick("永久下线", "off line for good"),
            Self::Unreported => lang.pick("漏报", "unreported"),
        }
    }

    /// It counts as live: it is inspected, and must be updated. A closing account does until its closure is reported.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Applied | Self::ClosedReported | Self::Offline => false,
            Self::Active
            | Self::ChangePending
            | Self::Suspended
            | Self::Exempt
            | Self::WindingDown
            | Self::Deregistering
            | Self::Deregistered
            | Self::Unreported => true,
        }
    }

    /// A finding about it isn't settled while it stands so, whatever the unit's letter says.
    #[must_use]
    pub const fn contradicts_acceptance(self) -> bool {
        match self {
            Self::Unreported | Self::WindingDown | Self::Deregistering => true,
            Self::Applied
            | Self::Active
            | Self::ChangePending
            | Self::Suspended
            | Self::Exempt
            | Self::Deregistered
            | Self::ClosedReported
            | Self::Offline => false,
        }
    }

    /// May a new row of the registry begin so? An office takes accounts over as they stand, but what has ended must have
    /// been shown to.
    #[must_use]
    pub fn may_begin(self, kind: AssetKind) -> bool {
        Self::of(kind).contains(&self) && !self.needs_evidence()
    }

    /// The statuses that assets of this kind have.
    #[must_use]
    pub const fn of(kind: AssetKind) -> &'static [Self] {
        match kind {
            AssetKind::Website => &[
                Self::Applied,
                Self::Active,
                Self::ChangePending,
                Self::Suspended,
                Self::Exempt,
                Self::WindingDown,
                Self::Offline,
                Self::Unreported,
            ],
            AssetKind::NewMedia => &[
                Self::Applied,
                Self::Active,
                Self::ChangePending,
                Self::WindingDown,
                Self::Deregistering,
                Self::Deregistered,
                Self::ClosedReported,
                Self::Unreported,
            ],
        }
    }

    /// Where an asset of this kind can go from here.
    #[must_use]
    pub const fn next(self, kind: AssetKind) -> &'static [Self] {
        match kind {
            AssetKind::Website => self.next_of_website(),
            AssetKind::NewMedia => self.next_of_account(),
        }
    }

    const fn next_of_account(self) -> &'static [Self] {
        match self {
            Self::Applied | Self::ChangePending | Self::Unreported => &[Self::Active],
            Self::Active => &[Self::ChangePending, Self::WindingDown],
            Self::WindingDown => &[Self::Deregistering],
            Self::Deregistering => &[Self::Deregistered],
            Self::Deregistered => &[Self::ClosedReported],
            Self::ClosedReported | Self::Suspended | Self::Exempt | Self::Offline => &[],
        }
    }

    const fn next_of_website(self) -> &'static [Self] {
        match self {
            Self::Applied | Self::ChangePending | Self::Exempt | Self::Unreported => &[Self::Active],
            Self::Active => &[Self::ChangePending, Self::Suspended, Self::Exempt, Self::WindingDown],
            Self::Suspended => &[Self::Active, Self::WindingDown],
            Self::WindingDown => &[Self::Offline],
            Self::Offline | Self::Deregistering | Self::Deregistered | Self::ClosedReported => &[],
        }
    }

    /// The end of a life has to be proved by at least one file.
    #[must_use]
    pub const fn needs_evidence(self) -> bool {
        match self {
            Self::ClosedReported | Self::Offline => true,
            Self::Applied
            | Self::Active
            | Self::ChangePending
            | Self::Suspended
            | Self::Exempt
            | Self::WindingDown
            | Self::Deregistering
            | Self::Deregistered
            | Self::Unreported => false,
        }
    }

    /// The name as an argument of a refusal.
    #[must_use]
    pub fn words(self) -> Arg {
        Arg::both(self.name(Lang::Zh), self.name(Lang::En))
    }

    /// What has to happen before a ticket that names it can be accepted.
    const fn next_step(self, lang: Lang) -> &'static str {
        match self {
            Self::Unreported => lang.pick("请先补报并转为“正常”", "Have it reported first, and move it to active"),
            Self::WindingDown => lang.pick(
                "关停须先在平台注销（网站须下线并备案）：请先推进到“平台已注销”（网站为“永久下线”）",
                "Closing needs deregistration by the platform (a website: filed as off line): move it on to deregistered (a website: off line for good) first",
            ),
            Self::Deregistering => {
                lang.pick("请等平台注销完成，转为“平台已注销”", "Wait until the platform has removed it, and move it to deregistered")
            }
            Self::Applied
            | Self::Active
            | Self::ChangePending
            | Self::Suspended
            | Self::Exempt
            | Self::Deregistered
            | Self::ClosedReported
            | Self::Offline => "",
        }
    }
}

/// What a ticket's decisions need of an asset that its finding names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedAsset {
    pub id: AssetId,
    pub name: String,
    pub status: AssetStatus,
}

/// # Errors
/// The first of these assets that contradicts acceptance, with its status and the next step.
pub fn in_order(assets: &[NamedAsset]) -> Result<(), Refusal> {
    let Some(asset) = assets.iter().find(|asset| asset.status.contradicts_acceptance()) else { return Ok(()) };
    let step = Arg::both(asset.status.next_step(Lang::Zh), asset.status.next_step(Lang::En));
    let refusal = Refusal::new(Code::AssetContradicts).with("asset", &asset.name);
    Err(refusal.with("status", asset.status.words()).with("step", step))
}

/// A move from one status to the next, as somebody asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub to: AssetStatus,
    pub evidence: Vec<AttachmentId>,
    pub note: Option<String>,
}

/// Decides a transition; answers what the timeline says.
///
/// # Errors
/// When the lifecycle does not lead there, or the files that prove it are missing.
pub fn transit(kind: AssetKind, from: AssetStatus, asked: &Transition) -> Result<Value, Refusal> {
    let next = from.next(kind);
    if !next.contains(&asked.to) {
        let names = |lang: Lang, none: &str, joint: &str| match next {
            [] => none.to_owned(),
            next => next.iter().map(|status| status.name(lang)).collect::<Vec<_>>().join(joint),
        };
        let next = Arg::both(names(Lang::Zh, "无", "、"), names(Lang::En, "nothing", ", "));
        let refusal = Refusal::new(Code::AssetTransition).with("from", from.words()).with("to", asked.to.words());
        return Err(refusal.with("next", next));
    }
    if asked.to.needs_evidence() && asked.evidence.is_empty() {
        return Err(Refusal::field(Fault::at("/evidence", Code::AssetNoEvidence).with("to", asked.to.words())));
    }
    Ok(json!({"from": from, "to": asked.to, "note": asked.note, "attachment_ids": asked.evidence}))
}
