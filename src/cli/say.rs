//! What the command line says: results on standard output, faults on standard error, in the reader's language.

use crate::config::ConfigFault;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::words::Lang;
use crate::installation::OpenFault;
use crate::store::StoreError;
use crate::transaction::Failure;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Why a command failed, and the language it is told in.
#[derive(Debug)]
pub struct CliFault {
    lang: Lang,
    reasons: Vec<Reason>,
}

#[derive(Debug)]
enum Reason {
    Settings(ConfigFault),
    Failed(Failure),
}

impl CliFault {
    /// Everything that stands in the way.
    pub fn all(lang: Lang, faults: Vec<Self>) -> Self {
        Self { lang, reasons: faults.into_iter().flat_map(|fault| fault.reasons).collect() }
    }

    pub fn in_lang(self, lang: Lang) -> Self {
        Self { lang, ..self }
    }

    /// Says it on standard error, and is the exit code.
    pub fn tell(&self, asked: Option<Lang>) -> ExitCode {
        let lang = asked.unwrap_or(self.lang);
        let mut text = String::new();
        for reason in &self.reasons {
            match reason {
                Reason::Settings(fault) => {
                    let head = lang.pick("设置有误：", "the settings are not right:");
                    let _ = write!(text, "{head}\n{}\n", indented(&fault.to_string()));
                    let foot = lang.pick(
                        "全部设置及默认值见 rectify config --defaults",
                        "`rectify config --defaults` shows every setting",
                    );
                    text.push_str(foot);
                    text.push('\n');
                }
                Reason::Failed(failure) => text.push_str(&words(failure, lang)),
            }
        }
        complain(&text);
        ExitCode::FAILURE
    }
}

impl From<Failure> for CliFault {
    fn from(failure: Failure) -> Self {
        Self { lang: Lang::Zh, reasons: vec![Reason::Failed(failure)] }
    }
}

impl From<Refusal> for CliFault {
    fn from(refusal: Refusal) -> Self {
        Failure::from(refusal).into()
    }
}

impl From<ConfigFault> for CliFault {
    fn from(fault: ConfigFault) -> Self {
        Self { lang: Lang::En, reasons: vec![Reason::Settings(fault)] }
    }
}

impl From<OpenFault> for CliFault {
    fn from(fault: OpenFault) -> Self {
        match fault {
            OpenFault::Settings(fault) => fault.into(),
            OpenFault::Failed(failure) => failure.into(),
        }
    }
}

/// A failure in plain words, one line each thing.
pub fn words(failure: &Failure, lang: Lang) -> String {
    match failure {
        Failure::Refused(refusal) if refusal.faults.is_empty() => {
            let colon = lang.pick("：", ": ");
            format!("{}{colon}{}\n", refusal.title(lang), refusal.detail(lang))
        }
        Failure::Refused(refusal) => {
            let mut text = format!("{}{}\n", refusal.title(lang), lang.pick("：", ":"));
            for fault in &refusal.faults {
                let _ = writeln!(text, "  {}", fault_words(fault, None, lang));
            }
            text
        }
        Failure::Store(StoreError::Busy) => told(Code::Busy, lang),
        Failure::Store(StoreError::Unavailable(why)) => {
            format!("{}{}{why}\n", Code::StorageUnavailable.title(lang), lang.pick("：", ": "))
        }
        Failure::Store(
            error @ (StoreError::Diesel(_)
            | StoreError::Migration(_)
            | StoreError::Unsupported(_)
            | StoreError::Panicked(_)),
        ) => format!("{error}\n"),
    }
}

fn told(code: Code, lang: Lang) -> String {
    format!("{}{}{}\n", code.title(lang), lang.pick("：", ": "), code.template(lang))
}

/// A fault with its place: `units.csv:7 “kind”: …` of a file, `--notice: …` of a flag.
pub fn fault_words(fault: &Fault, file: Option<&str>, lang: Lang) -> String {
    let detail = fault.detail(lang);
    match &fault.place {
        Place::Cell { row, column } => {
            let file = file.unwrap_or_else(|| lang.pick("第", "line "));
            let joint = if file.ends_with([' ', '第']) { "" } else { ":" };
            let column = if column.is_empty() {
                String::new()
            } else {
                lang.pick(" “", " \"").to_owned() + column + lang.pick("”", "\"")
            };
            format!("{file}{joint}{row}{column}{}{detail}", lang.pick("：", ": "))
        }
        Place::Parameter(name) => format!("--{name}{}{detail}", lang.pick("：", ": ")),
        Place::Pointer(pointer) => format!("{}{}{detail}", flag(pointer), lang.pick("：", ": ")),
        Place::Whole => detail,
    }
}

/// The flag that a body's field is given by: `/unit_id` is `--unit`.
fn flag(pointer: &str) -> String {
    let name = pointer.trim_start_matches('/');
    match name.split('/').next().unwrap_or(name) {
        "login" => "LOGIN".to_owned(),
        "unit_id" => "--unit".to_owned(),
        "password" => "--password-file".to_owned(),
        name => format!("--{}", name.replace('_', "-")),
    }
}

/// A refusal for programs, in the form of the interface's problems.
pub fn problem(refusal: &Refusal, lang: Lang) -> Value {
    let errors: Vec<Value> = refusal.faults.iter().map(|fault| place_of(fault, lang)).collect();
    json!({
        "code": refusal.code.as_str(), "title": refusal.title(lang), "detail": refusal.detail(lang), "errors": errors,
    })
}

fn place_of(fault: &Fault, lang: Lang) -> Value {
    let (code, detail) = (fault.code.as_str(), fault.detail(lang));
    match &fault.place {
        Place::Cell { row, column } => json!({"row": row, "column": column, "code": code, "detail": detail}),
        Place::Parameter(name) => json!({"parameter": name, "code": code, "detail": detail}),
        Place::Pointer(pointer) => json!({"pointer": pointer, "code": code, "detail": detail}),
        Place::Whole => json!({"code": code, "detail": detail}),
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Prints a result. Whoever stops reading (`| head`) has had enough.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// Prints a result for programs: one JSON document.
pub fn say_json<T: Serialize>(value: &T) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints beside the result: what went wrong, what to do next.
pub fn complain(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}

/// A file that couldn't be read.
pub fn unreadable(name: &str, fault: &std::io::Error) -> Refusal {
    Refusal::new(Code::FileUnreadable).with("name", name).with("reason", fault)
}

/// Columns as wide as their widest cell on a terminal; Chinese letters take two places.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| places(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - places(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn places(text: &str) -> usize {
    text.chars().map(|letter| if u32::from(letter) >= 0x1100 { 2 } else { 1 }).sum()
}
