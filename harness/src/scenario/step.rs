//! What a scenario does, one after the other.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::budget::Budget;
use super::callout::{Callout, CalloutKind, HttpOutcome};
use super::check::Observed;
use super::connection::{Connection, Does, ExpectConnection};
use super::difference::Difference;
use super::duration::Span;
use super::engine::Feature;
use super::fault::Fault;
use super::metrics::ExpectMetrics;
use super::model::{Exchange, Expect};
use super::tree::{self, Tree};
use super::value::Body;
use crate::document::{Document, DocumentError, Node};

/// What is told when a filter takes a configuration that it should not.
pub(crate) const UNWANTED: &str = "reload: the configuration was accepted, and should not be";

/// The longest delay of an answer that a real server waits for, and the longest time that a real connection is given.
const PATIENCE: Duration = Duration::from_secs(5);

/// One entry of `exchanges`; or the start, which is before all of them.
#[derive(Debug, Clone)]
pub enum Step {
    /// The filters are loaded: the first step, when the scenario says something of it.
    Start(Start),
    /// A request and its response.
    Exchange(Box<Exchange>),
    /// A connection through network filters.
    Connection(Box<Connection>),
    /// Time goes by.
    Advance(Advance),
    /// A filter gets a new configuration.
    Reload(Reload),
}

/// Time goes by: timers and deadlines run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// What the step shows.
    #[serde(default)]
    pub name: Option<String>,
    /// How much time.
    pub advance: Span,
    /// The requests that filters make of their own meanwhile, and what comes back.
    #[serde(default)]
    pub callouts: Vec<Callout>,
    /// What must be seen.
    #[serde(default)]
    pub expect: Aftermath,
}

/// A filter gets a new configuration, if it accepts it; if not, the one before stays.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// What the step shows.
    #[serde(default)]
    pub name: Option<String>,
    /// Which filter, and its new configuration.
    pub reload: Reconfiguration,
    /// The requests that filters make of their own meanwhile, and what comes back.
    #[serde(default)]
    pub callouts: Vec<Callout>,
    /// What must be seen.
    #[serde(default)]
    pub expect: Aftermath,
}

/// A filter's new configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reconfiguration {
    /// The filter's name.
    pub filter: String,
    /// The new configuration, as the filter's own is written. Nothing is sent when it is left out.
    #[serde(default, deserialize_with = "later")]
    pub config: Option<Document>,
    /// A file with the new configuration instead, relative to this one.
    #[serde(default)]
    pub config_file: Option<PathBuf>,
    /// Whether the filter must accept it.
    #[serde(default = "yes")]
    pub accepted: bool,
}

/// What happens while a request is under way.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Meanwhile {
    /// How many bytes of the request's body have been sent: fewer than it has.
    pub after_bytes: usize,
    /// A filter gets a new configuration. The request and its response stay with the one that they began with.
    pub reload: Reconfiguration,
}

/// What happens while the filters are loaded: plugins start, are configured, and may ask others.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// How much time goes by before anything is sent. A real Envoy is given the time, up to 5 s of it.
    pub wait: Span,
    /// The requests that filters make of their own meanwhile, and what comes back.
    pub callouts: Vec<Callout>,
    /// What must be seen.
    pub expect: Aftermath,
}

/// What must be seen after a step that is no exchange.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Aftermath {
    /// Texts, each of which must be in a line that was logged during the step.
    pub log: Vec<String>,
    /// Texts that must be in no line that was logged during the step.
    pub no_log: Vec<String>,
    /// Metrics after the step, with everything since the proxy started.
    pub metrics: ExpectMetrics,
}

impl Step {
    /// Reads an entry of `exchanges`.
    ///
    /// # Errors
    ///
    /// With the place of what does not fit.
    pub(super) fn read(tree: &Tree) -> Result<Self, DocumentError> {
        let has = |name: &str| match &tree.value {
            Node::Map(fields) => fields.iter().any(|(key, _)| key.value == name),
            _ => false,
        };
        if has("advance") {
            return tree::read(tree).map(Self::Advance);
        }
        if has("reload") {
            let mut step: Reload = tree::read(tree)?;
            // Not read yet: a tree gives its own places.
            let config = tree::find(tree, &["reload", "config"]);
            step.reload.config = config.map(Document::of);
            return Ok(Self::Reload(step));
        }
        if has("connection") {
            return tree::read(tree).map(Box::new).map(Self::Connection);
        }
        let mut exchange: Box<Exchange> = tree::read(tree).map(Box::new)?;
        if let Some(meanwhile) = &mut exchange.meanwhile {
            let config = tree::find(tree, &["meanwhile", "reload", "config"]);
            meanwhile.reload.config = config.map(Document::of);
        }
        Ok(Self::Exchange(exchange))
    }

