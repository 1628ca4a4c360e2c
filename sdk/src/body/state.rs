//! From the proxy's callbacks to the filter's windows.
//!
//! A step never calls the filter twice, and what it answers is one of the ABI's results. Where bytes wait decides which:
//!
//! * in the host, "stop and buffer" (1): the next callback has all of it, trailers' callback included (rule `BODY-4`);
//! * in the module, "stop, no buffer" (3), with the host's buffer emptied: bytes that a filter before this one has
//!   buffered would come twice otherwise. When the message ends they are put into the last callback's buffer, which has
//!   no limit, unlike the one that buffers;
//! * in the module with trailers expected: "stop and buffer" with an empty buffer, because at the trailers only such a
//!   buffer can be written (rule `BODY-14`).

use std::cell::Cell;

use super::mode::Store;
use super::window::{Split, Written};
use super::{Body, BodyMode, HostBuffer, OverLimit};
use crate::{Direction, HostError};

/// One direction's body, for a filter that wants it.
#[derive(Debug)]
pub(crate) struct BodyState {
    host: HostBuffer,
    mode: BodyMode,
    /// Bytes that wait in the module and that the filter is still to see (again).
    held: Vec<u8>,
    /// Bytes that it has seen, and that wait in front of them.
    pending: Vec<u8>,
    /// Bytes that wait in the host's buffer.
    in_host: usize,
    /// The host buffers, so that its buffer can be written at the trailers.
    stalled: bool,
    /// A callback for the body has come.
    begun: bool,
    /// The filter sees no more: everything is through, or goes on unseen.
    done: bool,
    /// The headers wait for this body.
    pub headers_held: bool,
    /// What this counts in [`Memory`].
    charged: usize,
}

/// What the bodies of a VM's streams occupy together, in bytes, and at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub used: &'a Cell<usize>,
    pub max: usize,
}

/// What a filter has decided about a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Continue,
    Pause,
    /// The stream is answered or closed.
    Ended,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Everything goes on, which is `Some` length in the place of another when it is a whole body.
    Go { length: Option<usize> },
    /// The filter has paused the message, which is complete.
    Pause,
    /// More is wanted; the host keeps its buffer.
    Buffer,
    /// More is wanted; the host keeps nothing.
    Take,
    /// The stream is answered or closed.
    Ended,
    /// There are too many bytes, here or in all streams.
    TooLong,
    /// There are trailers that nobody expected, and bytes that cannot be put before them any more.
    Lost,
    /// The host refused a call.
    Failed(HostError),
}

/// The most of a stream that waits for its trailers, in bytes: what the proxy's buffer takes when they come, a quarter of
/// its usual limit. More than that goes on, and is in danger of unexpected trailers.
const MAX_STALLED: usize = 256 << 10;

type Call<'c> = &'c mut dyn FnMut(&mut Body) -> Decision;

const GO: Step = Step::Go { length: None };

impl BodyState {
    pub(crate) fn new(direction: Direction, mode: BodyMode, headers_held: bool) -> Self {
        Self {
            host: HostBuffer(direction),
            mode,
            held: Vec::new(),
            pending: Vec::new(),
            in_host: 0,
            stalled: false,
            begun: false,
            done: false,
            headers_held,
            charged: 0,
        }
    }

    pub(crate) fn mode(&self) -> &BodyMode {
        &self.mode
    }

    /// What it occupies, which its owner gives back when the stream is gone.
    pub(crate) const fn charged(&self) -> usize {
        self.charged
    }

    /// A callback for the body: `size` bytes are in the host's buffer.
    pub(crate) fn data(&mut self, size: usize, end: bool, memory: Memory<'_>, call: Call<'_>) -> Step {
        if self.done {
            return GO;
        }
        self.begun = true;
        let step = match self.mode.store {
            Store::Stream { max_held } => self.piece(size, end, max_held, call),
            Store::Host { limit } => self.in_host(size, end, limit, memory, call),
            Store::Guest { limit, over } => self.in_guest(size, end, limit, over, memory, call),
        };
        self.settle(step.unwrap_or_else(Step::Failed), memory)
    }

    /// The callback for the trailers: the body is complete.
    pub(crate) fn trailers(&mut self, memory: Memory<'_>, call: Call<'_>) -> Step {
        if self.done || !self.begun {
            return GO;
        }
        let in_host = std::mem::take(&mut self.in_host);
        let waits = in_host > 0 || !self.held.is_empty() || !self.pending.is_empty();
        let step = if !waits {
            Ok(GO)
        } else if self.is_overlap() || self.stalled {
            self.last(in_host, call)
        } else {
            Ok(Step::Lost)
        };
        self.done = true;
        self.settle(step.unwrap_or_else(Step::Failed), memory)
    }

