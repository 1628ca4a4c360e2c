//! What the layers of the harness cost beside a bare loop on wasmtime: the same modules, the same engine and fuel, the same
//! header maps and host calls, but no context, no stream, no filter manager.
//!
//! `make bench` runs it. Both sides live in one process and take turns in short slices, in an order that is shuffled; a
//! second bare loop is the control: what it differs from the first is what this machine cannot tell today. Everything is a
//! ratio of two neighbouring slices of the thread's processor time; the microseconds only say what the ratio is about.
//!
//! `cargo bench -p tamis-harness -- --only harness transformation 2000` sends that many requests through one side and stops:
//! for a profiler, and for `valgrind --tool=callgrind`, whose counts have no noise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark ends where something is missing"
)]

mod bare;
mod cold;
mod layered;
mod table;

use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use tamis_harness::context::HeaderMap;
use tamis_harness::scenario::modules::built;
use tamis_harness::stream::LoadedModule;

use bare::Bare;
use layered::Layered;
use table::Row;

/// How long one side runs before it is another's turn.
const SLICE: Duration = Duration::from_millis(4);
/// How often all sides of a module take their turn.
const CYCLES: usize = 150;
/// Requests before anything is measured.
const WARM_UP: u32 = 2000;

/// A module with its configuration.
struct Subject {
    name: &'static str,
    what: &'static str,
    module: LoadedModule,
    configuration: Vec<u8>,
}

/// Something that takes a request through a module.
trait Side {
    fn request(&mut self, request: HeaderMap, response: HeaderMap);
}

fn main() {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let out = match arguments[..] {
        ["--only", side, name, count] => return only(side, name, count.parse().expect("a number of requests")),
        ["--out", file] => Some(file),
        [] => None,
        _ => panic!("--only SIDE MODULE REQUESTS, or --out FILE, or nothing"),
    };
    let rows = subjects().iter().map(measure).collect::<Vec<_>>();
    let page = format!("{}\n{}", table::markdown(&rows), cold::measure());
    print!("{page}");
    if let Some(file) = out {
        std::fs::create_dir_all(Path::new(file).parent().unwrap()).unwrap();
        std::fs::write(file, page).unwrap();
    }
}

fn only(side: &str, name: &str, count: u32) {
    let subjects = subjects();
    let subject = subjects.iter().find(|subject| subject.name == name).expect("no such module");
    let mut side: Box<dyn Side> = match side {
        "bare" => Box::new(Bare::start(subject)),
        "harness" => Box::new(Layered::start(subject)),
        other => panic!("sides are bare and harness, not {other}"),
    };
    for _ in 0..count {
        side.request(map(&REQUEST), map(&RESPONSE));
    }
}

/// Lets the sides take turns.
fn measure(subject: &Subject) -> Row {
    let mut sides: [Box<dyn Side>; 3] =
        [Box::new(Bare::start(subject)), Box::new(Bare::start(subject)), Box::new(Layered::start(subject))];
    for side in &mut sides {
        (0..WARM_UP).for_each(|_| side.request(map(&REQUEST), map(&RESPONSE)));
    }
    let mut cycles = Vec::with_capacity(CYCLES);
    let mut random = 1_u64;
    for _ in 0..CYCLES {
        let mut order = [0, 1, 2];
        for i in 0..3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(i, usize::try_from(random >> 33).unwrap() % 3);
        }
        let mut nanoseconds = [0.0; 3];
        for side in order {
            nanoseconds[side] = slice(sides[side].as_mut());
        }
        cycles.push(nanoseconds);
    }
    Row::new(subject.name, subject.what, &cycles)
}

/// Nanoseconds per request.
fn slice(side: &mut dyn Side) -> f64 {
    let (start, mut count) = (cpu_time(), 0_u32);
    loop {
        for _ in 0..32 {
            side.request(map(&REQUEST), map(&RESPONSE));
        }
        count += 32;
        let taken = cpu_time() - start;
        if taken >= SLICE {
            return taken.as_secs_f64() * 1e9 / f64::from(count);
        }
    }
}

/// What this thread has had of the processor: others' work on the machine is not in it.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn subjects() -> Vec<Subject> {
    let empty = wat::parse_str(
        r#"(module
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) (i32.const 1024))
            (func (export "proxy_on_context_create") (param i32 i32))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0)))"#,
    );
    let edits = r#"{"rules": [
        {"name": "request", "request": {"headers": {"rename": [{"from": "x-user", "to": "x-tenant"}], "remove": ["x-debug"],
            "set": [{"name": "x-env", "value": "production"}]}}},
        {"name": "response", "response": {"headers": {"remove": ["x-powered-by"],
            "set": [{"name": "cache-control", "value": "no-store"}]}}}]}"#;
    let subject = |name, what, wasm: &[u8], configuration: &str| Subject {
        name,
        what,
        module: LoadedModule::new(wasm).unwrap(),
        configuration: configuration.into(),
    };
    let file = |name| {
        let file = built(name, Path::new(env!("CARGO_MANIFEST_DIR")));
        std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; `make modules` builds it", file.display()))
    };
    vec![
        subject("empty", "three callbacks that do nothing", &empty.unwrap(), ""),
        subject("hello", "sets a response header", &file("hello"), r#"{"greeting": "hello"}"#),
        subject("path-echo", "keeps state per stream", &file("path-echo"), r#"{"served_by": "kitchen"}"#),
        subject("transformation", "renames, removes, sets, adds headers", &file("transformation"), edits),
    ]
}

/// A message begins with its headers being read from somewhere, on either side.
fn map(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs.iter().copied().collect()
}

/// What a browser behind two proxies sends.
const REQUEST: [(&str, &str); 15] = [
    (":authority", "shop.example.com"),
    (":path", "/items?page=2"),
    (":method", "GET"),
    (":scheme", "https"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, br"),
    ("accept-language", "en-GB,en;q=0.8"),
    ("authorization", "Bearer eyJhbGciOiJub25lIn0.e30."),
    ("referer", "https://shop.example.com/"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
    ("x-debug", "1"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-forwarded-proto", "https"),
    ("x-request-id", "0f3cb1c2-0e9f-4c1a-9d57-2f6d1a8c9c3e"),
    ("x-user", "alice"),
];

/// And gets.
const RESPONSE: [(&str, &str); 5] = [
    (":status", "200"),
    ("content-type", "application/json"),
    ("content-length", "512"),
    ("date", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ("x-powered-by", "echo/0.1"),
];
