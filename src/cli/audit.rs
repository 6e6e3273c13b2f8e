//! `rectify audit`: proves the record, here or in a package; makes checkpoints and packages; checks a unit's receipt.

use super::General;
use super::say::{CliFault, complain, say, say_json, unreadable};
use crate::actions::{access, checkpoints};
use crate::domain::actor::Actor;
use crate::domain::audit::hex;
use crate::domain::audit::proof::CHECKPOINTS;
use crate::domain::audit::receipt::{self, Proven, ReceiptFault};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::words::Lang;
use crate::files::package;
use crate::installation::Purpose;
use crate::queries::audit::{self, CheckpointOut, Verdict};
use crate::transaction::{Failure, Outcome};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const VERIFY_HELP: &str = "\
Every change is an event; each event's hash covers the one before it, and every day a checkpoint's hash covers all of
them. This reads them all and names the first link that does not hold: exit code 1 then. Nothing is changed. A package
needs neither database nor data directory.

Examples:
  rectify audit verify
  rectify audit verify --json | jq .whole
  rectify audit verify --package record-2021.zip";

const CHECKPOINT_HELP: &str = "\
A running server makes one a day by itself. Its hash vouches for the whole record up to now: kept elsewhere, on paper
say, it tells a record that was written anew.

Examples:
  rectify audit checkpoint
  rectify audit checkpoint --json | jq -r .hash";

const EXPORT_HELP: &str = "\
Events, checkpoints and a manifest in one zip that `rectify audit verify --package` proves anywhere. A checkpoint is made
first, so that it covers everything in it. A file that is there already is left alone; the new one only its owner can
read, for it holds everybody's names and words.

Examples:
  rectify audit export record-2021.zip";

const RECEIPT_HELP: &str = "\
Checks a receipt as GET /api/v1/feedback/ID/receipt answered it: the chain's hash is computed again from what it holds,
every field is compared with the record in it, and each file that is given with its SHA-256. Needs neither database nor
data directory.

Examples:
  rectify audit receipt receipt.json
  rectify audit receipt receipt.json --attachment report.pdf --attachment photo.jpg";

