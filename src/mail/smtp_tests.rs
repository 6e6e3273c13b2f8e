//! The SMTP session against a scripted server: what is said, what is made of each answer, what is never said.

use super::message::{Address, Letter, freeze};
use super::outcome::{DeliveryResult, Outcome, Phase};
use super::scripted_server::{Act, Offer, ScriptedServer};
use super::server::{ServerOptions, SmtpServer, Timeouts};
use super::smtp::{Keep, SmtpSession};
use super::transports::Turn;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const FROM: &str = "rectify@example.cn";
const TO: &str = "zhang@example.cn";
const MAIL: &[u8] = b"Subject: x\r\n\r\n.hidden dot\r\n..two\r\nlast\r\n";
/// `MAIL` with its dots doubled, and the final one.
const MAIL_ON_THE_WIRE: &[u8] = b"Subject: x\r\n\r\n..hidden dot\r\n...two\r\nlast\r\n.\r\n";

const PLAIN: Offer = Offer { implicit_tls: false, capabilities: &["SIZE 1000000"], inside_tls: &[] };

/// Enough for a loopback, short enough for a test that waits for it.
fn patience() -> Timeouts {
    Timeouts { quit: Duration::from_millis(50), ..Timeouts::all(Duration::from_secs(5)) }
}

fn behave(_: usize, _: usize, _: Phase) -> Act {
    Act::Behave
}

/// Misbehaves once: on the first connection, at one phase.
fn once(at: Phase, act: Act) -> impl Fn(usize, usize, Phase) -> Act {
    move |connection, _, phase| if connection == 0 && phase == at { act } else { Act::Behave }
}

async fn deliver(
    offer: Offer,
    user: &str,
    tls: &str,
    at: Phase,
    act: Act,
    timeouts: Timeouts,
) -> (Outcome, ScriptedServer) {
    let server = ScriptedServer::start(offer, once(at, act)).await;
    let mut session = SmtpSession::new(server.settings(user, tls), timeouts, Keep::default());
    let outcome = session.deliver(FROM, TO, MAIL).await;
    assert_eq!(session.is_reusable(), outcome.result == DeliveryResult::Sent);
    (outcome, server)
}

/// Every phase of a conversation with TLS and sign-in.
const FULL: Offer =
    Offer { implicit_tls: false, capabilities: &["STARTTLS"], inside_tls: &["AUTH PLAIN LOGIN", "SIZE 1000000"] };
const FULL_PHASES: [Phase; 8] =
    [Phase::Greeting, Phase::Ehlo, Phase::Starttls, Phase::Auth, Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Dot];

async fn deliver_in_full(at: Phase, act: Act, timeouts: Timeouts) -> Outcome {
    deliver(FULL, "user:pw@", "starttls", at, act, timeouts).await.0
}

#[tokio::test]
async fn a_mail_arrives_byte_for_byte_after_the_expected_words() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let outcome = session.deliver(FROM, TO, MAIL).await;
    let expected = Outcome {
        result: DeliveryResult::Sent,
        phase: Phase::Dot,
        code: Some(250),
        reply: "2.0.0 queued as 1A2B".to_owned(),
        server: format!("127.0.0.1:{}", server.port),
    };
    assert_eq!(outcome, expected);
    let log = server.log();
    let size = MAIL.len();
    let mail_from = format!("MAIL FROM:<{FROM}> SIZE={size}");
    let rcpt_to = format!("RCPT TO:<{TO}>");
    assert_eq!(log.commands, [["EHLO rectify.example.cn", &mail_from, &rcpt_to, "DATA"]]);
    assert_eq!(log.mails, [MAIL_ON_THE_WIRE]);
}

#[tokio::test]
async fn the_envelope_goes_ahead_and_the_mail_waits_for_its_turn() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let (open, turn) = Turn::to_come();
    let delivery = tokio::spawn(async move { session.deliver_in(turn, FROM, TO, MAIL).await });
    let has_asked = || server.log().commands.iter().flatten().any(|command| command == "DATA");
    while !has_asked() {
        tokio::task::yield_now().await;
    }
    assert!(server.log().mails.is_empty() && !delivery.is_finished());
    open.send_replace(true);
    assert_eq!(delivery.await.unwrap().result, DeliveryResult::Sent);
    assert_eq!(server.log().mails, [MAIL_ON_THE_WIRE]);
}

#[tokio::test]
async fn a_mail_whose_turn_will_never_come_is_never_sent() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let (open, turn) = Turn::to_come();
    drop(open);
    let waited = tokio::time::timeout(Duration::from_millis(100), session.deliver_in(turn, FROM, TO, MAIL)).await;
    assert!(waited.is_err() && !session.is_reusable());
    assert!(server.log().mails.is_empty());
}

