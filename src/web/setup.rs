//! The page behind the link that a new installation prints: its first administrator.

use crate::actions::setup;
use crate::actions::users::NewUser;
use crate::http::problem;
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, Input, Problems};
use crate::web::form::{Form, Sent};
use crate::web::lens::Lens;
use crate::web::visit::{Visit, see_other};
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct SetupPage {
    key: String,
    login: String,
    name: String,
    problems: Option<Problems>,
}

/// `GET /setup?key=…`
pub async fn get_setup(visit: Visit) -> HttpResponse {
    let key = visit.asked("key").unwrap_or_default().to_owned();
    match checked(&visit, key.clone()).await {
        Ok(()) => {
            let page = SetupPage { key, login: "admin".to_owned(), name: String::new(), problems: None };
            visit.bare(StatusCode::OK, "setup.html", &page).await
        }
        Err(failure) => visit.refused(&failure).await,
    }
}

/// `POST /setup`
pub async fn post_setup(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    match made(&visit, &form).await {
        Ok(()) => see_other("/sign-in"),
        Err(failure) => again(&visit, &form, &failure).await,
    }
}

async fn checked(visit: &Visit, key: String) -> Outcome<()> {
    visit.state.world.read(move |read| setup::check(read, &key)).await
}

async fn made(visit: &Visit, form: &Form) -> Outcome<()> {
    let key = form.text("key").to_owned();
    // Before the hash, which costs something.
    checked(visit, key.clone()).await?;
    let password = form.text("password").to_owned();
    let hash = visit.state.hashing.hash(password.clone()).await?;
    let new = NewUser {
        login: form.text("login").trim().to_owned(),
        name: form.text("name").trim().to_owned(),
        locale: Some(visit.lang()),
        password: Some(password),
        ..NewUser::default()
    };
    visit.state.world.write(move |tx| setup::redeem(tx, &key, new, hash).map(drop)).await
}

async fn again(visit: &Visit, form: &Form, failure: &Failure) -> HttpResponse {
    let refusal = problem::told(failure, &visit.context);
    if refusal.faults.is_empty() {
        return visit.refused(failure).await;
    }
    let (lang, status) = (visit.lang(), problem::status(refusal.code.kind()));
    let lens = match visit.state.world.read(move |read| Ok(Lens::new(lang, read))).await {
        Ok(lens) => lens,
        Err(failure) => return visit.refused(&failure).await,
    };
    let fields = ["login", "name", "password"].map(|name| FieldView::new(name, Input::Line, lens.t(label(name))));
    let page = SetupPage {
        key: form.text("key").to_owned(),
        login: form.text("login").to_owned(),
        name: form.text("name").to_owned(),
        problems: Some(Attempt { form: form.clone(), refusal }.problems(&fields, &lens)),
    };
    visit.bare(status, "setup.html", &page).await
}

fn label(field: &str) -> &'static str {
    match field {
        "login" => "sign_in.login",
        "name" => "setup.name",
        _ => "sign_in.password",
    }
}