#[derive(clap::Subcommand)]
pub(super) enum Audit {
    /// Walk every event and name the first broken link
    #[command(after_help = VERIFY_HELP)]
    Verify {
        /// Prove this package instead
        #[arg(long, value_name = "FILE")]
        package: Option<PathBuf>,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Put the record as it is now under one hash
    #[command(after_help = CHECKPOINT_HELP)]
    Checkpoint {
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the whole record into one file that proves itself
    #[command(after_help = EXPORT_HELP)]
    Export { file: PathBuf },
    /// Check a receipt of a letter, and its files
    #[command(after_help = RECEIPT_HELP)]
    Receipt {
        file: PathBuf,
        /// A file of the letter; may be repeated
        #[arg(long = "attachment", value_name = "FILE")]
        attachments: Vec<PathBuf>,
        /// Answer as JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(general: &General, audit: &Audit) -> Result<ExitCode, CliFault> {
    match audit {
        Audit::Verify { package: Some(file), json } => {
            let lang = lang_of(general);
            Ok(tell(&proven_package(file).map_err(|fault| CliFault::from(fault).in_lang(lang))?, *json, lang))
        }
        Audit::Verify { package: None, json } => verify(general, *json),
        Audit::Checkpoint { json } => checkpoint(general, *json),
        Audit::Export { file } => export(general, file),
        Audit::Receipt { file, attachments, json } => check_receipt(general, file, attachments, *json),
    }
}

/// The language where there may be no installation.
fn lang_of(general: &General) -> Lang {
    general.place().config().map_or(general.lang.unwrap_or(Lang::Zh), |config| config.office.locale)
}

fn verify(general: &General, as_json: bool) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let verdict =
        installation.world.read_now(audit::verify).map_err(|failure| CliFault::from(failure).in_lang(lang))?;
    Ok(tell(&verdict, as_json, lang))
}

fn proven_package(file: &Path) -> Result<Verdict, Refusal> {
    let shown = file.display().to_string();
    if let Err(fault) = File::open(file) {
        return Err(unreadable(&shown, &fault));
    }
    let checked = package::verify(file)
        .map_err(|fault| Refusal::new(Code::PackageUnreadable).with("name", &shown).with("reason", fault))?;
    Ok(Verdict::new(checked.events, &checked.checkpoints, checked.first_broken))
}

fn tell(verdict: &Verdict, as_json: bool, lang: Lang) -> ExitCode {
    if as_json {
        say_json(verdict);
    } else if verdict.whole {
        say(&words(verdict, lang));
    } else {
        complain(&words(verdict, lang));
    }
    if verdict.whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn words(verdict: &Verdict, lang: Lang) -> String {
    let Some(broken) = &verdict.first_broken else {
        let whole = match lang {
            Lang::Zh => format!("记录完整：{} 条事件的哈希链全部成立。", verdict.events),
            Lang::En => format!("The record is whole: {} events, every link holds.", verdict.events),
        };
        return match &verdict.last_checkpoint {
            Some(made) => format!("{whole}\n{}", checkpoint_words(made, lang)),
            None => whole,
        };
    };
    let reason = broken.reason.words(lang);
    let place = match (broken.stream.as_str(), lang) {
        (CHECKPOINTS, Lang::Zh) => format!("第 {} 号检查点", broken.seq),
        (CHECKPOINTS, Lang::En) => format!("checkpoint {}", broken.seq),
        (file, Lang::Zh) if broken.seq == 0 => file.to_owned(),
        (file, Lang::En) if broken.seq == 0 => format!("file {file}"),
        (stream, Lang::Zh) => format!("{stream} 第 {} 条", broken.seq),
        (stream, Lang::En) => format!("event {} of {stream}", broken.seq),
    };
    match lang {
        Lang::Zh => format!("记录不完整：{place}，{reason}。\n请保留原样，与备份核对。"),
        Lang::En => format!("The record is broken: {place}: {reason}.\nKeep it as it is; compare with a backup."),
    }
}

fn checkpoint_words(made: &CheckpointOut, lang: Lang) -> String {
    match lang {
        Lang::Zh => format!("最近的检查点：第 {} 号，{}\n{}", made.number, made.at, made.hash),
        Lang::En => format!("Last checkpoint: No. {} at {}\n{}", made.number, made.at, made.hash),
    }
}

fn checkpoint(general: &General, as_json: bool) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let made = checkpoints::make(&installation.world, &Actor::system("cli"))
        .and_then(|made| Ok(made.ok_or_else(|| Refusal::new(Code::CheckpointRaced))?))
        .map_err(|failure| CliFault::from(failure).in_lang(lang))?;
    let told = CheckpointOut::from(&made);
    if as_json {
        say_json(&told);
    } else {
        say(&checkpoint_words(&told, lang));
    }
    Ok(ExitCode::SUCCESS)
}

fn export(general: &General, file: &Path) -> Result<ExitCode, CliFault> {
    let installation = general.open(Purpose::Use)?;
    let lang = installation.lang();
    let told = |failure: Failure| CliFault::from(failure).in_lang(lang);
    let shown = file.display().to_string();
    let unwritable = move |fault: std::io::Error| {
        Failure::from(Refusal::new(Code::FileUnwritable).with("name", &shown).with("reason", fault))
    };
    if file.exists() {
        return Err(told(unwritable(std::io::ErrorKind::AlreadyExists.into())));
    }
    // Under another name until it is whole.
    let part = file.with_added_extension("part");
    let mut writer = package::Writer::create(&part).map_err(|fault| told(unwritable(fault)))?;
    let world = &installation.world;
    world.write_now(|tx| access::note_export(tx, &Actor::system("cli"), "audit package")).map_err(told)?;
    checkpoints::make(world, &Actor::system("cli")).map_err(told)?;
    let failed = unwritable.clone();
    let written = world.read_now(move |read| -> Outcome<(i64, Option<CheckpointOut>)> {
        let made = audit::all_checkpoints(read)?;
        made.iter().try_for_each(|one| writer.checkpoint(one)).map_err(&failed)?;
        audit::each_head(read, |head| writer.head(head).map_err(&failed))?;
        let mut events = 0;
        audit::each_event(read, |line| {
            events += 1;
            writer.event(line).map_err(&failed)
        })?;
        writer.finish().map_err(&failed)?;
        Ok((events, made.last().map(CheckpointOut::from)))
    });
    let (events, last) = written.map_err(told)?;
    let hash = sha256(&part).map_err(|fault| told(unwritable(fault)))?;
    std::fs::rename(&part, file).map_err(|fault| told(unwritable(fault)))?;
    let head = match lang {
        Lang::Zh => format!("已导出 {events} 条事件到 {}\nSHA-256 {hash}", file.display()),
        Lang::En => format!("{events} events written to {}\nSHA-256 {hash}", file.display()),
    };
    say(&last.map_or(head.clone(), |made| format!("{head}\n{}", checkpoint_words(&made, lang))));
    Ok(ExitCode::SUCCESS)
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// A file that was given with a receipt, and its name in the letter if it is one of its files.
struct Given {
    path: String,
    sha256: String,
    name: Option<String>,
}

fn check_receipt(general: &General, file: &Path, attachments: &[PathBuf], as_json: bool) -> Result<ExitCode, CliFault> {
    let lang = lang_of(general);
    let told = |refusal: Refusal| CliFault::from(refusal).in_lang(lang);
    let shown = file.display().to_string();
    let bytes = std::fs::read(file).map_err(|fault| told(unreadable(&shown, &fault)))?;
    let no_receipt = || told(Refusal::new(Code::ReceiptUnreadable).with("name", &shown));
    let value: Value = serde_json::from_slice(&bytes).map_err(|_not_json| no_receipt())?;
    let proven = match receipt::check(&value) {
        Ok(proven) => proven,
        Err(ReceiptFault::Unreadable) => return Err(no_receipt()),
        Err(fault) => return Ok(not_believed(&fault, as_json, lang)),
    };
    let mut given = Vec::with_capacity(attachments.len());
    for path in attachments {
        let shown = path.display().to_string();
        let hash = sha256(path).map_err(|fault| told(unreadable(&shown, &fault)))?;
        let name = proven.files.iter().find(|file| file.sha256 == hash).map(|file| file.name.clone());
        given.push(Given { path: shown, sha256: hash, name });
    }
    Ok(believed(&proven, &given, as_json, lang))
}

fn not_believed(fault: &ReceiptFault, as_json: bool, lang: Lang) -> ExitCode {
    let why = match fault {
        ReceiptFault::Field(name) => match lang {
            Lang::Zh => format!("字段 {name} 与其中的记录不符"),
            Lang::En => format!("its field {name} is not what the record in it says"),
        },
        ReceiptFault::Hash | ReceiptFault::Unreadable => lang
            .pick("由其中的记录算出的哈希与 chain_hash 不同", "the record in it does not come to its chain_hash")
            .to_owned(),
    };
    if as_json {
        say_json(&json!({"whole": false, "reason": why}));
    } else {
        complain(&format!("{}{why}", lang.pick("回执不可信：", "The receipt does not hold: ")));
    }
    ExitCode::FAILURE
}

fn believed(proven: &Proven, given: &[Given], as_json: bool, lang: Lang) -> ExitCode {
    let is_whole = given.iter().all(|file| file.name.is_some());
    if as_json {
        let files: Vec<Value> = given
            .iter()
            .map(|file| json!({"path": file.path, "sha256": file.sha256, "attachment": file.name}))
            .collect();
        say_json(&json!({"whole": is_whole, "receipt": proven, "given": files}));
    } else {
        let head = match lang {
            Lang::Zh => format!("回执成立：{} 提交，哈希 {}", proven.submitted_at, proven.chain_hash),
            Lang::En => format!("The receipt holds: filed at {}, hash {}", proven.submitted_at, proven.chain_hash),
        };
        say(&head);
        for file in given {
            match &file.name {
                Some(name) => say(&format!("  {} = {name}", file.path)),
                None => complain(&format!(
                    "  {}{}",
                    file.path,
                    lang.pick("：不是该函的附件，或已被改动", ": no file of this letter, or changed since")
                )),
            }
        }
        let seen = |file: &&receipt::FileSaid| given.iter().all(|one| one.sha256 != file.sha256);
        for file in proven.files.iter().filter(seen) {
            say(&format!("  {}{}", file.name, lang.pick("：未核对", ": not checked")));
        }
        if !proven.unproven.is_empty() {
            let fields = proven.unproven.join(", ");
            say(&match lang {
                Lang::Zh => format!("  旧版记录未涵盖：{fields}"),
                Lang::En => format!("  not covered by a record of before: {fields}"),
            });
        }
    }
    if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
