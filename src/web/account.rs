//! The reader's own account: who they are here, where they are signed in, their password and their access tokens.

use crate::actions::sign_in;
use crate::actions::tokens::{self, NewToken};
use crate::domain::id::{SessionId, TokenId};
use crate::domain::refusal::{Arg, Code, Fault, Refusal};
use crate::domain::vocabulary::TokenScope;
use crate::http::problem;
use crate::queries::sessions::{self, SessionOut};
use crate::queries::units;
use crate::queries::users::{self, Token};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{CSRF, Form, Sent};
use crate::web::lens::{Lens, Moment};
use crate::web::picks::uncounted;
use crate::web::texts;
use crate::web::visit::{Room, Visit, see_other, sign_in_first};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Serialize;

/// Sessions and tokens shown.
const SHOWN: i64 = 200;

#[derive(Debug, Serialize)]
struct AccountPage {
    facts: Vec<(&'static str, String)>,
    sessions: Vec<SessionView>,
    tokens: Vec<TokenView>,
}

#[derive(Debug, Serialize)]
struct SessionView {
    id: String,
    begun: Moment,
    seen: Moment,
    until: Moment,
    current: bool,
    end_label: String,
}

#[derive(Debug, Serialize)]
struct TokenView {
    id: String,
    name: String,
    prefix: String,
    scope: &'static str,
    expires: Option<String>,
    used: Option<Moment>,
    revoke_label: String,
}

#[derive(Debug, Serialize)]
struct FormPage {
    form: FormView,
}

#[derive(Debug, Serialize)]
struct FreshPage {
    name: String,
    /// Shown here and never again.
    secret: String,
}

/// `GET /account`
pub async fn get_account(visit: Visit) -> HttpResponse {
    let idle = visit.state.settings.sessions.idle;
    visit
        .page("account.html", move |room| {
            let held = sessions::list(room.read, room.who, idle, None, &uncounted(SHOWN, None, "web sessions"))?;
            let tokens = users::list_tokens(room.read, room.who, None, &uncounted(SHOWN, None, "web tokens"))?;
            let lens = room.lens;
            Ok(AccountPage {
                facts: facts(room)?,
                // The newest first.
                sessions: held.items.iter().rev().map(|session| session_view(session, &lens)).collect(),
                tokens: tokens.items.iter().map(|token| token_view(token, &lens)).collect(),
            })
        })
        .await
}

fn facts(room: &mut Room<'_, '_>) -> Outcome<Vec<(&'static str, String)>> {
    let lens = room.lens;
    let unit = match room.who.unit_id {
        Some(unit) => Some(units::get(room.read, room.who, &unit.to_string())?.name),
        None => None,
    };
    let roles: Vec<&str> = room.who.roles.iter().map(|role| role.name(lens.lang)).collect();
    let known = [
        (lens.t("account.name"), Some(room.who.name.clone())),
        (lens.t("account.login"), Some(room.who.login.clone())),
        (lens.t("account.unit"), unit),
        (lens.t("account.roles"), Some(roles.join(lens.lang.pick("、", ", ")))),
    ];
    Ok(known.into_iter().filter_map(|(label, value)| Some((label, value?))).collect())
}

fn session_view(session: &SessionOut, lens: &Lens) -> SessionView {
    let begun = lens.moment(session.created_at);
    SessionView {
        id: session.id.to_string(),
        end_label: texts::say_with(lens.lang, "sessions.end_of", &[("when", &begun.text)]),
        begun,
        seen: lens.moment(session.seen_at),
        until: lens.moment(session.expires_at),
        current: session.current,
    }
}

fn token_view(token: &Token, lens: &Lens) -> TokenView {
    let only_reads = token.scopes.as_ref().is_some_and(|scopes| !scopes.contains(&TokenScope::Write));
    TokenView {
        id: token.id.to_string(),
        name: token.name.clone(),
        prefix: format!("{}…", token.prefix),
        scope: if only_reads { lens.t("tokens.scope.read") } else { lens.t("tokens.scope.all") },
        expires: token.expires_on.map(|on| lens.date(on)),
        used: token.last_used_at.map(|at| lens.moment(at)),
        revoke_label: texts::say_with(lens.lang, "tokens.revoke_of", &[("name", &token.name)]),
    }
}

/// `POST /account/sessions/{id}/end`
pub async fn post_end_session(visit: Visit, id: web::Path<String>, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let ended = visit.change(&form, move |tx, who| {
        let id: SessionId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
        sign_in::end_session(tx, who, id)
    });
    match ended.await {
        Ok(()) => see_other("/account?done=session"),
        Err(failure) => visit.refused(&failure).await,
    }
}

/// `POST /account/tokens/{id}/revoke`
pub async fn post_revoke_token(visit: Visit, id: web::Path<String>, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let revoked = visit.change(&form, move |tx, who| {
        let id: TokenId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
        tokens::revoke(tx, who, id)
    });
    match revoked.await {
        Ok(()) => see_other("/account?done=token"),
        Err(failure) => visit.refused(&failure).await,
    }
}

/// `GET /account/tokens`: the form of a new one.
pub async fn get_token(visit: Visit) -> HttpResponse {
    visit.page("account_form.html", |room| Ok(FormPage { form: token_form(&room.lens, None) })).await
}

/// `POST /account/tokens`: the page that tells its secret.
pub async fn post_token(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    let new = match new_token(&form) {
        Ok(new) => new,
        Err(refusal) => return again(&visit, form, refusal.into(), token_form).await,
    };
    let name = new.name.clone();
    let made = visit.change(&form, move |tx, who| {
        let user = who.user_id.ok_or_else(Refusal::missing)?;
        tokens::create(tx, who, user, new)
    });
    match made.await {
        Ok(made) => {
            let page = FreshPage { name, secret: made.secret };
            visit.page("account_token.html", move |_| Ok(page)).await
        }
        Err(failure) => again(&visit, form, failure, token_form).await,
    }
}

fn new_token(form: &Form) -> Result<NewToken, Refusal> {
    let mut faults = Vec::new();
    let expires_on = form.date("expires_on", &mut faults);
    let scopes = match form.text("scopes") {
        "all" => None,
        "read" => Some(vec![TokenScope::Read]),
        _ => {
            faults.push(Fault::at("/scopes", Code::FieldRequired));
            None
        }
    };
    let new = NewToken { name: form.text("name").to_owned(), expires_on, scopes };
    if faults.is_empty() { Ok(new) } else { Err(Refusal::invalid(faults)) }
}

fn token_form(lens: &Lens, attempt: Option<&Attempt>) -> FormView {
    let scopes = [("read", lens.t("tokens.scope.read")), ("all", lens.t("tokens.scope.all"))];
    let scopes = scopes.map(|(value, name)| (value.to_owned(), name.to_owned()));
    let fields = vec![
        FieldView::new("name", Input::Line, lens.t("tokens.name")),
        FieldView::new("scopes", Input::Radio, lens.t("tokens.scope")).with("read").choices(scopes),
        FieldView::new("expires_on", Input::Date, lens.t("tokens.expires"))
            .hint(lens.t("tokens.expires.hint"))
            .optional(),
    ];
    own_form(("/account/tokens", lens.t("tokens.make")), lens.t("tokens.intro"), fields, lens, attempt)
}

/// `GET /account/password`
pub async fn get_password(visit: Visit) -> HttpResponse {
    visit.page("account_form.html", |room| Ok(FormPage { form: password_form(&room.lens, None) })).await
}

/// `POST /account/password`
pub async fn post_password(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    match changed(&visit, &form).await {
        Ok(()) => see_other("/account?done=password"),
        Err(failure) => again(&visit, form, failure, password_form).await,
    }
}

async fn changed(visit: &Visit, form: &Form) -> Outcome<()> {
    let credentials = visit.credentials.clone().ok_or_else(sign_in_first)?;
    let who = visit.state.admit(&credentials.with_form_token(form.text(CSRF))).await?;
    let (old, new) = (form.text("old_password").to_owned(), form.text("new_password").to_owned());
    if new != form.text("again") {
        let why = Arg::both(
            texts::say(crate::domain::words::Lang::Zh, "password.differs"),
            texts::say(crate::domain::words::Lang::En, "password.differs"),
        );
        return Err(Refusal::field(Fault::at("/again", Code::FieldFormat).with("reason", why)).into());
    }
    let state = &visit.state;
    sign_in::change_password(&state.world, &state.hashing, &who, who.via.session(), (old, new)).await
}

fn password_form(lens: &Lens, attempt: Option<&Attempt>) -> FormView {
    let fields = vec![
        FieldView::new("old_password", Input::Password, lens.t("password.old")),
        FieldView::new("new_password", Input::Password, lens.t("password.new")).hint(lens.t("setup.password_hint")),
        FieldView::new("again", Input::Password, lens.t("password.again")),
    ];
    let named = ("/account/password", lens.t("account.change_password"));
    own_form(named, lens.t("password.intro"), fields, lens, attempt)
}

fn own_form(
    (action, title): (&str, &'static str),
    intro: &str,
    fields: Vec<FieldView>,
    lens: &Lens,
    attempt: Option<&Attempt>,
) -> FormView {
    let fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, lens)).collect();
    FormView {
        action: action.to_owned(),
        title: title.to_owned(),
        intro: Some(intro.to_owned()),
        submit: title,
        grave: false,
        version: None,
        cancel: "/account".to_owned(),
        problems: attempt.map(|attempt| attempt.problems(&fields, lens)),
        fields,
    }
}

/// The form again, with what is wrong. Nothing of it waits for a sign-in: a password would stand in the page.
async fn again(
    visit: &Visit,
    form: Form,
    failure: Failure,
    draw: fn(&Lens, Option<&Attempt>) -> FormView,
) -> HttpResponse {
    let refusal = problem::told(&failure, &visit.context);
    let status = problem::status(refusal.code.kind());
    let is_of_the_form = matches!(status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::TOO_MANY_REQUESTS);
    if !is_of_the_form {
        return visit.refused(&failure).await;
    }
    let attempt = Attempt { form, refusal };
    visit
        .page_with(status, "account_form.html", move |room| Ok(FormPage { form: draw(&room.lens, Some(&attempt)) }))
        .await
}
