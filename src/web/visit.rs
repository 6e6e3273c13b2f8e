//! One visit of a page: who comes, in which language, and how what they asked for is drawn, or refused, as a page.

use crate::domain::refusal::{Code, Kind, Refusal};
use crate::domain::words::Lang;
use crate::http::context::Context;
use crate::http::identity::Credentials;
use crate::http::origin;
use crate::http::problem;
use crate::http::state::State;
use crate::queries::people::Identity;
use crate::transaction::{Failure, Outcome, Read, Tx};
use crate::web::errors;
use crate::web::form::{CSRF, Form};
use crate::web::frame::Frame;
use crate::web::lens::Lens;
use crate::web::templates;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LANGUAGE, LOCATION, RETRY_AFTER, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use serde::Serialize;
use std::future::{Ready, ready};
use std::net::IpAddr;

/// Keeps the chosen language.
const LANGUAGE_COOKIE: &str = "rectify_lang";

/// A request as pages see it.
#[derive(Clone)]
pub struct Visit {
    pub state: State,
    pub context: Context,
    pub credentials: Option<Credentials>,
    /// `?lang=`, to be kept.
    pub asked_lang: Option<Lang>,
    kept_lang: Option<Lang>,
    pub path: String,
    pub query: Vec<(String, String)>,
    foreign: bool,
    /// The caller's, as it is counted.
    pub address: IpAddr,
}

/// Where a page is put together: one snapshot, who looks, and how they see.
pub struct Room<'a, 'r> {
    pub read: &'a mut Read<'r>,
    pub who: &'a Identity,
    pub lens: Lens,
}

/// What templates get.
#[derive(Serialize)]
struct Sheet<'a, M> {
    frame: &'a Frame,
    page: &'a M,
}

