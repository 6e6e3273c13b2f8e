//! Signing in and out. What somebody had typed when their session ended waits here and is sent after they are back.

use crate::actions::sign_in;
use crate::domain::refusal::Kind;
use crate::http::identity::{ended_cookie, session_cookie};
use crate::http::problem;
use crate::queries::people::Via;
use crate::web::form::{Form, Sent};
use crate::web::texts::say;
use crate::web::visit::{Visit, see_other};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

/// Fields of the draft stand under this name in the form of signing in.
const DRAFT: &str = "draft.";
/// Where the draft was going.
const DRAFT_ACTION: &str = "draft_action";
/// Addresses that take a draft.
const DRAFT_TO: [&str; 4] = ["/tickets/", "/feedback", "/notices/", "/mail/"];

#[derive(Debug, Serialize)]
struct SignInPage {
    login: String,
    next: String,
    title: Option<String>,
    detail: Option<String>,
    /// Fields to send on after signing in.
    draft: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct ResumePage {
    action: String,
    csrf: String,
    fields: Vec<(String, String)>,
    /// What was typed, to be read once more.
    texts: Vec<String>,
}

/// `GET /sign-in`
pub async fn get_sign_in(visit: Visit) -> HttpResponse {
    let next = local(visit.asked("next")).to_owned();
    let page = SignInPage { login: String::new(), next, title: None, detail: None, draft: Vec::new() };
    visit.bare(StatusCode::OK, "sign_in.html", &page).await
}

/// Asks to sign in again without losing what was typed.
pub async fn ask_again(visit: &Visit, form: &Form) -> HttpResponse {
    let lang = visit.lang();
    let mut draft: Vec<_> = form.draft().into_iter().map(|(name, value)| (format!("{DRAFT}{name}"), value)).collect();
    draft.push((DRAFT_ACTION.to_owned(), visit.path.clone()));
    let page = SignInPage {
        login: String::new(),
        next: "/".to_owned(),
        title: Some(say(lang, "sign_in.ended").to_owned()),
        detail: Some(say(lang, "sign_in.ended_detail").to_owned()),
        draft,
    };
    visit.bare(StatusCode::UNAUTHORIZED, "sign_in.html", &page).await
}

/// `POST /sign-in`
pub async fn post_sign_in(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let state = &visit.state;
    let password = form.text("password").to_owned();
    let login = form.text("login").trim();
    let signed_in = state.sign_in(visit.address, login, password).await;
    let signed_in = match signed_in {
        Ok(signed_in) => signed_in,
        Err(failure) => return again(&visit, &form, &failure).await,
    };
    let cookie = session_cookie(state, signed_in.secret);
    let mut answer = match resumed(&form, signed_in.csrf_token) {
        Some(page) => visit.bare(StatusCode::OK, "resume.html", &page).await,
        None => see_other(local(form.given("next"))),
    };
    if let Err(fault) = answer.add_cookie(&cookie) {
        tracing::error!(%fault, "the session's cookie can't be set");
    }
    answer
}

async fn again(visit: &Visit, form: &Form, failure: &crate::transaction::Failure) -> HttpResponse {
    let refusal = problem::told(failure, &visit.context);
    let kind = refusal.code.kind();
    if kind == Kind::Internal {
        return visit.refused(failure).await;
    }
    let lang = visit.lang();
    let page = SignInPage {
        login: form.text("login").to_owned(),
        next: local(form.given("next")).to_owned(),
        title: Some(refusal.title(lang).to_owned()),
        detail: Some(refusal.detail(lang)),
        draft: form.draft().into_iter().filter(|(name, _)| name.starts_with(DRAFT) || name == DRAFT_ACTION).collect(),
    };
    visit.bare(problem::status(kind), "sign_in.html", &page).await
}

/// What waited for the sign-in, to be sent on by its author.
fn resumed(form: &Form, csrf: String) -> Option<ResumePage> {
    let action = form.given(DRAFT_ACTION)?;
    let ours = local(Some(action)) == action && DRAFT_TO.iter().any(|place| action.starts_with(place));
    if !ours {
        return None;
    }
    let draft = form.draft();
    let fields: Vec<(String, String)> =
        draft.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(DRAFT)?.to_owned(), value))).collect();
    let texts = fields.iter().filter(|(name, value)| is_typed(name) && !value.trim().is_empty());
    Some(ResumePage { action: action.to_owned(), csrf, texts: texts.map(|(_, value)| value.clone()).collect(), fields })
}

/// Hidden fields are nothing to read.
fn is_typed(name: &str) -> bool {
    let hidden = ["version", "from", "notice", "step", "corrects", "unit"];
    let part = name.rsplit('.').next().unwrap_or(name);
    !hidden.contains(&part) && !matches!(part, "ticket" | "include" | "code" | "attachment_ids")
}

/// `POST /sign-out`
pub async fn post_sign_out(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let ended = visit.change(&form, |tx, who| match &who.via {
        Via::Session { id, .. } => sign_in::sign_out(tx, who, *id),
        Via::Token { .. } => Ok(()),
    });
    if let Err(failure) = ended.await {
        return visit.refused(&failure).await;
    }
    let mut answer = see_other("/sign-in");
    if let Err(fault) = answer.add_cookie(&ended_cookie(&visit.state)) {
        tracing::error!(%fault, "the session's cookie can't be taken away");
    }
    answer
}

/// A path of ours, or the first page: nobody is led elsewhere.
pub(super) fn local(target: Option<&str>) -> &str {
    let ours = |text: &&str| {
        text.starts_with('/')
            && !text.starts_with("//")
            && !text.contains('\\')
            && !text.chars().any(char::is_control)
            && !text.starts_with("/sign-")
    };
    target.filter(ours).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(local(Some("/tickets?overdue=true")), "/tickets?overdue=true");
        for elsewhere in
            ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\n/x", ""]
        {
            assert_eq!(local(Some(elsewhere)), "/", "{elsewhere:?}");
        }
        assert_eq!(local(Some("/sign-out")), "/");
        assert_eq!(local(None), "/");
    }

    #[test]
    fn a_draft_goes_on_only_to_a_page_of_ours() {
        let form = |action: &str| {
            Form::parse(format!("draft_action={action}&draft.text=done&draft.version=3&login=a&password=b").as_bytes())
                .unwrap()
        };
        let page = resumed(&form("/tickets/2021Q2-F01-01/progress"), "token".to_owned()).unwrap();
        assert_eq!(page.texts, ["done"]);
        assert_eq!(page.fields.len(), 2);
        assert!(resumed(&form("//evil.example/tickets/"), String::new()).is_none());
        assert!(resumed(&form("/sign-out"), String::new()).is_none());
    }
}
