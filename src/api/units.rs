//! `/units`: responsible units. Everybody reads them, the admin writes them.

use crate::actions::units::{self, NewUnit, UnitChange};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::vocabulary::Role;
use crate::queries::units::{self as views, Unit, UnitQuery};
use actix_web::{get, patch, post, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_units).service(create_unit).service(get_unit).service(change_unit);
}

/// Units in the order of their codes.
#[utoipa::path(tag = "units", params(Paging, UnitQuery), responses((status = 200, body = ListOf<Unit>)))]
#[get("/units")]
pub async fn list_units(call: Call, list: List<UnitQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Makes a unit or a group.
#[utoipa::path(tag = "units", request_body = NewUnit, responses((status = 201, body = Unit)))]
#[post("/units")]
pub async fn create_unit(call: Call, body: Body<NewUnit>) -> Answer {
    let call = call.only(&[Role::Admin]);
    call.write(body, |tx, who, new| {
        let id = units::create(tx, who, new)?.to_string();
        let unit = views::get(&mut tx.read(), who, &id)?;
        Reply::created(format!("/api/v1/units/{id}"), &unit, unit.etag)
    })
    .await
}

/// A unit by id or code.
#[utoipa::path(tag = "units", responses((status = 200, body = Unit)))]
#[get("/units/{id}")]
pub async fn get_unit(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let unit = views::get(read, who, &id)?;
        Reply::row(&unit, unit.etag)
    })
    .await
}

/// Changes a unit: what is left out stays, `null` clears.
#[utoipa::path(tag = "units", request_body = UnitChange, responses((status = 200, body = Unit)))]
#[patch("/units/{id}")]
pub async fn change_unit(call: Call, id: web::Path<String>, body: Body<UnitChange>) -> Answer {
    let call = call.only(&[Role::Admin]);
    let version = call.version;
    call.write(body, move |tx, who, change| {
        let id = units::change(tx, who, &id, version, change)?.to_string();
        let unit = views::get(&mut tx.read(), who, &id)?;
        Reply::row(&unit, unit.etag)
    })
    .await
}
