//! What other systems do badly: the same day twice, killed in the middle, a relay that refuses some, a relay that is away.

use crate::Done;
use crate::office::{self, Made, NOW, Size};
use crate::place::Scratch;
use crate::program;
use crate::relay::{At, Does, Relay};
use crate::report::{Aim, Report};
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use rectify::domain::instant::Instant as Moment;
use rectify::domain::reminder::MessageState;
use rectify::store::outbox::{self, MessageFilter};
use std::path::Path;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

const REMIND: &[&str] = &["remind"];
const CONNECTIONS: usize = 4;
/// A claim that nobody ends is free again after two minutes.
const LEASE: Duration = Duration::from_secs(122);

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("peers", quick);
    let (many, some) = if quick { (50, 20) } else { (1_000, 200) };
    everybody(&mut report, &people(many)?, many)?;
    let made = people(some)?;
    killed(&mut report, &made, some, quick)?;
    refused(&mut report, &made, some)?;
    away(&mut report, &made, some)?;
    report.remark("each person has one ticket that is due today; `rectify remind`, 4 connections, a relay that counts by Message-ID");
    report.finish()
}

/// Each leads one ticket that is due today.
fn people(count: usize) -> Done<Made> {
    office::prepared(Size { units: count, leaders: false, tickets: count, due: count, overdue: 0, draft: false })
}

fn everybody(report: &mut Report, made: &Made, count: usize) -> Done<()> {
    let scratch = Scratch::copy_of(&made.dir, "everybody")?;
    let relay = Relay::start(|_, _| Does::Behave)?;
    let settings = program::smtp(relay.port, CONNECTIONS);
    let first = program::run(scratch.path(), REMIND, &settings)?;
    let told = relay.different();
    let again = program::run(scratch.path(), REMIND, &settings)?;
    report.add(format!("{count} people, one ticket each"), first.seconds, "s").aim(Aim::AtMost(1.0));
    report.add(format!("{count} people: planned and delivered"), told as f64 / first.seconds, "mails/s");
    report.add(format!("{count} people: not told"), (count - told) as f64, "").aim(Aim::AtMost(0.0));
    report.add("second run the same day: seconds", again.seconds, "s");
    report
        .add("second run the same day: mails", (relay.different() - told + relay.twice()) as f64, "")
        .aim(Aim::AtMost(0.0));
    Ok(())
}

/// Killed with SIGKILL when the relay has two fifths, run again at once, and once more when what was claimed is free.
fn killed(report: &mut Report, made: &Made, count: usize, quick: bool) -> Done<()> {
    let part = count * 2 / 5;
    let mut rounds = Vec::new();
    for does in [Does::Stall, Does::Behave, Does::Stall] {
        let scratch = Scratch::copy_of(&made.dir, &format!("killed-{}", rounds.len()))?;
        let (tell, told) = mpsc::sync_channel(1);
        let relay = Relay::start(move |at, _| match at {
            At::Dot { taken } if taken == part => {
                let _ = tell.try_send(());
                does
            }
            At::Dot { .. } | At::Rcpt { .. } => Does::Behave,
        })?;
        let settings = program::smtp(relay.port, CONNECTIONS);
        let mut child = program::start(scratch.path(), REMIND, &settings)?;
        told.recv_timeout(Duration::from_mins(1))?;
        child.kill()?;
        child.wait()?;
        let at_once = program::run(scratch.path(), REMIND, &settings)?;
        rounds.push((scratch, relay, settings, at_once.status.code()));
    }
    if !quick {
        sleep(LEASE);
    }
    let (mut twice, mut lost, mut waited) = (0, 0, 0);
    for (scratch, relay, settings, _) in &rounds {
        waited += count - relay.different();
        if quick {
            office::bare(scratch.path())?.batch_execute("UPDATE messages SET lease_until = 0 WHERE lease_until > 0")?;
        }
        program::run(scratch.path(), REMIND, settings)?;
        // What may have arrived waits up to half an hour.
        office::set_clock(scratch.path(), NOW.parse::<Moment>()?.plus(TimeDelta::minutes(40)))?;
        program::run(scratch.path(), REMIND, settings)?;
        twice += relay.twice();
        lost += count - relay.different();
    }
    let all = format!("killed at {part} of {count}, three times");
    report.add(format!("{all}: lost"), lost as f64, "").aim(Aim::AtMost(0.0));
    report.add(format!("{all}: twice"), twice as f64, "").aim(Aim::AtMost((3 * CONNECTIONS) as f64));
    report.add(format!("{all}: left for the end of the lease"), waited as f64, "");
    Ok(())
}

/// The relay answers 451 to every tenth recipient, the first time.
fn refused(report: &mut Report, made: &Made, count: usize) -> Done<()> {
    let scratch = Scratch::copy_of(&made.dir, "refused")?;
    let relay = Relay::start(|at, to| match at {
        At::Rcpt { times: 1 } if to.trim_end_matches("@example.cn").ends_with('0') => Does::Say("451 4.7.1 try later"),
        At::Rcpt { .. } | At::Dot { .. } => Does::Behave,
    })?;
    let settings = program::smtp(relay.port, CONNECTIONS);
    let first = program::run(scratch.path(), REMIND, &settings)?;
    let held = count - relay.different();
    report.add(format!("451 to every tenth of {count}: exit code"), exit_code(&first), "");
    report.add(format!("451 to every tenth of {count}: put off"), held as f64, "");
    office::set_clock(scratch.path(), NOW.parse::<Moment>()?.plus(TimeDelta::minutes(2)))?;
    let second = program::run(scratch.path(), REMIND, &settings)?;
    report.add("two minutes later: exit code", exit_code(&second), "");
    report.add("two minutes later: lost", (count - relay.different()) as f64, "").aim(Aim::AtMost(0.0));
    report.add("two minutes later: twice", relay.twice() as f64, "").aim(Aim::AtMost(0.0));
    Ok(())
}

/// Nobody listens; then somebody does.
fn away(report: &mut Report, made: &Made, count: usize) -> Done<()> {
    let scratch = Scratch::copy_of(&made.dir, "away")?;
    let port = program::free_address()?.port();
    let settings = program::smtp(port, CONNECTIONS);
    let first = program::run(scratch.path(), REMIND, &settings)?;
    report.add("relay down: exit code", exit_code(&first), "");
    report.add("relay down: lost", (count - waiting(scratch.path())?) as f64, "").aim(Aim::AtMost(0.0));
    let relay = Relay::start_at(port, |_, _| Does::Behave)?;
    let second = program::run(scratch.path(), REMIND, &settings)?;
    office::set_clock(scratch.path(), NOW.parse::<Moment>()?.plus(TimeDelta::minutes(2)))?;
    program::run(scratch.path(), REMIND, &settings)?;
    report.add("relay back: exit code", exit_code(&second), "");
    report.add("relay back: lost", (count - relay.different()) as f64, "").aim(Aim::AtMost(0.0));
    report.add("relay back: twice", relay.twice() as f64, "").aim(Aim::AtMost(0.0));
    Ok(())
}

fn exit_code(ended: &program::Ended) -> f64 {
    ended.status.code().map_or(f64::NAN, f64::from)
}

/// Messages that are still to be sent.
fn waiting(dir: &Path) -> Done<usize> {
    let states = vec![MessageState::Queued, MessageState::Retry, MessageState::Sending];
    let filter = MessageFilter { states, ..MessageFilter::default() };
    Ok(usize::try_from(outbox::count(&mut office::bare(dir)?, &filter)?)?)
}
