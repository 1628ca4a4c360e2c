//! What every stage needs: where the programs are, ports, a folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::{Failure, cannot};

/// The Envoy of the Istio stage.
pub const ENVOY: &str = "1.40.0";

/// What the environment says.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repository's folder, in which `make` runs.
    pub repository: PathBuf,
    cache: PathBuf,
    /// Parts to run, by `TAMIS_MESH_ONLY`; all when it is empty.
    only: String,
    /// The file for the report, by `TAMIS_MESH_REPORT`; none when it is empty.
    pub report: Option<PathBuf>,
    /// Whether folders with logs stay, by `TAMIS_MESH_KEEP`.
    pub keep: bool,
}

impl Options {
    /// Reads them.
    pub fn from_env() -> Result<Self, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let cache = variable("TAMIS_CACHE")
            .map(PathBuf::from)
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| Path::new(&folder).join("tamis")))
            .or_else(|| variable("HOME").map(|folder| Path::new(&folder).join(".cache/tamis")))
            .ok_or_else(|| Failure::new("TAMIS_CACHE, XDG_CACHE_HOME and HOME are all unset"))?;
        Ok(Self {
            repository: std::env::current_dir().map_err(cannot("find the repository"))?,
            cache,
            only: variable("TAMIS_MESH_ONLY").unwrap_or_default(),
            report: variable("TAMIS_MESH_REPORT").map(PathBuf::from),
            keep: variable("TAMIS_MESH_KEEP").is_some(),
        })
    }

    /// Whether a part is to run.
    pub fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.split(',').any(|name| name == part)
    }

    /// A program that `tamis setup` has built with Go.
    pub fn go_program(&self, name: &str, component: &str) -> Result<PathBuf, Failure> {
        let program = self.cache.join("go/bin").join(name);
        if program.is_file() {
            return std::fs::canonicalize(&program).map_err(cannot(format_args!("follow {}", program.display())));
        }
        Err(Failure::new(format_args!("{name} is not built: `tamis setup {component}` does it")))
    }

    /// The binary of an Envoy that `tamis setup envoy` has installed.
    pub fn envoy(&self, version: &str) -> Result<PathBuf, Failure> {
        let binary = self.cache.join("envoy").join(version).join("bin/envoy");
        std::fs::canonicalize(&binary).map_err(|_| {
            Failure::new(format_args!("no Envoy {version}: `tamis setup envoy --envoy-version {version}` installs it"))
        })
    }

    /// The `tamis` command of this checkout.
    pub fn tamis(&self) -> PathBuf {
        self.repository.join("target/debug/tamis")
    }

    /// A module as `make modules` has built it.
    pub fn module(&self, name: &str) -> PathBuf {
        self.repository.join("target/tamis").join(format!("{name}.wasm"))
    }

    /// A folder that is gone at the end, unless it is to be kept.
    pub fn folder(&self, name: &str) -> Result<Folder, Failure> {
        let folder = tempfile::Builder::new().prefix(&format!("tamis-mesh-{name}-")).tempdir();
        let mut folder = folder.map_err(cannot("create a folder"))?;
        if self.keep {
            folder.disable_cleanup(true);
            println!("    logs stay in {}", folder.path().display());
        }
        Ok(Folder(folder))
    }
}

/// A stage's folder.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A port of this machine that nobody has.
pub fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot("find a free port"))?;
    listener.local_addr().map_err(cannot("find a free port"))
}

/// Whether somebody listens there.
pub fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
