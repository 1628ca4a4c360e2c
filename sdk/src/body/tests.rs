//! The same body, however it is cut.

use std::cell::Cell;

use proptest::prelude::*;

use super::fake::{End, Passed, send};
use super::{Body, BodyMode, BodyState, Decision, Memory, OverLimit, Step};
use crate::{BodyError, Direction};

const GO: Step = Step::Go { length: None };

/// Sends a body through a filter, in a VM with 1 MiB for bodies; nothing may be left in use.
fn through(mode: BodyMode, chunks: &[Vec<u8>], end: End, filter: impl FnMut(&mut Body) -> Decision) -> Passed {
    let used = Cell::new(0);
    let memory = Memory { used: &used, max: 1 << 20 };
    let mut state = BodyState::new(Direction::Request, mode, false);
    let passed = send(&mut state, memory, chunks, end, filter);
    assert_eq!((used.get(), state.charged()), (0, 0), "{passed:?}");
    passed
}

/// Writes `long` for every `a`, over the borders of chunks: a filter whose output is longer than its input.
fn lengthen(body: &mut Body) -> Decision {
    let long = body.bytes().unwrap().iter().flat_map(|byte| if *byte == b'a' { b"long".as_slice() } else { b"-" });
    let long = long.copied().collect::<Vec<_>>();
    body.replace(long).unwrap();
    Decision::Continue
}

/// Writes `<>` for every `abc`, and holds back what may become one.
fn replace_abc(body: &mut Body) -> Decision {
    let last = body.is_last();
    let bytes = body.bytes().unwrap().to_vec();
    let hold = if last { 0 } else { (1..3).rev().find(|n| bytes.ends_with(&b"abc"[..*n])).unwrap_or(0) };
    let text = String::from_utf8(bytes[..bytes.len() - hold].to_vec()).unwrap();
    if text.contains("abc") {
        body.replace(text.replace("abc", "<>")).unwrap();
    }
    if hold > 0 {
        body.hold_back(hold).unwrap();
    }
    Decision::Continue
}

fn cut(text: &[u8], at: &[usize]) -> Vec<Vec<u8>> {
    let mut at = at.iter().map(|at| at % (text.len() + 1)).collect::<Vec<_>>();
    at.sort_unstable();
    let mut from = 0;
    let mut chunks = Vec::new();
    for end in at.into_iter().chain([text.len()]) {
        chunks.push(text[from..end].to_vec());
        from = end;
    }
    chunks
}

fn ends() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Chunk), Just(End::Empty), Just(End::Trailers)]
}

/// Modes that a whole message with trailers can pass.
fn buffered() -> impl Strategy<Value = BodyMode> {
    prop_oneof![
        Just(BodyMode::in_host(1 << 16)),
        Just(BodyMode::in_guest(1 << 16, OverLimit::Refuse).expect_trailers()),
        Just(BodyMode::in_guest(1 << 16, OverLimit::Pass).expect_trailers()),
    ]
}

proptest! {
    #[test]
    fn a_whole_body_is_the_same_in_every_cut(
        text in "[ab]{0,40}", at in prop::collection::vec(any::<usize>(), 0..6), end in ends(), mode in buffered(),
    ) {
        let mut calls = 0;
        let passed = through(mode, &cut(text.as_bytes(), &at), end, |body| {
            calls += 1;
            assert!(body.is_last());
            assert_eq!(body.read(1, 2).unwrap(), text.as_bytes().iter().skip(1).take(2).copied().collect::<Vec<_>>());
            lengthen(body)
        });
        prop_assert_eq!(String::from_utf8(passed.bytes).unwrap(), text.replace('b', "-").replace('a', "long"));
        prop_assert!(matches!(passed.end, Step::Go { .. }), "not through");
        // An empty body before trailers has nothing that could be changed.
        prop_assert_eq!(calls, u32::from(!text.is_empty() || end != End::Trailers));
    }

    #[test]
    fn a_stream_is_the_same_in_every_cut(
        text in "[abc]{0,40}", at in prop::collection::vec(any::<usize>(), 0..12), end in ends(),
        max_held in 2usize..20,
    ) {
        let mode = BodyMode::stream(max_held).expect_trailers();
        let passed = through(mode, &cut(text.as_bytes(), &at), end, replace_abc);
        prop_assert_eq!(String::from_utf8(passed.bytes).unwrap(), text.replace("abc", "<>"));
        prop_assert!(matches!(passed.end, Step::Go { .. }), "not through");
    }

    #[test]
    fn nothing_of_a_stream_waits_but_what_is_held_back(
        text in "[abc]{0,40}", at in prop::collection::vec(any::<usize>(), 0..12),
        end in prop_oneof![Just(End::Chunk), Just(End::Empty)],
    ) {
        let passed = through(BodyMode::stream(2), &cut(text.as_bytes(), &at), end, replace_abc);
        prop_assert_eq!(String::from_utf8(passed.bytes).unwrap(), text.replace("abc", "<>"));
        prop_assert_eq!(passed.most_in_host, 0, "the host's limit on its buffer does not matter");
    }

    #[test]
    fn looking_changes_nothing(
        text in prop::collection::vec(any::<u8>(), 0..40), at in prop::collection::vec(any::<usize>(), 0..6),
        end in ends(), held in 0usize..5,
    ) {
        let mut seen = Vec::new();
        let mut overlap = 0;
        let passed = through(BodyMode::stream(8).read_only(), &cut(&text, &at), end, |body| {
            assert_eq!(body.replace("x"), Err(BodyError::ReadOnly));
            assert_eq!(body.append(b"x"), Err(BodyError::ReadOnly));
            seen.extend_from_slice(&body.bytes().unwrap()[overlap..]);
            overlap = if body.is_last() { 0 } else { held.min(body.len()) };
            if overlap > 0 {
                body.hold_back(overlap).unwrap();
            }
            Decision::Continue
        });
        prop_assert_eq!(&passed.bytes, &text);
        prop_assert_eq!(&seen, &text);
        prop_assert_eq!(passed.end, GO);
    }

    #[test]
    fn a_body_over_the_limit_goes_on_or_is_refused(
        length in 0usize..40, at in prop::collection::vec(any::<usize>(), 0..6), end in ends(), limit in 0usize..40,
    ) {
        let text = vec![b'a'; length];
        let chunks = cut(&text, &at);
        let over = length > limit;
        let pass = through(BodyMode::in_guest(limit, OverLimit::Pass).expect_trailers(), &chunks, end, lengthen);
        prop_assert_eq!(pass.bytes, if over { text.clone() } else { b"long".repeat(length) });
        for mode in [BodyMode::in_guest(limit, OverLimit::Refuse).expect_trailers(), BodyMode::in_host(limit)] {
            let refused = through(mode, &chunks, end, lengthen);
            prop_assert_eq!(refused.end == Step::TooLong, over);
            prop_assert_eq!(refused.bytes, if over { Vec::new() } else { b"long".repeat(length) });
        }
    }
}

