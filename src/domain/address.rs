//! E-mail addresses as users and unit mailboxes give them: strict enough that no mail server reads them otherwise.

use thiserror::Error;

/// Why a text is not taken as an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressFault {
    #[error("the address is empty")]
    Empty,
    #[error("the address is longer than 254 characters")]
    TooLong,
    #[error("the address holds characters other than ASCII letters, digits and signs")]
    NotAscii,
    #[error("the address must hold exactly one @")]
    NoSingleAt,
    #[error("the part before the @ is not a plain mailbox name")]
    LocalPart,
    #[error("the part after the @ is not a domain name")]
    Domain,
}

/// The address, trimmed and with its domain in lower case.
///
/// RFC 5321 addr-spec in its dot-atom form only: ASCII, at most 254 characters, no quoted names, no IP literals.
/// A leading `-` is refused because mail programs down the line may take it for an option.
pub fn parse_address(text: &str) -> Result<String, AddressFault> {
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return Err(AddressFault::Empty);
    }
    if text.chars().count() > 254 {
        return Err(AddressFault::TooLong);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AddressFault::NotAscii);
    }
    let (local, domain) = text.split_once('@').ok_or(AddressFault::NoSingleAt)?;
    if domain.contains('@') {
        return Err(AddressFault::NoSingleAt);
    }
    if !is_dot_atom(local) {
        return Err(AddressFault::LocalPart);
    }
    let domain = domain.to_ascii_lowercase();
    if !is_domain(&domain) || !(domain.contains('.') || domain == "localhost") {
        return Err(AddressFault::Domain);
    }
    Ok(format!("{local}@{domain}"))
}

fn is_dot_atom(local: &str) -> bool {
    local.len() <= 64
        && !local.starts_with('-')
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// RFC 5322 section 3.2.3.
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// A host name: letters, digits and inner hyphens; the last label is no number, so it can't be an IP address.
#[must_use]
pub fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    domain.len() <= 253
        && domain.split('.').all(is_label)
        && domain.rsplit('.').next().is_some_and(|last| last.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_addresses_are_taken_and_their_domain_is_lowered() {
        for (given, kept) in [
            ("zhang.wei@gov.example.cn", "zhang.wei@gov.example.cn"),
            ("  Zhang.Wei+oa@Gov.Example.CN ", "Zhang.Wei+oa@gov.example.cn"),
            ("o'brien@xn--fiq228c.cn", "o'brien@xn--fiq228c.cn"),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(parse_address(given).as_deref(), Ok(kept));
        }
    }

    #[test]
    fn oddities_are_refused_each_for_its_reason() {
        let long_local = format!("{}@a.cn", "a".repeat(65));
        let long = format!("a@{}.cn", "a.".repeat(150));
        for (given, fault) in [
            ("", AddressFault::Empty),
            ("   ", AddressFault::Empty),
            (long.as_str(), AddressFault::TooLong),
            ("张伟@gov.cn", AddressFault::NotAscii),
            ("a b@gov.cn", AddressFault::NotAscii),
            ("a@gov.cn\r\nRCPT TO:<x@y.cn>", AddressFault::NotAscii),
            ("a\0@gov.cn", AddressFault::NotAscii),
            ("gov.cn", AddressFault::NoSingleAt),
            ("a@b@gov.cn", AddressFault::NoSingleAt),
            ("@gov.cn", AddressFault::LocalPart),
            ("-oQ/tmp@gov.cn", AddressFault::LocalPart),
            (".a@gov.cn", AddressFault::LocalPart),
            ("a..b@gov.cn", AddressFault::LocalPart),
            ("\"a\"@gov.cn", AddressFault::LocalPart),
            ("<a@gov.cn>", AddressFault::LocalPart),
            (long_local.as_str(), AddressFault::LocalPart),
            ("a@[127.0.0.1]", AddressFault::Domain),
            ("a@127.0.0.1", AddressFault::Domain),
            ("a@gov", AddressFault::Domain),
            ("a@-gov.cn", AddressFault::Domain),
            ("a@gov.cn.", AddressFault::Domain),
            ("a@gov..cn", AddressFault::Domain),
        ] {
            assert_eq!(parse_address(given), Err(fault), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_once_is_taken_again_as_it_is(
            text in "[-a-zA-Z0-9.!+_'@]{0,40}@[-a-zA-Z0-9.]{1,40}"
        ) {
            if let Ok(address) = parse_address(&text) {
                prop_assert_eq!(parse_address(&address), Ok(address.clone()));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,300}") {
            let _ = parse_address(&text);
        }
    }
}
