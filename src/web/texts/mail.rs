//! Texts of the mails that went out.

pub(super) const TEXTS: &[super::Text] = &[
    ("mail.queued", "待发送", "Queued"),
    ("mail.sending", "发送中", "Sending"),
    ("mail.sent", "已发送", "Sent"),
    ("mail.retry", "将重试", "Will be tried again"),
    ("mail.dead", "未送达", "Not delivered"),
    ("mail.uncertain", "不确定是否送达", "Delivery uncertain"),
    ("mail.held", "已暂停", "Held"),
    ("mail.cancelled", "已取消", "Cancelled"),
    ("mail.skipped", "已跳过", "Skipped"),
    ("mail.planned", "已计划", "Planned"),
    ("done.mail_retry", "已排入重发。", "It will be sent again."),
    ("done.mail_hold", "已暂停发送。", "Held."),
    ("done.mail_release", "已恢复发送。", "Released."),
    ("done.mail_cancel", "已取消发送。", "Cancelled."),
];