#[tokio::test]
async fn a_frozen_letter_arrives_as_it_was_frozen() {
    let address = |name: &str, email: &str| Address { name: name.to_owned(), email: email.to_owned() };
    let letter = Letter {
        message_id: Uuid::from_u128(1),
        domain: "example.cn".to_owned(),
        from: address("督办", FROM),
        to: address("张伟", TO),
        subject: "【整改督办】逾期 3 件".to_owned(),
        text: ".\n..\n您好\n".repeat(3_000),
        html: "<p>.</p>\n".to_owned(),
        date: "2021-08-16T01:00:00Z".parse().unwrap(),
        references: Vec::new(),
        ticket_reference: None,
    };
    let frozen = freeze(&letter).unwrap();
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    assert_eq!(session.deliver(FROM, TO, &frozen).await.result, DeliveryResult::Sent);
    let mail = &server.log().mails[0];
    assert_eq!(mail.strip_suffix(b".\r\n"), Some(frozen.as_slice()));
}

#[tokio::test]
async fn temporary_refusals_mean_later_at_every_phase() {
    for phase in FULL_PHASES {
        let outcome = deliver_in_full(phase, Act::Say(b"451 4.7.1 later\r\n"), patience()).await;
        assert_eq!((outcome.result, outcome.phase, outcome.code), (DeliveryResult::Retry, phase, Some(451)));
        assert_eq!(outcome.reply, "4.7.1 later");
    }
}

#[tokio::test]
async fn permanent_refusals_blame_the_channel_before_rcpt_and_the_message_after() {
    for phase in FULL_PHASES {
        let outcome = deliver_in_full(phase, Act::Say(b"550-5.7.1 no\r\n550 never\r\n"), patience()).await;
        let after = matches!(phase, Phase::Rcpt | Phase::Data | Phase::Dot);
        let result = if after { DeliveryResult::Dead } else { DeliveryResult::ChannelFault };
        assert_eq!((outcome.result, outcome.phase, outcome.code), (result, phase, Some(550)));
        assert_eq!(outcome.reply, "5.7.1 no never");
    }
}

#[tokio::test]
async fn a_mail_too_big_is_the_messages_fault() {
    for words in [b"552 5.3.4 too big\r\n", b"523 5.3.4 too big\r\n"] {
        let outcome = deliver_in_full(Phase::Mail, Act::Say(words), patience()).await;
        assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Dead, Phase::Mail));
    }
}

#[tokio::test]
async fn drops_floods_and_nonsense_mean_later_before_the_dot_and_uncertain_after() {
    for phase in FULL_PHASES {
        let acts = [
            Act::Drop,
            Act::Flood,
            Act::Say(b"hello\r\n"),
            Act::Say(b"250-a\r\n550 b\r\n"),
            Act::Say(b"999 what\r\n"),
            Act::Say(b"\xff\xfe\r\n"),
        ];
        for act in acts {
            let outcome = deliver_in_full(phase, act, patience()).await;
            let result = if phase == Phase::Dot { DeliveryResult::Uncertain } else { DeliveryResult::Retry };
            assert_eq!((outcome.result, outcome.phase, outcome.code), (result, phase, None), "{act:?}");
            assert!(!outcome.reply.is_empty() && outcome.reply.chars().count() <= 500);
        }
    }
}

#[tokio::test]
async fn a_silent_server_is_left_when_the_phase_has_had_its_time() {
    for phase in FULL_PHASES {
        let begun = Instant::now();
        let outcome = deliver_in_full(phase, Act::Stall, Timeouts::all(Duration::from_millis(300))).await;
        let result = if phase == Phase::Dot { DeliveryResult::Uncertain } else { DeliveryResult::Retry };
        assert_eq!((outcome.result, outcome.phase, outcome.code), (result, phase, None));
        assert_eq!(outcome.reply, "no answer within 300ms");
        // Far below a minute: nothing waits without an end.
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn a_connection_lost_after_the_dot_is_uncertain_though_the_mail_is_there() {
    let (outcome, server) = deliver(PLAIN, "", "none", Phase::Dot, Act::Drop, patience()).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Uncertain, Phase::Dot));
    assert_eq!(server.log().mails, [MAIL_ON_THE_WIRE]);
    assert_eq!(server.log().commands.len(), 1, "an uncertain mail is not sent again here");
}

