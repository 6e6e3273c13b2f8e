//! One look at what is due: does its cost follow what is due, or what exists?

use crate::Done;
use crate::office::{self, NOW, Size};
use crate::place::Scratch;
use crate::program::{self, Ended};
use crate::report::{Aim, Report};
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use rectify::domain::id::TicketId;
use rectify::domain::instant::Instant as Moment;
use rectify::store::ledger::{self, ReminderFilter, ReminderRow};
use rectify::store::outbox::{self, MessageFilter};
use rectify::store::tickets;
use std::path::Path;
use std::time::Instant;

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("tick", quick);
    let (few, many, due) = if quick { (2_000, 20_000, 500) } else { (100_000, 1_000_000, 10_000) };
    let (mut seconds, mut cpu) = (Vec::new(), Vec::new());
    for exist in [few, many] {
        let size = Size { units: 2_000, leaders: true, tickets: exist, due, overdue: exist / 10, draft: false };
        let made = office::prepared(size)?;
        let scratch = Scratch::copy_of(&made.dir, "tick")?;
        let settings = [("RECTIFY_MAIL__TRANSPORT", "none".to_owned())];
        let tick = program::run(scratch.path(), &["remind"], &settings)?;
        let idle = program::run(scratch.path(), &["remind"], &settings)?;
        let written = written(scratch.path())?;
        let label = format!("{exist} tickets, {due} due");
        say(&mut report, &label, &tick, &idle);
        report.add(format!("{label}: reminders recorded"), written.rows.len() as f64, "rows");
        report.add(format!("{label}: mails queued"), written.mails as f64, "");
        drop(scratch);
        let bare = bare(&made.dir, &written.rows)?;
        report
            .add(format!("{label}: reminders planned a second"), written.rows.len() as f64 / tick.seconds, "/s")
            .limit(written.rows.len() as f64 / bare);
        seconds.push(tick.seconds);
        cpu.push(tick.cpu_seconds);
    }
    let over = format!("at {many} over at {few}");
    report.add(format!("time {over}"), seconds[1] / seconds[0], "×").aim(Aim::AtMost(1.5));
    report.add(format!("processor time {over}"), cpu[1] / cpu[0], "×").aim(Aim::AtMost(1.5));
    report
        .remark("limit: the same ledger rows and marks of tickets through the store alone, a hundred tickets a commit");
    report.finish()
}

fn say(report: &mut Report, label: &str, tick: &Ended, idle: &Ended) {
    report.add(format!("{label}: `rectify remind`"), tick.seconds, "s");
    report.add(format!("{label}: processor time"), tick.cpu_seconds, "s");
    report.add(format!("{label}: the same again, nothing due"), idle.seconds, "s");
    report.add(format!("{label}: memory at most"), tick.memory_mb, "MB");
}

struct Written {
    rows: Vec<ReminderRow>,
    mails: i64,
}

/// What the tick has left.
fn written(dir: &Path) -> Done<Written> {
    let now: Moment = NOW.parse()?;
    let mut conn = office::bare(dir)?;
    let today = ReminderFilter { from: Some(now.minus(TimeDelta::hours(9))), ..ReminderFilter::default() };
    let rows = ledger::list(&mut conn, &today, None, i64::MAX)?;
    Ok(Written { rows, mails: outbox::count(&mut conn, &MessageFilter::default())? })
}

/// Seconds that the bare statements take on another copy.
fn bare(dir: &Path, rows: &[ReminderRow]) -> Done<f64> {
    let now: Moment = NOW.parse()?;
    let scratch = Scratch::copy_of(dir, "bare")?;
    let mut conn = office::bare(scratch.path())?;
    let rows: Vec<ReminderRow> = rows.iter().map(|row| ReminderRow { message_id: None, ..row.clone() }).collect();
    let begun = Instant::now();
    for page in rows.chunks(200) {
        conn.batch_execute("BEGIN IMMEDIATE")?;
        ledger::insert_new(&mut conn, page)?;
        let mut ids: Vec<TicketId> = page.iter().map(|row| row.subject_id.0.into()).collect();
        ids.dedup();
        for id in ids {
            tickets::set_reminder_marks(&mut conn, id, Some(now.plus(TimeDelta::days(1))), None)?;
        }
        conn.batch_execute("COMMIT")?;
    }
    Ok(begun.elapsed().as_secs_f64())
}
