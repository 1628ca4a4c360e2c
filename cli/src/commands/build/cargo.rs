//! What is asked of cargo.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tamis_module::FULL_IMAGE;

use crate::failure::Failure;
use crate::setup::wasm32::Toolchain;

/// A library that cargo made: a wasm file, or one for this machine.
pub struct Artifact {
    /// The module's name.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// Whether it was there already.
    pub fresh: bool,
}

/// Tells the attribute of the SDK that the module is to describe itself.
const DESCRIBE: &str = "TAMIS_DESCRIBE";

/// The workspace's target folder.
pub fn target_dir() -> Result<PathBuf, Failure> {
    let metadata = metadata()?;
    let target = metadata.get("target_directory").and_then(Value::as_str);
    target.map(PathBuf::from).ok_or_else(|| Failure::environment("`cargo metadata` names no target folder"))
}

/// A package of the workspace that builds a library to load.
pub struct Loadable {
    /// Its name, for cargo.
    pub package: String,
    /// Whether it has a full image as well: it has a feature of that name.
    pub full: bool,
}

/// The feature of a package with what its full image has and its lean one has not.
pub const FULL: &str = "full";

/// Which of a filter's two images.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Image {
    /// What a package is without any feature but its defaults. Most packages have this one only.
    Lean,
    /// With the feature `full`: heavy engines that only some configurations need.
    Full,
}

impl Image {
    /// The module's name, which begins with the library's.
    pub fn module(self, library: &str) -> String {
        match self {
            Self::Lean => library.to_owned(),
            Self::Full => format!("{library}{FULL_IMAGE}"),
        }
    }
}

/// What a build is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be run by a proxy.
    Ship,
    /// To be asked what it is. A module of the SDK has the answer, and the generator of its schema, in this build only: what is
    /// linked into a module leaves its data there, even when its code is taken out again.
    Describe,
}

/// The packages of the workspace that build a library to load, by the names of these libraries.
pub fn loadable() -> Result<BTreeMap<String, Loadable>, Failure> {
    let metadata = metadata()?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let named = |package: &Value| {
        let library = package.get("targets")?.as_array()?.iter().find(|target| is_loadable(target))?;
        let full = package.get("features").is_some_and(|features| features.get(FULL).is_some());
        Some((module_name(library)?, Loadable { package: package.get("name")?.as_str()?.to_owned(), full }))
    };
    Ok(packages.filter_map(named).collect())
}

/// The packages that are meant where none is named: the one of this folder, or all that build a library to load.
pub fn packages_here() -> Result<Vec<String>, Failure> {
    let manifest = output(cargo().args(["locate-project", "--message-format", "plain"]).stderr(Stdio::inherit()))?;
    let manifest = String::from_utf8_lossy(&manifest);
    let metadata = metadata()?;
    let mut packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let is_here = |package: &&Value| package.get("manifest_path").and_then(Value::as_str) == Some(manifest.trim());
    Ok(match packages.find(is_here).and_then(|package| package.get("name")?.as_str()) {
        Some(name) => vec![name.to_owned()],
        None => loadable()?.into_values().map(|loadable| loadable.package).collect(),
    })
}

fn is_loadable(target: &Value) -> bool {
    let kinds = target.get("crate_types").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"))
}

fn module_name(target: &Value) -> Option<String> {
    Some(target.get("name")?.as_str()?.replace('_', "-"))
}

/// The workspace's folder.
pub fn workspace_root() -> Result<PathBuf, Failure> {
    let metadata = metadata()?;
    let root = metadata.get("workspace_root").and_then(Value::as_str);
    root.map(PathBuf::from).ok_or_else(|| Failure::environment("`cargo metadata` names no workspace"))
}

/// All packages and what they use, for wasm32 and as Cargo.lock has them.
pub fn dependencies() -> Result<Value, Failure> {
    metadata_with(&["--filter-platform", "wasm32-unknown-unknown", "--locked"])
}

fn metadata() -> Result<Value, Failure> {
    metadata_with(&["--no-deps"])
}

fn metadata_with(flags: &[&str]) -> Result<Value, Failure> {
    let output = output(cargo().args(["metadata", "--format-version", "1"]).args(flags).stderr(Stdio::inherit()))?;
    serde_json::from_slice(&output)
        .map_err(|error| Failure::environment(format_args!("`cargo metadata` gave no JSON: {error}")))
}

