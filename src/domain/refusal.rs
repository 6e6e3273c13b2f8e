//! Every "no" of the product: a stable code, how it answers over HTTP, and its words in both languages.
//! Nothing is refused without a row here; doors (api, web, cli) only translate.

use crate::domain::words::Lang;

/// What kind of "no" it is; the HTTP door maps each to one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not readable at all (400).
    Malformed,
    /// Nobody is signed in (401).
    Unauthenticated,
    /// Signed in, but not allowed (403).
    Forbidden,
    /// Not there, or not yours to see (404).
    Missing,
    /// This address doesn't know the method (405).
    Method,
    /// Right request, wrong moment (409).
    Conflict,
    /// Someone else was faster (412).
    Stale,
    /// Too many bytes (413).
    TooLarge,
    /// Not a media type we take (415).
    MediaType,
    /// Readable, but not valid (422).
    Invalid,
    /// Too often (429).
    TooMany,
    /// Our fault (500).
    Internal,
    /// Not now (503).
    Unavailable,
    /// A fault of one field, never an answer of its own.
    Field,
}

macro_rules! catalogue {
    ($($code:ident = $text:literal $kind:ident: $zh:literal, $en:literal; $zh_detail:literal, $en_detail:literal;)+) => {
        /// Stable name of a refusal. Never renamed once published.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($code),+ }

        impl Code {
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => $text),+ }
            }

            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$code => Kind::$kind),+ }
            }

            /// A few words: what happened.
            #[must_use]
            pub const fn title(self, lang: Lang) -> &'static str {
                match (self, lang) { $((Self::$code, Lang::Zh) => $zh, (Self::$code, Lang::En) => $en),+ }
            }

            /// One or two sentences: why, and what to do next; `{name}` stands for an argument.
            #[must_use]
            pub const fn template(self, lang: Lang) -> &'static str {
                match (self, lang) { $((Self::$code, Lang::Zh) => $zh_detail, (Self::$code, Lang::En) => $en_detail),+ }
            }
        }
    };
}

