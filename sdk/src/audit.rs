//! What a filter's rules have done, or would have done: told in one form by every filter.
//!
//! A rule can be in shadow: it decides and is counted as ever, and nothing comes of it. So a rule can be tried on real traffic.
//!
//! | where | form | example |
//! |---|---|---|
//! | a counter | `NAME.rule.RULE.action.ACTION` | `gate.rule.cards.action.refused` |
//! | a counter, in shadow | the action begins with `shadow_` | `gate.rule.cards.action.shadow_refused` |
//! | filter state of the request, for access logs: `%FILTER_STATE(wasm.NAME:PLAIN)%` | `RULE=ACTION`, in order | `cards=refused;keys=shadow_refused` |
//!
//! Rules and actions are words of the configuration and of the filter's code. Nothing that a client or an upstream has sent is
//! ever part of it, so neither is a secret.
//!
//! ```
//! use tamis::audit::{Audit, Trail};
//! use tamis::{ConfigError, Filter, NoConfig, Outcome, PluginContext, RequestHeaders, Response};
//!
//! struct Gate {
//!     audit: Audit,
//!     shadow: bool,
//! }
//!
//! #[tamis::filter]
//! impl Filter for Gate {
//!     type Stream = Trail;
//!
//!     fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
//!         Ok(Self { audit: Audit::define("gate", ["closed"], ["refused"])?, shadow: true })
//!     }
//!
//!     fn request_headers(&self, trail: &mut Trail, _: &mut RequestHeaders) -> Outcome {
//!         if self.audit.acts(trail, "closed", "refused", self.shadow) {
//!             return Response::new(403).into();
//!         }
//!         Outcome::Continue
//!     }
//! }
//! # fn main() {}
//! ```

use crate::attributes::filter_state;
use crate::metrics::{Counter, Label, Labelled, MetricError};
use crate::sys::{HostError, LogLevel};
use tamis_core::text::join;

/// How long the filter state of a request may become, in bytes: what comes then is `...`.
pub const MAX_TRAIL: usize = 256;

/// How an action begins that is not taken.
const SHADOW: &str = "shadow_";
/// What stands for all that has no place any more.
const MORE: &str = "...";

/// The rules of a filter, and what they can do.
#[derive(Debug)]
pub struct Audit {
    name: String,
    counts: Labelled<Counter, 2>,
}

/// What rules have done with one request: part of [`Filter::Stream`](crate::Filter::Stream).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail(String);

impl Audit {
    /// Defines the counters of all rules and actions. `name` is the filter's, and that of its filter state.
    ///
    /// # Errors
    ///
    /// [`MetricError`] for names that metrics cannot have, for too many of them, or when the proxy refuses a call.
    pub fn define<R: AsRef<str>>(
        name: &str,
        rules: impl IntoIterator<Item = R>,
        actions: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, MetricError> {
        let rules = Label::new("rule", rules.into_iter().map(|rule| rule.as_ref().to_owned()))?;
        let actions = actions.into_iter().flat_map(|action| [action.to_owned(), join(&[SHADOW, action])]);
        let counts = Labelled::define(name, [rules, Label::new("action", actions)?])?;
        Ok(Self { name: name.to_owned(), counts })
    }

    /// Notes that a rule does something, or would in `shadow`. The answer is whether it is to be done.
    ///
    /// The decision does not depend on the notes: what the proxy refuses of them is a line in its log.
    #[must_use = "a rule in shadow does nothing"]
    pub fn acts(&self, trail: &mut Trail, rule: &str, action: &str, shadow: bool) -> bool {
        let action = if shadow { join(&[SHADOW, action]) } else { action.to_owned() };
        if let Err(error) = self.note(trail, rule, &action) {
            crate::log::parts(LogLevel::ERROR, &[&error.text(), "; what a rule did is not noted"]);
        }
        !shadow
    }

    /// Counts what needs no place in the access log: what happens to nearly every request, or to a rule rather than to a request.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn counts(&self, rule: &str, action: &str) -> Result<(), HostError> {
        self.counts.with([rule.as_bytes(), action.as_bytes()]).add(1)
    }

    fn note(&self, trail: &mut Trail, rule: &str, action: &str) -> Result<(), HostError> {
        self.counts(rule, action)?;
        if trail.add(rule, action) { filter_state::set(&self.name, trail.0.as_bytes()) } else { Ok(()) }
    }
}

impl Trail {
    /// What rules have done so far, as access logs print it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Adds to it, where there is a place; whether it is another one now.
    fn add(&mut self, rule: &str, action: &str) -> bool {
        if self.0.ends_with(MORE) {
            return false;
        }
        let between = if self.0.is_empty() { "" } else { ";" };
        let entry = join(&[between, rule, "=", action]);
        // There must be a place for the mark behind it.
        let fits = self.0.len() + entry.len() + 1 + MORE.len() <= MAX_TRAIL;
        self.0.push_str(if fits { &entry } else { between });
        if !fits {
            self.0.push_str(MORE);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_trail_has_all_in_order() {
        let mut trail = Trail::default();
        assert!(trail.add("cards", "masked") && trail.add("keys", "shadow_masked"));
        assert_eq!(trail.as_str(), "cards=masked;keys=shadow_masked");
    }

    proptest! {
        #[test]
        fn a_trail_is_bounded_and_says_so(entries in proptest::collection::vec("[a-z]{1,80}", 0..40)) {
            let mut trail = Trail::default();
            let mut full = String::new();
            let mut changed = true;
            for entry in &entries {
                full = if full.is_empty() { format!("{entry}=a") } else { format!("{full};{entry}=a") };
                changed = trail.add(entry, "a");
            }
            prop_assert!(trail.as_str().len() <= MAX_TRAIL);
            match trail.as_str().strip_suffix(MORE) {
                Some(kept) => prop_assert!(full.starts_with(kept) && full != kept),
                None => prop_assert!(changed && trail.as_str() == full),
            }
        }
    }
}
