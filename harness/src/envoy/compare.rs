//! What two engines saw, side by side.

use crate::scenario::connection::closer;
use crate::scenario::{Observed, Seen, SeenCallout};
use crate::stream::End;
use crate::testbed::connection;

/// Headers that a proxy writes itself, or that are about one connection: the engines need not agree on them. Names that end
/// in `*` are beginnings.
pub const PROXY_OWN: &[&str] = &[
    ":scheme",
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
    "x-envoy-*",
    "x-forwarded-proto",
    "x-request-id",
];

/// Where what Envoy saw differs from what the harness saw, each as a line; nothing when the two engines agree. Headers
/// count with the order of their values and of the names, by where each first came; those in [`PROXY_OWN`] do not count.
#[must_use]
pub fn disagreements(harness: &Observed, envoy: &Observed) -> Vec<String> {
    let mut found = Vec::new();
    connections(&mut found, harness.connection.as_deref(), envoy.connection.as_deref());
    sides(&mut found, "upstream", harness.upstream.as_ref(), envoy.upstream.as_ref());
    sides(&mut found, "response", harness.response.as_ref(), envoy.response.as_ref());
    callouts(&mut found, harness, envoy);
    found
}

/// All that both ends got; what came by which act is a matter of time.
fn connections(found: &mut Vec<String>, harness: Option<&connection::Seen>, envoy: Option<&connection::Seen>) {
    let whole = |seen: &connection::Seen| connection::Seen { acts: Vec::new(), ..seen.clone() };
    let (ours, theirs) = (harness.map(whole), envoy.map(whole));
    if ours != theirs {
        let shown = |seen: Option<connection::Seen>| {
            let Some(seen) = seen else { return "none".to_owned() };
            let end = |end| match seen.end(end) {
                Some(seen) => format!("{}{}", shown(&seen.bytes), if seen.ended { " and the end" } else { "" }),
                None => "nothing, not being connected".to_owned(),
            };
            let (upstream, client) = (end(End::Upstream), end(End::Client));
            format!("the upstream gets {upstream}, the client {client}, closed by {}", closer(&seen))
        };
        found.push(format!("connection: in the harness {}; in Envoy {}", shown(ours), shown(theirs)));
    }
}

fn callouts(found: &mut Vec<String>, harness: &Observed, envoy: &Observed) {
    let (ours, theirs) = (comparable(harness), comparable(envoy));
    if ours.len() != theirs.len() {
        found.push(format!("callouts: {} in the harness, {} in Envoy", ours.len(), theirs.len()));
        return;
    }
    for (ours, theirs) in ours.iter().zip(&theirs) {
        sides(found, &format!("callout to {}", ours.cluster), Some(&ours.request), Some(&theirs.request));
    }
}

/// Callouts under way at the same time come in any order, and nobody sees one that is refused.
fn comparable(observed: &Observed) -> Vec<&SeenCallout> {
    let mut callouts = observed.callouts.iter().filter(|callout| !callout.refused).collect::<Vec<_>>();
    callouts.sort_by_key(|callout| (callout.cluster.as_str(), callout.request.get(":path")));
    callouts
}

fn sides(found: &mut Vec<String>, side: &str, harness: Option<&Seen>, envoy: Option<&Seen>) {
    let (harness, envoy) = match (harness, envoy) {
        (Some(harness), Some(envoy)) => (harness, envoy),
        (None, None) => return,
        (Some(_), None) => return found.push(format!("{side}: there is one in the harness, none in Envoy")),
        (None, Some(_)) => return found.push(format!("{side}: there is none in the harness, one in Envoy")),
    };
    let (ours, theirs) = (compared(harness), compared(envoy));
    let before = found.len();
    let mut names = Vec::new();
    for (name, _) in ours.iter().chain(&theirs) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    for name in names {
        let (ours, theirs) = (values(&ours, name), values(&theirs, name));
        if ours != theirs {
            found.push(format!("{side} header {name}: {ours} in the harness, {theirs} in Envoy"));
        }
    }
    if found.len() == before && ours != theirs {
        let order = |headers: &[Header]| headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.push(format!(
            "{side} headers: in the order {} in the harness, {} in Envoy",
            order(&ours),
            order(&theirs)
        ));
    }
    if harness.body != envoy.body {
        let (ours, theirs) = (shown(&harness.body), shown(&envoy.body));
        found.push(format!("{side} body: {ours} in the harness, {theirs} in Envoy"));
    }
}