catalogue! {
    BodyNotJson = "request.not_json" Malformed: "请求体不是有效的 JSON", "The body is not valid JSON";
        "{reason}。请检查括号、引号和逗号，并以 UTF-8 编码发送。", "{reason}. Check brackets, quotes and commas, and send it as UTF-8.";
    Malformed = "request.malformed" Malformed: "请求无法解析", "The request can't be read";
        "{reason}。", "{reason}.";
    Invalid = "request.invalid" Invalid: "请求内容有误", "The request is not valid";
        "请按 errors 中逐项列出的原因更正后重新提交，本次未作任何更改。", "Correct what `errors` lists item by item and send it again; nothing was changed.";
    MediaTypeUnsupported = "request.media_type" MediaType: "不支持的内容类型", "Unsupported media type";
        "此地址接收 {expected}。", "This address takes {expected}.";
    BodyTooLarge = "request.too_large" TooLarge: "请求体过大", "The body is too large";
        "上限为 {limit}。请减小内容后重试。", "The limit is {limit}. Send less and try again.";
    RouteUnknown = "request.route_unknown" Missing: "没有这个地址", "No such address";
        "{path} 不存在。全部地址见 /openapi.json。", "{path} does not exist. /openapi.json lists every address.";
    MethodNotAllowed = "request.method_not_allowed" Method: "此地址不支持该方法", "Method not allowed here";
        "{path} 不支持 {method}。可用方法见 /openapi.json。", "{path} does not take {method}. /openapi.json lists what it takes.";
    Internal = "internal" Internal: "服务内部错误", "Internal error";
        "问题已记录。请稍后重试；如仍出现，请把请求编号告知管理员。", "It has been logged. Try again later; if it stays, give the request id to the administrator.";
    Busy = "service.busy" Unavailable: "服务繁忙", "The service is busy";
        "请稍候几秒再试，本次未作任何更改。", "Try again in a few seconds; nothing was changed.";
    TooManyRequests = "service.too_many" TooMany: "请求过于频繁", "Too many requests";
        "请在 {seconds} 秒后再试。", "Try again in {seconds} seconds.";
    StorageUnavailable = "service.storage_unavailable" Unavailable: "数据库暂不可用", "The database is not available";
        "本次未作任何更改。请稍后重试；管理员可在 /readyz 查看原因。", "Nothing was changed. Try again later; /readyz tells the administrator why.";
    Missing = "not_found" Missing: "没有找到", "Not found";
        "不存在，或不在您的可见范围内。", "It does not exist, or is not yours to see.";
    Stale = "version.stale" Stale: "内容已被他人更改", "Someone else has changed it";
        "您依据的是第 {given} 版，现为第 {current} 版。请重新读取后再提交。", "You worked from version {given}; it is now {current}. Read it again, then repeat the change.";
    IfMatchMalformed = "version.malformed" Malformed: "If-Match 无法识别", "If-Match can't be read";
        "请使用上次应答中的 ETag，例如 \"7\"。", "Use the ETag of the last answer, for example \"7\".";
    IdempotencyKeyReused = "idempotency.key_reused" Invalid: "Idempotency-Key 已用于另一请求", "This Idempotency-Key belongs to another request";
        "同一个键只能重发完全相同的请求。新请求请换新键。", "A key may only repeat the very same request. Use a new key for a new request.";
    IdempotencyKeyInvalid = "idempotency.key_invalid" Malformed: "Idempotency-Key 无效", "Invalid Idempotency-Key";
        "请使用 1 至 255 个可见 ASCII 字符，建议使用 UUID。", "Use 1 to 255 visible ASCII characters; a UUID is a good choice.";

    SignInRequired = "auth.required" Unauthenticated: "需要登录", "Sign in first";
        "请在请求头中附上 Authorization: Bearer 令牌，或先登录。", "Send Authorization: Bearer with a token, or sign in.";
    TokenInvalid = "auth.token_invalid" Unauthenticated: "令牌无效", "The token is not valid";
        "令牌不存在、已撤销或已过期。请重新申领。", "It does not exist, was revoked or has expired. Ask for a new one.";
    SetupLinkEnded = "setup.link_ended" Missing: "链接已失效", "The link is not good any more";
        "它只能使用一次，且一天内有效。没有管理员时，重新启动 rectify serve 会给出新链接。", "It works once, within a day. While there is no administrator, a restart of `rectify serve` prints a new one.";
    SignInFailed = "auth.failed" Unauthenticated: "登录失败", "Sign-in failed";
        "用户名或密码不正确。", "The login or the password is wrong.";
    SignInSlowedDown = "auth.slow_down" TooMany: "尝试次数过多", "Too many attempts";
        "请在 {seconds} 秒后再试。", "Try again in {seconds} seconds.";
    CsrfMissing = "auth.csrf" Forbidden: "缺少防伪标记", "The form token is missing";
        "使用登录会话更改内容时，请附上 X-CSRF-Token（见 GET /api/v1/me）；若使用页面，请刷新后重试。", "Changes made with a session need X-CSRF-Token (see GET /api/v1/me); on a page, reload it and try again.";
    RoleRequired = "auth.role" Forbidden: "无权执行此操作", "Your role does not allow this";
        "需要以下角色之一：{roles}。", "One of these roles is needed: {roles}.";
    OtherUnit = "auth.other_unit" Forbidden: "只能代表本单位操作", "You act for your own unit only";
        "该任务由其他单位牵头。", "Another unit leads this ticket.";
    OwnWork = "review.own_work" Forbidden: "不能审核或决定本人、本单位的事项", "Nobody reviews own work";
        "请由承办单位以外、且非填报人的人员办理。", "Somebody outside the lead unit who did not write its feedback must decide this.";
    FourEyes = "review.four_eyes" Forbidden: "须由另一人复查", "Somebody else must look back";
        "审核通过的人不能复查同一任务，请由另一名督办员办理。", "Whoever accepted a ticket can't look back on it; another coordinator must.";
    TokenScope = "auth.scope" Forbidden: "令牌权限不足", "The token's scope does not allow this";
        "该令牌只有 {scopes} 权限。", "This token is limited to {scopes}.";

    TicketNotIssued = "ticket.not_issued" Conflict: "任务不在待签收状态", "The ticket is not waiting for acknowledgement";
        "当前状态：{state}。只有待签收的任务可以这样处理。", "It is {state}. Only an issued ticket takes this act.";
    TicketNotInProgress = "ticket.not_in_progress" Conflict: "任务不在整改中", "The ticket is not in progress";
        "当前状态：{state}。请先签收，或等待退回。", "It is {state}. Acknowledge it first, or wait until it is returned.";
    TicketAlreadySubmitted = "ticket.already_submitted" Conflict: "任务已反馈，正在审核", "The ticket is already in review";
        "审核结束前不能再次反馈。", "It can't be answered again until the review has ended.";
    TicketNotSubmitted = "ticket.not_submitted" Conflict: "任务没有待审核的反馈", "The ticket has nothing to review";
        "当前状态：{state}。单位反馈后才能审核。", "It is {state}. A review needs feedback from the unit first.";
    TicketNotAccepted = "ticket.not_accepted" Conflict: "任务不在待复查状态", "The ticket is not waiting for its look-back";
        "当前状态：{state}。", "It is {state}.";
    TicketNotOpen = "ticket.not_open" Conflict: "任务已终结", "The ticket is no longer open";
        "当前状态：{state}。", "It is {state}.";
    TicketNotClosed = "ticket.not_closed" Conflict: "任务尚未销号", "The ticket is not closed";
        "当前状态：{state}。只有已销号的任务可以重开。", "It is {state}. Only a closed ticket can be reopened.";
    TicketNotWithUnit = "ticket.not_with_unit" Conflict: "任务当前不在承办单位", "It is not the unit's move";
        "当前状态：{state}。", "It is {state}.";
    TicketNotCarried = "ticket.not_carried" Conflict: "任务不在挂账整改中", "The ticket is not carried";
        "当前状态：{state}。只有挂账的任务才有待确认的阶段目标。", "It is {state}. Only a carried ticket has milestones to decide.";
    MilestoneNotReported = "milestone.not_reported" Conflict: "阶段目标没有待确认的报告", "The milestone has no report to decide";
        "请等单位在进展中报告达成；也可能已由他人确认。", "Wait until the unit reports it with its progress; or someone else has decided it.";
    RequestLapsed = "request.lapsed" Conflict: "申请已失效", "The request has lapsed";
        "{request}已因任务的后续办理而失效，无需决定。仍有需要的，请单位重新提出。", "What was done to the ticket since has ended {request}; nothing is left to decide. The unit may ask again.";
    TicketPending = "ticket.pending" Conflict: "已有待决事项", "A decision is already pending";
        "请先等待：{pending}。", "Wait for it first: {pending}.";
    TicketNothingPending = "ticket.nothing_pending" Conflict: "没有待决事项", "Nothing is waiting for a decision";
        "可能已由他人决定。", "Someone else may have decided it.";
    TicketPastDue = "ticket.past_due" Conflict: "已过整改期限，不能申请延期", "Past its due date, no extension can be asked for";
        "期限为 {due}。请联系督办单位，由审批人直接调整。", "It was due {due}. Ask the office; an approver can move the date.";
    TicketSameUnit = "ticket.same_unit" Conflict: "该单位已是承办单位", "That unit already leads the ticket";
        "请选择另一个单位。", "Choose another unit.";
    ReviewResultNotDone = "review.result_not_done" Conflict: "整改结果不是“已完成”，不能通过", "Only a finished rectification can be accepted";
        "反馈结果为 {result}。请退回或转挂账。", "The result given is {result}. Return it, or carry it.";
    LookBackNoEvidence = "look_back.no_evidence" Field: "缺少佐证", "no evidence";
        "复查合格须有依据：请上传至少一个佐证附件，或写明复查情况（note）。", "A pass needs evidence: attach at least one file, or say in note what was seen.";
    AssetContradicts = "asset.contradicts" Conflict: "账号状态与办结相矛盾", "The asset's status contradicts acceptance";
        "{asset} 当前为 {status}。", "{asset} is {status}.";

    NoticeAlreadyIssued = "notice.already_issued" Conflict: "通报已交办", "The notice has been issued already";
        "交办后只能修改标题、文号和成文日期。", "After issue only title, document number and date can change.";
    NoticeNotIssued = "notice.not_issued" Conflict: "通报尚未交办", "The notice has not been issued";
        "请先交办。", "Issue it first.";
    NoticeHasOpenTickets = "notice.open_tickets" Conflict: "仍有未终结的任务", "Tickets are still open";
        "还有 {count} 件未终结。", "{count} of them are not finished.";
    NoticeIncomplete = "notice.incomplete" Conflict: "通报还不能交办", "The notice can't be issued yet";
        "请按 errors 中逐项列出的原因处理后重试，本次未作任何更改。", "Deal with what `errors` lists and try again; nothing was changed.";
    NoFindings = "notice.no_findings" Field: "没有问题", "no findings";
        "通报没有任何问题，请至少添加一个。", "The notice has no findings; add at least one.";
    FindingNoUnits = "finding.no_units" Field: "没有责任单位", "no units";
        "问题 {finding} 没有责任单位。", "Finding {finding} names no responsible unit.";
    GroupEmpty = "unit.group_empty" Field: "单位组为空", "the group is empty";
        "问题 {finding}：单位组 {unit} 除反馈接收单位外没有成员，请先添加成员。", "Finding {finding}: the group {unit} has no member besides the unit that receives the feedback; add members first.";
    UnitInactive = "unit.inactive" Field: "单位已停用", "the unit is not active";
        "问题 {finding}：单位 {unit} 已停用。", "Finding {finding}: unit {unit} is not active.";
    UnitUnreachable = "unit.unreachable" Field: "单位没有可用联系方式", "the unit can't be reached";
        "问题 {finding}：单位 {unit} 没有在岗联络员、负责人，也没有邮箱，提醒无处可发。请先补充。", "Finding {finding}: unit {unit} has no active liaison or leader and no mailbox, so nobody would be told. Add one first.";
    DueMissing = "finding.due_missing" Field: "没有期限", "no due date";
        "问题 {finding} 和通报都没有反馈期限。", "Neither finding {finding} nor the notice has a deadline.";
    NoOutsideCoordinator = "unit.no_outside_coordinator" Field: "没有可审核的人员", "nobody could review it";
        "问题 {finding}：除单位 {unit} 外没有在岗督办员，无人可以审核。", "Finding {finding}: there is no active coordinator outside unit {unit}, so nobody could review it.";
    FindingNotOpenEnded = "finding.not_open_ended" Conflict: "该问题不是开放式列举", "The finding is not open-ended";
        "只有以“等”结尾的问题可以追加单位。", "Units can be added after issue only where the text says “and others”.";
    FindingHasUnit = "finding.has_unit" Field: "已有任务", "has a ticket already";
        "问题 {finding}：{unit} 已有该问题的任务。", "Finding {finding}: {unit} has a ticket of it already.";
    NoticeClosed = "notice.closed" Conflict: "通报已办结", "The notice is closed";
        "办结后不能再追加单位。", "No unit can be added once it is closed.";
    DeadlinePast = "deadline.past" Field: "期限已过", "the due date is over";
        "问题 {finding}：期限 {due} 已过，一经交办即为逾期。", "Finding {finding}: {due} is over; its tickets are overdue as soon as they are issued.";
    DeadlineFar = "deadline.far" Field: "期限很远", "the due date is far ahead";
        "问题 {finding}：期限 {due} 在一年以后，请核对年份。", "Finding {finding}: {due} is more than a year ahead. Is the year right?";
    DeadlineDayOff = "deadline.day_off" Field: "期限为休息日", "the due date is a day off";
        "问题 {finding}：期限 {due} 是休息日，不会顺延。", "Finding {finding}: {due} is a day off. It is not moved.";
    Duplicate = "duplicate" Conflict: "已经存在", "It already exists";
        "{what} {value} 已被使用，请换一个。", "{what} {value} is taken; choose another.";
    UnitCycle = "unit.cycle" Conflict: "上级单位形成循环", "The parents would form a circle";
        "{unit} 是该单位的下级。", "{unit} is below this unit.";
    UnitIsGroup = "unit.is_group" Field: "不能使用单位组", "a group can't stand here";
        "{unit} 是单位组，没有用户和上下级。", "{unit} is a group; it has no users, parent or children.";
    LastAdmin = "user.last_admin" Conflict: "至少须保留一名管理员", "One admin must remain";
        "{login} 是最后一名在用的管理员。请先指定另一名管理员。", "{login} is the last active admin. Make somebody else one first.";

    MessageState = "message.state" Conflict: "邮件当前状态不允许此操作", "The mail's state does not allow this";
        "当前状态：{state}。正在发送的请稍候再试；已发送或已取消的不能再改。", "It is {state}. Try again later if it is being sent; one that was sent or cancelled can't be changed.";

    FeedbackEmpty = "feedback.empty" Invalid: "书面反馈没有内容", "The letter answers nothing";
        "请至少答复一个任务或一条工作要求。", "Answer at least one ticket or one requirement.";
    FeedbackNoEvidence = "feedback.no_evidence" Invalid: "缺少附件或文号", "Neither a file nor a letter number";
        "请上传盖章件等佐证材料，或填写来文文号。", "Attach the sealed scan or other evidence, or give the letter's number.";
    FeedbackOtherNotice = "feedback.other_notice" Field: "任务不属于该通报", "another notice's ticket";
        "任务 {ticket} 不属于该通报。", "Ticket {ticket} belongs to another notice.";
    FeedbackRegisterOnly = "feedback.register_only" Field: "仅代录时填写", "only when registering a paper letter";
        "unit_id 和 received_on 只在督办员代录纸质来文时填写。", "unit_id and received_on are for a coordinator who registers a paper letter.";

    FileTypeRefused = "file.type" MediaType: "不接受这种文件", "This kind of file is not taken";
        "{name}：可上传 {allowed}，且内容须与扩展名一致。", "{name}: take one of {allowed}; the content must fit the extension.";
    FileTooLarge = "file.too_large" TooLarge: "文件过大", "The file is too large";
        "{name} 超过 {limit}。", "{name} is larger than {limit}.";
    FileEmpty = "file.empty" Invalid: "文件为空", "The file is empty";
        "{name} 没有内容。", "{name} has no content.";
    FileMissing = "file.missing" Invalid: "没有文件", "No file";
        "请在 multipart 的 file 字段中上传文件。", "Send the file in the multipart field `file`.";
    FileNotText = "file.not_text" Malformed: "文件无法按文本读取", "The file can't be read as text";
        "请使用 UTF-8 或 GB18030 编码的 CSV。", "Use CSV in UTF-8 or GB18030.";

    RulesTooMany = "rule.too_many" Conflict: "提醒规则过多", "Too many reminder rules";
        "最多 {max} 条。请先删除不用的规则。", "There can be {max}. Remove one that is not used.";
    CalendarUnknown = "calendar.unknown" Missing: "没有这个工作日历", "No such calendar";
        "现有：{known}。", "There is: {known}.";
    ClockNotHeld = "clock.not_held" Conflict: "时钟正常，无需确认", "The clock is believed already";
        "没有因时钟跳变而暂停的邮件。", "No mail is held because of the clock.";
    ClockHeld = "clock.held" Conflict: "时钟跳变，已停止发送", "The clock leapt; nothing is sent";
        "上次可信时间为 {trusted}，现为 {found}。时间无误请运行 rectify clock accept；有误请校正系统时钟。", "The last time that was right is {trusted}, now it is {found}. If that is right, run `rectify clock accept`; if not, put the system's clock right.";
    SandboxOnly = "sandbox.only" Missing: "只有沙箱才有时钟控制", "Only a sandbox has a clock to set";
        "请用 rectify demo 建立沙箱。", "Make a sandbox with `rectify demo`.";
    SandboxNot = "sandbox.not_one" Conflict: "这不是沙箱", "This is no sandbox";
        "{place} 中是正式数据，演示不会触碰它。请另选目录：rectify demo --data 目录。", "{place} holds real data, which a demo never touches. Choose another directory: rectify demo --data DIR.";
    SandboxUnfinished = "sandbox.unfinished" Conflict: "沙箱没有建完", "The sandbox was never finished";
        "上次建立 {place} 时中断。请删除该数据库后重试，其中没有您的数据。", "Making {place} was interrupted. Drop that database and try again; nothing of yours is in it.";
    SandboxClockBackwards = "sandbox.clock_backwards" Conflict: "沙箱时钟不能倒拨", "The sandbox clock can't go back";
        "现为 {now}，请给出不早于它的时刻。", "It is {now}; give an instant that is not earlier.";

    InstallationMissing = "installation.missing" Missing: "这里没有安装", "There is no installation here";
        "{place} 中没有数据库。请用 --data 指明目录；新装请先运行 rectify serve。", "{place} holds no database. Say where it is with --data; a new one begins with `rectify serve`.";
    InstallationInUse = "installation.in_use" Conflict: "已有服务在使用此目录", "Another server uses this directory";
        "{place} 已被进程 {process} 占用。请先停止它，或用 --data 另选目录；多台服务器请改用 PostgreSQL。", "Process {process} holds {place}. Stop it first, or choose another directory with --data; for several servers use PostgreSQL.";
    InstallationFolder = "installation.folder" Unavailable: "数据目录不可用", "The data directory can't be used";
        "{place}：{reason}。请检查路径和权限，或用 --data 另选目录。", "{place}: {reason}. Check path and permissions, or choose another directory with --data.";
    ListenRefused = "server.listen" Unavailable: "无法监听该地址", "This address can't be listened on";
        "{address}：{reason}。请停止占用它的程序，或换一个：--listen 127.0.0.1:8081。", "{address}: {reason}. Stop whatever uses it, or choose another: --listen 127.0.0.1:8081.";
    TemplateFaulty = "mail.template" Unavailable: "邮件模板有误", "A mail template is faulty";
        "{reason}。改好或删除该文件即可；rectify mail templates 列出全部模板。", "{reason}. Mend the file or remove it; `rectify mail templates` lists them all.";
    FileUnreadable = "file.unreadable" Unavailable: "无法读取文件", "The file can't be read";
        "{name}：{reason}。", "{name}: {reason}.";
    FileUnwritable = "file.unwritable" Unavailable: "无法写入文件", "The file can't be written";
        "{name}：{reason}。", "{name}: {reason}.";

    FieldRequired = "field.required" Field: "必填", "required";
        "请填写此项。", "This is required.";
    FieldUnknown = "field.unknown" Field: "未知字段", "unknown field";
        "没有 {name} 这个字段{hint}。", "There is no field {name}{hint}.";
    FieldType = "field.type" Field: "类型不符", "wrong type";
        "应为{expected}。", "Must be {expected}.";
    FieldTooLong = "field.too_long" Field: "过长", "too long";
        "最多 {max} 个字符，现有 {length} 个。", "At most {max} characters; this has {length}.";
    FieldTooShort = "field.too_short" Field: "过短", "too short";
        "至少 {min} 个字符。", "At least {min} characters.";
    FieldOutOfRange = "field.out_of_range" Field: "超出范围", "out of range";
        "应在 {min} 至 {max} 之间。", "Must lie between {min} and {max}.";
    FieldTooMany = "field.too_many" Field: "项目过多", "too many";
        "最多 {max} 项。", "At most {max} items.";
    FieldChoice = "field.choice" Field: "不在可选值中", "not one of the choices";
        "可选：{choices}。", "Choose one of {choices}.";
    FieldDate = "field.date" Field: "日期无效", "not a date";
        "请写成 2021-08-27 这样真实存在的日期。", "Write a real date like 2021-08-27.";
    FieldInstant = "field.instant" Field: "时刻无效", "not an instant";
        "请写成 2021-08-16T09:00:00+08:00，须带时区。", "Write 2021-08-16T09:00:00+08:00, with its offset.";
    FieldTime = "field.time" Field: "时间无效", "not a time of day";
        "请写成 12:00。", "Write it like 12:00.";
    FieldId = "field.id" Field: "编号无效", "not an id";
        "应为 UUID。", "Must be a UUID.";
    FieldReference = "field.reference" Field: "引用的对象不存在", "nothing there";
        "没有找到 {value}。", "There is no {value}.";
    FieldDuplicate = "field.duplicate" Field: "重复", "repeated";
        "{value} 出现了不止一次。", "{value} stands here more than once.";
    FieldFormat = "field.format" Field: "格式不符", "wrong format";
        "{reason}。", "{reason}.";
    FieldPast = "field.past" Field: "不能早于今天", "lies in the past";
        "请给出 {today} 或之后的日期。", "Give {today} or a later date.";
    FieldFuture = "field.future" Field: "不能晚于今天", "lies in the future";
        "请给出 {today} 或之前的日期。", "Give {today} or an earlier date.";
    FieldControl = "field.control" Field: "含有控制字符", "control characters";
        "请去掉不可见的控制字符。", "Remove the invisible control characters.";
    FieldOrder = "field.order" Field: "先后顺序不对", "wrong order";
        "{earlier} 应不晚于 {later}。", "{earlier} must not come after {later}.";
    FieldNotAllowed = "field.not_allowed" Field: "此处不可填写", "not allowed here";
        "{reason}。", "{reason}.";
    CursorInvalid = "field.cursor" Field: "游标无效", "the cursor does not fit";
        "游标只能与产生它的筛选和排序一起使用。请从第一页重新开始。", "A cursor works only with the filter and sort that made it. Start again from the first page.";
    CsvHeader = "csv.header" Field: "表头不符", "the header does not fit";
        "缺少列 {missing}。可用列：{known}。", "Column {missing} is missing. Known columns: {known}.";
    CsvColumnUnknown = "csv.column_unknown" Field: "未知列", "unknown column";
        "没有 {name} 这一列{hint}。", "There is no column {name}{hint}.";
    CsvWidth = "csv.width" Field: "列数不符", "wrong number of cells";
        "表头有 {expected} 列，本行有 {found} 列。", "The header has {expected} columns, this row {found}.";
    CsvColumns = "csv.columns" Field: "列数过多", "too many columns";
        "最多 {max} 列，现有 {found} 列。", "At most {max} columns; this has {found}.";
    CsvRows = "csv.rows" Field: "行数过多", "too many rows";
        "一次最多 {max} 行，请分成几个文件。", "At most {max} rows at a time; split the file.";
    CsvNoRows = "csv.no_rows" Field: "没有数据行", "no rows";
        "文件只有表头。", "The file has a header and nothing below it.";
    CsvQuote = "csv.quote" Field: "引号不配对", "an unpaired quote";
        "以引号开头的单元格须以引号结尾，其中的引号须写成两个。", "A cell that begins with a quote must end with one; a quote inside it is written twice.";
    CsvRepeated = "csv.repeated" Field: "与前面的行重复", "stands there already";
        "{value} 已在第 {row} 行出现。", "{value} stands in line {row} already.";
    CsvMore = "csv.more" Field: "另有其他错误", "and more";
        "另有 {count} 处错误未列出，请先更正以上各项。", "{count} more are not listed; correct these first.";
}

