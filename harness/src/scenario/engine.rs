//! What can run a scenario, and what each cannot do.

use std::fmt;

use super::step::Step;

/// What can run a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// The module in the harness.
    Wasm,
    /// The filter as a native library in the harness: one worker, one VM.
    Native,
    /// The module in a real Envoy.
    Envoy,
}

/// Something that not every engine can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Bodies in chosen pieces.
    Split,
    /// Messages with trailers.
    Trailers,
    /// A chosen worker.
    Workers,
    /// Time that goes by at once.
    Time,
    /// A filter's new configuration.
    Reload,
    /// What goes wrong in a VM on purpose.
    Fault,
    /// One cluster that answers some callouts of a step, and refuses the connection to others.
    Refusal,
    /// An answer, or a wait, that takes longer than any test should.
    Delay,
}

impl Engine {
    /// Why the engine cannot do something, if that is so.
    #[must_use]
    pub const fn cannot(self, feature: Feature) -> Option<&'static str> {
        match (self, feature) {
            (Self::Wasm, _) => None,
            (Self::Native, Feature::Workers) => Some("a native filter has one worker"),
            (Self::Native, Feature::Fault) => Some("faults are those of a wasm VM"),
            (Self::Native, _) | (Self::Envoy, Feature::Reload) => None,
            (Self::Envoy, Feature::Split) => Some("the pieces of a body (`split`) are chosen by the network there"),
            (Self::Envoy, Feature::Trailers) => Some("trailers are not sent there"),
            (Self::Envoy, Feature::Workers) => Some("the kernel chooses the worker there"),
            (Self::Envoy, Feature::Time) => Some("there is no virtual time there"),
            (Self::Envoy, Feature::Fault) => Some("a VM there does not fail on demand"),
            (Self::Envoy, Feature::Refusal) => Some("a port there is open or not, for all callouts of a step"),
            (Self::Envoy, Feature::Delay) => Some("nobody waits there for answers that take longer than 5 s"),
        }
    }
}

/// Which steps of a scenario an engine runs.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    engine: Engine,
    /// Whether a step was skipped that later ones build upon.
    broken: bool,
    /// Whether any step was skipped.
    incomplete: bool,
}

impl Plan {
    /// Everything, until the engine cannot do something.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine, broken: false, incomplete: false }
    }

    /// Why the next step is not run, if that is so.
    pub fn skips(&mut self, step: &Step) -> Option<&'static str> {
        let needs = step.needs();
        let why = needs.iter().find_map(|feature| self.engine.cannot(*feature));
        let why = if self.broken { Some("a step before it was not run here, and it builds upon that") } else { why };
        self.broken |= why.is_some() && needs.iter().any(|feature| feature.is_built_upon());
        self.incomplete |= why.is_some();
        why
    }

    /// The step at hand is not run for another reason, and those after it build upon it.
    pub(crate) const fn break_off(&mut self) {
        (self.broken, self.incomplete) = (true, true);
    }

    /// Whether all steps so far have been run.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !self.incomplete
    }
}

impl Feature {
    /// Whether a step that needs it is one that those after it build upon: without it they would show something else.
    #[must_use]
    pub const fn is_built_upon(self) -> bool {
        !matches!(self, Self::Split | Self::Trailers)
    }
}

/// As reports have it.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
            Self::Envoy => "envoy",
        })
    }
}
