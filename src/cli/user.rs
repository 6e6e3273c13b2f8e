//! `rectify user`: accounts, for whoever administers the machine. Everybody else does this in the product.

use super::General;
use super::say::{CliFault, say, say_json, table, unreadable};
use crate::actions::erase;
use crate::actions::hand_over::{self, HandOver, HandedOver};
use crate::actions::users::{self, NewUser, UserChange, check_password, hash_password};
use crate::domain::actor::Actor;
use crate::domain::check::Check;
use crate::domain::patch::Patch;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::installation::{Installation, Purpose};
use crate::sandbox::password;
use crate::store::units;
use crate::store::users::{self as rows, UserFilter, UserRow};
use crate::transaction::Outcome;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

const ADD_HELP: &str = "\
Without --password-file a password is drawn and printed, once. Roles: admin (units, users, settings), coordinator
(notices, review, desk), approver (extensions, carry, cancel, reopen), liaison and leader (of a unit: --unit), viewer.

Examples:
  rectify user add wang --name 王芳 --roles admin
  rectify user add sq-zhang --name 张伟 --email zhang@sq.example.gov.cn --unit 430502 --roles liaison
  rectify user add importer --name \"Nightly import\" --roles coordinator --service
  pass show rectify/wang | rectify user add wang --name 王芳 --roles admin --password-file -";

const HAND_OVER_HELP: &str = "\
Tickets that they handle, their roles, and the absences for which they stand in go to the successor, and from now on their
mails do too. Nothing is lost: every ticket's record says it.

Examples:
  rectify user hand-over sq-zhang --to sq-li --dry-run
  rectify user hand-over sq-zhang --to sq-li --reason 岗位调整 && rectify user disable sq-zhang";

const PASSWORD_HELP: &str = "\
Sets a new password, which ends the user's sessions. Without --password-file one is drawn and printed, once.

Examples:
  rectify user password wang
  rectify user password wang --password-file /run/secrets/wang";

const ERASE_HELP: &str = "\
Login, name and e-mail give way to a mark, what the person's own timeline says is removed, and their name wherever they
acted. Digests stay in their place, so `rectify audit verify` finds the record whole. What stays: words that others wrote
(a ticket's handler, a letter's signatory) and mails that were sent. It can't be undone.

Examples:
  rectify user disable wang
  rectify user erase wang --dry-run
  rectify user erase wang";

