//! Imports: an office's CSV files taken in, all of a file or nothing. Codes and logins recognise what is there already:
//! rows that say nothing new change nothing, leave no event and no new version.

mod assets;
mod notices;
mod units;
mod users;

use crate::actions::assets::KEEPERS;
use crate::domain::actor::Actor;
use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::domain::vocabulary::Role;
use crate::files::imports::{self as files, Sheet};
use crate::files::table::MAX_FAULTS;
use crate::text_enum;
use crate::transaction::{Failure, Outcome, Tx};
use serde::Serialize;
use utoipa::ToSchema;

text_enum! {
    /// What a file holds.
    Kind {
        Units = "units",
        Users = "users",
        Findings = "findings",
        Coverage = "coverage",
        Requirements = "requirements",
        Assets = "assets",
    }
}

text_enum! {
    /// What became of a row.
    Fate { Created = "created", Updated = "updated", Unchanged = "unchanged" }
}

/// A file to take in.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    pub kind: Kind,
    pub bytes: &'a [u8],
    /// Id or code of the draft that findings, coverage rows and requirements belong to.
    pub notice: Option<&'a str>,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Imported {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub rows: Vec<ImportedRow>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportedRow {
    /// Its line in the file.
    pub row: u64,
    /// Its code or login; of a coverage row the unit's code and the kind.
    pub key: String,
    pub fate: Fate,
}

/// Takes a file in.
///
/// # Errors
/// Every bad row with line, column and reason; nothing is changed then.
pub fn import(tx: &mut Tx<'_>, actor: &Actor, file: File<'_>) -> Outcome<Imported> {
    actor.require(match file.kind {
        Kind::Units | Kind::Users => &[Role::Admin],
        Kind::Assets => &KEEPERS,
        Kind::Findings | Kind::Coverage | Kind::Requirements => &[Role::Coordinator],
    })?;
    match file.kind {
        Kind::Units => units::import(tx, actor, &files::parse_units(file.bytes)?),
        Kind::Users => users::import(tx, actor, &files::parse_users(file.bytes)?),
        Kind::Assets => assets::import(tx, actor, file.notice, &files::parse_assets(file.bytes)?),
        Kind::Findings => notices::findings(tx, actor, named(file.notice)?, &files::parse_findings(file.bytes)?),
        Kind::Coverage => notices::coverage(tx, actor, named(file.notice)?, &files::parse_coverage(file.bytes)?),
        Kind::Requirements => {
            notices::requirements(tx, actor, named(file.notice)?, &files::parse_requirements(file.bytes)?)
        }
    }
}

/// What `import` would do; nothing is written.
///
/// # Errors
/// The same.
pub fn rehearse(tx: &mut Tx<'_>, actor: &Actor, file: File<'_>) -> Outcome<Imported> {
    tx.rehearse(|tx| import(tx, actor, file))
}

fn named(notice: Option<&str>) -> Result<&str, Refusal> {
    notice.ok_or_else(|| Refusal::field(Fault::new(Place::Parameter("notice".to_owned()), Code::FieldRequired)))
}

fn unknown_notice(key: &str) -> Refusal {
    Refusal::field(Fault::new(Place::Parameter("notice".to_owned()), Code::FieldReference).with("value", key))
}

/// A file being gone through: what became of its rows, and all that is wrong with them.
struct Tally<'a, T> {
    sheet: &'a Sheet<T>,
    rows: Vec<ImportedRow>,
    faults: Vec<Fault>,
}

impl<'a, T> Tally<'a, T> {
    fn of(sheet: &'a Sheet<T>) -> Self {
        Self { sheet, rows: Vec::with_capacity(sheet.len()), faults: Vec::new() }
    }

    fn note(&mut self, row: u64, key: impl Into<String>, fate: Fate) {
        self.rows.push(ImportedRow { row, key: key.into(), fate });
    }

    /// `fault` sits in this cell, wherever it thought it sat.
    fn fault(&mut self, row: u64, column: &str, fault: Fault) {
        self.faults.push(Fault { place: self.sheet.place(row, column), ..fault });
    }

    /// The outcome of something done for one row. Faults of fields become faults of its cells, and the next row is
    /// looked at; any other failure ends the import.
    fn of_row<V>(&mut self, row: u64, outcome: Outcome<V>) -> Outcome<Option<V>> {
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Failure::Refused(refusal)) if refusal.code == Code::Invalid => {
                for fault in refusal.faults {
                    let column = column_of(&fault.place).to_owned();
                    self.fault(row, &column, fault);
                }
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// The whole result, or all faults in the order of their lines.
    fn done(mut self) -> Outcome<Imported> {
        if !self.faults.is_empty() {
            self.faults.sort_by_key(|fault| match &fault.place {
                Place::Cell { row, .. } => *row,
                Place::Pointer(_) | Place::Parameter(_) | Place::Whole => 0,
            });
            let more = self.faults.len().saturating_sub(MAX_FAULTS);
            self.faults.truncate(MAX_FAULTS);
            if more > 0 {
                self.faults.push(Fault::new(Place::Whole, Code::CsvMore).with("count", more));
            }
            return Err(Refusal::invalid(self.faults).into());
        }
        self.rows.sort_by_key(|row| row.row);
        let count = |fate| self.rows.iter().filter(|row| row.fate == fate).count();
        Ok(Imported {
            created: count(Fate::Created),
            updated: count(Fate::Updated),
            unchanged: count(Fate::Unchanged),
            rows: self.rows,
        })
    }
}

/// The column that a fault of a body's field belongs to: `/unit_ids/3` is a cell of `unit_codes`.
fn column_of(place: &Place) -> &str {
    let Place::Pointer(pointer) = place else { return "code" };
    let named = pointer.split('/').find(|part| !part.is_empty() && part.parse::<usize>().is_err());
    match named.unwrap_or("code") {
        "unit_id" => "unit_code",
        "unit_ids" => "unit_codes",
        "co_unit_ids" => "co_unit_codes",
        "asset_ids" => "finding_codes",
        column => column,
    }
}

/// The row of a list that a fault belongs to: `/12/text` is row 12, counted from 0.
fn index_of(place: &Place) -> Option<usize> {
    let Place::Pointer(pointer) = place else { return None };
    pointer.split('/').nth(1)?.parse().ok()
}
