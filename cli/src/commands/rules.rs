//! `tamis rules`: which rules of Envoy's behaviour have a test; what `make rules` runs.
//!
//! A rule is a paragraph of docs/envoy-behaviour.md that starts with its ID. A test cites it by the ID in a comment or a
//! text (`HDR-9`), or in the name of its function (`hdr_9_…`); a scenario cites it in a comment. What a library says about
//! a rule counts for nothing.

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

impl Rules {
    /// Looks, prints, compares.
    ///
    /// # Errors
    /// When a rule that had a test has none any more, or a test cites a rule that there is not.
    pub fn run(self) -> Result<(), Failure> {
        let rules = rules(&read(Path::new(RULES))?);
        let groups = rules.iter().map(|rule| rule.group.as_str()).collect::<BTreeSet<_>>();
        let mut cited: BTreeMap<Id, PathBuf> = BTreeMap::new();
        for folder in LOOKED_AT {
            for file in files(Path::new(folder))? {
                let Some(text) = tests(&file, &read(&file)?).map(str::to_owned) else { continue };
                cited.extend(citations(&text, &groups).into_iter().map(|id| (id, file.clone())));
            }
        }
        let (covered, unknown): (Vec<_>, Vec<_>) = cited.into_iter().partition(|(id, _)| rules.contains(id));
        let covered = covered.into_iter().map(|(id, _)| id).collect::<BTreeSet<_>>();
        print!("{}", table(&rules, &covered));
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

/// The IDs that paragraphs start with, in order.
fn rules(page: &str) -> BTreeSet<Id> {
    page.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**")?.0.parse().ok()).collect()
}

/// What of a file is a test or a scenario.
fn tests<'t>(file: &Path, text: &'t str) -> Option<&'t str> {
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

fn table(rules: &BTreeSet<Id>, covered: &BTreeSet<Id>) -> String {
    let mut groups: BTreeMap<&str, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for rule in rules {
        let (with, without) = groups.entry(&rule.group).or_default();
        let list = if covered.contains(rule) { with } else { without };
        list.push(rule.number.to_string());
    }
    let mut text = format!("{:<6} {:>7}  without a test\n", "group", "covered");
    for (group, (with, without)) in groups {
        let of = format!("{}/{}", with.len(), with.len() + without.len());
        text.push_str(format!("{group:<6} {of:>7}  {}", without.join(" ")).trim_end());
        text.push('\n');
    }
    text.push_str(&format!("{:<6} {:>7}\n", "all", format!("{}/{}", covered.len(), rules.len())));
    text
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

    #[test]
    fn rules_are_paragraphs() {
        let rules = rules("**QQ-1** [read] It.\nas QQ-2 says\n**ZZ-10** [run] That.\n**bold** word\n");
        assert_eq!(rules.iter().map(ToString::to_string).collect::<Vec<_>>(), ["QQ-1", "ZZ-10"]);
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
    }

    #[test]
    fn the_table_has_what_is_missing() {
        let rules = rules("**QQ-1**\n**QQ-2**\n**QQ-10**\n**ZZ-1**\n");
        let covered = [Id { group: "QQ".to_owned(), number: 2 }].into();
        assert_eq!(
            table(&rules, &covered),
            "group  covered  without a test\nQQ         1/3  1 10\nZZ         0/1  1\nall        1/4\n"
        );
        assert!(list(&covered).ends_with(".\nQQ-2\n"));
    }
}
