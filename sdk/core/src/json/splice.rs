//! The walk through a document that copies it, but for what changes.

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::Cursor;
use super::edit::Change;
use super::merge::{MergePatch, Patch};
use super::path::Step;
use super::{Edit, EditError, Edited, Text, quoted, string};

pub(super) fn edit<'a, 'e>(
    bytes: &'a [u8],
    start: usize,
    edits: impl IntoIterator<Item = &'e Edit>,
    limit: usize,
) -> Result<Edited<'a>, EditError> {
    let mut edited = Edited { body: Cow::Borrowed(bytes), matched: 0, no_arrays: 0 };
    if bytes.len() > limit {
        return Err(EditError::TooLong { limit });
    }
    for Edit { path, change } in edits {
        let mut run = Run::new(Cursor::new(&edited.body, start), limit);
        run.value(path.steps(), change)?;
        let (matched, no_arrays) = (run.matched, run.no_arrays);
        if let Some(body) = run.finish()? {
            edited.body = Cow::Owned(body);
        }
        edited.matched += matched;
        edited.no_arrays += no_arrays;
    }
    Ok(edited)
}

pub(super) fn find<'a>(cursor: &mut Cursor<'a>, steps: &[Step], found: &mut dyn FnMut(Range<usize>)) {
    // A run that changes nothing: what it could fail at does not happen.
    let _ = Run::new(*cursor, 0).find(steps, found);
}

/// One edit under way: what is in front of `copied` is in `out`, changed.
struct Run<'a> {
    cursor: Cursor<'a>,
    out: Vec<u8>,
    copied: usize,
    limit: usize,
    matched: usize,
    no_arrays: usize,
}

/// What becomes of an item of an array or an object.
enum Item {
    /// It stays, and the cursor is still in front of it.
    Stays,
    /// The cursor is behind it.
    Done,
    /// It goes, with its key and a comma; the cursor is still in front of it.
    Goes,
}

