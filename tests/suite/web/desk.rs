//! The desk and a unit's work: figures that equal the lists behind them, and what is to be done next.

use super::reader::{Reader, app, reader, reader_in};
use crate::support::round;
use chrono::TimeDelta;
use rectify::domain::instant::Instant;
use rectify::store::ledger;
use rectify::store::outbox::{self, Hold};
use serde_json::json;

/// Every figure of a page, with its address.
fn figures(reader: &Reader, path: &str) -> Vec<(i64, String)> {
    let page = reader.read(path);
    let html = page.html.replace("&#x2f;", "/").replace("&amp;", "&");
    let figures = html.split("<ul class=\"figures").nth(1).unwrap().split("</ul>").next().unwrap().to_owned();
    figures
        .split("<a href=\"")
        .skip(1)
        .map(|rest| {
            let (href, rest) = rest.split_once('"').unwrap();
            let count = rest.split("class=\"count\">").nth(1).unwrap().split('<').next().unwrap();
            (count.parse().unwrap(), href.to_owned())
        })
        .collect()
}

/// The number that a list says it holds, which is also the number of its lines.
fn total(reader: &Reader, path: &str) -> i64 {
    let page = reader.read(path);
    let told = page.words();
    let total = told.split(" item").next().unwrap().rsplit(' ').next().unwrap().parse().unwrap();
    let lines = i64::try_from(page.lines()).unwrap();
    assert_eq!(lines, total, "{path}");
    total
}

#[test]
fn every_figure_equals_the_list_it_leads_to() {
    let app = app();
    round::acknowledged(&app);
    app.by("leader")
        .post(
            "/api/v1/tickets/2026Q1-F01-01/extensions",
            json!({"to": "2026-03-20", "reason": "平台改版", "progress": "一半"}),
        )
        .is(201);
    app.pass(TimeDelta::days(5));
    for login in ["coordinator", "viewer", "liaison", "leader"] {
        let reader = reader(&app, login);
        let figures = figures(&reader, "/");
        assert!(figures.len() >= 4, "{login}");
        for (count, href) in figures {
            assert_eq!(total(&reader, &href), count, "{login} {href}");
        }
    }
    let coordinator = reader(&app, "coordinator");
    let desk = figures(&coordinator, "/");
    assert!(desk.contains(&(1, "/tickets?overdue=true".to_owned())), "{desk:?}");
    assert!(desk.contains(&(1, "/tickets?pending=extension".to_owned())), "{desk:?}");
    for (count, href) in figures(&coordinator, "/notices/2026Q1") {
        assert_eq!(total(&coordinator, &href), count, "{href}");
    }
}

#[test]
fn a_unit_has_its_work_by_urgency_with_the_next_thing_to_do() {
    let app = app();
    round::issue(&app);
    let liaison = reader(&app, "liaison");
    let work = liaison.read("/");
    work.says("My work");
    work.says("Requirements to answer 2026年第一季度检查通报 1 still to answer");
    let here = work.form("/tickets/2026Q1-F01-01/acknowledge").fill("handler", "张三");
    let work = liaison.send(&here).is(200);
    work.says("Acknowledged.");
    assert!(work.path.starts_with("/?done="), "{}", work.path);
    let form = work.form("/tickets/2026Q1-F01-01/progress").fill("text", "已整改一半").fill("percent", "50");
    liaison.send(&form).is(200).says("Progress logged.");
    let ticket = app.by("liaison").get("/api/v1/tickets/2026Q1-F01-01").is(200).json();
    assert_eq!((ticket["percent"].as_i64(), ticket["handler"].as_str()), (Some(50), Some("张三")));
}

