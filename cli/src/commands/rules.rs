//! `tamis rules`: which rules of Envoy's behaviour have a test; what `make rules` runs.
//!
//! A rule is a paragraph of docs/envoy-behaviour.md that starts with its ID. A test cites it by the ID in a comment or a
//! text (`HDR-9`), or in the name of its function (`hdr_9_…`); a scenario cites it in a comment. What a library says about
//! a rule counts for nothing. The tables of conformance are tests: every call in them is compared with a real Envoy.
//!
//! A paragraph that says `Left out: why.` is a rule that this project does not keep, with its reason. One without a mark
//! `[run …]`, and without a `Run on …`, has never been seen in a running Envoy: it is from source, not run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::common::write_whole;
use crate::failure::Failure;

const RULES: &str = "docs/envoy-behaviour.md";
const COVERED: &str = "docs/rules-covered.txt";
/// The folders where tests and scenarios are.
const LOOKED_AT: [&str; 7] = ["cli", "examples", "filters", "harness", "module", "oci", "sdk"];

/// `tamis rules`
#[derive(clap::Args)]
pub struct Rules {
    /// Take what is covered now as the list of what must stay so
    #[arg(long)]
    bless: bool,
}

/// A rule's ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Id {
    group: String,
    number: u32,
}

/// What the page says of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Why this project does not keep it.
    left_out: Option<String>,
    /// It was seen in a running Envoy.
    was_run: bool,
}

impl Rules {
    /// Looks, prints, compares.
    ///
    /// # Errors
    /// When a rule that had a test has none any more, or a test cites a rule that there is not.
    pub fn run(self) -> Result<(), Failure> {
        let rules = rules(&read(Path::new(RULES))?);
        let groups = rules.keys().map(|rule| rule.group.as_str()).collect::<BTreeSet<_>>();
        let mut cited: BTreeMap<Id, PathBuf> = BTreeMap::new();
        for folder in LOOKED_AT {
            for file in files(Path::new(folder))? {
                let Some(text) = tests(&file, &read(&file)?).map(str::to_owned) else { continue };
                cited.extend(citations(&text, &groups).into_iter().map(|id| (id, file.clone())));
            }
        }
        let (covered, unknown): (Vec<_>, Vec<_>) = cited.into_iter().partition(|(id, _)| rules.contains_key(id));
        let covered = covered.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>();
        print!("{}", table(&rules, &covered));
        let both = covered.iter().filter(|id| rules.get(id).is_some_and(|rule| rule.left_out.is_some()));
        let both = both.map(ToString::to_string).collect::<Vec<_>>();
        if !both.is_empty() {
            let message = format!("these rules are left out, and have a test: {}", both.join(" "));
            return Err(
                Failure::user(message).hint(format_args!("take the reason out of {RULES}, or the citation away"))
            );
        }
        let recorded = recorded()?;
        if self.bless {
            write_whole(Path::new(COVERED), list(&covered).as_bytes())?;
            println!("==> {COVERED}");
        } else {
            let new = covered.difference(&recorded).map(ToString::to_string).collect::<Vec<_>>();
            if !new.is_empty() {
                println!("covered since, `make rules BLESS=1` records it: {}", new.join(" "));
            }
            let lost = recorded.difference(&covered).map(ToString::to_string).collect::<Vec<_>>();
            if !lost.is_empty() {
                let message = format!("no test cites these rules any more: {}", lost.join(" "));
                return Err(Failure::user(message).hint("`make rules BLESS=1` gives them up; the commit says why"));
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let unknown = unknown.iter().map(|(id, file)| format!("{id} in {}", file.display())).collect::<Vec<_>>();
        let message = format!("these rules are cited, and are not in {RULES}: {}", unknown.join(", "));
        Err(Failure::user(message).hint("correct the ID, or write the rule"))
    }
}

/// What paragraphs say that start with an ID.
fn rules(page: &str) -> BTreeMap<Id, Rule> {
    page.split("\n\n").filter_map(rule).collect()
}

fn rule(paragraph: &str) -> Option<(Id, Rule)> {
    let (id, text) = paragraph.trim_start().strip_prefix("**")?.split_once("**")?;
    let left_out = text.split_once("Left out: ").map(|(_, why)| why.split_whitespace().collect::<Vec<_>>().join(" "));
    let was_run = ["[run", "Run on ", "run:"].iter().any(|mark| text.contains(mark));
    Some((id.parse().ok()?, Rule { left_out, was_run }))
}

/// What of a file is a test or a scenario.
fn tests<'t>(file: &Path, text: &'t str) -> Option<&'t str> {
    // The cases of conformance are compared with real Envoys, call by call.
    if file.components().any(|part| part.as_os_str() == "conformance")
        && file.components().any(|part| part.as_os_str() == "cases")
    {
        return (file.extension()? == "rs").then_some(text);
    }
    let in_tests = file.components().any(|part| part.as_os_str() == "tests") || file.ends_with("tests.rs");
    match file.extension()?.to_str()? {
        "rs" if in_tests => Some(text),
        // Tests are the last thing in a file of ours.
        "rs" => text.get(text.find("#[cfg(test)]")?..),
        "yaml" => text.contains("exchanges:").then_some(text),
        _ => None,
    }
}

