//! What was asked, what came back, how long it took.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::failure::{Failure, cannot};
use crate::stage::Options;

const HEAD: &str = "## Istio and Envoy Gateway themselves\n\n\
By `make mesh`, on loopback, without Kubernetes: the programs are Istio's, Envoy Gateway's, Envoy's and Debian's registry; \
images are what `tamis push` makes, resources what `tamis manifest` prints, unless a row says otherwise. A row's seconds are \
those of the whole check, on a shared machine with 2 cores; moments in a row are counted from the change.\n";

/// All parts of a run.
pub struct Report {
    text: String,
    failed: usize,
    passed: usize,
    begin: Instant,
}

/// The rows of a part.
#[derive(Default)]
pub struct Rows {
    rows: Vec<Row>,
    notes: Vec<String>,
}

struct Row {
    asked: String,
    came: Result<String, Failure>,
    took: Duration,
}

impl Report {
    /// An empty one.
    pub fn new(_options: &Options) -> Self {
        Self { text: HEAD.to_owned(), failed: 0, passed: 0, begin: Instant::now() }
    }

    /// Runs a part and takes its rows over; a stage that does not stand is a row that failed.
    pub fn part(&mut self, title: &str, run: impl FnOnce() -> Result<Rows, Failure>) -> Result<(), Failure> {
        println!("==> {title}");
        let begin = Instant::now();
        let rows = match run() {
            Ok(rows) => rows,
            Err(failure) if failure.is_interrupt() => return Err(failure),
            Err(failure) => {
                println!("    FAILED: {failure}");
                let row = Row { asked: "the stage stands".to_owned(), came: Err(failure), took: begin.elapsed() };
                Rows { rows: vec![row], notes: Vec::new() }
            }
        };
        self.text.push_str(&format!("\n### {title}\n\n| asked | came back | s |\n|---|---|---|\n"));
        for row in &rows.rows {
            let came = match &row.came {
                Ok(came) => came.clone(),
                Err(failure) => format!("**failed**: {failure}"),
            };
            let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "| {} | {} | {:.1} |", cell(&row.asked), cell(&came), row.took.as_secs_f64());
        }
        for note in &rows.notes {
            self.text.push_str(&format!("\n{note}\n"));
        }
        self.failed += rows.rows.iter().filter(|row| row.came.is_err()).count();
        self.passed += rows.rows.iter().filter(|row| row.came.is_ok()).count();
        Ok(())
    }

    /// Prints the sum, and writes the report where it was asked for.
    pub fn finish(mut self, options: &Options) -> Result<bool, Failure> {
        let seconds = self.begin.elapsed().as_secs();
        let (passed, failed) = (self.passed, self.failed);
        let sum = format!(
            "{passed} rows came back as they should, {failed} did not; {seconds} s in all, set-up not counted."
        );
        self.text.push_str(&format!("\n{sum}\n"));
        println!("==> {sum}");
        if let Some(file) = &options.report {
            std::fs::write(file, &self.text).map_err(cannot(format_args!("write {}", file.display())))?;
            println!("==> {}", file.display());
        }
        Ok(failed == 0)
    }
}

impl Rows {
    /// One row: what was asked, and a check that says what came back. A failure is a row too; only Ctrl-C ends the part.
    pub fn check(&mut self, asked: &str, check: impl FnOnce() -> Result<String, Failure>) -> Result<(), Failure> {
        let begin = Instant::now();
        let came = check();
        let took = begin.elapsed();
        match &came {
            Ok(came) => println!("    {asked}: {came} ({:.1} s)", took.as_secs_f64()),
            Err(failure) if failure.is_interrupt() => return Err(failure.clone()),
            Err(failure) => println!("    FAILED: {asked}: {failure}"),
        }
        self.rows.push(Row { asked: asked.to_owned(), came, took });
        Ok(())
    }

    /// A paragraph below the table.
    pub fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}
