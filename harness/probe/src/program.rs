//! The configuration as a list of calls, and what is logged about each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use crate::{guest, host};

/// What an out-pointer leads to before the host writes there.
const UNTOUCHED: u64 = 0xaaaa_aaaa_aaaa_aaaa;
/// The most bytes of a value that are logged; more are logged by their hash.
const SHOWN: usize = 96;
/// Bytes of a page of memory.
const PAGE: i64 = 65_536;

thread_local! {
    static PROGRAM: RefCell<Rc<str>> = RefCell::new(Rc::from(""));
    static STREAMS: RefCell<BTreeMap<u32, u32>> = const { RefCell::new(BTreeMap::new()) };
    static BEGUN: Cell<u32> = const { Cell::new(0) };
    static REGISTERS: RefCell<[i64; 10]> = const { RefCell::new([0; 10]) };
}

/// Takes a program; none is an empty one.
pub fn load(text: Option<Vec<u8>>) {
    let text = text.unwrap_or_default();
    PROGRAM.set(Rc::from(String::from_utf8_lossy(&text).as_ref()));
}

/// Gives a stream its number, once: a stream that is closed while it is created comes twice, and is called after its end.
pub fn begin_stream(id: u32) {
    STREAMS.with_borrow_mut(|streams| {
        streams.entry(id).or_insert_with(|| {
            BEGUN.set(BEGUN.get() + 1);
            BEGUN.get()
        });
    });
}

