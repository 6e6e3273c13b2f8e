//! The texts of mails as templates: those that are built in, and an office's own in `templates/` of the data directory, which
//! take their places. All are read and tried once at the start. For `layout`, and for the command line.

use super::rehearsal::rehearse;
use super::render::RenderFault;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The folder of an office's own templates, in the data directory.
pub const FOLDER: &str = "templates";

const BUILT_IN: &[(&str, &str)] = &[
    ("layout.html", include_str!("templates/layout.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("zh/digest.txt", include_str!("templates/zh/digest.txt")),
    ("zh/digest.html", include_str!("templates/zh/digest.html")),
    ("zh/at_once.txt", include_str!("templates/zh/at_once.txt")),
    ("zh/at_once.html", include_str!("templates/zh/at_once.html")),
    ("en/digest.txt", include_str!("templates/en/digest.txt")),
    ("en/digest.html", include_str!("templates/en/digest.html")),
    ("en/at_once.txt", include_str!("templates/en/at_once.txt")),
    ("en/at_once.html", include_str!("templates/en/at_once.html")),
];

/// Why an office's own templates can't be used.
#[derive(Debug, Error)]
pub enum TemplateFault {
    #[error("{}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{}: there is no mail template {name}{}", path.display(), hint(*nearest))]
    Unknown { path: PathBuf, name: String, nearest: Option<&'static str> },
    #[error("{place}: {reason}")]
    Faulty {
        /// File and line.
        place: String,
        reason: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// One template's text, and the office's own file that it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub name: &'static str,
    pub text: String,
    /// `None`: built in.
    pub file: Option<PathBuf>,
}

/// Templates that were read and tried.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    sources: Vec<Source>,
}

impl Templates {
    /// Those that are built in.
    pub fn built_in() -> Result<Self, TemplateFault> {
        let source = |(name, text): &(&'static str, &str)| Source { name, text: (*text).to_owned(), file: None };
        Self::compile(BUILT_IN.iter().map(source).collect())
    }

    /// With the files below `folder` in the places of those that have the same names; each kind of mail is written once, in
    /// both languages, so that what is wrong is found now and not when a mail is due.
    pub fn load(folder: &Path) -> Result<Self, TemplateFault> {
        let mut templates = Self::built_in()?;
        let own = own_files(folder)?;
        if !own.is_empty() {
            for (name, path) in own {
                let text = read(&path)?;
                if let Some(source) = templates.sources.iter_mut().find(|source| source.name == name) {
                    *source = Source { text, file: Some(path), ..source.clone() };
                }
            }
            templates = Self::compile(templates.sources)?;
            rehearse(&templates).map_err(|fault| templates.fault_of(fault))?;
        }
        Ok(templates)
    }

    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn get(&self, name: &str) -> Result<minijinja::Template<'_, '_>, minijinja::Error> {
        self.environment.get_template(name)
    }

    fn compile(sources: Vec<Source>) -> Result<Self, TemplateFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
        environment.set_syntax(syntax.map_err(|error| faulty(&sources, &error))?);
        for source in &sources {
            let added = environment.add_template_owned(source.name, source.text.clone());
            added.map_err(|error| faulty(&sources, &error))?;
        }
        Ok(Self { environment, sources })
    }

    fn fault_of(&self, fault: RenderFault) -> TemplateFault {
        match fault {
            RenderFault::Template(error) => faulty(&self.sources, &error),
            RenderFault::Empty => {
                TemplateFault::Faulty { place: FOLDER.to_owned(), reason: "a sample says nothing".to_owned() }
            }
        }
    }
}

/// File, line and reason of the innermost fault.
fn faulty(sources: &[Source], error: &minijinja::Error) -> TemplateFault {
    let mut innermost = error;
    while let Some(deeper) = std::error::Error::source(innermost).and_then(|source| source.downcast_ref()) {
        innermost = deeper;
    }
    let name = innermost.name().or_else(|| error.name()).unwrap_or("?");
    let file = sources.iter().find(|source| source.name == name).and_then(|source| source.file.as_ref());
    let file = file.map_or_else(|| name.to_owned(), |path| path.display().to_string());
    let place = innermost.line().map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
    let reason =
        innermost.detail().map_or_else(|| innermost.kind().to_string(), |why| format!("{}: {why}", innermost.kind()));
    TemplateFault::Faulty { place, reason }
}

/// Every file below `folder` with the name of the template it stands for; hidden files are an editor's.
fn own_files(folder: &Path) -> Result<Vec<(&'static str, PathBuf)>, TemplateFault> {
    let mut own = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        let entries = match fs::read_dir(&inside) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(&inside, &error)),
        };
        for entry in entries {
            let path = entry.map_err(|error| unreadable(&inside, &error))?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            match BUILT_IN.iter().find(|(known, _)| *known == name) {
                Some((known, _)) => own.push((*known, path)),
                None => return Err(TemplateFault::Unknown { path, nearest: nearest(&name), name }),
            }
        }
    }
    own.sort();
    Ok(own)
}

