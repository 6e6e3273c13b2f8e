//! Words of a line and line lengths: how a rendered mail is set. For `render`.

use super::content::Line;
use super::message::clean_line;
use super::templates::Templates;
use super::wording;
use crate::domain::words::Lang;
use minijinja::Value;
use minijinja::value::Serde;
use serde::Serialize;

/// RFC 5322 section 2.1.1.
const COLUMNS: usize = 78;

/// Text and HTML of a page.
pub(super) fn fill<V: Serialize>(
    templates: &Templates,
    lang: Lang,
    name: &str,
    page: &V,
) -> Result<(String, String), minijinja::Error> {
    let folder = lang.pick("zh", "en");
    let page = Value::from(Serde(page));
    let fill = |kind: &str| templates.get(&format!("{folder}/{name}.{kind}"))?.render(page.clone());
    Ok((wrap(&fill("txt")?), fill("html")?))
}

/// A digest's line in words.
#[derive(Serialize)]
pub(super) struct LineView {
    reference: String,
    title: String,
    unit: Option<String>,
    date_label: &'static str,
    due: String,
    standing: String,
    mark: &'static str,
    colour: &'static str,
    next: &'static str,
    notes: Vec<String>,
    link: String,
}

impl LineView {
    pub fn new(lang: Lang, line: &Line) -> Self {
        let (mark, colour) = wording::mark(line.standing);
        Self {
            reference: clean_line(&line.reference, 64),
            title: clean_line(&line.title, 500),
            unit: line.unit.as_deref().map(|unit| clean_line(unit, 120)),
            date_label: wording::date_label(lang, line.standing),
            due: wording::date(lang, line.due_on),
            standing: wording::standing(lang, line.standing),
            mark,
            colour,
            next: wording::next_step(lang, line.next),
            notes: line.notes.iter().map(|note| wording::note(lang, *note)).collect(),
            link: line.link.clone(),
        }
    }
}

/// Breaks the lines of a text at 78 columns, each with the indent of its first; lines with a link stay whole.
fn wrap(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 20);
    for line in text.lines() {
        if line.contains("://") || columns(line) <= COLUMNS {
            out.push_str(line.trim_end());
        } else {
            wrap_line(line, &mut out);
        }
        out.push('\n');
    }
    out
}

fn wrap_line(line: &str, out: &mut String) {
    let indent = " ".repeat(hanging_indent(line));
    let mut used = 0;
    for piece in pieces(line) {
        let width = columns(piece.trim_end());
        if used > indent.len() && used + width > COLUMNS {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&indent);
            used = indent.len();
        }
        out.push_str(piece);
        used += columns(piece);
    }
    out.truncate(out.trim_end_matches(' ').len());
}

/// The indent of what follows a line's number, as in `12. `.
fn hanging_indent(line: &str) -> usize {
    let bare = line.trim_start_matches(' ');
    let number = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = bare.len() - number.len();
    let leading = line.len() - bare.len();
    if digits > 0 && number.starts_with(". ") { leading + digits + 2 } else { leading }
}

/// A text in parts that must not be broken: words with the space after them, wide characters with the punctuation
/// that may not begin a line (GB/T 15834) or, before them, may not end one.
fn pieces(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    let mut at = 0;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        at += c.len_utf8();
        let Some(next) = characters.peek() else { break };
        let wide = width(c) == 2 || width(*next) == 2;
        let may_break = if c == ' ' { *next != ' ' } else { wide && *next != ' ' };
        if may_break && !is_closing(*next) && !is_opening(c) {
            if let Some((piece, tail)) = rest.split_at_checked(at) {
                pieces.push(piece);
                rest = tail;
            }
            at = 0;
        }
    }
    pieces.push(rest);
    pieces
}

const fn is_closing(c: char) -> bool {
    matches!(
        c,
        '，' | '。'
            | '、'
            | '；'
            | '：'
            | '？'
            | '！'
            | '）'
            | '》'
            | '”'
            | '’'
            | '】'
            | '…'
            | '〕'
            | ','
            | '.'
            | ';'
            | ':'
            | ')'
    )
}

const fn is_opening(c: char) -> bool {
    matches!(c, '（' | '《' | '“' | '‘' | '【' | '〔' | '(')
}

fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// Columns of a character in a fixed-width fount: Chinese, full-width forms and the like take two.
const fn width(c: char) -> usize {
    match c {
        '\u{1100}'..='\u{115F}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{FE30}'..='\u{FE6F}'
        | '\u{FF00}'..='\u{FF60}'
        | '\u{FFE0}'..='\u{FFE6}'
        | '\u{1F300}'..='\u{1FAFF}'
        | '\u{20000}'..='\u{3FFFD}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_lines_are_broken_under_their_text_and_links_are_not() {
        let title = "双清区人民政府网站存在栏目分类杂乱、栏目层级过深、政府信息公开内容碎片化等现象，影响公众查阅";
        let wrapped = wrap(&format!("12. 2021Q2-F01-01 {title}"));
        insta::assert_snapshot!(wrapped, @"
        12. 2021Q2-F01-01 双清区人民政府网站存在栏目分类杂乱、栏目层级过深、政府信息公
            开内容碎片化等现象，影响公众查阅
        ");
        let link = format!("   https://example.cn/{}", "a".repeat(100));
        assert_eq!(wrap(&link), format!("{link}\n"));
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_to_the_width(line in "[a-z督，。（）“” ]{0,300}") {
            let wrapped = wrap(&line);
            let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&wrapped), bare(&line));
            for part in wrapped.lines() {
                // Only what may not be broken may be longer.
                prop_assert!(columns(part) <= COLUMNS || pieces(part.trim_start()).len() <= 2, "{}", part);
            }
        }
    }
}
