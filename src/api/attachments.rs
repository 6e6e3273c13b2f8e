//! `/attachments`: files come in as a multipart form, straight to the disk, and go out as downloads.

use crate::actions::attachments::{self, NewFile};
use crate::api::call::{Answer, Call, Reply, id};
use crate::domain::check::LINE;
use crate::domain::refusal::{Arg, Code, Fault as FieldFault, Refusal};
use crate::files::blobs::{Arrived, BlobFault, Incoming};
use crate::files::kinds;
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::queries::attachments::{self as views, FileOut};
use crate::transaction::Failure;
use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::body::SizedStream;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use futures_util::StreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::time::Duration;
use utoipa_actix_web::service_config::ServiceConfig;

/// Files of one request.
const FILES: usize = 20;
/// An upload of which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn routes(config: &mut ServiceConfig<'_>) {
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

/// A file of the form: its bytes on the disk, not yet kept.
struct Received {
    name: String,
    media_type: &'static str,
    arrived: Arrived,
}

/// Takes files. They are the caller's own until a progress entry or a letter names them.
#[utoipa::path(
    tag = "attachments",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 201, body = Uploaded))
)]
#[post("/attachments")]
pub async fn upload_attachments(call: Call, form: Multipart) -> Answer {
    let who = call.state.admit(&call.credentials).await?;
    if let Some(user) = who.user_id {
        call.state.limits.upload(user, call.state.world.clock.machine_now())?;
    }
    let received = receive(&call.state, form).await?;
    let fingerprint = fingerprint(&received);
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
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"))
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
        if received.len() == FILES {
            return Err(Refusal::field(FieldFault::at("/file", Code::FieldTooMany).with("max", FILES)).into());
        }
        received.push(receive_one(state, field).await?);
    }
    if received.is_empty() { Err(Refusal::new(Code::FileMissing).into()) } else { Ok(()) }
}

async fn receive_one(state: &State, mut field: Field) -> Result<Received, Fault> {
    let name = file_name(&field)?;
    let extension = kinds::extension(&name).filter(|found| state.settings.allowed_files.contains(found));
    let wrong_kind = || {
        let allowed = state.settings.allowed_files.join(", ");
        Refusal::new(Code::FileTypeRefused).with("name", &name).with("allowed", allowed)
    };
    let extension = extension.ok_or_else(wrong_kind)?;
    let id = state.world.ids.uuid(state.world.clock.machine_now());
    let mut incoming = state.blobs.begin(id).await.map_err(|fault| not_kept(&fault))?;
    let taken = take(state, &mut field, &mut incoming, &name).await;
    let checked =
        taken.and_then(|()| if kinds::fits(&extension, incoming.head()) { Ok(()) } else { Err(wrong_kind().into()) });
    if let Err(fault) = checked {
        incoming.abandon().await;
        return Err(fault);
    }
    let arrived = incoming.close().await.map_err(|fault| not_kept(&fault))?;
    Ok(Received { media_type: kinds::media_type(&extension), name, arrived })
}

async fn take(state: &State, field: &mut Field, incoming: &mut Incoming, name: &str) -> Result<(), Fault> {
    let limit = state.settings.max_file_bytes;
    while let Some(piece) = within(field.next()).await? {
        let piece = piece.map_err(|fault| unreadable(&fault))?;
        incoming.write(&piece).await.map_err(|fault| not_kept(&fault))?;
        if incoming.size_bytes() > limit {
            let limit = format!("{} MB", limit / 1024 / 1024);
            return Err(Refusal::new(Code::FileTooLarge).with("name", name).with("limit", limit).into());
        }
    }
    if incoming.size_bytes() == 0 {
        return Err(Refusal::new(Code::FileEmpty).with("name", name).into());
    }
    Ok(())
}

async fn within<T>(next: impl Future<Output = T>) -> Result<T, Refusal> {
    tokio::time::timeout(PATIENCE, next).await.map_err(|_elapsed| {
        let reason = Arg::both("上传中断：30 秒内没有收到数据", "The upload stalled: nothing came for 30 seconds");
        Refusal::new(Code::Malformed).with("reason", reason)
    })
}

/// The name of the file behind a form field, as it may be kept and shown: no folders, nothing invisible.
fn file_name(field: &Field) -> Result<String, Refusal> {
    let form_name = field.name().unwrap_or_default();
    if form_name != "file" {
        let fault = FieldFault::at(format!("/{form_name}"), Code::FieldUnknown);
        let hint = Arg::both("（文件请放在 file 字段）", " (files go into the field `file`)");
        return Err(Refusal::field(fault.with("name", form_name).with("hint", hint)));
    }
    let disposition = field.content_disposition();
    let extended = disposition.and_then(|header| header.get_filename_ext());
    let extended = extended.and_then(|value| String::from_utf8(value.value.clone()).ok());
    let given = extended.or_else(|| disposition.and_then(|header| header.get_filename()).map(str::to_owned));
    let name = plain_name(&given.unwrap_or_default());
    let length = name.chars().count();
    if name.is_empty() {
        return Err(Refusal::new(Code::FileMissing));
    }
    if length > LINE {
        let fault = FieldFault::at("/file", Code::FieldTooLong);
        return Err(Refusal::field(fault.with("max", LINE).with("length", length)));
    }
    Ok(name)
}

fn plain_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    // Marks that turn the direction of writing make `fdp.exe` look like `exe.pdf`.
    let turns =
        |letter: char| matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    last.chars().filter(|letter| !letter.is_control() && !turns(*letter)).collect::<String>().trim().to_owned()
}

/// RFC 6266: the name in UTF-8, and for old programs what of it is ASCII.
fn disposition(name: &str) -> String {
    use std::fmt::Write;
    let plain = |letter: char| if letter.is_ascii_graphic() && !matches!(letter, '"' | '\\') { letter } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        // attr-char of RFC 5987.
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

fn not_kept(fault: &BlobFault) -> Failure {
    Failure::unavailable(fault.to_string())
}

fn unreadable(fault: &MultipartError) -> Refusal {
    let no_form = matches!(
        fault,
        MultipartError::ContentTypeMissing
            | MultipartError::ContentTypeParse
            | MultipartError::ContentTypeIncompatible
            | MultipartError::BoundaryMissing
    );
    if no_form {
        return Refusal::new(Code::MediaTypeUnsupported).with("expected", "multipart/form-data");
    }
    let reason = Arg::both("multipart 表单无法解析", format!("The multipart form can't be read: {fault}"));
    Refusal::new(Code::Malformed).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_chinese_and_loses_folders_and_tricks() {
        assert_eq!(plain_name("C:\\材料\\整改报告（盖章）.pdf"), "整改报告（盖章）.pdf");
        assert_eq!(plain_name("../../etc/passwd"), "passwd");
        assert_eq!(plain_name("report\u{202e}fdp.exe\r\n"), "reportfdp.exe");
        assert_eq!(plain_name("  "), "");
    }

    #[test]
    fn a_download_is_named_in_utf_8_and_for_old_programs_in_ascii() {
        assert_eq!(
            disposition("整改 a\".pdf"),
            "attachment; filename=\"___a_.pdf\"; filename*=UTF-8''%E6%95%B4%E6%94%B9%20a%22.pdf"
        );
    }
}
