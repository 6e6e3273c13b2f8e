//! A letter as plain data, frozen once into RFC 5322 bytes: the same letter gives the same bytes, for every attempt.

use crate::domain::address::{AddressFault, is_domain, parse_address};
use crate::domain::instant::Instant;
use icu_normalizer::ComposingNormalizerBorrowed;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;
use thiserror::Error;
use uuid::Uuid;

const NAME_CHARS: usize = 64;
const SUBJECT_CHARS: usize = 120;
/// RFC 5322 section 2.1.1, without the line break.
const LINE_BYTES: usize = 998;

/// Who is named in From or To.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The display name; may be empty, may hold anything.
    pub name: String,
    pub email: String,
}

/// Everything that goes into a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub message_id: Uuid,
    /// The configured domain of message ids, never the machine's name.
    pub domain: String,
    pub from: Address,
    pub to: Address,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// When the letter was first rendered.
    pub date: Instant,
    /// Stable root ids, one per ticket: `<rectify.ticket.{uuid}@{domain}>`. Mail programs chain the ids of one
    /// letter into one thread, so a letter about several tickets should name none.
    pub references: Vec<String>,
    pub ticket_reference: Option<String>,
}

/// Why a letter can't be frozen. None of these goes away by trying again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageFault {
    #[error("sender: {0}")]
    From(#[source] AddressFault),
    #[error("recipient: {0}")]
    To(#[source] AddressFault),
    #[error("the domain of message ids is not a host name")]
    Domain,
    #[error("a root id is not of the form <left@right>")]
    Reference,
    #[error("the letter could not be written as a mail: {0}")]
    Unwritable(String),
}

/// The letter as the bytes that go over the wire: ASCII, CRLF line ends, no line over 998 bytes.
pub fn freeze(letter: &Letter) -> Result<Vec<u8>, MessageFault> {
    let from = mailbox(&letter.from).map_err(MessageFault::From)?;
    let to = mailbox(&letter.to).map_err(MessageFault::To)?;
    if !is_domain(&letter.domain) {
        return Err(MessageFault::Domain);
    }
    if !letter.references.iter().all(|id| is_message_id(id)) {
        return Err(MessageFault::Reference);
    }
    // lettre formats through `expect`: a panic there must cost this letter, never the worker.
    let written = catch_unwind(AssertUnwindSafe(|| write(letter, from, to)));
    let bytes = match written {
        Ok(Ok(message)) => message,
        Ok(Err(error)) => return Err(MessageFault::Unwritable(error)),
        Err(_panic) => return Err(MessageFault::Unwritable("the mail library panicked".to_owned())),
    };
    if is_sound(&bytes) { Ok(bytes) } else { Err(MessageFault::Unwritable("unsound lines".to_owned())) }
}

fn mailbox(address: &Address) -> Result<Mailbox, AddressFault> {
    let email = parse_address(&address.email)?;
    let email = email.parse::<lettre::Address>().map_err(|_stricter_than_ours| AddressFault::LocalPart)?;
    let name = clean_line(&address.name, NAME_CHARS);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), email))
}

fn write(letter: &Letter, from: Mailbox, to: Mailbox) -> Result<Vec<u8>, String> {
    let domain = &letter.domain;
    let mut builder = Message::builder()
        .message_id(Some(format!("<rectify.{}@{domain}>", letter.message_id)))
        .date(SystemTime::from(letter.date.utc()))
        .from(from)
        .to(to)
        .subject(clean_line(&letter.subject, SUBJECT_CHARS))
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(raw("X-Auto-Response-Suppress", "All".to_owned()))
        .raw_header(raw("List-Id", format!("<rectify.{domain}>")))
        .raw_header(raw("X-Rectify-Loop", domain.clone()));
    if !letter.references.is_empty() {
        // Folded here: lettre would write many ids as one line, or encode them as words.
        let roots = letter.references.join("\r\n ");
        builder = builder.raw_header(folded("In-Reply-To", &roots)).raw_header(folded("References", &roots));
    }
    if let Some(reference) = &letter.ticket_reference {
        builder = builder.raw_header(raw("X-Rectify-Ticket", clean_line(reference, NAME_CHARS)));
    }
    // `=_` occurs in no base64 text, so the boundary can't occur in a part.
    let boundary = format!("=_rectify_{}", letter.message_id.simple());
    let parts = MultiPart::alternative()
        .boundary(boundary)
        .singlepart(part(ContentType::TEXT_PLAIN, &letter.text)?)
        .singlepart(part(ContentType::TEXT_HTML, &letter.html)?);
    builder.multipart(parts).map(|message| message.formatted()).map_err(|error| error.to_string())
}

