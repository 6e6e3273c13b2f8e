//! CSV as offices send and open it: bytes to text, text to records with their lines, records to bytes.
//! For `table`, which gives the records names and types, and for every export.
//!
//! Why not the `csv` crate: it counts `\n` only and takes a record's line before it skips the blank lines
//! ahead of it, so its numbers are not those of an editor; and a quote that is never closed silently
//! swallows the rest of the file, where an import has to name the line. The tests hold our output against it.

use crate::domain::refusal::{Arg, Code, Refusal};
use encoding_rs::{Encoding, GB18030, UTF_16BE, UTF_16LE};
use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// Largest upload read as a table.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most columns a table may have.
pub const MAX_COLUMNS: usize = 60;

const BOM: &str = "\u{feff}";

/// The text of an upload: UTF-8 with or without BOM, UTF-16 with BOM (Excel's "Unicode text"), else GB18030.
/// Whatever is none of them, or holds NUL, is refused.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(Refusal::new(Code::FileTooLarge).with("name", the_file()).with("limit", "16 MiB"));
    }
    let text = if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        // The BOM has said UTF-8: a bad byte is damage, not another encoding.
        std::str::from_utf8(rest).ok().map(Cow::Borrowed)
    } else if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        strictly(UTF_16LE, rest)
    } else if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        strictly(UTF_16BE, rest)
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        Some(Cow::Borrowed(text))
    } else {
        strictly(GB18030, bytes)
    };
    match text {
        Some(text) if text.contains('\0') => Err(Refusal::new(Code::FileNotText)),
        Some(text) if text.trim().is_empty() => Err(Refusal::new(Code::FileEmpty).with("name", the_file())),
        Some(text) => Ok(text),
        None => Err(Refusal::new(Code::FileNotText)),
    }
}

fn strictly<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Option<Cow<'a, str>> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes)
}

/// The file's name is the door's to know; without it the words still hold.
fn the_file() -> Arg {
    Arg::both("文件", "The file")
}

/// One record of a table file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line on which it begins, as an editor counts.
    pub row: u64,
    /// Its cells, at most one more than [`MAX_COLUMNS`] of them.
    pub cells: Vec<String>,
    /// How many cells it has in the file.
    pub width: usize,
    /// A cell (from 0) whose quote is never closed, or followed by more text.
    pub broken_quote: Option<usize>,
}

impl Record {
    /// Nothing but spaces: a line somebody left empty, or Excel's `,,,,`.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.width == self.cells.len() && self.broken_quote.is_none() && self.cells.iter().all(|c| trim(c).is_empty())
    }
}

/// The text without the spaces around it: ASCII white space, the ideographic space and the no-break space.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '\u{3000}' | '\u{a0}'))
}

/// The records of a text, blank lines included.
pub fn records(text: &str, delimiter: char) -> impl Iterator<Item = Record> + '_ {
    Scanner { chars: text.strip_prefix(BOM).unwrap_or(text).chars().peekable(), line: 1, delimiter }
}

struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    line: u64,
    delimiter: char,
}

impl Iterator for Scanner<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.chars.peek()?;
        let mut record = Record { row: self.line, cells: Vec::new(), width: 0, broken_quote: None };
        loop {
            let (cell, whole) = self.cell();
            if !whole && record.broken_quote.is_none() {
                record.broken_quote = Some(record.width);
            }
            // A line of a million commas costs its bytes, not a million strings.
            if record.cells.len() <= MAX_COLUMNS {
                record.cells.push(cell);
            }
            record.width += 1;
            match self.take() {
                Some(c) if c == self.delimiter => {}
                Some(_) | None => return Some(record),
            }
        }
    }
}

impl Scanner<'_> {
    /// The next character; `\r\n` and `\r` become `\n`, and lines are counted here only.
    fn take(&mut self) -> Option<char> {
        let taken = self.chars.next()?;
        let taken = if taken == '\r' {
            self.chars.next_if_eq(&'\n');
            '\n'
        } else {
            taken
        };
        self.line += u64::from(taken == '\n');
        Some(taken)
    }

    /// A cell, up to the delimiter or line end after it, and whether its quotes are in order.
    fn cell(&mut self) -> (String, bool) {
        let mut text = String::new();
        while let Some(space) = self.chars.next_if(|c| *c == ' ') {
            text.push(space);
        }
        if self.chars.next_if_eq(&'"').is_none() {
            self.plain(&mut text);
            return (text, true);
        }
        text.clear();
        let closed = self.quoted(&mut text);
        let mut after = String::new();
        self.plain(&mut after);
        (text, closed && trim(&after).is_empty())
    }

    fn plain(&mut self, text: &mut String) {
        let delimiter = self.delimiter;
        while let Some(c) = self.chars.next_if(|c| *c != delimiter && !matches!(c, '\n' | '\r')) {
            text.push(c);
        }
    }

    /// What stands between two quotes; a doubled quote is one quote. False where the text ends first.
    fn quoted(&mut self, text: &mut String) -> bool {
        while let Some(c) = self.take() {
            if c != '"' {
                text.push(c);
            } else if self.chars.next_if_eq(&'"').is_some() {
                text.push('"');
            } else {
                return true;
            }
        }
        false
    }
}

/// The cell as a spreadsheet may open it: where it would begin a formula, a `'` stands before it.
/// Beside the ASCII signs, their full-width twins: Chinese and Japanese editions of Excel take those too.
#[must_use]
pub fn neutralise(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Does the file begin with a byte order mark? Excel reads Chinese rightly only with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Bom,
    None,
}

