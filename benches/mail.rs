//! A thousand mails of their own to a thousand people: from the queue to the relay's word, beside `smtp-source`.

use crate::office::{self, Made, Size};
use crate::place::Scratch;
use crate::program::{self, Server, Sink};
use crate::report::{Aim, Report};
use crate::{Done, load, median};
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use rectify::actions::issue;
use rectify::clock::Ids;
use rectify::domain::actor::Actor;
use rectify::domain::id::LeaseId;
use rectify::domain::instant::Instant as Moment;
use rectify::domain::reminder::{MessageState, ReminderState};
use rectify::mail::{Courier, Pauses, Sender};
use rectify::store::ledger;
use rectify::store::outbox::{self, AttemptRow, Claim, Fate, MessageFilter};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("mail", quick);
    let (Some(sink), Some(source)) = (program::tool("smtp-sink"), program::tool("smtp-source")) else {
        println!("\nmail: skipped, smtp-sink and smtp-source are not installed (Debian: postfix)");
        return Ok(());
    };
    let (people, rounds) = if quick { (50, 1) } else { (1_000, 3) };
    let made = office::prepared(Size { units: people, leaders: false, tickets: 0, due: 0, overdue: 0, draft: true })?;
    let (queued, bytes) = queued(&made)?;
    report.remark(format!(
        "a mail has {bytes} bytes; limit: smtp-source, as many mails of that size over as many connections"
    ));
    let outcomes = (0..rounds).map(|_| outcomes(queued.path(), people)).collect::<Done<_>>()?;
    report.add("outcomes recorded, one after the other, and no mail sent", median(outcomes), "a second");
    report.remark("the next mail of a connection waits for the outcome of the last: a crash repeats one mail at most");
    for connections in [1, 4, 16] {
        let sink = Sink::start(&sink)?;
        let (mut ours, mut theirs, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            theirs.push(people as f64 / flood(&source, sink.port, (people, connections, bytes))?);
            let (seconds, cpu_ms) = deliver(queued.path(), sink.port, connections, people)?;
            ours.push(people as f64 / seconds);
            cpu.push(cpu_ms / people as f64);
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let label = format!("{connections} connections");
        report.add(format!("{label}: from the queue to the last 250"), ours, "mails/s").limit(theirs);
        report.add(format!("{label}: ratio"), ours / theirs, "").aim(Aim::AtLeast(0.8));
        report.add(format!("{label}: processor time of a mail"), median(cpu), "ms");
        let whole = (0..rounds).map(|_| issue_and_deliver(&made, sink.port, connections, people));
        let whole: Vec<(f64, f64)> = whole.collect::<Done<_>>()?;
        report.add(format!("{label}: a notice issued over REST"), median(whole.iter().map(|one| one.0).collect()), "s");
        report
            .add(format!("{label}: planned and delivered"), median(whole.iter().map(|one| one.1).collect()), "s")
            .aim(Aim::AtMost(1.0));
    }
    report.finish()
}

/// A copy whose queue holds a mail for everybody, and how long such a mail is.
fn queued(made: &Made) -> Done<(Scratch, usize)> {
    let relay = crate::relay::Relay::start(|_, _| crate::relay::Does::Behave)?;
    let scratch = Scratch::copy_of(&made.dir, "size")?;
    issue(scratch.path())?;
    program::run(scratch.path(), &["remind"], &program::smtp(relay.port, 4))?;
    let scratch = Scratch::copy_of(&made.dir, "queued")?;
    issue(scratch.path())?;
    Ok((scratch, relay.mean_bytes()))
}

fn issue(dir: &Path) -> Done<()> {
    let world = office::open(dir, &[])?.world;
    world.write_now(|tx| issue::issue(tx, &Actor::system("bench"), "N1", None).map(drop))?;
    Ok(())
}

/// Seconds that `smtp-source` takes.
fn flood(source: &str, port: u16, (mails, connections, bytes): (usize, usize, usize)) -> Done<f64> {
    let (mails, connections, bytes) = (mails.to_string(), connections.to_string(), bytes.to_string());
    let to = format!("127.0.0.1:{port}");
    let begun = Instant::now();
    program::run_tool(
        source,
        &["-d", "-s", &connections, "-m", &mails, "-l", &bytes, "-f", "a@example.cn", "-t", "b@example.cn", &to],
    )?;
    Ok(begun.elapsed().as_secs_f64())
}