fn part(content_type: ContentType, text: &str) -> Result<SinglePart, String> {
    let text = clean_text(text).replace('\n', "\r\n");
    let body = Body::new_with_encoding(text, ContentTransferEncoding::Base64)
        .map_err(|_given_back| "a part could not be encoded".to_owned())?;
    Ok(SinglePart::builder().content_type(content_type).body(body))
}

fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value)
}

fn folded(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), String::new(), value.to_owned())
}

fn is_message_id(id: &str) -> bool {
    let inner = id.strip_prefix('<').and_then(|rest| rest.strip_suffix('>'));
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+=".contains(&byte))
    };
    id.len() <= 250
        && inner.and_then(|id| id.split_once('@')).is_some_and(|(left, right)| is_word(left) && is_word(right))
}

/// ASCII with CRLF line ends only and short lines: what every relay passes on untouched.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n")
        && bytes.is_ascii()
        && bytes.split_inclusive(|byte| *byte == b'\n').all(|line| {
            line.strip_suffix(b"\r\n")
                .is_some_and(|line| line.len() <= LINE_BYTES && !line.contains(&b'\r') && !line.contains(&0))
        })
}

/// Bidirectional overrides and isolates, which make a text look like another one.
fn is_bidi_override(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// One line for a header: composed letters (NFC), no controls, no overrides, single spaces, at most `limit` characters. `=?` is broken up:
/// a mail program would decode what follows, and what it decodes to has been cleaned by nobody.
pub(super) fn clean_line(text: &str, limit: usize) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    let spaced: String = composed
        .chars()
        .filter(|c| !is_bidi_override(*c))
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .collect();
    let line = spaced.split_ascii_whitespace().collect::<Vec<_>>().join(" ").replace("=?", "= ?");
    if line.chars().count() <= limit {
        return line;
    }
    let cut: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

/// Many lines for a body: tabs and line ends are the only controls left, every line end is `\n`.
fn clean_text(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|c| (!c.is_control() || matches!(c, '\n' | '\t')) && !is_bidi_override(*c))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mail_parser::{MessageParser, MimeHeaders};
    use proptest::prelude::*;

    fn letter() -> Letter {
        Letter {
            message_id: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            domain: "mail.example.gov.cn".to_owned(),
            from: Address {
                name: "邵阳市人民政府办公室 整改督办".to_owned(),
                email: "rectify@example.gov.cn".to_owned(),
            },
            to: Address { name: "张伟".to_owned(), email: "zhang.wei@example.gov.cn".to_owned() },
            subject: "【整改督办】逾期 3 件、今日到期 1 件".to_owned(),
            text: "张伟同志：\n您好。\n".to_owned(),
            html: "<p>张伟同志：</p>\n<p>您好。</p>\n".to_owned(),
            date: "2021-08-16T01:00:00Z".parse().unwrap(),
            references: vec!["<rectify.ticket.01900000-0000-7000-8000-000000000002@mail.example.gov.cn>".to_owned()],
            ticket_reference: Some("2021Q2-F01-01".to_owned()),
        }
    }

    #[test]
    fn the_frozen_bytes_are_what_people_reviewed() {
        insta::assert_snapshot!(String::from_utf8(freeze(&letter()).unwrap()).unwrap().replace("\r\n", "\n"));
    }

    #[test]
    fn the_same_letter_gives_the_same_bytes() {
        assert_eq!(freeze(&letter()), freeze(&letter()));
    }

    #[test]
    fn another_program_reads_back_what_was_written() {
        let bytes = freeze(&letter()).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.subject(), Some("【整改督办】逾期 3 件、今日到期 1 件"));
        assert_eq!(mail.message_id(), Some("rectify.01900000-0000-7000-8000-000000000001@mail.example.gov.cn"));
        let from = mail.from().and_then(|from| from.first()).unwrap();
        assert_eq!(from.name(), Some("邵阳市人民政府办公室 整改督办"));
        assert_eq!(from.address(), Some("rectify@example.gov.cn"));
        let to = mail.to().and_then(|to| to.first()).unwrap();
        assert_eq!((to.name(), to.address()), (Some("张伟"), Some("zhang.wei@example.gov.cn")));
        assert_eq!(mail.date().unwrap().to_rfc3339(), "2021-08-16T01:00:00Z");
        assert_eq!(mail.body_text(0).unwrap(), "张伟同志：\r\n您好。\r\n");
        assert_eq!(mail.body_html(0).unwrap(), "<p>张伟同志：</p>\r\n<p>您好。</p>\r\n");
        assert_eq!(mail.content_type().unwrap().subtype(), Some("alternative"));
        let root = "rectify.ticket.01900000-0000-7000-8000-000000000002@mail.example.gov.cn";
        assert_eq!(mail.references().as_text(), Some(root));
        assert_eq!(mail.in_reply_to().as_text(), Some(root));
        for (name, value) in [
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("X-Rectify-Ticket", "2021Q2-F01-01"),
            ("X-Rectify-Loop", "mail.example.gov.cn"),
        ] {
            assert_eq!(mail.header_raw(name).map(str::trim), Some(value), "{name}");
        }
    }

    #[test]
    fn fifty_roots_are_folded_one_a_line() {
        let root = |n: u128| format!("<rectify.ticket.{}@mail.example.gov.cn>", Uuid::from_u128(n));
        let letter = Letter { references: (0..50).map(root).collect(), ..letter() };
        let bytes = freeze(&letter).unwrap();
        let mail = MessageParser::default().parse(&bytes).unwrap();
        assert_eq!(mail.references().as_text_list().map(<[_]>::len), Some(50));
        assert!(bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 110));
    }

    #[test]
    fn long_names_and_subjects_are_cut_at_a_character() {
        assert_eq!(clean_line(&"督".repeat(65), 64).chars().count(), 64);
        assert!(clean_line(&"督".repeat(65), 64).ends_with('…'));
        assert_eq!(clean_line(&"督".repeat(64), 64), "督".repeat(64));
        assert_eq!(clean_line("Zoe\u{308}", 64), "Zo\u{eb}");
        assert_eq!(clean_line(" a\r\nBcc: x\u{0}\u{85}\u{202E}b\u{2066} ", 64), "a Bcc: x b");
    }

    #[test]
    fn bad_addresses_domains_and_roots_are_faults_not_mails() {
        let with = |change: fn(&mut Letter)| {
            let mut changed = letter();
            change(&mut changed);
            freeze(&changed)
        };
        assert_eq!(with(|l| l.to.email = "a@b@c".into()), Err(MessageFault::To(AddressFault::NoSingleAt)));
        assert_eq!(with(|l| l.from.email = String::new()), Err(MessageFault::From(AddressFault::Empty)));
        assert_eq!(with(|l| l.domain = "a b".into()), Err(MessageFault::Domain));
        assert_eq!(with(|l| l.references = vec!["<a@b>\r\nBcc: x@y.cn".into()]), Err(MessageFault::Reference));
    }

    fn header_names(bytes: &[u8]) -> Vec<String> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        let names = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        names.map(|line| line.split(':').next().unwrap().to_owned()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_name_subject_text_or_reference_panics_or_adds_a_header(
            name in hostile(), sender in hostile(), subject in hostile(), text in hostile(), reference in hostile()
        ) {
            let mut given = letter();
            given.to.name = name;
            given.from.name = sender;
            given.subject = subject;
            given.html = text.clone();
            given.text = text;
            given.ticket_reference = Some(reference);
            let bytes = freeze(&given).unwrap();
            prop_assert_eq!(header_names(&bytes), header_names(&freeze(&letter()).unwrap()));
            prop_assert!(is_sound(&bytes));
            let mail = MessageParser::default().parse(&bytes).unwrap();
            let subject = clean_line(&given.subject, 120);
            prop_assert_eq!(mail.subject().unwrap_or_default().trim(), subject.trim());
            prop_assert_eq!(mail.to().and_then(|to| to.first()).and_then(|to| to.address()), Some("zhang.wei@example.gov.cn"));
        }

        #[test]
        fn every_address_that_the_office_takes_the_mail_library_takes_too(
            text in "[-a-zA-Z0-9.!+_'@]{0,40}@[-a-zA-Z0-9.]{1,40}"
        ) {
            if let Ok(address) = parse_address(&text) {
                prop_assert!(address.parse::<lettre::Address>().is_ok(), "{address}");
            }
        }
    }

    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            proptest::collection::vec(any::<char>(), 0..80).prop_map(String::from_iter),
            proptest::collection::vec(0u32..0x3000, 0..200)
                .prop_map(|codes| codes.into_iter().filter_map(char::from_u32).collect()),
            "[a-z \r\n\t:<>@\"\\\\,;()=?]{0,200}",
            "([督办]{1,20}[\r\n]{0,2}(Bcc: x@y\\.cn)?){1,12}",
            "=\\?utf-8\\?[bq]\\?[a-zA-Z0-9=]{0,20}\\?=",
        ]
    }
}
