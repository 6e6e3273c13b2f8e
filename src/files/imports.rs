//! The files an office imports: their columns, and one checked row type each. Codes of other rows are only
//! spelled here; whether they exist is for the action that saves them, which finds the line in `row`.

use crate::domain::refusal::{Arg, Code, Fault, Place, Refusal};
use crate::domain::vocabulary::{AssetKind, Role, Severity, UnitKind};
use crate::domain::words::Lang;
use crate::files::cells::{Words, YES_NO, bad, count, date, one_line, paragraphs};
use crate::files::csv;
use crate::files::table::{Column, Layout, MAX_CELL, Row, Table};
use chrono::NaiveDate;
use std::ops::Deref;

pub const UNITS: Layout = Layout(&[
    Column::required("code", &["单位代码", "代码"]),
    Column::required("name", &["单位名称", "名称", "单位全称"]),
    Column::optional("short_name", &["简称", "单位简称"]),
    Column::optional("name_en", &["英文名称", "英文名"]),
    Column::required("kind", &["类别", "单位类别"]),
    Column::optional("parent_code", &["上级代码", "上级单位代码"]),
    Column::optional("member_codes", &["成员代码", "成员单位代码"]),
    Column::optional("mailbox", &["邮箱", "单位邮箱"]),
    Column::optional("backup_mailbox", &["备用邮箱"]),
]);

pub const USERS: Layout = Layout(&[
    Column::required("login", &["登录名", "用户名"]),
    Column::required("name", &["姓名", "名称"]),
    Column::required("email", &["邮箱", "电子邮箱"]),
    Column::required("unit_code", &["单位代码", "所属单位代码"]),
    Column::required("roles", &["角色"]),
    Column::optional("locale", &["语言"]),
]);

pub const FINDINGS: Layout = Layout(&[
    Column::required("code", &["问题编号", "编号"]),
    Column::required("title", &["问题标题", "标题"]),
    Column::required("text", &["问题内容", "存在问题", "内容"]),
    Column::optional("severity", &["严重程度", "性质"]),
    Column::optional("category", &["问题类别", "类别"]),
    Column::optional("indicator", &["对应指标", "指标"]),
    Column::required("unit_codes", &["责任单位代码", "单位代码"]),
    Column::optional("co_unit_codes", &["协办单位代码"]),
    Column::optional("due_on", &["整改期限", "期限"]),
    Column::optional("open_ended", &["开放列举", "是否开放列举"]),
    Column::optional("rectified_before_notice", &["通报前已整改", "是否通报前已整改"]),
    Column::optional("recurrence_of", &["复发自", "重复问题"]),
]);

pub const COVERAGE: Layout = Layout(&[
    Column::required("unit_code", &["单位代码"]),
    Column::required("kind", &["类别", "对象类别"]),
    Column::required("in_operation", &["实际运行数", "正常运行数"]),
    Column::optional("checked", &["检查数"]),
    Column::required("prominent", &["存在突出问题数", "突出问题数"]),
    Column::optional("printed_share", &["占检查数比例", "印发比例"]),
]);

pub const REQUIREMENTS: Layout = Layout(&[
    Column::required("code", &["要求编号", "编号"]),
    Column::required("text", &["工作要求", "要求内容", "内容"]),
    Column::required("unit_codes", &["责任单位代码", "单位代码"]),
]);

pub const ASSETS: Layout = Layout(&[
    Column::required("code", &["对象编号", "编号"]),
    Column::required("kind", &["类别", "对象类别"]),
    Column::required("name", &["名称", "网站名称", "账号名称"]),
    Column::optional("address", &["网址", "链接", "首页网址", "账号链接"]),
    Column::optional("platform", &["平台", "注册平台"]),
    Column::required("unit_code", &["主办单位代码", "单位代码"]),
    Column::optional("supervising_unit_code", &["主管单位代码"]),
    Column::optional("finding_codes", &["涉及问题编号", "问题编号"]),
]);

