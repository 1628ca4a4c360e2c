//! std for wasm32, built once from Debian's own sources, in a sysroot of its own.
//!
//! Debian's compiler comes without wasm32, but with the sources of std and of everything std depends on, so nothing is
//! downloaded here. The result is a folder with a `bin/rustc` that is the distribution's compiler looking into that folder:
//! `RUSTC` can name it, and no toolchain of the user has changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cache::{Cache, cannot, is_complete, list};
use super::process;
use super::wasm32::TARGET;
use crate::failure::Failure;

/// The packages that this needs.
pub const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"];

/// Debian's compiler and build tool, by their full path: the user's own come first in `PATH`.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// The oldest compiler that builds filters; the one of the workspace.
const MINIMUM: &str = env!("CARGO_PKG_RUST_VERSION");
/// Goes up when this file builds something else from the same sources.
const RECIPE: u32 = 1;
/// About 50 s on two cores.
const LIMIT: Duration = Duration::from_secs(1200);

const MANIFEST: &str = r#"[package]
name = "scratch"
version = "0.0.0"
edition = "2024"

[workspace]

[profile.release]
panic = "abort"
debug = "line-tables-only"
"#;

/// Finds itself, so that the folder may move.
const WRAPPER: &str = "#!/bin/sh\nexec /usr/bin/rustc --sysroot \"${0%/bin/rustc}\" \"$@\"\n";

/// A sysroot that is ready, and what links with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysroot {
    /// The compiler to name in `RUSTC`.
    pub rustc: PathBuf,
    /// The linker to name in cargo's variable for the target.
    pub linker: PathBuf,
}

/// The sysroot for the compiler that is installed now, when it was built before.
pub fn find(cache: &Cache) -> Option<Sysroot> {
    ready(&place(cache, &package_version()?))
}

/// Builds the sysroot, which takes about a minute, unless it is there; the packages must be installed.
///
/// # Errors
/// When the installed compiler is too old, or the build fails.
pub fn build(cache: &Cache) -> Result<Sysroot, Failure> {
    let broken = |what: &str| {
        Failure::environment(what).hint(format!("try `sudo apt-get install --reinstall {}`", PACKAGES.join(" ")))
    };
    let version = package_version().ok_or_else(|| broken("Debian's package rustc-web is not installed"))?;
    let lock = cache.lock("wasm32")?;
    let place = place(cache, &version);
    if let Some(sysroot) = ready(&place) {
        return Ok(sysroot);
    }
    if !is_recent(&version) {
        return Err(Failure::environment(format!("Debian's rustc-web is {version}, and filters need Rust {MINIMUM}"))
            .hint("enable the distribution's security updates for apt and run `tamis setup` again"));
    }
    let linker = linker().ok_or_else(|| broken("Debian's lld is not installed"))?;
    let host = process::ask(RUSTC, &["--print", "sysroot"]).ok_or_else(|| broken("Debian's rustc does not start"))?;
    cache.publish(&lock, &place, |folder| fill(folder, Path::new(&host), &linker))?;
    ready(&place).ok_or_else(|| Failure::environment(format!("{} is not whole after its build", place.display())))
}

fn fill(folder: &Path, host: &Path, linker: &Path) -> Result<(), Failure> {
    let scratch = folder.join("scratch");
    let libraries = compile(&scratch, host, linker)?;
    let target = folder.join("lib/rustlib").join(TARGET).join("lib");
    create(&target)?;
    for library in list(&libraries)? {
        let (Some(name), Some("rlib")) = (library.file_name(), library.extension().and_then(|end| end.to_str())) else {
            continue;
        };
        if name.as_encoded_bytes().starts_with(b"libscratch") {
            continue;
        }
        let to = target.join(name);
        fs::rename(&library, &to).map_err(|error| cannot("create", &to, &error))?;
    }
    fs::remove_dir_all(&scratch).map_err(|error| cannot("remove", &scratch, &error))?;

    // Procedural macros and build scripts are compiled for the host by the same compiler.
    for entry in list(&host.join("lib/rustlib"))? {
        let Some(name) = entry.file_name().filter(|name| *name != TARGET) else { continue };
        let link = folder.join("lib/rustlib").join(name);
        symlink(&entry, &link).map_err(|error| cannot("create", &link, &error))?;
    }

    create(&folder.join("bin"))?;
    let wrapper = folder.join("bin/rustc");
    fs::write(&wrapper, WRAPPER).map_err(|error| cannot("write", &wrapper, &error))?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).map_err(|error| cannot("change", &wrapper, &error))
}

