//! `rectify mail`: does mail leave this installation, and what does it say? For whoever sets it up; the queue is not touched.

use super::General;
use super::say::{CliFault, complain, say, say_json, table};
use super::server;
use crate::clock::{Clock, Ids};
use crate::config::{Config, Transport};
use crate::domain::address::parse_address;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::mail::{
    Addressee, Listener, Meaning, Outcome, Phase, Said, Speaker, TEMPLATES_FOLDER, TemplateSource, Trial, try_out,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

const TEST_HELP: &str = "\
Sends one mail now, over the transport that is set, and prints what this program (C:) and the server (S:) say, with seconds
and without passwords; then what the outcome would have meant for a reminder, and what to do about it. Needs no database and
leaves the queue alone. Exit code: 0 delivered, 1 not delivered or settings at fault, 2 misused.

Examples:
  rectify mail test wang@example.cn
  RECTIFY_MAIL__TRANSPORT=smtp RECTIFY_MAIL__SMTP_URL_FILE=/run/secrets/smtp rectify mail test wang@example.cn
  rectify mail test wang@example.cn --json | jq -r .next";

const TEMPLATES_HELP: &str = "\
Every text of a mail is a template (Jinja, as minijinja reads it). A file of the same name in templates/ of the data
directory takes the place of the one that is built in; all are read and tried when a server starts, and a faulty one is told
with file, line and reason. Subjects are not templates.

Examples:
  rectify mail templates
  rectify mail templates --write /tmp/built-in          to look at, or to compare with
  rectify mail templates --write rectify-data/templates    to edit; files that are there already stay as they are";

#[derive(clap::Subcommand)]
pub(super) enum Mail {
    /// Send one test mail now and print the conversation with the server
    #[command(after_help = TEST_HELP)]
    Test {
        /// Who gets it
        #[arg(value_parser = address)]
        address: String,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the templates of mails, or write out those that are built in
    #[command(after_help = TEMPLATES_HELP)]
    Templates {
        /// Directory to write the built-in ones to
        #[arg(long, value_name = "DIR")]
        write: Option<PathBuf>,
        /// Answer as JSON
        #[arg(long, conflicts_with = "write")]
        json: bool,
    },
}

fn address(text: &str) -> Result<String, String> {
    parse_address(text).map_err(|fault| fault.to_string())
}

pub(super) fn run(general: &General, mail: &Mail) -> Result<ExitCode, CliFault> {
    let place = general.place();
    let config = super::quiet(place.config()?);
    let lang = config.office.locale;
    let done = match mail {
        Mail::Test { address, json } => test(&config, &place.data_dir, address, *json),
        Mail::Templates { write: Some(folder), .. } => write(folder, lang),
        Mail::Templates { write: None, json } => list(&config, &place.data_dir, *json),
    };
    done.map_err(|fault| fault.in_lang(lang))
}

fn test(config: &Config, data_dir: &Path, to: &str, as_json: bool) -> Result<ExitCode, CliFault> {
    let lang = config.office.locale;
    if config.mail.transport == Transport::None {
        let why = lang.pick(
            "mail.transport 设为 none：邮件留在队列中，没有发送。要发送，请设为 smtp（或 file，写成文件）。",
            "mail.transport is none: mails stay in the queue, and nothing was sent. To send, set it to smtp (or to file).",
        );
        if as_json {
            say_json(&json!({"to": to, "transport": "none", "result": null, "next": why}));
        } else {
            complain(why);
        }
        return Ok(ExitCode::FAILURE);
    }
    if config.mail.transport == Transport::File && !data_dir.is_dir() {
        // Else a mistyped --data would come into being here.
        return Err(Refusal::new(Code::InstallationMissing).with("place", data_dir.display()).into());
    }
    let sender = server::sender(config, data_dir)?;
    let heard: Arc<Mutex<Vec<Said>>> = Arc::default();
    let kept = Arc::clone(&heard);
    let listener: Listener = Arc::new(move |said| {
        if !as_json {
            say(&line(&said));
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    });
    let office = lang.pick(&config.office.name_zh, &config.office.name_en);
    let addressee = Addressee { address: to, lang, office, domain: &config.mail.domain };
    let now = Clock::system().now();
    let letter = (Ids::system().uuid(now), now);
    let trial = server::live(async {
        let tried = try_out(&sender, addressee, letter, listener).await;
        tried.map_err(|fault| Config::unusable("mail.from", fault).into())
    })?;
    let Some(trial) = trial else { return Ok(ExitCode::FAILURE) };
    if as_json {
        let heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        say_json(&document(to, config.mail.transport, &trial, &heard, lang));
    } else {
        say(&words(to, &trial, lang));
    }
    Ok(if trial.meaning == Meaning::Sent { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `  0.012 S: 250 ok`
fn line(said: &Said) -> String {
    let by = match said.by {
        Speaker::Client => "C: ",
        Speaker::Server => "S: ",
        Speaker::Note => "-- ",
    };
    format!("{:>7.3} {by}{}", said.after.as_secs_f64(), said.text)
}

fn document(to: &str, transport: Transport, trial: &Trial, heard: &[Said], lang: Lang) -> Value {
    let Outcome { result, phase, code, reply, server } = &trial.outcome;
    let dialogue: Vec<Value> =
        heard.iter().map(|said| json!({"ms": said.after.as_millis(), "by": said.by, "text": said.text})).collect();
    json!({
        "to": to, "transport": format!("{transport:?}").to_lowercase(), "message_id": trial.message_id,
        "server": server, "result": result.as_str(), "meaning": trial.meaning.as_str(), "phase": phase.as_str(),
        "code": code, "reply": reply, "file": trial.file, "next": next(trial, lang), "dialogue": dialogue,
    })
}

fn words(to: &str, trial: &Trial, lang: Lang) -> String {
    let Outcome { phase, code, reply, .. } = &trial.outcome;
    if let Some(file) = &trial.file {
        return match lang {
            Lang::Zh => format!("已写入文件（mail.transport = \"file\"，不向外发送）：\n{}", file.display()),
            Lang::En => {
                format!(
                    "Written to a file (mail.transport = \"file\": nothing leaves this machine):\n{}",
                    file.display()
                )
            }
        };
    }
    let code = code.map(|code| format!("{code} ")).unwrap_or_default();
    let (meaning, next) = (meaning(trial.meaning, lang), next(trial, lang));
    match lang {
        Lang::Zh => {
            format!("\n{to}：{meaning}\n  阶段 {phase}：{code}{reply}\n  Message-ID {}\n{next}", trial.message_id)
        }
        Lang::En => {
            format!("\n{to}: {meaning}\n  at {phase}: {code}{reply}\n  Message-ID {}\n{next}", trial.message_id)
        }
    }
}

/// What would have become of a message.
const fn meaning(meaning: Meaning, lang: Lang) -> &'static str {
    match meaning {
        Meaning::Sent => lang.pick("已送交。", "delivered to the server."),
        Meaning::Retry => lang.pick(
            "暂被拒收：正式邮件会自动重试（1 分钟、5 分钟、15 分钟……），5 天后放弃。",
            "put off: a message would be tried again by itself (after 1, 5, 15 minutes …) and given up after 5 days.",
        ),
        Meaning::Dead => lang.pick(
            "被拒收，不再重试：正式邮件会列为未送达，并改告备用邮箱和单位领导。",
            "refused for good: a message would be listed as undelivered, and its unit's second mailbox and leader told.",
        ),
        Meaning::Uncertain => lang.pick(
            "已发出但没有等到答复：正式邮件会再发一次，仍无答复则列为未送达。",
            "sent, but the answer never came: a message would be sent once more, then listed as undelivered.",
        ),
        Meaning::ChannelFault => lang.pick(
            "通道有问题，与邮件无关：系统会暂停发送，所有邮件留在队列中等待。",
            "the channel is at fault, not the mail: sending would pause, and every message wait in the queue.",
        ),
    }
}

/// What to do next.
fn next(trial: &Trial, lang: Lang) -> &'static str {
    let Outcome { phase, .. } = &trial.outcome;
    match (trial.meaning, phase) {
        (Meaning::Sent, Phase::File) => lang.pick("打开该文件即可查看。", "Open the file to read it."),
        (Meaning::Sent, _) => lang.pick(
            "请到该邮箱查收；如未收到，先看垃圾邮件，再凭 Message-ID 询问邮件管理员。",
            "Look into that mailbox; if it is not there, look among the spam, then ask the mail administrator by its Message-ID.",
        ),
        (Meaning::Uncertain, _) => lang.pick(
            "请到该邮箱查看是否已收到；如常有此事，请加大 mail.final_dot_seconds。",
            "Look whether it arrived; if this happens often, raise mail.final_dot_seconds.",
        ),
        (_, Phase::Connect) => lang.pick(
            "请核对 mail.smtp_url 的主机和端口，以及本机到它的网络和防火墙。",
            "Check host and port of mail.smtp_url, and that the network and its firewalls let this machine reach it.",
        ),
        (_, Phase::Greeting | Phase::Ehlo) => lang.pick(
            "服务器不接受本机：请让邮件管理员允许本机发信；本机自报的名字是 mail.domain。端口 465 应为 tls=implicit，587 应为 tls=starttls。",
            "The server does not take this machine: ask its administrator to let it send; it calls itself by mail.domain. Port 465 goes with tls=implicit, 587 with tls=starttls.",
        ),
        (_, Phase::Starttls) => lang.pick(
            "该端口不提供 STARTTLS：请在 mail.smtp_url 改用 465 端口和 tls=implicit，或询问邮件管理员。",
            "This port has no STARTTLS: use port 465 with tls=implicit in mail.smtp_url, or ask the mail administrator.",
        ),
        (_, Phase::Tls) => lang.pick(
            "证书不被信任或名字不符：自建证书请设 mail.ca_file，证书名与主机不同请设 mail.tls_name。服务器若先以明文应答（端口 25、587），请写 tls=starttls。",
            "The certificate is not trusted, or bears another name: set mail.ca_file for an authority of your own, mail.tls_name for another name. Where the server speaks in plain text first (ports 25 and 587), write tls=starttls.",
        ),
        (_, Phase::Auth) => lang.pick(
            "登录失败：请核对 mail.smtp_url 的用户和密码；许多邮箱要用授权码代替密码。",
            "Sign-in failed: check user and password of mail.smtp_url; many providers want an authorisation code instead of the password.",
        ),
        (_, Phase::Mail) => lang.pick(
            "服务器不接受发件人：请把 mail.from 设为登录用户有权使用的地址。",
            "The server does not take the sender: set mail.from to an address that the signed-in user may send as.",
        ),
        (Meaning::Retry, _) => lang.pick(
            "请过几分钟再试；一直如此，请把服务器的答复交给邮件管理员。",
            "Try again in a few minutes; if it stays so, show the server's answer to the mail administrator.",
        ),
        (_, Phase::Rcpt) => lang.pick(
            "请核对收件地址；如对所有地址都拒收，说明服务器不允许本机转发，需先登录或加入白名单。",
            "Check the address; if all addresses are refused, the server does not relay for this machine: sign in, or be allowed by name.",
        ),
        (_, Phase::File) => lang.pick(
            "请检查数据目录下 outbox/ 的权限和磁盘空间。",
            "Check the permissions of outbox/ in the data directory, and the disk's free space.",
        ),
        (_, Phase::Data | Phase::Body | Phase::Dot | Phase::Quit | Phase::None) => lang.pick(
            "服务器拒收内容：请把它的答复交给邮件管理员（垃圾邮件过滤、大小、发件域名）。",
            "The server refuses the content: show its answer to the mail administrator (spam filter, size, sender's domain).",
        ),
    }
}

fn list(config: &Config, data_dir: &Path, as_json: bool) -> Result<ExitCode, CliFault> {
    let lang = config.office.locale;
    let sources = server::templates(data_dir)?.sources().to_vec();
    if as_json {
        let all: Vec<Value> = sources.iter().map(|source| json!({"name": source.name, "file": source.file})).collect();
        say_json(&all);
    } else {
        let place = |source: &TemplateSource| {
            let built_in = || lang.pick("内置", "built in").to_owned();
            source.file.as_ref().map_or_else(built_in, |path| path.display().to_string())
        };
        let rows: Vec<Vec<String>> = sources.iter().map(|source| vec![source.name.to_owned(), place(source)]).collect();
        let own = data_dir.join(TEMPLATES_FOLDER);
        let foot = match lang {
            Lang::Zh => format!("{} 中的同名文件取代内置模板。", own.display()),
            Lang::En => format!("A file of the same name in {} takes a template's place.", own.display()),
        };
        say(&(table(&rows) + &foot));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes those that are built in; what is there already stays.
fn write(folder: &Path, lang: Lang) -> Result<ExitCode, CliFault> {
    let mut rows = Vec::new();
    for source in server::built_in_templates()?.sources() {
        let path = folder.join(source.name);
        let is_new = write_new(&path, &source.text)?;
        let done =
            if is_new { lang.pick("已写出", "written") } else { lang.pick("已存在，未动", "was there, kept") };
        rows.push(vec![path.display().to_string(), done.to_owned()]);
    }
    say(&table(&rows));
    Ok(ExitCode::SUCCESS)
}

fn write_new(path: &Path, text: &str) -> Result<bool, CliFault> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        let mut file = std::fs::File::create_new(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    });
    match written {
        Ok(()) => Ok(true),
        Err(fault) if fault.kind() == std::io::ErrorKind::AlreadyExists && path.is_file() => Ok(false),
        Err(fault) => {
            let name = path.display().to_string();
            Err(Refusal::new(Code::FileUnwritable).with("name", name).with("reason", fault).into())
        }
    }
}
