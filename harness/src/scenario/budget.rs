//! What an exchange costs, against what it may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::difference::Difference;
use super::engine::Engine;
use crate::cost::Cost;

/// The one list of figures: each with what it is, and how it comes from the counters and the growth of memory.
macro_rules! figures {
    ($($(#[doc = $doc:literal])+ $name:ident = |$cost:pat_param, $growth:pat_param| $figure:expr;)+) => {
        /// What an exchange costs, in exact integers. Fuel also depends on the compiler of the module and on wasmtime.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Figures {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        /// What an exchange may cost: each figure that is named must be exactly so.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Budget {
            $($(#[doc = $doc])+ pub $name: Option<u64>,)+
        }

        impl Figures {
            /// How many there are.
            pub const COUNT: usize = [$(stringify!($name)),+].len();

            /// From the counters, and the bytes by which memory grew.
            #[must_use]
            pub fn new(cost: &Cost, memory_growth: u64) -> Self {
                $(let $name = { let ($cost, $growth) = (cost, memory_growth); $figure };)+
                Self { $($name),+ }
            }

            /// From figures that have names.
            #[must_use]
            pub fn from_named(figure: impl Fn(&str) -> u64) -> Self {
                Self { $($name: figure(stringify!($name))),+ }
            }

            /// All figures by name.
            #[must_use]
            pub fn named(&self) -> [(&'static str, u64); Self::COUNT] {
                [$((stringify!($name), self.$name)),+]
            }
        }

        impl Budget {
            fn named(&self) -> [(&'static str, Option<u64>); Figures::COUNT] {
                [$((stringify!($name), self.$name)),+]
            }
        }
    };
}

figures! {
    /// Calls of the host into the guest, but for its allocator.
    vm_entries = |cost, _| cost.vm_entries;
    /// All host calls.
    host_calls = |cost, _| cost.host_calls();
    /// Host calls that hand a buffer back.
    returning = |cost, _| cost.calls_returning;
    /// Host calls that store something.
    writing = |cost, _| cost.calls_writing;
    /// Host calls that pass only numbers.
    scalar = |cost, _| cost.calls_scalar;
    /// Bytes that the host copies into the guest.
    bytes_in = |cost, _| cost.bytes_in;
    /// Bytes that the guest hands to the host.
    bytes_out = |cost, _| cost.bytes_out;
    /// Bytes by which the guests' memory grows.
    memory_growth = |_, growth| growth;
    /// wasmtime's fuel. It also depends on the compiler of the module and on wasmtime: give it a budget in a scenario only
    /// for a module that is kept as it is.
    fuel = |cost, _| cost.fuel;
}

impl Figures {
    /// About how long this takes in a busy Envoy, in microseconds: an estimate from a linear model, which was within about
    /// 12 % of what was measured for small header filters. It knows nothing of the machine.
    #[must_use]
    pub fn estimated_microseconds(&self) -> f64 {
        const STREAM: f64 = 2.3;
        const FIRST_ENTRY: f64 = 2.7;
        const ENTRY: f64 = 0.45;
        const FIRST_CALL: f64 = 2.3;
        const RETURNING: f64 = 0.85;
        const WRITING: f64 = 0.3;
        const SCALAR: f64 = 0.1;
        const THOUSAND_FUEL: f64 = 0.05;
        if self.vm_entries == 0 {
            return 0.0;
        }
        let first_call = if self.host_calls > 0 { FIRST_CALL } else { 0.0 };
        STREAM
            + FIRST_ENTRY
            + ENTRY * float(self.vm_entries - 1)
            + first_call
            + RETURNING * float(self.returning)
            + WRITING * float(self.writing)
            + SCALAR * float(self.scalar)
            + THOUSAND_FUEL * float(self.fuel) / 1000.0
    }
}

impl Budget {
    /// Where the figures are not those of the budget, and then what they are.
    #[must_use]
    pub fn differences(&self, figures: &Figures) -> Vec<Difference> {
        let budgets = self.named();
        let mut found = Vec::new();
        for ((name, budget), (_, figure)) in budgets.iter().zip(figures.named()) {
            match budget {
                Some(budget) if figure > *budget => {
                    found.push(Difference::values(format!("cost {name}"), format_args!("at most {budget}"), figure));
                }
                Some(budget) if figure < *budget => {
                    let less = format!(
                        "cost {name}: {figure} is less than the budget of {budget}; lower it, so that it stays so"
                    );
                    found.push(Difference::told(less));
                }
                _ => {}
            }
        }
        if !found.is_empty() {
            let named = figures.named();
            let now = named.iter().zip(&budgets).filter(|(_, (_, budget))| budget.is_some());
            let now = now.map(|((name, figure), _)| format!("{name}: {figure}")).collect::<Vec<_>>().join(", ");
            found.push(Difference::told(format!("cost now: budget: {{ {now} }}")));
        }
        found
    }

    /// What of it an engine can tell, and the rest by name.
    #[must_use]
    pub(super) fn on(self, engine: Engine) -> (Self, Vec<String>) {
        if engine != Engine::Native {
            return (self, Vec::new());
        }
        let rest = [("memory_growth", self.memory_growth), ("fuel", self.fuel)];
        let rest = rest.iter().filter(|(_, budget)| budget.is_some()).map(|(name, _)| format!("budget.{name}"));
        (Self { memory_growth: None, fuel: None, ..self }, rest.collect())
    }
}

/// Counters are far below 2^52.
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_less_are_told_with_the_new_figures() {
        let budget =
            Budget { vm_entries: Some(3), returning: Some(2), bytes_in: Some(9), scalar: Some(0), ..Budget::default() };
        let figures = Figures { vm_entries: 4, returning: 1, bytes_in: 9, fuel: 77, ..Figures::default() };
        let told = budget.differences(&figures).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            told,
            [
                "cost vm_entries: expected at most 3, saw 4",
                "cost returning: 1 is less than the budget of 2; lower it, so that it stays so",
                "cost now: budget: { vm_entries: 4, returning: 1, scalar: 0, bytes_in: 9 }",
            ]
        );
        let exact = Budget { vm_entries: Some(4), fuel: Some(77), ..Budget::default() };
        assert_eq!(exact.differences(&figures), []);
    }

    #[test]
    fn natively_fuel_and_memory_are_not_known() {
        let budget = Budget { vm_entries: Some(4), fuel: Some(77), memory_growth: Some(0), ..Budget::default() };
        assert_eq!(budget.on(Engine::Wasm), (budget, Vec::new()));
        let (left, unknown) = budget.on(Engine::Native);
        assert_eq!(left, Budget { vm_entries: Some(4), ..Budget::default() });
        assert_eq!(unknown, ["budget.memory_growth", "budget.fuel"]);
    }

    #[test]
    fn the_estimate_is_what_was_measured_for_small_filters() {
        let figures = |vm_entries, returning, writing| Figures {
            vm_entries,
            returning,
            writing,
            host_calls: returning + writing,
            ..Figures::default()
        };
        let near = |figures: Figures, measured: f64| (figures.estimated_microseconds() / measured - 1.0).abs() < 0.12;
        assert!(near(figures(4, 0, 0), 6.3));
        assert!(near(figures(4, 0, 1), 8.9));
        assert!(near(figures(4, 50, 0), 48.0));
        assert_eq!(figures(0, 0, 0).estimated_microseconds(), 0.0);
    }
}
