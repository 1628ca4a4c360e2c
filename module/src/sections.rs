//! A module as a list of sections: taken apart and put together again without touching their contents.

use wasmparser::{Parser, Payload};

use crate::info::ParseError;
use crate::text::shown;

/// The number that the code section has in a module.
pub(crate) const CODE: u8 = 10;

/// One section of a module in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section<'a> {
    /// The number of its kind, 0 for custom ones.
    pub id: u8,
    /// A custom section's name, else the kind in words.
    pub name: &'a str,
    /// Its contents, for custom sections those after the name.
    pub data: &'a [u8],
    /// Where the contents, with a custom section's name, start in the file.
    pub start: u64,
    /// Bytes in the file, header included.
    pub total: u64,
}

impl Section<'_> {
    /// Whether it is a custom section of this name.
    pub(crate) fn is_custom(&self, name: &str) -> bool {
        self.id == 0 && self.name == name
    }
}

/// The sections of a module, in file order.
pub(crate) fn split(wasm: &[u8]) -> Result<Vec<Section<'_>>, ParseError> {
    let mut sections = Vec::new();
    let mut end = 8;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload
            .map_err(|error| ParseError::Malformed { offset: error.offset(), message: shown(error.message()) })?;
        let Some((id, range)) = payload.as_section() else {
            continue;
        };
        let (name, data) = match &payload {
            Payload::CustomSection(section) => (section.name(), section.data()),
            _ => (kind(id), slice(wasm, range.start, range.end)),
        };
        sections.push(Section { id, name, data, start: range.start, total: range.end.saturating_sub(end) });
        end = range.end;
    }
    Ok(sections)
}

/// A module being put together.
pub(crate) struct Builder {
    bytes: Vec<u8>,
}

impl Builder {
    /// A module without sections.
    pub(crate) fn new() -> Self {
        Self { bytes: b"\0asm\x01\0\0\0".to_vec() }
    }

    /// Appends a section that is not a custom one, as it is.
    pub(crate) fn copy(&mut self, section: &Section<'_>) {
        self.bytes.push(section.id);
        unsigned(&mut self.bytes, section.data.len() as u64);
        self.bytes.extend_from_slice(section.data);
    }

    /// Appends a custom section.
    pub(crate) fn custom(&mut self, name: &str, data: &[u8]) {
        let mut head = Vec::with_capacity(name.len() + 5);
        unsigned(&mut head, name.len() as u64);
        head.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        unsigned(&mut self.bytes, (head.len() + data.len()) as u64);
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(data);
    }

    /// The module's bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Appends a number in the variable length form of WebAssembly (LEB128).
pub(crate) fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let byte = value.to_le_bytes().first().copied().unwrap_or(0) & 0x7f;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Appends a signed number so that small ones of either sign are short.
pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

/// Takes a number that [`unsigned`] wrote off the front; `None` when there is none.
pub(crate) fn take_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes a number that [`signed`] wrote off the front; `None` when there is none.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take_unsigned(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

fn slice(wasm: &[u8], start: u64, end: u64) -> &[u8] {
    let (Ok(start), Ok(end)) = (usize::try_from(start), usize::try_from(end)) else {
        return &[];
    };
    wasm.get(start..end).unwrap_or_default()
}

fn kind(id: u8) -> &'static str {
    match id {
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        CODE => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        for value in [0, 1, -1, 63, -64, 127, 128, -129, 1 << 20, i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            signed(&mut bytes, value);
            unsigned(&mut bytes, value.cast_unsigned());
            let mut rest = bytes.as_slice();
            assert_eq!(take_signed(&mut rest), Some(value));
            assert_eq!(take_unsigned(&mut rest), Some(value.cast_unsigned()));
            assert_eq!(take_unsigned(&mut rest), None);
        }
    }
}
