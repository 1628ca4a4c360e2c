//! Reads scenario files.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::cases;
use super::model::{Exchange, FilterEntry, Scenario};
use super::tree::{self, Tree};
use crate::document::{Document, DocumentError, parse_as};

/// A scenario file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A filter has its configuration twice.
    #[error("{}: the filter `{module}` has both `config` and `config_file`; leave one of them out", .file.display())]
    TwoConfigs {
        /// The file.
        file: PathBuf,
        /// The filter's module.
        module: String,
    },
    /// It is not a scenario, or not a configuration.
    #[error("{}:{}{error}", .file.display(), if .error.place.is_some() { "" } else { " " })]
    Parse {
        /// The file.
        file: PathBuf,
        /// Where and why.
        error: DocumentError,
    },
}

impl Scenario {
    /// Reads a scenario file: each row of a table of cases is an exchange.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] with the line and column of what is wrong.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = text(file)?;
        let mut scenario = Self::parse(&text).map_err(|error| ScenarioError::Parse { file: file.to_owned(), error })?;
        scenario.file = file.to_owned();
        for filter in &mut scenario.filters {
            filter.read_config(file)?;
        }
        Ok(scenario)
    }

    /// Reads the text of a scenario; files that it names are not read.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] with the line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let file: File = parse_as(text)?;
        let mut exchanges: Vec<Exchange> = Vec::new();
        for written in file.exchanges {
            for filled in cases::expand(written)? {
                let exchange: Exchange = tree::read(&filled)?;
                if exchanges.iter().any(|other| other.name == exchange.name) {
                    let message = format!("a second exchange has the name `{}`", exchange.name);
                    return Err(tree::error_at(&filled, message));
                }
                exchanges.push(exchange);
            }
        }
        let File { name, description, filters, .. } = file;
        Ok(Self { name, description, filters, exchanges, file: PathBuf::new() })
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    description: String,
    filters: Vec<FilterEntry>,
    exchanges: Vec<Tree>,
}

impl FilterEntry {
    fn read_config(&mut self, scenario: &Path) -> Result<(), ScenarioError> {
        let Some(file) = &self.config_file else { return Ok(()) };
        if self.config.is_some() {
            return Err(ScenarioError::TwoConfigs { file: scenario.to_owned(), module: self.module.value.clone() });
        }
        let file = scenario.parent().unwrap_or(Path::new(".")).join(file);
        let text = text(&file)?;
        self.config = Some(Document::parse(&text).map_err(|error| ScenarioError::Parse { file, error })?);
        Ok(())
    }
}

fn text(file: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(file).map_err(|error| ScenarioError::Read { file: file.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name: x\nfilters: []\nexchanges:\n";

    fn parse(exchanges: &str) -> Result<Scenario, String> {
        Scenario::parse(&format!("{HEAD}{exchanges}")).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_exchanges() {
        let scenario = parse(
            "  - name: it answers\n    upstream: {status: '${status}'}\n    cases:\n      - {name: no, with: {status: 404}}\n      - {name: yes, with: {status: 200}}\n  - name: last\n",
        )
        .unwrap();
        let names = scenario.exchanges.iter().map(|exchange| (exchange.name.as_str(), exchange.upstream.status));
        assert_eq!(names.collect::<Vec<_>>(), [("it answers: no", 404), ("it answers: yes", 200), ("last", 200)]);
    }

    #[test]
    fn mistakes_have_their_place() {
        for (exchange, error) in [
            ("  - {name: a, expect: {response: {headers: {x: {begins: a}}}}}", "4:48: `begins` is no way to compare"),
            (
                "  - {name: a, request: {body: {text: abc, split: {at: [3]}}}}",
                "4:31: a cut before byte 3 is not inside",
            ),
            ("  - {name: a, request: {body: {text: abc, split: none}}}", "4:31: expected `every-byte`"),
            ("  - {name: a, budget: {entries: 3}}", "4:24: unknown field `entries`"),
            ("  - {name: a}\n  - {name: a}", "5:5: a second exchange has the name `a`"),
            (
                "  - name: a\n    upstream: {status: '${s}'}\n    cases: [{name: b, with: {s: two}}]",
                "6:33: invalid type: string \"two\", expected u16",
            ),
        ] {
            let said = parse(exchange).unwrap_err();
            assert!(said.starts_with(error), "{exchange}: {said}");
        }
    }
}
