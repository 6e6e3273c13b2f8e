//! Every library that is built in may be: licences of the lock file, as cargo reads them.

use super::root;
use serde_json::Value;
use std::process::Command;

/// Taken as they are. A licence that is only offered beside one of these need not stand here.
const TAKEN: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MPL-2.0",
    "Zlib",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
];

/// Taken of one package each.
const TAKEN_OF: &[(&str, &str)] = &[
    // Mozilla's list of certificate authorities: data.
    ("webpki-roots", "CDLA-Permissive-2.0"),
    // PostgreSQL's own client library; like BSD.
    ("pq-src", "PostgreSQL"),
];

/// Is an SPDX expression granted, where `taken` tells of one licence? `/` is the old way to write `OR`.
fn is_granted(expression: &str, taken: &dyn Fn(&str) -> bool) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (granted, rest) = either(&words, taken);
    granted && rest.is_empty()
}

fn either<'a>(words: &'a [&'a str], taken: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut granted, mut rest) = both(words, taken);
    while let ["OR", after @ ..] = rest {
        let (more, left) = both(after, taken);
        (granted, rest) = (granted || more, left);
    }
    (granted, rest)
}

fn both<'a>(words: &'a [&'a str], taken: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    let (mut granted, mut rest) = one(words, taken);
    while let ["AND", after @ ..] = rest {
        let (more, left) = one(after, taken);
        (granted, rest) = (granted && more, left);
    }
    (granted, rest)
}

fn one<'a>(words: &'a [&'a str], taken: &dyn Fn(&str) -> bool) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => match either(inner, taken) {
            (granted, [")", rest @ ..]) => (granted, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", exception, rest @ ..] => (taken(&format!("{name} WITH {exception}")), rest),
        [name, rest @ ..] => (taken(name), rest),
        [] => (false, words),
    }
}

fn is_taken(package: &str, licence: &str) -> bool {
    TAKEN.contains(&licence) || TAKEN_OF.contains(&(package, licence))
}

fn cargo(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO")).args(arguments).current_dir(root()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// What this machine builds; packages of other systems are not on its disk.
fn packages() -> Vec<Value> {
    let version = cargo(&["version", "--verbose"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let told = cargo(&["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host]);
    let told: Value = serde_json::from_str(&told).unwrap();
    told["packages"].as_array().unwrap().clone()
}

#[test]
fn every_library_has_a_licence_that_is_taken() {
    let packages = packages();
    assert!(packages.len() > 100);
    let faults: Vec<String> = packages
        .iter()
        .filter_map(|package| {
            let (name, licence) = (package["name"].as_str()?, package["license"].as_str().unwrap_or("(none)"));
            let granted = is_granted(licence, &|licence| is_taken(name, licence));
            (!granted).then(|| format!("{name} {}: {licence}", package["version"]))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn expressions_are_read_as_spdx_means_them() {
    let granted = |expression: &str| is_granted(expression, &|licence| is_taken("some", licence));
    for yes in [
        "MIT",
        "MIT/Apache-2.0",
        "Apache-2.0 / MIT",
        "Unlicense OR MIT",
        "GPL-3.0-or-later OR (MIT AND BSD-3-Clause)",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(granted(yes), "{yes}");
    }
    for no in [
        "",
        "(none)",
        "Unlicense",
        "GPL-3.0-or-later",
        "MIT AND GPL-3.0-only",
        "(MIT OR Apache-2.0) AND OpenSSL",
        "GPL-2.0 WITH Classpath-exception-2.0",
        "CDLA-Permissive-2.0",
        "(MIT",
    ] {
        assert!(!granted(no), "{no}");
    }
}
