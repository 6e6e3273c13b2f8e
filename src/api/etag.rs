//! Versions over HTTP: `ETag: "<version>"` on what is answered, `If-Match` on what changes it.

use crate::domain::refusal::{Code, Refusal};
use actix_web::HttpRequest;
use actix_web::http::header::IF_MATCH;

/// The version as an entity tag.
#[must_use]
pub fn tag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The version that the caller's change was made from; `None` if they didn't say, or `*`.
///
/// # Errors
/// When the header is no tag of ours.
pub fn given(request: &HttpRequest) -> Result<Option<i64>, Refusal> {
    let mut headers = request.headers().get_all(IF_MATCH);
    let Some(header) = headers.next() else { return Ok(None) };
    let malformed = || Refusal::new(Code::IfMatchMalformed);
    if headers.next().is_some() {
        return Err(malformed());
    }
    match header.to_str().unwrap_or_default().trim() {
        "*" => Ok(None),
        tag => read(tag).map(Some).ok_or_else(malformed),
    }
}

/// A weak tag never matches (RFC 9110, 13.1.1), so it is not read.
fn read(tag: &str) -> Option<i64> {
    let digits = tag.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tag_as_it_was_given_is_read() {
        assert_eq!(read("\"7\""), Some(7));
        for wrong in ["", "*", "7", "\"\"", "\"+7\"", "\"7", "W/\"7\"", "\"7\", \"8\"", "\"99999999999999999999\""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
