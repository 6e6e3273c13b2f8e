//! No more at once and in a minute than a mail server is to bear.

use crate::support::bureau::{Bureau, SHUANGQING};
use crate::support::smtp::{At, Does, MailServer};
use rectify::mail::Pauses;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// That many tickets, of each a mail to li@example.cn and one to wang@elsewhere.cn.
fn bureau(server: &MailServer, tickets: usize, settings: &[(&'static str, &str)]) -> Bureau {
    let mut all = server.settings();
    all.extend(settings.iter().map(|(key, value)| (*key, (*value).to_owned())));
    let bureau = Bureau::with("2021-08-16T09:00:00+08:00", &all);
    bureau.change_person("wang", |row| row.email = Some("wang@elsewhere.cn".to_owned()));
    let notice = bureau.notice("2021Q2", "2021-08-27");
    let leads: Vec<_> = (0..tickets).map(|n| (format!("2021Q2-F01-{n:03}"), SHUANGQING)).collect();
    bureau.issue(notice, &leads, "2021-08-27");
    bureau
}

/// Mails between RCPT and the dot, by domain: now and at most.
#[derive(Clone, Default)]
struct UnderWay(Arc<Mutex<HashMap<String, (usize, usize)>>>);

impl UnderWay {
    fn server(&self) -> MailServer {
        let counts = self.clone();
        MailServer::start(move |at, to, _| {
            if at == At::Greeting {
                return Does::Behave;
            }
            if at == At::Dot {
                std::thread::sleep(Duration::from_millis(5));
            }
            let mut counts = counts.0.lock().unwrap();
            for domain in [to.split('@').nth(1).unwrap(), "all"] {
                let (now, most) = counts.entry(domain.to_owned()).or_default();
                *now = if at == At::Rcpt { *now + 1 } else { *now - 1 };
                *most = (*most).max(*now);
            }
            Does::Behave
        })
    }

    fn most(&self, domain: &str) -> usize {
        self.0.lock().unwrap()[domain].1
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn to_one_domain_go_two_at_once_and_four_in_all() {
    let under_way = UnderWay::default();
    let server = under_way.server();
    let mut bureau = bureau(&server, 60, &[]);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    assert_eq!(done.sent, 120);
    let most = ["example.cn", "elsewhere.cn", "all"].map(|domain| under_way.most(domain));
    assert!(most[0] <= 2 && most[1] <= 2 && (2..=4).contains(&most[2]), "{most:?}");
    assert_eq!(server.mails().len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_that_limit_all_lines_are_used_for_one_domain() {
    let under_way = UnderWay::default();
    let server = under_way.server();
    let mut bureau = bureau(&server, 60, &[("mail.connections_per_domain", "0"), ("mail.connections", "3")]);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 120);
    assert!((2..=3).contains(&under_way.most("all")), "{}", under_way.most("all"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_domain_that_takes_its_time_does_not_hold_up_another() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let server =
        MailServer::start(
            |at, to, _| {
                if at == At::Dot && to.ends_with("@elsewhere.cn") { Does::Stall } else { Does::Behave }
            },
        );
    let mut bureau = bureau(&server, 80, &[("mail.final_dot_seconds", "20")]);
    let begun = Instant::now();
    let arrived = || server.mails().iter().filter(|mail| mail.windows(13).any(|part| part == b"li@example.cn")).count();
    let delivering = tokio::spawn(async move { bureau.courier.until_idle(Pauses::Kept).await.unwrap() });
    while arrived() < 80 {
        assert!(begun.elapsed() < PATIENCE, "{}", arrived());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    delivering.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_minute_go_as_many_as_are_set_and_in_a_jump_all() {
    let server = MailServer::start(|_, _, _| Does::Behave);
    let mut bureau = bureau(&server, 15, &[("mail.mails_per_minute", "7")]);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 7);
    assert_eq!(bureau.courier.until_idle(Pauses::Kept).await.unwrap().sent, 0, "the minute is full");
    assert_eq!(bureau.courier.until_idle(Pauses::Ignored).await.unwrap().sent, 23);
    assert_eq!(server.mails().len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_complains_gets_half() {
    let server = MailServer::start(|at, _, taken| {
        if at == At::Dot && taken == 1 { Does::Say("451 4.7.1 发信频率过高") } else { Does::Behave }
    });
    // One line, so that the complaint is heard before the next mail goes.
    let settings = [("mail.mails_per_minute", "20"), ("mail.connections", "1")];
    let mut bureau = bureau(&server, 20, &settings);
    let done = bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    // The one that was put off counts too.
    assert_eq!((done.sent, done.retried), (9, 1));
}
