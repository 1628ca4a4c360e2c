//! Connections: what both ends do, and what must come of it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::budget::Budget;
use super::callout::Callout;
use super::check::value;
use super::difference::Difference;
use super::duration::Span;
use super::fault::Fault;
use super::matcher::ValueMatch;
use super::metrics::ExpectMetrics;
use super::value::Body;
use crate::stream::End;
use crate::testbed::connection::{ClosedBy, Gets, Seen};

/// A connection through network filters: what both ends do, one after the other, and what must be seen.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::model::with_cases)]
pub struct Connection {
    /// What the connection shows.
    pub name: String,
    /// The worker that takes it, counted from 0.
    #[serde(default)]
    pub worker: usize,
    /// What happens after the client has connected.
    #[serde(rename = "connection")]
    pub acts: Vec<Act>,
    /// The requests that filters make of their own meanwhile, and what comes back.
    #[serde(default)]
    pub callouts: Vec<Callout>,
    /// What goes wrong in a filter's VM meanwhile. Only the harness can do this.
    #[serde(default)]
    pub fault: Option<Fault>,
    /// What must be seen. What is not named is not looked at.
    #[serde(default)]
    pub expect: ExpectConnection,
    /// What it may cost, exactly: more is an error, and so is less while the budget has not been lowered.
    #[serde(default)]
    pub budget: Option<Budget>,
}

/// What one end does, or nobody; and what must come of it at once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct Act {
    /// What is done.
    pub does: Does,
    /// What must get to the client by it.
    pub client_gets: Option<ValueMatch>,
    /// What must get to the upstream by it.
    pub upstream_gets: Option<ValueMatch>,
}

/// What one end does, or nobody.
#[derive(Debug, Clone)]
pub enum Does {
    /// It says something.
    Says(End, Body),
    /// It says nothing more, and goes on to listen.
    Ends(End),
    /// It breaks the connection off, as a TCP reset does.
    Breaks(End),
    /// Time goes by.
    Waits(Span),
}

/// An act as it is written: one of the first five fields.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Bytes that the client sends.
    client: Option<Body>,
    /// Bytes that the upstream sends.
    upstream: Option<Body>,
    /// Who says nothing more, and goes on to listen.
    ends: Option<End>,
    /// Who breaks the connection off, as a TCP reset does.
    breaks: Option<End>,
    /// How much time goes by. A real Envoy is given the time, up to 5 s of it.
    wait: Option<Span>,
    /// What must get to the client by it.
    client_gets: Option<ValueMatch>,
    /// What must get to the upstream by it.
    upstream_gets: Option<ValueMatch>,
}

/// What must be seen of a connection.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectConnection {
    /// At the client.
    pub client: ExpectEnd,
    /// At the upstream.
    pub upstream: ExpectUpstreamEnd,
    /// Who was the first to close its side, or to break off; looked at after the last act.
    pub closed_by: Option<ExpectClosed>,
    /// Texts, each of which must be in a line that was logged during the connection and at its end.
    pub log: Vec<String>,
    /// Texts that must be in no line that was logged during the connection and at its end.
    pub no_log: Vec<String>,
    /// Metrics after the connection, with everything since the proxy started.
    pub metrics: ExpectMetrics,
    /// Whether all that is seen must be as `NAME.snap` beside the scenario has it; `tamis test --bless` writes that file.
    /// Only the harness can do this.
    pub snapshot: bool,
}

/// What an end must see.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectEnd {
    /// All bytes that it gets.
    pub bytes: Option<ValueMatch>,
    /// Whether it hears that nothing more comes.
    pub ended: Option<bool>,
}

/// What the upstream must see.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectUpstreamEnd {
    /// Whether the proxy must connect to it at all.
    pub reached: bool,
    /// All bytes that it gets.
    pub bytes: Option<ValueMatch>,
    /// Whether it hears that nothing more comes.
    pub ended: Option<bool>,
}

/// Who must be the first to close its side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExpectClosed {
    /// The client.
    Client,
    /// The upstream.
    Upstream,
    /// The proxy: a filter closes it, or its VM dies.
    Proxy,
    /// Nobody: after the last act both sides are open.
    Nobody,
}

impl Connection {
    /// What is said, with a name for each.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (String, &Body)> {
        let says = self.acts.iter().enumerate();
        says.filter_map(|(index, act)| Some((format!("bytes of act {}", index + 1), act.says()?)))
    }

    /// What differs from the expectation.
    pub(crate) fn differences(&self, seen: &Seen) -> Vec<Difference> {
        let mut found = Vec::new();
        for (index, (act, gets)) in self.acts.iter().zip(&seen.acts).enumerate() {
            let place = format!("act {}", index + 1);
            if gets.said_to_nobody {
                found.push(Difference::told(format!("{place}: the upstream is not connected, and says nothing")));
            }
            for (end, wanted, got) in
                [("client", &act.client_gets, &gets.client), ("upstream", &act.upstream_gets, &gets.upstream)]
            {
                value(&mut found, &format!("{place}, what the {end} gets"), wanted.as_ref(), Some(got));
            }
        }
        let ExpectConnection { client, upstream, closed_by, .. } = &self.expect;
        match (&seen.upstream, upstream.reached) {
            (None, true) => found.push(Difference::told("upstream: the proxy did not connect to it")),
            (Some(_), false) => found.push(Difference::told("upstream: the proxy connected to it, and should not")),
            (None, false) => {}
            (Some(seen), true) => {
                value(&mut found, "upstream bytes", upstream.bytes.as_ref(), Some(&seen.bytes));
                ended(&mut found, "upstream ended", upstream.ended, seen.ended);
            }
        }
        value(&mut found, "client bytes", client.bytes.as_ref(), Some(&seen.client.bytes));
        ended(&mut found, "client ended", client.ended, seen.client.ended);
        let seen = ExpectClosed::of(seen.closed_by);
        if let Some(wanted) = closed_by.filter(|wanted| *wanted != seen) {
            found.push(Difference::values("closed by", wanted.word(), seen.word()));
        }
        found
    }
}

