//! What a receipt proves by itself, without any database: that it is what the record said when the letter was filed.

use crate::domain::audit::{self, Link, Sealed, hex, unhex};
use crate::domain::id::EventId;
use crate::domain::instant::Instant;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The record's line of a filing, as a receipt carries it: enough to compute the chain's hash again. Binary fields are
/// hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    /// `feedback:<id>`
    pub stream: String,
    pub seq: i64,
    pub id: EventId,
    pub at: Instant,
    /// `user:<id>`
    pub actor: String,
    pub act: String,
    /// The exact JSON text that was hashed.
    pub payload: String,
    pub salt: String,
    /// Digest of the actor's name; null in a line of before, whose hash doesn't cover it.
    #[schema(required = true)]
    pub name_digest: Option<String>,
    pub prev_hash: String,
}

/// Why a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptFault {
    /// It is no receipt, or one without its record.
    Unreadable,
    /// Its record does not come to the chain's hash.
    Hash,
    /// This field is not what the record says.
    Field(String),
}

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proven {
    pub feedback_id: String,
    pub submitted_at: Instant,
    pub chain_hash: String,
    /// Files of the letter.
    pub files: Vec<FileSaid>,
    /// Fields that a record of before doesn't hold, hence proves neither way.
    pub unproven: Vec<String>,
}

/// A file as the record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSaid {
    pub name: String,
    pub size: i64,
    pub sha256: String,
}

/// The hash that this line of the record has; `None` where a field is not hexadecimal.
#[must_use]
pub fn chain_hash(filing: &Filing) -> Option<String> {
    let digest = audit::payload_digest(&unhex(&filing.salt)?, &filing.payload);
    let name_digest = match &filing.name_digest {
        Some(text) => Some(unhex(text)?),
        None => None,
    };
    let prev_hash = unhex(&filing.prev_hash)?;
    let link = Link {
        stream: &filing.stream,
        seq: filing.seq,
        at: filing.at,
        actor: &filing.actor,
        act: &filing.act,
        payload_digest: &digest,
        prev_hash: &prev_hash,
        sealed: name_digest.as_deref().map(|name_digest| Sealed { id: filing.id, name_digest }),
    };
    Some(hex(&audit::hash(&link)))
}

/// Checks a receipt as it was downloaded.
pub fn check(receipt: &Value) -> Result<Proven, ReceiptFault> {
    let fields = receipt.as_object().ok_or(ReceiptFault::Unreadable)?;
    let record = fields.get("record").cloned().ok_or(ReceiptFault::Unreadable)?;
    let filing: Filing = serde_json::from_value(record).map_err(|_shape| ReceiptFault::Unreadable)?;
    let said: Value = serde_json::from_str(&filing.payload).map_err(|_shape| ReceiptFault::Unreadable)?;
    let hash = chain_hash(&filing).ok_or(ReceiptFault::Unreadable)?;
    if fields.get("chain_hash").and_then(Value::as_str) != Some(hash.as_str()) {
        return Err(ReceiptFault::Hash);
    }
    if filing.act != "feedback.filed" {
        return Err(ReceiptFault::Field("act".to_owned()));
    }
    let mut unproven = Vec::new();
    for (name, value) in fields {
        match holds(name, value, &filing, &said) {
            Some(true) => {}
            Some(false) => return Err(ReceiptFault::Field(name.clone())),
            None => unproven.push(name.clone()),
        }
    }
    for name in ["feedback_id", "submitted_at", "notice", "unit", "letter_no", "references", "attachments"] {
        if !fields.contains_key(name) {
            return Err(ReceiptFault::Field(name.to_owned()));
        }
    }
    let files = said.get("attachments").cloned().unwrap_or(Value::Null);
    Ok(Proven {
        feedback_id: filing.stream.trim_start_matches("feedback:").to_owned(),
        submitted_at: filing.at,
        chain_hash: hash,
        files: serde_json::from_value(files).map_err(|_shape| ReceiptFault::Unreadable)?,
        unproven,
    })
}

/// Is a field what the record says? `None` where a record of before doesn't say.
fn holds(name: &str, value: &Value, filing: &Filing, said: &Value) -> Option<bool> {
    let text = value.as_str();
    match name {
        "record" | "chain_hash" => Some(true),
        "feedback_id" => Some(text.is_some_and(|id| filing.stream == format!("feedback:{id}"))),
        "submitted_at" => Some(text.and_then(|at| at.parse().ok()) == Some(filing.at)),
        "letter_no" => Some(said.get("letter_no").unwrap_or(&Value::Null) == value),
        "notice" | "unit" => match said.get(name) {
            Some(whole) => Some(whole == value),
            None if said.get(format!("{name}_id")) == value.get("id") => None,
            None => Some(false),
        },
        "references" => said.get("references").map(|whole| whole == value),
        "attachments" => files_hold(said.get("attachments")?, value),
        _ => Some(false),
    }
}

fn files_hold(said: &Value, shown: &Value) -> Option<bool> {
    let (Some(said), Some(shown)) = (said.as_array(), shown.as_array()) else { return Some(false) };
    let same = |one: &Value, other: &Value, field: &str| one.get(field) == other.get(field);
    let whole = said.len() == shown.len()
        && said.iter().zip(shown).all(|(said, shown)| {
            let known = shown.as_object().is_some_and(|fields| {
                fields.keys().all(|name| ["id", "name", "size", "media_type", "sha256"].contains(&name.as_str()))
            });
            let typed = said.get("media_type").is_none() || same(said, shown, "media_type");
            known && typed && ["id", "name", "size", "sha256"].iter().all(|field| same(said, shown, field))
        });
    let is_old = said.iter().any(|file| file.get("media_type").is_none());
    if whole && is_old { None } else { Some(whole) }
}