#[test]
fn the_rail_has_only_the_places_of_the_role() {
    let app = app();
    let places = |login: &str| {
        let page = reader(&app, login).read("/account");
        ["/tickets", "/notices", "/feedback", "/mail"].map(|place| page.links().iter().any(|link| link == place))
    };
    assert_eq!(places("coordinator"), [true, true, true, true]);
    assert_eq!(places("viewer"), [true, true, true, true]);
    assert_eq!(places("liaison"), [true, true, true, false]);
}

#[test]
fn an_empty_installation_says_what_will_appear() {
    let app = app();
    let coordinator = reader(&app, "coordinator");
    coordinator.read("/").says("Nothing is overdue.");
    coordinator.read("/tickets").says("Issuing a notice makes one for each finding");
    coordinator.read("/tickets?overdue=true").says("No ticket fits.");
    coordinator.read("/notices").says("No notices yet.");
    coordinator.read("/feedback").says("No letters yet.");
    coordinator.read("/mail").says("No mail yet.");
    reader(&app, "liaison").read("/").says("Nothing waits for your unit.");
}

#[test]
fn a_list_is_narrowed_sorted_and_turned_over_with_its_filter_kept() {
    let app = app();
    round::draft(&app);
    let coordinator = app.by("coordinator");
    for number in 10..70 {
        let finding = json!({"code": format!("F{number}"), "title": format!("问题{number}"), "text": "正文",
                             "unit_ids": ["430502"]});
        coordinator.post("/api/v1/notices/2026Q1/findings", finding).is(201);
    }
    coordinator.post("/api/v1/notices/2026Q1/issue", json!({})).is(200);
    let reader = reader(&app, "coordinator");
    let first = reader.read("/tickets?unit=430502&sort=reference&state=issued");
    first.says("61 items");
    assert_eq!(first.lines(), 50);
    assert!(first.html.len() < 60_000, "{} bytes", first.html.len());
    let next = first.links().into_iter().find(|link| link.contains("cursor=")).unwrap();
    assert!(next.contains("unit=430502") && next.contains("sort=reference") && next.contains("state=issued"));
    let second = reader.read(&next);
    assert_eq!(second.lines(), 11);
    second.says("First page");
    for wrong in ["/tickets?state=wrong", "/tickets?due_from=1.3.", "/tickets?unit=nobody", "/tickets?sort=wrong"] {
        assert_eq!(reader.ask(wrong).status, 422, "{wrong}");
    }
    // A blank field of the filter's form narrows nothing.
    reader.read("/tickets?q=&notice=&unit=&due_from=").says("63 items");
}

#[test]
fn the_desk_warns_of_a_clock_that_leapt_and_an_admin_accepts_it_there() {
    let app = app();
    reader(&app, "admin").read("/").never_says("The clock leapt");
    let leapt = |now: Instant| Hold { trusted: now.minus(TimeDelta::days(400)), found: now };
    app.world.write_now(move |tx| Ok(outbox::set_hold(tx.conn, &leapt(tx.now))?)).unwrap();
    let coordinator = reader(&app, "coordinator").read("/");
    coordinator.says("The clock leapt from");
    assert!(!coordinator.html.contains("/engine/accept-clock"), "an admin's to accept");
    reader_in(&app, "coordinator", "zh-CN").read("/").says("系统时钟由");
    let admin = reader(&app, "admin");
    let desk = admin.send(&admin.read("/").form("/engine/accept-clock"));
    desk.says("The time is accepted");
    desk.never_says("The clock leapt");
    assert!(app.world.read_now(|read| Ok(outbox::hold(read.conn)?)).unwrap().is_none());
    reader(&app, "liaison").read("/").never_says("The clock leapt");
}

#[test]
fn nobody_but_an_admin_accepts_a_clock_whatever_they_send() {
    let app = app();
    let leapt = |now: Instant| Hold { trusted: now.minus(TimeDelta::days(400)), found: now };
    app.world.write_now(move |tx| Ok(outbox::set_hold(tx.conn, &leapt(tx.now))?)).unwrap();
    let coordinator = reader(&app, "coordinator");
    let mut forged = coordinator.read("/").form("/sign-out");
    "/engine/accept-clock".clone_into(&mut forged.action);
    assert_eq!(forged.send(coordinator.client()).status, 403);
    assert!(app.world.read_now(|read| Ok(outbox::hold(read.conn)?)).unwrap().is_some());
    assert_eq!(coordinator.ask("/engine/accept-clock").status, 405);
}

