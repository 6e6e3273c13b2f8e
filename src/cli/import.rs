//! `rectify import`: an office's CSV files, the way an administrator at the machine takes them in.

use super::say::{CliFault, complain, fault_words, problem, say, say_json, unreadable};
use super::{General, calendar};
use crate::actions::imports::{self, Fate, File, Imported, Kind};
use crate::domain::actor::Actor;
use crate::domain::words::Lang;
use crate::installation::Purpose;
use crate::transaction::Failure;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Files are CSV in UTF-8 (with or without BOM) or GB18030, separated by commas, semicolons or tabs; headers are English or
Chinese, in any order; lists inside a cell are separated by `;`:
  units         code,name,short_name,name_en,kind,parent_code,member_codes,mailbox,backup_mailbox
  users         login,name,email,unit_code,roles,locale
  findings      code,title,text,severity,category,indicator,unit_codes,co_unit_codes,due_on,open_ended  (--notice)
  coverage      unit_code,kind,in_operation,checked,prominent,printed_share                              (--notice)
  requirements  code,text,unit_codes                                                                     (--notice)
  assets        code,kind,name,address,unit_code,supervising_unit_code,status,finding_codes; of websites site_code,icp_no,
                security_filing_no; of accounts platform,platform_id,certified_entity,opened_on

  calendar      date,kind,name: a year's days off and make-up working days, or a TOML file like config/calendars/cn.toml

All of a file is taken in, or nothing: every bad cell is told with its line, column and reason. Codes and logins
recognise what is there, so a file may be imported again: rows that say nothing new change nothing. A column that is
left out leaves its values as they are, an empty cell clears them. Users get no password here: `rectify user password`.

Examples:
  rectify import units units.csv --dry-run
  rectify import users 用户.csv
  rectify import findings findings.csv --notice 2021Q2
  rectify import units units.csv --json | jq .created
  rectify import calendar 2027.csv --dry-run       tells which due dates and reminders would move";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// What the file holds
    #[arg(value_parser = kinds())]
    kind: What,
    /// The CSV file; of a calendar also TOML
    file: PathBuf,
    /// The draft that findings, coverage rows, requirements and assets' findings belong to, by its code
    #[arg(long, value_name = "CODE")]
    notice: Option<String>,
    /// Tell what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Rows(Kind),
    Calendar,
}

const CALENDAR: &str = "calendar";

fn kinds() -> impl TypedValueParser<Value = What> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.as_str()).chain([CALENDAR]))
        .try_map(|word| if word == CALENDAR { Ok(What::Calendar) } else { word.parse::<Kind>().map(What::Rows) })
}

pub(super) fn run(general: &General, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    let kind = match arguments.kind {
        What::Rows(kind) => kind,
        What::Calendar => return calendar::import(general, &arguments.file, arguments.dry_run, arguments.json),
    };
    let shown = arguments.file.display().to_string();
    let bytes = std::fs::read(&arguments.file).map_err(|fault| unreadable(&shown, &fault))?;
    let installation = general.open(Purpose::SetUp)?;
    let lang = installation.lang();
    let (notice, dry_run) = (arguments.notice.clone(), arguments.dry_run);
    let outcome = installation.world.write_now(move |tx| {
        let file = File { kind, bytes: &bytes, notice: notice.as_deref() };
        let actor = Actor::system("cli");
        if dry_run { imports::rehearse(tx, &actor, file) } else { imports::import(tx, &actor, file) }
    });
    match outcome {
        Ok(imported) => {
            if arguments.json {
                say_json(&json!({
                    "dry_run": dry_run, "created": imported.created, "updated": imported.updated,
                    "unchanged": imported.unchanged, "rows": imported.rows,
                }));
            } else {
                say(&summary(&imported, arguments, lang));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Failure::Refused(refusal)) if !refusal.faults.is_empty() => {
            if arguments.json {
                say_json(&problem(&refusal, lang));
            }
            let count = refusal.faults.len();
            let mut text = match lang {
                Lang::Zh => format!("{shown}：有 {count} 处错误，未作任何更改。\n"),
                Lang::En if count == 1 => format!("{shown}: 1 fault, nothing was changed.\n"),
                Lang::En => format!("{shown}: {count} faults, nothing was changed.\n"),
            };
            for fault in &refusal.faults {
                text.push_str(&fault_words(fault, Some(&shown), lang));
                text.push('\n');
            }
            complain(&text);
            Ok(ExitCode::FAILURE)
        }
        Err(failure) => Err(CliFault::from(failure).in_lang(lang)),
    }
}

fn summary(imported: &Imported, arguments: &Arguments, lang: Lang) -> String {
    let Imported { created, updated, unchanged, .. } = imported;
    let mut text = match (lang, arguments.dry_run) {
        (Lang::Zh, false) => format!("新增 {created}，更新 {updated}，未变 {unchanged}。\n"),
        (Lang::En, false) => format!("{created} created, {updated} updated, {unchanged} unchanged.\n"),
        (Lang::Zh, true) => {
            format!("试运行，未作任何更改。将新增 {created}，更新 {updated}，未变 {unchanged}：\n")
        }
        (Lang::En, true) => {
            format!(
                "Dry run, nothing was changed. Would be: {created} created, {updated} updated, {unchanged} unchanged.\n"
            )
        }
    };
    if arguments.dry_run {
        for row in imported.rows.iter().filter(|row| row.fate != Fate::Unchanged) {
            let fate = match row.fate {
                Fate::Created => lang.pick("新增", "create"),
                Fate::Updated => lang.pick("更新", "update"),
                Fate::Unchanged => lang.pick("未变", "keep"),
            };
            let _ = writeln!(text, "  {fate} {} ({}:{})", row.key, arguments.file.display(), row.row);
        }
    } else if arguments.kind == What::Rows(Kind::Users) && *created > 0 {
        text.push_str(lang.pick(
            "新用户还没有密码。逐个设置：rectify user password 登录名\n",
            "The new users have no password yet. For each: rectify user password LOGIN\n",
        ));
    }
    text
}