    fn in_host(
        &mut self,
        size: usize,
        end: bool,
        limit: usize,
        memory: Memory<'_>,
        call: Call<'_>,
    ) -> Result<Step, HostError> {
        if size > limit || !self.fits(size, memory) {
            return Ok(Step::TooLong);
        }
        if end {
            return self.last(size, call);
        }
        (self.in_host, self.stalled) = (size, true);
        Ok(Step::Buffer)
    }

    fn in_guest(
        &mut self,
        size: usize,
        end: bool,
        limit: usize,
        over: OverLimit,
        memory: Memory<'_>,
        call: Call<'_>,
    ) -> Result<Step, HostError> {
        let length = self.held.len().saturating_add(size);
        if length > limit || !self.fits(grown(&self.held, length, limit), memory) {
            if over == OverLimit::Refuse {
                return Ok(Step::TooLong);
            }
            self.host.write(0, 0, &std::mem::take(&mut self.held))?;
            self.done = true;
            return Ok(GO);
        }
        if end {
            return self.last(size, call);
        }
        if size > 0 {
            let bytes = self.host.read(0, size)?;
            self.host.write(0, size, &[])?;
            self.held.reserve_exact(grown(&self.held, length, limit).saturating_sub(self.held.len()));
            self.held.extend_from_slice(&bytes);
        }
        self.stalled = self.mode.trailers;
        Ok(if self.stalled { Step::Buffer } else { Step::Take })
    }

    fn piece(&mut self, size: usize, end: bool, max_held: usize, call: Call<'_>) -> Result<Step, HostError> {
        if end {
            return self.last(size, call);
        }
        if size == 0 {
            return Ok(if self.stalled { Step::Buffer } else { GO });
        }
        let mut body = self.window(size, false).streamed(max_held);
        match call(&mut body) {
            Decision::Continue => {}
            // A window that is not the last cannot be paused, so nobody has asked for it.
            Decision::Pause | Decision::Ended => return Ok(Step::Ended),
        }
        if self.is_overlap() {
            self.held = body.into_overlap()?;
            return Ok(GO);
        }
        let Some(Split { passing, held }) = body.split()? else {
            self.stalled = false;
            body.write(std::mem::take(&mut self.pending))?;
            return Ok(GO);
        };
        self.held = held;
        self.pending.extend_from_slice(&passing);
        self.stalled = self.mode.trailers && self.pending.len().saturating_add(self.held.len()) <= MAX_STALLED;
        if self.stalled {
            self.host.write(0, size, &[])?;
            return Ok(Step::Buffer);
        }
        self.host.write(0, size, &std::mem::take(&mut self.pending))?;
        Ok(GO)
    }

    /// The last window, or the only one.
    fn last(&mut self, size: usize, call: Call<'_>) -> Result<Step, HostError> {
        self.done = true;
        let mut body = self.window(size, true);
        let decision = call(&mut body);
        if decision == Decision::Ended {
            return Ok(Step::Ended);
        }
        if !self.is_overlap() {
            let Written { window, length } = body.write(std::mem::take(&mut self.pending))?;
            if decision == Decision::Continue {
                return Ok(Step::Go { length: (window != length).then_some(length) });
            }
        }
        Ok(if decision == Decision::Pause { Step::Pause } else { GO })
    }

    fn window(&mut self, size: usize, last: bool) -> Body {
        Body::new(self.host, std::mem::take(&mut self.held), size, last).read_only(self.mode.read_only)
    }

    /// A stream that is only looked at goes on at once; what is held back is a copy.
    fn is_overlap(&self) -> bool {
        self.mode.read_only && !self.mode.is_buffered()
    }

    /// Whether this body may occupy so much.
    fn fits(&self, bytes: usize, memory: Memory<'_>) -> bool {
        bytes <= self.charged || memory.used.get().saturating_sub(self.charged).saturating_add(bytes) <= memory.max
    }

    /// Notes what is occupied after a step.
    fn settle(&mut self, mut step: Step, memory: Memory<'_>) -> Step {
        let waits = matches!(step, Step::Buffer | Step::Take) || (step == GO && !self.done);
        let mut bytes = if waits { self.held.capacity() + self.pending.capacity() + self.in_host } else { 0 };
        if !self.fits(bytes, memory) {
            step = Step::TooLong;
            bytes = 0;
        }
        if bytes == 0 {
            (self.held, self.pending, self.in_host) = (Vec::new(), Vec::new(), 0);
            self.done |= !matches!(step, Step::Buffer | Step::Take | Step::Go { .. });
        }
        memory.used.set(memory.used.get().saturating_sub(self.charged).saturating_add(bytes));
        self.charged = bytes;
        step
    }
}

/// The capacity for `length` bytes: doubled, so that byte by byte costs no more than all at once, but never beyond what
/// the limit lets come.
fn grown(held: &Vec<u8>, length: usize, limit: usize) -> usize {
    if length <= held.capacity() { held.capacity() } else { length.max(held.capacity().saturating_mul(2).min(limit)) }
}
