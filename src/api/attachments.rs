//! `/attachments`: files come in as a multipart form, straight to the disk, and go out as downloads.

use crate::actions::attachments::{self, NewFile};
use crate::api::call::{Answer, Call, Reply, id};
use crate::api::routes::Routes;
use crate::domain::refusal::{Arg, Code, Fault as FieldFault, Refusal};
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::http::uploads::{self, Received, not_kept, unreadable, within};
use crate::queries::attachments::{self as views, FileOut};
use crate::queries::people::Identity;
use crate::transaction::{Failure, Read};
use actix_multipart::{Field, Multipart};
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use futures_util::StreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Files of one request.
const FILES: usize = 20;

pub fn routes(config: &mut Routes<'_>) {
    config.service(upload_attachments).service(get_attachment);
}

/// The form, for the document.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes")]
struct Upload {
    /// One or many files, with names in UTF-8.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
}

/// What was kept.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Uploaded {
    pub items: Vec<FileOut>,
}

/// Takes files. They are the caller's own until a progress entry or a letter names them.
#[utoipa::path(
    tag = "attachments",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 201, body = Uploaded))
)]
#[post("/attachments")]
pub async fn upload_attachments(call: Call, form: Multipart) -> Answer {
    let call = call.after(|_, who| attachments::may_send(who));
    let who = call.let_in().await?;
    if let Some(user) = who.user_id {
        call.state.limits.upload(user, call.state.world.clock.machine_now())?;
    }
    let received = receive(&call.state, form).await?;
    let fingerprint = fingerprint(&received);
    let more = received.iter().map(|file| file.arrived.blob().size_bytes).sum();
    let key = call.key().map(str::to_owned);
    let room = move |read: &mut Read<'_>, who: &Identity| {
        views::room(read, who, more, key.as_deref().map(|key| (key, fingerprint)))
    };
    if let Err(failure) = call.state.read(&call.credentials, room).await {
        for file in received {
            file.arrived.abandon().await;
        }
        return Err(failure.into());
    }
    let mut files = Vec::new();
    for Received { name, media_type, arrived } in received {
        let blob = arrived.keep().await.map_err(|fault| not_kept(&fault))?;
        let (sha256, size_bytes) = (blob.sha256, blob.size_bytes);
        files.push(NewFile { name, media_type: media_type.to_owned(), sha256, size_bytes });
    }
    call.write_known(fingerprint, (), move |tx, who, ()| {
        let ids = attachments::keep(tx, who, files)?;
        let items = views::by_ids(&mut tx.read(), &ids)?;
        let location = ids.first().map(|id| format!("/api/v1/attachments/{id}")).unwrap_or_default();
        Ok(Reply::json(&Uploaded { items })?.as_created(location))
    })
    .await
}

/// A file as a download. It never changes, so it may be kept and asked for again by its `ETag`.
#[utoipa::path(
    tag = "attachments",
    responses(
        (status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "What `If-None-Match` names is still the same"),
    )
)]
#[get("/attachments/{id}")]
pub async fn get_attachment(call: Call, path: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Fault> {
    let Call { state, credentials, .. } = call;
    let file = state.read(&credentials, move |read, who| views::get(read, who, id(&path)?)).await?;
    let tag = format!("\"{}\"", file.sha256);
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    let bytes = state.blobs.read(&file.sha256).await.map_err(|fault| Failure::broken(fault.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.media_type))
        .insert_header((CONTENT_DISPOSITION, disposition(&file.name)))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; sandbox"))
        .insert_header((CACHE_CONTROL, "private, no-cache"))
        .insert_header((ETAG, tag))
        .body(SizedStream::new(u64::try_from(file.size).unwrap_or(0), bytes)))
}

/// All files of the form. When one is refused, none is kept.
async fn receive(state: &State, mut form: Multipart) -> Result<Vec<Received>, Fault> {
    let mut received = Vec::new();
    let result = receive_each(state, &mut form, &mut received).await;
    if let Err(fault) = result {
        for file in received {
            file.arrived.abandon().await;
        }
        return Err(fault);
    }
    Ok(received)
}

async fn receive_each(state: &State, form: &mut Multipart, received: &mut Vec<Received>) -> Result<(), Fault> {
    while let Some(field) = within(form.next()).await? {
        let field = field.map_err(|fault| unreadable(&fault))?;
        named_file(&field)?;
        if received.len() == FILES {
            return Err(Refusal::field(FieldFault::at("/file", Code::FieldTooMany).with("max", FILES)).into());
        }
        received.push(uploads::receive(state, field, "/file").await?);
    }
    if received.is_empty() { Err(Refusal::new(Code::FileMissing).into()) } else { Ok(()) }
}

/// Files go into one field.
fn named_file(field: &Field) -> Result<(), Refusal> {
    let form_name = field.name().unwrap_or_default();
    if form_name == "file" {
        return Ok(());
    }
    let fault = FieldFault::at(format!("/{form_name}"), Code::FieldUnknown);
    let hint = Arg::both("（文件请放在 file 字段）", " (files go into the field `file`)");
    Err(Refusal::field(fault.with("name", form_name).with("hint", hint)))
}

/// RFC 6266 and 8187: the name in UTF-8, and for old programs what of it is ASCII.
fn disposition(name: &str) -> String {
    use std::fmt::Write;
    let plain =
        |letter: char| if letter.is_ascii_graphic() && !matches!(letter, '"' | '\\' | '%') { letter } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        // attr-char of RFC 8187.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// A repeat has another boundary, so it is known by what was sent.
fn fingerprint(received: &[Received]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(b"POST /api/v1/attachments\n");
    for file in received {
        hasher.update(Sha256::digest(file.name.as_bytes()));
        hasher.update(file.arrived.blob().sha256.as_bytes());
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_named_in_utf_8_and_for_old_programs_in_ascii() {
        assert_eq!(
            disposition("整改 a\".pdf"),
            "attachment; filename=\"___a_.pdf\"; filename*=UTF-8''%E6%95%B4%E6%94%B9%20a%22.pdf"
        );
    }
}
