//! Edits a second time, on a tree that keeps every byte: what the editor makes of a document is, to the byte, what the
//! tree becomes. Shares nothing with the editor but the text of paths.

use tamis_core::json::{Document, Edit, MergePatch, Path, Step, Text};
use tamis_fuzz::arbitrary::{Result, Unstructured};

use super::fuzz;

/// A value with its bytes.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(String),
    Array(Vec<Item>, Gap),
    Object(Vec<Item>, Gap),
}

/// The white space in what is empty: in front of and behind the place where an item would be.
type Gap = (String, String);

/// A value in an array or an object, with the white space in front of it and behind it. The key is as it is written, with
/// the white space and the colon up to the value.
#[derive(Debug, Clone)]
struct Item {
    before: String,
    key: Option<(String, String)>,
    value: Tree,
    after: String,
}

impl Tree {
    fn write(&self, out: &mut String) {
        let (open, items, empty, close) = match self {
            Self::Leaf(text) => return out.push_str(text),
            Self::Array(items, empty) => ('[', items, empty, ']'),
            Self::Object(items, empty) => ('{', items, empty, '}'),
        };
        out.push(open);
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            out.push_str(&item.before);
            if let Some((key, colon)) = &item.key {
                out.push_str(key);
                out.push_str(colon);
            }
            item.value.write(out);
            out.push_str(&item.after);
        }
        if items.is_empty() {
            out.push_str(&empty.0);
            out.push_str(&empty.1);
        }
        out.push(close);
    }

    fn text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn items(&mut self) -> Option<(&mut Vec<Item>, &mut Gap)> {
        match self {
            Self::Leaf(_) => None,
            Self::Array(items, empty) | Self::Object(items, empty) => Some((items, empty)),
        }
    }

    /// Does something with every value that a path means, and its place.
    fn each(&mut self, steps: &[Step], last: &mut dyn FnMut(&mut Tree, &Step)) {
        let Some((step, rest)) = steps.split_first() else { return };
        if rest.is_empty() {
            return last(self, step);
        }
        let Some((items, _)) = self.items() else { return };
        for at in meant(items, step) {
            items[at].value.each(rest, last);
        }
    }

    /// A new value at the end.
    fn push(&mut self, key: Option<&str>, value: Tree) {
        let (items, empty) = self.items().unwrap();
        let (before, after) = match items.last_mut() {
            Some(last) => (String::new(), std::mem::take(&mut last.after)),
            None => std::mem::take(empty),
        };
        let key = key.map(|key| (serde_json::to_string(key).unwrap(), ":".to_owned()));
        items.push(Item { before, key, value, after });
    }

    fn remove(&mut self, at: usize) {
        let (items, empty) = self.items().unwrap();
        let gone = items.remove(at);
        if at > 0 {
            items[at - 1].after = gone.after;
        } else if let Some(next) = items.first_mut() {
            next.before = gone.before;
        } else {
            *empty = (gone.before, gone.after);
        }
    }

    fn merge(&mut self, patch: &serde_json::Value) {
        let (serde_json::Value::Object(patch), Self::Object(..)) = (patch, &*self) else {
            *self = Self::Leaf(stripped(patch).to_string());
            return;
        };
        for (name, patch) in patch {
            let there = meant(self.items().unwrap().0, &Step::Name(name.clone()));
            for at in there.iter().rev() {
                if patch.is_null() {
                    self.remove(*at);
                } else {
                    self.items().unwrap().0[*at].value.merge(patch);
                }
            }
            if there.is_empty() && !patch.is_null() {
                self.push(Some(name), Self::Leaf(stripped(patch).to_string()));
            }
        }
    }
}

