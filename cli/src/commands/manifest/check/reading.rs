//! Files of resources: documents, and where in the files their values stand.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tamis_harness::document::{Document, Place};
use tamis_oci::resource::check::Fault;

use crate::failure::Failure;

/// The largest file that is read, in bytes; an object of Kubernetes has 1.5 MB at most.
const MAX_FILE: u64 = 64 << 20;

/// A line of the report: the file's number, the place, whether it is an error, and what is wrong.
pub type Line = (usize, Place, bool, String);

/// All documents of all files.
#[derive(Default)]
pub struct Resources {
    files: Vec<PathBuf>,
    values: Vec<Value>,
    /// For each document its file's number, and its places.
    documents: Vec<(usize, Document)>,
    /// What is no YAML.
    broken: Vec<Line>,
}

impl Resources {
    /// Reads the documents of a file.
    ///
    /// # Errors
    /// When the file cannot be read. What is no YAML becomes a line of the report.
    pub fn read(&mut self, file: &Path) -> Result<(), Failure> {
        let cannot =
            |error: &dyn std::fmt::Display| Failure::user(format_args!("cannot read {}: {error}", file.display()));
        let size = std::fs::metadata(file).map_err(|error| cannot(&error))?.len();
        if size > MAX_FILE {
            return Err(cannot(&format_args!("{size} bytes are too many for resources")));
        }
        let text = std::fs::read_to_string(file).map_err(|error| cannot(&error))?;
        let number = self.files.len();
        self.files.push(file.to_owned());
        for document in documents(&text) {
            match Document::parse(&document) {
                Ok(document) => {
                    self.values.push(document.value().clone());
                    self.documents.push((number, document));
                }
                Err(error) => {
                    let place = error.place.unwrap_or(Place { line: 1, column: 1 });
                    self.broken.push((number, place, true, error.message));
                }
            }
        }
        Ok(())
    }

    /// The documents.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// What is no YAML.
    pub fn faults(&self) -> Vec<Line> {
        self.broken.clone()
    }

    /// The name of a file.
    pub fn file(&self, number: usize) -> String {
        self.files.get(number).map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// Where a fault is: its file's number, line and column.
    pub fn place(&self, fault: &Fault) -> (usize, Place) {
        let start = Place { line: 1, column: 1 };
        let Some((file, document)) = self.documents.get(fault.document) else { return (0, start) };
        let name = fault.is_unknown.then(|| document.name_place(&fault.path)).flatten();
        let whole = || document.place("");
        (*file, name.or_else(|| document.place(&fault.path)).or_else(whole).unwrap_or(start))
    }
}

/// The documents of a file, each with empty lines before it, so that its places are those of the file.
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        // At the beginning of a line, these end a document wherever they stand.
        let ends = |mark: &str| {
            line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r']))
        };
        if ends("---") || ends("...") {
            let rest = line.get(3..).unwrap_or_default();
            documents.push(format!("{}   {rest}\n", "\n".repeat(number)));
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
            document.push('\n');
        }
    }
    let is_empty =
        |document: &String| document.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'));
    documents.retain(|document| !is_empty(document));
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_keep_their_lines() {
        let text = "# first\na: 1\n---\n# nothing\n--- # third\nb: |\n  ---\nc: 2\n...\n";
        let documents = documents(text);
        assert_eq!(documents.len(), 2, "{documents:?}");
        let place =
            |number: usize, path: &str| Document::parse(&documents[number]).unwrap().place(path).unwrap().to_string();
        assert_eq!(place(0, "a"), "2:4");
        assert_eq!(place(1, "c"), "8:4");
    }
}
