//! What the settings promise: the order of layers, no silent typo, and an error that says where it stands.

use super::*;
use std::path::Path;

fn load(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
    let room = tempfile::tempdir().unwrap();
    if !file.is_empty() {
        std::fs::write(room.path().join(FILE_NAME), file).unwrap();
    }
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let flags: Vec<(&str, String)> = flags.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
    Config::load(room.path(), env, &flags)
        .map_err(|fault| fault.to_string().replace(&format!("{}/", room.path().display()), ""))
}

#[test]
fn the_defaults_are_complete_and_valid() {
    let config = Config::load(Path::new("/data"), std::iter::empty(), &[]).unwrap();
    assert_eq!(config.database.url.expose(), "sqlite:/data/rectify.db");
    assert_eq!(config.office.time_zone, chrono_tz::Asia::Shanghai);
    assert_eq!(config.office.locale, Lang::Zh);
    assert_eq!(config.office.window_from.to_string(), "08:30:00");
    assert_eq!(config.mail.transport, Transport::File);
    assert_eq!(config.mail.final_dot_timeout.as_secs(), 600);
    assert_eq!(config.files.max_file_bytes(), 20 * 1024 * 1024);
    assert_eq!(config.public_url(), "http://127.0.0.1:8080");
    assert_eq!(Config::defaults(Path::new("/data")).unwrap().database.url, config.database.url);
}

#[test]
fn every_default_stands_under_a_comment() {
    let mut explained = false;
    for line in DEFAULTS.lines() {
        match line.trim() {
            "" => explained = false,
            line if line.starts_with('#') => explained = true,
            line if line.starts_with('[') => {}
            line => assert!(explained, "{line}"),
        }
    }
}

#[test]
fn flags_beat_the_environment_beats_the_file_beats_the_defaults() {
    let file = "[office]\nyellow_days = 4\nreview_days = 5\nlook_back_days = 6\n";
    let env = [("RECTIFY_OFFICE__REVIEW_DAYS", "7"), ("RECTIFY_OFFICE__LOOK_BACK_DAYS", "8"), ("HOME", "/somewhere")];
    let office = load(file, &env, &[("office.look_back_days", "9")]).unwrap().office;
    assert_eq!((office.yellow_days, office.review_days, office.look_back_days), (4, 7, 9));
}

/// A file, an environment, and how the answer begins.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one() {
    let cases: [Case; 7] = [
        (
            "\n[office]\ntimezone = \"UTC\"\n",
            &[],
            "rectify.toml:3: office.timezone is no setting; did you mean office.time_zone?",
        ),
        ("[ofice]\nyellow_days = 3\n", &[], "rectify.toml:1: ofice is no section; did you mean office?"),
        ("listen = \"x\"\n", &[], "rectify.toml:1: listen stands outside a [section]; did you mean server.listen?"),
        (
            "",
            &[("RECTIFY_SERVER__LISTN", "x")],
            "RECTIFY_SERVER__LISTN: server.listn is no setting; did you mean server.listen?",
        ),
        (
            "",
            &[("RECTIFY_MAIL__TIME_ZONE", "x")],
            "RECTIFY_MAIL__TIME_ZONE: mail.time_zone is no setting; did you mean office.time_zone?",
        ),
        (
            "",
            &[("RECTIFY_OFFICE_TIME_ZONE", "x")],
            "RECTIFY_OFFICE_TIME_ZONE: office_time_zone is no setting; did you mean office.time_zone?",
        ),
        (
            "",
            &[("RECTIFY_MAIL__NOTHING_LIKE_IT", "x")],
            "RECTIFY_MAIL__NOTHING_LIKE_IT: mail.nothing_like_it is no setting",
        ),
    ];
    for (file, env, expected) in cases {
        let told = load(file, env, &[]).unwrap_err();
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
    assert!(load("", &[("RECTIFY_DATA", "x"), ("RECTIFY_TEST_DATABASE", "y")], &[]).is_ok());
}

