//! `rectify clock`: the times that count here, and the word that one which leapt is right.

use super::General;
use super::say::{CliFault, say, say_json};
use crate::actions::clock;
use crate::domain::actor::Actor;
use crate::domain::words::Lang;
use crate::installation::Purpose;
use crate::queries::engine::{self, EngineOut};
use std::process::ExitCode;

const HELP: &str = "\
A clock that runs ahead of the time that has passed by more than 48 hours would tell everybody that everything is overdue.
So nothing is planned or sent then, until the clock is put right or its time is accepted. The same holds when a server
starts whose last look at the reminders is more than 45 days old.

Examples:
  rectify clock show
  rectify clock accept";

#[derive(clap::Subcommand)]
#[command(after_help = HELP)]
pub(super) enum Clock {
    /// Show the office's time, the last look at the reminders, and what holds mail up
    Show {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say that a clock that leapt is right: planning and sending go on
    Accept,
}

pub(super) fn run(general: &General, command: &Clock) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let told = |failure| CliFault::from(failure).in_lang(lang);
    if let Clock::Accept = command {
        installation.world.write_now(|tx| clock::accept(tx, &Actor::system("cli"))).map_err(told)?;
    }
    let engine = installation.world.read_now(engine::state).map_err(told)?;
    match command {
        Clock::Show { json: true } => say_json(&engine),
        Clock::Show { json: false } | Clock::Accept => say(&words(&engine, lang)),
    }
    Ok(ExitCode::SUCCESS)
}

fn words(engine: &EngineOut, lang: Lang) -> String {
    let looked = engine.looked_at.map_or_else(|| lang.pick("从未", "never").to_owned(), |at| at.to_string());
    let mut lines = match lang {
        Lang::Zh => vec![format!("现在：{}", engine.now), format!("上次检查提醒：{looked}")],
        Lang::En => vec![format!("Now: {}", engine.now), format!("Last look at the reminders: {looked}")],
    };
    if let Some(hold) = engine.clock_hold {
        lines.push(match lang {
            Lang::Zh => format!(
                "时钟由 {} 跳到 {}，已停止发送。时间无误请运行：rectify clock accept；有误请校正系统时钟。",
                hold.trusted, hold.found
            ),
            Lang::En => format!(
                "The clock leapt from {} to {}, so nothing is sent. If it is right: rectify clock accept; if not, put the \
                 system's clock right.",
                hold.trusted, hold.found
            ),
        });
    }
    if let Some(pause) = &engine.pause {
        lines.push(match lang {
            Lang::Zh => format!("邮件通道暂停至 {}：{}", pause.until, pause.reason),
            Lang::En => format!("The mail channel rests until {}: {}", pause.until, pause.reason),
        });
    }
    lines.join("\n")
}