type Header<'a> = (&'a str, &'a [u8]);

/// The headers that count, all values of a name together: the client does not see how they were mixed.
fn compared(seen: &Seen) -> Vec<Header<'_>> {
    let all = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    let mut headers = all.filter(|(name, _)| !is_proxy_own(name)).collect::<Vec<_>>();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    // HTTP/1.1 has no order of pseudo headers, so theirs is the alphabet's.
    headers.sort_by_key(|(name, _)| match name.strip_prefix(':') {
        Some(pseudo) => (0, None, pseudo),
        None => (1, names.iter().position(|first| first == name), ""),
    });
    headers
}

/// Whether a header is one that the proxy writes itself, by [`PROXY_OWN`].
#[must_use]
pub fn is_proxy_own(name: &str) -> bool {
    PROXY_OWN.iter().any(|own| own.strip_suffix('*').map_or(*own == name, |beginning| name.starts_with(beginning)))
}

fn values(headers: &[Header], name: &str) -> String {
    let values = headers.iter().filter(|(key, _)| *key == name).map(|(_, value)| shown(value)).collect::<Vec<_>>();
    if values.is_empty() { "none".to_owned() } else { values.join(" and ") }
}

/// The most bytes of a value that are shown.
const MAX_SHOWN: usize = 200;

fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..MAX_SHOWN).unwrap_or(bytes);
    let more = if start.len() < bytes.len() { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    format!("\"{}\"{more}", start.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(upstream: &[(&str, &str)], body: &str) -> Observed {
        let headers = upstream.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Observed { upstream: Some(Seen { headers, body: body.into(), ..Seen::default() }), ..Observed::default() }
    }

    #[test]
    fn what_the_proxy_writes_itself_does_not_count() {
        let harness = observed(&[(":path", "/"), (":scheme", "http"), ("a", "1")], "");
        let envoy = observed(&[(":path", "/"), ("x-envoy-internal", "true"), ("a", "1"), ("date", "now")], "");
        assert_eq!(disagreements(&harness, &envoy), [""; 0]);
    }

    #[test]
    fn every_other_difference_is_a_line() {
        let harness = observed(&[("a", "1"), ("b", "1"), ("b", "2")], "x");
        let mut envoy = observed(&[("a", "1"), ("b", "1,2"), ("c", "\u{e9}")], "y");
        envoy.response = Some(Seen::default());
        assert_eq!(
            disagreements(&harness, &envoy),
            [
                "upstream header b: \"1\" and \"2\" in the harness, \"1,2\" in Envoy",
                "upstream header c: none in the harness, \"\\xc3\\xa9\" in Envoy",
                "upstream body: \"x\" in the harness, \"y\" in Envoy",
                "response: there is none in the harness, one in Envoy",
            ]
        );
    }

    #[test]
    fn order_counts_where_the_wire_has_one() {
        let one = observed(&[(":path", "/"), (":method", "GET"), ("a", "1"), ("b", "2"), ("a", "3")], "");
        let other = observed(&[(":method", "GET"), (":path", "/"), ("a", "1"), ("a", "3"), ("b", "2")], "");
        assert_eq!(disagreements(&one, &other), [""; 0]);
        let other = observed(&[(":method", "GET"), (":path", "/"), ("b", "2"), ("a", "1"), ("a", "3")], "");
        let order = "in the order :method, :path, a, a, b in the harness, :method, :path, b, a, a in Envoy";
        assert_eq!(disagreements(&one, &other), [format!("upstream headers: {order}")]);
    }
}
