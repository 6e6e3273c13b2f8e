//! The file of default settings is the only place of defaults, and names every key.

use super::sources;
use rectify::config::{Config, DEFAULTS};
use std::path::Path;

#[test]
fn the_file_of_defaults_is_what_the_program_starts_with() {
    let config: Config = toml::from_str(DEFAULTS).unwrap();
    let mut loaded = Config::load(Path::new("data"), std::iter::empty(), &[]).unwrap();
    // Alone it can't know where the data lies.
    loaded.database.url = config.database.url.clone();
    assert_eq!(format!("{config:?}"), format!("{loaded:?}"));
}

#[test]
fn a_key_that_the_file_left_out_would_be_missing() {
    let keys: Vec<&str> = DEFAULTS.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())).collect();
    assert!(keys.len() > 30, "{keys:?}");
    for key in keys {
        let without: String = DEFAULTS.lines().filter(|line| *line != key).map(|line| format!("{line}\n")).collect();
        let fault = toml::from_str::<Config>(&without).expect_err(key).to_string();
        assert!(fault.contains("missing field"), "{key}: {fault}");
    }
}

#[test]
fn no_setting_has_a_default_in_code() {
    let said: Vec<String> = sources("src/config")
        .iter()
        .filter(|source| !source.path.ends_with("tests.rs"))
        .flat_map(|source| {
            source.code.lines().zip(1..).map(|(line, at)| (format!("{}:{at}", source.path), line.to_owned()))
        })
        .filter(|(_, line)| {
            line.contains("serde(default") || (line.trim().starts_with("pub ") && line.contains(": Option<"))
        })
        .map(|(place, line)| format!("{place}: {}", line.trim()))
        .collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}
