//! From an empty folder to a passing scenario, by what `tamis new` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Ended, run, succeed, tamis};
use crate::repository::{root, target};

/// What the comment in the source says to write, and in the place of what.
const TO_DO: &str = "response.headers().set(&X_GREETING, b\"nothing yet\").into()";
const DONE: &str = "response.headers().set_value(&X_GREETING, &self.0.greeting).into()";

#[test]
fn a_newcomer_gets_from_an_empty_folder_to_a_passing_scenario() {
    let empty = tempfile::tempdir().unwrap();
    succeed(empty.path(), &["new", "tenant-header"]);
    let folder = empty.path().join("tenant-header");
    // The versions that the repository has fetched; cargo takes out what is not needed.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();

    let modules = built(&folder);
    let failing = tested(&folder, &modules);
    assert_eq!(failing.code, Some(2), "{}", failing.text);
    assert!(failing.text.contains("nothing yet"), "{}", failing.text);

    let source = folder.join("src").join("lib.rs");
    let text = fs::read_to_string(&source).unwrap();
    assert!(
        text.contains(".set_value(&X_GREETING, &self.0.greeting)\n"),
        "the source does not say what to write: {text}"
    );
    assert!(text.contains(TO_DO), "{text}");
    fs::write(&source, text.replace(TO_DO, DONE)).unwrap();

    let modules = built(&folder);
    let passing = tested(&folder, &modules);
    assert_eq!(passing.code, Some(0), "{}", passing.text);
    let told = succeed(&folder, &["inspect", modules.join("tenant-header.wasm").to_str().unwrap()]);
    assert!(told.starts_with("tenant-header 0.1.0: Greets in a response header.\n"), "{told}");
}

/// Builds the project, without a warning; the folder of its module. What it depends on is built once for all tests.
fn built(folder: &Path) -> PathBuf {
    let mut command: Command = tamis(folder, &["build"]);
    command.env("CARGO_TARGET_DIR", target().join("fixtures"));
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(!ended.text.contains("warning"), "{}", ended.text);
    target().join("fixtures").join("tamis")
}

fn tested(folder: &Path, modules: &Path) -> Ended {
    let mut command = tamis(folder, &["test", "scenario.yaml"]);
    command.env("TAMIS_MODULES", modules);
    run(command)
}
