//! What clients are told: `Retry-After`, `RateLimit`, `RateLimit-Policy` and a problem.
//!
//! The fields of draft-ietf-httpapi-ratelimit-headers-10 (September 2025), as structured fields (RFC 9651): one member for
//! each limit of each rule that is not in shadow. `r` is how many more would be admitted now, `t` the seconds until the limit is
//! unused again; of a limit that refuses, until it admits such a request.

use std::fmt::Write as _;

use crate::limiter::Answer;
use crate::window::{Now, SECOND, Window};

/// The fields of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// `RateLimit-Policy`.
    pub policy: String,
    /// `RateLimit`.
    pub limit: String,
}

impl Fields {
    /// Adds a rule's limits.
    pub fn add(&mut self, rule: &str, limits: &[Window], answer: &Answer, now: Now) {
        for (i, (limit, counter)) in limits.iter().zip(&answer.counters).enumerate() {
            let standing = limit.standing(*counter, now);
            let number = if limits.len() > 1 { format!("-{}", i + 1) } else { String::new() };
            let comma = if self.policy.is_empty() { "" } else { ", " };
            let reset = seconds(if answer.refuses() { answer.wait } else { standing.reset });
            // A `String` takes everything.
            let _ = write!(self.policy, "{comma}\"{rule}{number}\";q={};w={}", limit.requests(), limit.period());
            let _ = write!(self.limit, "{comma}\"{rule}{number}\";r={};t={reset}", standing.remaining);
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policy.is_empty()
    }
}

/// Whole seconds, rounded up: who waits so long does not come too early.
#[must_use]
pub fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(SECOND)
}

/// The body of a refusal: RFC 9457, with the type that the draft registers. Names have nothing that JSON would escape.
#[must_use]
pub fn problem<'r>(status: u16, rules: impl IntoIterator<Item = &'r str>) -> String {
    let mut body = format!(
        "{{\"type\":\"https://iana.org/assignments/http-problem-types#quota-exceeded\",\
         \"title\":\"Request cannot be satisfied as assigned quota has been exceeded\",\
         \"status\":{status},\"violated-policies\":["
    );
    for (i, rule) in rules.into_iter().enumerate() {
        let _ = write!(body, "{}\"{rule}\"", if i > 0 { "," } else { "" });
    }
    body.push_str("]}\n");
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::State;

    const NOW: Now = Now(1_000_000 * SECOND);

    /// Of two limits, how many were taken at once, and the wait.
    fn answer(limits: [Window; 2], taken: [u64; 2], wait: u64) -> Answer {
        let counter = |i: usize| limits[i].charge(State::default(), taken[i], NOW).0;
        let counters = [counter(0), counter(1), State::default()];
        Answer { receipt: None, wait, counters, overflow: false, contended: false }
    }

    #[test]
    fn every_limit_is_a_member() {
        let minute = Window::gcra(10, 60, 10).unwrap();
        let hour = Window::fixed(100, 3600).unwrap();
        let mut fields = Fields::default();
        fields.add("a", &[minute], &answer([minute, hour], [3, 0], 0), NOW);
        fields.add("b", &[minute, hour], &answer([minute, hour], [10, 100], 2 * SECOND + 1), NOW);
        assert_eq!(fields.policy, r#""a";q=10;w=60, "b-1";q=10;w=60, "b-2";q=100;w=3600"#);
        assert_eq!(fields.limit, r#""a";r=7;t=18, "b-1";r=0;t=3, "b-2";r=0;t=3"#);
    }

    #[test]
    fn a_problem_names_what_was_violated() {
        let body = problem(429, ["a", "b"]);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["violated-policies"], serde_json::json!(["a", "b"]));
        assert_eq!(body["status"], 429);
    }
}
