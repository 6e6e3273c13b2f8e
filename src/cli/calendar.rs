//! `rectify import calendar`: whole years of days off and make-up working days, tried first if wanted.

use super::General;
use super::say::{CliFault, complain, fault_words, problem, say, say_json, unreadable};
use crate::actions::calendars::{self, CalendarChanges, CountedDate, Intent};
use crate::domain::actor::Actor;
use crate::domain::calendar::Calendar;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::files::calendar::parse_calendar;
use crate::files::csv;
use crate::installation::Purpose;
use crate::transaction::Failure;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn import(general: &General, file: &Path, dry_run: bool, json: bool) -> Result<ExitCode, CliFault> {
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|fault| unreadable(&shown, &fault))?;
    let installation = general.open(Purpose::SetUp)?;
    let lang = installation.lang();
    let code = installation.world.read_now(|read| Ok(read.office.calendar.code.clone()))?;
    let calendar = match read(&code, file, &bytes) {
        Ok(calendar) => calendar,
        Err(refusal) if refusal.faults.is_empty() => return Err(CliFault::from(refusal).in_lang(lang)),
        Err(refusal) => {
            if json {
                say_json(&problem(&refusal, lang));
            }
            let told: Vec<String> = refusal.faults.iter().map(|fault| fault_words(fault, Some(&shown), lang)).collect();
            complain(&told.join("\n"));
            return Ok(ExitCode::FAILURE);
        }
    };
    let years: Vec<i32> = calendar.years().map(|(year, _)| year).collect();
    let actor = Actor::system("cli");
    let done: Result<CalendarChanges, Failure> = if dry_run {
        installation.world.read_now(move |read| Ok(calendars::rehearse(read, &actor, Intent::Years(calendar))?.changes))
    } else {
        installation.world.write_now(move |tx| calendars::apply(tx, &actor, Intent::Years(calendar)))
    };
    let changes = done.map_err(|failure| CliFault::from(failure).in_lang(lang))?;
    if json {
        say_json(&json!({"dry_run": dry_run, "years": years, "changes": changes}));
    } else {
        say(&summary(&years, &changes, dry_run, lang));
    }
    Ok(ExitCode::SUCCESS)
}

fn read(code: &str, file: &Path, bytes: &[u8]) -> Result<Calendar, Refusal> {
    if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("toml")) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        return parse_calendar(code, &name, bytes);
    }
    Calendar::from_toml(&csv::decode(bytes)?).map_err(|fault| Refusal::new(Code::Malformed).with("reason", fault))
}

fn summary(years: &[i32], changes: &CalendarChanges, dry_run: bool, lang: Lang) -> String {
    let years = years.iter().map(ToString::to_string).collect::<Vec<_>>().join(lang.pick("、", ", "));
    let CalendarChanges { deadlines, look_backs, confirmed, first, reminders } = changes;
    let mut text = match (lang, dry_run) {
        (Lang::Zh, true) => format!("试运行，未作任何更改。年份：{years}。将变动：\n"),
        (Lang::En, true) => format!("Dry run, nothing was changed. Years: {years}. Would change:\n"),
        (Lang::Zh, false) => format!("已导入：{years}。变动：\n"),
        (Lang::En, false) => format!("Taken in: {years}. Changed:\n"),
    };
    let _ = match lang {
        Lang::Zh => writeln!(text, "  期限 {deadlines}，复查日期 {look_backs}，不再暂定 {confirmed}"),
        Lang::En => {
            writeln!(text, "  due dates {deadlines}, look-backs {look_backs}, no longer provisional {confirmed}")
        }
    };
    if dry_run {
        let (moved, added, removed) =
            (reminders.reminders_moved, reminders.reminders_added, reminders.reminders_removed);
        let _ = match lang {
            Lang::Zh => writeln!(text, "  提醒：改期 {moved}，新增 {added}，取消 {removed}"),
            Lang::En => writeln!(text, "  reminders: {moved} moved, {added} added, {removed} removed"),
        };
    }
    for one in first {
        let what = match one.date {
            CountedDate::Due => lang.pick("期限", "due"),
            CountedDate::LookBack => lang.pick("复查", "look-back"),
        };
        let _ = writeln!(text, "  {} {what} {} → {}", one.reference, one.from, one.to);
    }
    text
}
