//! How a message goes from filter to filter, is held back, and goes on.
//!
//! What is held back of a body lies in one buffer for all filters of the chain, as in Envoy: a filter that keeps its body
//! while one before it holds newer bytes gets to see both.

use super::Frame;
use super::run::{Run, message_of};
use super::side::{Direction, Iteration};
use crate::context::lock;

/// A piece of a body.
#[derive(Debug)]
pub(super) enum Piece {
    /// It has just come.
    Fresh(Vec<u8>),
    /// It is the chain's buffer.
    Buffered,
}

/// What a filter makes of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadersStatus {
    Continue,
    Stop(Iteration),
}

/// What a filter makes of a piece of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataStatus {
    Continue,
    Buffer,
    Watermark,
    Drop,
}

impl Run<'_> {
    /// Takes headers to the filters behind `after`, or to all.
    pub(super) fn headers(&mut self, direction: Direction, after: Option<usize>, end: bool) {
        let mut place = after.map_or(0, |index| self.state.place(direction, index) + 1);
        while let Some(index) = self.state.index(direction, place) {
            if let Some(side) = self.state.side(direction, index) {
                side.ended = end;
            }
            self.state.lane(direction).calling += 1;
            let status = self.filter_headers(direction, index, end);
            self.state.lane(direction).calling -= 1;
            if self.is_aborted(direction) {
                return self.reply_if_prepared();
            }
            let Some(side) = self.state.side(direction, index) else { return };
            match status {
                HeadersStatus::Stop(at) => {
                    side.at = at;
                    return;
                }
                HeadersStatus::Continue => side.headers_gone = true,
            }
            place += 1;
        }
        let headers = message_of(&mut lock(&self.state.exchange), direction).headers.clone().unwrap_or_default();
        self.leave(direction, Frame::Headers(headers), end);
    }

    /// Takes a piece of the body to the filters behind `after`, or to all; where that filter has not seen it, to it first.
    pub(super) fn data(&mut self, direction: Direction, after: Option<usize>, mut piece: Piece, end: bool) {
        if self.is_aborted(direction) {
            return;
        }
        let had_trailers = self.has_trailers(direction);
        let mut added = None;
        let mut place = after.map_or(0, |index| self.start(direction, index));
        let mut stopped = false;
        while let Some(index) = self.state.index(direction, place) {
            let Some(side) = self.state.side(direction, index) else { return };
            if side.at.is_all() {
                let streaming = side.at == Iteration::StopAllWatermark;
                self.state.lane(direction).streaming = streaming;
                return self.buffer(direction, &mut piece);
            }
            if side.ended {
                return;
            }
            let ended = end && !self.has_trailers(direction);
            if let Some(side) = self.state.side(direction, index) {
                side.ended = ended;
            }
            self.state.lane(direction).calling += 1;
            let status = self.filter_data(direction, index, &mut piece, ended);
            self.state.lane(direction).calling -= 1;
            if self.is_aborted(direction) {
                return self.reply_if_prepared();
            }
            if !had_trailers && added.is_none() && self.has_trailers(direction) {
                added = Some(index);
                if let Some(side) = self.state.side(direction, index) {
                    side.ended = false;
                }
            }
            if !self.after_data(direction, index, status, &mut piece) {
                stopped = true;
                break;
            }
            place += 1;
        }
        if !stopped {
            let data = match piece {
                Piece::Fresh(data) => data,
                Piece::Buffered => self.take_buffer(direction),
            };
            self.leave(direction, Frame::Data(data), end && !self.has_trailers(direction));
        }
        // A response that stopped keeps the trailers that were made, a request does not (rule HDR-12).
        if let Some(index) = added
            && !(stopped && direction == Direction::Response)
        {
            self.trailers(direction, Some(index));
        }
    }

    /// Takes trailers to the filters behind `after`, or to all; where that filter has not seen them, to it first.
    pub(super) fn trailers(&mut self, direction: Direction, after: Option<usize>) {
        let mut place = after.map_or(0, |index| self.start(direction, index));
        while let Some(index) = self.state.index(direction, place) {
            if self.state.side(direction, index).is_none_or(|side| side.at.is_all()) {
                return;
            }
            self.state.lane(direction).calling += 1;
            let goes_on = self.filter_trailers(direction, index);
            self.state.lane(direction).calling -= 1;
            if self.is_aborted(direction) {
                return self.reply_if_prepared();
            }
            let Some(side) = self.state.side(direction, index) else { return };
            side.ended = true;
            match (goes_on, side.at) {
                (true, Iteration::Stop) => return self.resume(direction, index),
                (true, _) => {}
                (false, _) => {
                    side.at = Iteration::Stop;
                    return;
                }
            }
            place += 1;
        }
        let trailers = message_of(&mut lock(&self.state.exchange), direction).trailers.clone().unwrap_or_default();
        self.leave(direction, Frame::Trailers(trailers), true);
    }

    /// Lets a message go on from a filter, with all that was held back (rules `BODY-2`, `BODY-9`).
    pub(super) fn resume(&mut self, direction: Direction, index: usize) {
        if self.is_aborted(direction) || self.state.lane(Direction::Response).complete {
            return;
        }
        let ended = self.state.lane(direction).ended;
        let Some(side) = self.state.side(direction, index) else { return };
        side.again |= side.at.is_all();
        side.at = Iteration::Continue;
        if !std::mem::replace(&mut side.headers_gone, true) {
            let end = ended && !self.has_buffer(direction) && !self.has_trailers(direction);
            self.headers(direction, Some(index), end);
        }
        // Trailers that the body's callback makes are its own business.
        let has_trailers = self.has_trailers(direction);
        if self.has_buffer(direction) {
            self.data(direction, Some(index), Piece::Buffered, ended && !has_trailers);
        }
        if has_trailers {
            self.trailers(direction, Some(index));
        }
        if let Some(side) = self.state.side(direction, index) {
            side.again = false;
        }
    }

    /// Puts a piece behind what is held back already. Beyond the limit that ends the stream, or pushes back (rule `BODY-6`).
    pub(super) fn buffer(&mut self, direction: Direction, piece: &mut Piece) {
        let Piece::Fresh(data) = piece else { return };
        let data = std::mem::take(data);
        let size = {
            let mut exchange = lock(&self.state.exchange);
            let buffer = message_of(&mut exchange, direction).held.get_or_insert_default();
            buffer.extend_from_slice(&data);
            buffer.len()
        };
        let limit = self.buffer_limit;
        let lane = self.state.lane(direction);
        if size > limit && !std::mem::replace(&mut lane.above, true) && !lane.streaming {
            self.too_large(direction);
        }
    }

    /// Whether the next filter gets this piece.
    fn after_data(&mut self, direction: Direction, index: usize, status: DataStatus, piece: &mut Piece) -> bool {
        let Some(side) = self.state.side(direction, index) else { return false };
        let stopped = side.at == Iteration::Stop;
        match status {
            DataStatus::Continue if stopped => {
                self.buffer(direction, piece);
                self.resume(direction, index);
                return false;
            }
            DataStatus::Continue => return true,
            DataStatus::Buffer | DataStatus::Watermark => {
                side.at = Iteration::Stop;
                self.state.lane(direction).streaming = status == DataStatus::Watermark;
                self.buffer(direction, piece);
            }
            DataStatus::Drop => {
                side.at = Iteration::Stop;
                // The end must come through although nothing is left to come.
                if self.state.lane(direction).ended && !self.has_trailers(direction) && !self.has_buffer(direction) {
                    message_of(&mut lock(&self.state.exchange), direction).held = Some(Vec::new());
                }
            }
        }
        false
    }

    /// Something comes out behind the last filter.
    fn leave(&mut self, direction: Direction, frame: Frame, end: bool) {
        if matches!(&frame, Frame::Data(data) if data.is_empty() && !end) {
            return;
        }
        let lane = self.state.lane(direction);
        // Trailers that a filter made have ended the message before what it held back goes on (rule HDR-12).
        if lane.complete && !matches!(frame, Frame::Headers(_)) {
            return;
        }
        lane.complete |= end;
        self.leaves(direction, frame, end);
        // With its response a stream ends, whatever is left of the request.
        if end && direction == Direction::Response {
            self.state.over = true;
        }
    }

    /// The place of the filter behind this one, or its own.
    fn start(&mut self, direction: Direction, index: usize) -> usize {
        let again = self.state.side(direction, index).is_some_and(|side| side.again);
        self.state.place(direction, index) + usize::from(!again)
    }

    fn has_buffer(&self, direction: Direction) -> bool {
        message_of(&mut lock(&self.state.exchange), direction).held.is_some()
    }

    fn has_trailers(&self, direction: Direction) -> bool {
        message_of(&mut lock(&self.state.exchange), direction).trailers.is_some()
    }

    /// What is held back; the buffer stays, empty.
    fn take_buffer(&mut self, direction: Direction) -> Vec<u8> {
        self.state.lane(direction).above = false;
        let mut exchange = lock(&self.state.exchange);
        message_of(&mut exchange, direction).held.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn is_aborted(&mut self, direction: Direction) -> bool {
        self.state.over || self.state.lane(direction).aborted
    }
}
