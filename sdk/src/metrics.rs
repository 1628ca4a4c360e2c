//! Counters, gauges and histograms, which all threads of the proxy share.
//!
//! Define them when the plugin is made: the same name again, by another thread, plugin or configuration, is the same metric.
//! Envoy shows a metric as `wasmcustom.NAME`.
//!
//! # Labels
//!
//! The proxy knows no labels, so they are part of the name, in one form:
//!
//! ```text
//! NAME.LABEL.VALUE.LABEL.VALUE          requests.tier.gold.answer.other
//! ```
//!
//! The values of a label are listed when it is made; what is not listed counts as `other`. So there are as many metrics as
//! the lists allow, at most [`MAX_SERIES`], whatever clients send: all of them exist from the start, with the value 0. As
//! neither names nor values of labels have a dot, Envoy can turn them into tags (for Prometheus) by one regular expression
//! each, in `stats_config.stats_tags`: `{ tag_name: tier, regex: "(\\.tier\\.([^.]+))" }`.
//!
//! ```no_run
//! use tamis::metrics::{Counter, Label, Labelled};
//!
//! # fn main() -> Result<(), tamis::metrics::MetricError> {
//! let requests = Labelled::<Counter, 1>::define("requests", [Label::new("tier", ["gold", "silver"])?])?;
//! requests.with([b"gold"]).add(1)?; // requests.tier.gold
//! requests.with([b"tin"]).add(1)?; // requests.tier.other
//! # Ok(())
//! # }
//! ```

use crate::ConfigError;
use crate::sys::{self, HostError, MetricType};
use tamis_core::text::join;

/// The most metrics that one set of labels may make.
pub const MAX_SERIES: usize = 1000;
/// The longest part of a name, in bytes.
const MAX_PART: usize = 64;
/// The value that stands for all that are not listed.
const OTHER: &str = "other";

/// What was counted; it only grows.
#[derive(Debug, Clone, Copy)]
pub struct Counter(u32);

/// A value that is set.
#[derive(Debug, Clone, Copy)]
pub struct Gauge(u32);

/// Samples of which the proxy makes a distribution.
#[derive(Debug, Clone, Copy)]
pub struct Histogram(u32);

/// Why a metric cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A metric's name has something else than letters, digits, `_`, `-` and dots between parts.
    #[error("a metric's name is made of letters, digits, `_` and `-`, in parts of at most 64 with dots between them")]
    Name,
    /// A label's name has something else than letters, digits, `_` and `-`.
    #[error("a label's name is made of at most 64 letters, digits, `_` and `-`")]
    LabelName,
    /// A label's value has something else than letters, digits, `_` and `-`.
    #[error("a label's value is made of at most 64 letters, digits, `_` and `-`")]
    LabelValue,
    /// A label's value, or a label, is listed twice; `other` is always there.
    #[error("a label or a value is there twice (`other` is always there)")]
    Twice,
    /// The labels would make more than [`MAX_SERIES`] metrics.
    #[error("the labels make more than 1000 metrics")]
    TooMany,
    /// The proxy refused it.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// So that a plugin whose metrics cannot be is refused, with the reason.
impl From<MetricError> for ConfigError {
    fn from(error: MetricError) -> Self {
        Self::new("", join(&["no metrics: ", &error.to_string()]))
    }
}

/// A kind of metric.
pub trait Metric: Copy {
    /// Defines one without labels.
    ///
    /// # Errors
    ///
    /// [`MetricError::Name`], or [`MetricError::Host`] when the proxy refuses it.
    fn define(name: &str) -> Result<Self, MetricError>;
}

macro_rules! kinds {
    ($($type:ident, $kind:ident;)*) => {$(
        impl Metric for $type {
            fn define(name: &str) -> Result<Self, MetricError> {
                define(MetricType::$kind, name).map(Self)
            }
        }
    )*};
}

kinds! {
    Counter, COUNTER;
    Gauge, GAUGE;
    Histogram, HISTOGRAM;
}

impl Counter {
    /// Counts so many more, at most 2^63 - 1 at a time.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    #[inline]
    pub fn add(&self, count: u64) -> Result<(), HostError> {
        // The proxy refuses 0 (rule `MET-2`).
        if count == 0 { Ok(()) } else { sys::increment_metric(self.0, i64::try_from(count).unwrap_or(i64::MAX)) }
    }

    /// What was counted, by all threads.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn value(&self) -> Result<u64, HostError> {
        sys::metric(self.0)
    }
}

impl Gauge {
    /// Sets it.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn set(&self, value: u64) -> Result<(), HostError> {
        sys::record_metric(self.0, value)
    }

    /// Adds to it, or takes away. The proxy does not stop at 0.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn add(&self, difference: i64) -> Result<(), HostError> {
        sys::increment_metric(self.0, difference)
    }

    /// Its value.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn value(&self) -> Result<u64, HostError> {
        sys::metric(self.0)
    }
}

impl Histogram {
    /// Records a sample.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn record(&self, sample: u64) -> Result<(), HostError> {
        sys::record_metric(self.0, sample)
    }
}

/// A label with the values that are counted apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    name: String,
    /// Without `other`.
    values: Vec<String>,
}

impl Label {
    /// A label and its values; `other` comes by itself.
    ///
    /// # Errors
    ///
    /// [`MetricError`] for a name or a value that has no place in a metric's name, and for a value that is there twice.
    pub fn new<V: Into<String>>(name: &str, values: impl IntoIterator<Item = V>) -> Result<Self, MetricError> {
        if !is_part(name) {
            return Err(MetricError::LabelName);
        }
        let values = values.into_iter().map(Into::into).collect::<Vec<String>>();
        for (i, value) in values.iter().enumerate() {
            if !is_part(value) {
                return Err(MetricError::LabelValue);
            }
            if value == OTHER || values.iter().take(i).any(|before| before == value) {
                return Err(MetricError::Twice);
            }
        }
        Ok(Self { name: name.to_owned(), values })
    }

