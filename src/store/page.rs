//! Keyset paging: opaque cursors bound to what they page through, and patterns for LIKE.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// A LIKE pattern for "contains `text`", with its wildcards taken literally (ESCAPE '\').
#[must_use]
pub fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// An opaque cursor: the key of the last row and a fingerprint of the filter and sort that made it.
#[must_use]
pub fn cursor<K: Serialize>(key: &K, fingerprint: &str) -> String {
    let body = serde_json::to_vec(&(tag(fingerprint), key)).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(body)
}

/// The key inside a cursor, if it was made for this filter and sort.
#[must_use]
pub fn read_cursor<K: DeserializeOwned>(cursor: &str, fingerprint: &str) -> Option<K> {
    let body = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (held, key): (String, K) = serde_json::from_slice(&body).ok()?;
    (held == tag(fingerprint)).then_some(key)
}

fn tag(fingerprint: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(fingerprint.as_bytes()).get(..9).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_works_only_with_its_own_filter() {
        let made = cursor(&("2021-08-27", 7), "overdue=true");
        assert_eq!(read_cursor::<(String, i32)>(&made, "overdue=true"), Some(("2021-08-27".to_owned(), 7)));
        assert_eq!(read_cursor::<(String, i32)>(&made, "overdue=false"), None);
        assert_eq!(read_cursor::<(String, i32)>("not a cursor", "overdue=true"), None);
    }

    #[test]
    fn wildcards_in_a_search_are_letters() {
        assert_eq!(contains("50%_\\"), "%50\\%\\_\\\\%");
    }
}
