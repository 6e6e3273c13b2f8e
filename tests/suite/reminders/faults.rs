//! What the outbox holds after each kind of answer, and what a log shows of a delivery.

use crate::support::bureau::{Bureau, SHUANGQING, messages};
use crate::support::smtp::{At, Does, MailServer};
use rectify::domain::reminder::MessageState;
use rectify::mail::Pauses;
use rectify::store::outbox;
use std::process::{Command as Program, Stdio};

fn with_a_ticket(settings: &[(&str, String)]) -> Bureau {
    let bureau = Bureau::with("2021-08-16T09:00:00+08:00", settings);
    let notice = bureau.notice("2021Q2", "2021-08-27");
    bureau.issue(notice, &[("2021Q2-F01-01".to_owned(), SHUANGQING)], "2021-08-27");
    bureau
}

/// Li's mail and the channel, after one round over a server that does this.
async fn after(at: At, does: Does) -> String {
    let server = MailServer::start(move |now, to, _| {
        let is_here = now == at && (at == At::Greeting || to.starts_with("li"));
        if is_here { does } else { Does::Behave }
    });
    let mut bureau = with_a_ticket(&server.settings());
    bureau.courier.until_idle(Pauses::Kept).await.unwrap();
    let key = format!("user:{}", bureau.user_id("li"));
    let row = messages(&bureau).into_iter().find(|row| row.recipient == key).unwrap();
    // Whatever became of it, its bytes are frozen and nobody holds it.
    let id = row.id;
    let (raw, attempts, pause) = bureau
        .write(move |tx| Ok((outbox::raw(tx.conn, id)?, outbox::attempts_of(tx.conn, id)?, outbox::pause(tx.conn)?)));
    assert!(raw.is_some() && row.lease_until.is_none() && row.claims == 0);
    let place = format!("127.0.0.1:{}", server.port);
    let log: Vec<String> = attempts
        .into_iter()
        .map(|one| {
            assert_eq!((one.no, one.server.as_str()), (1, place.as_str()));
            let code = one.code.map_or("-".to_owned(), |code| code.to_string());
            format!("{} at {} {code} {:?}", one.result, one.phase, one.reply)
        })
        .collect();
    let next = if row.next_at.is_some() { "tried again" } else { "not tried again" };
    let reason = row.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let pause = pause.map_or("goes on".to_owned(), |pause| format!("pauses: {}", pause.reason));
    format!("{}{reason}, {next}; {}; the channel {pause}", row.state, log.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_answer_leaves_its_state_its_attempt_and_the_channel_as_it_should() {
    let cells = [
        (At::Dot, Does::Behave, "sent, not tried again; sent at dot 250 \"taken\"; the channel goes on"),
        (
            At::Rcpt,
            Does::Say("451 4.3.0 later"),
            "retry, tried again; retry at rcpt 451 \"4.3.0 later\"; the channel goes on",
        ),
        (
            At::Rcpt,
            Does::Say("550 5.1.1 no such user"),
            "dead (refused), not tried again; dead at rcpt 550 \"5.1.1 no such user\"; the channel goes on",
        ),
        (
            At::Dot,
            Does::Say("554 5.7.1 spam"),
            "dead (refused), not tried again; dead at dot 554 \"5.7.1 spam\"; the channel goes on",
        ),
        (
            At::Dot,
            Does::Stall,
            "uncertain, tried again; uncertain at dot - \"no answer within 1s\"; the channel goes on",
        ),
    ];
    for (at, does, left) in cells {
        assert_eq!(after(at, does).await, left);
    }
    // Whichever of the two workers came first has tried li's or wang's mail; the other may not have been tried at all.
    let left = after(At::Greeting, Does::Say("554 5.7.1 go away")).await;
    let pause = "; the channel pauses: greeting: 5.7.1 go away";
    let tried = "queued, tried again; channel_fault at greeting 554 \"5.7.1 go away\"".to_owned() + pause;
    assert!([tried, format!("queued, tried again; {pause}")].contains(&left), "{left}");
}

/// A whole delivery with sign-in by the program itself, with everything logged that can be.
#[test]
fn a_log_of_everything_shows_no_password_and_no_mail() {
    let server = MailServer::start(|_, _, _| Does::Behave);
    let bureau = with_a_ticket(&[]);
    bureau.switch_off_digests();
    let url = bureau.test.url();
    let database = if url.contains("://") { url.to_owned() } else { format!("sqlite:{url}") };
    let secret = bureau.dir.path().join("smtp-url");
    std::fs::write(&secret, format!("smtp://oa:Hush-4711@127.0.0.1:{}?tls=none\n", server.port)).unwrap();
    for format in ["text", "json"] {
        let output = Program::new(env!("CARGO_BIN_EXE_rectify"))
            .args(["--data", bureau.dir.path().to_str().unwrap(), "--database", &database, "remind"])
            .env("RECTIFY_MAIL__TRANSPORT", "smtp")
            .env("RECTIFY_MAIL__SMTP_URL_FILE", &secret)
            .env("RECTIFY_LOG__LEVEL", "trace,lettre=trace,rustls=trace,mio=trace")
            .env("RECTIFY_LOG__FORMAT", format)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let log = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(log.contains("TRACE"), "{log}");
        // The password as it is, for AUTH PLAIN and for AUTH LOGIN.
        for hidden in ["Hush-4711", "AG9hAEh1c2gtNDcxMQ", "SHVzaC00NzEx"] {
            assert!(!log.contains(hidden), "{hidden}");
        }
        for mail in server.mails() {
            let text = String::from_utf8(mail).unwrap();
            let long = text.lines().filter(|line| line.len() > 70);
            let shown = long.filter(|line| log.contains(line)).collect::<Vec<_>>();
            assert!(shown.is_empty(), "{shown:?}");
        }
    }
    assert_eq!(server.mails().len(), 2);
    assert!(messages(&bureau).iter().all(|row| row.state == MessageState::Sent));
}