#[tokio::test]
async fn a_server_that_never_reads_the_mail_is_left() {
    let big = "x".repeat(900) + "\r\n";
    let mail = format!("Subject: x\r\n\r\n{}", big.repeat(20_000));
    let stalls = |_: usize, _: usize, phase: Phase| if phase == Phase::Body { Act::Drop } else { Act::Behave };
    let server = ScriptedServer::start(PLAIN, stalls).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let outcome = session.deliver(FROM, TO, mail.as_bytes()).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Retry, Phase::Body));
}

#[tokio::test]
async fn a_stripped_starttls_gets_no_sign_in_and_no_mail() {
    let stripped = Offer { capabilities: &["AUTH PLAIN LOGIN"], ..Offer::default() };
    let server = ScriptedServer::start(stripped, behave).await;
    let mut session = SmtpSession::new(server.settings("user:pw@", "starttls"), patience(), Keep::default());
    let outcome = session.deliver(FROM, TO, MAIL).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::Starttls));
    assert_eq!(server.log().commands, [["EHLO rectify.example.cn"]]);
}

#[tokio::test]
async fn answers_smuggled_ahead_of_the_handshake_are_refused() {
    let act = Act::Say(b"220 go\r\n250 smuggled\r\n");
    let (outcome, server) = deliver(FULL, "user:pw@", "starttls", Phase::Starttls, act, patience()).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::Tls));
    assert_eq!(server.log().commands, [["EHLO rectify.example.cn", "STARTTLS"]]);
}

#[tokio::test]
async fn starttls_and_implicit_tls_deliver_with_sign_in() {
    let implicit = Offer { implicit_tls: true, ..FULL };
    for (offer, tls, before) in [(FULL, "starttls", 2), (implicit, "implicit", 0)] {
        let server = ScriptedServer::start(offer, behave).await;
        let mut session = SmtpSession::new(server.settings("user:pw@", tls), patience(), Keep::default());
        assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent, "{tls}");
        let commands = &server.log().commands[0];
        assert_eq!(commands[before..before + 2], ["EHLO rectify.example.cn", "AUTH PLAIN AHVzZXIAcHc="]);
        assert_eq!(server.log().mails, [MAIL_ON_THE_WIRE]);
    }
}

#[tokio::test]
async fn login_is_used_where_plain_is_not_offered() {
    let offer = Offer { inside_tls: &["AUTH=LOGIN"], ..FULL };
    let server = ScriptedServer::start(offer, behave).await;
    let mut session = SmtpSession::new(server.settings("user:pw@", "starttls"), patience(), Keep::default());
    assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
    assert_eq!(server.log().commands[0][3..6], ["AUTH LOGIN", "dXNlcg==", "cHc="]);
}

#[tokio::test]
async fn a_server_without_sign_in_is_the_channels_fault() {
    let offer = Offer { inside_tls: &["AUTH GSSAPI"], ..FULL };
    let (outcome, _) = deliver(offer, "user:pw@", "starttls", Phase::Quit, Act::Behave, patience()).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::Auth));
}

#[tokio::test]
async fn a_refusal_that_quotes_the_password_is_recorded_without_it() {
    let quoted = Act::Say(b"535 bad AUTH PLAIN AHVzZXIAcHc= cHc=\r\n");
    let outcome = deliver_in_full(Phase::Auth, quoted, patience()).await;
    assert_eq!(outcome.reply, "bad AUTH PLAIN *** ***");
}

#[tokio::test]
async fn an_unknown_certificate_or_a_wrong_name_is_the_channels_fault() {
    let server = ScriptedServer::start(Offer { implicit_tls: true, ..FULL }, behave).await;
    let url = format!("smtp://user:pw@127.0.0.1:{}?tls=implicit", server.port);
    let wrong_name = ServerOptions {
        tls_name: Some("mail.gov.cn".to_owned()),
        ca_file: Some(super::scripted_server::CERTIFICATE.into()),
        ..ServerOptions::default()
    };
    for options in [ServerOptions::default(), wrong_name] {
        let settings = Arc::new(SmtpServer::parse(&url, &options).unwrap());
        let outcome = SmtpSession::new(settings, patience(), Keep::default()).deliver(FROM, TO, MAIL).await;
        assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::Tls), "{}", outcome.reply);
    }
    assert_eq!(server.log().commands.concat().len(), 0);
}

#[tokio::test]
async fn nobody_listening_means_later() {
    let port = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("smtp://127.0.0.1:{port}?tls=none");
    let settings = Arc::new(SmtpServer::parse(&url, &ServerOptions::default()).unwrap());
    let outcome = SmtpSession::new(settings, patience(), Keep::default()).deliver(FROM, TO, MAIL).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Retry, Phase::Connect));
}

