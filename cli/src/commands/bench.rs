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
mod loading;
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

/// So many blocks more are made where some do not count.
const MORE: u32 = 2;
/// With fewer bursts than this in a block, none counts.
const PAIRS: u32 = verdict::PAIRS as u32;

/// `tamis bench`
#[derive(clap::Args)]
pub struct Bench {
    /// What to measure
    #[arg(value_enum, default_value_t = What::Filters)]
    what: What,

    /// Fresh sets of processes that count; up to two more are tried
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
    /// What it costs to load each image of the filters; `--blocks` rounds
    Loading,
}

impl What {
    fn experiments(self) -> Result<Vec<Experiment>, Failure> {
        match self {
            Self::Filters => Ok(vec![filters::experiment()?]),
            Self::Limit => limit::experiments(),
            Self::Bodies => Ok(vec![bodies::experiment()?]),
            Self::Loading => Ok(Vec::new()),
        }
    }

    fn command(self) -> &'static str {
        match self {
            Self::Filters => "make bench",
            Self::Limit => "make bench-limit",
            Self::Bodies => "make bench-bodies",
            Self::Loading => "make bench-loading",
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
        if self.what == What::Loading {
            let text = loading::section(&envoy, self.blocks, &interrupt)?;
            print!("{text}");
            return self.out.as_ref().map_or(Ok(()), |file| write_whole(file, text.as_bytes()));
        }
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
        let mut wanted = self.blocks;
        let results = loop {
            let start = Instant::now();
            blocks.push(plan.block(&mut order)?);
            println!("==> {}, block {} of {wanted}: {} s", experiment.title, blocks.len(), start.elapsed().as_secs());
            let results = Results::new(&experiment.variants, &blocks);
            // A block that does not count is made again; bursts that are too few for any would only make it so again.
            let missing = if self.cycles < PAIRS { 0 } else { u32::try_from(results.refused.len()).unwrap_or(MORE) };
            wanted = self.blocks + missing.min(MORE);
            if blocks.len() >= wanted as usize {
                break results;
            }
        };
        let workers =
            if experiment.workers == 1 { "one worker".to_owned() } else { format!("{} workers", experiment.workers) };
        let how = format!(
            "`{}`, Envoy {} with {workers}: {} blocks of processes, {} of which count; in each, {cycles} bursts of \
             {requests} requests ({}) for every row, shuffled.",
            self.what.command(),
            envoy.version(),
            blocks.len(),
            blocks.len() - results.refused.len(),
            experiment.client.words(),
        );
        let section = table::section(experiment, &results, &how);
        print!("{section}");
        results.refused.iter().for_each(|why| println!("left out: {why}"));
        Ok((section, results.can_be_judged()))
    }
}
