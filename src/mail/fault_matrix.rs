//! What each fault of a mail server at each phase of a conversation means for the mail: ninety cells, each run.

use super::message::is_sound;
use super::outcome::{DeliveryResult, Outcome, Phase};
use super::record::is_channel_fault;
use super::scripted_server::{Act, Offer, ScriptedServer};
use super::server::Timeouts;
use super::smtp::{Keep, SmtpSession};
use futures_util::StreamExt;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;

const PHASES: [Phase; 10] = [
    Phase::Greeting,
    Phase::Ehlo,
    Phase::Starttls,
    Phase::Tls,
    Phase::Auth,
    Phase::Mail,
    Phase::Rcpt,
    Phase::Data,
    Phase::Body,
    Phase::Dot,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    For4xx,
    For5xx,
    Stall,
    Drop,
    Garbage,
    LongLine,
    Drip,
    BadCertificate,
    StrippedTls,
}

const FAULTS: [(Fault, &str); 9] = [
    (Fault::For4xx, "4xx"),
    (Fault::For5xx, "5xx"),
    (Fault::Stall, "stall"),
    (Fault::Drop, "drop"),
    (Fault::Garbage, "garbage"),
    (Fault::LongLine, "10 MB line"),
    (Fault::Drip, "1 byte/s"),
    (Fault::BadCertificate, "bad cert"),
    (Fault::StrippedTls, "no TLS"),
];

/// `retry`: later; `dead`: refused for good; `channel`: not the message's fault, it stays as it is and the channel pauses;
/// `uncertain`: it may have arrived. `*`: and the channel pauses, since nothing of this message was said yet.
///
/// A certificate is shown, and TLS left out, only where TLS begins: elsewhere these two columns are the nearest thing.
/// - greeting, bad cert: implicit TLS; no TLS: a server that speaks plainly where implicit TLS is due.
/// - starttls, no TLS: offered and then refused. tls, no TLS: promised, then spoken plainly on.
/// - auth: as at starttls, and no password was said.
/// - mail, rcpt, data: the second mail of a connection, closed there with 421; the connection that replaces it is at fault.
/// - body, dot: the mail that is tried again after a drop there.
///
/// Two more that are what they are for a reason:
/// - tls, 4xx and so on: words where a handshake is due are no answer, only no TLS.
/// - body, garbage: the server reads on and takes the mail; its words are then the answer to the dot.
const TABLE: &str = "
          4xx        5xx        stall      drop       garbage    10 MB line 1 byte/s   bad cert   no TLS
greeting  retry*     channel    retry*     retry*     retry*     retry*     retry*     channel    channel
ehlo      retry*     channel    retry*     retry*     retry*     retry*     retry*     channel    channel
starttls  retry*     channel    retry*     retry*     retry*     retry*     retry*     channel    channel
tls       channel    channel    retry*     retry*     channel    channel    channel    channel    channel
auth      retry*     channel    retry*     retry*     retry*     retry*     retry*     channel    channel
mail      retry      channel    retry      retry      retry      retry      retry      channel    channel
rcpt      retry      dead       retry      retry      retry      retry      retry      channel    channel
data      retry      dead       retry      retry      retry      retry      retry      channel    channel
body      retry      dead       retry      retry      uncertain  retry      retry      channel    channel
dot       retry      dead       uncertain  uncertain  uncertain  uncertain  uncertain  channel    channel
";

const GOOD: Offer = Offer {
    capabilities: &["STARTTLS", "AUTH PLAIN"],
    inside_tls: &["AUTH PLAIN LOGIN", "SIZE 10000000"],
    ..Offer::NOTHING
};
const STRANGER: Offer = Offer { is_stranger: true, ..GOOD };
const STRIPPED: Offer = Offer { capabilities: &["AUTH PLAIN"], ..GOOD };

