//! The sub-commands, one file each.

mod bench;
mod build;
mod check;
mod common;
mod conformance;
mod copy;
mod cost;
mod coverage;
mod demo;
mod diff;
mod doctor;
mod figures;
mod inspect;
mod load;
mod manifest;
mod new;
mod progress;
mod pull;
mod push;
mod rules;
mod sbom;
mod serve;
mod setup;
mod sign;
mod tags;
mod test;
mod verify;

use crate::failure::Failure;

/// What `tamis` can be asked to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Install what building and testing need: the wasm32 target, Envoy, a registry
    Setup(setup::Setup),
    /// Begin a filter of your own: a project with a scenario to make pass
    New(new::New),
    /// Build a filter: from source to a checked module that describes itself
    Build(build::Build),
    /// Ask a module whether it accepts a configuration, and where it is wrong
    Check(check::Check),
    /// Run scenario files, in the harness or in a real Envoy
    Test(test::Test),
    /// Serve a filter on this machine, in front of an upstream or an echo server
    Serve(serve::Serve),
    /// Show the way of one filter, from its module to traffic
    #[command(hide = true)]
    Demo(demo::Demo),
    /// Compare the harness with real Envoys, call by call
    #[command(hide = true)]
    Conformance(conformance::Conformance),
    /// Rewrite docs/figures.md
    #[command(hide = true)]
    Figures(figures::Figures),
    /// Hold what every scenario costs against what is recorded
    #[command(hide = true)]
    Cost(cost::Cost),
    /// Count which lines of the workspace its tests run
    #[command(hide = true)]
    Coverage(coverage::Coverage),
    /// Compare filters in a real Envoy by the processor time of a request
    #[command(hide = true)]
    Bench(bench::Bench),
    /// Put the embedded gateway under load
    #[command(hide = true)]
    Load(load::Load),
    /// Show which rules of Envoy's behaviour have a test
    #[command(hide = true)]
    Rules(rules::Rules),
    /// Make an image of a module and store it in a registry or an OCI layout
    Push(push::Push),
    /// Copy an image as it is, with what is attached to it
    Copy(copy::Copy),
    /// List the tags of a repository
    Tags(tags::Tags),
    /// Say what differs between two versions of a module, and whether an update could break something
    Diff(diff::Diff),
    /// Sign an image with a key
    Sign(sign::Sign),
    /// Check that an image is signed with a key
    Verify(verify::Verify),
    /// Write the bill of material of a module
    Sbom(sbom::Sbom),
    /// Get the module out of an image
    Pull(pull::Pull),
    /// Show what a module is and how it is configured
    Inspect(inspect::Inspect),
    /// Say who would take an image, and why not
    Doctor(doctor::Doctor),
    /// Print the resource that loads a module
    Manifest(Box<manifest::Manifest>),
}

impl Command {
    /// Runs the sub-command to its end.
    ///
    /// # Errors
    /// What the sub-command could not do, ready to print.
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Setup(command) => command.run(),
            Self::New(command) => command.run(),
            Self::Build(command) => command.run(),
            Self::Check(command) => command.run(),
            Self::Test(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Demo(command) => command.run(),
            Self::Conformance(command) => command.run(),
            Self::Figures(command) => command.run(),
            Self::Cost(command) => command.run(),
            Self::Coverage(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Load(command) => command.run(),
            Self::Rules(command) => command.run(),
            Self::Push(command) => command.run(),
            Self::Copy(command) => command.run(),
            Self::Tags(command) => command.run(),
            Self::Diff(command) => command.run(),
            Self::Sign(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Sbom(command) => command.run(),
            Self::Pull(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Doctor(command) => command.run(),
            Self::Manifest(command) => command.run(),
        }
    }
}
