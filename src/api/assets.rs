//! `/assets`: the registry of websites and new-media accounts. The office keeps it, units read what is theirs.

use crate::actions::assets::{self, AssetChange, KEEPERS, NewAsset, NewTransition};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, NoFilter, Paging};
use crate::api::routes::Routes;
use crate::queries::assets::{self as views, AssetOut, AssetQuery};
use crate::queries::timeline::{self, EventOut};
use actix_web::{get, patch, post, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_assets).service(create_asset).service(get_asset).service(change_asset);
    config.service(move_asset).service(list_asset_events);
}

/// Only for who keeps the registry, of what they see.
fn for_keepers(call: Call, id: &str) -> Call {
    let id = id.to_owned();
    call.after(move |read, who| {
        views::get(read, who, &id)?;
        Ok(who.require(&KEEPERS)?)
    })
}

/// Assets in the order of their codes.
#[utoipa::path(tag = "assets", params(Paging, AssetQuery), responses((status = 200, body = ListOf<AssetOut>)))]
#[get("/assets")]
pub async fn list_assets(call: Call, list: List<AssetQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Enters a website or an account.
#[utoipa::path(tag = "assets", request_body = NewAsset, responses((status = 201, body = AssetOut)))]
#[post("/assets")]
pub async fn create_asset(call: Call, body: Body<NewAsset>) -> Answer {
    let call = call.only(&KEEPERS);
    call.write(body, |tx, who, new| {
        let id = assets::create(tx, who, new)?.to_string();
        let asset = views::get(&mut tx.read(), who, &id)?;
        Reply::created(format!("/api/v1/assets/{id}"), &asset, asset.version)
    })
    .await
}

/// An asset by id or code.
#[utoipa::path(tag = "assets", responses((status = 200, body = AssetOut)))]
#[get("/assets/{id}")]
pub async fn get_asset(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let asset = views::get(read, who, &id)?;
        Reply::row(&asset, asset.version)
    })
    .await
}

/// Changes what is said of an asset: what is left out stays, `null` clears. Its status moves by `/transitions`.
#[utoipa::path(tag = "assets", request_body = AssetChange, responses((status = 200, body = AssetOut)))]
#[patch("/assets/{id}")]
pub async fn change_asset(call: Call, id: web::Path<String>, body: Body<AssetChange>) -> Answer {
    let version = call.version;
    let call = for_keepers(call, &id);
    call.write(body, move |tx, who, change| {
        let id = assets::change(tx, who, &id, version, change)?.to_string();
        let asset = views::get(&mut tx.read(), who, &id)?;
        Reply::row(&asset, asset.version)
    })
    .await
}

/// Moves an asset along its life. An account may be reported closed only once it is deregistered, with evidence.
#[utoipa::path(tag = "assets", request_body = NewTransition, responses((status = 200, body = AssetOut)))]
#[post("/assets/{id}/transitions")]
pub async fn move_asset(call: Call, id: web::Path<String>, body: Body<NewTransition>) -> Answer {
    let version = call.version;
    let call = for_keepers(call, &id);
    call.write(body, move |tx, who, asked| {
        let id = assets::transition(tx, who, &id, version, &asked)?.to_string();
        let asset = views::get(&mut tx.read(), who, &id)?;
        Reply::row(&asset, asset.version)
    })
    .await
}

/// An asset's timeline, oldest first.
#[utoipa::path(tag = "assets", params(Paging), responses((status = 200, body = ListOf<EventOut>)))]
#[get("/assets/{id}/events")]
pub async fn list_asset_events(call: Call, id: web::Path<String>, list: List<NoFilter>) -> Answer {
    call.read(list, move |read, who, Listed { page, .. }| {
        let slice = timeline::of_asset(read, who, &id, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}
