//! Programs of other projects that are written in Go: registry clients, Istio, Envoy Gateway, a checker of resources.
//!
//! Each has a folder in this repository with a `go.mod` that names one version and a `go.sum` with the digest of everything that
//! goes into it; the command carries both. What was built stays in `CACHE/go/NAME-KEY`, where the key is a digest of those files,
//! and `CACHE/go/bin` has a link to each program. `CACHE/go` is also what Go calls its GOPATH, so sources and compiled packages
//! are shared by all of them and outlive a change of the key.

mod source;
mod toolchain;

use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cache::{Cache, cannot, is_complete};
use super::component::Done;
use super::process;
use crate::failure::Failure;
use source::{Copied, ISTIO};
use toolchain::Go;

/// The largest takes about five minutes on two cores when nothing is cached and nothing else runs.
const BUILD_LIMIT: Duration = Duration::from_secs(2700);
/// Changes when the way of building does.
const RECIPE: &str = "1";

/// A program, or a family of them from one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoProgram {
    /// A registry client.
    Crane,
    /// A registry client, for artifacts.
    Oras,
    /// The signer of images.
    Cosign,
    /// Holds resources against the schemas of their kinds, rules included.
    KubectlValidate,
    /// `pilot-discovery`, `pilot-agent` and `istioctl`.
    Istio,
    /// `envoy-gateway` and `egctl`.
    EnvoyGateway,
    /// Istio's fetcher of images behind standard input.
    IstioFetch,
    /// What an API server's admission says of resources.
    Admission,
}

/// What is built, from what.
struct Recipe {
    module: &'static str,
    sums: &'static str,
    /// Packages of programs; a program is called like the last part of its package's path.
    packages: &'static [&'static str],
    /// A module whose source is changed before it is built.
    copied: Option<&'static Copied>,
    /// A program of our own, around packages of the module.
    main: Option<&'static str>,
}

macro_rules! pinned {
    ($folder:literal) => {
        (include_str!(concat!("../../../", $folder, "/go.mod")), include_str!(concat!("../../../", $folder, "/go.sum")))
    };
}

impl GoProgram {
    fn recipe(self) -> Recipe {
        type Row = ((&'static str, &'static str), &'static [&'static str], Option<&'static Copied>);
        let ((module, sums), packages, copied): Row = match self {
            Self::Crane => {
                (pinned!("oci/interop/go/crane"), &["github.com/google/go-containerregistry/cmd/crane"], None)
            }
            Self::Oras => (pinned!("oci/interop/go/oras"), &["oras.land/oras/cmd/oras"], None),
            Self::Cosign => (pinned!("oci/interop/go/cosign"), &["github.com/sigstore/cosign/v3/cmd/cosign"], None),
            Self::KubectlValidate => {
                (pinned!("oci/interop/go/kubectl-validate"), &["sigs.k8s.io/kubectl-validate"], None)
            }
            Self::Istio => (
                pinned!("mesh/go/istio"),
                &[
                    "istio.io/istio/pilot/cmd/pilot-agent",
                    "istio.io/istio/pilot/cmd/pilot-discovery",
                    "istio.io/istio/istioctl/cmd/istioctl",
                ],
                Some(&ISTIO),
            ),
            Self::EnvoyGateway => (
                pinned!("mesh/go/envoy-gateway"),
                &["github.com/envoyproxy/gateway/cmd/envoy-gateway", "github.com/envoyproxy/gateway/cmd/egctl"],
                None,
            ),
            Self::Admission => (pinned!("cli/tests/admission"), &["tamis/admission"], None),
            Self::IstioFetch => (pinned!("oci/tests/doctor/istio-fetch"), &["tamis/istio-fetch"], None),
        };
        let main = match self {
            Self::Admission => Some(include_str!("../../tests/admission/main.go")),
            Self::IstioFetch => Some(include_str!("../../../oci/tests/doctor/istio-fetch/main.go")),
            _ => None,
        };
        Recipe { module, sums, packages, copied, main }
    }
}

impl fmt::Display for GoProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crane => "crane",
            Self::Oras => "oras",
            Self::Cosign => "cosign",
            Self::KubectlValidate => "kubectl-validate",
            Self::Istio => "istio",
            Self::EnvoyGateway => "envoy-gateway",
            Self::IstioFetch => "istio-fetch",
            Self::Admission => "admission",
        })
    }
}

/// Makes sure that `CACHE/go/bin` has the program.
pub(super) fn install(cache: &Cache, program: GoProgram) -> Result<Done, Failure> {
    let recipe = program.recipe();
    let place = cache.place("go", &format!("{program}-{}", recipe.key()));
    let links = cache.place("go", "bin");
    let names = recipe.packages.iter().map(|package| name_of(package)).collect::<Vec<_>>();
    let what = format!("{}, {}", names.join(", "), place.join("bin").display());
    let ready = || is_complete(&place) && names.iter().all(|name| points_to(&links.join(name), &target(&place, name)));
    if ready() {
        return Ok(Done::Before(what));
    }
    let lock = cache.lock("go")?;
    if !is_complete(&place) {
        let go = toolchain::find_or_install(cache, &lock)?;
        cache.publish(&lock, &place, |folder| recipe.build(&go, folder))?;
    }
    fs::create_dir_all(&links).map_err(|error| cannot("create", &links, &error))?;
    for name in &names {
        link(&links.join(name), &target(&place, name))?;
    }
    Ok(Done::Now(what))
}