const UNIT_KINDS: Words<UnitKind> = Words(&[
    (UnitKind::County, &["county", "县", "区县", "县市区", "自治县"]),
    (UnitKind::District, &["district", "区", "市辖区"]),
    (UnitKind::City, &["city", "县级市", "市"]),
    (UnitKind::Zone, &["zone", "开发区", "园区", "功能区", "经开区"]),
    (UnitKind::Department, &["department", "部门", "市直部门", "局"]),
    (UnitKind::Office, &["office", "办公室", "政府办"]),
    (UnitKind::Other, &["other", "其他", "其它"]),
    (UnitKind::Group, &["group", "组", "单位组"]),
]);

const SEVERITIES: Words<Severity> = Words(&[
    (Severity::Prominent, &["prominent", "突出", "突出问题", "单项否决"]),
    (Severity::General, &["general", "一般", "一般问题"]),
]);

const ROLES: Words<Role> = Words(&[
    (Role::Admin, &["admin", "管理员"]),
    (Role::Coordinator, &["coordinator", "督办员"]),
    (Role::Approver, &["approver", "审批人", "审批领导"]),
    (Role::Liaison, &["liaison", "联络员"]),
    (Role::Leader, &["leader", "单位负责人", "负责人"]),
    (Role::Viewer, &["viewer", "查阅者"]),
]);

const LANGS: Words<Lang> =
    Words(&[(Lang::Zh, &["zh-CN", "中文", "zh", "简体中文", "汉语"]), (Lang::En, &["en", "英文", "english", "英语"])]);

const ASSET_KINDS: Words<AssetKind> = Words(&[
    (AssetKind::Website, &["website", "网站", "政府网站"]),
    (AssetKind::NewMedia, &["new_media", "新媒体", "政务新媒体", "账号"]),
]);

/// The platforms that notices count, by the code stored.
pub const PLATFORMS: Words<&'static str> = Words(&[
    ("wechat_official", &["wechat_official", "微信公众号", "微信订阅号", "微信服务号", "微信"]),
    ("wechat_channels", &["wechat_channels", "微信视频号", "视频号"]),
    ("sina_weibo", &["sina_weibo", "新浪微博", "微博", "weibo"]),
    ("app", &["app", "移动客户端", "客户端"]),
    ("mini_program", &["mini_program", "小程序", "微信小程序"]),
    ("douyin", &["douyin", "抖音", "抖音号"]),
    ("kuaishou", &["kuaishou", "快手", "快手号"]),
    ("toutiao", &["toutiao", "今日头条号", "今日头条", "头条号"]),
    ("baijiahao", &["baijiahao", "百家号"]),
    ("tieba", &["tieba", "百度贴吧", "贴吧"]),
    ("dayu", &["dayu", "大鱼号"]),
    ("qiehao", &["qiehao", "企鹅号"]),
    ("other", &["other", "其他", "其它"]),
]);

/// A file's checked rows under the header its author wrote. A column that isn't there says nothing, an empty cell says
/// "none": `has` tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet<T> {
    pub rows: Vec<T>,
    /// Each known column, by the name code asks for it, and as the file's header spells it.
    headers: Vec<(&'static str, String)>,
}

impl<T> Sheet<T> {
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.headers.iter().any(|(name, _)| *name == column)
    }

    /// Where a cell sits, in the words of the file's own header.
    #[must_use]
    pub fn place(&self, row: u64, column: &str) -> Place {
        let written = self.headers.iter().find(|(name, _)| *name == column).map(|(_, written)| written.as_str());
        Place::Cell { row, column: written.unwrap_or(column).to_owned() }
    }
}

impl<T> Deref for Sheet<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rows
    }
}

/// A unit. Groups have members and no parent; others have no members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRow {
    /// Its line in the file.
    pub row: u64,
    pub code: String,
    pub name: String,
    pub short_name: Option<String>,
    pub name_en: Option<String>,
    pub kind: UnitKind,
    pub parent_code: Option<String>,
    pub member_codes: Vec<String>,
    pub mailbox: Option<String>,
    pub backup_mailbox: Option<String>,
}

/// A person; at least one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    pub row: u64,
    pub login: String,
    pub name: String,
    pub email: String,
    pub unit_code: String,
    pub roles: Vec<Role>,
    pub locale: Option<Lang>,
}

