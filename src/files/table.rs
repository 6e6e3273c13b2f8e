//! A table file checked against a layout: columns by name in either language, cells by type, every bad cell
//! told with its line and the name its column has in the user's own header. For `imports`.

use crate::domain::refusal::{Arg, Code, Fault, Place};
use crate::domain::words::Lang;
use crate::files::cells::{bad, fold};
use crate::files::csv::{self, MAX_COLUMNS, Record};
use std::collections::HashMap;

/// Most rows of one file, blank ones aside.
pub const MAX_ROWS: usize = 20_000;
/// Most characters of one cell.
pub const MAX_CELL: usize = 10_000;
/// Most items of a list inside a cell.
pub const MAX_ITEMS: usize = 200;
/// Most faults listed; the rest are counted.
pub const MAX_FAULTS: usize = 200;

/// One column of a layout.
#[derive(Debug)]
pub struct Column {
    /// Its English header, and the name code asks for it by.
    pub name: &'static str,
    /// Its Chinese headers, the usual one first.
    pub zh: &'static [&'static str],
    /// Must the header have it?
    pub required: bool,
}

impl Column {
    #[must_use]
    pub const fn required(name: &'static str, zh: &'static [&'static str]) -> Self {
        Self { name, zh, required: true }
    }

    #[must_use]
    pub const fn optional(name: &'static str, zh: &'static [&'static str]) -> Self {
        Self { name, zh, required: false }
    }

    /// The header to print for it.
    #[must_use]
    pub fn header(&self, lang: Lang) -> &'static str {
        lang.pick(self.zh.first().copied().unwrap_or(self.name), self.name)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.zh.iter().copied())
    }
}

/// The columns a kind of file may have, in any order.
#[derive(Debug)]
pub struct Layout(pub &'static [Column]);

impl Layout {
    /// The header line of an empty form.
    #[must_use]
    pub fn headers(&self, lang: Lang) -> Vec<&'static str> {
        self.0.iter().map(|column| column.header(lang)).collect()
    }

    fn find(&self, header: &str) -> Option<&'static Column> {
        let wanted = fold(header);
        self.0.iter().find(|column| column.names().any(|name| fold(name) == wanted))
    }

    fn known(&self) -> Arg {
        Arg::both(self.headers(Lang::Zh).join("、"), self.headers(Lang::En).join(", "))
    }

    /// "did you mean", where a known name is near enough; else the known names.
    fn hint(&self, header: &str) -> Arg {
        let wanted = fold(header);
        let near = self
            .0
            .iter()
            .flat_map(Column::names)
            .map(|name| (closeness(&wanted, &fold(name)), name))
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .filter(|(score, _)| *score >= 0.5);
        match near {
            Some((_, name)) => Arg::both(format!("，是否应为“{name}”"), format!("; did you mean {name}?")),
            None => Arg::both(
                format!("；可用列：{}", self.headers(Lang::Zh).join("、")),
                format!("; known columns: {}", self.headers(Lang::En).join(", ")),
            ),
        }
    }
}

fn closeness(given: &str, known: &str) -> f64 {
    let within = |short: &str, long: &str| short.chars().count() > 1 && long.contains(short);
    let floor = if within(given, known) || within(known, given) { 0.6 } else { 0.0 };
    strsim::normalized_damerau_levenshtein(given, known).max(floor)
}

/// The name a spreadsheet gives the column at `index` (from 0), for columns without a header.
fn letters(index: usize) -> String {
    let mut name = String::new();
    let mut rest = index + 1;
    while rest > 0 {
        let letter = u8::try_from((rest - 1) % 26).unwrap_or_default();
        name.insert(0, char::from(b'A' + letter));
        rest = (rest - 1) / 26;
    }
    name
}

/// A file's rows under their header. Rows are reached through [`Table::check`] only, so that a fault of the
/// file's shape can't be overlooked.
#[derive(Debug)]
pub struct Table {
    /// The header's cells as the user wrote them.
    header: Vec<String>,
    /// Where each column of the layout stands.
    places: HashMap<&'static str, usize>,
    rows: Vec<Result<Record, Fault>>,
}

impl Table {
    /// Reads a text whose delimiter (`,`, `;` or tab) is told from its header. Faults of the header end here;
    /// those of rows wait for [`Table::check`], so that one upload shows everything.
    pub fn read(text: &str, layout: &Layout) -> Result<Self, Vec<Fault>> {
        let delimiter = sniff(text, layout);
        Self::from_records(csv::records(text, delimiter), layout)
    }

