//! Lines that run and lines that do not, by crate.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// By file of the repository: each line that has code, and whether it has run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Lines(BTreeMap<String, BTreeMap<u32, bool>>);

impl Lines {
    /// Reads lcov's form. Files outside of `root`, tests, and what the build has made are left out. A file may come more than once.
    pub(super) fn read(report: &str, root: &Path) -> Self {
        let mut lines = Self::default();
        let mut file = None;
        for line in report.lines() {
            if let Some(path) = line.strip_prefix("SF:") {
                let path = Path::new(path).strip_prefix(root).ok().map(|path| path.to_string_lossy().into_owned());
                file = path.filter(|path| !is_left_out(path));
            } else if let (Some(file), Some(counted)) = (&file, line.strip_prefix("DA:"))
                && let Some((number, times)) = counted.split_once(',')
                && let (Ok(number), Some(times)) = (number.parse(), times.split(',').next())
            {
                let of = lines.0.entry(file.clone()).or_default();
                *of.entry(number).or_default() |= times != "0";
            }
        }
        lines
    }

    /// A line per crate, and one for all.
    pub(super) fn table(&self) -> String {
        let mut crates: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (file, lines) in &self.0 {
            let count = crates.entry(of_crate(file)).or_default();
            count.0 += lines.values().filter(|ran| **ran).count();
            count.1 += lines.len();
        }
        let all = crates.values().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        let mut text = format!("{:<32} {:>8} {:>8} {:>7}\n", "crate", "lines", "run", "");
        for (name, (ran, lines)) in crates.into_iter().chain([("all", all)]) {
            #[expect(clippy::cast_precision_loss, reason = "lines of a repository")]
            let share = 100.0 * ran as f64 / lines.max(1) as f64;
            let _ = writeln!(text, "{name:<32} {lines:>8} {ran:>8} {share:>6.1}%");
        }
        text
    }

    /// The lines that no test runs: `file: 3-5 9`.
    pub(super) fn missed(&self) -> String {
        let mut text = String::new();
        for (file, lines) in &self.0 {
            let mut ranges: Vec<(u32, u32)> = Vec::new();
            for (line, _) in lines.iter().filter(|(_, ran)| !**ran) {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == *line => *last = *line,
                    _ => ranges.push((*line, *line)),
                }
            }
            if ranges.is_empty() {
                continue;
            }
            let _ = write!(text, "{file}:");
            for (first, last) in ranges {
                let _ = if first == last { write!(text, " {first}") } else { write!(text, " {first}-{last}") };
            }
            text.push('\n');
        }
        text
    }
}

/// The folder of the crate that a file belongs to.
fn of_crate(file: &str) -> &str {
    file.split_once("/src/").map_or("other", |(folder, _)| folder)
}

fn is_left_out(file: &str) -> bool {
    file.starts_with("target/") || ["/tests/", "/tests.rs", "/benches/"].iter().any(|part| file.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "SF:/r/sdk/core/src/a.rs
FN:1,f
DA:1,3
DA:2,0
DA:3,0
DA:9,0
end_of_record
SF:/r/sdk/src/b.rs
DA:1,1
end_of_record
SF:/r/sdk/core/src/a.rs
DA:2,1
end_of_record
SF:/r/sdk/tests/main/c.rs
DA:1,1
SF:/elsewhere/src/d.rs
DA:1,0
";

    #[test]
    fn lines_are_counted_by_crate_and_a_line_has_run_when_any_program_has_run_it() {
        let lines = Lines::read(REPORT, Path::new("/r"));
        let table = lines.table();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect::<Vec<_>>();
        assert_eq!(
            rows[1..],
            [vec!["sdk", "1", "1", "100.0%"], vec!["sdk/core", "4", "2", "50.0%"], vec!["all", "5", "3", "60.0%"]]
        );
        assert_eq!(lines.missed(), "sdk/core/src/a.rs: 3 9\n");
    }

    #[test]
    fn neighbours_are_written_as_one() {
        let lines = Lines::read("SF:/r/a/src/a.rs\nDA:3,0\nDA:4,0\nDA:5,1\nDA:6,0\n", Path::new("/r"));
        assert_eq!(lines.missed(), "a/src/a.rs: 3-4 6\n");
    }
}
