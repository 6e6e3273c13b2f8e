//! JSON bodies: read, limited, and turned into a `T` or into faults that name each field.

use crate::api::call::Input;
use crate::api::shape;
use crate::domain::refusal::{Arg, Code, Refusal};
use crate::http::problem::Fault;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::{DeserializeOwned, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

/// The largest JSON body.
const LIMIT: usize = 1024 * 1024;
/// A body that hasn't come by then is no longer waited for.
const WITHIN: Duration = Duration::from_secs(30);

/// A JSON body. Whether it fits is told once it is known who asks.
#[derive(Debug)]
pub struct Body<T> {
    fits: Result<T, Refusal>,
    digest: [u8; 32],
}

/// A body that is a list: alone, or as `rows` or `items` of an object, as it is answered.
#[derive(Debug)]
pub struct Rows<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Rows<T> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(RowsVisitor(PhantomData))
    }
}

struct RowsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for RowsVisitor<T> {
    type Value = Rows<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Rows<T>, A::Error> {
        let mut rows = Vec::new();
        while let Some(row) = items.next_element()? {
            rows.push(row);
        }
        Ok(Rows(rows))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Rows<T>, A::Error> {
        const KNOWN: &[&str] = &["rows", "items"];
        let mut rows = None;
        while let Some(name) = members.next_key::<String>()? {
            if !KNOWN.contains(&name.as_str()) {
                return Err(Error::unknown_field(&name, KNOWN));
            }
            rows = Some(members.next_value()?);
        }
        rows.map(Rows).ok_or_else(|| Error::missing_field("rows"))
    }
}

impl<T> Body<T> {
    /// The value, if it fits, before it is settled who asks.
    #[must_use]
    pub fn peek(&self) -> Option<&T> {
        self.fits.as_ref().ok()
    }
}

impl<T: Send + 'static> Input for Body<T> {
    type Value = T;

    fn settle(self) -> Result<T, Refusal> {
        self.fits
    }

    fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Fault;
    type Future = LocalBoxFuture<'static, Result<Self, Fault>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let ready = check_headers(request.headers());
        let payload = payload.take();
        Box::pin(async move {
            ready?;
            let bytes = tokio::time::timeout(WITHIN, collect(payload)).await.map_err(|_elapsed| too_slow())??;
            Ok(Self { digest: Sha256::digest(&bytes).into(), fits: read(&bytes) })
        })
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > LIMIT) {
        return Err(too_large());
    }
    let kind = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let bare = kind.is_none() && length.unwrap_or(0) == 0;
    let json = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "application/json" | "application/merge-patch+json")
    };
    if bare || kind.is_some_and(json) {
        Ok(())
    } else {
        Err(Refusal::new(Code::MediaTypeUnsupported).with("expected", "application/json"))
    }
}

async fn collect(mut payload: Payload) -> Result<BytesMut, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_broken| broken())?;
        if bytes.len() + piece.len() > LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    if bytes.is_empty() {
        return shape::from_json(shape::nothing());
    }
    let body = serde_json::from_slice(bytes).map_err(|fault| not_json(&fault))?;
    shape::from_json(body)
}

fn not_json(fault: &serde_json::Error) -> Refusal {
    let (line, column) = (fault.line(), fault.column());
    let reason = Arg::both(format!("第 {line} 行第 {column} 列有误"), format!("Line {line}, column {column}: {fault}"));
    Refusal::new(Code::BodyNotJson).with("reason", reason)
}

fn too_large() -> Refusal {
    Refusal::new(Code::BodyTooLarge).with("limit", "1 MB")
}

fn too_slow() -> Refusal {
    Refusal::new(Code::Malformed)
        .with("reason", Arg::both("请求体未在 30 秒内送达", "The body did not arrive within 30 seconds"))
}

fn broken() -> Refusal {
    Refusal::new(Code::Malformed).with("reason", Arg::both("请求体传输中断", "The body broke off"))
}