#[derive(clap::Subcommand)]
pub(super) enum User {
    /// Make an account
    #[command(after_help = ADD_HELP)]
    Add(Add),
    /// List the accounts
    List {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Let an account in no longer; its history stays
    Disable { login: String },
    /// Let a disabled account in again
    Enable { login: String },
    /// Remove the personal data of a disabled account, for ever; the record stays whole
    #[command(after_help = ERASE_HELP)]
    Erase {
        login: String,
        /// Only tell what would go
        #[arg(long)]
        dry_run: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Give all of a person's open items to another, who can then be disabled
    #[command(after_help = HAND_OVER_HELP)]
    HandOver {
        login: String,
        /// Who takes over: a login, of the same unit where the roles are a unit's
        #[arg(long, value_name = "LOGIN")]
        to: String,
        /// Stands on the record of every ticket
        #[arg(long, required_unless_present = "dry_run")]
        reason: Option<String>,
        /// Only list what would be handed over
        #[arg(long)]
        dry_run: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a new password
    #[command(after_help = PASSWORD_HELP)]
    Password {
        login: String,
        /// File with the password in its first line; - for standard input
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
pub(super) struct Add {
    /// Letters, digits, - _ .
    login: String,
    #[arg(long)]
    name: String,
    #[arg(long)]
    email: Option<String>,
    /// The unit they belong to, by its code; liaisons and leaders need one
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,
    /// One or more, with commas: admin, coordinator, approver, liaison, leader, viewer
    #[arg(long, required = true, value_delimiter = ',', value_parser = role)]
    roles: Vec<Role>,
    /// Language of their mails and pages: zh-CN or en
    #[arg(long, value_parser = super::lang)]
    locale: Option<Lang>,
    /// An account of a program: tokens only, no password
    #[arg(long, conflicts_with = "password_file")]
    service: bool,
    /// File with the password in its first line; - for standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

fn role(word: &str) -> Result<Role, String> {
    let known = || Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    word.parse().map_err(|_unknown| format!("choose one of {}", known()))
}

pub(super) fn run(general: &General, user: User) -> Result<ExitCode, CliFault> {
    let purpose = if matches!(user, User::Add(_)) { Purpose::SetUp } else { Purpose::Use };
    let installation = general.open(purpose)?;
    let lang = installation.lang();
    let done = match user {
        User::Add(add) => self::add(&installation, add),
        User::List { json } => list(&installation, json),
        User::Disable { login } => set_active(&installation, &login, false),
        User::Enable { login } => set_active(&installation, &login, true),
        User::Erase { login, dry_run, json } => self::erase(&installation, &login, dry_run, json),
        User::HandOver { login, to, reason, dry_run, json } => {
            // Of a rehearsal nothing is recorded.
            let reason = reason.unwrap_or_else(|| "-".to_owned());
            hand_over(&installation, login, HandOver { to, reason }, dry_run, json)
        }
        User::Password { login, password_file } => set_password(&installation, &login, password_file.as_ref()),
    };
    done.map(|()| ExitCode::SUCCESS).map_err(|fault| fault.in_lang(lang))
}

/// A password, and whether it was drawn here and must be printed.
struct Given {
    password: String,
    is_drawn: bool,
}

fn given(file: Option<&PathBuf>) -> Result<Given, CliFault> {
    let Some(path) = file else {
        return Ok(Given { password: password().map_err(crate::transaction::Failure::from)?, is_drawn: true });
    };
    let shown = path.display().to_string();
    let mut text = String::new();
    let read = if shown == "-" {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map_err(|fault| unreadable(&shown, &fault))?;
    Ok(Given { password: text.lines().next().unwrap_or_default().to_owned(), is_drawn: false })
}

fn add(installation: &Installation, add: Add) -> Result<(), CliFault> {
    let given = if add.service { None } else { Some(given(add.password_file.as_ref())?) };
    let mut check = Check::new();
    if let Some(given) = &given {
        check_password(&mut check, "/password", &given.password, &add.login);
    }
    check.done(())?;
    let hash = match &given {
        Some(given) => Some(hash_password(&given.password).map_err(crate::transaction::Failure::from)?),
        None => None,
    };
    let login = add.login.clone();
    let new = NewUser {
        login: add.login,
        name: add.name,
        email: add.email,
        unit_id: add.unit,
        roles: add.roles,
        locale: Some(add.locale.unwrap_or(installation.lang())),
        service: add.service,
        password: given.as_ref().map(|given| given.password.clone()),
        ..NewUser::default()
    };
    installation.world.write_now(move |tx| users::create(tx, &Actor::system("cli"), new, hash))?;
    say(&told(&login, given.as_ref(), installation));
    Ok(())
}

fn set_password(installation: &Installation, login: &str, file: Option<&PathBuf>) -> Result<(), CliFault> {
    let given = given(file)?;
    let mut check = Check::new();
    check_password(&mut check, "/password", &given.password, login);
    check.done(())?;
    let hash = hash_password(&given.password).map_err(crate::transaction::Failure::from)?;
    let change = UserChange { password: Patch::Set(given.password.clone()), ..UserChange::default() };
    let key = login.to_owned();
    installation.world.write_now(move |tx| {
        let held = known(rows::find_by_login(tx.conn, &key)?, &key, "/login")?;
        users::change(tx, &Actor::system("cli"), &held.id.to_string(), None, change, Some(hash))
    })?;
    say(&told(login, Some(&given), installation));
    Ok(())
}

fn told(login: &str, given: Option<&Given>, installation: &Installation) -> String {
    let lang = installation.lang();
    match (given, lang) {
        (Some(Given { password, is_drawn: true }), Lang::Zh) => {
            format!("{login} 的密码（只显示这一次）：\n{password}")
        }
        (Some(Given { password, is_drawn: true }), Lang::En) => {
            format!("Password of {login}, shown this once:\n{password}")
        }
        (Some(Given { is_drawn: false, .. }), Lang::Zh) => format!("{login} 的密码已设置。"),
        (Some(Given { is_drawn: false, .. }), Lang::En) => format!("The password of {login} is set."),
        (None, Lang::Zh) => format!("已建立程序账号 {login}。领取令牌：rectify token add --user {login}"),
        (None, Lang::En) => format!("The service account {login} is made. A token: rectify token add --user {login}"),
    }
}

fn set_active(installation: &Installation, login: &str, active: bool) -> Result<(), CliFault> {
    let change = UserChange { active: Patch::Set(active), ..UserChange::default() };
    let key = login.to_owned();
    installation.world.write_now(move |tx| {
        let held = known(rows::find_by_login(tx.conn, &key)?, &key, "/login")?;
        users::change(tx, &Actor::system("cli"), &held.id.to_string(), None, change, None)
    })?;
    let lang = installation.lang();
    say(&match (lang, active) {
        (Lang::Zh, true) => format!("{login} 已启用。"),
        (Lang::Zh, false) => format!("{login} 已停用，会话已结束。"),
        (Lang::En, true) => format!("{login} is enabled."),
        (Lang::En, false) => format!("{login} is disabled and signed out everywhere."),
    });
    Ok(())
}

fn erase(installation: &Installation, login: &str, dry_run: bool, as_json: bool) -> Result<(), CliFault> {
    let key = login.to_owned();
    let erased = installation.world.write_now(move |tx| {
        let held = known(rows::find_by_login(tx.conn, &key)?, &key, "/login")?.id.to_string();
        let by = Actor::system("cli");
        if dry_run { erase::rehearse(tx, &by, &held, None) } else { erase::erase(tx, &by, &held, None) }
    })?;
    if as_json {
        say_json(&erased);
        return Ok(());
    }
    let (payloads, names, mark) = (erased.payloads, erased.names, &erased.login);
    say(&match (installation.lang(), dry_run) {
        (Lang::Zh, true) => format!("将清除 {login} 的个人信息：{payloads} 条记录内容、{names} 处姓名。尚未清除。"),
        (Lang::Zh, false) => format!("已清除 {login} 的个人信息：{payloads} 条记录内容、{names} 处姓名。现名 {mark}。"),
        (Lang::En, true) => {
            format!("Would remove of {login}: what {payloads} events say, the name in {names}. Nothing is removed yet.")
        }
        (Lang::En, false) => {
            format!("Removed of {login}: what {payloads} events said, the name in {names}. It is {mark} now.")
        }
    });
    Ok(())
}

fn hand_over(
    installation: &Installation,
    login: String,
    given: HandOver,
    dry_run: bool,
    as_json: bool,
) -> Result<(), CliFault> {
    let shown = login.clone();
    let done = installation.world.write_now(move |tx| {
        let actor = Actor::system("cli");
        let from = known(rows::find_by_login(tx.conn, &login)?, &login, "/login")?.id.to_string();
        if dry_run {
            hand_over::rehearse(tx, &actor, &from, None, &given)
        } else {
            hand_over::hand_over(tx, &actor, &from, None, &given)
        }
    })?;
    let references: Vec<&str> = done.tickets.iter().map(|ticket| ticket.reference.as_str()).collect();
    if as_json {
        say_json(&json!({
            "login": shown, "to": done.to.login, "dry_run": dry_run, "tickets": references, "gained_roles": done.roles,
            "deputyships": done.deputyships.iter().map(|row| &row.login).collect::<Vec<_>>(),
        }));
        return Ok(());
    }
    say(&handed_over(&shown, &done, dry_run, installation.lang()));
    for reference in references {
        say(reference);
    }
    Ok(())
}

fn handed_over(login: &str, done: &HandedOver, dry_run: bool, lang: Lang) -> String {
    let (to, count) = (&done.to.login, done.tickets.len());
    let roles = done.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    let roles = if roles.is_empty() { "–".to_owned() } else { roles };
    let absences = done.deputyships.len();
    match (lang, dry_run) {
        (Lang::Zh, true) => {
            format!("{login} 将移交给 {to}：任务 {count} 件，新增角色 {roles}，代理 {absences} 人。未作任何更改。")
        }
        (Lang::Zh, false) => {
            format!("{login} 已移交给 {to}：任务 {count} 件，新增角色 {roles}，代理 {absences} 人。")
        }
        (Lang::En, true) => format!(
            "{login} would hand over to {to}: tickets {count}, roles gained {roles}, stands in for {absences}. Nothing was changed."
        ),
        (Lang::En, false) => {
            format!("{login} has handed over to {to}: tickets {count}, roles gained {roles}, stands in for {absences}.")
        }
    }
}

/// The user of a login that stands in `place`, or the refusal that names both.
pub(super) fn known(row: Option<UserRow>, login: &str, place: &str) -> Result<UserRow, Refusal> {
    row.ok_or_else(|| Refusal::field(Fault::at(place, Code::FieldReference).with("value", login)))
}

fn list(installation: &Installation, as_json: bool) -> Result<(), CliFault> {
    let (people, codes) = installation.world.read_now(|read| -> Outcome<_> {
        let people = rows::list(read.conn, &UserFilter::default(), None, i64::MAX)?;
        let mut ids: Vec<_> = people.iter().filter_map(|person| person.unit_id).collect();
        ids.sort();
        ids.dedup();
        let mut codes = HashMap::new();
        for chunk in ids.chunks(1_000) {
            codes.extend(units::by_ids(read.conn, chunk)?.into_iter().map(|unit| (unit.id, unit.code)));
        }
        Ok((people, codes))
    })?;
    let unit = |person: &UserRow| person.unit_id.and_then(|id| codes.get(&id)).cloned();
    if as_json {
        let all: Vec<Value> = people
            .iter()
            .map(|person| {
                json!({
                    "login": person.login, "name": person.name, "email": person.email, "unit_code": unit(person),
                    "roles": person.role_list(), "locale": person.locale, "active": person.active,
                    "service": person.service, "has_password": person.password_hash.is_some(),
                })
            })
            .collect();
        say_json(&all);
        return Ok(());
    }
    let lang = installation.lang();
    let head = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut table_rows = vec![vec![
        head("登录名", "login"),
        head("姓名", "name"),
        head("单位", "unit"),
        head("角色", "roles"),
        head("状态", "state"),
    ]];
    for person in &people {
        let state = if !person.active {
            head("停用", "disabled")
        } else if person.service {
            head("程序", "service")
        } else if person.password_hash.is_none() {
            head("未设密码", "no password")
        } else {
            String::new()
        };
        let roles = person.roles.replace(' ', ",");
        table_rows.push(vec![
            person.login.clone(),
            person.name.clone(),
            unit(person).unwrap_or_default(),
            roles,
            state,
        ]);
    }
    say(&table(&table_rows));
    Ok(())
}
