//! The pages as somebody reads and fills them in, without scripts. What they look like is for `tests/browser`.

mod account;
mod acts;
mod desk;
mod hand_over;
mod isolation;
mod languages;
mod letters;
mod notices;
pub mod reader;
mod registry;
mod rules;
mod sign_in;
mod statistics;
