//! Time on inputs that are made to cost much: it grows with their length, and not faster.

use std::time::Duration;

#[cfg(feature = "full")]
use dlp_masking::detect::pattern::Pattern;
use dlp_masking::engine::Engine;
use dlp_masking::format::Machine;
use dlp_masking::plan::Rule;
use rustix::time::{ClockId, clock_gettime};

use crate::support::labels;

/// What a run takes of the processor, whatever else the machine does; the least of several.
fn time(mut run: impl FnMut()) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let mut once = || {
        let start = now();
        run();
        now() - start
    };
    (0..3).map(|_| once()).min().unwrap()
}

/// What comes at a time.
const PIECE: usize = 1024;

fn through(mut machine: Machine, engine: &Engine, text: &[u8]) {
    let mut held = Vec::new();
    for piece in text.chunks(PIECE) {
        held.extend_from_slice(piece);
        let (decided, _) = machine.push(engine, &held, false);
        held.drain(..decided);
    }
    machine.push(engine, &held, true);
}

fn engine() -> Engine {
    let mut engine = labels();
    let rule = engine.plan.rule(Rule::new("words"));
    for length in 1..=16 {
        engine.plan.find_word(&format!("{}b", "a".repeat(length)), rule).unwrap();
    }
    #[cfg(feature = "full")]
    {
        let rule = engine.plan.rule(Rule::new("pattern"));
        engine.plan.find_pattern(Pattern::parse(r"(?:a|[ac]){1,60}d").unwrap(), rule).unwrap();
    }
    engine
}

#[test]
fn time_is_linear_in_the_length() {
    let engine = engine();
    for text in [
        "4111111111111111 ",
        "4111 1111 1111 1111 ",
        "4111-",
        "1.1.",
        "1",
        "378282246310005,",
        "a@",
        "a.",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@",
        "a",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac ",
        ":",
        "1:",
        "::1",
        "+1",
        "eyJhbGci",
        "-----BEGIN ",
        "-",
        "password=",
        "secret:\"",
        "GB82 ",
        "GB82",
        "ghp_",
        "card ",
        "[",
        "{\"a\":",
        "\"",
        "\\",
        "\\u0031",
        "\"\\u0031\",",
        "%31",
        "data: {\n",
        "\u{e9}",
    ] {
        for machine in [Machine::text(), Machine::json(), Machine::form(), Machine::events()] {
            let repeated = |length: usize| text.bytes().cycle().take(length).collect::<Vec<_>>();
            let (short, long) = (repeated(4 * 1024), repeated(32 * 1024));
            let short = time(|| through(machine.clone(), &engine, &short)).max(Duration::from_micros(50));
            let long = time(|| through(machine.clone(), &engine, &long));
            assert!(long < short * 30, "{text:?}: {short:?} for 4 KiB, {long:?} for 32 KiB");
        }
    }
}

/// A string that does not end, in JSON, in many pieces.
#[test]
fn a_string_without_an_end_is_read_once() {
    let engine = labels();
    for body in ["a", "4111 ", "\\u0031", "\\\\"] {
        let repeated =
            |length: usize| b"[\"".iter().copied().chain(body.bytes().cycle()).take(length).collect::<Vec<_>>();
        let (short, long) = (repeated(4 * 1024), repeated(32 * 1024));
        let short = time(|| through(Machine::json(), &engine, &short)).max(Duration::from_micros(50));
        let long = time(|| through(Machine::json(), &engine, &long));
        assert!(long < short * 30, "{body:?}: {short:?} for 4 KiB, {long:?} for 32 KiB");
    }
}
