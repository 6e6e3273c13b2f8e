//! Files on their way in through a multipart form, for the REST interface and the pages: straight to the disk, sniffed,
//! within their limits.

use crate::domain::check::LINE;
use crate::domain::refusal::{Arg, Code, Fault as FieldFault, Refusal};
use crate::files::blobs::{Arrived, BlobFault, Incoming};
use crate::files::kinds;
use crate::http::problem::Fault;
use crate::http::state::State;
use crate::transaction::Failure;
use actix_multipart::{Field, MultipartError};
use futures_util::StreamExt;
use std::time::Duration;

/// An upload of which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file of the form: its bytes on the disk, not yet kept.
pub struct Received {
    pub name: String,
    pub media_type: &'static str,
    pub arrived: Arrived,
}

/// Takes one file: only kinds that are allowed and whose content fits, within the limit. `place`: the form's field, for
/// what is wrong with the file's name.
///
/// # Errors
/// The refusal; nothing is left on the disk then.
pub async fn receive(state: &State, mut field: Field, place: &str) -> Result<Received, Fault> {
    let name = file_name(&field, place)?;
    let extension = kinds::extension(&name).filter(|found| state.settings.allowed_files.contains(found));
    let wrong_kind = || {
        let allowed = state.settings.allowed_files.join(", ");
        Refusal::new(Code::FileTypeRefused).with("name", &name).with("allowed", allowed)
    };
    let extension = extension.ok_or_else(wrong_kind)?;
    let id = state.world.ids.uuid(state.world.clock.machine_now());
    let mut incoming = state.blobs.begin(id).await.map_err(|fault| not_kept(&fault))?;
    let taken = take(state, &mut field, &mut incoming, &name).await;
    let checked = taken.and_then(|()| {
        let fits = kinds::fits(&extension, incoming.head(), incoming.tail());
        if fits { Ok(()) } else { Err(wrong_kind().into()) }
    });
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

/// The next piece, if it comes in time.
///
/// # Errors
/// When nothing has come for too long.
pub async fn within<T>(next: impl Future<Output = T>) -> Result<T, Refusal> {
    tokio::time::timeout(PATIENCE, next).await.map_err(|_elapsed| {
        let reason = Arg::both("上传中断：30 秒内没有收到数据", "The upload stalled: nothing came for 30 seconds");
        Refusal::new(Code::Malformed).with("reason", reason)
    })
}

/// The name of the file behind a form field, as it may be kept and shown: no folders, nothing invisible.
fn file_name(field: &Field, place: &str) -> Result<String, Refusal> {
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
        let fault = FieldFault::at(place, Code::FieldTooLong);
        return Err(Refusal::field(fault.with("max", LINE).with("length", length)));
    }
    Ok(name)
}

fn plain_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|letter| !letter.is_control() && !is_unseen(*letter)).collect::<String>().trim().to_owned()
}

/// Marks that turn the direction of writing make `fdp.exe` look like `exe.pdf`; others take no room at all.
fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}

/// The store can't take it: the disk is full, say.
#[must_use]
pub fn not_kept(fault: &BlobFault) -> Failure {
    Failure::unavailable(fault.to_string())
}

/// The form itself is broken.
#[must_use]
pub fn unreadable(fault: &MultipartError) -> Refusal {
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
        assert_eq!(plain_name("整改\u{200b}报告\u{feff}.pdf"), "整改报告.pdf");
        assert_eq!(plain_name("a.pdf\0.exe"), "a.pdf.exe");
        assert_eq!(plain_name("..\\..\\/"), "");
        assert_eq!(plain_name("  "), "");
    }
}
