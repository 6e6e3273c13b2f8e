//! The interface's description for people: a small reader of `/openapi.json`, served from the binary.

use crate::api::openapi;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, get};
use std::sync::LazyLock;

const PAGE: &str = include_str!("docs/reader.html");
const STYLE: &str = include_str!("docs/reader.css");
const SCRIPT: &str = include_str!("docs/reader.js");
/// The same for everyone, and gone with the next version.
const AN_HOUR: &str = "public, max-age=3600";

#[get("/openapi.json")]
pub async fn get_document() -> HttpResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| openapi::document().to_string());
    still("application/json", &TEXT)
}

#[get("/docs")]
pub async fn get_reader() -> HttpResponse {
    still("text/html; charset=utf-8", PAGE)
}

#[get("/docs/reader.css")]
pub async fn get_reader_style() -> HttpResponse {
    still("text/css; charset=utf-8", STYLE)
}

#[get("/docs/reader.js")]
pub async fn get_reader_script() -> HttpResponse {
    still("text/javascript; charset=utf-8", SCRIPT)
}

fn still(kind: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, kind)).insert_header((CACHE_CONTROL, AN_HOUR)).body(text)
}
