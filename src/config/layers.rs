//! Laying file, environment and flags over the defaults, and saying exactly where a wrong value stands.

use crate::config::values::nearest;
use crate::config::{Config, DEFAULTS};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault(pub Vec<Problem>);

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `office.time_zone`; empty if it's about a file as a whole.
    pub key: String,
    /// Where the value was given: a file and line, a variable, a flag.
    pub place: String,
    /// Names the value, unless it is a secret.
    pub reason: String,
}

/// One setting as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// `office.time_zone`
    pub key: String,
    /// As TOML writes it; a secret that is set is masked.
    pub value: String,
    /// Where it was given; `None` for a default.
    pub place: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{} ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFault {}

/// The process's environment, as [`Config::load`] takes it.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    // A variable that isn't UTF-8 can't be one of ours.
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

const PREFIX: &str = "RECTIFY_";
/// Variables of ours that are no settings: where the data is, and what the tests run on.
const DATA: &str = "RECTIFY_DATA";
const OF_TESTS: &str = "RECTIFY_TEST_";
const SECRETS: [&str; 2] = ["database.url", "mail.smtp_url"];

/// Values in the order in which they were given, each with its place.
pub(super) struct Layers {
    defaults: Table,
    given: BTreeMap<String, (Value, String)>,
    problems: Vec<Problem>,
}

impl Layers {
    pub(super) fn defaults() -> Result<Self, ConfigFault> {
        let defaults = DEFAULTS.parse().map_err(|fault: toml::de::Error| whole("config/rectify.toml", &fault))?;
        Ok(Self { defaults, given: BTreeMap::new(), problems: Vec::new() })
    }

