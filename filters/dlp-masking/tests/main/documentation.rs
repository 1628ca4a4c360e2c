//! The page that says what each detector looks for, made from what stands at the head of its file. `BLESS=1 cargo test` writes
//! it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use dlp_masking::detect::{keyed, token};
use dlp_masking::entity::Entity;

use crate::support::is_blessed;

const HEAD: &str = "# What masking finds, and what it misses

Made from the detectors' own files by their tests; do not edit. How often each is right is measured: see
[the figures](../figures.md#what-masking-finds-and-what-it-takes-for-something-else).

The form of a thing gives a score from 0 to 100. A word of its own kind close before it adds 40 (\"card: ...\"), one of another
kind takes 30 away (\"order no. ...\"); what reaches the rule's threshold, 50 unless set, is masked. `allow` says what is none.
";

/// The files, and what they find.
const DETECTORS: [(&str, &[Entity]); 9] = [
    ("card", &[Entity::Card]),
    ("iban", &[Entity::Iban]),
    ("person", &[Entity::UsSsn, Entity::KrRrn, Entity::UkNhs, Entity::InAadhaar, Entity::BrCpf]),
    ("phone", &[Entity::Phone]),
    ("address", &[Entity::Ipv4, Entity::Ipv6]),
    ("email", &[Entity::Email]),
    ("token", &[Entity::Token]),
    ("jwt", &[Entity::Jwt]),
    ("pem", &[Entity::PrivateKey]),
];
/// What a configuration lists, by the field that does.
const LISTED: [(&str, &str); 3] = [("keyed", "names"), ("words", "words"), ("pattern", "patterns")];

#[test]
fn the_page_says_what_the_files_do() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut page = HEAD.to_owned();
    for (file, entities) in DETECTORS {
        section(&mut page, root, file, &code(entities.iter().map(|entity| entity.name())));
        if entities.contains(&Entity::Token) {
            page.push_str("\n| whose | begins with |\n|---|---|\n");
            token::known().for_each(|(service, prefix)| page.push_str(&format!("| {service} | `{prefix}` |\n")));
        }
    }
    for (file, field) in LISTED {
        section(&mut page, root, file, &format!("the field `{field}`"));
        if field == "names" {
            let _ = write!(page, "\nThe names: {}.\n", code(keyed::NAMES));
        }
    }
    is_blessed("../../docs/filters/dlp-masking-detectors.md", &page);
}

#[test]
fn every_entity_is_on_the_page() {
    for entity in Entity::ALL {
        assert_eq!(DETECTORS.iter().filter(|(_, entities)| entities.contains(&entity)).count(), 1, "{entity:?}");
    }
}

fn code<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The head of a file, under its first line, which is its title.
fn section(page: &mut String, root: &Path, file: &str, names: &str) {
    let source = fs::read_to_string(root.join(format!("src/detect/{file}.rs"))).unwrap();
    let head =
        source.lines().map_while(|line| line.strip_prefix("//!")).map(|line| line.strip_prefix(' ').unwrap_or(line));
    let head = head.collect::<Vec<_>>().join("\n");
    let (title, rest) = head.split_once('\n').unwrap();
    assert!(!rest.contains("[`"), "{file}: links mean nothing on a page: {rest}");
    let _ = write!(page, "\n## {}\n\n{names}\n\n{}\n", title.trim_end_matches('.'), rest.trim());
}
