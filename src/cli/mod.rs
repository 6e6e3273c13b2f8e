//! The command line: one file per command. It opens the installation, acts as the system, and answers in plain words:
//! 0 done, 1 failed, 2 misused.

mod audit;
mod calendar;
mod clock;
mod config;
mod demo;
mod import;
mod mail;
mod openapi;
mod remind;
mod rules;
mod say;
mod serve;
mod server;
mod token;
mod user;

use crate::config::Config;
use crate::domain::instant::Instant;
use crate::domain::words::Lang;
use crate::installation::{Installation, Place, Purpose};
use chrono::NaiveDate;
use clap::{Args, Parser, Subcommand};
use say::CliFault;
use std::path::PathBuf;
use std::process::ExitCode;

const TOUR: &str = "\
Begin with a sandbox: the source notice, 39 people, 20 tickets, mails as files, nothing to set up:
  rectify demo                                     serves at http://127.0.0.1:8080 and prints logins and tokens
  rectify demo --at 2021-08-16T09:00:00+08:00      the notice on the day it was issued; its clock stands still

Begin in earnest:
  rectify serve                                    prints a link to make the first administrator, once
  rectify import units units.csv --dry-run         tells what would change, and every bad cell
  rectify import users users.csv

One directory holds one installation (--data): database, attachments, rectify.toml with what differs from the
defaults. `rectify config --defaults` prints every setting. `rectify COMMAND --help` tells the rest.";

const DATABASE: &str = "Database, instead of the one that is set: sqlite:PATH or postgres://user:password@host/name";

/// rectify 整改督办: tracks the rectification of inspection findings.
///
/// An office issues a notice that names findings; each finding becomes a ticket for the responsible unit; units answer in
/// writing, the office reviews, and reminders go out by themselves.
#[derive(Parser)]
#[command(name = "rectify", version, after_help = TOUR, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    general: General,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Clone)]
struct General {
    /// Directory of the installation
    #[arg(long, global = true, value_name = "DIR", default_value = "./rectify-data", env = "RECTIFY_DATA")]
    data: PathBuf,
    #[arg(long, global = true, value_name = "URL", hide_short_help = true, help = DATABASE)]
    database: Option<String>,
    /// Language of what is printed: zh-CN or en [default: the office's]
    #[arg(long, global = true, value_name = "LANG", value_parser = lang)]
    lang: Option<Lang>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the product
    Serve(serve::Arguments),
    /// Make a sandbox with the source notice, or go on with one, and serve it
    Demo(demo::Arguments),
    /// Take in units, users, findings, coverage rows, requirements, assets or a calendar from a file
    Import(import::Arguments),
    /// Look once at what is due and deliver it
    Remind(remind::Arguments),
    /// Try whether mail leaves this installation, and see what it says
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Read and keep the reminder rules
    #[command(subcommand)]
    Rules(rules::Rules),
    /// Make and keep accounts
    #[command(subcommand)]
    User(user::User),
    /// Make access tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Prove that the record is whole
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Show the times that count here, or accept those of a clock that leapt
    #[command(subcommand)]
    Clock(clock::Clock),
    /// Print the settings that hold here, or every setting with its default
    Config(config::Arguments),
    /// Print the description of the REST interface, as the server gives it
    Openapi,
}

/// Runs the command that the process was called with.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let general = &cli.general;
    let done = match cli.command {
        Command::Serve(arguments) => serve::run(general, &arguments),
        Command::Demo(arguments) => demo::run(general, &arguments),
        Command::Remind(arguments) => remind::run(general, &arguments),
        Command::Mail(mail) => mail::run(general, &mail),
        Command::Rules(rules) => rules::run(general, &rules),
        Command::User(user) => user::run(general, user),
        Command::Token(token) => token::run(general, token),
        Command::Import(arguments) => import::run(general, &arguments),
        Command::Audit(audit) => audit::run(general, &audit),
        Command::Clock(command) => clock::run(general, &command),
        Command::Config(arguments) => config::run(general, &arguments),
        Command::Openapi => openapi::run(),
    };
    done.unwrap_or_else(|fault| fault.tell(general.lang))
}

impl General {
    fn place(&self) -> Place {
        let mut overrides = Vec::new();
        if let Some(url) = &self.database {
            overrides.push(("database.url", url.clone()));
        }
        if let Some(lang) = self.lang {
            overrides.push(("office.locale", lang.to_string()));
        }
        Place { data_dir: self.data.clone(), overrides }
    }

    /// The installation for a command that ends by itself.
    fn open(&self, purpose: Purpose) -> Result<Installation, CliFault> {
        let place = self.place();
        let config = place.config()?;
        let lang = config.office.locale;
        Installation::open(&place, quiet(config), purpose).map_err(|fault| CliFault::from(fault).in_lang(lang))
    }
}

/// Warnings only: what a command has to say, it prints itself.
fn quiet(config: Config) -> Config {
    let mut log = config.log.clone();
    if log.level == "info" {
        "warn".clone_into(&mut log.level);
    }
    // A second start in one process (a test's) has nothing to add.
    let _ = crate::telemetry::start(&log);
    config
}

fn lang(text: &str) -> Result<Lang, String> {
    match text.to_ascii_lowercase().as_str() {
        "zh" | "zh-cn" => Ok(Lang::Zh),
        "en" => Ok(Lang::En),
        _ => Err("write zh-CN or en".to_owned()),
    }
}

fn instant(text: &str) -> Result<Instant, String> {
    text.parse().map_err(|_fault| "write it with its offset, like 2021-08-16T09:00:00+08:00".to_owned())
}

fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|_fault| "write it like 2027-12-31".to_owned())
}
