//! `rectify audit verify`: proves the hash chain of every timeline.

use super::General;
use super::say::{CliFault, complain, say, say_json};
use crate::domain::words::Lang;
use crate::installation::Purpose;
use crate::queries::audit::{self, Breach, Verdict};
use std::process::ExitCode;

const HELP: &str = "\
Every change is an event; each event's hash covers the one before it. This reads them all and names the first link that
does not hold: exit code 1 then. Nothing is changed.

Examples:
  rectify audit verify
  rectify audit verify --json | jq .whole";

#[derive(clap::Subcommand)]
pub(super) enum Audit {
    /// Walk every event and name the first broken link
    #[command(after_help = HELP)]
    Verify {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(general: &General, Audit::Verify { json }: &Audit) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let verdict =
        installation.world.read_now(audit::verify).map_err(|failure| CliFault::from(failure).in_lang(lang))?;
    if *json {
        say_json(&verdict);
    } else if verdict.whole {
        say(&words(&verdict, lang));
    } else {
        complain(&words(&verdict, lang));
    }
    Ok(if verdict.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(verdict: &Verdict, lang: Lang) -> String {
    let Some(broken) = &verdict.first_broken else {
        return match lang {
            Lang::Zh => format!("记录完整：{} 条事件的哈希链全部成立。", verdict.events),
            Lang::En => format!("The record is whole: {} events, every link holds.", verdict.events),
        };
    };
    let reason = match broken.reason {
        Breach::Gap => lang.pick("缺少一条记录", "an event is missing"),
        Breach::PrevHash => lang.pick("与前一条不衔接", "it does not follow the event before it"),
        Breach::Payload => lang.pick("内容被改动", "what it says was changed"),
        Breach::Hash => lang.pick("时间、人员或动作被改动", "its time, actor or act was changed"),
        Breach::CutShort => lang.pick("末尾的记录被删除", "the events after it are gone"),
    };
    match lang {
        Lang::Zh => format!(
            "记录不完整：{} 第 {} 条，{reason}。\n请保留数据库原样，从备份恢复后再核对。",
            broken.stream, broken.seq
        ),
        Lang::En => format!(
            "The record is broken: event {} of {}: {reason}.\nKeep the database as it is; compare with a backup.",
            broken.seq, broken.stream
        ),
    }
}