#[test]
fn the_desk_warns_of_a_paused_channel_of_lost_mail_and_of_a_planner_that_says_nothing() {
    let app = app();
    round::issue(&app);
    app.world
        .write_now(|tx| {
            ledger::note_look(tx.conn, tx.now)?;
            outbox::set_pause(tx.conn, "535 wrong password", tx.machine_now)?;
            Ok(())
        })
        .unwrap();
    let coordinator = reader(&app, "coordinator");
    let desk = coordinator.read("/");
    desk.says("rests: 535 wrong password");
    desk.never_says("Nobody has looked");
    desk.never_says("could not be delivered");
    app.pass(TimeDelta::minutes(11));
    coordinator.read("/").says("Nobody has looked for due reminders since");
    reader_in(&app, "viewer", "zh-CN").read("/").says("没有检查过提醒");
}

#[test]
fn the_next_thirty_days_are_listed_by_day_with_one_days_mails_in_full() {
    let app = app();
    let coordinator = reader(&app, "coordinator");
    round::issue(&app);
    let page = coordinator.read("/reminders");
    page.says("Reminders of the next 30 days");
    page.says("Mails of Tue 3 Mar 2026");
    page.says("liaison 同志 liaison@example.cn Tue 3 Mar 2026 08:30 (in 23 hours) 2026Q1-F01-01 Not acknowledged");
    let later = page.links().into_iter().find(|link| link.contains("on=2026-03-13")).unwrap();
    let due = coordinator.read(&later);
    due.says("Mails of Fri 13 Mar 2026");
    due.says("Due today");
    assert!(due.html.len() < 100_000, "{} bytes", due.html.len());
    reader_in(&app, "viewer", "zh-CN").read("/reminders?on=2026-03-13").says("2026年3月13日（周五） 的邮件");
    assert_eq!(reader(&app, "liaison").ask("/reminders").status, 403);
    let links = coordinator.read("/").html;
    assert!(links.contains("href=\"/reminders\"") || links.contains("&#x2f;reminders"), "the rail leads there");
}

#[test]
fn a_tickets_page_answers_why_somebody_got_a_mail_or_did_not() {
    let app = app();
    round::issue(&app);
    let coordinator = reader(&app, "coordinator");
    let page = coordinator.read("/tickets/2026Q1-F01-01");
    page.says("Why did, or didn’t, somebody get a mail?");
    let of = |page: &super::reader::Page, name: &str| {
        let shown = format!(">{name}<");
        let option = page.html.split("<option value=\"").skip(1).find(|part| part.contains(&shown)).unwrap();
        option.split('"').next().unwrap().to_owned()
    };
    let liaison = of(&page, "liaison 同志");
    let answer = coordinator.read(&format!("/tickets/2026Q1-F01-01?why={liaison}"));
    answer.says("liaison 同志 was never told of 2026Q1-F01-01.");
    answer.says("its mail is queued");
    let own = reader_in(&app, "liaison", "zh-CN");
    let page = own.read("/tickets/2026Q1-F01-01");
    assert!(!page.html.contains(">coordinator 同志</option>"), "the office is not the unit's to ask about");
    own.read(&format!("/tickets/2026Q1-F01-01?why={}", of(&page, "leader 同志"))).says("leader 同志没有收到过");
    let foreign = of(&coordinator.read("/tickets/2026Q1-F01-01"), "coordinator 同志");
    assert_eq!(own.ask(&format!("/tickets/2026Q1-F01-01?why={foreign}")).status, 404);
}
