//! `rectify mail`: what whoever sets mail up sees of it, and templates that can't be used.

use super::{Done, Room};
use crate::support::smtp::{At, Does, MailServer};
use serde_json::json;

/// Sends a test mail over that server.
fn tried(room: &Room, server: &MailServer, arguments: &[&str]) -> Done {
    let url = room.file("smtp-url", format!("smtp://oa:Hush-4711@127.0.0.1:{}?tls=none\n", server.port));
    let mut command = room.command(&[&["mail", "test", "wang@example.cn"], arguments].concat());
    command.env("RECTIFY_MAIL__TRANSPORT", "smtp").env("RECTIFY_MAIL__SMTP_URL_FILE", url);
    Done::of(command)
}

#[test]
fn a_test_mail_is_sent_and_the_conversation_shown_without_the_password() {
    let (room, server) = (Room::new(), MailServer::start(|_, _, _| Does::Behave));
    let done = tried(&room, &server, &["--lang", "en"]).ok();
    assert_eq!(done.err, "");
    // Each line begins with seconds.
    let lines: Vec<&str> = done.out.lines().map(|line| line.get(8..).unwrap_or(line)).collect();
    let place = format!("127.0.0.1:{}", server.port);
    let mail = server.mails().remove(0);
    let size = mail.len();
    assert_eq!(
        lines[..18],
        [
            &format!("-- connecting to smtp://{place}?tls=none"),
            &format!("-- connected to {place}"),
            "S: 220 mail.example.cn",
            "C: EHLO rectify.invalid",
            "S: 250-mail.example.cn",
            "S: 250 AUTH PLAIN LOGIN",
            "C: AUTH PLAIN ********",
            "S: 250 ok",
            "C: MAIL FROM:<rectify@rectify.invalid>",
            "S: 250 ok",
            "C: RCPT TO:<wang@example.cn>",
            "S: 250 ok",
            "C: DATA",
            "S: 354 go",
            &format!("C: ({size} bytes)"),
            "C: .",
            "S: 250 taken",
            "C: QUIT",
        ]
    );
    assert!(done.out.contains("wang@example.cn: delivered to the server.\n  at dot: 250 taken\n"), "{}", done.out);
    assert!(!done.out.contains("Hush") && !done.out.contains("AG9h"), "{}", done.out);
    let mail = mail_parser::MessageParser::default().parse(&mail).unwrap();
    assert_eq!(mail.subject(), Some("[rectify] Test mail"));
    // It needs no installation, and makes none.
    assert!(!room.data().exists());
}

