//! Texts of refusals where a page needs other words than a program.

pub(super) const TEXTS: &[super::Text] = &[
    ("error.missing", "没有找到这个页面", "There is no such page"),
    (
        "error.missing_detail",
        "内容不存在，或不在您的可见范围内。请检查地址，或从栏目进入。",
        "It does not exist, or is not yours to see. Check the address, or start from the menu.",
    ),
    ("error.method", "这个地址不能直接打开", "This address can’t be opened like that"),
    ("error.method_detail", "请回到上一页，用页面上的按钮操作。", "Go back and use the button of the page."),
    ("error.csrf", "页面已失效，请重新打开", "The page is out of date"),
    (
        "error.csrf_detail",
        "为防止他人冒用，页面的防伪标记须与当前登录一致。请返回上一页刷新后再提交，本次未作任何更改。",
        "To keep others from acting in your name, a page must belong to your present session. Go back, reload it and send it again; nothing was changed.",
    ),
    ("error.invalid", "请求内容有误", "Something in it is not valid"),
    (
        "error.invalid_detail",
        "请按下列原因更正，本次未作任何更改。",
        "Correct what is listed below; nothing was changed.",
    ),
    ("error.forbidden_hint", "如认为应有权限，请联系管理员。", "If you should be allowed to, ask the administrator."),
    ("error.request_id", "请求编号", "Request id"),
    ("error.home", "回到首页", "To the first page"),
];
