//! One call of the interface: who asks, under which conditions, and the road that every handler takes.
//!
//! A handler says what it takes (`Body`, `Params`, `List`), and in a closure what it does; `Call` sees to the rest:
//! identity, the form token, the version, the key for repeats, the transaction, the answer.

use crate::actions::idempotency::{self as once, Asked, Kept};
use crate::api::{etag, idempotency, openapi};
use crate::domain::refusal::{Code, Refusal};
use crate::domain::vocabulary::Role;
use crate::domain::words::Lang;
use crate::http::context::Context;
use crate::http::identity::Credentials;
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::queries::people::Identity;
use crate::transaction::{Failure, Outcome, Read, Tx};
use actix_web::body::BoxBody;
use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder};
use serde::Serialize;
use std::future::{Ready, ready};
use std::str::FromStr;
use std::sync::Arc;

/// What handlers give back.
pub type Answer = Result<Reply, Fault>;

/// What a handler takes from the request besides its path; told to fit, or not, once it is known who asks.
pub trait Input {
    type Value: Send + 'static;

    /// # Errors
    /// The faults.
    fn settle(self) -> Result<Self::Value, Refusal>;

    /// SHA-256 of the bytes, to recognise a repeat by.
    fn digest(&self) -> [u8; 32] {
        [0; 32]
    }
}

/// Nothing is taken.
impl Input for () {
    type Value = ();

    fn settle(self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl<A: Input, B: Input> Input for (A, B) {
    type Value = (A::Value, B::Value);

    fn settle(self) -> Result<Self::Value, Refusal> {
        Ok((self.0.settle()?, self.1.settle()?))
    }

    /// The query is part of the address, so only one of the two is a body.
    fn digest(&self) -> [u8; 32] {
        let (first, second) = (self.0.digest(), self.1.digest());
        if first == [0; 32] { second } else { first }
    }
}

/// May whoever asks do this at all?
type Gate = Arc<dyn Fn(&mut Read<'_>, &Identity) -> Outcome<()> + Send + Sync>;

/// Stands first among a handler's arguments: a request without credentials goes no further.
pub struct Call {
    pub state: State,
    pub credentials: Credentials,
    /// The version from `If-Match`, for `record::check_version`.
    pub version: Option<i64>,
    /// What `Accept-Language` asks for, else the office's own.
    pub lang: Lang,
    key: Option<String>,
    method: String,
    /// Path and query.
    target: String,
    /// What is wrong with the query's names, told once it is known who asks.
    misnamed: Option<Refusal>,
    /// Asked before that, and before what is wrong with the body.
    gate: Option<Gate>,
}

impl FromRequest for Call {
    type Error = Fault;
    type Future = Ready<Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).map_err(Fault::from))
    }
}

