//! What is looked for, with what is put in its place.

use crate::hmac::Key;
use crate::mask::Mask;
use crate::plan::Plan;
use crate::scope::Scope;

/// Everything that a configuration says of texts: immutable, shared by all streams.
#[derive(Debug, Default)]
pub struct Engine {
    /// What is looked for.
    pub plan: Plan,
    /// What stands in its place, for each rule of the plan. A rule beyond the last one removes.
    pub masks: Vec<Mask>,
    /// Which values of a JSON message are looked at.
    pub scope: Scope,
    /// The key of [`Mask::Hmac`].
    pub key: Option<Key>,
}

impl Engine {
    pub(crate) fn mask(&self, rule: usize) -> &Mask {
        self.masks.get(rule).unwrap_or(&Mask::Remove)
    }

    pub(crate) fn name(&self, rule: usize) -> &str {
        self.plan.rules().get(rule).map_or("", |rule| &rule.name)
    }
}
