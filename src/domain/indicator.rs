//! Inspection indicators: versioned catalogues, compiled in. A finding names an indicator by its code.

use crate::domain::refusal::{Arg, Code, Fault};
use crate::domain::words::Lang;
use crate::text_enum;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;
use utoipa::ToSchema;

/// 国办秘函〔2019〕19号.
pub const GUO_BAN_2019_19: &str = include_str!("../../config/indicators/2019-19.toml");

text_enum! {
    /// How an indicator counts: one veto fails the whole, a scored one takes points.
    IndicatorPart { Veto = "veto", Scored = "scored" }
}

text_enum! {
    /// What is looked at.
    IndicatorSubject {
        Website = "website",
        NewMedia = "new_media",
        /// Government portals only.
        Portal = "portal",
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Both {
    pub zh: String,
    pub en: String,
}

impl Both {
    #[must_use]
    pub fn pick(&self, lang: Lang) -> &str {
        lang.pick(&self.zh, &self.en)
    }
}

/// One document's indicators, and when they hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    pub code: String,
    pub document_no: String,
    pub name: Both,
    pub issued_on: NaiveDate,
    pub published_on: NaiveDate,
    pub source: String,
    /// First day on which it holds.
    pub valid_from: NaiveDate,
    /// Last day; null while it is in force.
    pub valid_to: Option<NaiveDate>,
    pub scoring: Scoring,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub indicators: Vec<Indicator>,
}

/// How points make a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    pub full: u16,
    /// Fewer points are not enough.
    pub pass: u16,
    /// More points than these open the bonus.
    pub bonus_above: u16,
    pub bonus: u16,
    pub note: Both,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Indicator {
    pub code: String,
    pub part: IndicatorPart,
    pub subject: IndicatorSubject,
    pub name: Both,
    /// What triggers the veto, or what the block looks at.
    pub text: Both,
    /// Of a scored block: its points, where they are known.
    pub weight: Option<u16>,
    /// Of a scored block: what is known to be deducted.
    #[serde(default)]
    pub deductions: Vec<Deduction>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deduction {
    pub points: u16,
    pub zh: String,
    pub en: String,
}

/// Reads a catalogue's file.
///
/// # Errors
/// When it is not one.
pub fn parse(text: &str) -> Result<Catalogue, toml::de::Error> {
    toml::from_str(text)
}

/// The catalogues that are compiled in, the newest first.
#[must_use]
pub fn catalogues() -> &'static [Catalogue] {
    static ALL: OnceLock<Vec<Catalogue>> = OnceLock::new();
    // A test reads each of the files; one that can't be read would know no indicator.
    ALL.get_or_init(|| [GUO_BAN_2019_19].into_iter().filter_map(|text| parse(text).ok()).collect())
}

/// Every indicator with its catalogue.
pub fn all() -> impl Iterator<Item = (&'static Catalogue, &'static Indicator)> {
    catalogues().iter().flat_map(|catalogue| catalogue.indicators.iter().map(move |one| (catalogue, one)))
}

/// The indicator of this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Indicator> {
    all().map(|(_, indicator)| indicator).find(|indicator| indicator.code == code)
}

/// What somebody wrote, as an indicator: its code in whatever case, or its name where only one bears it.
///
/// # Errors
/// `finding.indicator_unknown`, which names the choices; its place is still to be said.
pub fn read(text: &str) -> Result<&'static Indicator, Fault> {
    let text = text.trim();
    let by_code = all().find(|(_, one)| one.code.eq_ignore_ascii_case(text));
    let mut by_name = all().filter(|(_, one)| one.name.zh == text || one.name.en.eq_ignore_ascii_case(text));
    let found = by_code.or_else(|| by_name.next().filter(|_| by_name.next().is_none()));
    found.map(|(_, indicator)| indicator).ok_or_else(|| {
        let choices = |lang: Lang, joint: &str| {
            let each = all().map(|(_, one)| format!("{} {}", one.code, one.name.pick(lang)));
            each.collect::<Vec<_>>().join(joint)
        };
        let documents = catalogues().iter().map(|one| one.document_no.as_str()).collect::<Vec<_>>().join("、");
        let choices = Arg::both(choices(Lang::Zh, "、"), choices(Lang::En, ", "));
        let fault = Fault::at("", Code::IndicatorUnknown).with("value", text).with("documents", documents);
        fault.with("choices", choices)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_catalogue_of_2019_has_six_and_three_vetoes_and_four_scored_blocks() {
        let catalogue = parse(GUO_BAN_2019_19).unwrap();
        assert_eq!(catalogues(), std::slice::from_ref(&catalogue));
        let count = |part, subject| {
            catalogue.indicators.iter().filter(|one| one.part == part && one.subject == subject).count()
        };
        assert_eq!(count(IndicatorPart::Veto, IndicatorSubject::Website), 6);
        assert_eq!(count(IndicatorPart::Veto, IndicatorSubject::NewMedia), 3);
        assert_eq!(count(IndicatorPart::Scored, IndicatorSubject::Portal), 4);
        assert_eq!(catalogue.indicators.len(), 13);
        assert_eq!((catalogue.valid_from.to_string().as_str(), catalogue.valid_to), ("2019-04-01", None));
        assert_eq!((catalogue.scoring.full, catalogue.scoring.pass, catalogue.scoring.bonus), (100, 60, 30));
        assert_eq!(find("S2").unwrap().weight, Some(25));
    }

    #[test]
    fn no_code_stands_twice_in_whatever_catalogue() {
        let mut seen = HashSet::new();
        assert!(all().all(|(_, one)| seen.insert(one.code.to_ascii_lowercase())));
        assert!(all().all(|(_, one)| !one.name.zh.is_empty() && !one.name.en.is_empty() && !one.text.zh.is_empty()));
    }

    #[test]
    fn an_indicator_is_read_by_code_or_by_a_name_that_is_its_alone() {
        for (written, code) in [("W3", "W3"), (" w3 ", "W3"), ("首页不更新", "W3"), ("content not updated", "M2")]
        {
            assert_eq!(read(written).unwrap().code, code);
        }
        // Both subjects have one of this name.
        for wrong in ["互动回应差", "W7", "", "信息不更新"] {
            let fault = read(wrong).unwrap_err();
            assert_eq!(fault.code, Code::IndicatorUnknown, "{wrong}");
            let detail = fault.detail(Lang::Zh);
            assert!(detail.contains("国办秘函〔2019〕19号") && detail.contains("W5 互动回应差"), "{detail}");
        }
    }
}
