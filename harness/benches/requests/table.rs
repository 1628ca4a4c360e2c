//! Medians and quartiles, as a table.

use std::fmt::Write as _;

/// What came of one module.
pub struct Row {
    name: &'static str,
    what: &'static str,
    /// Nanoseconds of one request in the bare loop.
    bare: f64,
    /// The same in the harness.
    harness: f64,
    ratio: Spread,
    control: Spread,
}

/// Median and quartiles.
pub struct Spread([f64; 3]);

impl Row {
    /// From the cycles: bare, bare again, harness.
    pub fn new(name: &'static str, what: &'static str, cycles: &[[f64; 3]]) -> Self {
        let each = |figure: &dyn Fn(&[f64; 3]) -> f64| Spread::of(cycles.iter().map(figure).collect());
        Self {
            name,
            what,
            bare: each(&|cycle| cycle[0]).median(),
            harness: each(&|cycle| cycle[2]).median(),
            ratio: each(&|cycle| cycle[2] / cycle[0]),
            control: each(&|cycle| cycle[1] / cycle[0]),
        }
    }
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: usize| values[(values.len() - 1) * share / 4];
        Self([at(1), at(2), at(3)])
    }

    fn median(&self) -> f64 {
        self.0[1]
    }

    pub fn text(&self) -> String {
        let [low, median, high] = self.0;
        format!("{median:.2} ({low:.2} to {high:.2})")
    }
}

/// The table of `docs/figures.md`.
pub fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "## The harness beside a bare loop\n\n\
         `make bench`: processor time per header request of the harness, against a loop on wasmtime with the same modules, \
         engine, fuel, header maps and host calls, and no layers. Either makes its header maps anew for every request. Both in one process, in shuffled slices; medians, with \
         quartiles, of ratios between neighbouring slices. The control is a second bare loop against the first.\n\n\
         | module | what it does | harness / bare loop | control: bare / bare | bare, us | harness, us |\n\
         |---|---|---|---|---|---|\n",
    );
    for Row { name, what, bare, harness, ratio, control } in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {what} | **{}** | {} | {:.2} | {:.2} |",
            ratio.text(),
            control.text(),
            bare / 1000.0,
            harness / 1000.0
        );
    }
    text
}