/// Asked for every item: with what is between the quotes of its key, in an object, and its index.
type Each<'e, 'a> = dyn FnMut(&mut Run<'a>, Option<Range<usize>>, usize) -> Result<Item, EditError> + 'e;

/// Where an array or an object takes one more item.
struct Tail {
    at: usize,
    /// Whether there is an item in front of it.
    comma: bool,
}

impl<'a> Run<'a> {
    fn new(cursor: Cursor<'a>, limit: usize) -> Self {
        Self { cursor, out: Vec::new(), copied: 0, limit, matched: 0, no_arrays: 0 }
    }

    /// Everything, or nothing when nothing has changed.
    fn finish(mut self) -> Result<Option<Vec<u8>>, EditError> {
        if self.copied == 0 && self.out.is_empty() {
            return Ok(None);
        }
        self.splice(self.cursor.bytes.len()..self.cursor.bytes.len(), b"")?;
        Ok(Some(self.out))
    }

    /// Goes on with the steps that are left, from the value at the cursor to behind it. As deep as a path has steps.
    fn value(&mut self, steps: &[Step], change: &Change) -> Result<(), EditError> {
        let Some((step, rest)) = steps.split_first() else { return self.target(change) };
        match self.cursor.peek() {
            Some(b'{') if rest.is_empty() => self.members(step, change),
            Some(b'{' | b'[') => {
                let length = self.length();
                let take = |run: &mut Self, key: Option<Range<usize>>, index| {
                    if !run.takes(step, key, index, &length) {
                        return Ok(Item::Stays);
                    }
                    if let (Change::Remove, []) = (change, rest) {
                        run.matched += 1;
                        return Ok(Item::Goes);
                    }
                    run.value(rest, change)?;
                    Ok(Item::Done)
                };
                self.items(&mut { take }).map(drop)
            }
            _ => {
                self.cursor.value();
                Ok(())
            }
        }
    }

    /// The last step, in an object.
    fn members(&mut self, step: &Step, change: &Change) -> Result<(), EditError> {
        let (mut found, mut taken) = (false, None);
        let mut tail = self.items(&mut |run, key, _| {
            let key = key.unwrap_or_default();
            if !step.takes_key(run.bytes(&key)) {
                if let Change::Rename(name) = change
                    && string::says(run.bytes(&key), name)
                {
                    taken = Some(key.start.saturating_sub(1));
                }
                return Ok(Item::Stays);
            }
            found = true;
            match change {
                Change::Remove => {
                    run.matched += 1;
                    Ok(Item::Goes)
                }
                Change::Rename(name) => {
                    run.matched += 1;
                    run.splice(key.start.saturating_sub(1)..key.end + 1, quoted(name).as_bytes())?;
                    Ok(Item::Stays)
                }
                _ => run.target(change).map(|()| Item::Done),
            }
        })?;
        match (change, step.name(), taken) {
            (Change::Rename(_), _, Some(at)) if found => Err(EditError::NameTaken { at }),
            (Change::Set { value, add: true }, Some(name), _) if !found => {
                self.matched += 1;
                self.add(&mut tail, Some(name), value.as_bytes())
            }
            _ => Ok(()),
        }
    }

    /// A value that the path means.
    fn target(&mut self, change: &Change) -> Result<(), EditError> {
        match change {
            Change::Set { value, .. } => {
                self.matched += 1;
                self.put(value.as_bytes())
            }
            Change::Append(value) => self.append(value),
            Change::Merge(MergePatch(patch)) => {
                self.matched += 1;
                self.merge(patch)
            }
            // Where these are done, the item is known and not only its value.
            Change::Remove | Change::Rename(_) => {
                self.cursor.value();
                Ok(())
            }
        }
    }

    fn append(&mut self, value: &Text) -> Result<(), EditError> {
        if self.cursor.peek() != Some(b'[') {
            self.no_arrays += 1;
            self.cursor.value();
            return Ok(());
        }
        self.matched += 1;
        let mut tail = self.items(&mut |_, _, _| Ok(Item::Stays))?;
        self.add(&mut tail, None, value.as_bytes())
    }

    /// As deep as the patch is.
    fn merge(&mut self, patch: &Patch) -> Result<(), EditError> {
        let (Patch::Members(members), Some(b'{')) = (patch, self.cursor.peek()) else {
            let mut text = Vec::new();
            patch.write(&mut text);
            return self.put(&text);
        };
        let mut missing: Vec<bool> = members.iter().map(|(_, patch)| *patch != Patch::Remove).collect();
        let mut tail = self.items(&mut |run, key, _| {
            let key = key.unwrap_or_default();
            let mut named = members.iter().zip(&mut missing);
            let Some(((_, patch), missing)) = named.find(|((name, _), _)| string::says(run.bytes(&key), name)) else {
                return Ok(Item::Stays);
            };
            *missing = false;
            match patch {
                Patch::Remove => Ok(Item::Goes),
                patch => run.merge(patch).map(|()| Item::Done),
            }
        })?;
        for ((name, patch), _) in members.iter().zip(missing).filter(|(_, missing)| *missing) {
            let mut text = Vec::new();
            patch.write(&mut text);
            self.add(&mut tail, Some(name), &text)?;
        }
        Ok(())
    }

    fn find(&mut self, steps: &[Step], found: &mut dyn FnMut(Range<usize>)) -> Result<(), EditError> {
        let Some((step, rest)) = steps.split_first() else {
            found(self.cursor.value());
            return Ok(());
        };
        if !matches!(self.cursor.peek(), Some(b'{' | b'[')) {
            self.cursor.value();
            return Ok(());
        }
        let length = self.length();
        let tail = self.items(&mut |run, key, index| {
            if !run.takes(step, key, index, &length) {
                return Ok(Item::Stays);
            }
            run.find(rest, found)?;
            Ok(Item::Done)
        });
        tail.map(drop)
    }

    /// Every item of the array or object at the cursor; behind it afterwards.
    fn items(&mut self, each: &mut Each<'_, 'a>) -> Result<Tail, EditError> {
        let object = self.cursor.take(b'{') || !self.cursor.take(b'[');
        let mut tail = Tail { at: self.cursor.at, comma: false };
        for index in 0.. {
            self.cursor.blank();
            if matches!(self.cursor.peek(), None | Some(b'}' | b']')) {
                self.cursor.at += 1;
                break;
            }
            let start = self.cursor.at;
            let key = object.then(|| self.cursor.key());
            match each(self, key, index)? {
                Item::Goes => {
                    self.cursor.value();
                    let from = if tail.comma { tail.at } else { start };
                    tail.at = self.cursor.at;
                    self.splice(from..if tail.comma { tail.at } else { self.next() }, b"")?;
                }
                Item::Stays => {
                    self.cursor.value();
                    tail = Tail { at: self.cursor.at, comma: true };
                }
                Item::Done => tail = Tail { at: self.cursor.at, comma: true },
            }
            self.cursor.blank();
            self.cursor.take(b',');
        }
        Ok(tail)
    }

    /// Where the next item begins; behind the last one, here.
    fn next(&self) -> usize {
        let mut next = self.cursor;
        next.blank();
        if !next.take(b',') {
            return self.cursor.at;
        }
        next.blank();
        next.at
    }

    /// One more item at the end.
    fn add(&mut self, tail: &mut Tail, name: Option<&str>, value: &[u8]) -> Result<(), EditError> {
        let here = tail.at..tail.at;
        if std::mem::replace(&mut tail.comma, true) {
            self.splice(here.clone(), b",")?;
        }
        if let Some(name) = name {
            self.splice(here.clone(), quoted(name).as_bytes())?;
            self.splice(here.clone(), b":")?;
        }
        self.splice(here, value)
    }

    /// Another value in the place of the one at the cursor.
    fn put(&mut self, value: &[u8]) -> Result<(), EditError> {
        let span = self.cursor.value();
        self.splice(span, value)
    }

    /// Other bytes in the place of these. The places come in the order of the text.
    fn splice(&mut self, span: Range<usize>, with: &[u8]) -> Result<(), EditError> {
        let before = self.cursor.bytes.get(self.copied..span.start).unwrap_or_default();
        let bytes = self.out.len() + before.len() + with.len();
        if bytes > self.limit {
            return Err(EditError::TooLong { limit: self.limit });
        }
        if bytes > self.out.capacity() {
            // Not more than the bound, where doubling would go beyond it.
            let capacity = bytes.max(self.cursor.bytes.len()).max(self.out.capacity() * 2).min(self.limit);
            self.out.reserve_exact(capacity - self.out.len());
        }
        self.out.extend_from_slice(before);
        self.out.extend_from_slice(with);
        self.copied = span.end;
        Ok(())
    }

    fn takes(&self, step: &Step, key: Option<Range<usize>>, index: usize, length: &Length<'a>) -> bool {
        match key {
            Some(key) => step.takes_key(self.bytes(&key)),
            None => step.takes_index(index, || length.get()),
        }
    }

    fn bytes(&self, span: &Range<usize>) -> &'a [u8] {
        self.cursor.bytes.get(span.clone()).unwrap_or_default()
    }

    fn length(&self) -> Length<'a> {
        Length { array: self.cursor, known: std::cell::Cell::new(None) }
    }
}

/// The length of an array, counted when it is asked for, and once.
struct Length<'a> {
    array: Cursor<'a>,
    known: std::cell::Cell<Option<usize>>,
}

impl Length<'_> {
    fn get(&self) -> usize {
        let length = self.known.get().unwrap_or_else(|| self.array.length());
        self.known.set(Some(length));
        length
    }
}
