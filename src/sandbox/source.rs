//! The source notice as it is shipped in `config/demo`, in either language, and the same notice with its dates moved.

use crate::actions::imports::{File, Kind, import};
use crate::actions::issue::{Issued, issue};
use crate::actions::notices::{self, NewDeadline, NoticeFields};
use crate::domain::actor::Actor;
use crate::domain::vocabulary::LookBackPolicy;
use crate::domain::words::Lang;
use crate::store::StoreError;
use crate::transaction::{Outcome, Tx};
use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

pub const UNITS: &str = include_str!("../../config/demo/units.csv");
const COVERAGE: &str = include_str!("../../config/demo/coverage.csv");

/// The files of one language.
struct Shelf {
    notice: &'static str,
    findings: &'static str,
    requirements: &'static str,
    assets: &'static str,
}

const ZH: Shelf = Shelf {
    notice: include_str!("../../config/demo/zh/notice.toml"),
    findings: include_str!("../../config/demo/zh/findings.csv"),
    requirements: include_str!("../../config/demo/zh/requirements.csv"),
    assets: include_str!("../../config/demo/zh/assets.csv"),
};

const EN: Shelf = Shelf {
    notice: include_str!("../../config/demo/en/notice.toml"),
    findings: include_str!("../../config/demo/en/findings.csv"),
    requirements: include_str!("../../config/demo/en/requirements.csv"),
    assets: include_str!("../../config/demo/en/assets.csv"),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoticeFile {
    code: String,
    title: String,
    basis: String,
    issued_by: String,
    feedback_to: String,
    look_back: LookBackPolicy,
    sampling: Sampling,
    deadline: DeadlineFile,
    #[serde(rename = "printed")]
    _printed: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sampling {
    from: NaiveDate,
    to: NaiveDate,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlineFile {
    on: NaiveDate,
    inclusive: bool,
    raw: String,
}

/// A notice ready to be drafted and issued: as printed, or with its dates moved.
pub struct Edition {
    pub code: String,
    /// Code of the unit that issues it.
    pub issued_by: String,
    fields: NoticeFields,
    findings: String,
    requirements: String,
    assets: &'static str,
}

impl Edition {
    /// As the source prints it.
    pub fn as_printed(lang: Lang) -> Result<Self, StoreError> {
        let shelf = shelf(lang);
        let file = notice(shelf)?;
        let deadline = file.deadline.on;
        Ok(edition(shelf, file, deadline))
    }

    /// The same findings under another code and title, due on `due_on`; every date in it is moved as far.
    pub fn moved(lang: Lang, code: &str, title: &str, due_on: NaiveDate) -> Result<Self, StoreError> {
        let shelf = shelf(lang);
        let file = NoticeFile { code: code.to_owned(), title: title.to_owned(), ..notice(shelf)? };
        Ok(edition(shelf, file, due_on))
    }

    /// Drafts it through the imports that everybody uses.
    pub fn draft(&self, tx: &mut Tx<'_>, actor: &Actor) -> Outcome<()> {
        notices::create(tx, actor, &self.code, &self.fields)?;
        for (kind, text) in [
            (Kind::Coverage, COVERAGE),
            (Kind::Findings, &self.findings),
            (Kind::Requirements, &self.requirements),
            (Kind::Assets, self.assets),
        ] {
            import(tx, actor, File { kind, bytes: text.as_bytes(), notice: Some(&self.code) })?;
        }
        Ok(())
    }

    pub fn issue(&self, tx: &mut Tx<'_>, actor: &Actor) -> Outcome<Issued> {
        issue(tx, actor, &self.code, None)
    }
}

fn shelf(lang: Lang) -> &'static Shelf {
    match lang {
        Lang::Zh => &ZH,
        Lang::En => &EN,
    }
}

fn notice(shelf: &Shelf) -> Result<NoticeFile, StoreError> {
    toml::from_str(shelf.notice).map_err(|fault| StoreError::Unsupported(format!("the demo's notice: {fault}")))
}

fn edition(shelf: &Shelf, file: NoticeFile, due_on: NaiveDate) -> Edition {
    let printed_on = file.deadline.on;
    let days = due_on - printed_on;
    let later = |date: NaiveDate| date.checked_add_signed(days).unwrap_or(date);
    // The deadline stands in texts too, in the words of either language.
    let dated = |text: &str| text.replace(&zh(printed_on), &zh(due_on)).replace(&en(printed_on), &en(due_on));
    Edition {
        fields: NoticeFields {
            title: Some(file.title),
            basis: Some(Some(file.basis)),
            sampling: Some(Some((later(file.sampling.from), later(file.sampling.to)))),
            deadline: Some(Some(NewDeadline {
                on: Some(due_on),
                cutoff: None,
                inclusive: Some(file.deadline.inclusive),
                raw: Some(dated(&file.deadline.raw)),
            })),
            feedback_to: Some(Some(file.feedback_to)),
            look_back: Some(file.look_back),
            ..NoticeFields::default()
        },
        code: file.code,
        issued_by: file.issued_by,
        findings: dated(shelf.findings),
        requirements: dated(shelf.requirements),
        assets: shelf.assets,
    }
}

fn zh(date: NaiveDate) -> String {
    format!("{}年{}月{}日", date.year(), date.month(), date.day())
}

fn en(date: NaiveDate) -> String {
    date.format("%-d %B %Y").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_notice_moves_every_date_that_is_printed_in_it() {
        let due_on = NaiveDate::from_ymd_opt(2026, 3, 5).unwrap();
        for lang in [Lang::Zh, Lang::En] {
            let printed = Edition::as_printed(lang).unwrap();
            let moved = Edition::moved(lang, "X", "t", due_on).unwrap();
            let date = lang.pick("2026年3月5日", "5 March 2026");
            assert!(moved.requirements.contains(date) && !printed.requirements.contains(date));
            for text in [&moved.requirements, &moved.findings] {
                assert!(!text.contains("2021年8月") && !text.contains("August 2021"));
            }
            let deadline = moved.fields.deadline.clone().unwrap().unwrap();
            assert_eq!((deadline.on, deadline.raw.as_deref()), (Some(due_on), Some("于2026年3月5日前")));
            let (from, to) = moved.fields.sampling.unwrap().unwrap();
            assert_eq!((due_on - to).num_days(), 66, "as far before the deadline as it was printed");
            assert_eq!((to - from).num_days(), 47);
            assert_eq!(printed.code, "2021Q2");
        }
    }
}
