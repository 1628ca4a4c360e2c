//! How a module was built, as far as this machine knows: a statement in the form of SLSA.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tamis_oci::Digest;
use tamis_oci::signing::{PROVENANCE_TYPE, Statement};

use super::super::build::cargo;
use crate::failure::Failure;

/// What kind of build it was; the form of the parameters depends on it.
const BUILD_TYPE: &str = "urn:tamis:build:1";
/// Who says so: whoever runs the command, on a machine that nobody else vouches for.
const BUILDER: &str = "urn:tamis:command";

/// Says how a module of this workspace was built.
///
/// # Errors
/// When the file is none that `tamis build` has put into this workspace's target folder, or there is no commit.
pub fn statement(file: &str, wasm: &[u8]) -> Result<Statement, Failure> {
    let path = Path::new(file).canonicalize().ok();
    let target = cargo::target_dir()?.canonicalize().ok();
    let name = path.as_deref().and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let (Some(path), Some(target), Some(name)) = (path, target, name) else { return Err(elsewhere(file)) };
    if !path.starts_with(&target) {
        return Err(elsewhere(file));
    }
    let lock = std::fs::read(cargo::workspace_root()?.join("Cargo.lock"))
        .map_err(|error| Failure::user(format_args!("cannot read Cargo.lock: {error}")))?;
    let commit = git(&["rev-parse", "HEAD"]).ok_or_else(|| {
        Failure::user("the sources are in no git commit, so nothing can be said of them")
            .hint("commit first, or leave out --provenance")
    })?;
    let is_modified = git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
    let source = git(&["remote", "get-url", "origin"]).filter(|url| !has_credentials(url));
    let uri = source.map_or_else(|| "git".to_owned(), |url| format!("git+{url}"));
    let compiler = tamis_module::compiler::read(wasm).ok().flatten();
    Ok(Statement {
        predicate_type: PROVENANCE_TYPE.to_owned(),
        predicate: json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": { "module": name },
                "internalParameters": { "compiler": compiler, "uncommittedChanges": is_modified },
                "resolvedDependencies": [
                    { "uri": uri, "digest": { "gitCommit": commit } },
                    { "name": "Cargo.lock", "digest": { "sha256": Digest::of(&lock).hex() } },
                ],
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "tamis": env!("CARGO_PKG_VERSION") } },
                "byproducts": [{ "name": "plugin.wasm", "digest": { "sha256": Digest::of(wasm).hex() } }],
            },
        }),
    })
}

/// The media type of a bill of material, by what it says of itself.
pub fn bill_type(text: &[u8]) -> Option<&'static str> {
    let bill: Value = serde_json::from_slice(text).ok()?;
    if bill.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        return Some("application/vnd.cyclonedx+json");
    }
    bill.get("spdxVersion").map(|_| "application/spdx+json")
}

fn elsewhere(file: &str) -> Failure {
    Failure::user(format_args!("{file} was not built in this workspace, so how it was built is not known"))
        .hint("`tamis build` writes to target/tamis; push that file from within the workspace")
}

fn has_credentials(url: &str) -> bool {
    url.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().is_some_and(|host| host.contains('@')))
}

fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
