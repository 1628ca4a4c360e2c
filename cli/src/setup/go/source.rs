//! A module of which one package is replaced before it is built.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::toolchain::Go;
use super::write;
use crate::failure::Failure;
use crate::setup::cache::{cannot, list};
use crate::setup::process;

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// How its source is changed.
pub(super) struct Copied {
    module: &'static str,
    version: &'static str,
    /// The folder of the replaced package.
    package: &'static str,
    /// All that the package has instead.
    pub(super) file: &'static str,
    /// Files of the source that are kept beside the programs: where they are, and how they are called there.
    kept: &'static [(&'static str, &'static str)],
}

/// Istio without an optional controller, some of whose dependencies no proxy of modules serves.
pub(super) static ISTIO: Copied = Copied {
    module: "istio.io/istio",
    version: "v0.0.0-20260826214018-9739e10eb9d7",
    package: "pilot/pkg/config/kube/agentgateway",
    file: include_str!("../../../../mesh/go/istio/stub.go"),
    kept: &[
        ("tools/packaging/common/envoy_bootstrap.json", "share/envoy_bootstrap.json"),
        ("manifests/charts/base/files/crd-all.gen.yaml", "share/crds.yaml"),
    ],
};

impl Copied {
    /// Puts the changed source into `work/source`, where the `replace` of the `go.mod` looks for it.
    pub(super) fn prepare(&self, go: &Go, work: &Path, sums: &str) -> Result<(), Failure> {
        let Self { module, version, .. } = self;
        // In a module of its own, so that the download is held against the digest, which a replaced module is not.
        let fetch = work.join("fetch");
        write(&fetch.join("go.mod"), &format!("module tamis/fetch\n\ngo 1.26\n\nrequire {module} {version}\n"))?;
        write(&fetch.join("go.sum"), sums)?;
        let mut download = go.command(&fetch);
        download.args(["mod", "download", module]);
        process::run(&format!("go mod download {module}"), download, DOWNLOAD_LIMIT).map_err(|error| {
            Failure::environment(error).hint("check that proxy.golang.org, or the mirror in GOPROXY, can be reached")
        })?;
        let source = work.join("source");
        copy(&go.downloaded(module, version), &source)?;
        let package = source.join(self.package);
        fs::remove_dir_all(&package).map_err(|error| cannot("remove", &package, &error))?;
        write(&package.join("stub.go"), self.file)
    }

    /// Takes the files out of the source that are wanted later.
    pub(super) fn keep(&self, work: &Path, folder: &Path) -> Result<(), Failure> {
        for (from, to) in self.kept {
            let from = work.join("source").join(from);
            let text = fs::read_to_string(&from).map_err(|error| cannot("read", &from, &error))?;
            write(&folder.join(to), &text)?;
        }
        Ok(())
    }
}

/// Copies a folder's files and folders, which are then ours to change.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to).map_err(|error| cannot("create", to, &error))?;
    for path in list(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(|error| cannot("copy", &path, &error))?;
        }
    }
    Ok(())
}
