//! `rectify serve`: the server, until SIGTERM or Ctrl-C.

use super::General;
use super::say::{CliFault, say};
use super::server;
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::installation::{Installation, Place, Purpose};
use crate::store::users::{self, UserFilter};
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
        let filter = UserFilter { roles: vec![Role::Admin], active: Some(true), ..UserFilter::default() };
        let admins = installation.world.read_now(move |read| Ok(users::count(read.conn, &filter)?))?;
        let text = greeting(&installation, admins > 0, lang);
        server::serve(&installation, reserved, || say(&text)).await
    })
    .map_err(|fault| fault.in_lang(lang))?;
    Ok(ExitCode::SUCCESS)
}

fn greeting(installation: &Installation, has_admin: bool, lang: Lang) -> String {
    let (url, dir) = (installation.config.public_url(), installation.data_dir.display());
    let mut text = match lang {
        Lang::Zh => format!("rectify：{url} （数据目录 {dir}，按 Ctrl-C 停止）\n"),
        Lang::En => format!("rectify: {url} (data in {dir}; Ctrl-C stops it)\n"),
    };
    if !has_admin {
        let _ = match lang {
            Lang::Zh => writeln!(
                text,
                "还没有管理员。请在另一个终端运行：\n  rectify user add 登录名 --name 姓名 --roles admin --data {dir}"
            ),
            Lang::En => writeln!(
                text,
                "There is no administrator yet. In another terminal:\n  rectify user add LOGIN --name NAME --roles admin --data {dir}"
            ),
        };
    }
    text
}
