//! A plain HTTP client for tests: one caller, requests in one line, answers to look into.

use serde_json::Value;
use std::time::Duration;
use ureq::http::Request;
use ureq::{Agent, SendBody};

/// One caller of a server.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    url: String,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
}

#[expect(clippy::needless_pass_by_value, reason = "a body is best written where it is sent")]
impl Client {
    /// Nobody in particular.
    pub fn new(url: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_mins(1)))
            // Bodies on any method, so that wrong ones can be sent too.
            .allow_non_standard_methods(true);
        Self { agent: config.build().into(), url: url.to_owned(), headers: Vec::new() }
    }

    /// The same caller with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    pub fn bearer(&self, token: &str) -> Self {
        self.with("Authorization", &format!("Bearer {token}"))
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, Vec::new())
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some("application/json"), body.to_string().into_bytes())
    }

    pub fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some("application/json"), body.to_string().into_bytes())
    }

    pub fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some("application/json"), body.to_string().into_bytes())
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None, Vec::new())
    }

    /// Files as a multipart form: name and content.
    pub fn upload(&self, path: &str, files: &[(&str, &[u8])]) -> Answer {
        let boundary = "----rectify-test-form";
        let mut body = Vec::new();
        for (name, content) in files {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        self.send("POST", path, Some(&format!("multipart/form-data; boundary={boundary}")), body)
    }

    pub fn send(&self, method: &str, path: &str, kind: Option<&str>, body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.url, ascii(path)));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        let response = if body.is_empty() && kind.is_none() {
            self.agent.run(request.body(SendBody::none()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut response = response.unwrap_or_else(|fault| panic!("{method} {path}: {fault}"));
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let bytes = response.body_mut().with_config().limit(200 << 20).read_to_vec().unwrap();
        Answer { status: response.status().as_u16(), headers, bytes }
    }
}

/// Letters beyond ASCII as a browser sends them.
fn ascii(path: &str) -> String {
    path.bytes().fold(String::new(), |path, byte| {
        if byte.is_ascii() { path + &char::from(byte).to_string() } else { format!("{path}%{byte:02X}") }
    })
}

impl Answer {
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.bytes));
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|fault| panic!("{fault}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A text of the JSON body by pointer.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> String {
        let body = self.json();
        let found = body.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer} in {body}"));
        found.as_str().map_or_else(|| found.to_string(), str::to_owned)
    }

    /// Status and code of a problem, and each field at fault: `422 request.invalid /code field.required`.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json; charset=utf-8"), "{}", self.text());
        let body = self.json();
        assert_eq!(body["status"], self.status);
        let mut line = format!("{} {}", self.status, body["code"].as_str().unwrap());
        for field in body["errors"].as_array().into_iter().flatten() {
            let place = field["pointer"].as_str().map_or_else(
                || format!("?{}", field["parameter"].as_str().unwrap_or_default()),
                |pointer| if pointer.is_empty() { "(whole)".to_owned() } else { pointer.to_owned() },
            );
            line = format!("{line} {place} {}", field["code"].as_str().unwrap());
        }
        line
    }
}
