//! Gates over the source tree itself: what the compiler and clippy don't look at. Each names file and line.

mod licences;
mod rooms;
mod settings;
mod tables;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of Rust with its text, and the same with comments, strings and letters blanked out: what is left is code,
/// at the same lines.
struct Source {
    /// From the top of the package: `src/domain/ticket.rs`.
    path: String,
    text: String,
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of Rust below a folder of the package.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let rust = files_below(&root().join(folder)).into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs"));
    for path in rust {
        let text = fs::read_to_string(&path).unwrap();
        found.push(Source { path: from_root(&path), code: code_of(&text), text });
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

/// Every file below, in order, less what npm has fetched.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut entries: Vec<PathBuf> = entries.filter(|path| !path.ends_with("node_modules")).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// The lines that hold `word`, not as a part of a longer name.
fn lines_with(source: &Source, word: &str) -> Vec<String> {
    let lines = source.code.lines().zip(1..);
    lines.filter(|(line, _)| holds(line, word)).map(|(_, number)| format!("{}:{number}", source.path)).collect()
}

fn holds(line: &str, word: &str) -> bool {
    let is_other = |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let begins = is_other(before.chars().next_back());
        begins && (is_other(word.chars().next_back()) || is_other(rest.chars().nth(word.len())))
    })
}

fn code_of(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let length = comment(rest).or_else(|| literal(rest, letters[..at].last().copied()));
        if let Some(length) = length {
            code.extend(rest[..length].iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
            at += length;
        } else {
            code.push(letters[at]);
            at += 1;
        }
    }
    code
}

/// The length of the comment that begins here.
fn comment(rest: &[char]) -> Option<usize> {
    match rest {
        ['/', '/', ..] => Some(rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len())),
        ['/', '*', ..] => {
            let mut depth = 0;
            let mut at = 0;
            while at < rest.len() {
                match &rest[at..] {
                    ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
                    ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
                    _ => at += 1,
                }
                if depth == 0 {
                    return Some(at);
                }
            }
            Some(rest.len())
        }
        _ => None,
    }
}

/// The length of the string or letter that begins here, after `before`.
fn literal(rest: &[char], before: Option<char>) -> Option<usize> {
    let in_a_name = before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    match rest {
        ['r', '"' | '#', ..] if !in_a_name => {
            let hashes = rest[1..].iter().take_while(|letter| **letter == '#').count();
            // `r#type` is a name.
            if rest.get(1 + hashes) != Some(&'"') {
                return None;
            }
            let mut end = vec!['"'];
            end.extend(std::iter::repeat_n('#', hashes));
            let body = 2 + hashes;
            let closes = rest[body..].windows(end.len()).position(|window| window == end);
            Some(closes.map_or(rest.len(), |at| body + at + end.len()))
        }
        ['"', ..] => Some(quoted(rest, '"')),
        // A lifetime has no second quote.
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => Some(quoted(rest, '\'')),
        _ => None,
    }
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

#[test]
fn comments_and_strings_are_no_code() {
    for (text, code) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("\"x", 'y', '\'', r"\", b"z") g"#, "f(     ,    ,     ,     , b   ) g"),
        ("r#\"a\"b\"# c r#type d", "         c r#type d"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("\"a\nb\" c", "  \n   c"),
    ] {
        assert_eq!(code_of(text), code, "{text}");
    }
    assert!(holds("use diesel::prelude", "diesel::") && !holds("use my_diesel::x", "diesel::"));
    assert!(holds("(Code::Stale)", "Code::Stale") && !holds("Code::StaleToo", "Code::Stale"));
}
