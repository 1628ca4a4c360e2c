//! The grammar of RFC 8259, checked without recursion and without memory.

use super::cursor::Cursor;

/// How deep arrays and objects may stand in one another.
pub const MAX_DEPTH: u32 = 128;

/// Why bytes are no JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid JSON at byte {at}: expected {expected}")]
pub struct InvalidJson {
    /// The first byte that does not fit, counted from 0; the length where the end came too early.
    pub at: usize,
    /// What could have been there.
    pub expected: &'static str,
}

/// Reads a whole text; returns where its value begins.
pub(super) fn check(bytes: &[u8]) -> Result<usize, InvalidJson> {
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(InvalidJson { at: error.valid_up_to(), expected: "text in UTF-8" });
    }
    let mut cursor = Cursor::new(bytes, if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
    cursor.blank();
    let start = cursor.at;
    let mut open = Open::default();
    loop {
        cursor.blank();
        let ended = match cursor.peek() {
            Some(b'{') => !open.begin(&mut cursor, true)?,
            Some(b'[') => !open.begin(&mut cursor, false)?,
            _ => {
                scalar(&mut cursor)?;
                true
            }
        };
        if ended && !open.next(&mut cursor)? {
            return Ok(start);
        }
    }
}

/// The arrays and objects around the place that is read: a bit for each, set for an object.
#[derive(Default)]
struct Open {
    objects: u128,
    depth: u32,
}

impl Open {
    /// Enters an array or an object; false when it is empty, and left again.
    fn begin(&mut self, cursor: &mut Cursor<'_>, object: bool) -> Result<bool, InvalidJson> {
        if self.depth == MAX_DEPTH {
            return Err(cursor.expected("fewer than 128 arrays and objects in one another"));
        }
        cursor.at += 1;
        cursor.blank();
        if cursor.take(if object { b'}' } else { b']' }) {
            return Ok(false);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        if object {
            key(cursor)?;
        }
        Ok(true)
    }

    /// After a value: leaves what ends here, and comes to the next value; false when the whole text has ended.
    fn next(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, InvalidJson> {
        loop {
            cursor.blank();
            if self.depth == 0 {
                return if cursor.peek().is_none() { Ok(false) } else { Err(cursor.expected("nothing more")) };
            }
            let object = self.objects & 1 == 1;
            if cursor.take(b',') {
                cursor.blank();
                if object {
                    key(cursor)?;
                }
                return Ok(true);
            }
            if !cursor.take(if object { b'}' } else { b']' }) {
                return Err(cursor.expected(if object { "`,` or `}`" } else { "`,` or `]`" }));
            }
            self.depth -= 1;
            self.objects >>= 1;
        }
    }
}

fn key(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    if cursor.peek() != Some(b'"') {
        return Err(cursor.expected("a key in double quotes"));
    }
    string(cursor)?;
    cursor.blank();
    if cursor.take(b':') { Ok(()) } else { Err(cursor.expected("`:`")) }
}

fn scalar(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    let word: &[u8] = match cursor.peek() {
        Some(b'"') => return string(cursor),
        Some(b'-' | b'0'..=b'9') => return number(cursor),
        Some(b't') => b"true",
        Some(b'f') => b"false",
        Some(b'n') => b"null",
        _ => return Err(cursor.expected("a value")),
    };
    for byte in word {
        if !cursor.take(*byte) {
            return Err(cursor.expected("`true`, `false` or `null`"));
        }
    }
    Ok(())
}

fn string(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    cursor.at += 1;
    loop {
        match cursor.peek() {
            Some(b'"') => {
                cursor.at += 1;
                return Ok(());
            }
            Some(b'\\') => {
                cursor.at += 1;
                escape(cursor)?;
            }
            Some(0x20..) => cursor.at += 1,
            Some(_) => return Err(cursor.expected("no control character in a string")),
            None => return Err(cursor.expected("a double quote at the end of a string")),
        }
    }
}

fn escape(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    match cursor.peek() {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => cursor.at += 1,
        Some(b'u') => {
            cursor.at += 1;
            for _ in 0..4 {
                if !cursor.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                    return Err(cursor.expected("four hexadecimal digits"));
                }
                cursor.at += 1;
            }
        }
        _ => return Err(cursor.expected("one of \" \\ / b f n r t u behind a backslash")),
    }
    Ok(())
}

fn number(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    cursor.take(b'-');
    if !cursor.take(b'0') {
        digits(cursor)?;
    }
    if cursor.take(b'.') {
        digits(cursor)?;
    }
    if cursor.take(b'e') || cursor.take(b'E') {
        let _ = cursor.take(b'+') || cursor.take(b'-');
        digits(cursor)?;
    }
    Ok(())
}

fn digits(cursor: &mut Cursor<'_>) -> Result<(), InvalidJson> {
    let start = cursor.at;
    while cursor.peek().is_some_and(|byte| byte.is_ascii_digit()) {
        cursor.at += 1;
    }
    if cursor.at > start { Ok(()) } else { Err(cursor.expected("a digit")) }
}