/// For what is awaited in vain.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where one cell ended, and what the server was told meanwhile.
struct Cell {
    outcome: Outcome,
    took: Duration,
    said: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_phase_means_what_the_table_says() {
    let all = PHASES.iter().flat_map(|phase| FAULTS.iter().map(|(fault, _)| (*phase, *fault)));
    let cells = futures_util::stream::iter(all).map(|(phase, fault)| tokio::spawn(run(phase, fault)));
    let cells: Vec<Cell> = cells.buffered(18).map(Result::unwrap).collect().await;
    let mut table = String::from("\n");
    let mut row = |head: &str, words: Vec<&str>| {
        let line = words.iter().fold(format!("{head:<10}"), |line, word| format!("{line}{word:<11}"));
        writeln!(table, "{}", line.trim_end()).unwrap();
    };
    row("", FAULTS.iter().map(|(_, name)| *name).collect());
    for (phase, cells) in PHASES.iter().zip(cells.chunks(FAULTS.len())) {
        row(phase.as_str(), cells.iter().map(|cell| state(&cell.outcome)).collect());
    }
    assert_eq!(table, TABLE, "{table}");
    for (nth, cell) in cells.iter().enumerate() {
        let (phase, (fault, _)) = (PHASES[nth / FAULTS.len()], FAULTS[nth % FAULTS.len()]);
        let shown = format!("{phase} {fault:?}: {:?} {:?} {:?}", cell.outcome, cell.took, cell.said);
        is_where_it_should_be(phase, fault, &cell.outcome, &shown);
        // No phase outlives its patience; TLS and big mails in between take their time on a busy machine.
        assert!(cell.took < PATIENCE + Duration::from_secs(15), "{shown}");
        if matches!(fault, Fault::StrippedTls | Fault::BadCertificate) && phase <= Phase::Auth {
            let told = cell.said.iter().any(|line| !line.starts_with("EHLO") && line != "STARTTLS");
            assert!(!told, "neither password nor mail may be said: {shown}");
        }
    }
}

fn state(outcome: &Outcome) -> &'static str {
    match (outcome.result, is_channel_fault(outcome)) {
        (DeliveryResult::ChannelFault, _) => "channel",
        (DeliveryResult::Retry, true) => "retry*",
        (DeliveryResult::Retry, false) => "retry",
        (DeliveryResult::Dead, _) => "dead",
        (DeliveryResult::Uncertain, _) => "uncertain",
        (DeliveryResult::Sent, _) => "sent",
    }
}

/// The phase that is recorded is the one that failed.
fn is_where_it_should_be(phase: Phase, fault: Fault, outcome: &Outcome, shown: &str) {
    let expected: &[Phase] = match (phase, fault) {
        (Phase::Greeting | Phase::Tls, Fault::StrippedTls) | (_, Fault::BadCertificate) => &[Phase::Tls],
        (_, Fault::StrippedTls) => &[Phase::Starttls],
        (Phase::Body, Fault::Garbage) => &[Phase::Dot],
        // The server's words may be read when all is written.
        (Phase::Body, Fault::For4xx | Fault::For5xx) => &[Phase::Body, Phase::Dot],
        (phase, _) => &[phase],
    };
    assert!(expected.contains(&outcome.phase), "{shown}");
    let code = match (phase, fault) {
        (Phase::Tls, _) => None,
        (_, Fault::For4xx) => Some(451),
        (_, Fault::For5xx) => Some(550),
        (Phase::Starttls, Fault::StrippedTls) => Some(502),
        (_, _) => None,
    };
    assert_eq!(outcome.code, code, "{shown}");
    assert!(!outcome.reply.is_empty() && outcome.reply.chars().count() <= 500, "{shown}");
}

async fn run(phase: Phase, fault: Fault) -> Cell {
    let (offer, tls) = offer(phase, fault);
    let is_second_mail = matches!(phase, Phase::Mail | Phase::Rcpt | Phase::Data)
        && matches!(fault, Fault::BadCertificate | Fault::StrippedTls);
    let act = act(phase, fault);
    let server = ScriptedServer::start(offer, move |connection, mails, at| {
        let is_here = connection == 0 && at == phase && mails == usize::from(is_second_mail);
        if is_here { act } else { Act::Behave }
    });
    let mut session = SmtpSession::new(server.settings("user:pw@", tls), patience(phase, fault), Keep::default());
    let mail = mail(phase, fault);
    if is_second_mail {
        assert_eq!(deliver(&mut session, &mail).await.result, DeliveryResult::Sent);
    }
    let begun = Instant::now();
    let mut outcome = deliver(&mut session, &mail).await;
    if offer.later.is_some() && !is_second_mail {
        assert!(matches!(outcome.result, DeliveryResult::Retry | DeliveryResult::Uncertain), "{outcome:?}");
        outcome = deliver(&mut session, &mail).await;
    }
    assert!(!session.is_reusable(), "a connection with a fault is never used again");
    Cell { outcome, took: begun.elapsed(), said: server.log().commands.concat() }
}

async fn deliver(session: &mut SmtpSession, mail: &[u8]) -> Outcome {
    session.deliver("rectify@example.cn", "zhang@example.cn", mail).await
}

