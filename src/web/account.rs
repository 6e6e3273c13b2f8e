//! The reader's own account: who they are here, and signing out.

use crate::queries::units;
use crate::transaction::Outcome;
use crate::web::visit::{Room, Visit};
use actix_web::HttpResponse;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct AccountPage {
    facts: Vec<(&'static str, String)>,
}

/// `GET /account`
pub async fn get_account(visit: Visit) -> HttpResponse {
    visit.page("account.html", page).await
}

fn page(room: &mut Room<'_, '_>) -> Outcome<AccountPage> {
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
    Ok(AccountPage { facts: known.into_iter().filter_map(|(label, value)| Some((label, value?))).collect() })
}
