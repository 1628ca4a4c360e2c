//! `tamis new`: a project for a filter of one's own, with a scenario that fails until it is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::common::write_whole;
use crate::failure::Failure;

/// `tamis new NAME [--dir DIR]`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis new tenant-header\n  tamis new tenant-header --dir filters/tenant\n\n\
Then, in its folder: `tamis build`, and `tamis test scenario.yaml`, which fails until src/lib.rs does what it says there.")]
pub struct New {
    /// The filter's name: lower-case letters, digits and hyphens
    name: Name,

    /// The folder to write into, instead of one with the filter's name; it must be empty or not exist
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The files, each with its text, in which `{name}` and `{sdk}` stand for what differs.
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("new/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("new/lib.rs.txt")),
    ("scenario.yaml", include_str!("new/scenario.yaml.txt")),
    ("README.md", include_str!("new/README.md.txt")),
    (".gitignore", include_str!("new/gitignore.txt")),
];

impl New {
    /// Writes the project.
    ///
    /// # Errors
    /// When there is something in the folder already, or it cannot be written.
    pub fn run(self) -> Result<(), Failure> {
        let folder = self.dir.unwrap_or_else(|| PathBuf::from(&self.name.0));
        vacant(&folder)?;
        let sdk = dependency();
        for (file, text) in FILES {
            let file = folder.join(file);
            write_whole(&file, text.replace("{name}", &self.name.0).replace("{sdk}", &sdk).as_bytes())?;
            println!("==> {}", file.display());
        }
        println!("next, in {}:", folder.display());
        println!("  tamis build                 from source to a module");
        println!("  tamis test scenario.yaml    fails, until src/lib.rs does what it says there");
        Ok(())
    }
}

/// A folder that is not there, or has nothing in it.
fn vacant(folder: &Path) -> Result<(), Failure> {
    let taken = |what: &str| {
        Failure::user(format_args!("{} {what}", folder.display()))
            .hint("take another name, or another folder with --dir")
    };
    if !folder.exists() {
        return Ok(());
    }
    let mut entries = fs::read_dir(folder).map_err(|_| taken("is there already, and is no folder"))?;
    if entries.next().is_some() { Err(taken("is there already, with something in it")) } else { Ok(()) }
}

/// How the project depends on the SDK: on the one beside this command, when that lies in a checkout, else on the release of
/// the same version.
fn dependency() -> String {
    let places = [std::env::current_exe(), std::env::current_dir()];
    let sdk =
        places.iter().flatten().flat_map(|place| place.ancestors()).map(|folder| folder.join("sdk")).find(|sdk| {
            let manifest = fs::read_to_string(sdk.join("Cargo.toml")).unwrap_or_default();
            manifest.lines().any(|line| line == "name = \"tamis\"")
        });
    match sdk {
        // A text of JSON is one of TOML, too.
        Some(sdk) => format!("{{ path = {} }}", serde_json::json!(sdk)),
        None => format!("\"{}\"", env!("CARGO_PKG_VERSION")),
    }
}

/// A name that is good for a package, a library and a module.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(String);

/// The longest name, which leaves room for `.debug.wasm` in every file system.
const LONGEST: usize = 64;

/// What cargo takes for itself, our own crates, and the words of the language.
const TAKEN: &str = "alloc core deps proc-macro std tamis tamis-core tamis-macros test \
    abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen if impl in let \
    loop macro match mod move mut override priv pub ref return self static struct super trait true try type typeof unsafe \
    unsized use virtual where while yield";

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name.is_empty() || name.len() > LONGEST {
            return Err(format!("a name has 1 to {LONGEST} characters"));
        }
        if let Some(odd) = name.chars().find(|c| !matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Err(format!("{odd:?} cannot be in a name: lower-case letters, digits and hyphens can"));
        }
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') {
            return Err("a name begins with a letter, and does not end with a hyphen".to_owned());
        }
        if TAKEN.split(' ').any(|taken| taken == name) {
            return Err("this name means something else to Rust or to Tamis".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_good_for_packages_and_files() {
        for good in ["a", "tenant-header", "s3", "x-1-y", &"a".repeat(64)] {
            assert_eq!(Name::from_str(good), Ok(Name(good.to_owned())));
        }
        for bad in ["", "A", "a_b", "a b", "../a", "-a", "a-", "3s", "é", "test", "tamis", "match", &"a".repeat(65)] {
            assert!(Name::from_str(bad).is_err(), "{bad}");
        }
    }
}