/// Where in the request a fault sits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// RFC 6901 pointer into the body, e.g. `/items/0/cause`.
    Pointer(String),
    /// A query or path parameter.
    Parameter(String),
    /// A cell of a table file: line as an editor counts it, and its column.
    Cell { row: u64, column: String },
    /// The thing as a whole.
    Whole,
}

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    pub code: Code,
    pub args: Args,
}

/// Arguments that fill a text's `{name}` places.
pub type Args = Vec<(&'static str, Arg)>;

/// An argument: the same in both languages, or a word that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    Same(String),
    Both { zh: String, en: String },
}

impl Arg {
    #[must_use]
    pub fn both(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Both { zh: zh.into(), en: en.into() }
    }

    fn read(&self, lang: Lang) -> &str {
        match self {
            Self::Same(text) => text,
            Self::Both { zh, en } => lang.pick(zh, en),
        }
    }
}

impl<T: std::fmt::Display> From<T> for Arg {
    fn from(value: T) -> Self {
        Self::Same(value.to_string())
    }
}

impl Fault {
    #[must_use]
    pub fn new(place: Place, code: Code) -> Self {
        Self { place, code, args: Vec::new() }
    }

    /// A fault of the body's field at `pointer`.
    #[must_use]
    pub fn at(pointer: impl Into<String>, code: Code) -> Self {
        Self::new(Place::Pointer(pointer.into()), code)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn detail(&self, lang: Lang) -> String {
        fill(self.code.template(lang), &self.args, lang)
    }
}

/// A refusal: its code, what fills its words, and the fields at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    pub args: Args,
    pub faults: Vec<Fault>,
}

