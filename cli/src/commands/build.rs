//! `tamis build`: from source to a checked module that describes itself.

pub(super) mod cargo;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tamis_module::post_link::{Linked, PostLink, post_link};
use tamis_module::{Description, Phase};

use self::cargo::{Artifact, Image, Loadable, Purpose};
use super::common::write_whole;
use crate::failure::Failure;
use crate::setup::wasm32::{self, Toolchain};

/// `tamis build [-p PACKAGE]...`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis build\n  tamis build -p transformation\n  \
tamis build -p plain-crate --phases response_headers\n\n\
Writes TARGET/tamis/NAME.wasm, which proxies load, and NAME.debug.wasm beside it, which turns their traces into lines.\n\
Of a package with a feature `full` it makes two: NAME.wasm without it, and NAME-full.wasm.")]
pub struct Build {
    /// A package of the workspace; the one in this folder when it is left out
    #[arg(short, long = "package", value_name = "PACKAGE")]
    packages: Vec<String>,

    /// Keep only these phases' callbacks: for a filter whose SDK exports all of them
    #[arg(long, value_delimiter = ',', value_name = "PHASE,...")]
    phases: Option<Vec<Phase>>,

    /// The folder for the modules, instead of TARGET/tamis
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Build {
    /// Builds with cargo, then links once more.
    ///
    /// # Errors
    /// What cargo, the post-link step or the gate refuses.
    pub fn run(self) -> Result<(), Failure> {
        let toolchain = wasm32::toolchain()?;
        let target = cargo::target_dir()?;
        let packages = if self.packages.is_empty() { cargo::packages_here()? } else { self.packages.clone() };
        let loadable = cargo::loadable()?;
        let lean = self.image(&toolchain, &target, &packages, &loadable, Image::Lean)?;
        if lean.is_empty() {
            return Err(Failure::user("the package builds no wasm module")
                .hint("its Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`"));
        }
        let full = lean.iter().filter_map(|library| loadable.get(library)).filter(|package| package.full);
        let full: Vec<String> = full.map(|package| package.package.clone()).collect();
        if !full.is_empty() {
            self.image(&toolchain, &target, &full, &loadable, Image::Full)?;
        }
        Ok(())
    }

    /// Builds one image of each package, and says of which libraries.
    fn image(
        &self,
        toolchain: &Toolchain,
        target: &Path,
        packages: &[String],
        loadable: &BTreeMap<String, Loadable>,
        image: Image,
    ) -> Result<Vec<String>, Failure> {
        let mut artifacts = cargo::build(toolchain, target, packages, image, Purpose::Ship)?;
        // What is no module by its own account is none.
        artifacts.retain(|artifact| loadable.contains_key(&artifact.name));
        let compiler = toolchain.version()?;
        let out = self.out.clone().unwrap_or_else(|| target.join("tamis"));
        let output = |artifact: &Artifact| Output::new(&out, &image.module(&artifact.name));
        let is_done = |artifact: &Artifact| {
            self.phases.is_none() && artifact.fresh && output(artifact).is_newer_than(&artifact.file)
        };
        let describing = if artifacts.iter().all(is_done) {
            Vec::new()
        } else {
            cargo::build(toolchain, target, packages, image, Purpose::Describe)?
        };
        for artifact in &artifacts {
            let module = output(artifact);
            if is_done(artifact) {
                println!("==> {}: fresh", module.wasm.display());
                continue;
            }
            let mut description = describe(artifact, &describing)?;
            if let Some(description) = &mut description {
                description.full = image == Image::Full;
            }
            let linked = link(artifact, description, &compiler, self.phases.as_deref())?;
            write_whole(&module.debug, &linked.debug)?;
            write_whole(&module.wasm, &linked.module)?;
            println!("==> {}", module.wasm.display());
            println!("{}", linked.report);
        }
        Ok(artifacts.into_iter().map(|artifact| artifact.name).collect())
    }
}

/// The files of one module.
struct Output {
    wasm: PathBuf,
    debug: PathBuf,
}

impl Output {
    fn new(folder: &Path, name: &str) -> Self {
        Self { wasm: folder.join(format!("{name}.wasm")), debug: folder.join(format!("{name}.debug.wasm")) }
    }

    /// Whether it was made after what cargo made, by this very command.
    fn is_newer_than(&self, artifact: &Path) -> bool {
        let modified = |file: &Path| file.metadata().and_then(|data| data.modified()).ok();
        let newest = |files: [Option<SystemTime>; 2]| files.into_iter().collect::<Option<Vec<_>>>()?.into_iter().max();
        let made_from = newest([modified(artifact), std::env::current_exe().ok().and_then(|exe| modified(&exe))]);
        let oldest = [modified(&self.wasm), modified(&self.debug)].into_iter().min().flatten();
        oldest.zip(made_from).is_some_and(|(output, input)| output >= input)
    }
}

/// What a module says of itself, in the build that was made to be asked; nothing for one that was not written with the SDK.
fn describe(artifact: &Artifact, describing: &[Artifact]) -> Result<Option<Description>, Failure> {
    let Some(asked) = describing.iter().find(|other| other.name == artifact.name) else { return Ok(None) };
    tamis_harness::describe::describe(&read(asked)?).map_err(|error| refused(artifact, &error))
}

fn link(
    artifact: &Artifact,
    description: Option<Description>,
    compiler: &str,
    phases: Option<&[Phase]>,
) -> Result<Linked, Failure> {
    let kept = description.map(|description| with_phases(description, phases));
    let options = PostLink { description: kept.as_ref(), compiler: Some(compiler), keep_phases: phases };
    post_link(&read(artifact)?, &options).map_err(|error| refused(artifact, &error))
}

fn read(artifact: &Artifact) -> Result<Vec<u8>, Failure> {
    std::fs::read(&artifact.file)
        .map_err(|error| Failure::environment(format_args!("cannot read {}: {error}", artifact.file.display())))
}

fn refused(artifact: &Artifact, error: &dyn std::fmt::Display) -> Failure {
    Failure::user(format_args!("{}: {error}", artifact.name))
}

/// A module says what it really has.
fn with_phases(mut description: Description, phases: Option<&[Phase]>) -> Description {
    if let Some(phases) = phases {
        description.phases.retain(|name| phases.iter().any(|phase| phase.name() == name));
    }
    description
}
