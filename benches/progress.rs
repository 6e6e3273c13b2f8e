//! Logging progress over REST, durable when it is answered, beside the bare statements in commits of 64.

use crate::office::{self, Made, Size};
use crate::place::Scratch;
use crate::program::Server;
use crate::report::{Aim, Report};
use crate::{Done, load};
use diesel::connection::SimpleConnection;
use rectify::clock::Ids;
use rectify::domain::actor::Scope;
use rectify::domain::instant::Instant as Moment;
use rectify::store::events::{self, EventRow};
use rectify::store::tickets::{self, TicketRow};
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLIENTS: usize = 64;
const BODY: &str = r#"{"text": "已更新“政策文件”栏目12条信息，修复失效链接3条，办事指南的办理时限与咨询电话正在核对。", "percent": 40}"#;

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("progress", quick);
    let time = Duration::from_millis(if quick { 300 } else { 8_000 });
    let size = Size { units: CLIENTS, leaders: false, tickets: 1_024, due: 0, overdue: 0, draft: false };
    let made = office::prepared(size)?;
    let before = bare(&made, time / 4)?;
    let one = over_rest(&made, 1, time)?;
    let many = over_rest(&made, CLIENTS, time)?;
    let after = bare(&made, time / 4)?;
    let limit = f64::midpoint(before, after);
    report.add("1 connection", one.rate, "requests/s");
    report.add("1 connection: processor time of a request", one.cpu_ms, "ms");
    report.add("64 connections", many.rate, "requests/s").limit(limit).aim(Aim::AtLeast(5.0 * one.rate));
    report.add("64 connections: share of the limit", many.rate / limit, "").aim(Aim::AtLeast(0.25));
    report.add("64 connections: processor time of a request", many.cpu_ms, "ms").aim(Aim::AtMost(0.15));
    report.add("64 connections: 95 of 100 answered within", many.p95, "ms");
    report.remark("limit: the ticket updated and its event inserted, 64 of each a commit, one thread, no HTTP");
    report.remark("the clients run on the same processors");
    report.finish()
}

struct Measured {
    rate: f64,
    cpu_ms: f64,
    p95: f64,
}

fn over_rest(made: &Made, clients: usize, time: Duration) -> Done<Measured> {
    let scratch = Scratch::copy_of(&made.dir, "progress")?;
    let server = Server::start(scratch.path(), "serve", &[("RECTIFY_MAIL__TRANSPORT", "none".to_owned())])?;
    let of = made.clone();
    let asks: Arc<load::Asks> = Arc::new(move |client: usize, _: u64| {
        let path = format!("/api/v1/tickets/{}/progress", of.references[client]);
        load::request("POST", &path, &of.liaisons[client], BODY)
    });
    load::load(server.address, clients, time / 8, &asks)?;
    let cpu = server.cpu_ms()?;
    let measured = load::load(server.address, clients, time, &asks)?;
    let cpu = server.cpu_ms()? - cpu;
    Ok(Measured { rate: measured.rate(), cpu_ms: cpu / measured.requests(), p95: measured.quantile(0.95) })
}

/// Writes a second.
fn bare(made: &Made, time: Duration) -> Done<f64> {
    let scratch = Scratch::copy_of(&made.dir, "limit")?;
    let mut conn = office::bare(scratch.path())?;
    let now: Moment = office::NOW.parse()?;
    let ids = Ids::system();
    let mut rows = Vec::new();
    for reference in made.references.iter().take(CLIENTS) {
        rows.push(tickets::find(&mut conn, reference, &Scope::All)?.ok_or("no such ticket")?);
    }
    let begun = Instant::now();
    let mut written = 0;
    while begun.elapsed() < time {
        conn.batch_execute("BEGIN IMMEDIATE")?;
        for row in &mut rows {
            let next = TicketRow { percent: 40, version: row.version + 1, updated_at: now, ..row.clone() };
            events::insert(&mut conn, &event(&next, &ids, now))?;
            if !tickets::save(&mut conn, row, &next)? {
                return Err("a ticket was not saved".into());
            }
            *row = next;
            written += 1;
        }
        conn.batch_execute("COMMIT")?;
    }
    Ok(f64::from(written) / begun.elapsed().as_secs_f64())
}

fn event(row: &TicketRow, ids: &Ids, now: Moment) -> EventRow {
    EventRow {
        stream: format!("ticket:{}", row.id),
        seq: row.version,
        id: ids.draw(now),
        at: now,
        actor: "user:0197a1b2-0000-7000-8000-000000000000".to_owned(),
        actor_name: "张伟".to_owned(),
        act: "ticket.progress_logged".to_owned(),
        payload: Some(BODY.to_owned()),
        salt: vec![1; 16],
        payload_digest: vec![2; 32],
        name_salt: Some(vec![1; 16]),
        name_digest: Some(vec![2; 32]),
        prev_hash: vec![3; 32],
        hash: vec![4; 32],
    }
}
