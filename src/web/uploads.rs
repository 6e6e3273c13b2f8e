//! Forms with files: each file goes into the same store as over REST as it comes in, once the form token is known to be
//! the sender's; what is wrong with one is told beside the field.

use crate::actions::attachments::{self, NewFile};
use crate::domain::refusal::{Arg, Code, Fault, Kind, Refusal};
use crate::http::identity::Credentials;
use crate::http::uploads::{self, Received, not_kept, unreadable, within};
use crate::queries::attachments as views;
use crate::transaction::{Failure, Outcome};
use crate::web::form::{CSRF, FILES, Form, Kept, TEXT_BYTES_MAX, too_large};
use crate::web::visit::Visit;
use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use futures_util::StreamExt;

/// Files of one form.
const FILES_MAX: usize = 20;

/// Reads `multipart/form-data`. The form token stands before the first file, as our pages draw it.
pub async fn read(visit: &Visit, request: &HttpRequest, payload: Payload) -> Outcome<Form> {
    let mut received = Vec::new();
    let read = read_parts(visit, Multipart::new(request.headers(), payload), &mut received).await;
    match read {
        Ok(mut form) => {
            keep(visit, &mut form, received).await?;
            Ok(form)
        }
        Err(failure) => {
            for file in received {
                file.arrived.abandon().await;
            }
            Err(failure)
        }
    }
}

async fn read_parts(visit: &Visit, mut parts: Multipart, received: &mut Vec<Received>) -> Outcome<Form> {
    let mut form = Form::default();
    let mut text_bytes = 0;
    while let Some(part) = within(parts.next()).await? {
        let mut part = part.map_err(|fault| unreadable(&fault))?;
        let disposition = part.content_disposition();
        let name = disposition.and_then(|held| held.get_name()).unwrap_or_default().to_owned();
        let file = disposition.and_then(|held| held.get_filename()).map(str::to_owned);
        match file {
            None => {
                let text = text(&mut part, TEXT_BYTES_MAX - text_bytes).await?;
                text_bytes += text.len();
                form.take(name, &text)?;
            }
            // A file field that nobody filled in, or one that no page has; and nothing more after a refusal.
            Some(file) if file.is_empty() || name != FILES || form.refused_file.is_some() => drain(&mut part).await?,
            Some(_) => {
                if received.is_empty()
                    && let Err(failure) = admit(visit, &form).await
                {
                    if !is_nobody(&failure) {
                        return Err(failure);
                    }
                    // The words are kept for after the sign-in; files have to be chosen again.
                    drain(&mut part).await?;
                    continue;
                }
                if received.len() == FILES_MAX {
                    let fault = Fault::at(format!("/{FILES}"), Code::FieldTooMany).with("max", FILES_MAX);
                    form.refused_file = Some(Refusal::field(fault));
                    continue;
                }
                match uploads::receive(&visit.state, part, &format!("/{FILES}")).await.map_err(|fault| fault.failure) {
                    Ok(file) => received.push(file),
                    Err(Failure::Refused(refusal)) => form.refused_file = Some(told_of_the_field(refusal)),
                    Err(failure) => return Err(failure),
                }
            }
        }
    }
    Ok(form)
}

/// Whoever may not send this form at all doesn't get to fill the disk.
async fn admit(visit: &Visit, form: &Form) -> Outcome<()> {
    let who = visit.state.admit(&credentials(visit, form)?).await?;
    if let Some(user) = who.user_id {
        visit.state.limits.upload(user, visit.state.world.clock.machine_now())?;
    }
    Ok(())
}

fn is_nobody(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(refusal) if refusal.code.kind() == Kind::Unauthenticated)
}

fn credentials(visit: &Visit, form: &Form) -> Result<Credentials, Refusal> {
    let shown = visit.credentials.clone().ok_or_else(|| Refusal::new(Code::SignInRequired))?;
    Ok(shown.with_form_token(form.text(CSRF)))
}

/// Files are the sender's own from here on, also where the form is refused: they need not be sent again.
async fn keep(visit: &Visit, form: &mut Form, received: Vec<Received>) -> Outcome<()> {
    if received.is_empty() {
        return Ok(());
    }
    let credentials = credentials(visit, form)?;
    let more = received.iter().map(|file| file.arrived.blob().size_bytes).sum();
    if let Err(failure) = visit.state.read(&credentials, move |read, who| views::room(read, who, more, None)).await {
        for file in received {
            file.arrived.abandon().await;
        }
        let Failure::Refused(refusal) = failure else { return Err(failure) };
        if refusal.code != Code::FileDayLimit {
            return Err(refusal.into());
        }
        form.refused_file = Some(told_of_the_field(refusal));
        return Ok(());
    }
    let names: Vec<String> = received.iter().map(|file| file.name.clone()).collect();
    let mut files = Vec::with_capacity(received.len());
    for Received { name, media_type, arrived } in received {
        let blob = arrived.keep().await.map_err(|fault| not_kept(&fault))?;
        let (sha256, size_bytes) = (blob.sha256, blob.size_bytes);
        files.push(NewFile { name, media_type: media_type.to_owned(), sha256, size_bytes });
    }
    let ids = visit.state.write(&credentials, move |tx, who| attachments::keep(tx, who, files)).await?;
    form.files.extend(ids.into_iter().zip(names).map(|(id, name)| Kept { id, name }));
    Ok(())
}

/// What is wrong with a file is told at its field.
fn told_of_the_field(refusal: Refusal) -> Refusal {
    if !refusal.faults.is_empty() {
        return refusal;
    }
    let mut fault = Fault::at(format!("/{FILES}"), refusal.code);
    fault.args = refusal.args;
    Refusal::field(fault)
}

async fn text(part: &mut Field, room: usize) -> Outcome<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = within(part.next()).await? {
        let piece = piece.map_err(|fault| unreadable(&fault))?;
        if bytes.len() + piece.len() > room {
            return Err(too_large().into());
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_not_utf_8| {
        let reason = Arg::both("表单文本不是 UTF-8", "A field is not UTF-8");
        Refusal::new(Code::Malformed).with("reason", reason).into()
    })
}

async fn drain(part: &mut Field) -> Outcome<()> {
    while let Some(piece) = within(part.next()).await? {
        piece.map_err(|fault| unreadable(&fault))?;
    }
    Ok(())
}
