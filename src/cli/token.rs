//! `rectify token`: access tokens for programs.

use super::General;
use super::say::{CliFault, complain, say};
use super::user::known;
use crate::actions::tokens::{self, NewToken};
use crate::domain::actor::Actor;
use crate::domain::vocabulary::TokenScope;
use crate::installation::Purpose;
use crate::store::users;
use chrono::NaiveDate;
use std::process::ExitCode;

const HELP: &str = "\
Prints a new token on standard output, once; only its hash is kept. Programs send it as `Authorization: Bearer rct_…`.

Examples:
  rectify token add --user wang
  TOKEN=$(rectify token add --user importer --name nightly --expires-on 2027-12-31)
  rectify token add --user viewer --scopes read";

#[derive(clap::Subcommand)]
pub(super) enum Token {
    /// Make a token for a user
    #[command(after_help = HELP)]
    Add(Add),
}

#[derive(clap::Args)]
pub(super) struct Add {
    /// Whose it is, by login
    #[arg(long, value_name = "LOGIN")]
    user: String,
    /// What it is for
    #[arg(long, default_value = "cli")]
    name: String,
    /// The last day on which it works: 2027-12-31 [default: until it is revoked]
    #[arg(long, value_name = "DATE", value_parser = super::date)]
    expires_on: Option<NaiveDate>,
    /// What it is limited to, with commas: read, write [default: all that the user may do]
    #[arg(long, value_delimiter = ',', value_parser = scope)]
    scopes: Option<Vec<TokenScope>>,
}

fn scope(word: &str) -> Result<TokenScope, String> {
    word.parse().map_err(|_unknown| "choose one of read, write".to_owned())
}

pub(super) fn run(general: &General, Token::Add(add): Token) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let made = installation.world.write_now(move |tx| {
        let user = known(users::find_by_login(tx.conn, &add.user)?, &add.user, "/user")?;
        let new = NewToken { name: add.name, expires_on: add.expires_on, scopes: add.scopes };
        tokens::create(tx, &Actor::system("cli"), user.id, new)
    });
    let made = made.map_err(|failure| CliFault::from(failure).in_lang(lang))?;
    say(&made.secret);
    complain(lang.pick("令牌只显示这一次，请妥善保存。", "The token is shown this once; keep it safe."));
    Ok(ExitCode::SUCCESS)
}
