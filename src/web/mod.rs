//! The pages (zh-CN, en): drawn here, working without scripts; every change a form, a POST, and a redirect.
//!
//! One file a page: its handlers, and the model that its template shows. `visit` is the way in and out, `frame` what
//! surrounds every page, `texts` every word, `fields` and `form` how forms go out and come in.

mod account;
mod acts;
mod assets;
mod desk;
mod errors;
mod fields;
mod form;
mod frame;
mod lens;
mod letter;
mod letters;
mod mail;
mod mail_text;
mod notices;
mod picks;
mod sandbox;
mod sign_in;
mod templates;
mod texts;
mod ticket;
mod tickets;
mod timeline;
mod uploads;
mod view;
mod visit;

use actix_web::web::{self, ServiceConfig, get, post, resource};

/// Registers the pages. Stands last: it answers for every address that nothing else lies at.
pub fn configure(config: &mut ServiceConfig) {
    let page = |path: &str| resource(path.to_owned());
    config
        .service(page("/").route(get().to(desk::get_desk)))
        .service(page("/sign-in").route(get().to(sign_in::get_sign_in)).route(post().to(sign_in::post_sign_in)))
        .service(page("/sign-out").route(post().to(sign_in::post_sign_out)))
        .service(page("/account").route(get().to(account::get_account)))
        .service(page("/tickets").route(get().to(tickets::get_tickets)))
        .service(page("/tickets/{key}").route(get().to(ticket::get_ticket)))
        .service(page("/tickets/{key}/{act}").route(get().to(ticket::get_act)).route(post().to(ticket::post_act)))
        .service(page("/feedback").route(get().to(letters::get_letters)).route(post().to(letter::post_letter)))
        .service(page("/feedback/new").route(get().to(letter::get_letter)))
        .service(page("/feedback/{id}").route(get().to(letters::get_one)))
        .service(page("/notices").route(get().to(notices::get_notices)))
        .service(page("/notices/{code}").route(get().to(notices::get_notice)))
        .service(page("/notices/{code}/issue").route(get().to(notices::get_act)).route(post().to(notices::post_issue)))
        .service(page("/notices/{code}/close").route(get().to(notices::get_act)).route(post().to(notices::post_close)))
        .service(page("/sandbox/clock").route(post().to(sandbox::post_clock)))
        .service(page("/static/{name}").route(get().to(assets::get_asset)))
        .configure(mail::configure)
        .default_service(web::to(errors::nowhere));
}