/// Every ID of a known group that is named in a text, and those that names of functions start with.
fn citations(text: &str, groups: &BTreeSet<&str>) -> BTreeSet<Id> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    let mut found = words.clone().filter_map(|word| word.parse::<Id>().ok()).collect::<BTreeSet<_>>();
    let mut words = words.filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        if word != "fn" {
            continue;
        }
        let mut parts = words.next().unwrap_or_default().split('_');
        while let (Some(group), Some(number)) = (parts.next(), parts.next()) {
            let Ok(id) = format!("{}-{number}", group.to_ascii_uppercase()).parse() else { break };
            found.insert(id);
        }
    }
    found.retain(|id| groups.contains(id.group.as_str()));
    found
}

fn table(rules: &BTreeMap<Id, Rule>, covered: &BTreeSet<Id>) -> String {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for (id, rule) in rules {
        let group = groups.entry(&id.group).or_default();
        let list = match (covered.contains(id), &rule.left_out) {
            (true, _) => &mut group.covered,
            (false, Some(_)) => &mut group.left_out,
            (false, None) => &mut group.without,
        };
        list.push(id.number);
        if !rule.was_run {
            group.from_source.push(id.number);
        }
    }
    let row = |name: &str, covered: &str, left_out: &str, without: &str, from_source: &str| {
        format!("{name:<6} {covered:>7}  {left_out:<12} {without:<16} {from_source}").trim_end().to_owned() + "\n"
    };
    let mut text = row("group", "covered", "left out", "without a test", "from source, not run");
    for (name, group) in &groups {
        let all = group.covered.len() + group.left_out.len() + group.without.len();
        let covered = format!("{}/{all}", group.covered.len());
        let lists = [&group.left_out, &group.without, &group.from_source].map(|list| numbers(list));
        let [left_out, without, from_source] = &lists;
        text.push_str(&row(name, &covered, left_out, without, from_source));
    }
    let left_out = rules.iter().filter_map(|(id, rule)| Some((id, rule.left_out.as_ref()?))).collect::<Vec<_>>();
    let from_source = rules.values().filter(|rule| !rule.was_run).count();
    let without = rules.len() - covered.len() - left_out.len();
    let covered = format!("{}/{}", covered.len(), rules.len());
    let [left, without, from_source] = [left_out.len(), without, from_source].map(|count| count.to_string());
    text.push_str(&row("all", &covered, &left, &without, &from_source));
    if !left_out.is_empty() {
        text.push_str("\nleft out:\n");
    }
    for (id, why) in left_out {
        text.push_str(&format!("  {:<8} {why}\n", id.to_string()));
    }
    text
}

/// The rules of a group, by their numbers.
#[derive(Default)]
struct Group {
    covered: Vec<u32>,
    left_out: Vec<u32>,
    without: Vec<u32>,
    from_source: Vec<u32>,
}