impl Recipe {
    /// The same for the same sources, and for nothing else.
    fn key(&self) -> String {
        let changed = self.copied.map_or("", |copied| copied.file);
        let parts = [RECIPE, self.module, self.sums, changed];
        let text: Vec<u8> = parts.iter().chain(&self.main).flat_map(|part| part.bytes().chain([0])).collect();
        let digest = tamis_oci::Digest::of(&text);
        digest.hex().chars().take(12).collect()
    }

    fn build(&self, go: &Go, folder: &Path) -> Result<(), Failure> {
        let work = folder.join("build");
        write(&work.join("go.mod"), self.module)?;
        write(&work.join("go.sum"), self.sums)?;
        if let Some(main) = self.main {
            write(&work.join("main.go"), main)?;
        }
        if let Some(copied) = self.copied {
            copied.prepare(go, &work, self.sums)?;
            copied.keep(&work, folder)?;
        }
        for package in self.packages {
            let name = name_of(package);
            let mut command = go.command(&work);
            command.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o"]);
            command.arg(folder.join("bin").join(name)).arg(package);
            process::run(&format!("go build {name}, minutes the first time"), command, BUILD_LIMIT).map_err(
                |error| {
                    Failure::environment(error).hint(
                        "check that proxy.golang.org, or the mirror in GOPROXY, can be reached; what is done is kept",
                    )
                },
            )?;
        }
        fs::remove_dir_all(&work).map_err(|error| cannot("remove", &work, &error))
    }
}

fn name_of(package: &str) -> &str {
    package.rsplit('/').next().unwrap_or(package)
}

/// What a link in `bin` says; relative, so that the cache may be moved.
fn target(place: &Path, name: &str) -> PathBuf {
    Path::new("..").join(place.file_name().unwrap_or_default()).join("bin").join(name)
}

fn points_to(link: &Path, target: &Path) -> bool {
    fs::read_link(link).is_ok_and(|found| found == target)
}

/// Makes a link, or changes where it points, at one stroke.
fn link(link: &Path, target: &Path) -> Result<(), Failure> {
    let mut new = link.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    if new.symlink_metadata().is_ok() {
        fs::remove_file(&new).map_err(|error| cannot("remove", &new, &error))?;
    }
    symlink(target, &new).and_then(|()| fs::rename(&new, link)).map_err(|error| cannot("create", link, &error))
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))?;
    }
    fs::write(file, text).map_err(|error| cannot("write", file, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [GoProgram; 8] = [
        GoProgram::Crane,
        GoProgram::Oras,
        GoProgram::Cosign,
        GoProgram::KubectlValidate,
        GoProgram::Istio,
        GoProgram::EnvoyGateway,
        GoProgram::IstioFetch,
        GoProgram::Admission,
    ];

    #[test]
    fn every_program_is_pinned_by_its_digest() {
        for program in ALL {
            let recipe = program.recipe();
            for package in recipe.packages {
                // A program of our own is not required, it is the module.
                if recipe.main.is_some() {
                    assert!(recipe.module.starts_with(&format!("module {package}\n")), "{program}: {package}");
                    continue;
                }
                let required = recipe.module.lines().filter_map(|line| line.strip_prefix("require ")).any(|line| {
                    let (module, version) = line.split_once(' ').unwrap();
                    package.starts_with(module) && recipe.sums.contains(&format!("{module} {version} h1:"))
                });
                assert!(required, "{program}: {package}");
            }
        }
    }

    #[test]
    fn a_key_changes_with_what_is_built() {
        let recipe = || GoProgram::Istio.recipe();
        let key = recipe().key();
        assert_eq!(key.len(), 12);
        assert_eq!(recipe().key(), key);
        assert_ne!(Recipe { module: "module other", ..recipe() }.key(), key);
        assert_ne!(Recipe { sums: "", ..recipe() }.key(), key);
        assert_ne!(Recipe { copied: None, ..recipe() }.key(), key);
    }

    #[test]
    fn a_link_leads_to_the_program_of_the_newest_key() {
        let root = tempfile::tempdir().unwrap();
        let links = root.path().join("bin");
        fs::create_dir(&links).unwrap();
        for key in ["crane-1", "crane-2"] {
            let place = root.path().join(key);
            write(&place.join("bin/crane"), key).unwrap();
            link(&links.join("crane"), &target(&place, "crane")).unwrap();
            assert!(points_to(&links.join("crane"), &target(&place, "crane")));
            assert_eq!(fs::read_to_string(links.join("crane")).unwrap(), key);
        }
    }
}