/// Makes the calls of a phase; what the callback returns.
pub fn run(id: u32, phase: &str, arguments: &[u32], otherwise: u32) -> u32 {
    let stream = STREAMS.with_borrow(|streams| streams.get(&id).copied().unwrap_or(0));
    let mut returned = otherwise;
    let log = |index: &dyn std::fmt::Display, what: &str| host::log(&format!("probe|{stream}|{phase}|{index}|{what}"));
    log(&"enter", &format!("{arguments:?}"));
    for (index, line) in PROGRAM.with_borrow(Rc::clone).lines().enumerate() {
        let mut words = line.splitn(4, ' ');
        let (Some(streams), Some(phases), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
        let mine = streams == "*" || streams.parse() == Ok(stream);
        if !mine || phases != "*" && phases.split(',').all(|other| other != phase) {
            continue;
        }
        let rest = words.next().unwrap_or_default();
        if name == "return" {
            returned = rest.parse().unwrap_or(otherwise);
            continue;
        }
        log(&index, &Call::parse(rest).make(name));
    }
    log(&"leave", &returned.to_string());
    returned
}

/// The arguments of one call, and the memory that they lead to.
#[derive(Default)]
struct Call {
    arguments: Vec<i64>,
    /// Bytes that only have to live as long as the call.
    kept: Vec<Box<[u8]>>,
    /// Where the host writes to.
    places: Vec<(Shape, Box<[u64]>)>,
    register: Option<usize>,
}

/// How a place is read.
#[derive(Clone, Copy)]
enum Shape {
    U32,
    U64,
    /// Pointer and size.
    Data,
    /// So many bytes.
    Bytes(usize),
}

impl Call {
    fn parse(text: &str) -> Self {
        let mut call = Self::default();
        for word in words(text) {
            call.argument(word);
        }
        call
    }

    fn argument(&mut self, word: &str) {
        let (first, rest) = word.split_at(1);
        let number = || rest.parse::<usize>().unwrap_or_default();
        match first {
            "\"" => {
                let bytes = unescaped(rest);
                self.bytes(bytes);
            }
            "~" => self.bytes(vec![b'a'; number()]),
            "^" => {
                let parts = unescaped(rest.get(1..).unwrap_or_default());
                let mut vectors = Vec::new();
                for part in parts.split(|byte| *byte == b',') {
                    let part = self.keep(part.to_vec());
                    vectors.extend_from_slice(&(part.0 as u32).to_le_bytes());
                    vectors.extend_from_slice(&(part.1 as u32).to_le_bytes());
                }
                let (at, size) = self.keep(vectors);
                self.arguments.extend([at, size / 8]);
            }
            "@" => match rest {
                "u32" => self.place(Shape::U32, vec![UNTOUCHED]),
                "u64" => self.place(Shape::U64, vec![UNTOUCHED]),
                _ => self.place(Shape::Data, vec![UNTOUCHED; 2]),
            },
            "#" => self.place(Shape::Bytes(number()), vec![0; number().div_ceil(8).max(1)]),
            "!" => {
                let end = core::arch::wasm32::memory_size(0) as i64 * PAGE;
                self.arguments.push(match rest {
                    "end" => end,
                    "end-1" => end - 1,
                    "max" => i64::from(u32::MAX),
                    _ => 0,
                });
            }
            "$" => self.arguments.push(REGISTERS.with_borrow(|all| all.get(number()).copied().unwrap_or_default())),
            ">" => self.register = Some(number()),
            _ => self.arguments.push(word.parse().unwrap_or_default()),
        }
    }

    fn make(mut self, name: &str) -> String {
        guest::reset_arena();
        let arguments = std::mem::take(&mut self.arguments);
        let Some(status) = host::call(name, arguments.into_iter()) else { return "no such call".to_owned() };
        let mut text = status.to_string();
        for (shape, place) in &self.places {
            text.push('|');
            show(&mut text, *shape, place);
        }
        if let (Some(register), Some((_, place))) = (self.register, self.places.first()) {
            // SAFETY: a reference is valid to read; the host has written there behind the compiler's back.
            let value = unsafe { std::ptr::read_volatile(place.as_ptr()) } as u32;
            REGISTERS.with_borrow_mut(|all| all.get_mut(register).map(|place| *place = i64::from(value)));
        }
        text
    }

    fn keep(&mut self, bytes: Vec<u8>) -> (i64, i64) {
        let bytes = bytes.into_boxed_slice();
        let place = (bytes.as_ptr() as i64, bytes.len() as i64);
        self.kept.push(bytes);
        place
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        let (at, size) = self.keep(bytes);
        self.arguments.extend([at, size]);
    }

    fn place(&mut self, shape: Shape, words: Vec<u64>) {
        let place = words.into_boxed_slice();
        let at = place.as_ptr() as i64;
        self.arguments.push(at);
        if matches!(shape, Shape::Data) {
            self.arguments.push(at + 8);
        }
        self.places.push((shape, place));
    }
}

fn show(text: &mut String, shape: Shape, place: &[u64]) {
    // SAFETY: references are valid to read; the host has written there behind the compiler's back.
    let words = place.iter().map(|word| unsafe { std::ptr::read_volatile(word) }).collect::<Vec<_>>();
    let word = |place: usize| words.get(place).copied().unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = match shape {
        _ if words.iter().all(|word| *word == UNTOUCHED) => write!(text, "untouched"),
        Shape::U32 => write!(text, "{}", word(0) as u32),
        Shape::U64 => write!(text, "{}", word(0)),
        Shape::Data => {
            let (at, size) = (word(0) as u32, word(1) as u32);
            let end = core::arch::wasm32::memory_size(0) * PAGE as usize;
            if at == 0 || at as usize + size as usize > end {
                write!(text, "{at} {size}")
            } else {
                // SAFETY: the range lies in the memory, and the host has filled it.
                let bytes = unsafe { std::slice::from_raw_parts(at as *const u8, size as usize) };
                write!(text, "{}", shown(bytes))
            }
        }
        Shape::Bytes(size) => {
            let bytes = words.iter().flat_map(|word| word.to_le_bytes()).take(size).collect::<Vec<_>>();
            write!(text, "{}", shown(&bytes))
        }
    };
}

/// Length and bytes; of many bytes the beginning and a hash (FNV-1a) of all.
fn shown(bytes: &[u8]) -> String {
    let start = bytes.get(..SHOWN).unwrap_or(bytes);
    let mut text = format!("{} \"{}\"", bytes.len(), start.escape_ascii());
    if start.len() < bytes.len() {
        let hash = bytes
            .iter()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        let _ = write!(text, "... {hash:016x}");
    }
    text
}

/// Splits at spaces outside of quotes.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    })
    .filter(|word| !word.is_empty())
}

/// What stands before the closing quote, with `\xNN` as bytes.
fn unescaped(text: &str) -> Vec<u8> {
    let text = text.strip_suffix('"').unwrap_or(text).as_bytes();
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        let digits =
            || std::str::from_utf8(more.get(1..3)?).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match digits() {
            Some(byte) if *first == b'\\' => {
                bytes.push(byte);
                rest = more.get(3..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}
