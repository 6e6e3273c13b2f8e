//! `/messages`: the outbox with every try to deliver.

use crate::api::call::{Answer, Call, Reply};
use crate::api::page::ListOf;
use crate::api::params::{List, Listed, Paging};
use crate::api::routes::Routes;
use crate::domain::id::MessageId;
use crate::domain::refusal::Refusal;
use crate::queries::messages::{self, MessageDetails, MessageOut, MessageQuery};
use actix_web::{get, web};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_messages).service(get_message);
}

/// Mails, newest first.
#[utoipa::path(tag = "messages", params(Paging, MessageQuery), responses((status = 200, body = ListOf<MessageOut>)))]
#[get("/messages")]
pub async fn list_messages(call: Call, list: List<MessageQuery>) -> Answer {
    call.read(list, |read, who, Listed { page, filter }| {
        let slice = messages::list(read, who, &filter, &page.ask)?;
        Reply::list(&page, slice)
    })
    .await
}

/// One mail: what it tells, and every try to deliver it.
#[utoipa::path(tag = "messages", responses((status = 200, body = MessageDetails)))]
#[get("/messages/{id}")]
pub async fn get_message(call: Call, id: web::Path<String>) -> Answer {
    call.read((), move |read, who, ()| {
        let id: MessageId = id.parse().map_err(|_not_an_id| Refusal::missing())?;
        let message = messages::get(read, who, id)?;
        Reply::row(&message, message.message.version)
    })
    .await
}
