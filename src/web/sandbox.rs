//! The sandbox's clock, set by its admin from the banner of every page.

use crate::domain::calendar::{at_local, local_date, local_time};
use crate::domain::instant::Instant;
use crate::domain::refusal::{Code, Fault, Refusal};
use crate::domain::vocabulary::Role;
use crate::transaction::Outcome;
use crate::web::form::{CSRF, Form, Sent};
use crate::web::sign_in::local;
use crate::web::visit::{Visit, see_other, sign_in_first};
use actix_web::HttpResponse;
use chrono::NaiveDateTime;

/// `POST /sandbox/clock`
pub async fn post_clock(visit: Visit, sent: Sent) -> HttpResponse {
    let turned = match sent.0 {
        Ok(form) => turned(&visit, &form).await.map(|()| form),
        Err(failure) => Err(failure),
    };
    match turned {
        Ok(form) => {
            let back = local(form.given("back"));
            let joint = if back.contains('?') { '&' } else { '?' };
            see_other(&format!("{back}{joint}done=clock"))
        }
        Err(failure) => visit.refused(&failure).await,
    }
}

async fn turned(visit: &Visit, form: &Form) -> Outcome<()> {
    let credentials = visit.credentials.clone().ok_or_else(sign_in_first)?;
    let who = visit.state.admit(&credentials.with_form_token(form.text(CSRF))).await?;
    let turn = visit.state.turn.clone().ok_or_else(|| Refusal::new(Code::SandboxOnly))?;
    who.require(&[Role::Admin])?;
    let zone = visit.state.world.read(|read| Ok(read.office.zone)).await?;
    let now = visit.state.world.clock.now();
    let at = if form.text("step") == "day" {
        let tomorrow = local_date(zone, now).succ_opt();
        at_local(zone, tomorrow.unwrap_or(local_date(zone, now)), local_time(zone, now))
    } else {
        typed(form).map(|typed| at_local(zone, typed.date(), typed.time()))?
    };
    // The field has minutes; the clock may stand some seconds into the one it shows.
    let at: Instant = if at.micros() / 60_000_000 == now.micros() / 60_000_000 { at.max(now) } else { at };
    turn(who.actor, at).await?;
    Ok(())
}

/// What a browser's field for date and time sends.
fn typed(form: &Form) -> Result<NaiveDateTime, Refusal> {
    let text = form.text("now").trim();
    let read = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
    let found = read.iter().find_map(|shape| NaiveDateTime::parse_from_str(text, shape).ok());
    found.ok_or_else(|| Refusal::field(Fault::at("/now", Code::FieldInstant)))
}