#[tokio::test]
async fn two_mails_share_one_connection_and_one_greeting() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    for _ in 0..2 {
        assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
    }
    session.close().await;
    let log = server.log();
    let said: Vec<&str> = log.commands[0].iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(said[..7], ["EHLO", "MAIL", "RCPT", "DATA", "MAIL", "RCPT", "DATA"]);
    assert_eq!(log.commands.len(), 1);
    assert!(!session.is_reusable());
}

#[tokio::test]
async fn a_connection_closed_meanwhile_is_opened_anew_once() {
    for act in [Act::Drop, Act::Say(b"421 4.4.2 idle for too long\r\n")] {
        for at in [Phase::Mail, Phase::Rcpt, Phase::Data] {
            let server = ScriptedServer::start(PLAIN, move |connection, mails, phase| {
                if connection == 0 && mails == 1 && phase == at { act } else { Act::Behave }
            })
            .await;
            let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
            for _ in 0..2 {
                assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
            }
            let log = server.log();
            assert_eq!((log.commands.len(), log.mails.len()), (2, 2));
        }
    }
}

#[tokio::test]
async fn a_server_that_always_hangs_up_is_tried_twice_not_for_ever() {
    let server = ScriptedServer::start(PLAIN, |connection, mails, phase| {
        if phase == Phase::Mail && (connection > 0 || mails > 0) { Act::Drop } else { Act::Behave }
    })
    .await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
    assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Retry);
    assert_eq!(server.log().commands.len(), 2);
}

#[tokio::test]
async fn a_refusal_on_a_used_connection_is_not_asked_twice() {
    let server = ScriptedServer::start(PLAIN, |_, mails, phase| {
        if mails == 1 && phase == Phase::Rcpt { Act::Say(b"550 5.1.1 no such user\r\n") } else { Act::Behave }
    })
    .await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
    let outcome = session.deliver(FROM, TO, MAIL).await;
    assert_eq!((outcome.result, outcome.code), (DeliveryResult::Dead, Some(550)));
    assert_eq!(server.log().commands.len(), 1);
    assert!(!session.is_reusable());
}

#[tokio::test]
async fn a_connection_idle_old_or_used_up_is_not_used_again() {
    let keep = Keep::default();
    let worn = [Keep { idle: Duration::ZERO, ..keep }, Keep { age: Duration::ZERO, ..keep }, Keep { mails: 1, ..keep }];
    for keep in worn {
        let server = ScriptedServer::start(PLAIN, behave).await;
        let mut session = SmtpSession::new(server.settings("", "none"), patience(), keep);
        for _ in 0..2 {
            assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
            assert!(!session.is_reusable());
        }
        assert_eq!(server.log().commands.len(), 2);
    }
}

#[tokio::test]
async fn two_hundred_mails_take_two_connections_and_one_read_each() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let begun = Instant::now();
    for _ in 0..200 {
        assert_eq!(session.deliver(FROM, TO, MAIL).await.result, DeliveryResult::Sent);
    }
    // With Nagle's algorithm on, or the dot sent apart, each mail waits 44 ms for an ACK: 8.8 s.
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let log = server.log();
    assert_eq!(log.commands.len(), 2);
    assert_eq!(log.reads, [1; 200]);
}

#[tokio::test]
async fn addresses_and_mails_that_could_forge_a_command_never_reach_the_wire() {
    let server = ScriptedServer::start(PLAIN, behave).await;
    let mut session = SmtpSession::new(server.settings("", "none"), patience(), Keep::default());
    let outcome = session.deliver(FROM, "a@b.cn>\r\nRCPT TO:<c@d.cn", MAIL).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Dead, Phase::Rcpt));
    let outcome = session.deliver("", TO, MAIL).await;
    assert_eq!((outcome.result, outcome.phase), (DeliveryResult::ChannelFault, Phase::Mail));
    for bare in [b"a\n.\nMAIL FROM:<x@y.cn>\r\n".as_slice(), b"a\r.\r\n", b"no end", "督\r\n".as_bytes()] {
        let outcome = session.deliver(FROM, TO, bare).await;
        assert_eq!((outcome.result, outcome.phase), (DeliveryResult::Dead, Phase::Data));
    }
    assert_eq!(server.log().commands.concat().iter().filter(|line| line.starts_with("MAIL")).count(), 0);
}

#[tokio::test]
async fn an_answer_in_gbk_is_read_as_what_it_says() {
    let (outcome, _) = deliver(
        PLAIN,
        "",
        "none",
        Phase::Rcpt,
        Act::Say(b"550 \xd3\xc3\xbb\xa7\xb2\xbb\xb4\xe6\xd4\xda\r\n"),
        patience(),
    )
    .await;
    assert_eq!((outcome.result, outcome.reply.as_str()), (DeliveryResult::Dead, "用户不存在"));
}
