//! `make quality`: precision and recall of the detectors of `dlp-masking`, on texts that are made up from sentences which the
//! detectors were not written from. Fails when one is below its floor in `floors.txt`. With the name of an entity it shows
//! where that one was wrong; `--out FILE` records the table.

mod corpus;
mod random;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use dlp_masking::context::Topics;
use dlp_masking::entity::Entity;
use dlp_masking::plan::{Plan, Rule};
use dlp_masking::scan::Scan;

use corpus::Labelled;
use random::Random;

/// How many texts, and how many things are in each.
const TEXTS: usize = 2000;
const THINGS: usize = 8;
/// The least precision and recall of each entity, in percent.
const FLOORS: &str = include_str!("../floors.txt");

#[derive(Debug, Default, Clone, Copy)]
struct Score {
    right: usize,
    wrong: usize,
    missed: usize,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (shown, out) = match arguments.as_slice() {
        [] => (None, None),
        [out, file] if out == "--out" => (None, Some(file)),
        [entity] if Entity::ALL.iter().any(|known| known.name() == entity) => (Some(entity.as_str()), None),
        _ => {
            eprintln!("usage: dlp-quality [ENTITY | --out FILE]");
            return ExitCode::FAILURE;
        }
    };
    let mut random = Random::new(20_260_101);
    let mut plan = Plan::default();
    for entity in Entity::ALL {
        let rule = plan.rule(Rule::new(entity.name()));
        plan.find(entity, rule);
    }
    let mut scores = BTreeMap::<&str, Score>::new();
    let mut bytes = 0;
    for _ in 0..TEXTS {
        let labelled = corpus::text(&mut random, THINGS);
        bytes += labelled.text.len();
        count(&plan, &labelled, &mut scores, shown);
    }
    let spans: usize = scores.values().map(|score| score.right + score.missed).sum();
    println!("{spans} things in {TEXTS} texts of {bytes} bytes\n");
    println!(
        "{:<12} {:>7} {:>7} {:>7} {:>10} {:>7} {:>13}",
        "", "right", "wrong", "missed", "precision", "recall", "floors"
    );
    let mut table = format!(
        "## What masking finds, and what it takes for something else\n\n`make quality`: {spans} things in {TEXTS} texts of {bytes} \
         bytes, made up from sentences of their own, each beside something that only looks like one. Right is the same first and \
         last byte; least is what the build asks for.\n\n| entity | right | wrong | missed | precision | least | recall | least \
         |\n|---|---|---|---|---|---|---|---|\n"
    );
    let mut below = false;
    for (name, score) in &scores {
        let (precision, recall) = (score.precision(), score.recall());
        let (least_precision, least_recall) = floor(name);
        let fails = precision < least_precision || recall < least_recall;
        below |= fails;
        println!(
            "{name:<12} {:>7} {:>7} {:>7} {precision:>9.1}% {recall:>6.1}% {least_precision:>6.1} {least_recall:>6.1}{}",
            score.right,
            score.wrong,
            score.missed,
            if fails { "  below its floor" } else { "" }
        );
        let _ = writeln!(
            table,
            "| `{name}` | {} | {} | {} | {precision:.1} % | {least_precision:.1} % | {recall:.1} % | {least_recall:.1} % |",
            score.right, score.wrong, score.missed
        );
    }
    if let Some(file) = out
        && let Err(error) = std::fs::write(file, table)
    {
        eprintln!("error: cannot write {file}: {error}");
        return ExitCode::FAILURE;
    }
    if below { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Compares what is found with what is there: the same entity, the same first and last byte.
fn count(plan: &Plan, labelled: &Labelled, scores: &mut BTreeMap<&'static str, Score>, shown: Option<&str>) {
    let mut found = Vec::new();
    plan.scan(&mut Scan::default(), labelled.text.as_bytes(), true, Topics::default(), &mut found);
    let found = found.iter().filter_map(|find| Some((*Entity::ALL.get(find.rule)?, find.start, find.end)));
    let found = found.collect::<Vec<_>>();
    let show = |what: &str, (entity, start, end): &(Entity, usize, usize)| {
        if shown == Some(entity.name()) {
            let around = labelled.text.get(start.saturating_sub(40)..(*end + 10).min(labelled.text.len()));
            println!("{what}: {:?}", around.or(labelled.text.get(*start..*end)).unwrap_or_default());
        }
    };
    for span in &labelled.spans {
        let score = scores.entry(span.0.name()).or_default();
        if found.contains(span) {
            score.right += 1;
        } else {
            score.missed += 1;
            show("missed", span);
        }
    }
    for span in found.iter().filter(|span| !labelled.spans.contains(span)) {
        scores.entry(span.0.name()).or_default().wrong += 1;
        show("wrong", span);
    }
}

impl Score {
    fn precision(self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    fn recall(self) -> f64 {
        share(self.right, self.right + self.missed)
    }
}

fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 100.0 } else { 100.0 * part as f64 / all as f64 }
}

fn floor(name: &str) -> (f64, f64) {
    let line = FLOORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let mut numbers = line.unwrap_or_default().split_whitespace().filter_map(|number| number.parse().ok());
    // Who is not listed has to be perfect.
    (numbers.next().unwrap_or(100.0), numbers.next().unwrap_or(100.0))
}
