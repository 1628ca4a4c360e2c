//! `tamis inspect`: what a module is.

mod hosts;
mod image;
mod page;

use std::path::{Path, PathBuf};

use tamis_module::gate;
use tamis_module::symbols::Symbolizer;
use tamis_module::{Description, ModuleInfo};

use super::common::{self, Loaded, MODULE_HELP, RegistryFlags};
use crate::failure::Failure;

/// `tamis inspect MODULE`
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tamis inspect target/tamis/transformation.wasm\n  \
tamis inspect target/tamis/transformation.wasm --symbolize envoy.log\n  \
tamis inspect oci://registry.example.com/filters/transformation:0.1.0\n  \
tamis inspect target/tamis/transformation.wasm --page docs/filters/transformation.md --examples filters/transformation/scenarios\n\n\
A trace needs the file NAME.debug.wasm that `tamis build` put beside the module (or --debug FILE).")]
pub struct Inspect {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// Print this log with the traces of this module turned into functions and lines
    #[arg(long, value_name = "LOG")]
    symbolize: Option<PathBuf>,

    /// The module's debug file, where it is not beside the module
    #[arg(long, value_name = "FILE", requires = "symbolize")]
    debug: Option<PathBuf>,

    /// Print JSON and stop: of a module its description, of an image what it is and the module's description
    #[arg(long)]
    json: bool,

    /// Write the configuration reference into a page of Markdown; what stands in it before the reference stays
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// Scenario files, or folders of them, whose configurations show the page's fields
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "page")]
    examples: Vec<PathBuf>,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Inspect {
    /// Prints what the module says of itself and what the gate says of it.
    ///
    /// # Errors
    /// When there is no module, or it is none.
    pub fn run(self) -> Result<(), Failure> {
        if let Some(log) = &self.symbolize {
            return symbolize(&self.module, self.debug.as_deref(), log);
        }
        let image = image::Image::of(&self.module, &self.registry)?;
        let shows_image = image.as_ref().filter(|_| self.page.is_none());
        let module = match (common::load(&self.module, &self.registry), shows_image) {
            (Err(failure), Some(image)) => return image.without_module(&failure, self.json),
            (module, _) => module?,
        };
        if let Some(image) = shows_image {
            if self.json {
                return image.print_json(Some(&module));
            }
            image.print();
        }
        let named = |error: &dyn std::fmt::Display| Failure::user(format_args!("{}: {error}", module.origin));
        let info = ModuleInfo::parse(&module.wasm).map_err(|error| named(&error))?;
        let description = Description::read(&module.wasm).map_err(|error| named(&error))?;
        let described = || {
            description.as_ref().ok_or_else(|| {
                named(&"it has no description").hint("`tamis build` writes one into filters that use Tamis's SDK")
            })
        };
        if let Some(file) = &self.page {
            return page::write(file, described()?, &self.examples);
        }
        if self.json {
            println!("{}", String::from_utf8_lossy(&described()?.to_json()));
            return Ok(());
        }
        print_module(&module, &info, description.as_ref());
        Ok(())
    }
}

fn print_module(module: &Loaded, info: &ModuleInfo, description: Option<&Description>) {
    match description {
        Some(description) => {
            let image = if description.full { ", the full image" } else { "" };
            println!("{} {}{image}: {}", description.name, description.version, description.summary);
        }
        None => println!("{}: a module without a description", module.origin),
    }
    println!();
    let row = |name: &str, value: &str| println!("  {name:<14}{value}");
    if let Some(digest) = &module.digest {
        row("image", digest);
    }
    row("size", &format!("{} bytes", info.size));
    row("abi", &info.abi.map_or_else(|| "none".to_owned(), |abi| abi.to_string()));
    row("phases", &listed(info.phases.iter().map(ToString::to_string)));
    row("imports", &listed(info.imports.iter().map(|import| import.name.clone())));
    if let Some(description) = description {
        row("written with", &description.sdk);
        row("held headers", if description.held_headers { "possible" } else { "never" });
    }
    // A module that says what it was compiled by was parsed above.
    if let Ok(Some(compiler)) = tamis_module::compiler::read(&module.wasm) {
        row("compiled by", &compiler);
    }
    let hosts = hosts::lines(&gate::hosts(&module.wasm));
    for (line, name) in hosts.iter().zip(std::iter::once("loads in").chain(std::iter::repeat(""))) {
        row(name, line);
    }
    if let Some(description) = description {
        println!("\nConfiguration:\n\n{}", description.reference());
    }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names = names.collect::<Vec<_>>();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn symbolize(module: &str, debug: Option<&Path>, log: &Path) -> Result<(), Failure> {
    let beside = || PathBuf::from(module.strip_suffix(".wasm").unwrap_or(module)).with_extension("debug.wasm");
    let debug = debug.map_or_else(beside, Path::to_owned);
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| Failure::user(format_args!("cannot read {}: {error}", file.display())))
    };
    let symbolizer = read(&debug)
        .map_err(|failure| failure.hint("`tamis build` writes it beside the module; name another with --debug"))
        .and_then(|bytes| {
            Symbolizer::new(&bytes).map_err(|error| Failure::user(format_args!("{}: {error}", debug.display())))
        })?;
    print!("{}", symbolizer.symbolize(&String::from_utf8_lossy(&read(log)?)));
    Ok(())
}
