//! `/indicators`: the inspection indicators that findings name. Everybody reads them; they come with the program.

use crate::api::call::{Answer, Call, Reply};
use crate::api::params::Params;
use crate::api::routes::Routes;
use crate::domain::indicator::{self, Catalogue, Indicator};
use actix_web::get;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub fn routes(config: &mut Routes<'_>) {
    config.service(list_indicators);
}

/// Which of them are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IndicatorQuery {
    /// Those in force on this day.
    pub on: Option<NaiveDate>,
}

/// An indicator, and the catalogue it belongs to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IndicatorOut {
    /// Code of the catalogue.
    pub catalogue: String,
    #[serde(flatten)]
    pub indicator: Indicator,
}

/// Indicators in the order of their catalogues.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Indicators {
    pub items: Vec<IndicatorOut>,
    pub catalogues: Vec<Catalogue>,
    /// The list is always whole.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// The indicators that a finding may name, with what triggers them and since when they hold.
#[utoipa::path(tag = "findings", params(IndicatorQuery), responses((status = 200, body = Indicators)))]
#[get("/indicators")]
pub async fn list_indicators(call: Call, query: Params<IndicatorQuery>) -> Answer {
    call.read(query, |_, _, IndicatorQuery { on }| {
        let holds =
            |one: &Catalogue| on.is_none_or(|on| one.valid_from <= on && one.valid_to.is_none_or(|last| on <= last));
        let items = indicator::all().filter(|(catalogue, _)| holds(catalogue)).map(|(catalogue, indicator)| {
            IndicatorOut { catalogue: catalogue.code.clone(), indicator: indicator.clone() }
        });
        let catalogues = indicator::catalogues().iter().filter(|one| holds(one)).cloned().collect();
        Reply::json(&Indicators { items: items.collect(), catalogues, next: None })
    })
    .await
}
