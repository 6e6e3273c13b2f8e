//! `rectify demo`: a sandbox that a newcomer can touch, and its server.

use super::say::{CliFault, say, table};
use super::server;
use super::{General, serve};
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use crate::installation::{Installation, Purpose};
use crate::mail::{Courier, Sender};
use crate::reminders;
use crate::sandbox::{self, Accounts};
use std::process::ExitCode;

const HELP: &str = "\
A sandbox holds the source notice: 19 units, 39 people, 4 findings, 10 requirements, 20 tickets. Mails are files in
outbox/ of the data directory. One login and one token of each role are printed; demo.json holds them all.

Without --at the notice is due in five working days, its tickets are in all states, and an older round has some overdue;
the clock follows the system. With --at only the notice exists, with its true dates, issued at that moment; the clock
stands still until POST /api/v1/sandbox/clock moves it.

Run again, it goes on where it was: data, clock, logins and tokens stay. Remove the directory to begin anew. A directory
that is no sandbox is never touched.

Examples:
  rectify demo
  rectify demo --lang en --data /tmp/try --listen 127.0.0.1:9000
  rectify demo --at 2021-08-16T09:00:00+08:00
  jq -r '.users[] | select(.login==\"admin\").token' rectify-data/demo.json";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Only the source notice, issued at this moment: 2021-08-16T09:00:00+08:00
    #[arg(long, value_name = "INSTANT", value_parser = super::instant)]
    at: Option<Instant>,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

pub(super) fn run(general: &General, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    let place = serve::place(general, arguments.listen.as_ref());
    let mut config = super::quiet(place.config()?);
    let lang = config.office.locale;
    server::live(async {
        let reserved = server::reserve(config.server.listen);
        if let Ok(reserved) = &reserved {
            config.server.listen = reserved.address;
        }
        let sender = server::sender(&config, &place.data_dir);
        let installation = Installation::open(&place, config, Purpose::Demo).map_err(CliFault::from);
        let (reserved, sender, mut installation) = server::together(lang, (reserved, sender, installation))?;
        let is_resumed = installation.sandbox.is_some_and(|sandbox| sandbox.ready);
        if !is_resumed {
            say(lang.pick("正在建立沙箱…", "Making a sandbox…"));
        }
        let accounts = if is_resumed {
            resume(&installation, lang).await?
        } else {
            make(&mut installation, sender, arguments.at, lang).await?
        };
        let mut text = String::new();
        if is_resumed {
            text.push_str(&resumed(&installation, arguments.at.is_some(), lang));
        }
        text.push_str(&welcome(&installation, &accounts, lang)?);
        server::serve(&installation, reserved, || say(&text)).await
    })
    .map_err(|fault| fault.in_lang(lang))?;
    Ok(ExitCode::SUCCESS)
}

/// Fills a new sandbox and delivers its mails; `demo.json` is complete when this returns.
async fn make(
    installation: &mut Installation,
    sender: Sender,
    at: Option<Instant>,
    lang: Lang,
) -> Result<Accounts, CliFault> {
    let users = sandbox::fill(&mut installation.world, sender, at, lang).await?;
    let sender = server::sender(&installation.config, &installation.data_dir)?;
    let mut courier = Courier::new(installation.world.clone(), sender);
    reminders::settle(&installation.world, &mut courier).await?;
    courier.close().await;
    let accounts = Accounts { url: installation.config.public_url(), users };
    accounts.write(&installation.data_dir)?;
    sandbox::finish(&installation.world).await?;
    Ok(accounts)
}

/// How an old sandbox is signed in to, at the address that it has now.
async fn resume(installation: &Installation, lang: Lang) -> Result<Accounts, CliFault> {
    let url = installation.config.public_url();
    let users = match Accounts::read(&installation.data_dir)? {
        Some(accounts) if accounts.url == url => return Ok(accounts),
        Some(accounts) => accounts.users,
        None => sandbox::renew_accounts(&installation.world, lang).await?,
    };
    let accounts = Accounts { url, users };
    accounts.write(&installation.data_dir)?;
    Ok(accounts)
}

fn resumed(installation: &Installation, is_at_given: bool, lang: Lang) -> String {
    let mut text = match lang {
        Lang::Zh => format!("继续已有的沙箱 {}：数据、账号和令牌不变。\n", installation.data_dir.display()),
        Lang::En => {
            format!("Going on with the sandbox in {}: data, logins and tokens stay.\n", installation.data_dir.display())
        }
    };
    if is_at_given {
        text.push_str(lang.pick(
            "已忽略 --at：它只用于新建沙箱。要重新开始，请删除该目录。\n",
            "--at is ignored: it is for a new sandbox. To begin anew, remove the directory.\n",
        ));
    }
    text
}

fn welcome(installation: &Installation, accounts: &Accounts, lang: Lang) -> Result<String, CliFault> {
    let dir = installation.data_dir.display();
    let head = |zh: &str, en: &str| lang.pick(zh, en).to_owned();
    let mut rows =
        vec![vec![head("角色", "role"), head("登录名", "login"), head("密码", "password"), head("令牌", "token")]];
    for account in accounts.shown(lang)? {
        let roles: Vec<&str> = account.roles.iter().map(|role| role.name(lang)).collect();
        rows.push(vec![roles.join("/"), account.login.clone(), account.password.clone(), account.token.clone()]);
    }
    let clock = match (installation.world.clock.stands_at(), lang) {
        (Some(at), Lang::Zh) => format!("沙箱时钟停在 {at}；管理员可用 POST /api/v1/sandbox/clock 向前拨。\n"),
        (Some(at), Lang::En) => {
            format!("The sandbox's clock stands at {at}; the admin moves it on with POST /api/v1/sandbox/clock.\n")
        }
        (None, _) => String::new(),
    };
    let count = accounts.users.len();
    Ok(match lang {
        Lang::Zh => format!(
            "\n{}\n\n{}\n全部 {count} 个账号见 {dir}/{}。邮件写入 {dir}/outbox/。\n{clock}按 Ctrl-C 停止；再次运行 rectify demo 可继续。",
            accounts.url,
            table(&rows),
            sandbox::FILE_NAME
        ),
        Lang::En => format!(
            "\n{}\n\n{}\nAll {count} accounts are in {dir}/{}. Mails go to {dir}/outbox/.\n{clock}Ctrl-C stops it; `rectify demo` goes on with it.",
            accounts.url,
            table(&rows),
            sandbox::FILE_NAME
        ),
    })
}