impl Visit {
    /// # Errors
    /// When the server was built without its state.
    pub fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let state = request.app_data::<State>().cloned().ok_or_else(|| Refusal::new(Code::Internal))?;
        let context = Context::of(request).ok_or_else(|| Refusal::new(Code::Internal))?;
        let query: Vec<(String, String)> =
            url::form_urlencoded::parse(request.query_string().as_bytes()).into_owned().collect();
        let asked = query.iter().find(|(name, _)| name == "lang").and_then(|(_, value)| value.parse().ok());
        Ok(Self {
            credentials: Credentials::of(request, &state).ok(),
            asked_lang: asked,
            kept_lang: request.cookie(LANGUAGE_COOKIE).and_then(|cookie| cookie.value().parse().ok()),
            path: request.path().to_owned(),
            query,
            address: origin::address(request, &state.settings.trusted_proxies),
            foreign: origin::is_foreign(request.headers(), &state.world.base_url),
            state,
            context,
        })
    }

    /// Refuses a form that another site sent: a second line beside the form token, and the only one for signing in.
    ///
    /// # Errors
    /// `auth.csrf`.
    pub fn check_origin(&self) -> Result<(), Refusal> {
        if self.foreign { Err(Refusal::new(Code::CsrfMissing)) } else { Ok(()) }
    }

    /// The language for somebody of this locale.
    #[must_use]
    pub fn lang_for(&self, locale: Lang) -> Lang {
        self.asked_lang.or(self.kept_lang).unwrap_or(locale)
    }

    /// The language for somebody not yet known.
    #[must_use]
    pub fn lang(&self) -> Lang {
        self.lang_for(self.context.lang)
    }

    /// A query parameter; blank is left out.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        let value = self.query.iter().find(|(held, _)| held == name).map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }

    /// A page for whoever is signed in.
    pub async fn page<M, F>(&self, template: &'static str, f: F) -> HttpResponse
    where
        M: Serialize + Send + 'static,
        F: FnOnce(&mut Room<'_, '_>) -> Outcome<M> + Send + 'static,
    {
        self.page_with(StatusCode::OK, template, f).await
    }

    /// The same after something was refused.
    pub async fn page_with<M, F>(&self, status: StatusCode, template: &'static str, f: F) -> HttpResponse
    where
        M: Serialize + Send + 'static,
        F: FnOnce(&mut Room<'_, '_>) -> Outcome<M> + Send + 'static,
    {
        match self.look(f).await {
            Ok((frame, model)) => self.draw(status, template, &frame, &model),
            Err(failure) => self.refused(&failure).await,
        }
    }

    /// Looks, as whoever is signed in.
    ///
    /// # Errors
    /// Nobody is, or what `f` refuses.
    pub async fn look<M, F>(&self, f: F) -> Outcome<(Frame, M)>
    where
        M: Send + 'static,
        F: FnOnce(&mut Room<'_, '_>) -> Outcome<M> + Send + 'static,
    {
        let visit = self.clone();
        let road = move |read: &mut Read<'_>, who: &Identity| {
            let lens = Lens::new(visit.lang_for(who.locale), read);
            let frame = Frame::of(&visit, read, Some(who), &lens);
            Ok((frame, f(&mut Room { read, who, lens })?))
        };
        self.state.read(self.credentials.as_ref().ok_or_else(sign_in_first)?, road).await
    }

    /// Changes something, as whoever is signed in and whose page sent this form.
    ///
    /// # Errors
    /// Nobody is, the form is not theirs, or what `f` refuses.
    pub async fn change<T, F>(&self, form: &Form, f: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>, &Identity) -> Outcome<T> + Send + 'static,
    {
        let credentials = self.credentials.clone().ok_or_else(sign_in_first)?;
        if let Some(refusal) = &form.refused_file {
            return Err(refusal.clone().into());
        }
        self.state.write(&credentials.with_form_token(form.text(CSRF)), f).await
    }

    /// The sheet for somebody not signed in.
    pub async fn bare<M: Serialize>(&self, status: StatusCode, template: &'static str, model: &M) -> HttpResponse {
        let visit = self.clone();
        let lang = self.lang();
        let frame = self.state.world.read(move |read| {
            let lens = Lens::new(lang, read);
            Ok(Frame::of(&visit, read, None, &lens))
        });
        match frame.await {
            Ok(frame) => self.draw(status, template, &frame, model),
            Err(_) => self.draw(status, template, &Frame::plain(lang), model),
        }
    }

    /// A refusal as a page: to the sign-in, or what happened and what to do next.
    pub async fn refused(&self, failure: &Failure) -> HttpResponse {
        let refusal = problem::told(failure, &self.context);
        if refusal.code.kind() == Kind::Unauthenticated {
            return see_other(&format!("/sign-in?next={}", encoded(&self.target())));
        }
        let status = problem::status(refusal.code.kind());
        let request_id = self.context.request_id.clone();
        let held = refusal.clone();
        let told = move |room: &mut Room<'_, '_>| Ok(errors::page(&held, room.lens.lang, &request_id));
        let mut answer = if let Ok((frame, page)) = self.look(told).await {
            self.draw(status, "error.html", &frame, &page)
        } else {
            let page = errors::page(&refusal, self.lang(), &self.context.request_id);
            self.bare(status, "error.html", &page).await
        };
        if refusal.code.kind() == Kind::Unavailable {
            answer.headers_mut().insert(RETRY_AFTER, actix_web::http::header::HeaderValue::from_static("5"));
        }
        answer
    }

    /// Path and query, to come back to.
    #[must_use]
    pub fn target(&self) -> String {
        let kept: Vec<_> = self.query.iter().filter(|(name, _)| name != "lang" && name != "done").collect();
        if kept.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
        format!("{}?{query}", self.path)
    }

    fn draw<M: Serialize>(&self, status: StatusCode, template: &'static str, frame: &Frame, model: &M) -> HttpResponse {
        let html = match templates::render(frame.lang, template, &Sheet { frame, page: model }) {
            Ok(html) => html,
            Err(failure) => {
                let refusal = problem::told(&failure, &self.context);
                return last_resort(&refusal, frame.lang, &self.context.request_id);
            }
        };
        let mut answer = HttpResponse::build(status);
        answer
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_LANGUAGE, frame.lang.as_str()))
            .insert_header((VARY, "Accept-Language, Cookie"));
        if let Some(lang) = self.asked_lang {
            let cookie = Cookie::build(LANGUAGE_COOKIE, lang.as_str())
                .path("/")
                .http_only(true)
                .same_site(SameSite::Lax)
                .secure(self.state.settings.https)
                .max_age(Duration::days(365))
                .finish();
            answer.cookie(cookie);
        }
        answer.body(html)
    }
}

impl FromRequest for Visit {
    type Error = problem::Fault;
    type Future = Ready<Result<Self, problem::Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(problem::Fault::from))
    }
}

pub(super) fn sign_in_first() -> Failure {
    Refusal::new(Code::SignInRequired).into()
}

/// On to another page, by GET.
#[must_use]
pub fn see_other(target: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, target)).finish()
}

/// As a value in a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Where even the page of an error can't be drawn.
fn last_resort(refusal: &Refusal, lang: Lang, request_id: &str) -> HttpResponse {
    let (title, detail) = (refusal.title(lang), refusal.detail(lang));
    let body = format!("{title}\n{detail}\n{request_id}\n");
    HttpResponse::InternalServerError().content_type("text/plain; charset=utf-8").body(body)
}