fn nearest(name: &str) -> Option<&'static str> {
    BUILT_IN
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(name, known), *known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn read(path: &Path) -> Result<String, TemplateFault> {
    let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    // What some editors put before the first letter.
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(&text).replace("\r\n", "\n"))
}

fn unreadable(path: &Path, error: &io::Error) -> TemplateFault {
    TemplateFault::Unreadable { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(files: &[(&str, &str)]) -> Result<Templates, String> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let shown = dir.path().display().to_string();
        Templates::load(dir.path()).map_err(|fault| fault.to_string().replace(&shown, "templates"))
    }

    #[test]
    fn the_built_in_ones_stand_the_rehearsal_and_so_do_their_copies() {
        rehearse(&Templates::built_in().unwrap()).unwrap();
        let copied = with(BUILT_IN).unwrap();
        assert!(copied.sources().iter().all(|source| source.file.is_some()));
        assert!(with(&[]).unwrap().sources().iter().all(|source| source.file.is_none()));
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_and_reason() {
        for (name, text, told) in [
            ("zh/digest.txt", "{{ recipient }}\n{% if week %}\n", "templates/zh/digest.txt:2: syntax error: "),
            ("zh/digest.txt", "{{ recipient }}\n{{ recipent }}\n", "templates/zh/digest.txt:2: undefined value"),
            (
                "en/at_once.txt",
                "{% if link is none %}\n\n{{ subjekt }}{% endif %}",
                "templates/en/at_once.txt:3: undefined value",
            ),
            (
                "parts.html",
                "{% macro section(a, b) %}{{ c }}{% endmacro %}{% macro row(a, b) %}{% endmacro %}{% macro mark(a, b, c) %}{% endmacro %}{% macro button(a, b) %}{% endmacro %}",
                "templates/parts.html:1: undefined value",
            ),
            ("layout.html", "{{ week.from }}", "templates/layout.html:1: undefined value"),
            (
                "zh/diggest.txt",
                "",
                "templates/zh/diggest.txt: there is no mail template zh/diggest.txt; did you mean zh/digest.txt?",
            ),
            (
                "digest.txt",
                "",
                "templates/digest.txt: there is no mail template digest.txt; did you mean zh/digest.txt?",
            ),
            ("notes", "", "templates/notes: there is no mail template notes"),
        ] {
            let fault = with(&[(name, text)]).unwrap_err();
            assert!(fault.starts_with(told), "{fault}");
        }
    }

    #[test]
    fn hidden_files_and_marks_before_the_first_letter_are_passed_over() {
        let templates = with(&[("zh/.digest.txt.swp", "x"), ("zh/digest.txt", "\u{FEFF}{{ subject }}\r\n")]).unwrap();
        let own = templates.sources().iter().find(|source| source.file.is_some()).unwrap();
        assert_eq!((own.name, own.text.as_str()), ("zh/digest.txt", "{{ subject }}\n"));
    }
}
