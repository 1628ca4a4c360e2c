//! What is said about a condition that is wrong: where it is, and what to write.

use tamis::config::parse;
use tamis::matching::Match;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[expect(dead_code, reason = "only read")]
    when: Match,
}

#[test]
fn errors_have_a_place_and_repeat_nothing() {
    for (when, error) in [
        ("[]", "`when`: expected an object, found a list"),
        (
            r#"{"method": ["GET"]}"#,
            "`when.method`: unknown field `method`, expected one of `methods`, `hosts`, `paths`, `headers`, `query`, `cookies`, `sources`, `attributes`, `all`, `any`, `not`",
        ),
        (r#"{"methods": "GET"}"#, "`when.methods`: expected a list, found a string"),
        (r#"{"hosts": ["a", "secret:80"]}"#, "`when.hosts[1]`: leave the port out: a host is the same on every port"),
        (r#"{"paths": ["/secret"]}"#, "`when.paths[0]`: expected `exact`, `prefix` or `regex`, found another word"),
        (r#"{"paths": [{"prefix": "secret"}]}"#, "`when.paths[0].prefix`: a path begins with a slash"),
        (
            r#"{"headers": ["secret"]}"#,
            "`when.headers`: expected an object with a condition for each name, found a list",
        ),
        (r#"{"headers": {"x-a": "secret"}}"#, "`when.headers.x-a`: expected an object, found a string"),
        (
            r#"{"headers": {"x-a": {"exact": "a", "of": "secret"}}}"#,
            "`when.headers.x-a.of`: expected `any`, `all` or `first`, found another word",
        ),
        (
            r#"{"headers": {"x-a": {"exact": "a", "prefix": "b"}}}"#,
            "`when.headers.x-a`: expected one of `exact`, `prefix`, `suffix`, `contains`, `regex` and `present`, found several",
        ),
        (
            r#"{"all": [{}, {"sources": ["secret"]}]}"#,
            "`when.all[1].sources[0]`: expected an address such as 192.0.2.1 or 2001:db8::1, or a block of them such as 10.0.0.0/8",
        ),
        (
            r#"{"not": {"cookies": {"a": {"exact": 1}}}}"#,
            "`when.not.cookies.a.exact`: expected a string, found the number 1",
        ),
    ] {
        let config = format!(r#"{{"when": {when}}}"#);
        let found = parse::<Config>(config.as_bytes()).unwrap_err().to_string();
        assert_eq!(found, format!("invalid configuration at {error}"));
    }
}
