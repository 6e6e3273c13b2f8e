//! The text of a mail as it went over the wire: of our own mails only, whose form is known (`mail::message`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The `text/plain` part of a frozen mail; `None` where it has none that can be read.
#[must_use]
pub fn plain_text(raw: &[u8]) -> Option<String> {
    let mail = String::from_utf8_lossy(raw).replace("\r\n", "\n");
    let (head, body) = mail.split_once("\n\n")?;
    match boundary(&unfolded(head)) {
        Some(boundary) => {
            let mark = format!("--{boundary}");
            body.split(&mark).skip(1).filter_map(|part| part.trim_start_matches('\n').split_once("\n\n")).find_map(
                |(head, body)| {
                    let head = unfolded(head);
                    is_plain(&head).then(|| decoded(&head, body)).flatten()
                },
            )
        }
        None => decoded(&unfolded(head), body),
    }
}

/// Header lines that were broken are whole again.
fn unfolded(head: &str) -> String {
    head.replace("\n ", " ").replace("\n\t", " ")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (held, value) = line.split_once(':')?;
        held.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn boundary(head: &str) -> Option<String> {
    let (_, tail) = header(head, "content-type")?.split_once("boundary=")?;
    let quoted = tail.strip_prefix('"').and_then(|tail| tail.split_once('"')).map(|(mark, _)| mark);
    quoted.or_else(|| tail.split(';').next()).map(|mark| mark.trim().to_owned())
}

fn is_plain(head: &str) -> bool {
    header(head, "content-type").is_some_and(|kind| kind.starts_with("text/plain"))
}

fn decoded(head: &str, body: &str) -> Option<String> {
    match header(head, "content-transfer-encoding").map(str::to_ascii_lowercase).as_deref() {
        Some("base64") => {
            let packed: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
            let bytes = STANDARD.decode(packed).ok()?;
            Some(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
        }
        Some("7bit" | "8bit" | "binary") | None => Some(body.trim_end_matches('\n').to_owned()),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_one_of_our_mails_is_read_back() {
        let raw = "Subject: x\r\nContent-Type: multipart/alternative;\r\n boundary=\"=_b\"\r\n\r\n--=_b\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            5byg5Lyf5ZCM5b+X77yaDQrmgqjlpb3jgIINCg==\r\n--=_b\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--=_b--\r\n";
        assert_eq!(plain_text(raw.as_bytes()).as_deref(), Some("张伟同志：\n您好。\n"));
        assert_eq!(plain_text(b"Subject: x\r\n\r\nplain\r\n").as_deref(), Some("plain"));
        assert_eq!(plain_text(b"nothing"), None);
    }
}
