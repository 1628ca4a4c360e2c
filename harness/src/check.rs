//! Asks a module whether it accepts a configuration.

use std::sync::Arc;

use crate::context::{LogLevel, Plugin, Process};
use crate::document::{Document, Place};
use crate::stream::{FailurePolicy, FilterSpec, LoadError, LoadedModule, Proxy};

/// What is wrong with a configuration, in the module's own words: what a rejecting Envoy logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where, in the file that the user wrote, if the module said so.
    pub place: Option<Place>,
    /// What the module said.
    pub message: String,
}

/// Starts a module with a configuration, as a proxy does, and says why it refuses, if it does.
///
/// # Errors
///
/// [`LoadError`] when it does not even come to that: the module cannot be loaded, or dies.
pub fn check(module: &LoadedModule, configuration: Option<&Document>) -> Result<Result<(), Rejection>, LoadError> {
    let json = configuration.map(|document| document.to_json().into_bytes()).unwrap_or_default();
    let filter = FilterSpec {
        module: module.clone(),
        plugin: Plugin { name: "check".to_owned(), configuration: json, ..Plugin::default() },
        failure_policy: FailurePolicy::Closed,
    };
    match Proxy::load(&[filter], Arc::new(Process::deterministic(0))) {
        Ok(_) => Ok(Ok(())),
        Err(LoadError::Rejected { log, .. }) => {
            let said = log.iter().filter(|line| line.level >= LogLevel::Error).map(|line| line.message.as_str());
            let message = said.collect::<Vec<_>>().join("\n");
            let place = path(&message).and_then(|path| {
                let document = configuration?;
                let unknown = message.contains("unknown field").then(|| document.name_place(path)).flatten();
                unknown.or_else(|| document.place(path))
            });
            let message = if message.is_empty() { "the module gives no reason".to_owned() } else { message };
            Ok(Err(Rejection { place, message }))
        }
        Err(error) => Err(error),
    }
}

/// The path in an error of the SDK: ``invalid configuration at `rules[2].name`: …``.
fn path(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("invalid configuration at `")?;
    Some(rest.split_once('`')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_found_in_the_message() {
        assert_eq!(path("invalid configuration at `rules[2].name`: no `x`"), Some("rules[2].name"));
        assert_eq!(path("invalid configuration: it is empty"), None);
    }
}
