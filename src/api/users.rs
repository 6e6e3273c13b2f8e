//! `/users`: people and service accounts, for the admin.

use crate::actions::erase::{self, Erased};
use crate::actions::hand_over::{self, HandOver, HandedOver};
use crate::actions::users::{self, NewUser, UserChange};
use crate::api::call::{Answer, Call, Reply};
use crate::api::json::Body;
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::id::{TicketId, UserId};
use crate::domain::patch::Patch;
use crate::domain::vocabulary::Role;
use crate::queries::users::{self as views, User, UserQuery};
use actix_web::{get, patch, post, web};
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_users).service(create_user).service(get_user).service(change_user);
    config.service(hand_over_user).service(erase_user);
}

/// How a person's data is removed.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EraseIn {
    /// Only tell what would go.
    pub dry_run: bool,
}

/// To whom all of somebody's open items go.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOverIn {
    /// Id or login of an active person, of the same unit where the roles are a unit's.
    #[serde(default)]
    #[schema(required = true)]
    pub to: String,
    #[serde(default)]
    #[schema(required = true)]
    pub reason: String,
    /// Tell what would be handed over, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// The user, and what was handed over or would be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HandOverOut {
    #[serde(flatten)]
    pub user: User,
    pub dry_run: bool,
    pub to: UserRef,
    /// Open tickets of the unit that name them as handler.
    pub tickets: Vec<HandedTicketOut>,
    /// Roles that the successor gets beside their own; `admin` is never handed on.
    pub gained_roles: Vec<Role>,
    /// Those whose deputy the successor is from now on.
    pub deputyships: Vec<UserRef>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UserRef {
    pub id: UserId,
    pub login: String,
    pub name: String,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct HandedTicketOut {
    pub id: TicketId,
    pub reference: String,
    pub title: String,
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

/// Removes the personal data of a disabled user, for ever: login, name, e-mail, what their own timeline says, and their
/// name wherever they acted. The record stays whole. With `dry_run` nothing is removed.
#[utoipa::path(tag = "users", request_body = EraseIn, responses((status = 200, body = Erased)))]
#[post("/users/{id}/erase")]
pub async fn erase_user(call: Call, id: web::Path<String>, body: Body<EraseIn>) -> Answer {
    let call = call.only(&[Role::Admin]);
    let version = call.version;
    call.write(body, move |tx, who, EraseIn { dry_run }| {
        let erased =
            if dry_run { erase::rehearse(tx, who, &id, version)? } else { erase::erase(tx, who, &id, version)? };
        Reply::json(&erased)
    })
    .await
}

/// Gives all of a person's open items to another: tickets that they handle, their roles, the absences for which they stand
/// in; their mails go to the successor from now on. They can be disabled then.
#[utoipa::path(tag = "users", request_body = HandOverIn, responses((status = 200, body = HandOverOut)))]
#[post("/users/{id}/hand-over")]
pub async fn hand_over_user(call: Call, id: web::Path<String>, body: Body<HandOverIn>) -> Answer {
    let call = call.only(&[Role::Admin]);
    let version = call.version;
    call.write(body, move |tx, who, given| {
        let dry_run = given.dry_run;
        let given = HandOver { to: given.to, reason: given.reason };
        let done = if dry_run {
            hand_over::rehearse(tx, who, &id, version, &given)?
        } else {
            hand_over::hand_over(tx, who, &id, version, &given)?
        };
        let user = views::get(&mut tx.read(), who, &done.from.to_string())?;
        let version = user.version;
        Reply::row(&HandOverOut::of(user, dry_run, done), version)
    })
    .await
}

impl HandOverOut {
    fn of(user: User, dry_run: bool, done: HandedOver) -> Self {
        let HandedOver { from: _, to, tickets, roles, deputyships } = done;
        let tickets = tickets.into_iter().map(|ticket| HandedTicketOut {
            id: ticket.id,
            reference: ticket.reference,
            title: ticket.title,
        });
        let person = |id, login, name| UserRef { id, login, name };
        Self {
            user,
            dry_run,
            to: person(to.id, to.login, to.name),
            tickets: tickets.collect(),
            gained_roles: roles,
            deputyships: deputyships.into_iter().map(|row| person(row.id, row.login, row.name)).collect(),
        }
    }
}
