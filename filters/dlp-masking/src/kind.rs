//! What a message's headers say of how its body is written.

use tamis::views::ContentType;

use crate::config::{OtherTypes, Unread};
use crate::format::Machine;

/// What is done with a body.
#[derive(Debug, Clone)]
pub enum Kind {
    /// It is looked at, by this machine.
    Read(Box<Machine>),
    /// It goes on as it is.
    Pass,
    /// The message is refused.
    Refuse,
}

/// What is done with a body whose headers say this. Types are told by their names; a `charset` other than UTF-8 or a part of
/// it, such as UTF-16, makes a body unreadable, and so do any `content-encoding` but `identity`, and the frames of gRPC.
#[must_use]
pub fn of(content_type: Option<&[u8]>, content_encoding: Option<&[u8]>, encoded: Unread, other: OtherTypes) -> Kind {
    let unread = match encoded {
        Unread::Pass => Kind::Pass,
        Unread::Refuse => Kind::Refuse,
    };
    let coded = content_encoding.unwrap_or_default().trim_ascii();
    if !coded.is_empty() && !coded.eq_ignore_ascii_case(b"identity") {
        return unread;
    }
    let content_type = content_type.and_then(|value| ContentType::parse(value).ok());
    if content_type.is_some_and(|it| it.parameter("charset").is_some_and(|charset| !is_ascii_based(&charset))) {
        return unread;
    }
    if content_type.is_some_and(|it| is_framed(&it)) {
        return unread;
    }
    match content_type.and_then(|content_type| machine(&content_type)) {
        Some(machine) => Kind::Read(Box::new(machine)),
        None => match other {
            OtherTypes::Pass => Kind::Pass,
            OtherTypes::Text => Kind::Read(Box::new(Machine::text())),
            OtherTypes::Refuse => Kind::Refuse,
        },
    }
}

fn machine(content_type: &ContentType<'_>) -> Option<Machine> {
    const LINES: [&str; 6] = [
        "application/x-ndjson",
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "application/json-lines",
        "application/json-seq",
    ];
    const TEXT: [&str; 6] = [
        "application/xml",
        "application/javascript",
        "application/yaml",
        "application/x-yaml",
        "application/graphql",
        "application/sql",
    ];
    let essence = content_type.essence().to_ascii_lowercase();
    if LINES.iter().any(|lines| content_type.is(lines)) {
        Some(Machine::lines())
    } else if content_type.is_json() {
        Some(Machine::json())
    } else if content_type.is("application/x-www-form-urlencoded") {
        Some(Machine::form())
    } else if content_type.is("text/event-stream") {
        Some(Machine::events())
    } else if essence.starts_with(b"text/")
        || essence.ends_with(b"+xml")
        || TEXT.iter().any(|text| content_type.is(text))
    {
        Some(Machine::text())
    } else {
        None
    }
}

/// Whether messages of binary length and content are strung together, whatever the content is written in: gRPC, and the
/// streams of Connect. A change of a length would break them.
fn is_framed(content_type: &ContentType<'_>) -> bool {
    let essence = content_type.essence().to_ascii_lowercase();
    essence.starts_with(b"application/grpc") || essence.starts_with(b"application/connect+")
}

/// Whether ASCII's letters and digits are single bytes in a character set, the same ones.
fn is_ascii_based(charset: &[u8]) -> bool {
    let charset = charset.trim_ascii().to_ascii_lowercase();
    let known: [&[u8]; 4] = [b"utf-8", b"utf8", b"us-ascii", b"ascii"];
    known.contains(&charset.as_slice()) || charset.starts_with(b"iso-8859-") || charset.starts_with(b"windows-125")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(content_type: &str, content_encoding: &str, encoded: Unread, other: OtherTypes) -> &'static str {
        let header = |value: &'static str| (!value.is_empty()).then_some(value.as_bytes());
        let (content_type, content_encoding) = (content_type.to_owned().leak(), content_encoding.to_owned().leak());
        match of(header(content_type), header(content_encoding), encoded, other) {
            Kind::Read(machine) => match *machine {
                Machine::Text(_) => "text",
                Machine::Json(_) => "json",
                Machine::Lines(_) => "lines",
                Machine::Form(_) => "form",
                Machine::Events(_) => "events",
            },
            Kind::Pass => "pass",
            Kind::Refuse => "refuse",
        }
    }

    #[test]
    fn headers_tell_how_a_body_is_written() {
        for (content_type, expected) in [
            ("application/json", "json"),
            ("application/problem+json; charset=UTF-8", "json"),
            ("application/json; charset=utf-16", "pass"),
            ("application/x-ndjson", "lines"),
            ("application/x-www-form-urlencoded", "form"),
            ("text/event-stream", "events"),
            ("Text/HTML; charset=\"iso-8859-1\"", "text"),
            ("image/svg+xml", "text"),
            ("image/png", "pass"),
            ("application/grpc+json", "pass"),
            ("application/grpc-web-text", "pass"),
            ("application/connect+json", "pass"),
            ("none", "pass"),
            ("", "pass"),
        ] {
            assert_eq!(kind(content_type, "", Unread::Pass, OtherTypes::Pass), expected, "{content_type}");
        }
        assert_eq!(kind("text/plain", "gzip", Unread::Pass, OtherTypes::Text), "pass");
        assert_eq!(kind("text/plain", "gzip", Unread::Refuse, OtherTypes::Text), "refuse");
        assert_eq!(kind("text/plain", "Identity", Unread::Refuse, OtherTypes::Pass), "text");
        assert_eq!(kind("", "", Unread::Pass, OtherTypes::Text), "text");
        assert_eq!(kind("image/png", "", Unread::Pass, OtherTypes::Refuse), "refuse");
    }
}
