//! The transcripts in `tests/transcripts`, one test each.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use tamis_oci::LocalRegistry;

use crate::fixtures;
use crate::process::succeed;
use crate::repository::{self, started};
use crate::transcript::{Placeholder, replay};

/// A user whom no test knows the password of.
const HTPASSWD: &str = "tamis:$2b$04$OC2sBG9jsea1CRXFwtm3A.ZvS6DPH19zA3yN/cUz1L2OnT3IiEXUq\n";

const NAMES: [&str; 14] = [
    "build",
    "check",
    "configurations",
    "doctor",
    "help",
    "images",
    "manifest",
    "modules",
    "new",
    "registries",
    "resources",
    "scenarios",
    "serve",
    "signatures",
];

#[test]
fn build() {
    play("build", &[]);
}

#[test]
fn check() {
    let registry = started(LocalRegistry::start());
    play("check", &[Placeholder { name: "[REGISTRY]", value: registry.as_ref().map(LocalRegistry::host) }]);
}

#[test]
fn configurations() {
    play("configurations", &[]);
}

#[test]
fn doctor() {
    play("doctor", &[]);
}

#[test]
fn help() {
    play("help", &[]);
}

#[test]
fn images() {
    play("images", &[]);
}

#[test]
fn manifest() {
    play("manifest", &[]);
}

#[test]
fn modules() {
    play("modules", &[]);
}

#[test]
fn new() {
    play("new", &[]);
}

#[test]
fn registries() {
    let refusing = started(LocalRegistry::start_with_password(HTPASSWD));
    play("registries", &[Placeholder { name: "[REFUSING]", value: refusing.as_ref().map(LocalRegistry::host) }]);
}

#[test]
fn resources() {
    let registry = started(LocalRegistry::start());
    play("resources", &[Placeholder { name: "[REGISTRY]", value: registry.as_ref().map(LocalRegistry::host) }]);
}

#[test]
fn scenarios() {
    play("scenarios", &[]);
}

#[test]
fn serve() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    play("serve", &[Placeholder { name: "[PORT]", value: Some(port) }]);
}

#[test]
fn signatures() {
    play("signatures", &[]);
}

#[test]
fn every_transcript_is_played() {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        found.push(entry.unwrap().file_name().into_string().unwrap());
    }
    found.sort();
    assert_eq!(found, NAMES.map(|name| format!("{name}.txt")));
}

#[test]
fn every_sub_command_has_an_example_in_its_help() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let help = succeed(here, &["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")?.split_once(' ')).map(|(name, _)| name);
    let names = names.filter(|name| !name.is_empty()).collect::<Vec<_>>();
    assert!(names.len() >= 9, "{help}");
    let transcript = std::fs::read_to_string(folder().join("help.txt")).unwrap();
    for name in names {
        assert!(transcript.contains(&format!("$ tamis {name} --help\n")), "{name} is not in help.txt");
        let text = succeed(here, &[name, "--help"]);
        assert!(text.contains("Example") && text.contains(&format!("\n  tamis {name}")), "{text}");
    }
}

#[test]
fn the_committed_schema_of_scenarios_is_the_one_that_is_printed() {
    let printed = succeed(&repository::root(), &["test", "--schema"]);
    let file = repository::root().join("docs").join("scenario.schema.json");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &printed).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == printed, "{} is out of date; BLESS=1 rewrites it", file.display());
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("transcripts")
}

fn play(name: &str, placeholders: &[Placeholder]) {
    assert!(NAMES.contains(&name));
    replay(&folder().join(format!("{name}.txt")), placeholders, &fixtures::prepare);
}
