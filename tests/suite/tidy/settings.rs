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
        let without = DEFAULTS.lines().filter(|line| *line != key).collect::<Vec<_>>().join("\n");
        let fault = toml::from_str::<Config>(&without).expect_err(key).to_string();
        assert!(fault.contains("missing field"), "{key}: {fault}");
    }
}

/// The structs that the file is read into: each refuses unknown fields.
#[test]
fn no_setting_has_a_default_in_code() {
    let mut structs = 0;
    for source in sources("src/config") {
        for read in source.code.split("#[serde(deny_unknown_fields)]").skip(1) {
            let fields = read.split("\n}").next().unwrap();
            structs += 1;
            assert!(!fields.contains("serde(default") && !fields.contains(": Option<"), "{}: {fields}", source.path);
        }
    }
    assert!(structs > 5);
}