/// Builds a crate of nothing together with std; the folder that std's libraries are in then.
fn compile(scratch: &Path, host: &Path, linker: &Path) -> Result<PathBuf, Failure> {
    create(&scratch.join("src"))?;
    for (name, text) in [("Cargo.toml", MANIFEST), ("src/lib.rs", "")] {
        let path = scratch.join(name);
        fs::write(&path, text).map_err(|error| cannot("write", &path, &error))?;
    }
    let mut cargo = Command::new(CARGO);
    cargo.current_dir(scratch).args([
        "build",
        "--release",
        "--target",
        TARGET,
        "-Zbuild-std=std,panic_abort",
        "--target-dir",
        "target",
    ]);
    let vendor = host.join("lib/rustlib/src/rust/library/vendor");
    if vendor.is_dir() {
        cargo.args(["--offline", "--config", "source.crates-io.replace-with='std-vendor'", "--config"]);
        cargo.arg(format!("source.std-vendor.directory='{}'", vendor.display()));
    }
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_cargo_setting(&name.to_string_lossy())) {
        cargo.env_remove(name);
    }
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTC", RUSTC).env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    // Fat link-time optimisation of a filter needs std's bitcode.
    cargo.env("RUSTFLAGS", "-Cembed-bitcode=yes").env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    process::run("building std for wasm32 with Debian's compiler, about a minute, once", cargo, LIMIT)
        .map_err(|error| Failure::environment(format!("std for {TARGET} cannot be built: {error}")))?;
    Ok(scratch.join("target").join(TARGET).join("release/deps"))
}

/// What would leak from the cargo that may have started us, or from the user's settings, into the build of std.
fn is_cargo_setting(name: &str) -> bool {
    let prefixes = ["CARGO_BUILD_", "CARGO_ENCODED_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_UNSTABLE_", "RUSTC_"];
    prefixes.iter().any(|prefix| name.starts_with(prefix)) || ["RUSTFLAGS", "RUSTC"].contains(&name)
}

fn ready(place: &Path) -> Option<Sysroot> {
    let rustc = place.join("bin/rustc");
    (is_complete(place) && rustc.is_file()).then_some(Sysroot { rustc, linker: linker()? })
}

fn place(cache: &Cache, version: &str) -> PathBuf {
    cache.place("wasm32", &format!("rustc-web-{version}-r{RECIPE}"))
}

/// The version of the compiler's package: it changes whenever the compiler does.
fn package_version() -> Option<String> {
    let known = process::ask("dpkg-query", &["-W", "-f", "${db:Status-Status} ${Version}", "rustc-web"])?;
    known.strip_prefix("installed ").map(|version| version.replace('/', "_"))
}

fn linker() -> Option<PathBuf> {
    ["/usr/bin/lld-22", "/usr/bin/rust-lld"].iter().map(PathBuf::from).find(|path| path.is_file())
}

/// Whether a package version (`1.96.0+dfsg1-1`) is at least the minimum (`1.95`).
fn is_recent(version: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
    };
    numbers(version) >= numbers(MINIMUM)
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_that_is_too_old_is_known_by_its_package() {
        assert!(is_recent("1.96.0+dfsg1-1~deb12u2") && is_recent("1.95.0-1") && is_recent("2.0.0-1"));
        assert!(!is_recent("1.85.0+dfsg3-1~deb12u3") && !is_recent("") && !is_recent("1.9.0"));
    }

    #[test]
    fn settings_of_the_users_builds_do_not_reach_std() {
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_PROFILE_RELEASE_LTO", "RUSTC_WRAPPER", "CARGO_TARGET_DIR"]
        {
            assert!(is_cargo_setting(name), "{name}");
        }
        for name in ["CARGO_HOME", "PATH", "HOME", "CARGO_HTTP_PROXY", "RUSTUP_HOME"] {
            assert!(!is_cargo_setting(name), "{name}");
        }
    }
}
