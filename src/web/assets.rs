//! The pages' style, script and icon, compiled in. Their addresses hold their content's hash, so browsers may keep them.

use crate::domain::refusal::Refusal;
use crate::web::visit::Visit;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::OnceLock;

/// A file that is the same for everybody.
#[derive(Debug)]
pub struct Asset {
    stem: &'static str,
    extension: &'static str,
    media_type: &'static str,
    body: &'static [u8],
    path: OnceLock<String>,
}

pub static STYLE: Asset = Asset::new("style", "css", "text/css; charset=utf-8", include_bytes!("static/style.css"));
pub static SCRIPT: Asset =
    Asset::new("pages", "js", "text/javascript; charset=utf-8", include_bytes!("static/pages.js"));
pub static ICON: Asset = Asset::new("icon", "svg", "image/svg+xml", include_bytes!("static/icon.svg"));

impl Asset {
    const fn new(stem: &'static str, extension: &'static str, media_type: &'static str, body: &'static [u8]) -> Self {
        Self { stem, extension, media_type, body, path: OnceLock::new() }
    }

    /// `/static/style.1a2b3c4d5e6f.css`
    pub fn path(&'static self) -> &'static str {
        self.path.get_or_init(|| {
            let mut hash = String::with_capacity(12);
            for byte in Sha256::digest(self.body).iter().take(6) {
                if write!(hash, "{byte:02x}").is_err() {
                    break;
                }
            }
            format!("/static/{}.{hash}.{}", self.stem, self.extension)
        })
    }
}

/// A file by the name its address has.
pub async fn get_asset(visit: Visit, name: web::Path<String>) -> HttpResponse {
    let path = format!("/static/{name}");
    let Some(asset) = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.path() == path) else {
        return visit.refused(&Refusal::missing().into()).await;
    };
    HttpResponse::Ok()
        .content_type(asset.media_type)
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_stays_within_what_a_page_may_weigh() {
        assert!(STYLE.body.len() < 18 * 1024, "{} bytes", STYLE.body.len());
        assert!(SCRIPT.body.len() < 6 * 1024, "{} bytes", SCRIPT.body.len());
        assert!(STYLE.path().starts_with("/static/style."), "{}", STYLE.path());
    }
}