    /// The place of a value; `other` is behind the last.
    fn place(&self, value: &[u8]) -> usize {
        self.values.iter().position(|listed| listed.as_bytes() == value).unwrap_or(self.values.len())
    }

    fn text(&self, place: usize) -> &str {
        self.values.get(place).map_or(OTHER, String::as_str)
    }

    fn places(&self) -> usize {
        self.values.len().saturating_add(1)
    }
}

/// A metric for each combination of the values of `N` labels.
#[derive(Debug, Clone)]
pub struct Labelled<M, const N: usize> {
    labels: [Label; N],
    /// The last label's places are next to each other.
    metrics: Vec<M>,
    /// The one for which nothing is listed.
    other: M,
}

impl<M: Metric, const N: usize> Labelled<M, N> {
    /// Defines them all.
    ///
    /// # Errors
    ///
    /// [`MetricError`]: for the name, for two labels of one name, for too many combinations, or the proxy's refusal.
    pub fn define(name: &str, labels: [Label; N]) -> Result<Self, MetricError> {
        let names = names(name, &labels)?;
        let metrics = names.iter().map(|name| M::define(name)).collect::<Result<Vec<_>, _>>()?;
        let other = *metrics.last().ok_or(MetricError::Name)?;
        Ok(Self { labels, metrics, other })
    }

    /// The metric for a value of each label, in their order.
    #[must_use]
    pub fn with(&self, values: [&[u8]; N]) -> M {
        let index = self.labels.iter().zip(values).fold(0_usize, |index, (label, value)| {
            index.saturating_mul(label.places()).saturating_add(label.place(value))
        });
        self.metrics.get(index).copied().unwrap_or(self.other)
    }
}

/// The names of all combinations.
fn names(name: &str, labels: &[Label]) -> Result<Vec<String>, MetricError> {
    let series = labels.iter().try_fold(1_usize, |series, label| series.checked_mul(label.places()));
    if series.is_none_or(|series| series > MAX_SERIES) {
        return Err(MetricError::TooMany);
    }
    let mut names = vec![name.to_owned()];
    for (i, label) in labels.iter().enumerate() {
        if labels.iter().take(i).any(|before| before.name == label.name) {
            return Err(MetricError::Twice);
        }
        let longer = |name: &String, place| join(&[name, ".", &label.name, ".", label.text(place)]);
        names = names.iter().flat_map(|name| (0..label.places()).map(move |place| longer(name, place))).collect();
    }
    Ok(names)
}

fn define(kind: MetricType, name: &str) -> Result<u32, MetricError> {
    if !name.split('.').all(is_part) {
        return Err(MetricError::Name);
    }
    Ok(sys::define_metric(kind, name)?)
}

fn is_part(part: &str) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=MAX_PART).contains(&part.len()) && part.as_bytes().iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_a_name_of_its_own() {
        let labels = [Label::new("tier", ["gold", "tin-2"]).unwrap(), Label::new("hit", ["yes"]).unwrap()];
        let expected = [
            "r.tier.gold.hit.yes",
            "r.tier.gold.hit.other",
            "r.tier.tin-2.hit.yes",
            "r.tier.tin-2.hit.other",
            "r.tier.other.hit.yes",
            "r.tier.other.hit.other",
        ];
        assert_eq!(names("r", &labels).unwrap(), expected);
        let metrics = (0..6).map(Counter).collect();
        let labelled = Labelled { labels, metrics, other: Counter(5) };
        let cases: [([&[u8]; 2], u32); 6] = [
            ([b"gold", b"yes"], 0),
            ([b"gold", b"no"], 1),
            ([b"tin-2", b"yes"], 2),
            ([b"other", b"yes"], 4),
            ([b"\xff\0", b""], 5),
            ([b"GOLD", b"yes"], 4),
        ];
        for (values, metric) in cases {
            assert_eq!(labelled.with(values).0, metric, "{values:?}");
        }
    }

    #[test]
    fn what_has_no_place_in_a_name_is_refused() {
        assert_eq!(Label::new("a.b", ["x"]), Err(MetricError::LabelName));
        assert_eq!(Label::new("", ["x"]), Err(MetricError::LabelName));
        assert_eq!(Label::new("a", ["x.y"]), Err(MetricError::LabelValue));
        assert_eq!(Label::new("a", ["x".repeat(65)]), Err(MetricError::LabelValue));
        assert_eq!(Label::new("a", ["x", "x"]), Err(MetricError::Twice));
        assert_eq!(Label::new("a", ["other"]), Err(MetricError::Twice));
        for name in ["", ".", "a..b", "a b", "a\n"] {
            assert_eq!(Counter::define(name).unwrap_err(), MetricError::Name, "{name:?}");
        }
    }

    #[test]
    fn there_are_never_more_than_the_bound() {
        let label = |name, count: u32| Label::new(name, (0..count).map(|i| i.to_string())).unwrap();
        assert_eq!(names("r", &[label("a", 999)]).unwrap().len(), 1000);
        assert_eq!(names("r", &[label("a", 1000)]), Err(MetricError::TooMany));
        assert_eq!(names("r", &[label("a", 40), label("b", 40)]), Err(MetricError::TooMany));
        assert_eq!(names("r", &[label("a", 1), label("a", 1)]), Err(MetricError::Twice));
    }
}
