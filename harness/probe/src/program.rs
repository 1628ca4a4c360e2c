//! The configuration as a list of calls, and what is logged about each.

use std::cell::RefCell;
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

/// The line that has streams numbered by what they ask for.
const BY_PATH: &str = "number-by-path";

thread_local! {
    static PLUGINS: RefCell<BTreeMap<u32, Plugin>> = const { RefCell::new(BTreeMap::new()) };
    static STREAMS: RefCell<BTreeMap<u32, Stream>> = const { RefCell::new(BTreeMap::new()) };
    static REGISTERS: RefCell<[i64; 10]> = const { RefCell::new([0; 10]) };
}

/// A plugin, by its root context.
struct Plugin {
    program: Rc<str>,
    /// How many streams it has had; or the number of the last one that asked for something.
    last: u32,
}

/// A stream, by its context.
#[derive(Default)]
struct Stream {
    root: u32,
    number: u32,
    /// How often it has been in a phase.
    visits: BTreeMap<String, u32>,
}

/// What a call of the host is about.
struct Place<'a> {
    phase: &'a str,
    visit: u32,
    /// Whether the message ends here, where the callback says so.
    end: Option<bool>,
}

/// Takes a plugin's program; none is an empty one.
pub fn load(root: u32, text: Option<Vec<u8>>) {
    let program = Rc::from(String::from_utf8_lossy(&text.unwrap_or_default()).as_ref());
    PLUGINS.with_borrow_mut(|plugins| plugins.insert(root, Plugin { program, last: 0 }));
}

/// Gives a stream its number, once: a stream that is closed while it is created comes twice, and is called after its end.
pub fn begin_stream(id: u32, root: u32) {
    let known = STREAMS.with_borrow(|streams| streams.contains_key(&id));
    if !known {
        let number = PLUGINS.with_borrow_mut(|plugins| {
            let Some(plugin) = plugins.get_mut(&root).filter(|plugin| !is_by_path(&plugin.program)) else { return 0 };
            plugin.last += 1;
            plugin.last
        });
        STREAMS.with_borrow_mut(|streams| streams.insert(id, Stream { root, number, ..Stream::default() }));
    }
}

/// Gives a stream the number that its path ends in, if the program wants that.
pub fn number_stream(id: u32) {
    let Some(root) = STREAMS.with_borrow(|streams| streams.get(&id).map(|stream| stream.root)) else { return };
    if !program(root).is_some_and(|program| is_by_path(&program)) {
        return;
    }
    let path = String::from_utf8(host::path().unwrap_or_default()).unwrap_or_default();
    let number = path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0);
    STREAMS.with_borrow_mut(|streams| {
        if let Some(stream) = streams.get_mut(&id) {
            stream.number = number;
        }
    });
    PLUGINS.with_borrow_mut(|plugins| {
        if let Some(plugin) = plugins.get_mut(&root) {
            plugin.last = number;
        }
    });
}

/// Makes the calls of a phase of a plugin that is not about one stream, if the program names it; the calls are those of the
/// last stream.
pub fn run_root(id: u32, phase: &str, arguments: &[u32]) {
    let Some(program) = program(id) else { return };
    let named = |line: &str| line.split(' ').nth(1).is_some_and(|phases| phases.split(',').any(|name| name == phase));
    if !program.lines().any(named) {
        return;
    }
    let last = PLUGINS.with_borrow(|plugins| plugins.get(&id).map_or(0, |plugin| plugin.last));
    let place = Place { phase, visit: 1, end: None };
    run_lines(id, 0, &program, arguments, 0, &place, |streams| {
        streams == "*" || streams.split(',').any(|number| number.parse() == Ok(last))
    });
}

/// Makes the calls of a phase; what the callback returns.
pub fn run(id: u32, phase: &str, arguments: &[u32], otherwise: u32) -> u32 {
    let (stream, root, visit) = STREAMS.with_borrow_mut(|streams| {
        let Some(stream) = streams.get_mut(&id) else { return (last_by_path(id), id, 1) };
        let visits = stream.visits.entry(phase.to_owned()).or_default();
        *visits += 1;
        (stream.number, stream.root, *visits)
    });
    let program = program(root).unwrap_or_else(|| Rc::from(""));
    let end = arguments
        .get(1)
        .filter(|_| ["_headers", "_body", "_data"].iter().any(|end| phase.ends_with(end)))
        .map(|end| *end != 0);
    let place = Place { phase, visit, end };
    run_lines(id, stream, &program, arguments, otherwise, &place, |streams| {
        streams == "*" || streams.split(',').any(|number| number.parse() == Ok(stream))
    })
}

fn run_lines(
    id: u32,
    stream: u32,
    program: &str,
    arguments: &[u32],
    otherwise: u32,
    place: &Place<'_>,
    is_mine: impl Fn(&str) -> bool,
) -> u32 {
    let phase = place.phase;
    let mut returned = otherwise;
    let log = |index: &dyn std::fmt::Display, what: &str| host::log(&format!("probe|{stream}|{phase}|{index}|{what}"));
    log(&"enter", &format!("{arguments:?}"));
    for (index, line) in program.lines().enumerate() {
        let mut words = line.splitn(4, ' ');
        let (Some(streams), Some(phases), Some(name)) = (words.next(), words.next(), words.next()) else { continue };
        if !is_mine(streams) || !phases.split(',').any(|other| place.is(other)) {
            continue;
        }
        let rest = words.next().unwrap_or_default();
        match name {
            "return" => returned = rest.parse().unwrap_or(otherwise),
            "keep" => {
                let register = rest.parse::<usize>().unwrap_or_default();
                REGISTERS.with_borrow_mut(|all| all.get_mut(register).map(|place| *place = i64::from(id)));
            }
            "trap" => core::arch::wasm32::unreachable(),
            _ => log(&index, &Call::parse(rest).make(name)),
        }
    }
    log(&"leave", &returned.to_string());
    returned
}

impl Place<'_> {
    /// Whether a program's word means this place: a phase, or `*`; `phase@2` is its second visit, `phase@end` the one with
    /// the message's end, `phase@more` one without.
    fn is(&self, word: &str) -> bool {
        let (phase, when) = word.split_once('@').unwrap_or((word, ""));
        let fits = match when {
            "" => true,
            "end" => self.end == Some(true),
            "more" => self.end == Some(false),
            visit => visit.parse() == Ok(self.visit),
        };
        phase == "*" && !matches!(self.phase, "tick" | "http_call_response") || phase == self.phase && fits
    }
}

fn program(root: u32) -> Option<Rc<str>> {
    PLUGINS.with_borrow(|plugins| plugins.get(&root).map(|plugin| plugin.program.clone()))
}

/// The last stream of a plugin whose streams are numbered by their paths: the plugin's own end is told apart so from that of
/// one that has had none.
fn last_by_path(root: u32) -> u32 {
    let last = |plugin: &Plugin| if is_by_path(&plugin.program) { plugin.last } else { 0 };
    PLUGINS.with_borrow(|plugins| plugins.get(&root).map_or(0, last))
}

fn is_by_path(program: &str) -> bool {
    program.lines().next() == Some(BY_PATH)
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