impl Call {
    fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let state = request.app_data::<State>().cloned().ok_or_else(|| Refusal::new(Code::Internal))?;
        let credentials = Credentials::of(request, &state)?;
        // Neither an id nor a code holds it, and PostgreSQL would stumble.
        if request.path().contains("%00") {
            return Err(Refusal::missing());
        }
        Ok(Self {
            credentials,
            version: etag::given(request)?,
            lang: Context::of(request).map_or(state.settings.locale, |context| context.lang),
            key: idempotency::key(request)?,
            method: request.method().to_string(),
            target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            misnamed: openapi::misnamed(request),
            gate: None,
            state,
        })
    }

    /// Only for these roles: whoever holds none of them hears that, and nothing of what is wrong with what they sent.
    #[must_use]
    pub fn only(self, roles: &'static [Role]) -> Self {
        self.after(|_, who| Ok(who.require(roles)?))
    }

    /// As `only`, for what depends on the row that is named. Asked only where what was sent doesn't fit: whatever fits is
    /// decided by the act itself, in its own transaction.
    #[must_use]
    pub fn after(mut self, gate: impl Fn(&mut Read<'_>, &Identity) -> Outcome<()> + Send + Sync + 'static) -> Self {
        self.gate = Some(Arc::new(gate));
        self
    }

    /// Looks. The closure gets the snapshot, who asks, and what the handler took.
    ///
    /// # Errors
    /// Whatever is refused on the way.
    pub async fn read<I, F>(self, input: I, f: F) -> Answer
    where
        I: Input,
        F: FnOnce(&mut Read<'_>, &Identity, I::Value) -> Outcome<Reply> + Send + 'static,
    {
        let (input, gate) = (self.settle(input), self.gate);
        let road = move |read: &mut Read<'_>, who: &Identity| match input {
            Ok(input) => f(read, who, input),
            Err(refusal) => {
                pass(gate.as_ref(), read, who)?;
                Err(refusal.into())
            }
        };
        Ok(self.state.read(&self.credentials, road).await?)
    }

    /// Changes something, once, however often it is asked with the same `Idempotency-Key`. The closure gets the
    /// transaction, who asks, and what the handler took.
    ///
    /// # Errors
    /// Whatever is refused on the way; nothing is changed then.
    pub async fn write<I, F>(self, input: I, f: F) -> Answer
    where
        I: Input,
        F: FnOnce(&mut Tx<'_>, &Identity, I::Value) -> Outcome<Reply> + Send + 'static,
    {
        let fingerprint = idempotency::fingerprint(&self.method, &self.target, &input.digest());
        self.write_known(fingerprint, input, f).await
    }

    /// `write` for what is recognised by something else than the bytes of its body.
    ///
    /// # Errors
    /// Whatever is refused on the way; nothing is changed then.
    pub async fn write_known<I, F>(self, fingerprint: [u8; 32], input: I, f: F) -> Answer
    where
        I: Input,
        F: FnOnce(&mut Tx<'_>, &Identity, I::Value) -> Outcome<Reply> + Send + 'static,
    {
        let input = match self.settle(input) {
            Ok(input) => input,
            // Whoever may not change anything is told that first; no writer has to wait for it.
            Err(refusal) => {
                self.let_in().await?;
                return Err(refusal.into());
            }
        };
        let key = self.key.filter(|_| self.method == "POST");
        let road = move |tx: &mut Tx<'_>, who: &Identity| {
            let Some(key) = key else { return f(tx, who, input) };
            let asked = Asked { caller: who.actor.label(), key, fingerprint };
            if let Some(kept) = once::begin(tx, &asked)? {
                return Ok(Reply::again(kept));
            }
            let reply = f(tx, who, input)?;
            once::keep(tx, &asked, &reply.kept())?;
            Ok(reply)
        };
        Ok(self.state.write(&self.credentials, road).await?)
    }

    /// The hash of a password that a body holds: made before the transaction, because it takes its time, and for nobody
    /// who couldn't change anything.
    ///
    /// # Errors
    /// When the caller isn't let in, or too many wait.
    pub async fn hash(&self, password: Option<String>) -> Result<Option<String>, Fault> {
        let Some(password) = password else { return Ok(None) };
        self.let_in().await?;
        Ok(Some(self.state.hashing.hash(password).await?))
    }

    /// Who asks, and what the handler took, for what is done outside the store's transactions.
    ///
    /// # Errors
    /// Whatever is refused on the way.
    pub async fn admit<I: Input>(self, input: I) -> Result<(Identity, I::Value), Fault> {
        let who = self.let_in().await?;
        Ok((who, self.settle(input)?))
    }

    /// The key under which a repeat would be recognised.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whoever may change something, and this.
    ///
    /// # Errors
    /// Whatever is refused on the way.
    pub async fn let_in(&self) -> Outcome<Identity> {
        let gate = self.gate.clone();
        self.state.admit_if(&self.credentials, move |read, who| pass(gate.as_ref(), read, who)).await
    }

    fn settle<I: Input>(&self, input: I) -> Result<I::Value, Refusal> {
        match &self.misnamed {
            Some(refusal) => Err(refusal.clone()),
            None => input.settle(),
        }
    }
}

fn pass(gate: Option<&Gate>, read: &mut Read<'_>, who: &Identity) -> Outcome<()> {
    gate.map_or(Ok(()), |gate| gate(read, who))
}

/// The id in a path; what isn't even shaped like one is not there.
///
/// # Errors
/// `not_found`.
pub fn id<T: FromStr>(text: &str) -> Result<T, Refusal> {
    text.parse().map_err(|_shapeless| Refusal::missing())
}

/// An answer: status, headers of its own, JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    /// Headers of an answer given before.
    kept_headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), kept_headers: Vec::new(), body }
    }

    /// 200 with something that has no version.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn json<T: Serialize>(value: &T) -> Outcome<Self> {
        Ok(Self::new(StatusCode::OK, written(value)?))
    }

    /// 200 with a row in its version.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn row<T: Serialize>(row: &T, version: i64) -> Outcome<Self> {
        Ok(Self::json(row)?.with_header("etag", etag::tag(version)))
    }

    /// 201 with a new row in its version, and where it lies.
    ///
    /// # Errors
    /// When it can't be written as JSON.
    pub fn created<T: Serialize>(location: impl Into<String>, row: &T, version: i64) -> Outcome<Self> {
        Ok(Self::row(row, version)?.as_created(location))
    }

    /// 201 for what was made, and where it lies.
    #[must_use]
    pub fn as_created(mut self, location: impl Into<String>) -> Self {
        self.status = StatusCode::CREATED;
        self.with_header("location", location)
    }

    /// 204.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new(StatusCode::NO_CONTENT, Vec::new())
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn kept(&self) -> Kept {
        let headers = self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Kept { status: self.status.as_u16(), headers, body: self.body.clone() }
    }

    fn again(kept: Kept) -> Self {
        let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
        let again = Self::new(status, kept.body).with_header(idempotency::REPLAYED, "true");
        Self { kept_headers: kept.headers, ..again }
    }
}

fn written<T: Serialize>(value: &T) -> Outcome<Vec<u8>> {
    serde_json::to_vec(value).map_err(|fault| Failure::broken(format!("an answer can't be written: {fault}")))
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        let own = self.headers.iter().map(|(name, value)| (*name, value));
        let kept = self.kept_headers.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in own.chain(kept) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                response.insert_header((name, value));
            }
        }
        if self.status == StatusCode::NO_CONTENT {
            return response.finish();
        }
        response.content_type("application/json").body(self.body)
    }
}
