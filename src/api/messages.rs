//! `/messages`: the outbox with every try to deliver, and what a coordinator does to a mail.

use crate::actions::messages::{self as acts, Operation};
use crate::api::call::{Answer, Call, Reply, id};
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::id::MessageId;
use crate::domain::vocabulary::Role;
use crate::queries::messages::{self, MessageDetails, MessageOut, MessageQuery};
use actix_web::{get, post, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_messages).service(get_message);
    config.service(retry_message).service(hold_message).service(release_message).service(cancel_message);
}

/// Mails, newest first.
#[utoipa::path(tag = "messages", params(Paging, MessageQuery), responses((status = 200, body = ListOf<MessageOut>)))]
#[get("/messages")]
pub async fn list_messages(call: Call, list: List<MessageQuery>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = messages::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// One mail: what it tells, and every try to deliver it.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[get("/messages/{id}")]
pub async fn get_message(call: Call, key: web::Path<String>) -> Answer {
    let call = call.only(&Role::OFFICE);
    call.read((), move |read, who, ()| {
        let message = messages::get(read, who, id(&key)?)?;
        Reply::row(&message, message.message.version)
    })
    .await
}

/// Once more, from the beginning: a mail that is dead, uncertain or waits for its next try.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[post("/messages/{id}/retry")]
pub async fn retry_message(call: Call, key: web::Path<String>) -> Answer {
    operate(call, key, Operation::Retry).await
}

/// Not before it is released: a mail that waits.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[post("/messages/{id}/hold")]
pub async fn hold_message(call: Call, key: web::Path<String>) -> Answer {
    operate(call, key, Operation::Hold).await
}

/// A mail that was held may leave.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[post("/messages/{id}/release")]
pub async fn release_message(call: Call, key: web::Path<String>) -> Answer {
    operate(call, key, Operation::Release).await
}

/// Not at all: a mail that has not been sent. What it was to tell is told by nobody.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[post("/messages/{id}/cancel")]
pub async fn cancel_message(call: Call, key: web::Path<String>) -> Answer {
    operate(call, key, Operation::Cancel).await
}

async fn operate(call: Call, key: web::Path<String>, operation: Operation) -> Answer {
    let call = call.only(&[Role::Coordinator]);
    let version = call.version;
    call.write((), move |tx, who, ()| {
        let id: MessageId = id(&key)?;
        acts::operate(tx, who, id, operation, version)?;
        let message = messages::get(&mut tx.read(), who, id)?;
        Reply::row(&message, message.message.version)
    })
    .await
}