fn ended(found: &mut Vec<Difference>, what: &str, wanted: Option<bool>, seen: bool) {
    if wanted.is_some_and(|wanted| wanted != seen) {
        found.push(Difference::values(what, !seen, seen));
    }
}

impl Act {
    /// What is said.
    pub(super) fn says(&self) -> Option<&Body> {
        match &self.does {
            Does::Says(_, body) => Some(body),
            Does::Ends(_) | Does::Breaks(_) | Does::Waits(_) => None,
        }
    }

    /// Whether what has come by it is what must come.
    pub(crate) fn fits(&self, gets: &Gets) -> bool {
        let fits = |wanted: &Option<ValueMatch>, got: &[u8]| wanted.as_ref().is_none_or(|wanted| wanted.fits(got));
        fits(&self.client_gets, &gets.client) && fits(&self.upstream_gets, &gets.upstream)
    }

    /// Whether it names bytes that must come: until they do, there is something to wait for.
    pub(crate) fn awaits(&self) -> bool {
        !self.fits(&Gets::default())
    }
}

impl ExpectClosed {
    fn of(closed: Option<ClosedBy>) -> Self {
        match closed {
            None => Self::Nobody,
            Some(ClosedBy::End(End::Client)) => Self::Client,
            Some(ClosedBy::End(End::Upstream)) => Self::Upstream,
            Some(ClosedBy::Proxy) => Self::Proxy,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Proxy => "proxy",
            Self::Nobody => "nobody",
        }
    }
}

/// Who was the first to close, as the scenario file has it.
pub(crate) fn closer(seen: &Seen) -> &'static str {
    ExpectClosed::of(seen.closed_by).word()
}

impl TryFrom<Written> for Act {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        const ONE: &str = "an act is one of `client`, `upstream`, `ends`, `breaks` and `wait`";
        let Written { client, upstream, ends, breaks, wait, client_gets, upstream_gets } = written;
        let mut all = [
            client.map(|body| Does::Says(End::Client, body)),
            upstream.map(|body| Does::Says(End::Upstream, body)),
            ends.map(Does::Ends),
            breaks.map(Does::Breaks),
            wait.map(Does::Waits),
        ]
        .into_iter()
        .flatten();
        match (all.next(), all.next()) {
            (Some(does), None) => Ok(Self { does, client_gets, upstream_gets }),
            _ => Err(ONE),
        }
    }
}

impl Default for ExpectUpstreamEnd {
    fn default() -> Self {
        Self { reached: true, bytes: None, ended: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_as;
    use crate::testbed::connection::SeenEnd;

    fn connection(rest: &str) -> Connection {
        parse_as(&format!("name: a\nconnection: [{{client: ab, upstream_gets: AB}}, {{ends: client}}]\n{rest}"))
            .unwrap()
    }

    fn seen() -> Seen {
        let end = |bytes: &[u8], ended| SeenEnd { bytes: bytes.to_vec(), ended };
        Seen {
            client: end(b"", false),
            upstream: Some(end(b"AB", true)),
            closed_by: Some(ClosedBy::End(End::Client)),
            acts: vec![Gets { upstream: b"AB".to_vec(), ..Gets::default() }, Gets::default()],
        }
    }

    fn told(rest: &str, seen: &Seen) -> Vec<String> {
        connection(rest).differences(seen).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_seen_is_held_against_what_is_expected() {
        let right =
            "expect: {client: {bytes: '', ended: false}, upstream: {bytes: AB, ended: true}, closed_by: client}";
        assert_eq!(told(right, &seen()), [""; 0]);
        let wrong = "expect: {client: {bytes: {prefix: x}, ended: true}, upstream: {bytes: ab, ended: false}, closed_by: proxy}";
        let mut other = seen();
        other.acts[0].upstream.clear();
        other.acts[1].said_to_nobody = true;
        assert_eq!(
            told(wrong, &other),
            [
                "act 1, what the upstream gets: expected \"AB\", saw \"\"",
                "act 2: the upstream is not connected, and says nothing",
                "upstream bytes: expected \"ab\", saw \"AB\"",
                "upstream ended: expected false, saw true",
                "client bytes: expected something that starts with \"x\", saw \"\"",
                "client ended: expected true, saw false",
                "closed by: expected proxy, saw client",
            ]
        );
        assert_eq!(
            told("expect: {upstream: {reached: false}}", &seen()),
            ["upstream: the proxy connected to it, and should not"]
        );
    }

    #[test]
    fn an_act_is_one_thing() {
        let error = |text: &str| parse_as::<Act>(text).unwrap_err().message;
        let one = "an act is one of `client`, `upstream`, `ends`, `breaks` and `wait`";
        assert_eq!(error("{client_gets: a}"), one);
        assert_eq!(error("{client: a, ends: client}"), one);
        assert_eq!(error("{ends: proxy}"), "expected `client` or `upstream`, found another word");
    }
}
