//! A small proxy for unit tests: its buffer of one body, as rules `BODY-4`, `BODY-5`, `BODY-14` and `BUF-4` have it.

use std::cell::RefCell;

use super::{BodyState, Decision, Memory, Step};
use crate::sys::{HostError, Status};
use crate::{Body, Direction};

thread_local! {
    /// Nothing where no buffer can be reached.
    static BUFFER: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

pub(super) fn read(_: Direction, start: usize, max: usize) -> Result<Vec<u8>, HostError> {
    let bytes = |bytes: &Vec<u8>| bytes.iter().skip(start).take(max).copied().collect();
    Ok(BUFFER.with_borrow(|buffer| buffer.as_ref().map(bytes)).unwrap_or_default())
}

pub(super) fn write(_: Direction, start: usize, length: usize, new: &[u8]) -> Result<(), HostError> {
    BUFFER.with_borrow_mut(|buffer| match buffer {
        Some(bytes) if start == 0 => {
            let end = length.min(bytes.len());
            bytes.splice(..end, new.iter().copied());
            Ok(())
        }
        Some(bytes) if start >= bytes.len() => {
            bytes.extend_from_slice(new);
            Ok(())
        }
        _ => Err(HostError::new("proxy_set_buffer_bytes", Status::BAD_ARGUMENT)),
    })
}

/// How a message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With its last chunk.
    Chunk,
    /// With an empty chunk of its own.
    Empty,
    Trailers,
}

/// What comes out of a body behind the filter, and how it ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passed {
    pub bytes: Vec<u8>,
    pub end: Step,
    /// The most that the proxy's own buffer had in it when the limit counts.
    pub most_in_host: usize,
}

/// Sends a body through.
pub(super) fn send(
    state: &mut BodyState,
    memory: Memory<'_>,
    chunks: &[Vec<u8>],
    end: End,
    mut filter: impl FnMut(&mut Body) -> Decision,
) -> Passed {
    let mut passed = Passed { bytes: Vec::new(), end: Step::Go { length: None }, most_in_host: 0 };
    let mut pieces = chunks.iter().map(|chunk| (chunk.clone(), false)).collect::<Vec<_>>();
    match (end, pieces.last_mut()) {
        (End::Chunk, Some(last)) => last.1 = true,
        (End::Chunk | End::Empty, _) => pieces.push((Vec::new(), true)),
        (End::Trailers, _) => {}
    }
    let mut buffering = false;
    for (chunk, last) in pieces {
        BUFFER.with_borrow_mut(|buffer| match buffer {
            Some(bytes) if buffering => bytes.extend_from_slice(&chunk),
            _ => *buffer = Some(chunk),
        });
        let size = BUFFER.with_borrow(|buffer| buffer.as_ref().map_or(0, Vec::len));
        if buffering {
            passed.most_in_host = passed.most_in_host.max(size);
        }
        let step = state.data(size, last, memory, &mut filter);
        passed.end = step;
        let left = BUFFER.take().unwrap_or_default();
        match step {
            Step::Go { .. } => {
                buffering = false;
                passed.bytes.extend_from_slice(&left);
            }
            Step::Buffer => {
                buffering = true;
                passed.most_in_host = passed.most_in_host.max(left.len());
                BUFFER.set(Some(left));
            }
            // An earlier filter may have buffered it: what is left in it would come again.
            Step::Take => {
                buffering = false;
                assert_eq!(left, b"", "a chunk that is dropped was not emptied");
            }
            _ => return passed,
        }
    }
    if end == End::Trailers {
        passed.end = state.trailers(memory, &mut filter);
        if let Step::Go { .. } = passed.end {
            passed.bytes.extend_from_slice(&BUFFER.take().unwrap_or_default());
        }
    }
    BUFFER.take();
    passed
}

/// Sends one chunk of a body that goes on.
pub(super) fn piece(state: &mut BodyState, memory: Memory<'_>, chunk: &[u8]) -> Step {
    BUFFER.set(Some(chunk.to_vec()));
    let step = state.data(chunk.len(), false, memory, &mut |_| Decision::Continue);
    BUFFER.take();
    step
}