/// A finding; no unit is both lead and co-unit. Without units it is a draft that can't be issued yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    pub row: u64,
    pub code: String,
    pub title: String,
    pub text: String,
    pub severity: Option<Severity>,
    pub category: Option<String>,
    pub indicator: Option<String>,
    pub unit_codes: Vec<String>,
    pub co_unit_codes: Vec<String>,
    pub due_on: Option<NaiveDate>,
    pub open_ended: bool,
    pub rectified_before_notice: bool,
    /// `<notice code>-<finding code>` of an earlier round.
    pub recurrence_of: Option<String>,
}

/// One annex row, figures as printed: they aren't reconciled, since a printed slip is evidence too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    pub row: u64,
    pub unit_code: String,
    pub kind: AssetKind,
    pub in_operation: u32,
    /// `None` where the annex prints no such column: the inspection covered all in operation.
    pub checked: Option<u32>,
    pub prominent: u32,
    pub printed_share: Option<String>,
}

/// A requirement of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementRow {
    pub row: u64,
    pub code: String,
    pub text: String,
    pub unit_codes: Vec<String>,
}

/// A website, or a new-media account with its platform. The code is the file's own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRow {
    pub row: u64,
    pub code: String,
    pub kind: AssetKind,
    pub name: String,
    pub address: Option<String>,
    /// One of [`PLATFORMS`]; accounts only.
    pub platform: Option<&'static str>,
    pub unit_code: String,
    pub supervising_unit_code: Option<String>,
    pub finding_codes: Vec<String>,
}

pub fn parse_units(bytes: &[u8]) -> Result<Sheet<UnitRow>, Refusal> {
    parse(bytes, &UNITS, unit)
}

pub fn parse_users(bytes: &[u8]) -> Result<Sheet<UserRow>, Refusal> {
    parse(bytes, &USERS, user)
}

pub fn parse_findings(bytes: &[u8]) -> Result<Sheet<FindingRow>, Refusal> {
    parse(bytes, &FINDINGS, finding)
}

pub fn parse_coverage(bytes: &[u8]) -> Result<Sheet<CoverageRow>, Refusal> {
    parse(bytes, &COVERAGE, coverage)
}

pub fn parse_requirements(bytes: &[u8]) -> Result<Sheet<RequirementRow>, Refusal> {
    parse(bytes, &REQUIREMENTS, requirement)
}

pub fn parse_assets(bytes: &[u8]) -> Result<Sheet<AssetRow>, Refusal> {
    parse(bytes, &ASSETS, asset)
}

