//! The schemas of other projects' resources, against which our tests hold what `tamis manifest` prints. They come out of the Go modules
//! in which their authors publish them, are checked by digest, and stay in the cache: none of them is in this repository.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cache::{Cache, is_complete};
use super::component::Done;
use super::{process, python};
use crate::failure::Failure;

/// The larger module has 8 MB.
const LIMIT: Duration = Duration::from_secs(120);

/// Changes whenever a row below does.
const KEY: &str = "istio-1.31.1-envoy-gateway-1.9.0-kyverno-1.15.2";

/// The name in the cache; the module as the proxy of Go modules has it; the file in it; the file's SHA-256.
const SCHEMAS: [[&str; 4]; 3] = [
    [
        "istio.yaml",
        "istio.io/api@v1.31.1",
        "kubernetes/customresourcedefinitions.gen.yaml",
        "c0ad59e008658765412badb836e73a523a355e3d792a32ad3c0711a728be5aff",
    ],
    [
        "envoy-gateway.yaml",
        "github.com/envoyproxy/gateway@v1.9.0",
        "charts/gateway-crds-helm/templates/generated/gateway.envoyproxy.io_envoyextensionpolicies.yaml",
        "6bbfa00db6822eb98813fd5a472b3216daefb03b0e9d7f0d23de369b2d04c79f",
    ],
    [
        "kyverno.yaml",
        "github.com/kyverno/kyverno@v1.15.2",
        "config/crds/kyverno/kyverno.io_clusterpolicies.yaml",
        "376cf482c6aa04b2c652b32756a0244f71627450f6f6e3ddbae1da74f6eb293e",
    ],
];

/// Fetches one module and writes one of its files, if it is the one that is meant.
const FETCH: &str = r#"
import hashlib, io, os, sys, urllib.request, zipfile
target, module, name, digest = sys.argv[1:]
path, version = module.split("@")
proxy = os.environ.get("GOPROXY", "").split(",")[0]
proxy = proxy if proxy.startswith("http") else "https://proxy.golang.org"
with urllib.request.urlopen(f"{proxy.rstrip('/')}/{path}/@v/{version}.zip", timeout=60) as answer:
    archive = zipfile.ZipFile(io.BytesIO(answer.read(64 << 20)))
text = archive.read(f"{module}/{name}")
if hashlib.sha256(text).hexdigest() != digest:
    sys.exit(f"{name} of {module} is not the file that is meant")
with open(target, "wb") as file:
    file.write(text)
"#;

/// Makes sure that `CACHE/schemas/KEY` has all of them.
pub(super) fn install(cache: &Cache) -> Result<Done, Failure> {
    let place = cache.place("schemas", KEY);
    let what = format!("of Istio 1.31.1, Envoy Gateway 1.9.0 and Kyverno 1.15.2, {}", place.display());
    if is_complete(&place) {
        return Ok(Done::Before(what));
    }
    let python = python::python()?;
    let lock = cache.lock("schemas")?;
    cache.publish(&lock, &place, |folder| SCHEMAS.iter().try_for_each(|schema| fetch(&python, folder, schema)))?;
    Ok(Done::Now(what))
}

fn fetch(python: &Path, folder: &Path, [target, module, name, digest]: &[&str; 4]) -> Result<(), Failure> {
    let mut command = Command::new(python);
    command.args(["-c", FETCH]).arg(folder.join(target)).args([module, name, digest]);
    process::run(&format!("the schemas of {module}"), command, LIMIT).map_err(|error| {
        Failure::environment(format_args!("{module} cannot be fetched: {error}"))
            .hint("check that proxy.golang.org, or the mirror in GOPROXY, can be reached")
    })
}
