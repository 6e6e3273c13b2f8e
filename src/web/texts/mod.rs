//! Every text of the pages, in both languages: one row a text, so that neither can be missing. `{name}` stands for an
//! argument, `{name:one|many}` for the word that fits its number.

mod acts;
mod errors;
mod feedback;
mod frame;
mod mail;
mod notices;
mod rules;
mod statistics;
mod tickets;

use crate::domain::words::Lang;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Key, Chinese, English.
type Text = (&'static str, &'static str, &'static str);

const ALL: [&[Text]; 9] = [
    frame::TEXTS,
    tickets::TEXTS,
    acts::TEXTS,
    feedback::TEXTS,
    notices::TEXTS,
    mail::TEXTS,
    rules::TEXTS,
    statistics::TEXTS,
    errors::TEXTS,
];

/// The template of a text; `None` where no row has this key.
#[must_use]
pub fn find(lang: Lang, key: &str) -> Option<&'static str> {
    static ROWS: OnceLock<HashMap<&'static str, (&'static str, &'static str)>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| ALL.into_iter().flatten().map(|(key, zh, en)| (*key, (*zh, *en))).collect());
    rows.get(key).map(|(zh, en)| lang.pick(zh, en))
}

/// A text without arguments; a key that no row has shows as itself.
#[must_use]
pub fn say(lang: Lang, key: &'static str) -> &'static str {
    find(lang, key).unwrap_or(key)
}

/// A text with its arguments filled in.
#[must_use]
pub fn say_with(lang: Lang, key: &'static str, args: &[(&str, &str)]) -> String {
    fill(say(lang, key), |name| args.iter().find(|(held, _)| *held == name).map(|(_, value)| (*value).to_owned()))
}

/// Fills `{name}` and `{name:one|many}`. An argument that is not given stays visible as `{name}`.
#[must_use]
pub fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len() + 16);
    let mut rest = template;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let Some((slot, after)) = tail.split_once('}') else {
            out.push('{');
            rest = tail;
            continue;
        };
        let (name, words) = slot.split_once(':').map_or((slot, None), |(name, words)| (name, words.split_once('|')));
        match (value(name), words) {
            (Some(value), None) => out.push_str(&value),
            (Some(value), Some((one, many))) => out.push_str(if value == "1" { one } else { many }),
            (None, _) => {
                out.push('{');
                out.push_str(name);
                out.push('}');
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn arguments(text: &str) -> BTreeSet<&str> {
        let slots = text.split('{').skip(1).filter_map(|tail| tail.split_once('}').map(|(slot, _)| slot));
        slots.map(|slot| slot.split_once(':').map_or(slot, |(name, _)| name)).collect()
    }

    #[test]
    fn every_text_stands_once_in_both_languages_with_the_same_arguments() {
        let mut seen = BTreeSet::new();
        for (key, zh, en) in ALL.into_iter().flatten() {
            assert!(seen.insert(*key), "{key} stands twice");
            assert!(!zh.trim().is_empty() && !en.trim().is_empty(), "{key} has no words");
            assert_eq!(arguments(zh), arguments(en), "{key}");
        }
    }

    /// The keys that stand in quotes after `mark` in a file, where `mark` is a whole name.
    fn named(text: &str, mark: &str) -> Vec<String> {
        let pieces: Vec<&str> = text.split(mark).collect();
        let calls = pieces.windows(2).filter(|pair| {
            let before = pair[0].chars().next_back();
            before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
        });
        calls.filter_map(|pair| pair[1].split_once('"').map(|(key, _)| key.to_owned())).collect()
    }

    fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_key_that_a_page_names_has_a_text_and_every_text_is_named() {
        let mut paths = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web"), &mut paths);
        let mut said = BTreeSet::new();
        let mut source = String::new();
        for path in paths.iter().filter(|path| !path.to_string_lossy().contains("/texts/")) {
            let Ok(text) = std::fs::read_to_string(path) else { continue };
            for mark in ["t(\"", "say(\"", "tn(\""] {
                let keys = named(&text, mark).into_iter().filter(|key| key.contains('.'));
                for key in keys {
                    assert!(find(Lang::Zh, &key).is_some(), "{}: no text {key}", path.display());
                    said.insert(key);
                }
            }
            source.push_str(&text);
        }
        for (key, ..) in ALL.into_iter().flatten() {
            assert!(said.contains(*key) || source.contains(&format!("\"{key}\"")), "{key} is never said");
        }
    }

    #[test]
    fn arguments_are_filled_in_and_numbers_find_their_word() {
        let days = |n: &'static str| fill("{n} {n:day|days} left", |name| (name == "n").then(|| n.to_owned()));
        assert_eq!(days("1"), "1 day left");
        assert_eq!(days("12"), "12 days left");
        assert_eq!(fill("{who} {", |_| None), "{who} {");
    }
}
