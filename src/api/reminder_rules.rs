//! `/reminder-rules`: who is reminded of what and when; tried first with `dry_run`.

use crate::actions::reminder_rules::{self as acts, Intent, KEEPERS, RuleChange};
use crate::actions::replan::Replanned;
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, NoFilter, Paging, Params};
use crate::api::routes::Routes;
use crate::domain::reminder::Rule;
use crate::queries::reminder_rules::{self as views, RuleOut};
use crate::transaction::Outcome;
use actix_web::{delete, get, patch, post, web};
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_reminder_rules).service(create_reminder_rule).service(get_reminder_rule);
    config.service(change_reminder_rule).service(delete_reminder_rule);
}

/// Is it only tried?
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRun {
    /// Tell what would change, and change nothing.
    pub dry_run: bool,
}

/// What a change would do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct RuleTried {
    /// Always true.
    pub dry_run: bool,
    /// As it would be; null where it would be gone.
    #[schema(required = true)]
    pub rule: Option<RuleOut>,
    pub changes: Replanned,
}

/// The rules, in the order in which they are listed.
#[utoipa::path(tag = "reminders", params(Paging), responses((status = 200, body = ListOf<RuleOut>)))]
#[get("/reminder-rules")]
pub async fn list_reminder_rules(call: Call, list: List<NoFilter>) -> Answer {
    let call = call.only(&KEEPERS);
    call.read(list, |read, who, Listed { page, .. }| {
        let slice = views::list(read, who, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Makes a rule. Its steps count from now on: none that lies before is sent. With `dry_run=true` nothing is made, and the
/// answer is 200 with what would change.
#[utoipa::path(tag = "reminders", params(DryRun), request_body = Rule,
    responses((status = 201, body = RuleOut), (status = 200, body = RuleTried)))]
#[post("/reminder-rules")]
pub async fn create_reminder_rule(call: Call, dry: Params<DryRun>, body: Body<RuleChange>) -> Answer {
    let call = call.only(&KEEPERS);
    if dry.peek().is_some_and(|dry| dry.dry_run) {
        return tried(call, (dry, body), |(_, given)| Intent::Make(Box::new(given))).await;
    }
    call.write((dry, body), |tx, who, (_, given)| {
        let code = acts::apply(tx, who, Intent::Make(Box::new(given)))?;
        let rule = views::get(&mut tx.read(), who, &code)?;
        Reply::created(format!("/api/v1/reminder-rules/{code}"), &rule, rule.version)
    })
    .await
}

/// A rule by its code.
#[utoipa::path(tag = "reminders", responses((status = 200, body = RuleOut)))]
#[get("/reminder-rules/{code}")]
pub async fn get_reminder_rule(call: Call, code: web::Path<String>) -> Answer {
    let call = call.only(&KEEPERS);
    call.read((), move |read, who, ()| {
        let rule = views::get(read, who, &code)?;
        Reply::row(&rule, rule.version)
    })
    .await
}

/// Changes a rule: what is left out stays. Open tickets are planned anew; what was told is not told again, and what the
/// changed rule would have told before now is not sent. With `dry_run=true` nothing changes, and the answer is what would.
#[utoipa::path(tag = "reminders", params(DryRun), request_body = RuleChange,
    responses((status = 200, body = RuleAnswer)))]
#[patch("/reminder-rules/{code}")]
pub async fn change_reminder_rule(
    call: Call,
    code: web::Path<String>,
    dry: Params<DryRun>,
    body: Body<RuleChange>,
) -> Answer {
    let call = call.only(&KEEPERS);
    let (code, version) = (code.into_inner(), call.version);
    let intent = move |(_, change): (DryRun, RuleChange)| Intent::Change { code, version, change: Box::new(change) };
    if dry.peek().is_some_and(|dry| dry.dry_run) {
        return tried(call, (dry, body), intent).await;
    }
    call.write((dry, body), move |tx, who, given| {
        let code = acts::apply(tx, who, intent(given))?;
        let rule = views::get(&mut tx.read(), who, &code)?;
        Reply::row(&rule, rule.version)
    })
    .await
}

/// Takes a rule away: what it told stays in the ledger, what waits to be sent because of it is dropped. `active: false`
/// keeps it for later. With `dry_run=true` nothing changes, and the answer is 200 with what would.
#[utoipa::path(tag = "reminders", params(DryRun), responses((status = 204), (status = 200, body = RuleTried)))]
#[delete("/reminder-rules/{code}")]
pub async fn delete_reminder_rule(call: Call, code: web::Path<String>, dry: Params<DryRun>) -> Answer {
    let call = call.only(&KEEPERS);
    let (code, version) = (code.into_inner(), call.version);
    let intent = move |_: DryRun| Intent::Remove { code, version };
    if dry.peek().is_some_and(|dry| dry.dry_run) {
        return tried(call, dry, intent).await;
    }
    call.write(dry, move |tx, who, given| {
        acts::apply(tx, who, intent(given))?;
        Ok(Reply::nothing())
    })
    .await
}

/// The rule as it is now, or with `dry_run` what would change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum RuleAnswer {
    Changed(RuleOut),
    Tried(RuleTried),
}

/// A look: nothing is written, nobody waits for it.
async fn tried<I, F>(call: Call, input: I, intent: F) -> Answer
where
    I: crate::api::call::Input,
    F: FnOnce(I::Value) -> Intent + Send + 'static,
{
    call.read(input, move |read, who, given| {
        let tried: Outcome<acts::Tried> = acts::rehearse(read, who, intent(given));
        let tried = tried?;
        Reply::json(&RuleTried { dry_run: true, rule: tried.rule.map(RuleOut::from), changes: tried.changes })
    })
    .await
}