    /// The same from records that another reader has made; the first that is not blank is the header.
    pub fn from_records(records: impl IntoIterator<Item = Record>, layout: &Layout) -> Result<Self, Vec<Fault>> {
        let mut records = records.into_iter().filter(|record| !record.is_blank());
        let header = records.next().unwrap_or(Record { row: 1, cells: Vec::new(), width: 0, broken_quote: None });
        let mut table = Self::under(&header, layout)?;
        for record in records {
            if table.rows.len() == MAX_ROWS {
                let place = Place::Cell { row: record.row, column: String::new() };
                table.rows.push(Err(Fault::new(place, Code::CsvRows).with("max", MAX_ROWS)));
                break;
            }
            let row = table.shaped(record);
            table.rows.push(row);
        }
        Ok(table)
    }

    fn under(record: &Record, layout: &Layout) -> Result<Self, Vec<Fault>> {
        let row = record.row;
        let at = |column: &str, code| Fault::new(Place::Cell { row, column: column.to_owned() }, code);
        if let Some(index) = record.broken_quote {
            return Err(vec![at(&letters(index), Code::CsvQuote)]);
        }
        if record.width > MAX_COLUMNS {
            return Err(vec![at("", Code::CsvColumns).with("max", MAX_COLUMNS).with("found", record.width)]);
        }
        let mut header: Vec<String> = record.cells.iter().map(|cell| csv::trim(cell).to_owned()).collect();
        // Excel leaves the delimiters of columns that once were there.
        while header.last().is_some_and(String::is_empty) {
            header.pop();
        }
        let mut faults = Faults::default();
        let mut places = HashMap::new();
        for (index, name) in header.iter().enumerate() {
            if let Some(column) = layout.find(name) {
                if places.insert(column.name, index).is_some() {
                    faults.push(at(name, Code::FieldDuplicate).with("value", name));
                }
            } else {
                let shown = if name.is_empty() { letters(index) } else { name.chars().take(80).collect() };
                faults.push(at(&shown, Code::CsvColumnUnknown).with("name", &shown).with("hint", layout.hint(&shown)));
            }
        }
        let lang = if header.iter().any(|name| !name.is_ascii()) { Lang::Zh } else { Lang::En };
        for column in layout.0.iter().filter(|column| column.required && !places.contains_key(column.name)) {
            faults.push(
                at(column.header(lang), Code::CsvHeader)
                    .with("missing", Arg::both(column.header(Lang::Zh), column.header(Lang::En)))
                    .with("known", layout.known()),
            );
        }
        faults.or(Self { header, places, rows: Vec::new() })
    }

    /// The record with its cells trimmed and as many as the header has; else what is wrong with its shape.
    fn shaped(&self, mut record: Record) -> Result<Record, Fault> {
        let row = record.row;
        let at = |index: usize, code| {
            let column = self.header.get(index).cloned().unwrap_or_else(|| letters(index));
            Fault::new(Place::Cell { row, column }, code)
        };
        if let Some(index) = record.broken_quote {
            return Err(at(index, Code::CsvQuote));
        }
        let expected = self.header.len();
        let surplus = record.cells.iter().skip(expected).any(|cell| !csv::trim(cell).is_empty());
        if record.width < expected || record.width > record.cells.len() || surplus {
            return Err(at(record.width.min(expected), Code::CsvWidth)
                .with("expected", expected)
                .with("found", record.width));
        }
        record.cells.truncate(expected);
        for (index, cell) in record.cells.iter_mut().enumerate() {
            let length = cell.chars().count();
            if length > MAX_CELL {
                return Err(at(index, Code::FieldTooLong).with("max", MAX_CELL).with("length", length));
            }
            let trimmed = csv::trim(cell);
            if trimmed.len() < cell.len() {
                *cell = trimmed.to_owned();
            }
        }
        Ok(record)
    }