/// A patch without the members that remove something.
fn stripped(patch: &serde_json::Value) -> serde_json::Value {
    match patch {
        serde_json::Value::Object(members) => members
            .iter()
            .filter(|(_, patch)| !patch.is_null())
            .map(|(name, patch)| (name.clone(), stripped(patch)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Where the items are that a step goes to.
fn meant(items: &[Item], step: &Step) -> Vec<usize> {
    let says = |item: &Item| item.key.as_ref().map(|(key, _)| serde_json::from_str::<String>(key).unwrap());
    let is = |at: usize, item: &Item| match (step, says(item)) {
        (Step::Wildcard, _) => true,
        (Step::Name(name) | Step::Token(name, _), Some(key)) => key == *name,
        (Step::Index(index) | Step::Token(_, Some(index)), None) => at == *index,
        (Step::FromEnd(index), None) => at + index == items.len(),
        _ => false,
    };
    items.iter().enumerate().filter(|(at, item)| is(*at, item)).map(|(at, _)| at).collect()
}

fn tree(u: &mut Unstructured<'_>, depth: usize) -> Result<Tree> {
    let kind = u.int_in_range(0..=if depth == 0 { 1 } else { 5 })?;
    if kind <= 1 {
        let leaves = [
            "0",
            "-0.0",
            "1e999",
            "12345678901234567890123",
            "1.000",
            "true",
            "null",
            r#""""#,
            r#""]},:{[\"\\""#,
            r#""\u0061\/\ud83d\ude00é""#,
            r#""\ud800""#,
        ];
        return Ok(Tree::Leaf((*u.choose(&leaves)?).to_owned()));
    }
    let object = kind % 2 == 0;
    let mut items = Vec::new();
    for _ in 0..u.int_in_range(0..=4)? {
        let key = if object {
            let key = u.choose(&[r#""a""#, r#""\u0061""#, r#""b""#, r#""""#, r#""0""#, r#""é\n""#, r#""c,]}\\""#])?;
            Some(((*key).to_owned(), format!("{}:{}", blank(u)?, blank(u)?)))
        } else {
            None
        };
        items.push(Item { before: blank(u)?, key, value: tree(u, depth - 1)?, after: blank(u)? });
    }
    let empty = (String::new(), blank(u)?);
    Ok(if object { Tree::Object(items, empty) } else { Tree::Array(items, empty) })
}

fn blank(u: &mut Unstructured<'_>) -> Result<String> {
    Ok((*u.choose(&["", "", "", " ", "\n  ", "\t\r\n"])?).to_owned())
}

fn path(u: &mut Unstructured<'_>) -> Result<Path> {
    let mut source = String::new();
    let pointer = u.ratio(1, 4)?;
    for _ in 0..u.int_in_range(1..=3)? {
        source.push_str(if pointer {
            u.choose(&["/a", "/b", "/", "/0", "/1"])?
        } else {
            u.choose(&[".a", "['b']", "[\"\"]", "['0']", "['\\u00e9\\n']", "[0]", "[1]", "[-1]", "[-2]", "[*]", ".*"])?
        });
    }
    Ok(Path::parse(&if pointer { source } else { format!("${source}") }).unwrap())
}

#[test]
fn every_byte_outside_of_an_edit_stays() {
    let (mut runs, mut matched) = (0, [0; 6]);
    fuzz(4000, |u| {
        let (mut tree, around) = (tree(u, 4)?, (blank(u)?, blank(u)?));
        let body = format!("{}{}{}", around.0, tree.text(), around.1);
        let path = path(u)?;
        let value = *u.choose(&["7", r#""new""#, "[1, 2]", r#"{"a": 1}"#, "12345678901234567890.0"])?;
        let text = Text::parse(value.as_bytes()).unwrap();
        let new = || Tree::Leaf(value.to_owned());
        let kind = u.int_in_range(0..=5_usize)?;
        let edit = match kind {
            0 | 1 => {
                let add = kind == 0;
                tree.each(path.steps(), &mut |tree, step| {
                    let object = matches!(tree, Tree::Object(..));
                    let Some((items, _)) = tree.items() else { return };
                    let there = meant(items, step);
                    there.iter().for_each(|at| items[*at].value = new());
                    if let (true, true, Step::Name(name) | Step::Token(name, _)) =
                        (add && object, there.is_empty(), step)
                    {
                        tree.push(Some(name), new());
                    }
                });
                if add { Edit::set(path.clone(), text) } else { Edit::replace(path.clone(), text) }
            }
            2 => {
                tree.each(path.steps(), &mut |tree, step| {
                    let Some((items, _)) = tree.items() else { return };
                    meant(items, step).into_iter().rev().for_each(|at| tree.remove(at));
                });
                Edit::remove(path.clone()).unwrap()
            }
            3 => {
                // A name that nothing has.
                let Ok(edit) = Edit::rename(path.clone(), "n\"") else { return Ok(()) };
                tree.each(path.steps(), &mut |tree, step| {
                    let Tree::Object(items, _) = tree else { return };
                    meant(items, step)
                        .into_iter()
                        .for_each(|at| items[at].key.as_mut().unwrap().0 = r#""n\"""#.to_owned());
                });
                edit
            }
            4 => {
                tree.each(path.steps(), &mut |tree, step| {
                    let Some((items, _)) = tree.items() else { return };
                    for at in meant(items, step) {
                        if matches!(items[at].value, Tree::Array(..)) {
                            items[at].value.push(None, new());
                        }
                    }
                });
                Edit::append(path.clone(), text)
            }
            _ => {
                let patch = u.choose(&[
                    r#"{"a":null}"#,
                    r#"{"a":{"a":1,"b":null},"z":2}"#,
                    r#"{"b":{"x":{"y":null}}}"#,
                    "[null]",
                    "null",
                    r#"{"":null,"0":null,"a":null,"b":3}"#,
                ])?;
                let json: serde_json::Value = serde_json::from_str(patch).unwrap();
                tree.each(path.steps(), &mut |tree, step| {
                    let Some((items, _)) = tree.items() else { return };
                    meant(items, step).into_iter().for_each(|at| items[at].value.merge(&json));
                });
                Edit::merge(path.clone(), MergePatch::from(&Text::parse(patch.as_bytes()).unwrap()))
            }
        };
        let document = Document::parse(body.as_bytes()).unwrap();
        let edited = document.edit(std::slice::from_ref(&edit), 1 << 20).unwrap();
        let expected = format!("{}{}{}", around.0, tree.text(), around.1);
        assert_eq!(str::from_utf8(&edited.body).unwrap(), expected, "{edit:?} of {body}");
        assert!(Document::parse(&edited.body).is_ok(), "{expected}");
        runs += 1;
        matched[kind] += usize::from(edited.matched > 0);
        Ok(())
    });
    assert!(runs == 0 || matched.iter().all(|matched| *matched > 0), "{matched:?} of {runs}: an edit is never tried");
}