#[test]
fn what_a_refusal_would_have_meant_and_what_to_do_is_told() {
    let room = Room::new();
    for (at, words, meaning, phase, next) in [
        (At::Greeting, "554 go away", "channel_fault", "greeting", "ask its administrator"),
        (At::Rcpt, "451 4.7.1 greylisted", "retry", "rcpt", "Try again in a few minutes"),
        (At::Rcpt, "550 5.1.1 no such user", "dead", "rcpt", "Check the address"),
        (At::Dot, "554 5.7.1 spam", "dead", "dot", "refuses the content"),
    ] {
        let server = MailServer::start(move |now, _, _| if now == at { Does::Say(words) } else { Does::Behave });
        let done = tried(&room, &server, &["--lang", "en", "--json"]);
        assert_eq!((done.code, done.err.as_str()), (1, ""));
        let told = done.json();
        let (code, reply) = words.split_once(' ').unwrap();
        assert_eq!(
            json!([told["meaning"], told["phase"], told["code"], told["reply"], told["file"]]),
            json!([meaning, phase, code.parse::<u16>().unwrap(), reply, null])
        );
        assert!(told["next"].as_str().unwrap().contains(next), "{told:#}");
        let said = told["dialogue"].as_array().unwrap();
        assert!(said.iter().any(|one| one["by"] == "server" && one["text"] == words), "{told:#}");
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = room.command(&["mail", "test", "wang@example.cn"]);
    command.env("RECTIFY_MAIL__TRANSPORT", "smtp");
    command.env("RECTIFY_MAIL__SMTP_URL", format!("smtp://127.0.0.1:{port}?tls=none"));
    let done = Done::of(command);
    assert_eq!(done.code, 1);
    assert!(done.out.contains("通道有问题") && done.out.contains("请核对 mail.smtp_url 的主机和端口"), "{}", done.out);
    let done = room.run(&["mail", "test", "nobody"]);
    assert_eq!(done.code, 2, "{}", done.err);
}

#[test]
fn a_test_mail_as_a_file_and_with_no_transport() {
    let room = Room::new();
    let done = room.run(&["mail", "test", "wang@example.cn"]).failed();
    assert!(done.err.starts_with("这里没有安装") && !room.data().exists(), "{}", done.err);
    std::fs::create_dir(room.data()).unwrap();
    let done = room.run(&["mail", "test", "wang@example.cn", "--json"]).ok();
    let file = done.json()["file"].as_str().unwrap().to_owned();
    assert!(std::fs::read_to_string(&file).unwrap().contains("To: wang@example.cn"), "{file}");
    let done = room.run(&["mail", "test", "wang@example.cn"]).ok();
    assert!(done.out.contains(room.data().join("outbox").to_str().unwrap()), "{}", done.out);
    let mut command = room.command(&["mail", "test", "wang@example.cn", "--lang", "en"]);
    command.env("RECTIFY_MAIL__TRANSPORT", "none");
    let done = Done::of(command).failed();
    assert!(done.err.starts_with("mail.transport is none"), "{}", done.err);
}

#[test]
fn certificates_that_cannot_be_used_stop_the_start() {
    let room = Room::new();
    let empty = room.file("empty.pem", "");
    for (variable, value, told) in [
        ("RECTIFY_MAIL__CA_FILE", "no/such.pem", "mail.ca_file the file of certificates "),
        ("RECTIFY_MAIL__CA_FILE", &empty, "it holds no certificate"),
        ("RECTIFY_MAIL__TLS_NAME", "a b", "mail.tls_name"),
        ("RECTIFY_MAIL__TLS_NAME", "-", "mail.tls_name the name to expect in the certificate"),
    ] {
        let mut command = room.command(&["serve", "--listen", "127.0.0.1:0", "--lang", "en"]);
        command.envs([
            ("RECTIFY_MAIL__TRANSPORT", "smtp"),
            ("RECTIFY_MAIL__SMTP_URL", "smtps://mail.example.cn"),
            (variable, value),
        ]);
        let done = Done::of(command).failed();
        assert!(done.err.contains(told), "{}", done.err);
    }
}

#[test]
fn templates_are_listed_written_out_and_a_faulty_one_stops_the_start() {
    let room = Room::new();
    let own = room.data().join("templates");
    let shown = own.to_str().unwrap();
    let done = room.run(&["mail", "templates", "--write", shown, "--lang", "en"]).ok();
    assert_eq!(done.out.matches("written").count(), 10, "{}", done.out);
    let digest = own.join("zh/digest.txt");
    std::fs::write(&digest, "{{ recipient }}\n{{ recipent }}\n").unwrap();
    let done = room.run(&["mail", "templates", "--write", shown, "--lang", "en"]).ok();
    assert_eq!(done.out.matches("was there, kept").count(), 10, "{}", done.out);
    room.run(&["user", "add", "wang", "--name", "王芳", "--roles", "admin"]).ok();
    let listen = ["--listen", "127.0.0.1:0"];
    let starts = [["serve"].as_slice(), &["demo"]].map(|command| [command, &listen].concat());
    for command in [&starts[0], &starts[1], &vec!["remind"], &vec!["mail", "templates"]] {
        let done = room.run(&[command.as_slice(), &["--lang", "en"]].concat()).failed();
        let told = format!("A mail template is faulty: {}:2: undefined value", digest.display());
        assert!(done.err.contains(&told), "{}", done.err);
    }
    std::fs::remove_file(&digest).unwrap();
    std::fs::write(own.join("zh/diggest.txt"), "").unwrap();
    let done = room.run(&["mail", "templates"]).failed();
    assert!(done.err.contains("did you mean zh/digest.txt?"), "{}", done.err);
    std::fs::remove_file(own.join("zh/diggest.txt")).unwrap();
    let list = room.run(&["mail", "templates", "--json"]).ok().json();
    let built_in: Vec<&str> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["file"].is_null())
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(built_in, ["zh/digest.txt"]);
}