/// Builds packages for wasm32, in a target folder of their own: the compiler may be another one than the workspace's.
pub fn build(
    toolchain: &Toolchain,
    target: &Path,
    packages: &[String],
    image: Image,
    purpose: Purpose,
) -> Result<Vec<Artifact>, Failure> {
    match purpose {
        Purpose::Describe => run(toolchain, target, packages, image, purpose),
        // Each by itself: cargo optimises a library at link time only when it builds the module alone, without what other crates
        // would link, and it can be asked that of one package.
        Purpose::Ship => {
            let built = packages.chunks(1).map(|package| run(toolchain, target, package, image, purpose));
            Ok(built.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        }
    }
}

fn run(
    toolchain: &Toolchain,
    target: &Path,
    packages: &[String],
    image: Image,
    purpose: Purpose,
) -> Result<Vec<Artifact>, Failure> {
    let mut command = cargo();
    match purpose {
        Purpose::Ship => command.args(["rustc", "--crate-type", "cdylib", "--release"]).env_remove(DESCRIBE),
        Purpose::Describe => command.arg("build").env(DESCRIBE, "1"),
    };
    command.args(["--lib", "--target", "wasm32-unknown-unknown"]);
    // A folder for each image: cargo gives the files of both the same name, and would take one for the other.
    let folder = target.join(image.module("wasm32"));
    command.args(["--message-format", "json-render-diagnostics", "--target-dir"]).arg(folder);
    for package in packages {
        command.args(["-p", package]);
        if image == Image::Full {
            command.arg("--features").arg(format!("{package}/{FULL}"));
        }
    }
    command.envs(toolchain.env.iter().map(|(name, value)| (name, value)));
    // Names and lines go into the debug file, not into the module; without them no trace can be read.
    for (name, value) in [("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"), ("CARGO_PROFILE_RELEASE_STRIP", "none")]
    {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", rustflags()).stderr(Stdio::inherit());
    let messages = output(&mut command)?;
    Ok(String::from_utf8_lossy(&messages).lines().filter_map(|line| artifact(line, ".wasm")).collect())
}

/// Builds packages for this machine, with the workspace's own compiler and target folder, and with all that they can do.
pub fn build_native<'a>(packages: impl IntoIterator<Item = &'a Loadable>) -> Result<Vec<Artifact>, Failure> {
    let mut command = cargo();
    command.args(["build", "--lib", "--message-format", "json-render-diagnostics"]);
    for Loadable { package, full } in packages {
        command.args(["-p", package]);
        if *full {
            command.arg("--features").arg(format!("{package}/{FULL}"));
        }
    }
    let messages = output(command.stderr(Stdio::inherit()))?;
    let suffix = std::env::consts::DLL_SUFFIX;
    Ok(String::from_utf8_lossy(&messages).lines().filter_map(|line| artifact(line, suffix)).collect())
}

fn artifact(line: &str, suffix: &str) -> Option<Artifact> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message.get("reason")?.as_str()? != "compiler-artifact" {
        return None;
    }
    let files = message.get("filenames")?.as_array()?;
    let file = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(suffix))?;
    // Macros are libraries too, for the compiler.
    let target = message.get("target").filter(|target| is_loadable(target))?;
    let name = module_name(target)?;
    Some(Artifact { name, file: PathBuf::from(file), fresh: message.get("fresh")?.as_bool()? })
}

/// The user's flags; the small form of SHA-2, which the crate `sha2` has unrolled to eight kilobytes otherwise, and which is chosen by
/// a flag only; and names for the folders of this machine, which would otherwise stand in the module: they are nobody's
/// business, and the same source would give other bytes elsewhere.
fn rustflags() -> OsString {
    let mut flags = OsString::new();
    let mut push = |flag: OsString| {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push(flag);
    };
    if let Some(encoded) = std::env::var_os("CARGO_ENCODED_RUSTFLAGS") {
        push(encoded);
    } else if let Ok(plain) = std::env::var("RUSTFLAGS") {
        plain.split_whitespace().for_each(|flag| push(flag.into()));
    }
    push("--cfg=sha2_backend_soft=\"compact\"".into());
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let here = std::env::current_dir().ok();
    for (folder, name) in [(here, "/src"), (cargo_home, "/cargo")] {
        if let Some(folder) = folder {
            let mut flag = OsString::from("--remap-path-prefix=");
            flag.push(folder);
            flag.push("=");
            flag.push(name);
            push(flag);
        }
    }
    flags
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        Failure::environment(format_args!("cannot run cargo: {error}")).hint("install Rust: https://rustup.rs")
    })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(Failure::user("cargo failed").hint("its own messages are above"))
    }
}
