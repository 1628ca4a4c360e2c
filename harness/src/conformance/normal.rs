//! What two processes may number differently: the only values that are not compared byte by byte.

use std::collections::BTreeMap;

use super::{Batch, Lines};

/// What takes the place of a value that no two processes share.
enum Stand {
    /// The value does not count at all.
    Any,
    /// The value is one that is not zero.
    NotZero,
    /// Of the value only its length counts.
    Length,
    /// Of an address the port does not count.
    Port,
    /// Values are numbered in the order in which they first come; so equal ones stay equal.
    InOrder(Which),
}

/// Values that are numbered together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    Cas,
    Queue,
}

/// Calls whose answers hold such values: how the call begins, which of its answers (from 0), what stands for it, and why.
const RULES: &[(&str, usize, Stand, &str)] = &[
    ("proxy_get_current_time_nanoseconds", 0, Stand::NotZero, "the harness' clock is virtual"),
    ("clock_time_get", 0, Stand::Any, "the harness' clock is virtual"),
    ("random_get", 0, Stand::Length, "Envoy's randomness has no seed"),
    ("proxy_get_shared_data", 1, Stand::InOrder(Which::Cas), "one counter for the process, and other VMs race for it"),
    ("proxy_register_shared_queue", 0, Stand::InOrder(Which::Queue), "one counter for the process"),
    ("proxy_resolve_shared_queue", 0, Stand::InOrder(Which::Queue), "one counter for the process"),
    (r#"proxy_get_property "request\x00headers" "#, 0, Stand::Length, "the map has no order"),
    (r#"proxy_get_property "response\x00headers" "#, 0, Stand::Length, "the map has no order"),
    (r#"proxy_get_property "xds\x00node" "#, 0, Stand::NotZero, "Envoy lists its extensions there"),
    (r#"proxy_get_property "request\x00time""#, 0, Stand::Length, "the harness' clock is virtual"),
    (r#"proxy_get_property "request\x00duration""#, 0, Stand::Length, "it is measured"),
    (r#"proxy_get_property "response\x00backend_latency""#, 0, Stand::Length, "it is measured"),
    (r#"proxy_get_property "upstream\x00cx_pool_ready_duration""#, 0, Stand::Length, "it is measured"),
    (r#"proxy_get_property "source\x00address""#, 0, Stand::Port, "the system chooses ports"),
    (r#"proxy_get_property "source\x00port""#, 0, Stand::Length, "the system chooses ports"),
    (r#"proxy_get_property "destination\x00address""#, 0, Stand::Port, "the system chooses ports"),
    (r#"proxy_get_property "destination\x00port""#, 0, Stand::Length, "the system chooses ports"),
    (r#"proxy_get_property "upstream\x00address""#, 0, Stand::Port, "the system chooses ports"),
    (r#"proxy_get_property "upstream\x00local_address""#, 0, Stand::Port, "the system chooses ports"),
    (r#"proxy_get_property "upstream\x00port""#, 0, Stand::Length, "the system chooses ports"),
    (r#"proxy_get_property "connection\x00id""#, 0, Stand::Length, "Envoy counts its connections"),
    (r#"proxy_get_property "connection_id""#, 0, Stand::Length, "Envoy counts its connections"),
];

/// Every value that is not compared as it is, and why, for the table's page.
pub fn reasons() -> impl Iterator<Item = (&'static str, &'static str)> {
    RULES.iter().map(|(call, _, _, why)| (*call, *why))
}

/// Puts stand-ins in the place of such values.
pub fn normalise(batch: &Batch, lines: &mut Lines) {
    let mut numbers = BTreeMap::<(Which, String), usize>::new();
    for (line, text) in lines {
        let call = batch.call(line.call);
        let Some((_, place, stand, _)) = RULES.iter().find(|(begin, ..)| call.starts_with(begin)) else { continue };
        let mut parts = text.splitn(place + 2, '|').map(str::to_owned).collect::<Vec<_>>();
        // The first part is who speaks, and the status word; the last one takes all that follows.
        let Some(value) = parts.get_mut(place + 1) else { continue };
        if value == "untouched" {
            continue;
        }
        *value = match stand {
            Stand::Any => "any".to_owned(),
            Stand::NotZero => if value == "0" { "0" } else { "not 0" }.to_owned(),
            Stand::Length => value.split(' ').next().unwrap_or_default().to_owned(),
            Stand::Port => without_port(value),
            Stand::InOrder(which) => {
                let next = numbers.keys().filter(|(other, _)| other == which).count() + 1;
                let number = numbers.entry((*which, value.clone())).or_insert(next);
                format!("number {number}")
            }
        };
        *text = parts.join("|");
    }
}

/// `15 "127.0.0.1:1234"`: the length goes, too, for it depends on the port's.
fn without_port(value: &str) -> String {
    let address = value.split_once(' ').map_or(value, |(_, address)| address);
    address.rsplit_once(':').map_or(address, |(ip, _)| ip).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::batch::{Line, Place};

    #[test]
    fn only_what_differs_by_nature_is_replaced() {
        let program = [
            "* * proxy_get_shared_data \"k\" @data @u32",
            "* * proxy_get_shared_data \"k\" @data @u32",
            "* * proxy_get_property \"source\\x00address\" @data",
            "* * random_get #8 8",
            "* * proxy_get_current_time_nanoseconds @u64",
            "* * proxy_get_metric 4 @u64",
        ];
        let said = [
            " p: 0|1 \"a\"|977",
            " p: 0|1 \"a\"|979",
            " p: 0|14 \"127.0.0.1:1234\"",
            " p: 0|8 \"abcdefgh\"",
            " p: 0|17",
            " p: 0|17",
        ];
        let batch = Batch {
            name: String::new(),
            exchanges: Vec::new(),
            connections: Vec::new(),
            alone: false,
            program: program.map(str::to_owned).to_vec(),
        };
        let line = |index| Line { copy: 0, stream: 1, phase: 0, visit: 0, call: Place::Call(index) };
        let mut lines = said.iter().enumerate().map(|(i, text)| (line(i), (*text).to_owned())).collect::<Lines>();
        normalise(&batch, &mut lines);
        let expected = [
            " p: 0|1 \"a\"|number 1",
            " p: 0|1 \"a\"|number 2",
            " p: 0|\"127.0.0.1",
            " p: 0|8",
            " p: 0|not 0",
            " p: 0|17",
        ];
        assert_eq!(lines.into_values().collect::<Vec<_>>(), expected);
    }
}
