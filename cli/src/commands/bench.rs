//! `tamis bench`: filters in a real Envoy, side by side; what `make bench` runs.
//!
//! Every variant is an Envoy of its own, and all are alive together. A cycle gives each of them a short burst in an order that is
//! new every time; differences are taken inside a cycle, so that what changes slowly is in both sides. A block has fresh
//! processes, because where things lie in memory shifts results by some per cent. One variant without a filter is there twice:
//! what the second one seems to cost is how good the figures are, and when that is too much nothing is judged.

mod block;
mod slice;
mod table;
mod variants;
mod verdict;

use std::path::PathBuf;
use std::time::Instant;

use tamis_harness::envoy::EnvoyBinary;

use super::common::write_whole;
use super::load::h2load;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use block::{Order, Plan};
use verdict::Results;

/// `tamis bench`
#[derive(clap::Args)]
pub struct Bench {
    /// Fresh sets of processes
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    blocks: u32,

    /// Bursts of each variant in a block
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    cycles: u32,

    /// Requests of a burst
    #[arg(long, default_value_t = 5000, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    requests: u32,

    /// Where to record the table, when it can be judged
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
        let variants = variants::all()?;
        let Self { cycles, requests, .. } = self;
        let plan =
            Plan { variants: &variants, envoy: &envoy, client: &client, cycles, requests, interrupt: &interrupt };
        let mut order = Order::new(20_261_121);
        let mut blocks = Vec::new();
        for number in 1..=self.blocks {
            let start = Instant::now();
            blocks.push(plan.block(&mut order)?);
            println!("==> block {number} of {}: {} s", self.blocks, start.elapsed().as_secs());
        }
        let results = Results::new(&variants, &blocks);
        let how = format!(
            "`make bench`, Envoy {} with one worker: {} blocks of processes, {} of which count; in each, {cycles} bursts of \
             {requests} requests (HTTP/1.1, 8 connections, h2load on the same machine) for every row, shuffled.",
            envoy.version(),
            self.blocks,
            blocks.len() - results.refused.len(),
        );
        let section = table::section(&variants, &results, &how);
        print!("{section}");
        results.refused.iter().for_each(|why| println!("left out: {why}"));
        if !results.can_be_judged() {
            return Err(Failure::environment("too much else was at work: nothing is judged, and nothing recorded")
                .hint("run it again when the machine is quiet"));
        }
        match &self.out {
            Some(file) => write_whole(file, section.as_bytes()),
            None => Ok(()),
        }
    }
}
