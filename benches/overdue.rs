//! The first fifty overdue tickets as JSON: does a page cost more where there are more tickets?

use crate::office::{self, Size};
use crate::place::Scratch;
use crate::program::{self, Server};
use crate::report::{Aim, Report};
use crate::{Done, load, median};
use std::sync::Arc;
use std::time::Duration;

const PATH: &str = "/api/v1/tickets?overdue=true&limit=50";
const CLIENTS: usize = 8;
const ROUNDS: usize = 5;

/// An installation that is asked, and what came of each round: requests a second, processor time, wait.
struct Asked {
    tickets: usize,
    server: Server,
    asks: Arc<load::Asks>,
    _scratch: Scratch,
    rounds: Vec<[f64; 3]>,
}

pub fn run(quick: bool) -> Done<()> {
    let mut report = Report::new("overdue", quick);
    let time = Duration::from_millis(if quick { 100 } else { 2_000 });
    let none = [("RECTIFY_MAIL__TRANSPORT", "none".to_owned())];
    let sizes: &[(usize, usize)] =
        if quick { &[(2_000, 500), (20_000, 500)] } else { &[(10_000, 1_000), (100_000, 10_000), (1_000_000, 10_000)] };
    let mut offices = Vec::new();
    for (tickets, due) in sizes.iter().copied() {
        let size = Size { units: 2_000, leaders: true, tickets, due, overdue: tickets / 10, draft: false };
        let made = office::prepared(size)?;
        let scratch = Scratch::copy_of(&made.dir, "overdue")?;
        // What is due is told before, so that only pages are asked for.
        program::run(scratch.path(), &["remind"], &none)?;
        let server = Server::start(scratch.path(), "serve", &none)?;
        let request = load::request("GET", PATH, &made.coordinator, "");
        let page = load::ask(server.address, &request)?;
        let rows = serde_json::from_str::<serde_json::Value>(&page)?["items"].as_array().map_or(0, Vec::len);
        if rows != 50 {
            return Err(format!("a page of {rows} rows: {}", page.chars().take(300).collect::<String>()).into());
        }
        let asks: Arc<load::Asks> = Arc::new(move |_: usize, _: u64| request.clone());
        load::load(server.address, CLIENTS, time / 4, &asks)?;
        offices.push(Asked { tickets, server, asks, _scratch: scratch, rounds: Vec::new() });
    }
    // By turns, so that others' work on the machine falls on all of them.
    for _ in 0..ROUNDS {
        for office in &mut offices {
            let cpu = office.server.cpu_ms()?;
            let measured = load::load(office.server.address, CLIENTS, time, &office.asks)?;
            let cpu = (office.server.cpu_ms()? - cpu) / measured.requests();
            office.rounds.push([measured.rate(), cpu, measured.quantile(0.95)]);
        }
    }
    let mut p95 = Vec::new();
    for office in &offices {
        let middle = |which: usize| median(office.rounds.iter().map(|round| round[which]).collect());
        let tickets = office.tickets;
        report.add(format!("{tickets} tickets, 8 connections"), middle(0), "requests/s");
        report.add(format!("{tickets} tickets: processor time of a page"), middle(1), "ms").aim(Aim::AtMost(0.3));
        report.add(format!("{tickets} tickets: 95 of 100 answered within"), middle(2), "ms");
        p95.push(middle(2));
    }
    let (first, last) = (p95.first().copied().unwrap_or(f64::NAN), p95.last().copied().unwrap_or(f64::NAN));
    report.add("95 of 100, most tickets over fewest", last / first, "×").aim(Aim::AtMost(1.3));
    report.remark("one ticket in ten is overdue; the clients run on the same processors");
    report.finish()
}
