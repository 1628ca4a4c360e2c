//! An author outside the repository: a crate of their own, built by `tamis build`, loaded by a real Envoy, and, when it
//! dies there, found by `tamis inspect --symbolize`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tamis_harness::document::parse_as;
use tamis_harness::envoy::{EnvoyProcess, find_or_skip};
use tamis_harness::gateway::client::send_blocking;
use tamis_harness::scenario::model::Request;

use crate::process::{run, succeed, tamis};
use crate::repository::{root, target};

/// The panicking line is the one with `shelf[at]`.
const SOURCE: &str = r#"//! Gives what is on a shelf, and does not look how long the shelf is.

use tamis::{ConfigError, Filter, HeaderMap, HeaderName, HeaderValue, Outcome, PluginContext, RequestHeaders};

const X_PANIC: HeaderName = HeaderName::from_static("x-panic");

/// What the user writes.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is on the shelf.
    pub shelf: HeaderValue,
}

pub struct Shelf(Config);

#[tamis::filter]
impl Filter for Shelf {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), request: &mut RequestHeaders) -> Outcome {
        let headers = request.headers();
        let at = headers.get(&X_PANIC).ok().flatten().and_then(|at| std::str::from_utf8(at).ok()?.parse().ok());
        let book = take_from_the_shelf(self.0.shelf.as_bytes(), at.unwrap_or_default());
        headers.set(&X_PANIC, &[book]).into()
    }
}

#[inline(never)]
fn take_from_the_shelf(shelf: &[u8], at: usize) -> u8 {
    shelf[at]
}
"#;

/// An index that nothing else in a log can be.
const INDEX: &str = "918273645";

/// The crate's folder: always the same one, so that its second build is quick, and a workspace of its own.
fn author() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author");
    let sdk = root().join("sdk");
    let manifest = format!(
        "[package]\nname = \"shelf\"\nversion = \"1.2.3\"\nedition = \"2024\"\ndescription = \"A shelf.\"\n\n\
         [lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n\n[dependencies]\nschemars = {{ version = \"1\", default-features = \
         false, features = [\"derive\", \"std\"] }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\
         tamis = {{ path = {sdk:?} }}\n\n[workspace]\n"
    );
    fs::create_dir_all(folder.join("src")).unwrap();
    write(&folder.join("Cargo.toml"), &manifest);
    write(&folder.join("src").join("lib.rs"), SOURCE);
    // The versions that the repository has fetched; cargo takes out what is not needed.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    folder
}

/// A file that holds this already keeps its date, and cargo has nothing to do.
fn write(file: &Path, text: &str) {
    if fs::read_to_string(file).ok().as_deref() != Some(text) {
        fs::write(file, text).unwrap();
    }
}

fn in_fixtures(mut command: Command) -> Command {
    command.env("CARGO_TARGET_DIR", target().join("fixtures"));
    command
}

#[test]
fn a_filter_that_panics_in_envoy_is_found_by_name_and_line() {
    let folder = author();
    let built = run(in_fixtures(tamis(&folder, &["build"])));
    assert_eq!(built.code, Some(0), "{}", built.text);
    let module = target().join("fixtures").join("tamis").join("shelf.wasm");
    assert!(built.text.contains(module.to_str().unwrap()), "{}", built.text);
    let again = run(in_fixtures(tamis(&folder, &["build"])));
    assert_eq!(again.text, format!("==> {}: fresh\n", module.display()));
    let told = succeed(&folder, &["inspect", module.to_str().unwrap()]);
    assert!(told.starts_with("shelf 1.2.3: A shelf.\n"), "{told}");
    assert!(!contains(&fs::read(&module).unwrap(), folder.to_str().unwrap()), "the module names the author's folder");

    let Some(binary) = find_or_skip("a trace of a real Envoy") else { return };
    write(&folder.join("config.yaml"), "shelf: abc\n");
    let file = module.to_str().unwrap();
    let flags = ["manifest", "--for", "envoy", file, "--config", "config.yaml", "--listen", "127.0.0.1:0"];
    let manifest = succeed(&folder, &flags);
    let envoy = EnvoyProcess::start_text(&binary, &manifest).unwrap_or_else(|error| panic!("{error}"));
    let address = *envoy.listeners().unwrap().values().next().unwrap();
    let request = parse_as::<Request>(&format!("headers: {{ x-panic: {INDEX} }}\n")).unwrap();
    let answer = send_blocking(address, &request).unwrap();
    assert_eq!(answer.get(":status"), Some(b"503".as_slice()), "{answer:?}");

    let limit = Instant::now() + Duration::from_secs(10);
    while !envoy.log().contains("backtrace") && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
    }
    let log = envoy.log();
    let line = SOURCE.lines().position(|line| line.contains("shelf[at]")).unwrap() + 1;
    assert!(log.contains(&format!("panic at src/lib.rs:{line}")), "{log}");
    assert!(!log.contains(INDEX) && !log.contains("out of bounds"), "the panic's message is in the log: {log}");

    let file_of_log = tempfile::NamedTempFile::new().unwrap();
    fs::write(file_of_log.path(), &log).unwrap();
    let named = succeed(&folder, &["inspect", file, "--symbolize", file_of_log.path().to_str().unwrap()]);
    let frame = named.lines().find(|line| line.contains("shelf::take_from_the_shelf"));
    let frame = frame.unwrap_or_else(|| panic!("no such function in: {named}"));
    assert!(frame.contains(&format!("src/lib.rs:{line}")), "{frame}");
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
