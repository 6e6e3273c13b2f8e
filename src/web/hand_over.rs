//! Handing over: the admin gives all of a person's open items to another, after seeing which they are.

use crate::actions::hand_over::{self, HandOver, HandedOver};
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::http::problem;
use crate::queries::users::{self, User, UserQuery};
use crate::transaction::{Failure, Outcome};
use crate::web::fields::{Attempt, FieldView, FormView, Input};
use crate::web::form::{Form, Sent};
use crate::web::lens::Lens;
use crate::web::picks::uncounted;
use crate::web::preview::{PreviewPage, Table};
use crate::web::visit::{Room, Visit, see_other};
use actix_web::HttpResponse;
use serde::Serialize;

/// People of one page of the list, and pages that a select box holds.
const PAGE: i64 = 200;
const PAGES_MAX: usize = 10;

#[derive(Debug, Serialize)]
struct HandOverPage {
    form: FormView,
}

/// `GET /hand-over`
pub async fn get_hand_over(visit: Visit) -> HttpResponse {
    visit.page("hand_over.html", |room| page(room, None)).await
}

/// `POST /hand-over`: what it would give away; with `step=save` it does, with `step=edit` the form comes back.
pub async fn post_hand_over(visit: Visit, sent: Sent) -> HttpResponse {
    let form = match sent.0 {
        Ok(form) => form,
        Err(failure) => return visit.refused(&failure).await,
    };
    if form.text("step") == "edit" {
        let attempt = Attempt { form, refusal: Refusal::invalid(Vec::new()) };
        return visit.page("hand_over.html", move |room| page(room, Some(&attempt))).await;
    }
    if form.given("from").is_none() {
        let refusal = Refusal::field(Fault::at("/from", Code::FieldRequired));
        return refused(visit, form, &refusal.into()).await;
    }
    let is_final = form.text("step") == "save";
    let (from, given) = (form.text("from").to_owned(), given(&form));
    let done = visit.change(&form, move |tx, who| {
        if is_final {
            hand_over::hand_over(tx, who, &from, None, &given)
        } else {
            hand_over::rehearse(tx, who, &from, None, &given)
        }
    });
    match done.await {
        Ok(_) if is_final => see_other("/hand-over?done=handed_over"),
        Ok(done) => visit.page("preview.html", move |room| Ok(preview(&done, &form, &room.lens))).await,
        Err(failure) => refused(visit, form, &failure).await,
    }
}

fn given(form: &Form) -> HandOver {
    HandOver { to: form.text("to").to_owned(), reason: form.text("reason").to_owned() }
}

fn page(room: &mut Room<'_, '_>, attempt: Option<&Attempt>) -> Outcome<HandOverPage> {
    let people = people(room)?;
    let lens = room.lens;
    let choices = |people: &[User]| {
        let none = (String::new(), lens.t("field.choose").to_owned());
        let each = people.iter().map(|user| (user.login.clone(), format!("{} {}", user.login, user.name)));
        std::iter::once(none).chain(each).collect::<Vec<_>>()
    };
    let heirs: Vec<User> = people.iter().filter(|user| user.active && !user.service).cloned().collect();
    let fields = [
        FieldView::new("from", Input::Select, lens.t("hand_over.from")).choices(choices(&people)),
        FieldView::new("to", Input::Select, lens.t("hand_over.to"))
            .choices(choices(&heirs))
            .hint(lens.t("hand_over.to.hint")),
        FieldView::new("reason", Input::Text, lens.t("field.reason")),
    ];
    let fields: Vec<FieldView> = fields.into_iter().map(|field| field.after(attempt, &lens)).collect();
    let problems =
        attempt.filter(|attempt| attempt.refusal.code != Code::Invalid || !attempt.refusal.faults.is_empty());
    let form = FormView {
        action: "/hand-over".to_owned(),
        title: lens.t("hand_over.what").to_owned(),
        intro: Some(lens.t("hand_over.intro").to_owned()),
        problems: problems.map(|attempt| attempt.problems(&fields, &lens)),
        fields,
        submit: lens.t("hand_over.preview"),
        grave: false,
        version: None,
        cancel: "/".to_owned(),
    };
    Ok(HandOverPage { form })
}

/// Everybody but programs, in the order of logins.
fn people(room: &mut Room<'_, '_>) -> Outcome<Vec<User>> {
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let ask = uncounted(PAGE, cursor, "web people");
        let slice = users::list(room.read, room.who, UserQuery::default(), &ask)?;
        found.extend(slice.items.into_iter().filter(|user| !user.service));
        cursor = slice.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

fn preview(done: &HandedOver, form: &Form, lens: &Lens) -> PreviewPage {
    let tickets = done.tickets.iter().map(|ticket| vec![ticket.reference.clone(), ticket.title.clone()]);
    let tickets = Table {
        title: lens.t("hand_over.tickets"),
        head: vec![lens.t("head.ticket"), lens.t("hand_over.title_of")],
        rows: tickets.collect(),
    };
    let roles = done.roles.iter().map(|role| vec![role.name(lens.lang).to_owned()]);
    let roles = Table { title: lens.t("hand_over.roles"), head: vec![lens.t("account.roles")], rows: roles.collect() };
    let absent = done.deputyships.iter().map(|row| vec![row.login.clone(), row.name.clone()]);
    let absent = Table {
        title: lens.t("hand_over.deputyships"),
        head: vec![lens.t("account.login"), lens.t("account.name")],
        rows: absent.collect(),
    };
    PreviewPage {
        title: lens.t("hand_over.title"),
        crumbs: vec![(lens.t("hand_over.title").to_owned(), "/hand-over".to_owned())],
        about: format!("{} → {} {}", form.text("from"), done.to.login, done.to.name),
        figures: vec![
            (lens.t("hand_over.tickets"), tickets.rows.len()),
            (lens.t("hand_over.roles"), roles.rows.len()),
            (lens.t("hand_over.deputyships"), absent.rows.len()),
        ],
        tables: [tickets, roles, absent].into_iter().filter(|table| !table.rows.is_empty()).collect(),
        action: "/hand-over".to_owned(),
        hidden: form.draft().into_iter().filter(|(name, _)| name != "step").collect(),
        editable: true,
        cancel: "/hand-over".to_owned(),
    }
}

/// The form again, with what is wrong.
async fn refused(visit: Visit, form: Form, failure: &Failure) -> HttpResponse {
    let refusal = problem::told(failure, &visit.context);
    if let Some(answer) = visit.beyond_the_form(&refusal, &form).await {
        return answer;
    }
    let status = problem::status(refusal.code.kind());
    let attempt = Attempt { form, refusal };
    visit.page_with(status, "hand_over.html", move |room| page(room, Some(&attempt))).await
}
