//! `tamis bench`: filters in a real Envoy, side by side; what `make bench` runs.
//!
//! Every variant is an Envoy of its own, and all are alive together. A cycle gives each of them a short burst in an order that is
//! new every time; differences are taken inside a cycle, so that what changes slowly is in both sides. A block has fresh
//! processes, because where things lie in memory shifts results by some per cent. One variant without a filter is there twice:
//! what the second one seems to cost is how good the figures are, and when that is too much nothing is judged.

mod block;
mod bodies;
mod corpus;
mod experiment;
mod filters;
mod floor;
mod limit;
mod slice;
mod table;
mod verdict;

use std::path::{Path, PathBuf};
use std::time::Instant;

use tamis_harness::envoy::EnvoyBinary;

use super::common::write_whole;
use super::load::h2load;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use block::{Order, Plan};
use experiment::Experiment;
use verdict::Results;

/// `tamis bench`
#[derive(clap::Args)]
pub struct Bench {
    /// What to measure
    #[arg(value_enum, default_value_t = What::Filters)]
    what: What,

    /// Fresh sets of processes
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    blocks: u32,

    /// Bursts of each variant in a block
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    cycles: u32,

    /// Requests of a burst: 5000, or 64 of bodies
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8..=1_000_000))]
    requests: Option<u32>,

    /// Where to record the table, when it can be judged
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What is measured: a file each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// What a filter costs at all, beside Envoy's own and the plain crate's
    Filters,
    /// The limiter, beside Envoy's own
    Limit,
    /// Bodies that are masked, beside Lua
    Bodies,
}

impl What {
    fn experiments(self) -> Result<Vec<Experiment>, Failure> {
        match self {
            Self::Filters => Ok(vec![filters::experiment()?]),
            Self::Limit => limit::experiments(),
            Self::Bodies => Ok(vec![bodies::experiment()?]),
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Filters => "make bench",
            Self::Limit => "make bench-limit",
            Self::Bodies => "make bench-bodies",
        }
    }
}

impl Bench {
    /// Measures and prints.
    ///
    /// # Errors
    /// When something is not installed or built, or too much else was at work to judge anything. A target that is missed is none.
    pub fn run(self) -> Result<(), Failure> {
        let interrupt = Interrupt::install()?;
        let envoy = EnvoyBinary::find()
            .map_err(|error| Failure::environment(error).hint("`tamis setup envoy` installs one"))?;
        let client = h2load::find()?;
        let mut text = String::new();
        let mut is_judged = true;
        for experiment in self.what.experiments()? {
            let (section, judged) = self.measure(&experiment, &envoy, &client, &interrupt)?;
            is_judged &= judged;
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&section);
        }
        if !is_judged {
            return Err(Failure::environment("too much else was at work: nothing is judged, and nothing recorded")
                .hint("run it again when the machine is quiet"));
        }
        match &self.out {
            Some(file) => write_whole(file, text.as_bytes()),
            None => Ok(()),
        }
    }

    /// The section of an experiment, and whether it can be judged.
    fn measure(
        &self,
        experiment: &Experiment,
        envoy: &EnvoyBinary,
        client: &Path,
        interrupt: &Interrupt,
    ) -> Result<(String, bool), Failure> {
        let cycles = self.cycles;
        let requests = self.requests.unwrap_or(if experiment.upstream.is_some() { 64 } else { 5000 });
        let plan = Plan { experiment, envoy, client, cycles, requests, interrupt };
        let mut order = Order::new(20_261_121);
        let mut blocks = Vec::new();
        for number in 1..=self.blocks {
            let start = Instant::now();
            blocks.push(plan.block(&mut order)?);
            println!("==> {}, block {number} of {}: {} s", experiment.title, self.blocks, start.elapsed().as_secs());
        }
        let results = Results::new(&experiment.variants, &blocks);
        let workers =
            if experiment.workers == 1 { "one worker".to_owned() } else { format!("{} workers", experiment.workers) };
        let how = format!(
            "`{}`, Envoy {} with {workers}: {} blocks of processes, {} of which count; in each, {cycles} bursts of \
             {requests} requests ({}) for every row, shuffled.",
            self.what.command(),
            envoy.version(),
            self.blocks,
            blocks.len() - results.refused.len(),
            experiment.client.words(),
        );
        let section = table::section(experiment, &results, &how);
        print!("{section}");
        results.refused.iter().for_each(|why| println!("left out: {why}"));
        Ok((section, results.can_be_judged()))
    }
}