    /// The new configuration that it brings.
    #[must_use]
    pub fn reconfiguration(&self) -> Option<&Reconfiguration> {
        match self {
            Self::Reload(step) => Some(&step.reload),
            Self::Exchange(exchange) => exchange.meanwhile.as_ref().map(|meanwhile| &meanwhile.reload),
            Self::Start(_) | Self::Connection(_) | Self::Advance(_) => None,
        }
    }

    /// The new configuration that it brings.
    pub(super) fn reconfiguration_mut(&mut self) -> Option<&mut Reconfiguration> {
        match self {
            Self::Reload(step) => Some(&mut step.reload),
            Self::Exchange(exchange) => exchange.meanwhile.as_mut().map(|meanwhile| &mut meanwhile.reload),
            Self::Start(_) | Self::Connection(_) | Self::Advance(_) => None,
        }
    }

    /// The exchange that it is, if it is one.
    #[must_use]
    pub fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Exchange(exchange) => Some(exchange),
            Self::Start(_) | Self::Connection(_) | Self::Advance(_) | Self::Reload(_) => None,
        }
    }

    /// Whether something is sent through the filters: an exchange or a connection.
    #[must_use]
    pub const fn is_traffic(&self) -> bool {
        matches!(self, Self::Exchange(_) | Self::Connection(_))
    }

    /// The worker that takes it.
    pub(super) fn worker(&self) -> usize {
        match self {
            Self::Exchange(exchange) => exchange.worker,
            Self::Connection(connection) => connection.worker,
            Self::Start(_) | Self::Advance(_) | Self::Reload(_) => 0,
        }
    }

    /// What goes wrong meanwhile.
    pub(super) fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Exchange(exchange) => exchange.fault.as_ref(),
            Self::Connection(connection) => connection.fault.as_ref(),
            Self::Start(_) | Self::Advance(_) | Self::Reload(_) => None,
        }
    }

    /// What it may cost.
    pub(super) fn budget(&self) -> Option<&Budget> {
        match self {
            Self::Exchange(exchange) => exchange.budget.as_ref(),
            Self::Connection(connection) => connection.budget.as_ref(),
            Self::Start(_) | Self::Advance(_) | Self::Reload(_) => None,
        }
    }

    /// What comes in pieces, with a name for each.
    pub(super) fn bodies(&self) -> Vec<(String, &Body)> {
        match self {
            Self::Exchange(exchange) => {
                let (request, upstream) = (&exchange.request.body, &exchange.upstream.body);
                vec![("request body".to_owned(), request), ("upstream body".to_owned(), upstream)]
            }
            Self::Connection(connection) => connection.bodies().collect(),
            Self::Start(_) | Self::Advance(_) | Self::Reload(_) => Vec::new(),
        }
    }

    /// What differs from the expectation.
    pub(super) fn differences(&self, observed: &Observed) -> Vec<Difference> {
        match self {
            Self::Exchange(exchange) => observed.differences(&exchange.expect),
            Self::Connection(connection) => {
                let seen = observed.connection.as_deref().cloned().unwrap_or_default();
                let effects = observed.effects.differences(&self.expect());
                connection.differences(&seen).into_iter().chain(effects).collect()
            }
            Self::Start(_) | Self::Advance(_) | Self::Reload(_) => observed.effects.differences(&self.expect()),
        }
    }

    /// Its name: as written, else what it does.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Exchange(exchange) => Cow::Borrowed(&exchange.name),
            Self::Connection(connection) => Cow::Borrowed(&connection.name),
            Self::Advance(Advance { name: Some(name), .. }) | Self::Reload(Reload { name: Some(name), .. }) => {
                Cow::Borrowed(name)
            }
            Self::Start(_) => Cow::Borrowed("the start"),
            Self::Advance(step) => Cow::Owned(format!("{} later", step.advance)),
            Self::Reload(step) => Cow::Owned(format!("a new configuration for `{}`", step.reload.filter)),
        }
    }

    /// The callouts that must be made meanwhile.
    #[must_use]
    pub fn callouts(&self) -> &[Callout] {
        match self {
            Self::Exchange(exchange) => &exchange.callouts,
            Self::Connection(connection) => &connection.callouts,
            Self::Start(step) => &step.callouts,
            Self::Advance(step) => &step.callouts,
            Self::Reload(step) => &step.callouts,
        }
    }

    /// What must be seen, of which a step that is no exchange has only the effects: see [`differences`](Self::differences).
    #[must_use]
    pub fn expect(&self) -> Cow<'_, Expect> {
        match self {
            Self::Exchange(exchange) => Cow::Borrowed(&exchange.expect),
            Self::Connection(connection) => {
                let ExpectConnection { log, no_log, metrics, snapshot, .. } = connection.expect.clone();
                Cow::Owned(Expect { log, no_log, metrics, snapshot, ..Expect::default() })
            }
            Self::Start(Start { expect, .. })
            | Self::Advance(Advance { expect, .. })
            | Self::Reload(Reload { expect, .. }) => {
                let Aftermath { log, no_log, metrics } = expect.clone();
                Cow::Owned(Expect { log, no_log, metrics, ..Expect::default() })
            }
        }
    }

    /// What an engine must be able to do to run it.
    #[must_use]
    pub fn needs(&self) -> Vec<Feature> {
        let mut needs = match self {
            Self::Exchange(exchange) => exchange_needs(exchange),
            Self::Connection(connection) => {
                let long = |does: &Does| matches!(does, Does::Waits(time) if time.0 > PATIENCE);
                let waits = connection.acts.iter().any(|act| long(&act.does));
                if waits { vec![Feature::Delay] } else { Vec::new() }
            }
            Self::Start(step) if step.wait.0 > PATIENCE => vec![Feature::Delay],
            Self::Start(_) => Vec::new(),
            Self::Advance(_) => vec![Feature::Time],
            Self::Reload(_) => vec![Feature::Reload],
        };
        let chosen = [
            // `split: all` begins with the whole body, which any engine can send.
            (self.bodies().iter().any(|(_, body)| !body.split().cuts(body.len()).is_empty()), Feature::Split),
            (self.worker() > 0, Feature::Workers),
            (self.fault().is_some(), Feature::Fault),
        ];
        needs.extend(chosen.into_iter().filter_map(|(needed, feature)| needed.then_some(feature)));
        for callout in self.callouts() {
            match &callout.kind {
                CalloutKind::Grpc(callout) if callout.answer.after.0 > PATIENCE => needs.push(Feature::Delay),
                CalloutKind::Grpc(_) => {}
                CalloutKind::Http { answer, .. } => match &answer.outcome {
                    HttpOutcome::Response(answer) if !answer.trailers.0.is_empty() => needs.push(Feature::Trailers),
                    _ if answer.after.0 > PATIENCE => needs.push(Feature::Delay),
                    _ => {}
                },
            }
        }
        let clash =
            |one: &Callout, other: &Callout| one.cluster == other.cluster && one.is_refused() && !other.is_refused();
        if self.callouts().iter().any(|one| self.callouts().iter().any(|other| clash(one, other))) {
            needs.push(Feature::Refusal);
        }
        needs
    }
}

fn exchange_needs(exchange: &Exchange) -> Vec<Feature> {
    let trailers = [&exchange.request.trailers, &exchange.upstream.trailers].iter().any(|fields| !fields.0.is_empty());
    if trailers { vec![Feature::Trailers] } else { Vec::new() }
}

impl JsonSchema for Step {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let steps = [
            generator.subschema_for::<Exchange>(),
            generator.subschema_for::<Connection>(),
            generator.subschema_for::<Advance>(),
            generator.subschema_for::<Reload>(),
        ];
        json_schema!({ "anyOf": steps })
    }
}

/// Passes over a value.
fn later<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Document>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| None)
}

fn yes() -> bool {
    true
}
