//! The configuration reference as a page: what the module says of its fields, shown by configurations of scenarios.

use std::path::{Path, PathBuf};

use tamis_harness::scenario::Scenario;
use tamis_harness::scenario::model::FilterEntry;
use tamis_module::description::Example;
use tamis_module::{Description, lean_name};

use super::super::common;
use crate::failure::Failure;

/// The line of a page after which it is written anew; what stands before it is the author's.
const MARK: &str = "<!-- What follows is written by `tamis inspect --page`. -->";

/// Writes the page. What stands in the file up to the mark stays.
///
/// # Errors
/// When an example cannot be read, the file cannot be written, or no example shows a field: the page is written all the same.
pub fn write(file: &Path, description: &Description, sources: &[PathBuf]) -> Result<(), Failure> {
    let page = description.page(&examples(description, sources)?);
    let head = match std::fs::read_to_string(file) {
        Ok(text) => text.split_once(MARK).map_or(text.clone(), |(head, _)| head.to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            format!("# {}\n\n{}\n\n", description.name, description.summary)
        }
        Err(error) => return Err(Failure::user(format_args!("cannot read {}: {error}", file.display()))),
    };
    common::write_whole(file, format!("{}\n\n{MARK}\n\n## Configuration\n{}", head.trim_end(), page.text).as_bytes())?;
    if page.not_shown.is_empty() {
        return Ok(());
    }
    Err(Failure::user(format_args!(
        "no example shows {} of {}: {}",
        if page.not_shown.len() == 1 { "one field" } else { "some fields" },
        description.name,
        page.not_shown.join(", ")
    ))
    .hint("a scenario whose configuration has it, among the --examples, becomes its example"))
}

/// The configurations of this module in scenario files. Each is accepted, or its scenario could not pass.
fn examples(description: &Description, sources: &[PathBuf]) -> Result<Vec<Example>, Failure> {
    let mut examples = Vec::new();
    for source in sources {
        let scenarios = if source.is_dir() {
            Scenario::read_all(source)
        } else {
            Scenario::read(source).map(|scenario| vec![scenario])
        };
        for scenario in scenarios.map_err(Failure::user)? {
            let is_ours = |filter: &&FilterEntry| lean_name(&filter.module.value) == description.name;
            for filter in scenario.filters.iter().filter(is_ours) {
                if let Some(document) = &filter.config {
                    let source = scenario.file.to_string_lossy().into_owned();
                    examples.push(Example { source, configuration: document.value().clone() });
                }
            }
        }
    }
    Ok(examples)
}
