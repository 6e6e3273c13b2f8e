//! What a request brings to say who sends it: a bearer token, or the session's cookie and its form token.
//! Who that is gets looked up in the request's own transaction; see `blocking`.

use crate::domain::refusal::{Code, Refusal};
use crate::http::origin;
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::queries::people::{Credential, Identity, Via};
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest};
use std::future::{Ready, ready};
use subtle::ConstantTimeEq;

/// Header that carries the session's form token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// What was shown at the door, not yet looked up.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub credential: Credential,
    /// The form token that came with it.
    pub csrf: Option<String>,
    /// What is asked for with them: method and path, for the record of what is denied.
    pub asked: String,
    /// Another site's page sent it.
    pub foreign: bool,
}

impl Credentials {
    /// # Errors
    /// When nothing was shown, or nothing that could be ours.
    pub fn of(request: &HttpRequest, state: &State) -> Result<Self, Refusal> {
        Ok(Self {
            credential: credential(request, state)?,
            csrf: request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned),
            asked: format!("{} {}", request.method(), request.path()),
            foreign: origin::is_foreign(request.headers(), &state.world.base_url),
        })
    }

    /// For pages, whose forms carry the token as a field.
    #[must_use]
    pub fn with_form_token(mut self, token: impl Into<String>) -> Self {
        self.csrf = Some(token.into());
        self
    }

    /// A change made with a cookie must prove that our own page sent it.
    pub(super) fn check_form_token(&self, identity: &Identity) -> Result<(), Refusal> {
        match &identity.via {
            Via::Token { .. } => Ok(()),
            // A second line beside the token, for whoever has come by one.
            Via::Session { .. } if self.foreign => Err(Refusal::new(Code::CsrfMissing)),
            Via::Session { csrf_token, .. } => {
                let given = self.csrf.as_deref().unwrap_or_default();
                let same: bool = given.as_bytes().ct_eq(csrf_token.as_bytes()).into();
                if same { Ok(()) } else { Err(Refusal::new(Code::CsrfMissing)) }
            }
        }
    }
}

fn credential(request: &HttpRequest, state: &State) -> Result<Credential, Refusal> {
    if let Some(header) = request.headers().get(AUTHORIZATION) {
        let text = header.to_str().unwrap_or_default();
        let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::new(Code::SignInRequired));
        }
        return Credential::token(secret.trim()).ok_or_else(|| Refusal::new(Code::TokenInvalid));
    }
    let cookie = request.cookie(cookie_name(state.settings.https));
    cookie.and_then(|cookie| Credential::session(cookie.value())).ok_or_else(|| Refusal::new(Code::SignInRequired))
}

impl FromRequest for Credentials {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let state = request.app_data::<State>();
        ready(state.map_or_else(
            || Err(Refusal::new(Code::Internal).into()),
            |state| Self::of(request, state).map_err(Fault::from),
        ))
    }
}

const fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-rectify_session" } else { "rectify_session" }
}

/// The cookie that holds a new session. It ends with the browser; the session itself ends here, not there.
#[must_use]
pub fn session_cookie(state: &State, secret: String) -> Cookie<'static> {
    Cookie::build(cookie_name(state.settings.https), secret)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(state.settings.https)
        .finish()
}

/// The cookie that takes it away.
#[must_use]
pub fn ended_cookie(state: &State) -> Cookie<'static> {
    let mut cookie = session_cookie(state, String::new());
    cookie.set_max_age(CookieDuration::ZERO);
    cookie
}
