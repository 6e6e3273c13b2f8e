//! `rectify rules`: the reminder rules, for whoever keeps them as a file.

use super::General;
use super::say::{CliFault, say, say_json, table, unreadable};
use crate::actions::reminder_rules::{self, Imported};
use crate::domain::actor::Actor;
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::reminder::{Rule, RuleFault, parse_rules};
use crate::domain::words::Lang;
use crate::installation::{Installation, Purpose};
use crate::queries::reminder_rules::{self as views, RuleOut};
use crate::transaction::Failure;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const IMPORT_HELP: &str = "\
The file has the form of `rectify rules export`. A rule is recognised by its code: one that is there is changed, a new
one is made, and rules that the file leaves out stay; switch them off with active = false. All of a file is taken in, or
nothing. Open tickets are planned anew by the server; what was told is not told again, and what a new or changed rule
would have told before now is not sent.

Examples:
  rectify rules export > rules.toml
  rectify rules import rules.toml --dry-run
  rectify rules import rules.toml";

#[derive(clap::Subcommand)]
pub(super) enum Rules {
    /// List the rules
    List {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print one rule
    Show {
        code: String,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Take rules in from a TOML file
    #[command(after_help = IMPORT_HELP)]
    Import {
        file: PathBuf,
        /// Tell what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print all rules as TOML, for a file that can be imported
    Export,
}

pub(super) fn run(general: &General, rules: &Rules) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let done = match rules {
        Rules::List { json } => list(&installation, *json),
        Rules::Show { code, json } => show(&installation, code, *json),
        Rules::Import { file, dry_run, json } => import(&installation, file, *dry_run, *json),
        Rules::Export => export(&installation),
    };
    done.map(|()| ExitCode::SUCCESS).map_err(|fault| fault.in_lang(lang))
}

fn all(installation: &Installation) -> Result<Vec<RuleOut>, CliFault> {
    Ok(installation.world.read_now(|read| views::all(read, &Actor::system("cli")))?)
}

fn list(installation: &Installation, json: bool) -> Result<(), CliFault> {
    let rows = all(installation)?;
    if json {
        say_json(&rows);
        return Ok(());
    }
    let lang = installation.lang();
    let line = |RuleOut { rule, .. }: &RuleOut| {
        let offsets = rule.offsets.iter().map(|offset| format!("{offset:+}")).collect::<Vec<_>>().join(" ");
        let state = if rule.active { lang.pick("启用", "on") } else { lang.pick("停用", "off") };
        let counted = if offsets.is_empty() { rule.delivery.to_string() } else { offsets };
        vec![state.to_owned(), rule.code.clone(), rule.anchor.to_string(), counted, rule.name(lang).to_owned()]
    };
    say(&table(&rows.iter().map(line).collect::<Vec<_>>()));
    Ok(())
}

fn show(installation: &Installation, code: &str, json: bool) -> Result<(), CliFault> {
    let asked = code.to_owned();
    let row = installation.world.read_now(move |read| views::get(read, &Actor::system("cli"), &asked))?;
    if json {
        say_json(&row);
    } else {
        say(&written(vec![row.rule])?);
    }
    Ok(())
}

fn export(installation: &Installation) -> Result<(), CliFault> {
    let rules = all(installation)?.into_iter().map(|row| row.rule).collect();
    say(&written(rules)?);
    Ok(())
}

#[derive(Serialize)]
struct RuleFile {
    rules: Vec<Rule>,
}

fn written(rules: Vec<Rule>) -> Result<String, CliFault> {
    toml::to_string(&RuleFile { rules }).map_err(|fault| Failure::broken(fault.to_string()).into())
}

fn import(installation: &Installation, file: &Path, dry_run: bool, json: bool) -> Result<(), CliFault> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|fault| unreadable(&shown, &fault))?;
    let rules = parse_rules(&text).map_err(refused)?;
    let take = |tx: &mut crate::transaction::Tx<'_>, rules| reminder_rules::import(tx, &Actor::system("cli"), rules);
    let imported = installation
        .world
        .write_now(move |tx| if dry_run { tx.rehearse(|tx| take(tx, rules)) } else { take(tx, rules) })?;
    let Imported { created, changed, unchanged } = &imported;
    if json {
        say_json(&json!({"dry_run": dry_run, "created": created, "changed": changed, "unchanged": unchanged}));
        return Ok(());
    }
    let lang = installation.lang();
    let names = |codes: &[String]| if codes.is_empty() { "–".to_owned() } else { codes.join(" ") };
    let head = if dry_run {
        lang.pick("试运行，未作任何更改。将：\n", "Dry run, nothing was changed. Would be:\n")
    } else {
        ""
    };
    say(&match lang {
        Lang::Zh => {
            format!("{head}新增：{}\n更改：{}\n未变：{}", names(created), names(changed), names(unchanged))
        }
        Lang::En => {
            format!("{head}created: {}\nchanged: {}\nunchanged: {}", names(created), names(changed), names(unchanged))
        }
    });
    Ok(())
}

fn refused(fault: RuleFault) -> Refusal {
    match fault {
        RuleFault::Invalid { rule, field, reason_zh, reason_en } => {
            let reason = Arg::both(format!("{rule}：{reason_zh}"), format!("{rule}: {reason_en}"));
            Refusal::field(Fault::at(format!("/{field}"), Code::FieldFormat).with("reason", reason))
        }
        RuleFault::Duplicate(code) => Refusal::field(Fault::at("/code", Code::FieldDuplicate).with("value", code)),
        fault @ RuleFault::Syntax(_) => Refusal::new(Code::Malformed).with("reason", fault),
    }
}
