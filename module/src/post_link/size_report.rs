//! What the post-link step saved, section by section.

use std::collections::HashMap;
use std::fmt;

use crate::info::ModuleInfo;
use crate::sections::Section;
use crate::text::shown;

/// Sizes before and after the post-link step; prints as an aligned table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeReport {
    /// Bytes of the compiler's module.
    pub bytes_before: usize,
    /// Bytes of the module that is shipped.
    pub bytes_after: usize,
    /// Exports of the compiler's module.
    pub exports_before: usize,
    /// Exports of the module that is shipped.
    pub exports_after: usize,
    /// Every section of either module, in the order of the first and then of the second. With the file header's 8
    /// bytes they add up to the totals. Custom sections of one name count together.
    pub sections: Vec<SectionSize>,
}

/// One section's bytes, its header included; 0 where it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionSize {
    /// The kind, or a custom section's name.
    pub name: String,
    /// Bytes before.
    pub before: u64,
    /// Bytes after.
    pub after: u64,
}

impl SizeReport {
    pub(super) fn new(
        before: &ModuleInfo,
        sections_before: &[Section<'_>],
        after: &ModuleInfo,
        sections_after: &[Section<'_>],
    ) -> Self {
        let mut rows = Rows::default();
        for section in sections_before {
            rows.count(section, |row| &mut row.before);
        }
        for section in sections_after {
            rows.count(section, |row| &mut row.after);
        }
        Self {
            bytes_before: before.size,
            bytes_after: after.size,
            exports_before: before.exports.len(),
            exports_after: after.exports.len(),
            sections: rows.list,
        }
    }
}

/// Sections by name, found by index so that many of them do not take long.
#[derive(Default)]
struct Rows {
    list: Vec<SectionSize>,
    places: HashMap<String, usize>,
}

impl Rows {
    fn count(&mut self, section: &Section<'_>, column: fn(&mut SectionSize) -> &mut u64) {
        let name = shown(section.name);
        let place = *self.places.entry(name.clone()).or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(SectionSize { name, before: 0, after: 0 });
        }
        if let Some(row) = self.list.get_mut(place) {
            *column(row) += section.total;
        }
    }
}

impl fmt::Display for SizeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.sections.iter().map(|row| row.name.chars().count()).chain([7]).max().unwrap_or(7);
        writeln!(f, "{:<width$}  {:>9}  {:>9}", "section", "before", "after")?;
        for row in &self.sections {
            writeln!(f, "{:<width$}  {:>9}  {:>9}", row.name, row.before, row.after)?;
        }
        writeln!(f, "{:<width$}  {:>9}  {:>9}", "bytes", self.bytes_before, self.bytes_after)?;
        write!(f, "{:<width$}  {:>9}  {:>9}", "exports", self.exports_before, self.exports_after)
    }
}