#[test]
fn the_module_needs_none_of_the_hosts_buffer() {
    let chunks = vec![vec![b'a'; 1000]; 10];
    let passed = through(BodyMode::in_guest(1 << 16, OverLimit::Refuse), &chunks, End::Empty, lengthen);
    assert_eq!((passed.bytes.len(), passed.most_in_host), (40_000, 0));
}

#[test]
fn unexpected_trailers_never_cut_a_body() {
    let chunks = [b"some".to_vec(), b"ab".to_vec()];
    let kept = through(BodyMode::in_guest(100, OverLimit::Refuse), &chunks, End::Trailers, lengthen);
    assert_eq!(kept.end, Step::Lost);
    let held = through(BodyMode::stream(2), &chunks, End::Trailers, replace_abc);
    assert_eq!((held.end, held.bytes), (Step::Lost, b"some".to_vec()));
    let nothing_held = through(BodyMode::stream(2), &chunks[..1], End::Trailers, replace_abc);
    assert_eq!((nothing_held.end, nothing_held.bytes), (GO, b"some".to_vec()));
}

#[test]
fn changes_around_a_body_do_not_copy_it() {
    let mut copied = false;
    let passed = through(BodyMode::in_host(100), &[b"one".to_vec(), b"two".to_vec()], End::Chunk, |body| {
        body.prepend(b"<b>").unwrap();
        body.prepend(b"<a>").unwrap();
        body.append(b"!").unwrap();
        copied |= format!("{body:?}").contains("loaded: true");
        Decision::Continue
    });
    assert_eq!(passed.bytes, b"<a><b>onetwo!");
    assert_eq!(passed.end, Step::Go { length: Some(13) });
    assert!(!copied);
}

#[test]
fn what_cannot_be_held_back_is_told() {
    let mut said = Vec::new();
    through(BodyMode::stream(2), &[b"one".to_vec(), b"two".to_vec()], End::Chunk, |body| {
        said.push(body.hold_back(3));
        Decision::Continue
    });
    assert_eq!(said, [Err(BodyError::TooMuch { bytes: 3, max: 2 }), Err(BodyError::AtEnd)]);
    through(BodyMode::in_host(9), &[b"one".to_vec()], End::Chunk, |body| {
        assert_eq!(body.hold_back(1), Err(BodyError::AtEnd));
        Decision::Continue
    });
}

/// Ten thousand slow streams share a megabyte: what is noted is what their vectors really occupy, and it stays below.
#[test]
fn all_streams_together_stay_under_the_ceiling() {
    const MAX: usize = 1 << 20;
    let used = Cell::new(0);
    let memory = Memory { used: &used, max: MAX };
    let mode = || BodyMode::in_guest(1 << 20, OverLimit::Refuse);
    let mut streams = (0..10_000).map(|_| BodyState::new(Direction::Request, mode(), false)).collect::<Vec<_>>();
    let (mut refused, mut most) = (0, 0);
    for _ in 0..50 {
        for state in &mut streams {
            match super::fake::piece(state, memory, &[b'a'; 7]) {
                Step::TooLong => refused += 1,
                step => assert!(matches!(step, Step::Take | Step::Go { .. }), "{step:?}"),
            }
            most = most.max(used.get());
        }
    }
    assert!(most <= MAX && most > MAX / 2, "{most}");
    assert!(refused > 0 && refused <= 10_000, "{refused}");
    assert_eq!(streams.iter().map(BodyState::charged).sum::<usize>(), used.get());
}