#[test]
fn a_wrong_value_is_refused_with_its_key_value_and_reason() {
    for (key, value, reason) in [
        ("office.time_zone", "Asia/Shangai", "no such time zone; did you mean Asia/Shanghai?"),
        ("office.window_from", "25:00", "write a time of day like 08:30"),
        ("office.yellow_days", "-1", "must lie between 0 and 60"),
        ("office.yellow_days", "three", "must be a whole number"),
        ("office.locale", "fr", "unknown variant `fr`, expected `zh-CN` or `en`"),
        ("office.name_zh", " ", "must not be empty"),
        ("server.listen", "localhost", "write an IP address and a port, like 127.0.0.1:8080"),
        ("server.public_url", "rectify.example.cn", "not a web address"),
        ("server.public_url", "ftp://x", "write it like https://rectify.example.cn"),
        ("database.pool", "0", "must lie between 1 and 500"),
        ("mail.transport", "pigeon", "unknown variant `pigeon`"),
        ("mail.from", "nobody", "write an address like"),
        ("mail.from", "a\nb@c.cn", "write an address like"),
        ("mail.final_dot_seconds", "0", "must lie between 1 and 3600"),
        ("files.allowed", "pdf,.exe", "is not an extension"),
        ("log.level", "rectify=loud", "write error, warn, info"),
    ] {
        let told = load("", &[], &[(key, value)]).unwrap_err();
        assert!(told.starts_with(&format!("flag for {key}: {key} = ")), "{told}");
        assert!(told.contains(reason), "{told}\n{reason}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let told = load("[office]\nyellow_days = \"3\"\nname = \"x\"\n[log]\nformat = \"xml\"\n", &[], &[]).unwrap_err();
    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(told.contains("rectify.toml:2: office.yellow_days = \"3\": must be a whole number"), "{told}");
    assert!(told.contains("rectify.toml:5: log.format"), "{told}");
}

#[test]
fn a_broken_file_says_where() {
    let told = load("[mail]\nsmtp_url = smtps://me:hush@mail.example.cn\n", &[], &[]).unwrap_err();
    assert!(told.starts_with("rectify.toml:2: ") && !told.contains("hush"), "{told}");
}

#[test]
fn values_are_checked_together() {
    let told = load("[mail]\ntransport = \"smtp\"\n", &[("RECTIFY_OFFICE__WINDOW_TO", "08:30")], &[]).unwrap_err();
    assert!(told.contains("RECTIFY_OFFICE__WINDOW_TO: office.window_to must be later"), "{told}");
    assert!(told.contains("default: mail.smtp_url is needed"), "{told}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_printed() {
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("smtp");
    std::fs::write(&path, "smtps://me:hush@mail.example.cn\n").unwrap();
    let path = path.to_str().unwrap();
    let config = load("", &[("RECTIFY_MAIL__SMTP_URL_FILE", path)], &[]).unwrap();
    assert_eq!(config.mail.smtp_url.expose(), "smtps://me:hush@mail.example.cn");
    assert!(!format!("{config:?}").contains("hush"));
    let twice = [("RECTIFY_MAIL__SMTP_URL_FILE", path), ("RECTIFY_MAIL__SMTP_URL", "smtp://x")];
    assert!(load("", &twice, &[]).unwrap_err().contains("given twice"));
    assert!(load("", &[("RECTIFY_MAIL__SMTP_URL_FILE", "/no/file")], &[]).unwrap_err().contains("/no/file"));
    for wrong in ["http://me:hush@x", "me:hush"] {
        let told = load("", &[("RECTIFY_MAIL__SMTP_URL", wrong)], &[]).unwrap_err();
        assert!(!told.contains("hush"), "{told}");
    }
    let other = load("", &[], &[("database.url", "mysql://me:hush@x/y")]).unwrap_err();
    assert!(other.contains("other databases are not supported") && !other.contains("hush"), "{other}");
    let wrong_type = load("[database]\nurl = [\"postgres://me:hush@x\"]\n", &[], &[]).unwrap_err();
    assert!(!wrong_type.contains("hush"), "{wrong_type}");
}

#[test]
fn lists_come_with_commas() {
    let config = load("", &[("RECTIFY_MAIL__PLAINTEXT_ALLOWED_HOSTS", "localhost, 10.0.0.1")], &[]).unwrap();
    assert_eq!(config.mail.plaintext_allowed_hosts, ["localhost", "10.0.0.1"]);
}

#[test]
fn the_public_address_follows_what_it_listens_on() {
    for (listen, public, expected) in [
        ("0.0.0.0:80", "", "http://127.0.0.1:80"),
        ("[::]:8080", "", "http://[::1]:8080"),
        ("0.0.0.0:80", "https://rectify.example.cn/", "https://rectify.example.cn"),
    ] {
        let config = load("", &[], &[("server.listen", listen), ("server.public_url", public)]).unwrap();
        assert_eq!(config.public_url(), expected);
    }
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let named = [("RECTIFY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1")];
    let trusted = load("", &named, &[]).unwrap().server.trusted_proxies;
    let holds = |address: &str| trusted.iter().any(|network| network.holds(address.parse().unwrap()));
    assert!(holds("10.9.8.7") && holds("::1") && !holds("127.0.0.1"));
    let fault = load("", &[("RECTIFY_SERVER__TRUSTED_PROXIES", "proxy.example")], &[]).unwrap_err();
    assert!(fault.contains("RECTIFY_SERVER__TRUSTED_PROXIES") && fault.contains("is no address or network"), "{fault}");
}