/// `1-4 7`
fn numbers(list: &[u32]) -> String {
    let ranges = list.chunk_by(|one, next| one + 1 == *next).filter_map(|range| match range {
        [] => None,
        [only] => Some(only.to_string()),
        [one, other] => Some(format!("{one} {other}")),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    ranges.collect::<Vec<_>>().join(" ")
}

fn list(covered: &BTreeSet<Id>) -> String {
    let ids = covered.iter().map(|id| format!("{id}\n")).collect::<String>();
    format!("# The rules of {RULES} that a test or a scenario cites. `make rules BLESS=1` writes this file.\n{ids}")
}

fn recorded() -> Result<BTreeSet<Id>, Failure> {
    if !Path::new(COVERED).is_file() {
        return Ok(BTreeSet::new());
    }
    Ok(read(Path::new(COVERED))?.lines().filter_map(|line| line.parse().ok()).collect())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let cannot = |error: std::io::Error| cannot_read(folder, &error);
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        if kind.is_dir() {
            found.extend(files(&entry.path())?);
        } else if kind.is_file() && entry.path().extension().is_some_and(|it| it == "rs" || it == "yaml") {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| cannot_read(file, &error))
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::user(format_args!("cannot read {}: {error}", path.display()))
        .hint("this command is for the repository of Tamis, and runs in its root folder: `make rules`")
}

impl FromStr for Id {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (group, number) = text.split_once('-').ok_or(())?;
        let upper = !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_uppercase());
        // No `+1` and no `01`; `ABI-0.1.0` is a version.
        let number =
            number.parse::<u32>().ok().filter(|parsed| *parsed > 0 && parsed.to_string() == number).ok_or(())?;
        if upper { Ok(Self { group: group.to_owned(), number }) } else { Err(()) }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.group, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups that Envoy's rules do not have, so that this file cites none of them.
    fn cited(text: &str) -> String {
        let groups = ["QQ", "ZZ"].into();
        citations(text, &groups).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    const PAGE: &str = "# Title\n\n**QQ-1** [read] It.\n\nas QQ-2 says\n\n**QQ-2** [read] That. Left out: nobody\nneeds it.\n\n\
                        **QQ-3** [test] A. Run on 1.40.0: B.\n\n**QQ-4** x\n\n**ZZ-10** [run] That.\n\n**bold** word\n";

    #[test]
    fn rules_are_paragraphs() {
        let rules = rules(PAGE);
        let names = rules.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names, ["QQ-1", "QQ-2", "QQ-3", "QQ-4", "ZZ-10"]);
        let was_run = rules.values().map(|rule| rule.was_run).collect::<Vec<_>>();
        assert_eq!(was_run, [false, false, true, false, true]);
        let left_out = rules.values().filter_map(|rule| rule.left_out.as_deref()).collect::<Vec<_>>();
        assert_eq!(left_out, ["nobody needs it."]);
    }

    #[test]
    fn comments_texts_and_names_cite() {
        assert_eq!(
            cited("// (rules `QQ-1`, QQ-12) and \"ZZ-3: x\", ZZ-0.1.0, UTF-8, QQ-x, xQQ-4, QQ-5-6, qq-7"),
            "QQ-1 QQ-12 ZZ-3"
        );
        assert_eq!(cited("fn qq_1_zz_20_what_is_done() { fn zz_first() {} qq_4() }"), "QQ-1 ZZ-20");
        assert_eq!(cited("fn what_qq_1_says() fn qq_0_1_0_is_a_version()"), "");
    }

    #[test]
    fn only_tests_and_scenarios_count() {
        let counts = |file: &str, text: &'static str| tests(Path::new(file), text);
        assert_eq!(counts("a/tests/main/b.rs", "// QQ-1"), Some("// QQ-1"));
        assert_eq!(counts("a/src/b.rs", "// QQ-1\n#[cfg(test)]\nmod tests"), Some("#[cfg(test)]\nmod tests"));
        assert_eq!(counts("a/src/b.rs", "// QQ-1"), None);
        assert_eq!(counts("a/scenarios/b.yaml", "# QQ-1\nexchanges: []"), Some("# QQ-1\nexchanges: []"));
        assert_eq!(counts("a/config.yaml", "# QQ-1"), None);
        assert_eq!(counts("a/src/conformance/cases/b.rs", "// QQ-1"), Some("// QQ-1"));
        assert_eq!(counts("a/src/conformance/b.rs", "// QQ-1"), None);
    }

    #[test]
    fn the_table_has_what_is_missing_what_is_left_out_and_what_was_never_run() {
        let covered = [Id { group: "QQ".to_owned(), number: 3 }].into();
        let table = table(&rules(PAGE), &covered);
        let expected = "\
group  covered  left out     without a test   from source, not run
QQ         1/4  2            1 4              1 2 4
ZZ         0/1               10
all        1/5  1            3                3

left out:
  QQ-2     nobody needs it.
";
        assert_eq!(table, expected);
        assert!(list(&covered).ends_with(".\nQQ-3\n"));
        assert_eq!(numbers(&[1, 2, 3, 5, 7, 8]), "1-3 5 7 8");
    }
}
