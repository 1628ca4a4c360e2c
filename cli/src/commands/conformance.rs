//! `tamis conformance`: the harness and real Envoys side by side; what `make conformance` runs.

mod progress;

use std::path::PathBuf;

use progress::Progress;

use tamis_harness::conformance::{self, Batch, ConformanceError, Known, Pool, compare, flows};
use tamis_harness::document::parse_as;
use tamis_harness::envoy::EnvoyBinary;
use tamis_harness::envoy::binary::DEFAULT_VERSION;

use super::common::write_whole;
use crate::failure::Failure;

/// Every version that is compared; the newest one in full, the others by a sample unless all is asked for.
const VERSIONS: [&str; 5] = ["1.36.4", "1.37.0", "1.38.2", "1.39.3", DEFAULT_VERSION];

/// Of a sample, one batch in so many is taken.
const SAMPLE: usize = 6;

/// `tamis conformance`
#[derive(clap::Args)]
pub struct Conformance {
    /// Run all batches in all versions, and write the table's page
    #[arg(long)]
    all: bool,

    /// Only these versions of Envoy, in full
    #[arg(long, value_delimiter = ',', value_name = "VERSION,...")]
    envoy: Vec<String>,

    /// Only batches, and groups of streams, whose names begin so
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    batch: Vec<String>,

    /// Which sample of the older versions is taken
    #[arg(long, default_value_t = 0)]
    seed: usize,

    /// How many Envoys run at a time
    #[arg(long, default_value_t = 8)]
    jobs: usize,

    /// The most differences that are printed for one version
    #[arg(long, default_value_t = 20)]
    print: usize,

    /// The probe
    #[arg(long, default_value = "target/tamis/probe.wasm")]
    probe: PathBuf,

    /// The differences that are known
    #[arg(long, default_value = "harness/conformance/known.yaml")]
    known: PathBuf,

    /// The table's page
    #[arg(long, default_value = "docs/conformance.md")]
    out: PathBuf,
}

/// What one version runs.
struct Version {
    binary: EnvoyBinary,
    batches: Vec<Batch>,
    groups: Vec<flows::Group>,
    connections: Vec<Batch>,
}

/// What came of the three sets.
type Ran = (compare::Outcome, flows::Outcome, compare::Outcome);

impl Version {
    fn size(&self) -> usize {
        self.batches.len() + self.groups.len() + self.connections.len()
    }
}

