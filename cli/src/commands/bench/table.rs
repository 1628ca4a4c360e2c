//! What is printed, and what goes into the figures.

use std::fmt::Write as _;

use super::experiment::{BASE, CONTROL, Experiment, Which};
use super::verdict::{Results, Spread};

/// The section of the figures.
pub fn section(experiment: &Experiment, results: &Results<'_>, how: &str) -> String {
    let peers = experiment.peers.iter().map(|(name, _)| format!(" cost / {name} |")).collect::<String>();
    let mut text = format!(
        "## {}\n\n{how} CPU is what all threads of Envoy take. A filter's cost is the difference to the \
         burst without a filter in the same cycle: the median of a block, and over blocks the median (least to most). Multiples \
         are of filter costs. A burst with more than a quarter of a processor busy elsewhere is left out; a block counts when \
         its control costs at most a fifth of the native filter.\n\n\
         | filter | us of CPU a request | whole request, as a multiple |{peers} start, ms of CPU |{}\n\
         |---|---|---|{}---|{}\n",
        experiment.title,
        experiment.bytes.map_or("", |_| " MB per CPU-second |"),
        "---|".repeat(experiment.peers.len()),
        experiment.bytes.map_or("", |_| "---|"),
    );
    for variant in &experiment.variants {
        let which = variant.which;
        if which == BASE {
            let base = shown(results.base(), 1, "");
            let blank = " |".repeat(experiment.peers.len() + 1 + usize::from(experiment.bytes.is_some()));
            let _ = writeln!(text, "| {} | {base} in all | 1 |{blank}", variant.name);
            continue;
        }
        let ratio = |to| if which == CONTROL { String::new() } else { shown(results.ratio(which, to), 2, "") };
        let ratios = experiment.peers.iter().map(|(_, to)| format!(" {} |", ratio(*to))).collect::<String>();
        let _ = writeln!(
            text,
            "| {} | {} | {} |{ratios} {} |{}",
            variant.name,
            shown(results.cost(which), 2, ""),
            shown(results.whole(which), 2, ""),
            shown(results.start(which), 0, ""),
            experiment.bytes.map_or_else(String::new, |bytes| speed(bytes, results.cost(which), which)),
        );
    }
    text.push_str("\n| what | at most | measured | |\n|---|---|---|---|\n");
    for target in experiment.targets {
        let ratio = (target.ratio)(results);
        let verdict = match ratio {
            Some(ratio) if results.can_be_judged() && ratio.median <= target.most => "met".to_owned(),
            Some(_) if results.can_be_judged() => format!("missed: {}", target.because),
            _ => "not judged".to_owned(),
        };
        let _ = writeln!(text, "| {} | {} | {} | {verdict} |", target.what, target.most, shown(ratio, 2, "**"));
    }
    text
}

/// A byte per microsecond is a megabyte per second.
fn speed(bytes: u32, cost: Option<Spread>, which: Which) -> String {
    let at = |cost: f64| f64::from(bytes) / cost;
    match cost.filter(|_| which != CONTROL) {
        Some(Spread { median, least, most }) => format!(" {:.0} ({:.0} to {:.0}) |", at(median), at(most), at(least)),
        None => " |".to_owned(),
    }
}

fn shown(spread: Option<Spread>, digits: usize, mark: &str) -> String {
    match spread {
        Some(Spread { median, least, most }) => {
            format!("{mark}{median:.digits$}{mark} ({least:.digits$} to {most:.digits$})")
        }
        None => "-".to_owned(),
    }
}