    /// The layout's columns that the file has, each with its header as the user wrote it.
    #[must_use]
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let written = |index: usize| self.header.get(index).cloned().unwrap_or_default();
        self.places.iter().map(|(name, index)| (*name, written(*index))).collect()
    }

    /// Every row through `read`, which answers nothing where it has met a fault. All faults of all rows in
    /// the order of their lines, at most [`MAX_FAULTS`] of them and a count of the rest; or every row.
    pub fn check<T>(&self, mut read: impl FnMut(&mut Row<'_>) -> Option<T>) -> Result<Vec<T>, Vec<Fault>> {
        let mut faults = Faults::default();
        let mut seen = HashMap::new();
        let mut items = Vec::with_capacity(self.rows.len());
        if self.rows.is_empty() {
            faults.push(Fault::new(Place::Whole, Code::CsvNoRows));
        }
        for row in &self.rows {
            match row {
                Ok(record) => {
                    items.extend(read(&mut Row { table: self, record, faults: &mut faults, seen: &mut seen }));
                }
                Err(fault) => faults.push(fault.clone()),
            }
        }
        // A reader that drops a row must have said why; half a file is never taken for the whole.
        debug_assert!(items.len() == self.rows.len() || !faults.listed.is_empty());
        faults.or(items)
    }
}

fn sniff(text: &str, layout: &Layout) -> char {
    let fit = |delimiter: char| {
        csv::records(text, delimiter).find(|record| !record.is_blank()).map_or((0, 0), |header| {
            (header.cells.iter().filter(|cell| layout.find(cell).is_some()).count(), header.width)
        })
    };
    let mut best = (',', fit(','));
    for delimiter in [';', '\t'] {
        let found = fit(delimiter);
        if found > best.1 {
            best = (delimiter, found);
        }
    }
    best.0
}

#[derive(Debug, Default)]
struct Faults {
    listed: Vec<Fault>,
    more: u64,
}

impl Faults {
    fn push(&mut self, fault: Fault) {
        if self.listed.len() < MAX_FAULTS {
            self.listed.push(fault);
        } else {
            self.more += 1;
        }
    }

    fn or<T>(mut self, value: T) -> Result<T, Vec<Fault>> {
        if self.more > 0 {
            self.listed.push(Fault::new(Place::Whole, Code::CsvMore).with("count", self.more));
        }
        if self.listed.is_empty() { Ok(value) } else { Err(self.listed) }
    }
}

/// One row being read. Its methods answer nothing where the cell is bad, and have noted why: read all cells
/// first, then use `?`, so that one row tells all its faults.
#[derive(Debug)]
pub struct Row<'a> {
    table: &'a Table,
    record: &'a Record,
    faults: &'a mut Faults,
    /// Keys met so far, and their lines.
    seen: &'a mut HashMap<String, u64>,
}

