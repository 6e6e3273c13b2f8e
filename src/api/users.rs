//! `/users`: people and service accounts, for the admin.

use crate::actions::users::{self, NewUser, UserChange};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::patch::Patch;
use crate::domain::vocabulary::Role;
use crate::queries::users::{self as views, User, UserQuery};
use actix_web::{get, patch, post, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_users).service(create_user).service(get_user).service(change_user);
}

/// Users in the order of their logins.
#[utoipa::path(tag = "users", params(Paging, UserQuery), responses((status = 200, body = ListOf<User>)))]
#[get("/users")]
pub async fn list_users(call: Call, list: List<UserQuery>) -> Answer {
    let call = call.only(&[Role::Admin]);
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = views::list(read, who, filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// Makes a user or a service account.
#[utoipa::path(tag = "users", request_body = NewUser, responses((status = 201, body = User)))]
#[post("/users")]
pub async fn create_user(call: Call, body: Body<NewUser>) -> Answer {
    let call = call.only(&[Role::Admin]);
    let hash = call.hash(body.peek().and_then(|new| new.password.clone())).await?;
    call.write(body, |tx, who, new| {
        let id = users::create(tx, who, new, hash)?.to_string();
        let user = views::get(&mut tx.read(), who, &id)?;
        Reply::created(format!("/api/v1/users/{id}"), &user, user.version)
    })
    .await
}

/// A user by id or login.
#[utoipa::path(tag = "users", responses((status = 200, body = User)))]
#[get("/users/{id}")]
pub async fn get_user(call: Call, id: web::Path<String>) -> Answer {
    let call = call.only(&[Role::Admin]);
    call.read((), move |read, who, ()| {
        let user = views::get(read, who, &id)?;
        Reply::row(&user, user.version)
    })
    .await
}

/// Changes a user: what is left out stays, `null` clears. Disabling one ends their sessions.
#[utoipa::path(tag = "users", request_body = UserChange, responses((status = 200, body = User)))]
#[patch("/users/{id}")]
pub async fn change_user(call: Call, id: web::Path<String>, body: Body<UserChange>) -> Answer {
    let call = call.only(&[Role::Admin]);
    let version = call.version;
    let password = body.peek().and_then(|change| match &change.password {
        Patch::Set(password) => Some(password.clone()),
        Patch::Keep | Patch::Clear => None,
    });
    let hash = call.hash(password).await?;
    call.write(body, move |tx, who, change| {
        let id = users::change(tx, who, &id, version, change, hash)?.to_string();
        let user = views::get(&mut tx.read(), who, &id)?;
        Reply::row(&user, user.version)
    })
    .await
}