impl Refusal {
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, args: Vec::new(), faults: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Arg>) -> Self {
        self.args.push((name, value.into()));
        self
    }

    /// The request is readable, but these fields are not valid.
    #[must_use]
    pub fn invalid(faults: Vec<Fault>) -> Self {
        Self { code: Code::Invalid, args: Vec::new(), faults }
    }

    /// One field is not valid.
    #[must_use]
    pub fn field(fault: Fault) -> Self {
        Self::invalid(vec![fault])
    }

    #[must_use]
    pub fn missing() -> Self {
        Self::new(Code::Missing)
    }

    #[must_use]
    pub fn title(&self, lang: Lang) -> &'static str {
        self.code.title(lang)
    }

    #[must_use]
    pub fn detail(&self, lang: Lang) -> String {
        fill(self.code.template(lang), &self.args, lang)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail(Lang::En))?;
        for fault in &self.faults {
            write!(f, "; {:?} {}: {}", fault.place, fault.code.as_str(), fault.detail(Lang::En))?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

fn fill(template: &str, args: &Args, lang: Lang) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = tail.split_once('}') else {
            out.push('{');
            rest = tail;
            continue;
        };
        if let Some((_, value)) = args.iter().find(|(held, _)| *held == name) {
            out.push_str(value.read(lang));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_is_unique_and_has_words_in_both_languages() {
        let mut seen = HashSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{} stands twice", code.as_str());
            for lang in [Lang::Zh, Lang::En] {
                assert!(!code.title(lang).is_empty() && !code.template(lang).is_empty());
            }
        }
    }

    #[test]
    fn both_languages_name_the_same_arguments() {
        fn names(text: &str) -> HashSet<&str> {
            text.split('{').skip(1).filter_map(|tail| tail.split_once('}').map(|(name, _)| name)).collect()
        }
        for code in Code::ALL {
            assert_eq!(names(code.template(Lang::Zh)), names(code.template(Lang::En)), "{}", code.as_str());
        }
    }

    #[test]
    fn an_argument_is_filled_in_the_readers_language() {
        let refusal = Refusal::new(Code::TicketNotIssued).with("state", Arg::both("整改中", "in progress"));
        assert!(refusal.detail(Lang::Zh).contains("整改中"));
        assert!(refusal.detail(Lang::En).contains("in progress"));
    }
}