impl<'a> Row<'a> {
    /// The line on which the row begins.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.record.row
    }

    fn cell(&self, column: &str) -> &'a str {
        self.table.places.get(column).and_then(|index| self.record.cells.get(*index)).map_or("", String::as_str)
    }

    /// Notes a fault of the cell in `column`; where the fault itself says it sits is replaced.
    pub fn fault(&mut self, column: &str, fault: Fault) {
        let header = self.table.places.get(column).and_then(|index| self.table.header.get(*index));
        let column = header.map_or_else(|| column.to_owned(), Clone::clone);
        self.faults.push(Fault { place: Place::Cell { row: self.record.row, column }, ..fault });
    }

    fn noted<T>(&mut self, column: &str, outcome: Result<T, Fault>) -> Option<T> {
        outcome.map_err(|fault| self.fault(column, fault)).ok()
    }

    /// A cell that must be filled.
    pub fn required<T>(&mut self, column: &str, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Option<T> {
        let cell = self.cell(column);
        let outcome = if cell.is_empty() { Err(bad(Code::FieldRequired)) } else { parse(cell) };
        self.noted(column, outcome)
    }

    /// A cell that may be empty, or its column absent.
    pub fn optional<T>(&mut self, column: &str, parse: impl FnOnce(&str) -> Result<T, Fault>) -> Option<Option<T>> {
        let cell = self.cell(column);
        if cell.is_empty() {
            return Some(None);
        }
        let outcome = parse(cell).map(Some);
        self.noted(column, outcome)
    }

    /// The items of a cell, separated by `;` or `；`; none where it is empty. An item may stand once.
    pub fn list<T: PartialEq>(&mut self, column: &str, parse: impl Fn(&str) -> Result<T, Fault>) -> Option<Vec<T>> {
        let cell = self.cell(column);
        let items: Vec<&str> = cell.split([';', '；']).map(csv::trim).filter(|item| !item.is_empty()).collect();
        if items.len() > MAX_ITEMS {
            return self.noted(column, Err(bad(Code::FieldTooMany).with("max", MAX_ITEMS)));
        }
        let mut parsed: Vec<T> = Vec::with_capacity(items.len());
        let mut whole = true;
        for item in items {
            let outcome = parse(item).and_then(|value| {
                if parsed.contains(&value) { Err(bad(Code::FieldDuplicate).with("value", item)) } else { Ok(value) }
            });
            match self.noted(column, outcome) {
                Some(value) => parsed.push(value),
                None => whole = false,
            }
        }
        whole.then_some(parsed)
    }

    /// Notes a fault where an earlier row has this key. Upper and lower case count as one: two logins that
    /// differ by case alone are one person's mistake.
    pub fn once(&mut self, column: &str, key: &str) {
        let earlier = self.seen.get(&key.to_ascii_lowercase()).copied();
        match earlier {
            Some(row) => self.fault(column, bad(Code::CsvRepeated).with("value", key).with("row", row)),
            None => {
                self.seen.insert(key.to_ascii_lowercase(), self.record.row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::cells::{count, date, one_line, paragraphs};
    use crate::files::csv::{Mark, Writer, decode};
    use chrono::NaiveDate;
    use proptest::prelude::*;

    const LAYOUT: Layout = Layout(&[
        Column::required("unit_code", &["单位代码", "代码"]),
        Column::required("name", &["名称"]),
        Column::optional("due_on", &["期限"]),
        Column::optional("checked", &["检查数"]),
    ]);

    type Read = (u64, String, String, Option<NaiveDate>, Option<u32>);

    fn rows(text: &str) -> Result<Vec<Read>, Vec<Fault>> {
        Table::read(text, &LAYOUT)?.check(|row| {
            let code = row.required("unit_code", text_20);
            let name = row.required("name", one_line(20));
            let due = row.optional("due_on", date);
            let checked = row.optional("checked", count);
            if let Some(code) = &code {
                row.once("unit_code", code);
            }
            Some((row.line(), code?, name?, due?, checked?))
        })
    }

    fn text_20(cell: &str) -> Result<String, Fault> {
        one_line(20)(cell)
    }

    fn faults(text: &str) -> Vec<(u64, String, Code)> {
        rows(text)
            .unwrap_err()
            .into_iter()
            .map(|fault| match fault.place {
                Place::Cell { row, column } => (row, column, fault.code),
                Place::Pointer(_) | Place::Parameter(_) | Place::Whole => (0, String::new(), fault.code),
            })
            .collect()
    }

    #[test]
    fn headers_are_known_in_both_languages_in_any_order_and_with_any_delimiter() {
        for text in [
            "unit_code,name\na,甲",
            " Name ; UNIT CODE\n甲 ;　a　",
            "\"名称\"\t单位代码\n甲\ta",
            "\u{feff}name,代码,,\n\n甲,a,,\n,,,\n",
        ] {
            let read = rows(text).unwrap();
            assert_eq!((read[0].1.as_str(), read[0].2.as_str(), read.len()), ("a", "甲", 1), "{text:?}");
        }
    }

    #[test]
    fn faults_of_the_header_are_told_with_the_nearest_name() {
        let faults = rows("unit_cod,单位名称,检查数,检查数\n").unwrap_err();
        let codes: Vec<Code> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(
            codes,
            [Code::CsvColumnUnknown, Code::CsvColumnUnknown, Code::FieldDuplicate, Code::CsvHeader, Code::CsvHeader]
        );
        assert!(faults[0].detail(Lang::En).contains("did you mean unit_code?"), "{}", faults[0].detail(Lang::En));
        assert!(faults[1].detail(Lang::Zh).contains("是否应为“名称”"), "{}", faults[1].detail(Lang::Zh));
        assert_eq!(faults[3].place, Place::Cell { row: 1, column: "单位代码".into() });
        let wide = rows(&"x,".repeat(100)).unwrap_err();
        assert_eq!(wide[0].code, Code::CsvColumns);
    }

    #[test]
    fn all_bad_cells_of_all_rows_are_told_with_line_and_printed_column() {
        let text = "单位代码,名称,期限,检查数\n\na,\"two\r\nlines\",2021-02-29,-1\nb\nc,,2021/8/27,二\nc,x,8/27/2021,1,extra\nA,y,２０２１年８月２７日,１２\nd,\"z\n";
        assert_eq!(
            faults(text),
            [
                (3, "名称".into(), Code::FieldControl),
                (3, "期限".into(), Code::FieldDate),
                (3, "检查数".into(), Code::FieldType),
                (5, "名称".into(), Code::CsvWidth),
                (6, "名称".into(), Code::FieldRequired),
                (6, "检查数".into(), Code::FieldType),
                (7, "E".into(), Code::CsvWidth),
                (8, "单位代码".into(), Code::CsvRepeated),
                (9, "名称".into(), Code::CsvQuote),
            ]
        );
    }

    #[test]
    fn limits_are_faults() {
        assert_eq!(faults("unit_code,name\n"), [(0, String::new(), Code::CsvNoRows)]);
        let long = format!("unit_code,name\na,{}\n", "长".repeat(MAX_CELL + 1));
        assert_eq!(faults(&long), [(2, "name".into(), Code::FieldTooLong)]);
        let many = "u,x\n".repeat(MAX_ROWS + 1);
        let read = Table::read(&format!("unit_code,name\n{many}"), &LAYOUT).unwrap().check(|row| Some(row.line()));
        let place = Place::Cell { row: 20_002, column: String::new() };
        assert_eq!(read.unwrap_err(), [Fault::new(place, Code::CsvRows).with("max", MAX_ROWS)]);
        assert_eq!(faults("unit_code,name,checked\na,x,1000001")[0].2, Code::FieldOutOfRange);
        let bad = faults(&format!("unit_code,name\n{}", "a\n".repeat(250)));
        assert_eq!((bad.len(), bad[200].2), (MAX_FAULTS + 1, Code::CsvMore));
    }

    #[test]
    fn lists_take_both_semicolons_and_refuse_repeats() {
        let read = |cell: &str| {
            let table = Table::read(&format!("unit_code,name\n\"{cell}\",x"), &LAYOUT).unwrap();
            table.check(|row| row.list("unit_code", text_20)).map(|mut rows| rows.remove(0))
        };
        assert_eq!(read("a; b；c;").unwrap(), ["a", "b", "c"]);
        assert!(read("").unwrap().is_empty());
        assert_eq!(read("a;b;a").unwrap_err()[0].code, Code::FieldDuplicate);
        assert_eq!(read(&"a;".repeat(MAX_ITEMS + 1)).unwrap_err()[0].code, Code::FieldTooMany);
    }

    #[test]
    fn columns_without_a_header_have_a_spreadsheets_letters() {
        let named: Vec<String> = [0, 25, 26, 51, 52, 701, 702].map(letters).into();
        assert_eq!(named, ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(unit_code|代码|name|[,;\t\"\r\n =0-9年a区　]){0,40}") {
            let _ = rows(&text);
            let _ = rows(&format!("unit_code,name,due_on,checked\n{text}"));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(text) = decode(&bytes) {
                let _ = rows(&text);
            }
        }

        #[test]
        fn every_encoding_gives_the_same_rows(
            names in prop::collection::vec("[a-z双清区城步县，；\"\\n,]{1,12}", 1..10)
        ) {
            let write = |mark| {
                let mut out = Writer::new(mark);
                out.row(["单位代码", "名称"]);
                for (index, name) in names.iter().enumerate() {
                    out.row([format!("u{index}"), format!("x{name}x")]);
                }
                out.finish()
            };
            let read = |bytes: &[u8]| {
                Table::read(&decode(bytes).unwrap(), &LAYOUT)
                    .and_then(|table| table.check(|row| row.required("name", paragraphs(20)).map(|n| (row.line(), n))))
                    .unwrap()
            };
            let plain = write(Mark::None);
            let (gb, _, lost) = encoding_rs::GB18030.encode(std::str::from_utf8(&plain).unwrap());
            prop_assert!(!lost);
            let expected: Vec<String> = names.iter().map(|name| format!("x{name}x")).collect();
            prop_assert_eq!(read(&plain).into_iter().map(|(_, n)| n).collect::<Vec<_>>(), expected);
            prop_assert_eq!(read(&plain), read(&write(Mark::Bom)));
            prop_assert_eq!(read(&plain), read(&gb));
        }
    }
}
