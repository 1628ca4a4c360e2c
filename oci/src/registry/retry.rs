//! When a registry says "later", and how long to wait before asking again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::time;

/// How often and how patiently a request is repeated when the registry answers 429, 500, 502, 503 or 504.
///
/// A wait doubles from one attempt to the next. What the registry asks for in `Retry-After` counts instead, within `longest`:
/// one that asks for more is taken at its word and not asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// How often a request is sent in all; 1 never repeats.
    pub attempts: u32,
    /// The wait before the first repetition.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Retry {
    /// Five attempts within about eight seconds, or half a minute each where the registry asks for it.
    fn default() -> Self {
        Self { attempts: 5, first: Duration::from_millis(500), longest: Duration::from_secs(30) }
    }
}

impl Retry {
    /// The wait after an answer to attempt number `attempt` (from 1), or nothing when the answer stands.
    pub(super) fn wait(&self, attempt: u32, status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
        let is_passing = matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504);
        if !is_passing || attempt >= self.attempts {
            return None;
        }
        match headers.get(RETRY_AFTER).and_then(|value| asked_for(value.to_str().ok()?)) {
            Some(wait) => (wait <= self.longest).then_some(wait),
            None => Some(self.first.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest)),
        }
    }
}

/// `Retry-After`: seconds, or a date.
fn asked_for(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_secs(time::http_date(value.trim())?))?;
    Some(at.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(after: Option<&str>) -> HeaderMap {
        after.map(|value| (RETRY_AFTER, value.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn waits_double_and_end() {
        let retry = Retry { attempts: 4, first: Duration::from_millis(100), longest: Duration::from_millis(300) };
        let waits: Vec<_> =
            (1..=4).map(|attempt| retry.wait(attempt, StatusCode::BAD_GATEWAY, &headers(None))).collect();
        let millis = |n| Some(Duration::from_millis(n));
        assert_eq!(waits, [millis(100), millis(200), millis(300), None]);
    }

    #[test]
    fn what_the_registry_asks_for_counts_within_the_bound() {
        let retry = Retry::default();
        for (after, wanted) in [
            ("0", Some(0)),
            ("7", Some(7)),
            ("31", None),
            ("99999999999999999999", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
        ] {
            let wait = retry.wait(1, StatusCode::TOO_MANY_REQUESTS, &headers(Some(after)));
            // A number that is none is as good as no header.
            let wanted = if after.len() == 20 { Some(retry.first) } else { wanted.map(Duration::from_secs) };
            assert_eq!(wait, wanted, "{after}");
        }
    }

    #[test]
    fn only_what_may_pass_is_repeated() {
        for (status, repeats) in
            [(200, false), (400, false), (401, false), (404, false), (429, true), (501, false), (503, true)]
        {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(Retry::default().wait(1, status, &headers(None)).is_some(), repeats, "{status}");
        }
    }
}