    pub(super) fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => return,
            Err(fault) => return self.problem("", &path.display().to_string(), format!("can't be read: {fault}")),
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            // Its own Display repeats the line, and with it perhaps a password.
            Err(fault) => {
                let place = place(path, &text, fault.span().map(|span| span.start));
                return self.problem("", &place, fault.message().to_owned());
            }
        };
        for (section, value) in table {
            let Value::Table(values) = value else {
                let place = place_in_file(path, &text, &section, None);
                let hint = self.suggestion(&section);
                self.problem(&section, &place, format!("stands outside a [section]{hint}"));
                continue;
            };
            if !self.defaults.contains_key(&section) {
                let place = place_in_file(path, &text, &section, None);
                let hint = hint(nearest(&section, self.defaults.keys().map(String::as_str)));
                self.problem(&section, &place, format!("is no section{hint}"));
                continue;
            }
            for (key, value) in values {
                let place = place_in_file(path, &text, &section, Some(&key));
                self.give(&format!("{section}.{key}"), value, place);
            }
        }
    }

    pub(super) fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let mut from_file: Vec<(String, String)> = Vec::new();
        let mut direct: Vec<(String, String)> = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if name == DATA || name.starts_with(OF_TESTS) {
                continue;
            }
            let key = rest.to_lowercase().replacen("__", ".", 1);
            match key.strip_suffix("_file") {
                Some(key) if self.default(key).is_some() => from_file.push((key.to_owned(), value)),
                Some(_) | None => direct.push((key, value)),
            }
        }
        for (key, value) in &direct {
            self.give_text(key, value, variable(key));
        }
        for (key, path) in from_file {
            let place = format!("{}_FILE", variable(&key));
            if direct.iter().any(|(given, _)| *given == key) {
                self.problem(&key, &place, format!("is given twice, also as {}", variable(&key)));
                continue;
            }
            match std::fs::read_to_string(PathBuf::from(&path)) {
                Ok(text) => self.give_text(&key, text.trim_end_matches(['\r', '\n']), place),
                Err(fault) => self.problem(&key, &place, format!("can't be read from {path}: {fault}")),
            }
        }
    }

    pub(super) fn flags(&mut self, overrides: &[(&str, String)]) {
        for (key, value) in overrides {
            self.give_text(key, value, format!("flag for {key}"));
        }
    }

    /// All settings in the order of their names.
    pub(super) fn list(&self) -> Vec<Setting> {
        let sections = self.defaults.iter().filter_map(|(section, values)| Some((section, values.as_table()?)));
        let keys = sections.flat_map(|(section, values)| {
            values.iter().map(move |(name, default)| (format!("{section}.{name}"), default))
        });
        keys.map(|(key, default)| {
            let (value, place) = self.given.get(&key).map_or((default, None), |(value, place)| (value, Some(place)));
            let masked = SECRETS.contains(&key.as_str()) && value.as_str().is_some_and(|text| !text.is_empty());
            let value = if masked { "\"…\"".to_owned() } else { value.to_string() };
            Setting { key, value, place: place.cloned() }
        })
        .collect()
    }

    /// The settings, or everything that is wrong with them. `across` looks at values together.
    pub(super) fn settle(
        mut self,
        across: impl FnOnce(&Config) -> Vec<(&'static str, String)>,
    ) -> Result<Config, ConfigFault> {
        // Each value alone over the defaults: what fails then is this value's fault, and its place is known.
        let mut wrong = Vec::new();
        for (key, (value, place)) in &self.given {
            if let Err(fault) = laid_over(&self.defaults, [(key, value)]).try_into::<Config>() {
                let shown = if SECRETS.contains(&key.as_str()) { String::new() } else { format!("= {value}: ") };
                let reason = format!("{shown}{}", fault.message());
                wrong.push(Problem { key: key.clone(), place: place.clone(), reason });
            }
        }
        self.problems.extend(wrong);
        if !self.problems.is_empty() {
            return Err(ConfigFault(self.problems));
        }
        let all = laid_over(&self.defaults, self.given.iter().map(|(key, (value, _))| (key, value)));
        let config: Config = all.try_into().map_err(|fault| whole("config/rectify.toml", &fault))?;
        let together: Vec<Problem> = across(&config)
            .into_iter()
            .map(|(key, reason)| Problem {
                key: key.to_owned(),
                place: self.given.get(key).map_or("default", |(_, place)| place).to_owned(),
                reason,
            })
            .collect();
        if together.is_empty() { Ok(config) } else { Err(ConfigFault(together)) }
    }

    fn default(&self, key: &str) -> Option<&Value> {
        let (section, name) = key.split_once('.')?;
        self.defaults.get(section)?.get(name)
    }

    /// A value that came as text takes the default's type.
    fn give_text(&mut self, key: &str, text: &str, place: String) {
        let value = match self.default(key) {
            Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).ok(),
            Some(Value::Boolean(_)) => text.trim().parse().map(Value::Boolean).ok(),
            Some(Value::Array(_)) => Some(Value::Array(
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect(),
            )),
            Some(Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_)) | None => None,
        };
        self.give(key, value.unwrap_or_else(|| Value::from(text)), place);
    }

    fn give(&mut self, key: &str, value: Value, place: String) {
        let Some(default) = self.default(key) else {
            let hint = self.suggestion(key);
            return self.problem(key, &place, format!("is no setting{hint}"));
        };
        if default.same_type(&value) {
            self.given.insert(key.to_owned(), (value, place));
        } else {
            let expected = match default {
                Value::Integer(_) => "a whole number",
                Value::Boolean(_) => "true or false",
                Value::Array(_) => "a list",
                Value::String(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => "a text in quotes",
            };
            let shown = if SECRETS.contains(&key) { String::new() } else { format!("= {value}: ") };
            self.problem(key, &place, format!("{shown}must be {expected}"));
        }
    }

    fn suggestion(&self, key: &str) -> String {
        let known: Vec<String> = self
            .defaults
            .iter()
            .filter_map(|(section, values)| Some((section, values.as_table()?)))
            .flat_map(|(section, values)| values.keys().map(move |name| format!("{section}.{name}")))
            .collect();
        let name = key.rsplit('.').next().unwrap_or(key);
        // In its own section, then anywhere; a key without a section is compared by its last word.
        let whole = nearest(key, known.iter().map(String::as_str));
        let same_name = known.iter().map(String::as_str).find(|other| other.rsplit('.').next() == Some(name));
        hint(same_name.or(whole))
    }

    fn problem(&mut self, key: &str, place: &str, reason: String) {
        self.problems.push(Problem { key: key.to_owned(), place: place.to_owned(), reason });
    }
}

fn hint(near: Option<&str>) -> String {
    near.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

fn whole(place: &str, fault: &toml::de::Error) -> ConfigFault {
    ConfigFault(vec![Problem { key: String::new(), place: place.to_owned(), reason: fault.to_string() }])
}

/// `office.time_zone` is given as `RECTIFY_OFFICE__TIME_ZONE`.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replacen('.', "__", 1).to_uppercase())
}

fn laid_over<'a>(defaults: &Table, given: impl IntoIterator<Item = (&'a String, &'a Value)>) -> Table {
    let mut all = defaults.clone();
    for (key, value) in given {
        if let Some((section, name)) = key.split_once('.')
            && let Some(Value::Table(values)) = all.get_mut(section)
        {
            values.insert(name.to_owned(), value.clone());
        }
    }
    all
}

/// `path:line` of a key, or of its section.
fn place_in_file(path: &Path, text: &str, section: &str, key: Option<&str>) -> String {
    let start = toml::de::DeTable::parse(text).ok().and_then(|document| {
        let (name, value) = document.get_ref().iter().find(|(name, _)| name.get_ref() == section)?;
        let Some(key) = key else { return Some(name.span().start) };
        let (name, _) = value.get_ref().as_table()?.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(name.span().start)
    });
    place(path, text, start)
}

/// `path:line` of a byte in the text.
fn place(path: &Path, text: &str, start: Option<usize>) -> String {
    let line = start.map(|start| text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1);
    line.map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()))
}
