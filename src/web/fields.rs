//! Forms as pages draw them: fields with what was typed and what is wrong with it, and the summary of all faults.

use crate::domain::refusal::{Code, Fault, Place, Refusal};
use crate::web::form::{Form, Kept};
use crate::web::lens::Lens;
use crate::web::view::Choice;
use serde::Serialize;

/// One form.
#[derive(Debug, Clone, Serialize)]
pub struct FormView {
    /// Where it is sent.
    pub action: String,
    pub title: String,
    pub intro: Option<String>,
    pub fields: Vec<FieldView>,
    pub submit: &'static str,
    /// Takes something away for good.
    pub grave: bool,
    /// Of the row it was drawn from.
    pub version: Option<i64>,
    /// Where one goes who doesn't want it.
    pub cancel: String,
    pub problems: Option<Problems>,
}

/// How a field is filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Line,
    Text,
    Date,
    Number,
    Select,
    Radio,
    /// Any number of choices; the value names them with a space between.
    Checks,
    Files,
    Hidden,
    /// Never shown again.
    Password,
}

#[derive(Debug, Clone, Serialize)]
pub struct FieldView {
    pub name: String,
    pub input: Input,
    pub label: String,
    pub hint: Option<String>,
    pub required: bool,
    pub value: String,
    pub choices: Vec<Choice>,
    pub error: Option<String>,
    /// Files of an attempt that was refused; they need not be chosen again.
    pub kept: Vec<KeptView>,
}

#[derive(Debug, Clone, Serialize)]
pub struct KeptView {
    pub name: String,
    pub value: String,
}

impl From<&Kept> for KeptView {
    fn from(kept: &Kept) -> Self {
        Self { name: kept.name.clone(), value: format!("{} {}", kept.id, kept.name) }
    }
}

impl FieldView {
    #[must_use]
    pub fn new(name: impl Into<String>, input: Input, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            input,
            label: label.into(),
            hint: None,
            required: true,
            value: String::new(),
            choices: Vec::new(),
            error: None,
            kept: Vec::new(),
        }
    }

    #[must_use]
    pub fn hidden(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::new(name, Input::Hidden, "").with(value)
    }

    /// Already filled in.
    #[must_use]
    pub fn with(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    #[must_use]
    pub fn choices(mut self, choices: impl IntoIterator<Item = (String, String)>) -> Self {
        let choice = |(value, name)| Choice { value, name, chosen: false };
        self.choices = choices.into_iter().map(choice).collect();
        self
    }

    /// With what was typed and what is wrong with it.
    #[must_use]
    pub fn after(mut self, attempt: Option<&Attempt>, lens: &Lens) -> Self {
        if let Some(attempt) = attempt {
            if self.input == Input::Checks {
                self.value = attempt.form.all(&self.name).collect::<Vec<_>>().join(" ");
            } else if self.input != Input::Password && attempt.form.has(&self.name) {
                attempt.form.text(&self.name).clone_into(&mut self.value);
            }
            if self.input == Input::Files {
                self.kept = attempt.form.files.iter().map(KeptView::from).collect();
            }
            self.error = attempt.error_of(&self.name, lens);
        }
        for choice in &mut self.choices {
            choice.chosen = if self.input == Input::Checks {
                self.value.split(' ').any(|word| word == choice.value)
            } else {
                choice.value == self.value
            };
        }
        self
    }
}

/// A form that was refused: what was typed, and why not.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub form: Form,
    pub refusal: Refusal,
}

/// The summary on top: what is wrong, each with a link to its field.
#[derive(Debug, Clone, Serialize)]
pub struct Problems {
    pub title: String,
    pub detail: Option<String>,
    pub items: Vec<ProblemItem>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ProblemItem {
    pub text: String,
    /// Field at fault; none where it is the whole.
    pub field: Option<String>,
}

impl Attempt {
    fn error_of(&self, name: &str, lens: &Lens) -> Option<String> {
        let fault = self.refusal.faults.iter().find(|fault| names(fault, name))?;
        Some(fault.detail(lens.lang))
    }

    /// The summary, for a form with these fields.
    #[must_use]
    pub fn problems(&self, fields: &[FieldView], lens: &Lens) -> Problems {
        let items = self.refusal.faults.iter().map(|fault| {
            let field = fields.iter().find(|field| names(fault, &field.name));
            let label = field.map(|field| field.label.as_str()).filter(|label| !label.is_empty());
            let detail = fault.detail(lens.lang);
            let text = match label {
                Some(label) => format!("{label}{}{detail}", lens.lang.pick("：", ": ")),
                None => detail,
            };
            ProblemItem { text, field: field.map(|field| field.name.clone()) }
        });
        let items: Vec<ProblemItem> = items.collect();
        let refusal = &self.refusal;
        let (title, detail) = if refusal.code == Code::Invalid {
            (lens.t("form.problems"), None)
        } else if refusal.code == Code::Stale {
            (lens.t("form.stale"), Some(lens.t("form.stale_detail").to_owned()))
        } else {
            (refusal.title(lens.lang), Some(refusal.detail(lens.lang)))
        };
        Problems { title: title.to_owned(), detail, items }
    }
}

/// Does this fault sit in the field of that name? One of an item of a list sits in the list's field.
fn names(fault: &Fault, name: &str) -> bool {
    let (Place::Pointer(place) | Place::Parameter(place)) = &fault.place else { return false };
    let place = place.trim_start_matches('/').replace('/', ".");
    place == name || place.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_finds_its_field_and_an_items_fault_the_list() {
        let at = |pointer: &str| Fault::at(pointer, Code::FieldRequired);
        assert!(names(&at("/reason"), "reason"));
        assert!(names(&at("/attachment_ids/0"), "attachment_ids"));
        assert!(names(&at("/items/0/cause"), "items.0.cause"));
        assert!(!names(&at("/items/10/cause"), "items.1"));
        assert!(!names(&at("/reason"), "reaso"));
    }
}