/// Where the body is what matters, one that the sockets' buffers can't hold.
fn mail(phase: Phase, fault: Fault) -> Vec<u8> {
    let lines = match (phase, fault) {
        (Phase::Body, Fault::Stall | Fault::Drip | Fault::LongLine | Fault::Drop) => 9_000,
        (Phase::Body, _) => 1_000,
        (_, _) => 1,
    };
    let mail = format!("Subject: x\r\n\r\n{}", format!("{}\r\n", "x".repeat(996)).repeat(lines));
    assert!(is_sound(mail.as_bytes()));
    mail.into_bytes()
}

fn offer(phase: Phase, fault: Fault) -> (Offer, &'static str) {
    let is_narrow = phase == Phase::Body;
    let is_after = matches!(phase, Phase::Mail | Phase::Rcpt | Phase::Data | Phase::Body | Phase::Dot);
    match (fault, phase) {
        (Fault::BadCertificate, Phase::Greeting) => (Offer { implicit_tls: true, ..STRANGER }, "implicit"),
        (Fault::StrippedTls, Phase::Greeting) => (GOOD, "implicit"),
        (Fault::StrippedTls, Phase::Starttls | Phase::Tls) => (GOOD, "starttls"),
        (Fault::BadCertificate, _) if is_after => (Offer { is_narrow, later: Some(&STRANGER), ..GOOD }, "starttls"),
        (Fault::StrippedTls, _) if is_after => (Offer { is_narrow, later: Some(&STRIPPED), ..GOOD }, "starttls"),
        (Fault::BadCertificate, _) => (STRANGER, "starttls"),
        (Fault::StrippedTls, _) => (STRIPPED, "starttls"),
        (_, _) => (Offer { is_narrow, ..GOOD }, "starttls"),
    }
}

fn act(phase: Phase, fault: Fault) -> Act {
    let is_body = phase == Phase::Body;
    match fault {
        Fault::For4xx if is_body => Act::Leave(b"451 4.3.0 later\r\n"),
        Fault::For5xx if is_body => Act::Leave(b"550 5.7.1 no\r\n"),
        Fault::For4xx => Act::Say(b"451 4.3.0 later\r\n"),
        Fault::For5xx => Act::Say(b"550 5.7.1 no\r\n"),
        Fault::Stall => Act::Stall,
        Fault::Drop => Act::Drop,
        Fault::Garbage => Act::Say(b"hello\r\n"),
        Fault::LongLine => Act::Flood,
        Fault::Drip => Act::Drip,
        Fault::BadCertificate | Fault::StrippedTls => match phase {
            Phase::Mail | Phase::Rcpt | Phase::Data => Act::Say(b"421 4.4.2 closing\r\n"),
            Phase::Body | Phase::Dot => Act::Drop,
            Phase::Starttls if fault == Fault::StrippedTls => Act::Say(b"502 5.5.1 what\r\n"),
            Phase::Tls if fault == Fault::StrippedTls => Act::Say(b"250 rectify.example.cn\r\n"),
            Phase::Connect
            | Phase::Greeting
            | Phase::Ehlo
            | Phase::Starttls
            | Phase::Tls
            | Phase::Auth
            | Phase::Quit
            | Phase::File
            | Phase::None => Act::Behave,
        },
    }
}

/// Short only for what is awaited in vain; a handshake on a busy machine is not.
fn patience(phase: Phase, fault: Fault) -> Timeouts {
    let all = Timeouts { quit: Duration::from_millis(200), ..Timeouts::all(Duration::from_secs(15)) };
    let is_in_vain = matches!(fault, Fault::Stall | Fault::Drip) || (fault == Fault::LongLine && phase == Phase::Body);
    match phase {
        _ if !is_in_vain => all,
        Phase::Greeting => Timeouts { greeting: PATIENCE, ..all },
        Phase::Ehlo | Phase::Starttls => Timeouts { ehlo: PATIENCE, ..all },
        Phase::Tls => Timeouts { tls: PATIENCE, ..all },
        Phase::Auth => Timeouts { auth: PATIENCE, ..all },
        Phase::Mail => Timeouts { mail: PATIENCE, ..all },
        Phase::Rcpt => Timeouts { rcpt: PATIENCE, ..all },
        Phase::Data => Timeouts { data: PATIENCE, ..all },
        Phase::Body => Timeouts { block: PATIENCE, ..all },
        Phase::Dot => Timeouts { dot: PATIENCE, ..all },
        Phase::Connect | Phase::Quit | Phase::File | Phase::None => all,
    }
}
