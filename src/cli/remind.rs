//! `rectify remind`: what the server does by itself every half minute, once, with its results; or only what it would do.

use super::General;
use super::say::{CliFault, say, say_json, table};
use super::server;
use crate::domain::actor::Actor;
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::installation::{Installation, Purpose};
use crate::mail::Courier;
use crate::queries::engine;
use crate::queries::rehearsal::{self, Rehearsal, Span};
use crate::reminders::{self, Passed, Tally};
use crate::store::outbox::{self, AttemptRow, MessageRow};
use crate::transaction::Outcome;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::json;
use std::process::ExitCode;

/// What is rehearsed where no end is given.
const REHEARSED_DAYS: i64 = 30;

const HELP: &str = "\
Looks once at all that is due, records and queues it, and delivers until nothing is left that can go out now. Run twice,
or beside a server: everybody is told once. A server does this by itself; this is for a timer where none runs, and to see.
With --rehearse nothing is recorded or sent: it shows what would be, if nothing changed.

Examples:
  rectify remind
  rectify remind --rehearse
  rectify remind --rehearse --from 2026-03-02T00:00:00+08:00 --to 2026-03-07T00:00:00+08:00
  rectify remind --json | jq '.messages[] | select(.result != \"sent\")'";

#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Show what would be sent, and send nothing
    #[arg(long)]
    rehearse: bool,
    /// Rehearse from this instant on [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = super::instant, requires = "rehearse")]
    from: Option<Instant>,
    /// Rehearse up to this instant [default: 30 days later]
    #[arg(long, value_name = "INSTANT", value_parser = super::instant, requires = "rehearse")]
    to: Option<Instant>,
    /// Answer as JSON
    #[arg(long)]
    json: bool,
}

/// An attempt of this run and its message.
struct Attempt {
    row: AttemptRow,
    message: Option<MessageRow>,
}

pub(super) fn run(general: &General, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    if arguments.rehearse {
        return rehearse(&installation, arguments).map_err(|fault| fault.in_lang(lang));
    }
    let (tally, attempts) = server::live(once(&installation)).map_err(|fault| fault.in_lang(lang))?;
    if arguments.json {
        let messages: Vec<_> = attempts.iter().map(Attempt::json).collect();
        say_json(&json!({
            "now": installation.world.clock.now(), "planned": tally.planned, "lines": tally.lines, "sent": tally.sent,
            "skipped": tally.skipped, "cancelled": tally.cancelled, "messages": messages,
        }));
    } else {
        say(&words(tally, &attempts, lang));
    }
    let all_sent = attempts.iter().all(|attempt| attempt.row.result == "sent");
    Ok(if all_sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rehearse(installation: &Installation, arguments: &Arguments) -> Result<ExitCode, CliFault> {
    let world = &installation.world;
    let from = arguments.from.unwrap_or_else(|| world.clock.now());
    let span = Span { from, to: arguments.to.unwrap_or_else(|| from.plus(TimeDelta::days(REHEARSED_DAYS))) };
    let told = world.read_now(move |read| rehearsal::rehearse(read, &Actor::system("cli"), span))?;
    if arguments.json {
        say_json(&told);
    } else {
        let zone = world.read_now(|read| Ok(read.office.zone))?;
        say(&rehearsed(&told, zone, installation.lang()));
    }
    Ok(ExitCode::SUCCESS)
}

fn rehearsed(told: &Rehearsal, zone: Tz, lang: Lang) -> String {
    let mut rows = Vec::new();
    for mail in &told.items {
        let at = mail.at.utc().with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
        let to = mail.recipient.address.clone().unwrap_or_default();
        for line in &mail.lines {
            let rule = line.rule_name.as_ref().map_or(line.rule.as_str(), |name| lang.pick(&name.zh, &name.en));
            let about = line.reference.clone().unwrap_or_default();
            rows.push(vec![at.clone(), to.clone(), rule.to_owned(), about]);
        }
    }
    let Rehearsal { total, lines, .. } = told;
    let mut foot = match lang {
        Lang::Zh => format!("共 {total} 封邮件、{lines} 条提醒（情况不变时）。"),
        Lang::En => format!("{total} mails with {lines} reminders, if nothing changes."),
    };
    if told.truncated || told.items.len() < *total {
        foot.push_str(
            lang.pick("内容过多，未全部列出，请缩短时段。", " There is more than is listed: take a shorter span."),
        );
    }
    table(&rows) + &foot
}

async fn once(installation: &Installation) -> Result<(Tally, Vec<Attempt>), CliFault> {
    let world = &installation.world;
    if world.clock.is_real() && !reminders::is_believed(world, Passed::Unseen)? {
        let engine = world.read_now(engine::state)?;
        let refusal = engine
            .clock_hold
            .map(|hold| Refusal::new(Code::ClockHeld).with("trusted", hold.trusted).with("found", hold.found));
        return Err(refusal.unwrap_or_else(|| Refusal::new(Code::Busy)).into());
    }
    let begun = world.clock.now();
    let before = attempts(installation, begun)?;
    let mut courier = Courier::new(world.clone(), server::sender(&installation.config, &installation.data_dir)?);
    let tally = reminders::settle(world, &mut courier).await?;
    courier.close().await;
    let known = |row: &AttemptRow| before.iter().any(|old| (old.message_id, old.no) == (row.message_id, row.no));
    let made: Vec<AttemptRow> = attempts(installation, begun)?.into_iter().filter(|row| !known(row)).collect();
    let ids: Vec<_> = made.iter().map(|row| row.message_id).collect();
    let messages = world.read_now(move |read| Ok(outbox::by_ids(read.conn, &ids)?))?;
    let attempts = made
        .into_iter()
        .map(|row| Attempt { message: messages.iter().find(|message| message.id == row.message_id).cloned(), row })
        .collect();
    Ok((tally, attempts))
}

fn attempts(installation: &Installation, since: Instant) -> Outcome<Vec<AttemptRow>> {
    installation.world.read_now(move |read| Ok(outbox::attempts_since(read.conn, since)?))
}

impl Attempt {
    fn to(&self) -> &str {
        self.message.as_ref().and_then(|message| message.address.as_deref()).unwrap_or("?")
    }

    fn subject(&self) -> &str {
        self.message.as_ref().and_then(|message| message.subject.as_deref()).unwrap_or("")
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "id": self.row.message_id, "to": self.to(), "subject": self.subject(), "result": self.row.result,
            "phase": self.row.phase, "code": self.row.code, "reply": self.row.reply,
        })
    }
}

fn words(tally: Tally, attempts: &[Attempt], lang: Lang) -> String {
    let mut rows = Vec::new();
    for attempt in attempts {
        let mut row = vec![attempt.row.result.clone(), attempt.to().to_owned(), attempt.subject().to_owned()];
        if attempt.row.result != "sent" {
            row.push(format!("{}: {}", attempt.row.phase, attempt.row.reply));
        }
        rows.push(row);
    }
    let Tally { planned, sent, skipped, cancelled, .. } = tally;
    let foot = match lang {
        Lang::Zh => format!("新排 {planned} 封，送出 {sent} 封；跳过 {skipped} 条，取消 {cancelled} 条。"),
        Lang::En => format!("{planned} mails queued, {sent} sent; {skipped} reminders skipped, {cancelled} cancelled."),
    };
    table(&rows) + &foot
}
