//! Transcripts: what is typed and what is printed, as a text file that is read, replayed and compared.
//!
//! A case begins with `== NAME`. `-- FILE` is a file of its folder, with the lines that follow. `$ tamis WORDS` is run in that
//! folder (words in front of `tamis` are environment variables); what follows is what it must print, and `[exit N]` if that
//! is not 0. After a command that fails, the folder holds exactly what it held before. `BLESS=1` rewrites the file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::process::{run, tamis};

#[derive(Debug, Default)]
struct Transcript {
    prelude: String,
    cases: Vec<Case>,
}

#[derive(Debug, Default)]
struct Case {
    name: String,
    files: Vec<(String, String)>,
    commands: Vec<(String, String)>,
}

/// What stands in a transcript for something that differs from run to run: `[NAME]`, and its value now, if it has one.
#[derive(Debug, Clone)]
pub struct Placeholder {
    pub name: &'static str,
    pub value: Option<String>,
}

/// Replays every case of a file, each in a new folder that `prepare` has put something into.
///
/// A case that needs a placeholder without a value is left out.
pub fn replay(file: &Path, placeholders: &[Placeholder], prepare: &dyn Fn(&Path)) {
    let text = std::fs::read_to_string(file).unwrap();
    let mut transcript = Transcript::parse(&text);
    let missing = |line: &str| placeholders.iter().any(|known| known.value.is_none() && line.contains(known.name));
    let mut differences = String::new();
    for case in &mut transcript.cases {
        if !case.commands.iter().any(|(line, _)| missing(line)) {
            case.replay(placeholders, prepare, &mut differences);
        }
    }
    assert!(!transcript.cases.is_empty(), "{} has no case", file.display());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, transcript.to_text()).unwrap();
    } else {
        assert!(differences.is_empty(), "{} (BLESS=1 rewrites it):\n{differences}", file.display());
        assert_eq!(text, transcript.to_text(), "{} is not written as BLESS=1 writes it", file.display());
    }
}

impl Case {
    /// Runs the commands; what they print takes the place of what was expected.
    fn replay(&mut self, placeholders: &[Placeholder], prepare: &dyn Fn(&Path), differences: &mut String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        prepare(&path);
        for (name, text) in &self.files {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, filled(text, placeholders)).unwrap();
        }
        for (line, expected) in &mut self.commands {
            let before = contents(&path);
            let typed = filled(line, placeholders);
            let words = typed.split_whitespace().collect::<Vec<_>>();
            let at = words.iter().position(|word| *word == "tamis").expect("a line runs tamis");
            let mut command = tamis(&path, &words[at + 1..]);
            command.envs(words[..at].iter().map(|word| word.split_once('=').expect("NAME=VALUE")));
            let ended = run(command);
            let mut seen = stable(&ended.text, &path, placeholders);
            if ended.code != Some(0) {
                seen.push_str(&ended.code.map_or("[killed]\n".to_owned(), |code| format!("[exit {code}]\n")));
                assert_eq!(contents(&path), before, "{}: `{line}` left something behind", self.name);
            }
            if seen.trim_end() != expected.trim_end() {
                let name = &self.name;
                differences.push_str(&format!("== {name}\n$ {line}\n--- expected\n{expected}--- seen\n{seen}\n"));
            }
            *expected = seen;
        }
    }
}

/// All files of a folder but those that cargo makes, with what is in them.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            if !path.ends_with("target") {
                found.extend(contents(&path));
            }
        } else if !path.ends_with("Cargo.lock") {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found.retain(|path, _| !path.ends_with("target"));
    found
}

/// A text with the values of now.
fn filled(text: &str, placeholders: &[Placeholder]) -> String {
    placeholders
        .iter()
        .fold(text.to_owned(), |text, known| text.replace(known.name, known.value.as_deref().unwrap_or_default()))
}

/// What was printed, without what differs from run to run.
fn stable(text: &str, folder: &Path, placeholders: &[Placeholder]) -> String {
    let mut text = text.replace(folder.to_str().unwrap(), "[DIR]");
    for known in placeholders {
        if let Some(value) = &known.value {
            text = text.replace(value, known.name);
        }
    }
    text = between(&text, "sha256:", |c| !c.is_ascii_hexdigit(), "[DIGEST]");
    // Fuel is the compiler's affair; the budgets are where it is compared.
    text = between(&text, "host calls, ", |c| !c.is_ascii_digit(), "[N]");
    // What a module logs is not what the command says.
    let said = text.lines().filter(|line| !line.starts_with("[info] wasm log"));
    let mut lines = said.map(str::trim_end).collect::<Vec<_>>().join("\n");
    lines.push('\n');
    if lines.trim().is_empty() { String::new() } else { lines }
}

/// Puts `instead` in place of what follows `before`, up to a character that is an `end`.
fn between(text: &str, before: &str, end: fn(char) -> bool, instead: &str) -> String {
    let mut parts = text.split(before);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find(end).map_or("", |at| &part[at..]);
        result.push_str(&format!("{before}{instead}{rest}"));
    }
    result
}

impl Transcript {
    fn parse(text: &str) -> Self {
        let mut this = Self::default();
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("== ") {
                this.cases.push(Case { name: name.to_owned(), ..Case::default() });
                continue;
            }
            let into = match this.cases.last_mut() {
                None => &mut this.prelude,
                Some(case) => {
                    if let Some(name) = line.strip_prefix("-- ") {
                        case.files.push((name.to_owned(), String::new()));
                        continue;
                    } else if let Some(command) = line.strip_prefix("$ ") {
                        case.commands.push((command.to_owned(), String::new()));
                        continue;
                    }
                    let of_command = case.commands.last_mut().map(|(_, output)| output);
                    of_command.or(case.files.last_mut().map(|(_, text)| text)).expect("a line belongs to something")
                }
            };
            into.push_str(line);
            into.push('\n');
        }
        this
    }

    fn to_text(&self) -> String {
        let mut text = self.prelude.clone();
        let mut cases = Vec::new();
        for case in &self.cases {
            let mut lines = format!("== {}\n", case.name);
            for (name, content) in &case.files {
                lines.push_str(&format!("-- {name}\n{content}"));
            }
            for (command, output) in &case.commands {
                let output = output.trim_end();
                lines.push_str(&format!("$ {command}\n{output}{}", if output.is_empty() { "" } else { "\n" }));
            }
            cases.push(lines);
        }
        text.push_str(&cases.join("\n"));
        text
    }
}
