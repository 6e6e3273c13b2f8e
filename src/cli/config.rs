//! `rectify config`: which settings hold here and where each comes from, or all of them with their defaults.

use super::General;
use super::say::{CliFault, say};
use crate::config::{Config, DEFAULTS, Setting, environment};
use std::fmt::Write;
use std::process::ExitCode;

const HELP: &str = "\
Order: defaults < rectify.toml in the data directory < environment (RECTIFY_SECTION__KEY, or …_FILE for a secret) < flags.
Secrets are never printed.

Examples:
  rectify config                        the settings that hold, and where each comes from
  rectify config --defaults             every setting, explained
  RECTIFY_OFFICE__TIME_ZONE=Asia/Urumqi rectify config";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Print every setting with its default and a comment
    #[arg(long)]
    defaults: bool,
}

pub(super) fn run(general: &General, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    if arguments.defaults {
        say(DEFAULTS);
        return Ok(ExitCode::SUCCESS);
    }
    let place = general.place();
    let settings = Config::effective(&place.data_dir, environment(), &place.overrides)?;
    say(&as_toml(&settings));
    Ok(ExitCode::SUCCESS)
}

fn as_toml(settings: &[Setting]) -> String {
    let mut text = String::new();
    let mut section = "";
    for setting in settings {
        let (head, name) = setting.key.split_once('.').unwrap_or(("", &setting.key));
        if head != section {
            section = head;
            if !text.is_empty() {
                text.push('\n');
            }
            let _ = writeln!(text, "[{section}]");
        }
        let from = setting.place.as_ref().map_or_else(String::new, |place| format!("  # {place}"));
        let _ = writeln!(text, "{name} = {}{from}", setting.value);
    }
    text
}