impl Conformance {
    /// Compares, prints, and writes the page when everything was run.
    ///
    /// # Errors
    /// When something cannot be run, or a difference is not in the list.
    pub fn run(self) -> Result<(), Failure> {
        let known = self.known()?;
        let (batches, groups, connections) = (conformance::batches(), flows::groups(), conformance::connections());
        let mut versions = Vec::new();
        for version in VERSIONS.iter().filter(|version| self.is_wanted(version)) {
            let binary = EnvoyBinary::find_version(version).map_err(|error| {
                Failure::environment(error)
                    .hint(format_args!("`tamis setup envoy --envoy-version {version}` installs it"))
            })?;
            versions.push(Version {
                binary,
                batches: self.chosen(version, &batches, |batch| &batch.name),
                groups: self.chosen(version, &groups, |group| &group.name),
                connections: self.chosen(version, &connections, |batch| &batch.name),
            });
        }
        let progress = Progress::new(versions.iter().map(|version| (version.binary.version(), version.size())));
        let done = |version: &str, size: usize| progress.done(version, size);
        let pool = Pool::new(self.jobs, &done);
        let run = |version: &Version| self.version(version, &known, &pool);
        let run = &run;
        let ran = std::thread::scope(|scope| {
            let run = |version| scope.spawn(move || run(version));
            let threads = versions.iter().map(run).collect::<Vec<_>>();
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let (mut outcomes, mut streams, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for ran in ran {
            let ran = ran.map_err(|_| Failure::environment("a version's thread has died"))?;
            let (mut calls, mut flows, mut tcp) =
                ran.map_err(|error| Failure::environment(error).hint("`make modules` builds the probe"))?;
            (calls.batches.1, flows.groups.1, tcp.batches.1) = (batches.len(), groups.len(), connections.len());
            print(&calls.version, calls.unexplained(), self.print);
            print(&flows.version, flows.unexplained(), self.print);
            print(&tcp.version, tcp.unexplained(), self.print);
            outcomes.push(calls);
            streams.push(flows);
            bytes.push(tcp);
        }
        print!("{}\n{}\n", compare::table(&outcomes), flows::table::table(&streams));
        print!("{}", compare::table(&bytes));
        if self.all {
            let calls = outcomes.iter().chain(&bytes).flat_map(compare::Outcome::explained);
            let found = calls.chain(streams.iter().flat_map(flows::Outcome::explained));
            let counts = compare::explained(&known, found);
            for (entry, _) in known.iter().zip(counts).filter(|(_, counts)| counts.is_empty()) {
                println!(
                    "explains nothing any more, remove it from {}: {}{} ({})",
                    self.known.display(),
                    entry.calls.join(", "),
                    entry.flows.join(", "),
                    entry.rule
                );
            }
            write_whole(&self.out, compare::page(&outcomes, &streams, &bytes, &known).as_bytes())?;
            println!("==> {}", self.out.display());
        }
        let different: usize = outcomes.iter().chain(&bytes).map(|outcome| outcome.unexplained().count()).sum();
        let different = different + streams.iter().map(|outcome| outcome.unexplained().count()).sum::<usize>();
        if different > 0 {
            return Err(Failure::user(format_args!("{different} differences that nothing explains"))
                .hint(format_args!("Envoy is right: mend the harness, or say why not in {}", self.known.display())));
        }
        Ok(())
    }

    /// All sets in one version.
    fn version(&self, version: &Version, known: &[Known], pool: &Pool<'_>) -> Result<Ran, ConformanceError> {
        let Version { binary, batches, groups, connections } = version;
        let calls = |batches: &[Batch]| conformance::run(binary, &self.probe, batches, known, pool);
        std::thread::scope(|scope| {
            let (http, tcp) = (scope.spawn(|| calls(batches)), scope.spawn(|| calls(connections)));
            let flows = flows::run(binary, &self.probe, groups, known, pool);
            let dead = |_| ConformanceError::System { what: "a thread", error: std::io::Error::other("it has died") };
            Ok((http.join().map_err(dead)??, flows?, tcp.join().map_err(dead)??))
        })
    }

    fn known(&self) -> Result<Vec<Known>, Failure> {
        let text = std::fs::read_to_string(&self.known)
            .map_err(|error| Failure::user(format_args!("cannot read {}: {error}", self.known.display())))?;
        parse_as(&text).map_err(|error| {
            let at = error.place.map(|place| format!("{place}:")).unwrap_or_default();
            Failure::user(format_args!("{}:{at} {}", self.known.display(), error.message))
        })
    }

    fn is_wanted(&self, version: &str) -> bool {
        self.envoy.is_empty() || self.envoy.iter().any(|wanted| wanted == version)
    }

    /// Which batches or groups a version gets.
    fn chosen<T: Clone>(&self, version: &str, all: &[T], name: impl Fn(&T) -> &String) -> Vec<T> {
        let full = self.all || version == DEFAULT_VERSION || !self.envoy.is_empty() || !self.batch.is_empty();
        let offset = VERSIONS.iter().position(|other| *other == version).unwrap_or_default() + self.seed;
        let is_named = |one: &T| self.batch.is_empty() || self.batch.iter().any(|begin| name(one).starts_with(begin));
        let chosen = all.iter().enumerate().filter(|(place, _)| full || (place + offset).is_multiple_of(SAMPLE));
        chosen.map(|(_, one)| one).filter(|one| is_named(one)).cloned().collect()
    }
}

fn print<D: std::fmt::Display>(version: &str, differences: impl Iterator<Item = D>, most: usize) {
    let mut more = 0;
    for (count, difference) in differences.enumerate() {
        if count < most {
            println!("{version} {difference}");
        } else {
            more += 1;
        }
    }
    if more > 0 {
        println!("{version} and {more} more");
    }
}
