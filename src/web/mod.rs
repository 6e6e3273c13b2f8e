//! The pages (zh-CN, en): drawn here, working without scripts; every change a form, a POST, and a redirect.
//!
//! One file a page: its handlers, and the model that its template shows. `visit` is the way in and out, `frame` what
//! surrounds every page, `texts` every word, `fields` and `form` how forms go out and come in.

mod account;
mod acts;
mod asset_form;
mod assets;
mod audit;
mod calendar;
mod desk;
mod errors;
mod fields;
mod form;
mod frame;
mod hand_over;
mod lens;
mod letter;
mod letters;
mod mail;
mod mail_text;
mod notices;
mod picks;
mod preview;
mod registry;
mod rehearsal;
mod rules;
mod sandbox;
mod setup;
mod sign_in;
mod statistics;
mod templates;
mod texts;
mod ticket;
mod tickets;
mod timeline;
mod uploads;
mod view;
mod visit;
mod why;

use actix_web::Resource;
use actix_web::web::{self, ServiceConfig, get, post};

/// Registers the pages. Stands last: it answers for every address that nothing else lies at.
pub fn configure(config: &mut ServiceConfig) {
    let page = |path: &str| page(path, "GET");
    let act = |path: &str| self::page(path, "GET, POST");
    config
        .service(page("/").route(get().to(desk::get_desk)))
        .service(act("/sign-in").route(get().to(sign_in::get_sign_in)).route(post().to(sign_in::post_sign_in)))
        .service(act("/setup").route(get().to(setup::get_setup)).route(post().to(setup::post_setup)))
        .service(self::page("/sign-out", "POST").route(post().to(sign_in::post_sign_out)))
        .service(page("/account").route(get().to(account::get_account)))
        .service(
            act("/account/password").route(get().to(account::get_password)).route(post().to(account::post_password)),
        )
        .service(act("/account/tokens").route(get().to(account::get_token)).route(post().to(account::post_token)))
        .service(self::page("/account/tokens/{id}/revoke", "POST").route(post().to(account::post_revoke_token)))
        .service(self::page("/account/sessions/{id}/end", "POST").route(post().to(account::post_end_session)))
        .service(page("/tickets").route(get().to(tickets::get_tickets)))
        .service(page("/tickets/{key}").route(get().to(ticket::get_ticket)))
        .service(act("/tickets/{key}/{act}").route(get().to(ticket::get_act)).route(post().to(ticket::post_act)))
        .service(act("/feedback").route(get().to(letters::get_letters)).route(post().to(letter::post_letter)))
        .service(page("/feedback/new").route(get().to(letter::get_letter)))
        .service(page("/feedback/{id}").route(get().to(letters::get_one)))
        .service(page("/notices").route(get().to(notices::get_notices)))
        .service(page("/notices/{code}").route(get().to(notices::get_notice)))
        .service(act("/notices/{code}/issue").route(get().to(notices::get_act)).route(post().to(notices::post_issue)))
        .service(act("/notices/{code}/units").route(get().to(notices::get_act)).route(post().to(notices::post_units)))
        .service(act("/notices/{code}/close").route(get().to(notices::get_act)).route(post().to(notices::post_close)))
        .service(page("/assets").route(get().to(registry::get_assets)))
        .service(act("/assets/new/{kind}").route(get().to(asset_form::get_new)).route(post().to(asset_form::post_new)))
        .service(
            act("/assets/{key}/edit").route(get().to(asset_form::get_edit)).route(post().to(asset_form::post_edit)),
        )
        .service(page("/assets/{key}").route(get().to(registry::get_asset)))
        .service(
            act("/assets/{key}/transitions").route(get().to(registry::get_act)).route(post().to(registry::post_act)),
        )
        .service(page("/mail").route(get().to(mail::get_mails)))
        .service(page("/mail/{id}").route(get().to(mail::get_mail)))
        .service(act("/mail/{id}/{act}").route(get().to(mail::get_act)).route(post().to(mail::post_act)))
        .service(page("/audit").route(get().to(audit::get_audit)))
        .service(page("/reminders").route(get().to(rehearsal::get_rehearsal)))
        .service(self::page("/engine/accept-clock", "POST").route(post().to(desk::post_accept_clock)))
        .service(
            act("/hand-over").route(get().to(hand_over::get_hand_over)).route(post().to(hand_over::post_hand_over)),
        )
        .service(page("/statistics").route(get().to(statistics::get_statistics)))
        .service(page("/rules").route(get().to(rules::get_rules)))
        .service(act("/rules/{code}").route(get().to(rules::get_rule)).route(post().to(rules::post_rule)))
        .service(act("/calendar").route(get().to(calendar::get_calendar)).route(post().to(calendar::post_calendar)))
        .service(self::page("/sandbox/clock", "POST").route(post().to(sandbox::post_clock)))
        .service(page("/static/{name}").route(get().to(assets::get_asset)))
        .default_service(web::to(errors::nowhere));
}

/// An address of the pages, and the methods that it knows.
fn page(path: &str, methods: &'static str) -> Resource {
    web::resource(path.to_owned()).default_service(web::to(move |request| errors::wrong_method(request, methods)))
}
