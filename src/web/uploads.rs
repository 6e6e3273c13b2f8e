//! Forms with files: each file goes into the same store as over REST as it comes in, once the form token is known to be
//! the sender's; what is wrong with one is told beside the field.

use crate::domain::refusal::{Code, Fault, Refusal};
use crate::http::identity::Credentials;
use crate::queries::people::Identity;
use crate::transaction::{Failure, Outcome};
use crate::web::form::{CSRF, FILES, Form, Kept, TEXT_BYTES_MAX, broken, too_large};
use crate::web::visit::Visit;
use actix_multipart::{Field, Multipart};
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use futures_util::StreamExt;

/// Reads `multipart/form-data`. The form token stands before the first file, as our pages draw it.
pub async fn read(visit: &Visit, request: &HttpRequest, payload: Payload) -> Outcome<Form> {
    let mut parts = Multipart::new(request.headers(), payload);
    let mut form = Form::default();
    let mut sender: Option<Identity> = None;
    let mut text_bytes = 0;
    let mut refused: Option<Refusal> = None;
    while let Some(part) = parts.next().await {
        let mut part = part.map_err(|fault| broken(&fault))?;
        let disposition = part.content_disposition();
        let name = disposition.and_then(|held| held.get_name()).unwrap_or_default().to_owned();
        let file = disposition.and_then(|held| held.get_filename()).map(str::to_owned);
        match file {
            None => {
                let text = text(&mut part, TEXT_BYTES_MAX - text_bytes).await?;
                text_bytes += text.len();
                form.take(name, &text)?;
            }
            // A file field that nobody filled in.
            Some(file) if file.is_empty() => drain(&mut part).await?,
            Some(_) if name != FILES || refused.is_some() => drain(&mut part).await?,
            Some(file) => {
                let identity = match &sender {
                    Some(identity) => identity.clone(),
                    None => sender.insert(admitted(visit, &form).await?).clone(),
                };
                match keep(visit, &identity, &file, &mut part).await {
                    Ok(kept) => form.files.push(kept),
                    Err(Failure::Refused(refusal)) => {
                        drain(&mut part).await?;
                        refused = Some(refusal);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
    }
    form.refused_file = refused.map(told_of_the_field);
    Ok(form)
}

/// Whoever may not send this form at all doesn't get to fill the store.
async fn admitted(visit: &Visit, form: &Form) -> Outcome<Identity> {
    let credentials: Credentials = visit.credentials.clone().ok_or_else(|| Refusal::new(Code::SignInRequired))?;
    visit.state.admit(&credentials.with_form_token(form.text(CSRF))).await
}

fn told_of_the_field(refusal: Refusal) -> Refusal {
    let mut fault = Fault::at(format!("/{FILES}"), refusal.code);
    fault.args = refusal.args;
    Refusal::field(fault)
}

async fn text(part: &mut Field, room: usize) -> Outcome<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.next().await {
        let piece = piece.map_err(|fault| broken(&fault))?;
        if bytes.len() + piece.len() > room {
            return Err(too_large().into());
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|fault| broken(&fault.utf8_error()))
}

async fn drain(part: &mut Field) -> Outcome<()> {
    while let Some(piece) = part.next().await {
        piece.map_err(|fault| broken(&fault))?;
    }
    Ok(())
}

async fn keep(_visit: &Visit, _who: &Identity, _name: &str, _part: &mut Field) -> Outcome<Kept> {
    Err(Refusal::missing().into())
}