/// Outcomes a second that one connection could record if mails took no time: a commit each.
fn outcomes(queued: &Path, mails: usize) -> Done<f64> {
    let scratch = Scratch::copy_of(queued, "outcomes")?;
    let mut conn = office::bare(scratch.path())?;
    let at: Moment = office::NOW.parse()?;
    let token: LeaseId = Ids::system().draw(at);
    let now = outbox::Now { office: at.plus(TimeDelta::days(1)), machine: at, is_open: true };
    let at_most = i64::try_from(mails)?;
    let claim = Claim { token, now, lease: TimeDelta::hours(1), at_most, is_rescue: true };
    let claimed = outbox::claim(&mut conn, &claim)?.taken;
    if claimed.len() != mails {
        return Err(format!("{} of {mails} were claimed", claimed.len()).into());
    }
    let begun = Instant::now();
    for row in &claimed {
        conn.batch_execute("BEGIN IMMEDIATE")?;
        let fate = Fate {
            state: MessageState::Sent,
            next_at: None,
            reason: None,
            attempts: 1,
            uncertain: 0,
            since: at,
            sent_at: Some(at),
        };
        outbox::finish(&mut conn, row.id, token, &fate)?;
        let attempt = AttemptRow {
            message_id: row.id,
            no: 1,
            at,
            server: "127.0.0.1:25".to_owned(),
            phase: "dot".to_owned(),
            code: Some(250),
            reply: "2.0.0 Ok".to_owned(),
            result: "sent".to_owned(),
        };
        outbox::insert_attempt(&mut conn, &attempt)?;
        ledger::end_lines(&mut conn, row.id, ReminderState::Sent, None, at)?;
        conn.batch_execute("COMMIT")?;
    }
    Ok(mails as f64 / begun.elapsed().as_secs_f64())
}

/// The courier alone, in this process: seconds, and its processor time.
fn deliver(queued: &Path, port: u16, connections: usize, mails: usize) -> Done<(f64, f64)> {
    let scratch = Scratch::copy_of(queued, "deliver")?;
    let settings = [
        ("mail.transport", "smtp".to_owned()),
        ("mail.smtp_url", format!("smtp://127.0.0.1:{port}?tls=none")),
        ("mail.connections", connections.to_string()),
        // All people have their mailboxes at one domain here.
        ("mail.connections_per_domain", "0".to_owned()),
    ];
    let installation = office::open(scratch.path(), &settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let sender = Sender::from_config(&installation.config, scratch.path()).map_err(|fault| format!("{fault:?}"))?;
    let mut courier = Courier::new(installation.world.clone(), sender);
    let cpu = program::cpu_ms(std::process::id())?;
    let begun = Instant::now();
    let delivered = runtime.block_on(courier.until_idle(Pauses::Ignored))?;
    let seconds = begun.elapsed().as_secs_f64();
    let cpu = program::cpu_ms(std::process::id())? - cpu;
    runtime.block_on(courier.close());
    if delivered.sent == mails { Ok((seconds, cpu)) } else { Err(format!("{delivered:?} of {mails}").into()) }
}

/// The server: seconds until the issue is answered, and until the last mail is recorded as sent.
fn issue_and_deliver(made: &Made, port: u16, connections: usize, mails: usize) -> Done<(f64, f64)> {
    let scratch = Scratch::copy_of(&made.dir, "issue")?;
    let server = Server::start(scratch.path(), "serve", &program::smtp(port, connections))?;
    let mut conn = office::bare(scratch.path())?;
    let sent = MessageFilter { states: vec![MessageState::Sent], ..MessageFilter::default() };
    let begun = Instant::now();
    load::ask(server.address, &load::request("POST", "/api/v1/notices/N1/issue", &made.coordinator, "{}"))?;
    let issued = begun.elapsed().as_secs_f64();
    while outbox::count(&mut conn, &sent)? < i64::try_from(mails)? {
        if begun.elapsed() > Duration::from_mins(2) {
            return Err("the mails are not delivered".into());
        }
        sleep(Duration::from_millis(5));
    }
    Ok((issued, begun.elapsed().as_secs_f64()))
}