pub(super) fn parse<T>(
    bytes: &[u8],
    layout: &Layout,
    read: impl FnMut(&mut Row<'_>) -> Option<T>,
) -> Result<Sheet<T>, Refusal> {
    let text = csv::decode(bytes)?;
    let table = Table::read(&text, layout).map_err(Refusal::invalid)?;
    let rows = table.check(read).map_err(Refusal::invalid)?;
    Ok(Sheet { rows, headers: table.headers() })
}

fn unit(row: &mut Row<'_>) -> Option<UnitRow> {
    let own_code = key(row, "code");
    let name = row.required("name", one_line(100));
    let short_name = row.optional("short_name", one_line(50));
    let name_en = row.optional("name_en", one_line(200));
    let kind = row.required("kind", |cell| UNIT_KINDS.read(cell));
    let parent_code = row.optional("parent_code", code);
    let member_codes = row.list("member_codes", code);
    let mailbox = row.optional("mailbox", email);
    let backup_mailbox = row.optional("backup_mailbox", email);
    let unit = UnitRow {
        row: row.line(),
        code: own_code?,
        name: name?,
        short_name: short_name?,
        name_en: name_en?,
        kind: kind?,
        parent_code: parent_code?,
        member_codes: member_codes?,
        mailbox: mailbox?,
        backup_mailbox: backup_mailbox?,
    };
    if unit.kind == UnitKind::Group && unit.parent_code.is_some() {
        row.fault("parent_code", bad(Code::UnitIsGroup).with("unit", &unit.code));
    }
    if unit.kind != UnitKind::Group && !unit.member_codes.is_empty() {
        let reason = Arg::both("只有单位组才有成员", "Only a group has members");
        row.fault("member_codes", bad(Code::FieldNotAllowed).with("reason", reason));
    }
    if unit.member_codes.contains(&unit.code) {
        row.fault("member_codes", bad(Code::UnitIsGroup).with("unit", &unit.code));
    }
    Some(unit)
}

fn user(row: &mut Row<'_>) -> Option<UserRow> {
    let login = key(row, "login");
    let name = row.required("name", one_line(100));
    let address = row.required("email", email);
    let unit_code = row.required("unit_code", code);
    // An empty cell is told as such before it is read as a list of none.
    let roles = row.required("roles", |_| Ok(())).and_then(|()| row.list("roles", |cell| ROLES.read(cell)));
    let locale = row.optional("locale", |cell| LANGS.read(cell));
    Some(UserRow {
        row: row.line(),
        login: login?,
        name: name?,
        email: address?,
        unit_code: unit_code?,
        roles: roles?,
        locale: locale?,
    })
}

fn finding(row: &mut Row<'_>) -> Option<FindingRow> {
    let own_code = key(row, "code");
    let title = row.required("title", one_line(200));
    let text = row.required("text", paragraphs(MAX_CELL));
    let severity = row.optional("severity", |cell| SEVERITIES.read(cell));
    let category = row.optional("category", one_line(50));
    let indicator = row.optional("indicator", one_line(50));
    let unit_codes = row.list("unit_codes", code);
    let co_unit_codes = row.list("co_unit_codes", code);
    let due_on = row.optional("due_on", date);
    let open_ended = flag(row, "open_ended");
    let rectified_before_notice = flag(row, "rectified_before_notice");
    let recurrence_of = row.optional("recurrence_of", one_line(200));
    let finding = FindingRow {
        row: row.line(),
        code: own_code?,
        title: title?,
        text: text?,
        severity: severity?,
        category: category?,
        indicator: indicator?,
        unit_codes: unit_codes?,
        co_unit_codes: co_unit_codes?,
        due_on: due_on?,
        open_ended: open_ended?,
        rectified_before_notice: rectified_before_notice?,
        recurrence_of: recurrence_of?,
    };
    for both in finding.co_unit_codes.iter().filter(|held| finding.unit_codes.contains(held)) {
        row.fault("co_unit_codes", bad(Code::FieldDuplicate).with("value", both));
    }
    Some(finding)
}

fn coverage(row: &mut Row<'_>) -> Option<CoverageRow> {
    let unit_code = row.required("unit_code", code);
    let kind = row.required("kind", |cell| ASSET_KINDS.read(cell));
    let in_operation = row.required("in_operation", count);
    let checked = row.optional("checked", count);
    let prominent = row.required("prominent", count);
    let printed_share = row.optional("printed_share", one_line(20));
    if let (Some(unit_code), Some(kind)) = (&unit_code, kind) {
        row.once("unit_code", &format!("{unit_code} {kind}"));
    }
    Some(CoverageRow {
        row: row.line(),
        unit_code: unit_code?,
        kind: kind?,
        in_operation: in_operation?,
        checked: checked?,
        prominent: prominent?,
        printed_share: printed_share?,
    })
}

fn requirement(row: &mut Row<'_>) -> Option<RequirementRow> {
    let own_code = key(row, "code");
    let text = row.required("text", paragraphs(MAX_CELL));
    let unit_codes = row.list("unit_codes", code);
    Some(RequirementRow { row: row.line(), code: own_code?, text: text?, unit_codes: unit_codes? })
}

fn asset(row: &mut Row<'_>) -> Option<AssetRow> {
    let own_code = key(row, "code");
    let kind = row.required("kind", |cell| ASSET_KINDS.read(cell));
    let name = row.required("name", one_line(200));
    let address = row.optional("address", one_line(500));
    let platform = match kind {
        Some(AssetKind::NewMedia) => row.required("platform", |cell| PLATFORMS.read(cell)).map(Some),
        Some(AssetKind::Website) => row.optional("platform", |_| {
            let reason = Arg::both("网站没有平台", "A website has no platform");
            Err(bad(Code::FieldNotAllowed).with("reason", reason))
        }),
        None => None,
    };
    let unit_code = row.required("unit_code", code);
    let supervising_unit_code = row.optional("supervising_unit_code", code);
    let finding_codes = row.list("finding_codes", code);
    Some(AssetRow {
        row: row.line(),
        code: own_code?,
        kind: kind?,
        name: name?,
        address: address?,
        platform: platform?,
        unit_code: unit_code?,
        supervising_unit_code: supervising_unit_code?,
        finding_codes: finding_codes?,
    })
}

/// The code that may stand once in the file.
fn key(row: &mut Row<'_>, column: &str) -> Option<String> {
    let found = row.required(column, code);
    if let Some(found) = &found {
        row.once(column, found);
    }
    found
}

fn flag(row: &mut Row<'_>, column: &str) -> Option<bool> {
    row.optional(column, |cell| YES_NO.read(cell)).map(Option::unwrap_or_default)
}

/// A unit's, finding's or asset's code, or a login: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
pub fn code(cell: &str) -> Result<String, Fault> {
    let first = cell.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = cell.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if first && rest && cell.len() <= 64 {
        return Ok(cell.to_owned());
    }
    Err(bad(Code::FieldFormat).with(
        "reason",
        Arg::both(
            "代码由字母、数字、点、下划线和连字符组成，以字母或数字开头，最多 64 个字符",
            "A code is letters, digits, dots, underscores and hyphens, begins with a letter or digit, and has at most 64 characters",
        ),
    ))
}

/// An address as RFC 5321 writes it, in ASCII and without quoted parts: dot-atom, `@`, a domain of two labels
/// or more; at most 254 characters. Nothing else gets into a header or an SMTP command.
pub fn email(cell: &str) -> Result<String, Fault> {
    let atom = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let good = cell.len() <= 254
        && cell.split_once('@').is_some_and(|(local, domain)| {
            local.len() <= 64 && local.split('.').all(atom) && domain.contains('.') && domain.split('.').all(label)
        });
    if good {
        return Ok(cell.to_owned());
    }
    let reason = Arg::both("邮箱地址应形如 name@example.gov.cn", "An e-mail address looks like name@example.gov.cn");
    Err(bad(Code::FieldFormat).with("reason", reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::fmt::Debug;
    use std::path::Path;

    fn demo(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo").join(name)).expect(name)
    }

    fn toml_file(name: &str) -> toml::Table {
        String::from_utf8(demo(name)).unwrap().parse().unwrap_or_else(|fault| panic!("{name}: {fault}"))
    }

    fn places(refusal: &Refusal) -> Vec<(u64, &str, Code)> {
        refusal
            .faults
            .iter()
            .map(|fault| match &fault.place {
                Place::Cell { row, column } => (*row, column.as_str(), fault.code),
                Place::Pointer(_) | Place::Parameter(_) | Place::Whole => (0, "", fault.code),
            })
            .collect()
    }

    fn covers<T: Copy + PartialEq + Debug>(words: &Words<T>, all: &[T], text: impl Fn(T) -> &'static str) {
        for value in all {
            let (_, known) = words.0.iter().find(|(held, _)| held == value).unwrap_or_else(|| panic!("{value:?}"));
            assert_eq!(known[0], text(*value));
            assert!(!known[1].is_ascii(), "{value:?} has no Chinese word");
        }
        let mut seen = HashSet::new();
        assert!(words.0.iter().flat_map(|(_, known)| *known).all(|word| seen.insert(*word)), "a word means two values");
    }

    #[test]
    fn every_value_of_a_vocabulary_has_its_words() {
        covers(&UNIT_KINDS, UnitKind::ALL, UnitKind::as_str);
        covers(&SEVERITIES, Severity::ALL, Severity::as_str);
        covers(&ROLES, Role::ALL, Role::as_str);
        covers(&LANGS, Lang::ALL, Lang::as_str);
        covers(&ASSET_KINDS, AssetKind::ALL, AssetKind::as_str);
    }

    #[test]
    fn no_two_columns_of_a_layout_share_a_header() {
        for layout in [UNITS, USERS, FINDINGS, COVERAGE, REQUIREMENTS, ASSETS] {
            let mut seen = HashSet::new();
            for column in layout.0 {
                assert!(seen.insert(column.name), "{}", column.name);
                assert!(column.zh.iter().all(|name| seen.insert(name)), "{}", column.name);
            }
        }
    }

    #[test]
    fn a_users_file_is_read_in_chinese_and_every_bad_cell_is_named() {
        let good =
            "登录名,姓名,邮箱,单位代码,角色,语言\nsq,双清区联络员,sq@demo.example,430502,联络员；单位负责人,中文\n";
        let users = parse_users(good.as_bytes()).unwrap();
        assert_eq!((users[0].row, users[0].roles.as_slice()), (2, &[Role::Liaison, Role::Leader][..]));
        assert_eq!(users[0].locale, Some(Lang::Zh));

        let bad = "登录名,姓名,邮箱,单位代码,角色,语言\n张三,x,a@b,43 05,,fr\nsq,x,a@b.c,1,联络员;局长,\nSQ,x,a@b.c,1,leader,en\n";
        assert_eq!(
            places(&parse_users(bad.as_bytes()).unwrap_err()),
            [
                (2, "登录名", Code::FieldFormat),
                (2, "邮箱", Code::FieldFormat),
                (2, "单位代码", Code::FieldFormat),
                (2, "角色", Code::FieldRequired),
                (2, "语言", Code::FieldChoice),
                (3, "角色", Code::FieldChoice),
                (4, "登录名", Code::CsvRepeated),
            ]
        );
    }

    #[test]
    fn only_a_group_has_members_and_it_has_no_parent() {
        let file = "code,name,kind,parent_code,member_codes\na,甲,部门,,b\nb,乙,组,a,a\nc,丙,group,,c\n";
        assert_eq!(
            places(&parse_units(file.as_bytes()).unwrap_err()),
            [
                (2, "member_codes", Code::FieldNotAllowed),
                (3, "parent_code", Code::UnitIsGroup),
                (4, "member_codes", Code::UnitIsGroup)
            ]
        );
    }

    #[test]
    fn rows_that_contradict_themselves_are_refused() {
        let findings = "code,title,text,unit_codes,co_unit_codes\nF01,t,x,a;b,b\nF02,t,x,a,b\nF02,t,x,,\n";
        assert_eq!(
            places(&parse_findings(findings.as_bytes()).unwrap_err()),
            [(2, "co_unit_codes", Code::FieldDuplicate), (4, "code", Code::CsvRepeated)]
        );
        let assets =
            "code,kind,name,platform,unit_code\na,网站,x,抖音,u\nb,新媒体,x,,u\nc,新媒体,x,博客,u\nd,新媒体,x,抖音,u\n";
        assert_eq!(
            places(&parse_assets(assets.as_bytes()).unwrap_err()),
            [
                (2, "platform", Code::FieldNotAllowed),
                (3, "platform", Code::FieldRequired),
                (4, "platform", Code::FieldChoice)
            ]
        );
        let coverage = "unit_code,kind,in_operation,prominent\na,网站,1,0\na,新媒体,1,0\na,website,1,0\n";
        assert_eq!(places(&parse_coverage(coverage.as_bytes()).unwrap_err()), [(4, "unit_code", Code::CsvRepeated)]);
    }

    #[test]
    fn addresses_and_codes_are_strict() {
        for good in ["a@b.cn", "430502@units.example", "o'neil+x@a-b.example", &format!("a@{}.cn", "x".repeat(63))] {
            assert!(email(good).is_ok(), "{good}");
        }
        let long = format!("a@{}cn", "x.".repeat(130));
        for wrong in [
            "",
            "a",
            "a@b",
            "a@@b.cn",
            "a@b..cn",
            ".a@b.cn",
            "a b@c.cn",
            "a@-b.cn",
            "a@b.cn\r\nBcc: x@y.z",
            "张@b.cn",
            "<a@b.cn>",
            "\"a\"@b.cn",
            "a@[127.0.0.1]",
            &long,
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
        for good in ["430502", "2021Q2", "a", "a.b-c_d"] {
            assert!(code(good).is_ok(), "{good}");
        }
        for wrong in ["", "-a", ".a", "双清", "a b", "a/b", "a;b", "ａ", &"a".repeat(65)] {
            assert!(code(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_demo_is_the_source_notice() {
        let units = parse_units(&demo("units.csv")).unwrap();
        let codes: HashSet<&str> = units.iter().map(|unit| unit.code.as_str()).collect();
        assert_eq!(units.len(), 19);
        let group = units.iter().find(|unit| unit.kind == UnitKind::Group).unwrap();
        assert!(group.member_codes.iter().all(|member| codes.contains(member.as_str())));

        let coverage = parse_coverage(&demo("coverage.csv")).unwrap();
        let total = |kind| {
            let rows: Vec<&CoverageRow> = coverage.iter().filter(|row| row.kind == kind).collect();
            assert!(rows.iter().all(|row| row.prominent == 0 && row.printed_share.as_deref() == Some("0")));
            assert!(rows.iter().all(|row| codes.contains(row.unit_code.as_str())));
            (rows.len(), rows.iter().map(|row| row.in_operation).sum::<u32>())
        };
        assert_eq!(total(AssetKind::Website), (14, 45));
        assert_eq!(total(AssetKind::NewMedia), (14, 156));
        assert_eq!(coverage.iter().filter_map(|row| row.checked).sum::<u32>(), 45, "annex 2 prints no such column");

        for lang in ["zh", "en"] {
            let notice = toml_file(&format!("{lang}/notice.toml"));
            let recipient = notice["feedback_to"].as_str().unwrap();
            assert!(codes.contains(recipient));
            assert_eq!(notice["deadline"]["on"].as_str(), Some("2021-08-27"));
            assert_eq!(notice["printed"]["websites"].as_integer(), Some(45));
            assert_eq!(notice["printed"]["new_media"].as_integer(), Some(156));

            let findings = parse_findings(&demo(&format!("{lang}/findings.csv"))).unwrap();
            let tickets: Vec<usize> = findings
                .iter()
                .map(|finding| {
                    let leads: HashSet<&str> = finding
                        .unit_codes
                        .iter()
                        .flat_map(|code| {
                            if *code == group.code {
                                group.member_codes.iter()
                            } else {
                                std::slice::from_ref(code).iter()
                            }
                        })
                        .map(String::as_str)
                        .filter(|code| *code != recipient)
                        .collect();
                    assert!(leads.iter().all(|code| codes.contains(code)));
                    leads.len()
                })
                .collect();
            assert_eq!(tickets, [1, 2, 16, 1]);
            assert_eq!(findings.iter().map(|f| f.open_ended).collect::<Vec<_>>(), [true, true, false, false]);
            assert_eq!(
                findings.iter().map(|f| f.rectified_before_notice).collect::<Vec<_>>(),
                [false, false, false, true]
            );

            let requirements = parse_requirements(&demo(&format!("{lang}/requirements.csv"))).unwrap();
            assert_eq!(requirements.len(), 10);
            assert_eq!(requirements.iter().map(|row| row.unit_codes.len()).sum::<usize>(), 126);
            assert!(requirements.iter().flat_map(|row| &row.unit_codes).all(|code| codes.contains(code.as_str())));

            let assets = parse_assets(&demo(&format!("{lang}/assets.csv"))).unwrap();
            assert_eq!(assets.iter().filter(|asset| asset.kind == AssetKind::NewMedia).count(), 4);
            let known: HashSet<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
            assert!(assets.iter().all(|asset| codes.contains(asset.unit_code.as_str())));
            assert!(assets.iter().flat_map(|asset| &asset.finding_codes).all(|code| known.contains(code.as_str())));
        }
    }

    #[test]
    fn the_demos_people_sit_in_its_units() {
        let units = parse_units(&demo("units.csv")).unwrap();
        let people = toml_file("people.toml");
        for person in people["person"].as_array().unwrap() {
            let unit = person["unit"].as_str().unwrap();
            assert!(units.iter().any(|held| held.code == unit), "{unit}");
            assert!(code(person["login"].as_str().unwrap()).is_ok());
        }
        let each = &people["each_unit"];
        let spared: Vec<UnitKind> = each["except_kinds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind.as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(units.iter().filter(|unit| !spared.contains(&unit.kind)).count(), 17);
        let all = people["person"].as_array().unwrap().iter().chain(each["person"].as_array().unwrap());
        for role in all.flat_map(|person| person["roles"].as_array().unwrap()) {
            assert!(role.as_str().unwrap().parse::<Role>().is_ok());
        }
        let domain = people["email_domain"].as_str().unwrap();
        assert!(email(&format!("430502-liaison@{domain}")).is_ok());
    }
}
