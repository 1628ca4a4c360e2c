//! The shape of the house: who may import whom, and what may stand where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::repository::{files, root};

/// Who may depend on whom of us: the package, its dependencies, what its tests may have beside them. A name that ends in
/// `/` is every package in that folder.
const MAY: [(&str, &[&str], &[&str]); 14] = [
    ("tamis-core", &["tamis-macros"], &["tamis-fuzz"]),
    ("tamis-macros", &[], &[]),
    ("tamis-module", &[], &["tamis-fuzz"]),
    ("tamis", &["tamis-core", "tamis-macros"], &["tamis-fuzz"]),
    ("sdk/guests/", &["tamis"], &["tamis-harness", "tamis-module"]),
    ("tamis-harness", &["tamis-module"], &["tamis-core", "tamis-fuzz"]),
    ("probe", &[], &[]),
    ("tamis-oci", &["tamis-module"], &["tamis-fuzz"]),
    ("tamis-cli", &["tamis-harness", "tamis-oci", "tamis-module"], &[]),
    ("tamis-mesh", &[], &[]),
    ("dlp-quality", &["dlp-masking"], &[]),
    ("tamis-fuzz", &[], &[]),
    ("filters/", &["tamis"], &["tamis-harness", "tamis-fuzz"]),
    ("examples/", &["tamis"], &["tamis-harness"]),
];

/// What a filter's domain may not know: whatever of `tamis` is not re-exported from `tamis-core`, but for a configuration's errors,
/// which are a place and words.
const HOST: [&str; 10] = [
    "Filter",
    "Headers",
    "tamis::sys",
    "tamis::runtime",
    "tamis::log",
    "tamis::filter",
    "HostError",
    "Outcome",
    "RequestHeaders",
    "ResponseHeaders",
];

/// Unsafe code, and leave for it. An attribute (`#[unsafe(no_mangle)]`) is only a promise about a name.
const UNSAFE: [&str; 6] =
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait", "allow(unsafe_code"];

#[test]
fn packages_depend_on_whom_they_may() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let ours = packages.iter().map(name).collect::<BTreeSet<_>>();
    let mut used = BTreeSet::new();
    for package in packages {
        let row = row(package).unwrap_or_else(|| panic!("{} has no row in the table of this test", name(package)));
        used.insert(row.0);
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = name(dependency);
            let tests = dependency["kind"] == "dev" && row.2.contains(&on);
            let allowed = row.1.contains(&on) || tests;
            assert!(!ours.contains(on) || allowed, "{} may not depend on {on}", name(package));
        }
    }
    assert_eq!(used.len(), MAY.len(), "a row of the table is for nobody: {used:?}");
}

#[test]
fn every_version_is_in_the_root_manifest() {
    for package in metadata()["packages"].as_array().unwrap() {
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let text = std::fs::read_to_string(&manifest).unwrap();
        let mut in_dependencies = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
                assert!(!line.contains("dependencies."), "{}: {line}", manifest.display());
            } else if in_dependencies && !line.is_empty() && !line.starts_with('#') {
                let inherits = line.contains("workspace = true");
                assert!(inherits, "{}: `{line}` says a version of its own", manifest.display());
            }
        }
    }
}

#[test]
fn the_domain_of_a_filter_knows_no_host() {
    let mut looked_at = 0;
    for filter in folders("filters") {
        for file in files(&filter.join("src"), &is_rust) {
            let is_phases = file.starts_with(filter.join("src").join("filter"));
            if is_phases || file.ends_with("src/lib.rs") || file.ends_with("src/filter.rs") {
                continue;
            }
            looked_at += 1;
            let text = std::fs::read_to_string(&file).unwrap();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let found = HOST.iter().find(|host| words_contain(line, host));
                assert!(found.is_none(), "{}: {line}", file.display());
            }
        }
    }
    assert!(looked_at >= 2, "{looked_at} files");
}

#[test]
fn unsafe_code_of_guests_is_in_sys() {
    let sys = root().join("sdk").join("src").join("sys");
    let mut in_sys = 0;
    for folder in ["sdk", "filters", "examples"] {
        for file in files(&root().join(folder), &is_rust) {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for line in code.filter(|line| UNSAFE.iter().any(|way| line.contains(way))) {
                assert!(file.starts_with(&sys), "{}: {line}", file.display());
                in_sys += 1;
            }
        }
    }
    assert!(in_sys > 0, "this test no longer sees what it looks for");
}

#[test]
fn both_sides_of_the_native_border_say_the_same() {
    let sides = ["sdk/src/sys/border.rs", "harness/src/native/border.rs"];
    let [guest, host] = sides.map(|side| std::fs::read_to_string(root().join(side)).unwrap());
    assert!(guest == host, "{sides:?} differ: neither crate knows the other, so each has the whole of it");
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    // In two pieces, so that this file is no exception.
    let folders = [concat!("/ro", "ot/"), concat!("/ho", "me/")];
    // A made-up path in an example.
    let made_up = concat!("/ho", "me/a/");
    for file in files(&root(), &|_| true) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for line in text.lines() {
            let line = line.replace(made_up, "");
            assert!(!folders.iter().any(|folder| line.contains(folder)), "{}: {line}", file.display());
        }
    }
}

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

fn row(package: &Value) -> Option<&'static (&'static str, &'static [&'static str], &'static [&'static str])> {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    let folder = manifest.strip_prefix(root().canonicalize().unwrap()).unwrap().to_string_lossy().into_owned();
    let fits = |row: &str| if row.ends_with('/') { folder.starts_with(row) } else { row == name(package) };
    MAY.iter().find(|(row, _, _)| fits(row))
}

fn folders(name: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(name)).unwrap();
    entries.map(|entry| entry.unwrap().path()).filter(|path| path.join("Cargo.toml").is_file()).collect()
}

fn is_rust(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "rs")
}

/// Whether `word` stands in the line, and not as a part of a longer name.
fn words_contain(line: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word)
        .any(|(at, _)| !part(line[..at].chars().next_back()) && !part(line[at + word.len()..].chars().next()))
}
