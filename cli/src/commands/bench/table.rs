//! What is printed, and what goes into the figures.

use std::fmt::Write as _;

use super::variants::{Variant, Which};
use super::verdict::{Results, Spread};

/// What a filter of ours may cost.
struct Target {
    what: &'static str,
    most: f64,
    ratio: fn(&Results<'_>) -> Option<Spread>,
    /// Why it may be missed.
    because: &'static str,
}

const TARGETS: [Target; 5] = [
    Target {
        what: "a filter that does nothing, against native `header_mutation`",
        most: 1.5,
        ratio: |results| results.ratio(Which::Empty, Which::Native),
        because: "what remains is the first entry into the VM: a module without any SDK was measured at 1.35",
    },
    Target {
        what: "1 + 1 headers, against native `header_mutation`",
        most: 2.9,
        ratio: |results| results.ratio(Which::Set, Which::Native),
        because: "what remains is two entries into the VM and two host calls: without any SDK it was measured at 2.7",
    },
    Target {
        what: "1 + 1 headers, against Lua",
        most: 0.9,
        ratio: |results| results.ratio(Which::Set, Which::Lua),
        because: "what remains is two entries into the VM and two host calls: without any SDK it was measured at 0.82",
    },
    Target {
        what: "reading 10 headers, against reading 1",
        most: 1.1,
        ratio: |results| results.ratio(Which::ReadTen, Which::ReadOne),
        because: "either is one host call; nine more look-ups walk over the map in the module",
    },
    Target {
        what: "processor time of the start with 1 + 1 headers, against the plain crate",
        most: 0.8,
        ratio: |results| results.start_ratio(Which::Set, Which::PlainSet),
        because: "a start is mostly V8's own",
    },
];

/// The section of the figures.
pub fn section(variants: &[Variant], results: &Results<'_>, how: &str) -> String {
    let mut text = format!(
        "## Filters in a real Envoy\n\n{how} CPU is what all threads of Envoy take. A filter's cost is the difference to the \
         burst without a filter in the same cycle: the median of a block, and over blocks the median (least to most). Multiples \
         are of filter costs. A burst with more than a quarter of a processor busy elsewhere is left out; a block counts when \
         its control costs at most a fifth of the native filter.\n\n\
         | filter | us of CPU a request | whole request, as a multiple | cost / native | cost / Lua | start, ms of CPU |\n\
         |---|---|---|---|---|---|\n"
    );
    for variant in variants {
        let which = variant.which;
        if which == Which::Base {
            let base = shown(results.base(), 1, "");
            let _ = writeln!(text, "| {} | {base} in all | 1 | | | |", variant.name);
            continue;
        }
        let ratio = |to| if which == Which::Control { String::new() } else { shown(results.ratio(which, to), 2, "") };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            variant.name,
            shown(results.cost(which), 2, ""),
            shown(results.whole(which), 2, ""),
            ratio(Which::Native),
            ratio(Which::Lua),
            shown(results.start(which), 0, ""),
        );
    }
    text.push_str("\n| what | at most | measured | |\n|---|---|---|---|\n");
    for target in TARGETS {
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

fn shown(spread: Option<Spread>, digits: usize, mark: &str) -> String {
    match spread {
        Some(Spread { median, least, most }) => {
            format!("{mark}{median:.digits$}{mark} ({least:.digits$} to {most:.digits$})")
        }
        None => "-".to_owned(),
    }
}
