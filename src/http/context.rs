//! One request as its log lines and its failures name it: id, language, address.

use crate::domain::words::Lang;
use crate::http::state::State;
use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

/// Put into the request by the server before anything else looks at it.
#[derive(Debug, Clone)]
pub struct Context {
    pub request_id: String,
    /// What `Accept-Language` asks for, else the office's own.
    pub lang: Lang,
    pub method: String,
    /// Without the query.
    pub path: String,
    /// `trace-id` of a W3C `traceparent`, if a proxy or caller sent one.
    pub trace_id: Option<String>,
}

impl Context {
    #[must_use]
    pub fn new(request: &ServiceRequest, state: &State) -> Self {
        let headers = request.headers();
        let request_id = text(headers, "x-request-id").filter(|id| is_plain(id)).map(str::to_owned);
        Self {
            request_id: request_id
                .unwrap_or_else(|| state.world.ids.uuid(state.world.clock.machine_now()).simple().to_string()),
            lang: headers
                .get(ACCEPT_LANGUAGE)
                .and_then(|value| value.to_str().ok())
                .map_or(state.settings.locale, |header| preferred(header, state.settings.locale)),
            method: request.method().to_string(),
            path: request.path().to_owned(),
            trace_id: text(headers, "traceparent").and_then(trace_id).map(str::to_owned),
        }
    }

    /// The one of a request that is being handled.
    #[must_use]
    pub fn of(request: &impl HttpMessage) -> Option<Self> {
        request.extensions().get::<Self>().cloned()
    }
}

/// `*` and tongues we don't speak leave the choice to the office.
fn preferred(header: &str, office: Lang) -> Lang {
    let named = header.split(',').any(|item| {
        let tag = item.trim().to_ascii_lowercase();
        tag.starts_with("zh") || tag.starts_with("en")
    });
    if named { Lang::from_preference(header) } else { office }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Safe to log and to send back.
fn is_plain(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

/// W3C Trace Context: `version-traceid-parentid-flags`, in lower-case hexadecimal.
fn trace_id(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
    };
    let whole = hex(version, 2) && version != "ff" && hex(trace, 32) && hex(parent, 16) && hex(flags, 2);
    let set = |text: &str| text.bytes().any(|byte| byte != b'0');
    (whole && set(trace) && set(parent)).then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_over_or_ignored() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(trace_id(&format!("00-{trace}-00f067aa0ba902b7-01")), Some(trace));
        for wrong in ["", "00-abc-00f067aa0ba902b7-01", &format!("ff-{trace}-00f067aa0ba902b7-01")] {
            assert_eq!(trace_id(wrong), None, "{wrong}");
        }
        assert_eq!(trace_id(&format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))), None);
    }

    #[test]
    fn a_tongue_we_do_not_speak_leaves_the_choice_to_the_office() {
        assert_eq!(preferred("de, fr;q=0.8", Lang::En), Lang::En);
        assert_eq!(preferred("*", Lang::En), Lang::En);
        assert_eq!(preferred("de, zh;q=0.5", Lang::En), Lang::Zh);
        assert_eq!(preferred("en-US,zh;q=0.5", Lang::Zh), Lang::En);
    }

    #[test]
    fn a_request_id_that_could_forge_a_log_line_is_replaced() {
        assert!(is_plain("a-1_b.c"));
        assert!(!is_plain("") && !is_plain("a b") && !is_plain("a\nb") && !is_plain(&"a".repeat(129)));
    }
}
