//! `rectify serve`: the server, until SIGTERM or Ctrl-C.

use super::General;
use super::say::{CliFault, say};
use super::server;
use crate::actions::setup;
use crate::config::Transport;
use crate::domain::words::Lang;
use crate::installation::{Installation, Place, Purpose};
use std::fmt::Write;
use std::process::ExitCode;

const HELP: &str = "\
Makes the data directory where there is none: SQLite database, calendar, reminder rules. All settings are checked first,
and everything that is wrong is told at once. SIGTERM and Ctrl-C let requests under way end.

Examples:
  rectify serve
  rectify serve --listen 0.0.0.0:8080 --data /var/lib/rectify      behind a reverse proxy with TLS
  rectify serve --database postgres://rectify@db/rectify            any number of servers share it
  RECTIFY_MAIL__TRANSPORT=smtp RECTIFY_MAIL__SMTP_URL_FILE=/run/secrets/smtp rectify serve";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
}

/// The place with its listening address, where a flag gives one.
pub(super) fn place(general: &General, listen: Option<&String>) -> Place {
    let mut place = general.place();
    if let Some(listen) = listen {
        place.overrides.push(("server.listen", listen.clone()));
    }
    place
}

pub(super) fn run(general: &General, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    let place = place(general, arguments.listen.as_ref());
    let mut config = place.config()?;
    let lang = config.office.locale;
    // A second start in one process (a test's) has nothing to add.
    let _ = crate::telemetry::start(&config.log);
    server::live(async {
        let reserved = server::reserve(config.server.listen);
        if let Ok(reserved) = &reserved {
            config.server.listen = reserved.address;
        }
        let sender = server::sender(&config, &place.data_dir);
        let installation = Installation::open(&place, config, Purpose::Serve).map_err(CliFault::from);
        let (reserved, _, installation) = server::together(lang, (reserved, sender, installation))?;
        let invitation = installation.world.write_now(setup::invite)?;
        let text = greeting(&installation, invitation.as_deref(), lang);
        server::serve(&installation, reserved, || say(&text)).await
    })
    .map_err(|fault| fault.in_lang(lang))?;
    Ok(ExitCode::SUCCESS)
}

fn greeting(installation: &Installation, invitation: Option<&str>, lang: Lang) -> String {
    let (url, dir) = (installation.config.public_url(), installation.data_dir.display());
    let mut text = match lang {
        Lang::Zh => format!("rectify：{url} （数据目录 {dir}，按 Ctrl-C 停止）\n"),
        Lang::En => format!("rectify: {url} (data in {dir}; Ctrl-C stops it)\n"),
    };
    let mail = &installation.config.mail;
    let caution = match mail.transport {
        Transport::File => lang.pick(
            "邮件没有寄出，只写成 outbox/ 里的文件；要寄出，请设 mail.transport = \"smtp\"。",
            "Mails are not sent, but written as files to outbox/; to send them set mail.transport = \"smtp\".",
        ),
        Transport::Smtp if mail.from.contains(".invalid") => lang.pick(
            "发件人还是 mail.from 的示例地址，多数邮件服务器会拒收；请设为本单位的地址。",
            "The sender is still the example of mail.from, which most servers refuse; set it to an address of the office.",
        ),
        Transport::None => lang.pick(
            "邮件留在队列里：mail.transport 设为 none。",
            "Mails stay in the queue: mail.transport is none.",
        ),
        Transport::Smtp => "",
    };
    if !caution.is_empty() {
        let _ = writeln!(text, "{caution}");
    }
    if let Some(secret) = invitation {
        let _ = match lang {
            Lang::Zh => {
                writeln!(text, "还没有管理员。请在一天内打开此链接设立，只能使用一次：\n  {url}/setup?key={secret}")
            }
            Lang::En => writeln!(
                text,
                "There is no administrator yet. Make one here, once, within a day:\n  {url}/setup?key={secret}"
            ),
        };
    }
    text
}
