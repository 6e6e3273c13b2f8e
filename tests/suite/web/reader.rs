//! Somebody with a browser that runs no scripts: a cookie, pages, forms as they are drawn, filled in and sent.

use crate::support::app::{PASSWORD, TestApp};
use crate::support::client::{Answer, Client};
use std::collections::HashMap;
use url::form_urlencoded::Serializer;

/// One signed-in reader.
pub struct Reader {
    client: Client,
}

/// A page as it came.
pub struct Page {
    pub status: u16,
    pub html: String,
    pub path: String,
}

/// A form of a page, with what it holds already.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    is_multipart: bool,
    pub fields: Vec<(String, String)>,
    /// Names that may be filled in.
    offered: Vec<String>,
}

/// A server with the pages.
pub fn app() -> TestApp {
    TestApp::start_with(|_| {}, rectify::web::configure)
}

/// Signs in through the page.
pub fn reader(app: &TestApp, login: &str) -> Reader {
    reader_in(app, login, "en")
}

pub fn reader_in(app: &TestApp, login: &str, lang: &str) -> Reader {
    let anyone = app.anyone().with("Accept-Language", lang).with("Cookie", &format!("rectify_lang={lang}"));
    let page = Page::of("/sign-in", &anyone.get("/sign-in").is(200));
    let answer = page.form("/sign-in").fill("login", login).fill("password", PASSWORD).send(&anyone).is(303);
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(answer.header("set-cookie").unwrap().contains("HttpOnly"));
    let client = app.anyone().with("Cookie", &format!("{cookie}; rectify_lang={lang}"));
    Reader { client: client.with("Sec-Fetch-Site", "same-origin") }
}

impl Reader {
    /// Whatever comes.
    pub fn ask(&self, path: &str) -> Answer {
        self.client.get(path)
    }

    /// A page that must be there.
    #[track_caller]
    pub fn read(&self, path: &str) -> Page {
        Page::of(path, &self.client.get(path).is(200))
    }

    /// Sends a form; a redirect is followed.
    #[track_caller]
    pub fn send(&self, form: &Form) -> Page {
        self.arrive(&form.action, &form.send(&self.client))
    }

    #[track_caller]
    pub fn send_with_files(&self, form: &Form, files: &[(&str, &[u8])]) -> Page {
        self.arrive(&form.action, &form.send_with_files(&self.client, files))
    }

    #[track_caller]
    fn arrive(&self, action: &str, answer: &Answer) -> Page {
        match answer.header("location") {
            Some(target) => {
                assert_eq!(answer.status, 303, "{}", answer.text());
                self.read(target)
            }
            None => Page::of(action, answer),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl Page {
    #[track_caller]
    pub fn of(path: &str, answer: &Answer) -> Self {
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}: {}", answer.text());
        Self { status: answer.status, html: answer.text(), path: path.to_owned() }
    }

    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.words());
        self
    }

    /// What a reader sees: no tags, no entities, single blanks.
    pub fn words(&self) -> String {
        let main = self.html.split("<main").nth(1).unwrap_or(&self.html);
        let mut text = String::new();
        for piece in main.split('<') {
            text.push_str(piece.split_once('>').map_or("", |(_, rest)| rest));
            text.push(' ');
        }
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(self.words().contains(words), "{} does not say {words:?}: {}", self.path, self.words());
    }

    #[track_caller]
    pub fn never_says(&self, words: &str) {
        assert!(!unescaped(&self.html).contains(words), "{} says {words:?}", self.path);
    }

    /// All targets of links, in order.
    pub fn links(&self) -> Vec<String> {
        let tags = tags(&self.html).into_iter().filter(|tag| tag.name == "a");
        tags.filter_map(|tag| tag.attributes.get("href").cloned()).collect()
    }

    /// The form that is sent to `action`.
    #[track_caller]
    pub fn form(&self, action: &str) -> Form {
        let found = self.find_form(action);
        found.unwrap_or_else(|| panic!("{} has no form to {action}: {}", self.path, self.words()))
    }

    pub fn find_form(&self, action: &str) -> Option<Form> {
        let forms = self.html.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap());
        let forms = forms.map(|inner| Form::read(&format!("<form{inner}")));
        forms.into_iter().find(|form| form.action == action)
    }

    /// The rest of a list, page by page: how many lines `<tr>` in bodies of tables there are in all.
    pub fn lines(&self) -> usize {
        let bodies = self.html.split("<tbody>").skip(1).map(|rest| rest.split("</tbody>").next().unwrap());
        bodies.map(|body| body.matches("<tr>").count()).sum()
    }
}

