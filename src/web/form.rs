//! What a page's form sends: its fields in order, and the files that came with them, kept already. Every form carries
//! the session's form token; one that was drawn from a row carries the row's version.

use crate::domain::id::AttachmentId;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::transaction::{Failure, Outcome};
use crate::web::uploads;
use crate::web::visit::Visit;
use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest};
use chrono::NaiveDate;
use futures_util::StreamExt;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

/// All texts of one form together.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;
/// Field of the session's form token.
pub const CSRF: &str = "csrf";
/// Field of uploaded files, and of those kept from an attempt before.
pub const FILES: &str = "attachment_ids";
const FIELDS_MAX: usize = 5_000;

/// A form as it came in.
#[derive(Debug, Clone, Default)]
pub struct Form {
    fields: Vec<(String, String)>,
    /// Uploaded now, or kept from an attempt that was refused.
    pub files: Vec<Kept>,
    /// Why a file was not taken; the rest of the form is whole.
    pub refused_file: Option<Refusal>,
}

/// A file that waits to be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: AttachmentId,
    pub name: String,
}

impl Form {
    /// Fields of `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// More fields than any page draws.
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            form.take(name.into_owned(), &value)?;
        }
        Ok(form)
    }

    /// # Errors
    /// More fields than any page draws.
    pub fn take(&mut self, name: String, value: &str) -> Result<(), Refusal> {
        if self.fields.len() >= FIELDS_MAX {
            return Err(Refusal::new(Code::BodyTooLarge).with("limit", FIELDS_MAX));
        }
        if name == FILES {
            // `<id> <name>`, as `FieldView` keeps it; whether it is the sender's own is the action's to check.
            if let Some((id, file)) = value.split_once(' ')
                && let Ok(id) = id.parse()
            {
                self.files.push(Kept { id, name: file.to_owned() });
            }
            return Ok(());
        }
        // PostgreSQL keeps no NUL; no browser lets one be typed.
        self.fields.push((name, value.replace('\0', "")));
        Ok(())
    }

    /// A field as it was typed; empty where it is missing.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.fields.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value)
    }

    /// A field that says something.
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// Every value of a field that may come more than once.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.fields.iter().filter(move |(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(held, _)| held == name)
    }

    #[must_use]
    pub fn is_checked(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// What the form was drawn from.
    #[must_use]
    pub fn version(&self) -> Option<i64> {
        self.text("version").parse().ok()
    }

    #[must_use]
    pub fn file_ids(&self) -> Vec<AttachmentId> {
        self.files.iter().map(|file| file.id).collect()
    }

    /// A date that may be left out; a wrong one is a fault of its field.
    pub fn date(&self, name: &str, faults: &mut Vec<Fault>) -> Option<NaiveDate> {
        self.parsed(name, Code::FieldDate, faults)
    }

    /// A date that must be there.
    pub fn must_date(&self, name: &str, faults: &mut Vec<Fault>) -> Option<NaiveDate> {
        if self.given(name).is_none() {
            faults.push(Fault::at(pointer(name), Code::FieldRequired));
        }
        self.date(name, faults)
    }

    /// A whole number that may be left out.
    pub fn number(&self, name: &str, faults: &mut Vec<Fault>) -> Option<i64> {
        let text = self.given(name)?;
        let number = text.parse().ok();
        if number.is_none() {
            let expected = crate::domain::refusal::Arg::both("整数", "a whole number");
            faults.push(Fault::at(pointer(name), Code::FieldType).with("expected", expected));
        }
        number
    }

    /// One of a few words; one that is missing or unknown is a fault.
    pub fn word<T: FromStr>(&self, name: &str, faults: &mut Vec<Fault>) -> Option<T> {
        if self.given(name).is_none() {
            faults.push(Fault::at(pointer(name), Code::FieldRequired));
            return None;
        }
        self.parsed(name, Code::FieldRequired, faults)
    }

    fn parsed<T: FromStr>(&self, name: &str, code: Code, faults: &mut Vec<Fault>) -> Option<T> {
        let value = self.given(name)?.parse().ok();
        if value.is_none() {
            faults.push(Fault::at(pointer(name), code));
        }
        value
    }

    /// All that was typed, less the tokens: to be sent again after signing in.
    #[must_use]
    pub fn draft(&self) -> Vec<(String, String)> {
        let typed = self.fields.iter().filter(|(name, _)| name != CSRF).cloned();
        let files = self.files.iter().map(|file| (FILES.to_owned(), format!("{} {}", file.id, file.name)));
        typed.chain(files).collect()
    }
}

/// `items.0.measures` as the pointer that a fault names.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

/// A form on its way in; what is wrong with it as a whole is told by the page.
pub struct Sent(pub Outcome<Form>);

impl FromRequest for Sent {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { Ok(Self(received(&request, payload).await)) })
    }
}

async fn received(request: &HttpRequest, payload: Payload) -> Outcome<Form> {
    let visit = Visit::of(request)?;
    visit.check_origin()?;
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("multipart/form-data") {
        return uploads::read(&visit, request, payload).await;
    }
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Refusal::new(Code::MediaTypeUnsupported)
            .with("expected", "application/x-www-form-urlencoded")
            .into());
    }
    let body = bounded(payload).await?;
    Ok(Form::parse(&body)?)
}

async fn bounded(mut payload: Payload) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = payload.next().await {
        let piece: Bytes = piece.map_err(|fault| broken(&fault))?;
        if body.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(too_large().into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

pub(super) fn too_large() -> Refusal {
    Refusal::new(Code::BodyTooLarge).with("limit", "1 MB")
}

fn broken(fault: &impl std::fmt::Display) -> Failure {
    Refusal::new(Code::Malformed).with("reason", fault.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forms_fields_are_read_and_wrong_ones_are_faults_of_their_place() {
        let form = Form::parse("csrf=x&a=+%E6%95%B4+&on=2021-08-27&bad=27.8.&n=7&items.0.on=x".as_bytes()).unwrap();
        assert_eq!((form.text("a"), form.given("a"), form.given("none")), (" 整 ", Some("整"), None));
        let mut faults = Vec::new();
        assert_eq!(form.date("on", &mut faults), NaiveDate::from_ymd_opt(2021, 8, 27));
        assert_eq!(form.number("n", &mut faults), Some(7));
        assert!(faults.is_empty());
        assert_eq!(form.date("bad", &mut faults), None);
        assert_eq!(form.date("items.0.on", &mut faults), None);
        assert_eq!(form.must_date("none", &mut faults), None);
        let told: Vec<_> = faults.iter().map(|fault| (fault.place.clone(), fault.code)).collect();
        let at = |pointer: &str, code| (crate::domain::refusal::Place::Pointer(pointer.to_owned()), code);
        let expected =
            [at("/bad", Code::FieldDate), at("/items/0/on", Code::FieldDate), at("/none", Code::FieldRequired)];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_draft_keeps_what_was_typed_and_the_files_but_no_token() {
        let id = "01912345-0000-7000-8000-000000000007";
        let form = Form::parse(format!("csrf=x&text=a&attachment_ids={id}+scan+1.pdf").as_bytes()).unwrap();
        assert_eq!(form.files.first().map(|file| file.name.as_str()), Some("scan 1.pdf"));
        let draft = form.draft();
        assert_eq!(draft, [("text".to_owned(), "a".to_owned()), (FILES.to_owned(), format!("{id} scan 1.pdf"))]);
    }
}