/// A CSV file being written: UTF-8, commas, `\r\n`, every cell neutralised.
#[derive(Debug)]
pub struct Writer {
    out: String,
}

impl Writer {
    #[must_use]
    pub fn new(mark: Mark) -> Self {
        Self {
            out: match mark {
                Mark::Bom => BOM.to_owned(),
                Mark::None => String::new(),
            },
        }
    }

    /// One line. A line whose only cell is empty is written as `""`, so that it isn't taken for a blank one.
    pub fn row<I>(&mut self, cells: I)
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let start = self.out.len();
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.cell(&neutralise(cell.as_ref()));
        }
        if self.out.len() == start {
            self.out.push_str("\"\"");
        }
        self.out.push_str("\r\n");
    }

    fn cell(&mut self, cell: &str) {
        if cell.contains([',', ';', '\t', '"', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ') {
            self.out.push('"');
            self.out.push_str(&cell.replace('"', "\"\""));
            self.out.push('"');
        } else {
            self.out.push_str(cell);
        }
    }

    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cells(text: &str) -> Vec<(u64, Vec<String>)> {
        records(text, ',').map(|r| (r.row, r.cells)).collect()
    }

    #[test]
    fn lines_are_counted_as_an_editor_shows_them() {
        let rows: Vec<u64> = records("a,b\r\n\n\n\"x\ny\",1\r\rz,2\n\"p\r\nq\",3\nend", ',')
            .filter(|r| !r.is_blank())
            .map(|r| r.row)
            .collect();
        assert_eq!(rows, [1, 4, 7, 8, 10]);
    }

    #[test]
    fn quotes_are_undone_and_broken_ones_are_told() {
        assert_eq!(cells("\"a\"\"b\", \"c,d\" ,5\" pipe"), [(1, vec!["a\"b".into(), "c,d".into(), "5\" pipe".into()])]);
        let broken: Vec<Option<usize>> = records("a,\"b\n\"c\"d,e\n", ',').map(|r| r.broken_quote).collect();
        assert_eq!(broken, [Some(1)]);
        let after: Vec<Option<usize>> = records("\"c\"d,e\nf,\"g", ',').map(|r| r.broken_quote).collect();
        assert_eq!(after, [Some(0), Some(1)]);
    }

    #[test]
    fn a_line_of_commas_is_counted_but_not_kept() {
        let record = records(&",".repeat(100_000), ',').next().unwrap();
        assert_eq!((record.width, record.cells.len()), (100_001, MAX_COLUMNS + 1));
    }

    #[test]
    fn text_is_read_in_the_encodings_offices_use() {
        let text = "代码,名称\n430502,双清区";
        let (gb, _, _) = GB18030.encode(text);
        let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let utf16be: Vec<u8> = [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        for bytes in [text.as_bytes().to_vec(), format!("{BOM}{text}").into_bytes(), gb.into_owned(), utf16, utf16be] {
            assert_eq!(decode(&bytes).unwrap(), text);
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for bytes in [
            &b"code\0name"[..],
            b"\xef\xbb\xbfcode,\xb5\xa5",
            b"\x89PNG\r\n\x1a\n\xff\xff",
            b"PK\x03\x04\x14\0\0",
            b"\xff\xfea",
            b"\xff\xfe\0\0a\0\0\0",
            b"code\n\xff",
        ] {
            assert_eq!(decode(bytes).unwrap_err().code, Code::FileNotText, "{bytes:?}");
        }
        assert_eq!(decode(b"\xef\xbb\xbf \r\n").unwrap_err().code, Code::FileEmpty);
        assert_eq!(decode(&vec![b'a'; MAX_BYTES + 1]).unwrap_err().code, Code::FileTooLarge);
    }

    #[test]
    fn a_cell_that_would_be_a_formula_is_neutralised() {
        for cell in ["=1+1", "+86", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "＝1", "=cmd|'/c calc'!A0"] {
            assert_eq!(neutralise(cell), format!("'{cell}"));
        }
        for cell in ["", "a=b", "双清区", "1-2", "'=1"] {
            assert!(matches!(neutralise(cell), Cow::Borrowed(same) if same == cell));
        }
    }

    #[test]
    fn a_written_file_begins_with_the_mark_and_quotes_what_it_must() {
        let mut out = Writer::new(Mark::Bom);
        out.row(["名称", "a,b", "say \"x\"", "=1"]);
        out.row([""]);
        assert_eq!(String::from_utf8(out.finish()).unwrap(), "\u{feff}名称,\"a,b\",\"say \"\"x\"\"\",'=1\r\n\"\"\r\n");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(text) = decode(&bytes) {
                for delimiter in [',', ';', '\t'] {
                    let lines = 1 + u64::try_from(text.len()).unwrap();
                    for record in records(&text, delimiter) {
                        prop_assert!(record.row <= lines && record.width >= record.cells.len());
                    }
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back_by_us_and_by_others(
            rows in prop::collection::vec(prop::collection::vec("[a-z,;\"' 区县\n=\t-]{0,8}", 1..5), 1..8)
        ) {
            let mut out = Writer::new(Mark::None);
            for row in &rows {
                out.row(row);
            }
            let bytes = out.finish();
            let expected: Vec<Vec<String>> =
                rows.iter().map(|row| row.iter().map(|cell| neutralise(cell).into_owned()).collect()).collect();
            let ours: Vec<Vec<String>> =
                records(std::str::from_utf8(&bytes).unwrap(), ',').map(|record| record.cells).collect();
            prop_assert_eq!(&ours, &expected);
            let theirs: Vec<Vec<String>> = ::csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(bytes.as_slice())
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(&theirs, &expected);
        }
    }
}
