//! `rectify openapi`: the description of the REST interface, as the server gives it.

use super::say::{CliFault, say_json};
use crate::api::openapi::document;
use std::process::ExitCode;

#[expect(clippy::unnecessary_wraps, reason = "every command answers alike")]
pub(super) fn run() -> Result<ExitCode, CliFault> {
    say_json(document());
    Ok(ExitCode::SUCCESS)
}
