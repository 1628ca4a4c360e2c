//! A module's run and a native one, side by side.

use std::fmt::Write as _;

use crate::cost::Cost;
use crate::scenario::Report;

/// What differs between the runs of a scenario on a filter's module and natively, for people; nothing when they agree.
///
/// They have to agree on all that was seen, and on what it cost: VM entries, host calls by class, bytes both ways. Fuel is
/// a module's alone.
#[must_use]
pub fn disagreements(wasm: &Report, native: &Report) -> String {
    let mut found = String::new();
    if wasm.exchanges.len() != native.exchanges.len() {
        found.push_str("they have not run the same exchanges\n");
    }
    for (module, native) in wasm.exchanges.iter().zip(&native.exchanges) {
        let head = format!("{}, {}", wasm.scenario, module.name);
        if module.observed != native.observed {
            let (module, native) = (&module.observed, &native.observed);
            let _ = writeln!(found, "{head}: the module shows\n{module:#?}\nand the native filter\n{native:#?}");
        }
        let cost = module.cost.map(|cost| Cost { fuel: 0, ..cost });
        if cost != native.cost {
            let _ = writeln!(found, "{head}: the module costs\n{cost:#?}\nand the native filter\n{:#?}", native.cost);
        }
    }
    found
}
