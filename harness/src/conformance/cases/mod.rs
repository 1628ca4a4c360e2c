//! The tables from which all programs are made: functions with the arguments that matter, each in every phase.
//!
//! A batch is one function, or a few that belong together; its calls are made in every phase of one exchange with body and
//! trailers, and where it matters also of exchanges without. Calls that end or resume a stream get a stream each.

mod buffers;
mod calls;
mod connections;
mod control;
mod headers;
mod properties;
mod state;
mod system;

pub use connections::connections;

use super::{Batch, Exchange};
use crate::stream::End;

/// Strings that are no strings: pointer and size.
const BAD_BYTES: [&str; 5] = ["!end-1 2", "!end 1", "!max 1", "!max 0", "0 -1"];

/// Pointers to which no word can be written.
const BAD_OUT: [&str; 3] = ["!end-1", "!end", "!max"];

/// Every header map, and numbers that are none.
const MAPS: [i64; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 255, -1];

/// All batches, in a fixed order.
#[must_use]
pub fn batches() -> Vec<Batch> {
    let mut all = vec![
        everywhere("log", system::log()),
        everywhere("basics", system::basics()),
        everywhere("header-value", headers::header_value()),
        everywhere("header-value-body", headers::header_value()).with(&[Exchange::Body]),
        everywhere("header-value-bare", headers::header_value()).with(&[Exchange::Bare]),
        everywhere("header-pairs", headers::header_pairs()).with(&[Exchange::Trailers, Exchange::Bare]),
        everywhere("header-size", headers::header_size()),
        everywhere("header-write", headers::header_write()),
        everywhere("header-write-body", headers::header_write()).with(&[Exchange::Body]),
        everywhere("header-write-bad", headers::header_write_bad()),
        everywhere("header-names", headers::header_names()),
        everywhere("header-set-pairs", headers::header_set_pairs()),
        everywhere("buffer-status", buffers::buffer_status()).with(&[Exchange::Trailers, Exchange::Body]),
        everywhere("buffer-bytes", buffers::buffer_bytes()),
        everywhere("buffer-set", buffers::buffer_set()),
        everywhere("buffer-set-bad", buffers::buffer_set_bad()),
        everywhere("properties", properties::properties()),
        everywhere("properties-bare", properties::properties()).with(&[Exchange::Bare]),
        everywhere("properties-bad", properties::properties_bad()),
        everywhere("set-property", properties::set_property()),
        everywhere("shared-data", state::shared_data()),
        everywhere("queues", state::queues()),
        everywhere("metrics", state::metrics()),
        everywhere("http-call", calls::http_call()),
        everywhere("grpc", calls::grpc()),
        everywhere("foreign", calls::foreign()),
        everywhere("context", system::context()),
        everywhere("wasi", system::wasi()),
        everywhere("control-bad", control::control_bad()),
    ];
    all.extend(control::paused());
    all.extend(control::control());
    all
}

/// Calls that are made in every phase.
fn everywhere(name: &str, calls: Vec<String>) -> Batch {
    let program = calls.into_iter().map(|call| format!("* * {call}")).collect();
    Batch { name: name.to_owned(), exchanges: vec![Exchange::Trailers], connections: Vec::new(), alone: false, program }
}

impl Batch {
    fn with(mut self, exchanges: &[Exchange]) -> Self {
        self.exchanges = exchanges.to_vec();
        self
    }

    /// The same for a network filter.
    fn over(mut self, connections: &[End]) -> Self {
        self.exchanges.clear();
        self.connections = connections.to_vec();
        self.name.insert_str(0, "tcp-");
        self
    }
}

/// Every combination of two lists in a call whose places are `{0}` and `{1}`.
fn cross<A: ToString, B: ToString>(call: &str, first: &[A], second: &[B]) -> Vec<String> {
    let fill = |a: &A, b: &B| call.replace("{0}", &a.to_string()).replace("{1}", &b.to_string());
    first.iter().flat_map(|a| second.iter().map(move |b| fill(a, b))).collect()
}

/// A call for every item of a list, whose place is `{}`.
fn each<T: ToString>(call: &str, items: &[T]) -> Vec<String> {
    items.iter().map(|item| call.replace("{}", &item.to_string())).collect()
}

fn lines(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| (*call).to_owned()).collect()
}

/// Pairs in their wire form, as the program writes bytes.
pub(super) fn pairs(list: &[(&str, &str)]) -> String {
    let word = |size: usize| {
        let size = u32::try_from(size).unwrap_or_default();
        size.to_le_bytes().map(|byte| format!("\\x{byte:02x}")).concat()
    };
    let sizes = list.iter().map(|(name, value)| word(name.len()) + &word(value.len())).collect::<String>();
    let data = list.iter().map(|(name, value)| format!("{name}\\x00{value}\\x00")).collect::<String>();
    word(list.len()) + &sizes + &data
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::batch::PHASES;
    use super::*;

    #[test]
    fn there_are_enough_cases_and_no_two_batches_of_one_name() {
        let batches = batches();
        let calls: usize =
            batches.iter().map(|batch| batch.program.iter().filter(|line| line.starts_with("* * ")).count()).sum();
        assert!(calls * (PHASES.len() - 1) >= 3_000, "{calls} calls");
        let names = batches.iter().map(|batch| &batch.name).collect::<BTreeSet<_>>();
        assert_eq!(names.len(), batches.len());
    }

    #[test]
    fn pairs_are_written_as_the_program_reads_them() {
        assert_eq!(pairs(&[("a", "bc")]), "\\x01\\x00\\x00\\x00\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00a\\x00bc\\x00");
    }
}