impl Form {
    fn read(html: &str) -> Self {
        let mut form = Self { action: String::new(), is_multipart: false, fields: Vec::new(), offered: Vec::new() };
        let mut select = String::new();
        for tag in tags(html) {
            let attribute = |name: &str| tag.attributes.get(name).cloned().unwrap_or_default();
            let name = attribute("name");
            match tag.name.as_str() {
                "form" => {
                    form.action = attribute("action");
                    form.is_multipart = attribute("enctype") == "multipart/form-data";
                }
                "input" => {
                    let kind = attribute("type");
                    let is_box = kind == "checkbox" || kind == "radio";
                    form.offered.push(name.clone());
                    if kind != "file" && (!is_box || tag.attributes.contains_key("checked")) {
                        form.fields.push((name, attribute("value")));
                    }
                }
                "textarea" => {
                    form.offered.push(name.clone());
                    form.fields.push((name, tag.text.strip_prefix('\n').unwrap_or(&tag.text).to_owned()));
                }
                "select" => {
                    form.offered.push(name.clone());
                    form.fields.push((name.clone(), String::new()));
                    select = name;
                }
                "option" if tag.attributes.contains_key("selected") => {
                    form.fields.retain(|(held, _)| *held != select);
                    form.fields.push((select.clone(), attribute("value")));
                }
                _ => {}
            }
        }
        form
    }

    /// Fills in a field that the form has.
    #[track_caller]
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        assert!(self.offered.iter().any(|held| held == name), "no field {name} in {}", self.action);
        self.fields.retain(|(held, _)| held != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a field out, as nobody with a browser could.
    pub fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(held, _)| held != name);
        self
    }

    /// Sets a field whether it is offered or not, as nobody with a browser could.
    pub fn forge(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(held, _)| held != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn value(&self, name: &str) -> &str {
        self.fields.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.offered.iter().any(|held| held == name)
    }

    pub fn send(&self, client: &Client) -> Answer {
        if self.is_multipart {
            return self.send_with_files(client, &[]);
        }
        let body = Serializer::new(String::new()).extend_pairs(&self.fields).finish();
        client.send("POST", &self.action, Some("application/x-www-form-urlencoded"), body.into_bytes())
    }

    /// As a browser sends it: fields in their order, files in the field for them.
    pub fn send_with_files(&self, client: &Client, files: &[(&str, &[u8])]) -> Answer {
        let boundary = "----WebKitFormBoundaryrectify";
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(value.as_bytes());
            body.extend_from_slice(b"\r\n");
        }
        let none: &[(&str, &[u8])] = &[("", b"")];
        for (name, content) in if files.is_empty() { none } else { files } {
            let head = format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"attachment_ids\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        client.send("POST", &self.action, Some(&format!("multipart/form-data; boundary={boundary}")), body)
    }
}

/// An element's opening tag, and the text right behind it.
struct Tag {
    name: String,
    attributes: HashMap<String, String>,
    text: String,
}

/// The tags of our own pages, which quote every value.
fn tags(html: &str) -> Vec<Tag> {
    let mut found = Vec::new();
    for piece in html.split('<').skip(1) {
        let Some((head, text)) = piece.split_once('>') else { continue };
        let (name, mut rest) = head.split_once(|letter: char| letter.is_ascii_whitespace()).unwrap_or((head, ""));
        let mut attributes = HashMap::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let end = rest.find(|letter: char| letter == '=' || letter.is_ascii_whitespace()).unwrap_or(rest.len());
            let (key, tail) = rest.split_at(end);
            if let Some(value) = tail.strip_prefix("=\"") {
                let (value, tail) = value.split_once('"').unwrap_or_else(|| panic!("an open quote in <{head}>"));
                attributes.insert(key.to_owned(), unescaped(value));
                rest = tail;
            } else {
                attributes.insert(key.to_owned(), String::new());
                rest = tail.strip_prefix('=').unwrap_or(tail);
            }
        }
        found.push(Tag { name: name.to_owned(), attributes, text: unescaped(text) });
    }
    found
}

fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}
