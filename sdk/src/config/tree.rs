//! What a JSON text says, whoever wrote it down.
//!
//! A protobuf Struct, which is what a `WasmPlugin` sends, knows neither integers nor an order of keys. So two texts that
//! differ in nothing else are the same tree, and a filter that is tested with one of them is tested with the other.

use super::fault::Fault;
use super::json;

/// The largest integer that is itself after it was a double, and that no other integer becomes.
pub(super) const LARGEST: i64 = (1 << 53) - 1;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Truth(bool),
    /// Any number that a double holds as a whole one, up to [`LARGEST`] on both sides of 0, however it was written.
    Whole(i64),
    /// Any other number.
    Fraction(f64),
    Text(String),
    List(Vec<Node>),
    /// The fields by their names, sorted. Not a map type: that costs a module five kilobytes, and what a proxy or the
    /// command sends is sorted already.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// Reads a text; nothing at all is the empty object.
    pub(super) fn read(json: &[u8]) -> Result<Self, Fault> {
        if json.trim_ascii().is_empty() {
            return Ok(Self::Object(Vec::new()));
        }
        json::read(json)
    }

    /// A number that is whole if it is one below the bound.
    pub(super) fn number(value: f64) -> Self {
        let bound = LARGEST as f64;
        if value.fract() == 0.0 && (-bound..=bound).contains(&value) {
            Self::Whole(value as i64)
        } else {
            Self::Fraction(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Node {
        Node::read(json.as_bytes()).unwrap()
    }

    #[test]
    fn the_way_a_number_is_written_says_nothing() {
        for (one, other) in
            [("1", "1.0"), ("-3", "-3e0"), ("0", "-0.0"), ("0", "-0"), ("900719925474099", "900719925474099.0")]
        {
            assert_eq!(read(one), read(other), "{one} and {other}");
        }
        assert_eq!(read("9007199254740991"), Node::Whole(LARGEST));
        assert_eq!(read("9007199254740992"), Node::Fraction(9_007_199_254_740_992.0));
        assert_eq!(read("9007199254740993"), Node::Fraction(9_007_199_254_740_992.0));
        assert_eq!(read("-9007199254740992"), Node::Fraction(-9_007_199_254_740_992.0));
        assert_eq!(read("9007199254740991.0"), Node::Whole(LARGEST));
        assert_eq!(read("90071992547409910000000e-7"), Node::Whole(LARGEST));
        assert_eq!(read("0.5"), Node::Fraction(0.5));
    }

    #[test]
    fn the_order_of_keys_says_nothing() {
        assert_eq!(read(r#"{"a": 1, "b": {"c": 2, "d": []}}"#), read(r#"{"b": {"d": [], "c": 2}, "a": 1}"#));
    }

    #[test]
    fn what_is_not_json_has_a_place() {
        for (json, error) in [
            (r#"{"a": [1, {"b": 1, "b": 2}]}"#, "a[1].b: this key comes twice; leave one of them out"),
            (r#"{"a": [1, nul]}"#, "a[1]: expected ident"),
            (r#"{"a": 1"#, ": EOF while parsing an object"),
            ("{} {}", ": trailing characters"),
            ("\u{1}", ": expected value"),
        ] {
            let (path, message) = Node::read(json.as_bytes()).unwrap_err().into_parts();
            assert_eq!(format!("{path}: {message}"), error, "{json}");
        }
    }

    #[test]
    fn depth_has_a_bound() {
        let (_, message) = Node::read("[".repeat(100_000).as_bytes()).unwrap_err().into_parts();
        assert_eq!(message, "recursion limit exceeded");
    }
}
