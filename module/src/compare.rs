//! Whether a new version of a module can take the place of an old one: what it does, asks of its host, and accepts.

mod schema;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::description::{Description, DescriptionError};
use crate::gate;
use crate::info::{ModuleInfo, ParseError};

pub use schema::schemas;

/// What differs between two modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Bytes of the old one.
    pub size_before: u64,
    /// Bytes of the new one.
    pub size_after: u64,
    /// Everything else, in the order: phases, imports, abilities, configuration.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What it is about: `phase`, `import`, `host`, `abi`, `held headers`, `configuration`, `description`.
    pub about: &'static str,
    /// Where: a phase, a function, a field as in `rules[].match.path`.
    pub at: String,
    /// What happened.
    pub what: String,
    /// Whether what worked before may not work any more.
    pub breaking: bool,
}

/// Why two modules cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// One of them is no module.
    #[error(transparent)]
    Module(#[from] ParseError),
    /// What one of them says of itself cannot be read.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

impl Comparison {
    /// Compares two modules, the old one first.
    ///
    /// # Errors
    /// When one of the two is no module, or its description is damaged.
    pub fn of(old: &[u8], new: &[u8]) -> Result<Self, CompareError> {
        let (before, after) = (ModuleInfo::parse(old)?, ModuleInfo::parse(new)?);
        let phases = |info: &ModuleInfo| info.phases.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let imports =
            |info: &ModuleInfo| info.imports.iter().map(|import| import.name.clone()).collect::<BTreeSet<_>>();
        let mut changes = Vec::new();
        sets(&mut changes, "phase", &phases(&before), &phases(&after), ["no longer there", "new"]);
        sets(&mut changes, "import", &imports(&before), &imports(&after), ["no longer asked for", "new"]);
        changes.extend(hosts(old, new));
        let abi = |info: &ModuleInfo| info.abi.map_or_else(|| "none".to_owned(), |abi| abi.to_string());
        if abi(&before) != abi(&after) {
            let what = format!("{} instead of {}", abi(&after), abi(&before));
            changes.push(Change { about: "abi", at: String::new(), what, breaking: true });
        }
        match (Description::read(old)?, Description::read(new)?) {
            (Some(before), Some(after)) => descriptions(&mut changes, &before, &after),
            (Some(_), None) => changes.push(Change {
                about: "description",
                at: String::new(),
                what: "the new one says nothing of its configuration".to_owned(),
                breaking: true,
            }),
            (None, _) => {}
        }
        Ok(Self { size_before: old.len() as u64, size_after: new.len() as u64, changes })
    }

    /// Whether what worked before may not work any more.
    #[must_use]
    pub fn is_breaking(&self) -> bool {
        self.changes.iter().any(|change| change.breaking)
    }
}

fn descriptions(changes: &mut Vec<Change>, before: &Description, after: &Description) {
    if before.name != after.name {
        let what = format!("it is {:?} now and was {:?}", after.name, before.name);
        changes.push(Change { about: "description", at: "name".to_owned(), what, breaking: true });
    }
    if before.held_headers != after.held_headers {
        let what = if after.held_headers { "it can hold headers now" } else { "it holds no headers any more" };
        let breaking = before.held_headers;
        changes.push(Change { about: "held headers", at: String::new(), what: what.to_owned(), breaking });
    }
    changes.extend(schemas(&before.config_schema, &after.config_schema));
}

/// The Envoys that load the old one and not the new one.
fn hosts(old: &[u8], new: &[u8]) -> Vec<Change> {
    let before = gate::hosts(old);
    let lost = gate::hosts(new).into_iter().filter_map(|now| {
        let reasons = now.loads.err()?;
        let was = before.iter().find(|verdict| verdict.envoy == now.envoy)?;
        was.loads.is_ok().then(|| Change {
            about: "host",
            at: format!("Envoy {}", now.envoy),
            what: format!(
                "does not load it any more: {}",
                reasons.first().map(ToString::to_string).unwrap_or_default()
            ),
            breaking: true,
        })
    });
    lost.collect()
}

/// A phase that is gone breaks. What a module asks of its host is only told: whether a host has it, [`hosts`] says.
fn sets(
    changes: &mut Vec<Change>,
    about: &'static str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
    [gone, new]: [&str; 2],
) {
    let breaks_when_gone = about == "phase";
    for at in before.difference(after) {
        changes.push(Change { about, at: at.clone(), what: gone.to_owned(), breaking: breaks_when_gone });
    }
    for at in after.difference(before) {
        changes.push(Change { about, at: at.clone(), what: new.to_owned(), breaking: false });
    }
}
