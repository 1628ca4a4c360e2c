//! What one filter does with a piece of a message: the callback, what it can reach meanwhile and afterwards, and what it asked
//! for.

use tamis_module::gate::EnvoyVersion;

use super::iterate::{DataStatus, HeadersStatus, Piece};
use super::run::{Run, message_of};
use super::side::{Direction, Iteration};
use crate::abi::Callback;
use crate::context::{Action, LocalReply, Visible, lock};

/// What came of a callback.
enum Called {
    /// The guest returned this; nothing when it has no such callback, or was not asked.
    Word(Option<u32>),
    /// The stream stops here, whatever the guest returned (rules `LR-1`, `FAIL-3`).
    Stop,
}

impl Run<'_> {
    pub(super) fn filter_headers(&mut self, direction: Direction, index: usize, end: bool) -> HeadersStatus {
        if direction == Direction::Request {
            self.create(index);
        }
        let count = self.map_len(direction, false);
        let callback = match direction {
            Direction::Request => Callback::RequestHeaders { count, end_of_stream: end },
            Direction::Response => Callback::ResponseHeaders { count, end_of_stream: end },
        };
        self.see(direction, index, |sight| *sight.headers = true);
        let held =
            self.state.filters.get(index).is_some_and(|f| f.handle.filter.plugin.allow_on_headers_stop_iteration);
        match self.call(direction, index, callback) {
            Called::Word(None | Some(0 | 2)) => {
                self.see(direction, index, |sight| *sight.headers = false);
                HeadersStatus::Continue
            }
            // Without Envoy's flag even result 1 stops everything (rule BODY-1).
            Called::Word(Some(1)) if held => HeadersStatus::Stop(Iteration::Stop),
            Called::Word(Some(3)) => HeadersStatus::Stop(Iteration::StopAll),
            Called::Word(_) | Called::Stop => HeadersStatus::Stop(Iteration::StopAllWatermark),
        }
    }

    pub(super) fn filter_data(
        &mut self,
        direction: Direction,
        index: usize,
        piece: &mut Piece,
        end: bool,
    ) -> DataStatus {
        if !self.is_known(index) {
            return DataStatus::Continue;
        }
        let Some(side) = self.state.side(direction, index) else { return DataStatus::Continue };
        let keeps = side.keeps;
        // Before 1.32 what is kept is shown without the piece that has just come (rule BODY-4).
        let behind = keeps && !self.vms.is_since(32);
        if keeps && !behind {
            self.state.lane(direction).streaming = false;
            self.buffer(direction, piece);
            // Too much ends a response at once. A request's answer waits until this callback has seen it all (rule BODY-12).
            if self.state.over {
                return DataStatus::Drop;
            }
        }
        let size = {
            let mut exchange = lock(&self.state.exchange);
            let message = message_of(&mut exchange, direction);
            if let Piece::Fresh(data) = piece
                && !behind
            {
                message.body = std::mem::take(data);
            }
            let seen = match piece {
                Piece::Fresh(_) if !keeps => &message.body,
                _ => message.held.get_or_insert_default(),
            };
            u32::try_from(seen.len()).unwrap_or(u32::MAX)
        };
        let whole = keeps || matches!(piece, Piece::Buffered);
        let callback = match direction {
            Direction::Request => Callback::RequestBody { size, end_of_stream: end },
            Direction::Response => Callback::ResponseBody { size, end_of_stream: end },
        };
        self.see(direction, index, |sight| (*sight.body, *sight.held, *sight.end) = (true, whole, end));
        let called = self.call(direction, index, callback);
        self.see(direction, index, |sight| *sight.end = false);
        // Where the stream ends here, the piece stays where it is, and can be read to the end.
        if let Piece::Fresh(data) = piece
            && !behind
            && !matches!(called, Called::Stop)
        {
            *data = std::mem::take(&mut message_of(&mut lock(&self.state.exchange), direction).body);
        }
        let status = match called {
            Called::Word(None | Some(0)) => DataStatus::Continue,
            Called::Word(Some(1)) => DataStatus::Buffer,
            Called::Word(Some(2)) => DataStatus::Watermark,
            Called::Word(_) | Called::Stop => DataStatus::Drop,
        };
        if let Some(side) = self.state.side(direction, index) {
            side.keeps = status == DataStatus::Buffer;
        }
        match status {
            DataStatus::Continue => self.see(direction, index, |sight| (*sight.body, *sight.held) = (false, false)),
            DataStatus::Buffer => self.see(direction, index, |sight| *sight.held = true),
            DataStatus::Watermark | DataStatus::Drop => {}
        }
        status
    }

    /// Whether the trailers go on.
    pub(super) fn filter_trailers(&mut self, direction: Direction, index: usize) -> bool {
        let count = self.map_len(direction, true);
        let callback = match direction {
            Direction::Request => Callback::RequestTrailers { count },
            Direction::Response => Callback::ResponseTrailers { count },
        };
        self.see(direction, index, |sight| *sight.trailers = true);
        let goes_on = matches!(self.call(direction, index, callback), Called::Word(None | Some(0)));
        if goes_on {
            self.see(direction, index, |sight| *sight.trailers = false);
        }
        goes_on
    }

    /// Tells the VM of the stream (rule `LIFE-8`).
    fn create(&mut self, index: usize) {
        let Some(filter) = self.state.filters.get_mut(index) else { return };
        if self.vms.failed(filter.handle.vm) || filter.created {
            return;
        }
        filter.created = true;
        let callback = Callback::ContextCreate { parent: filter.handle.root };
        self.call(Direction::Request, index, callback);
    }

    /// The stream is over: every filter logs it, also one that has not seen it, then each forgets it (rules `LIFE-8` to
    /// `LIFE-10`).
    pub(super) fn log(&mut self) {
        let now = self.vms.clock().elapsed();
        lock(&self.state.exchange).progress.end(now);
        for index in 0..self.state.filters.len() {
            self.create(index);
            self.last_call(index, Callback::Log);
        }
    }

    /// See [`log`](Self::log).
    pub(super) fn forget(&mut self) {
        for index in 0..self.state.filters.len() {
            self.last_call(index, Callback::Done);
            self.last_call(index, Callback::Delete);
        }
    }

    fn last_call(&mut self, index: usize, callback: Callback) {
        let Some(filter) = self.state.filters.get(index).filter(|filter| filter.created) else { return };
        let (vm, id) = (filter.handle.vm, filter.id);
        self.vms.see(vm, id, |visible| visible.log = callback == Callback::Log);
        // A trap here fails the VM; this stream has been answered.
        let _ = self.vms.call(vm, id, callback);
    }

    fn is_known(&self, index: usize) -> bool {
        self.state.filters.get(index).is_some_and(|filter| filter.created || self.vms.failed(filter.handle.vm))
    }

    /// Calls a filter, and does what it asked for before its result counts (rule `LIFE-12`). A response passes a filter that
    /// never saw the request, and one whose VM has died; before 1.35 that one holds it (rules `LIFE-8`, `FAIL-4`).
    fn call(&mut self, direction: Direction, index: usize, callback: Callback) -> Called {
        let Some(filter) = self.state.filters.get(index) else { return Called::Word(None) };
        let failed = self.vms.failed(filter.handle.vm);
        if direction == Direction::Response && (!filter.created || failed && self.vms.is_since(35)) {
            return Called::Word(None);
        }
        let returned = if failed { None } else { self.vms.call(filter.handle.vm, filter.id, callback).ok() };
        let Some(returned) = returned else {
            self.reply(index, LocalReply::failed_stream());
            return Called::Stop;
        };
        self.settle_own(index);
        if returned.stops || self.state.over { Called::Stop } else { Called::Word(returned.word) }
    }

    /// Does what guests of a filter's VM have asked for about this stream. What they ask for meanwhile is done at the end of
    /// the call in which they ask.
    fn settle_own(&mut self, index: usize) {
        if self.vms.is_settled() {
            return;
        }
        let Some(vm) = self.state.filters.get(index).map(|filter| filter.handle.vm) else { return };
        let own = self.state.filters.iter().filter(|filter| filter.handle.vm == vm).map(|filter| filter.id);
        let own = own.collect::<Vec<_>>();
        while let Some(action) = self.vms.next_about(vm, &own) {
            let about = action.context();
            let found = self.state.filters.iter_mut().position(|filter| filter.handle.vm == vm && filter.id == about);
            let Some(about) = found else { continue };
            self.act_on(about, action);
        }
    }

    /// Does what a guest asked for.
    pub(super) fn act_on(&mut self, index: usize, action: Action) {
        match action {
            Action::ContinueRequest(_) => self.go_on(Direction::Request, index),
            Action::ContinueResponse(_) => self.go_on(Direction::Response, index),
            Action::Close(_) => self.reset(),
            // There is no connection of its own to act on (rules LR-10, LR-11).
            Action::ContinueConnection(_) | Action::CloseConnection(_) => {}
            Action::Reply(_, reply) => self.reply(index, reply),
        }
    }

    /// A guest lets a message go on; what comes now is not added to what it kept. Older releases add it, and lose it when
    /// the filter lets it pass: the buffer has gone on already (rule `BODY-17`).
    fn go_on(&mut self, direction: Direction, index: usize) {
        self.forget_request(index);
        let still_keeps = self.vms.envoy() < EnvoyVersion::minor(39);
        if let Some(side) = self.state.side(direction, index) {
            side.keeps &= still_keeps;
        }
        self.see(direction, index, |sight| *sight.held = false);
        self.resume(direction, index);
    }

    /// Continuing either direction makes the request's maps and body unreachable, and never the response's (rule `HDR-2`).
    fn forget_request(&mut self, index: usize) {
        if let Some(filter) = self.state.filters.get(index) {
            self.vms.see(filter.handle.vm, filter.id, |visible| {
                (visible.request_headers, visible.request_body, visible.request_trailers) = (false, false, false);
            });
        }
    }

    fn see(&mut self, direction: Direction, index: usize, change: impl FnOnce(Sight<'_>)) {
        let Some(filter) = self.state.filters.get(index) else { return };
        self.vms.see(filter.handle.vm, filter.id, |visible| change(Sight::of(visible, direction)));
    }

    fn map_len(&self, direction: Direction, trailers: bool) -> u32 {
        let mut exchange = lock(&self.state.exchange);
        let message = message_of(&mut exchange, direction);
        let map = if trailers { &message.trailers } else { &message.headers };
        map.as_ref().map_or(0, |map| u32::try_from(map.len()).unwrap_or(u32::MAX))
    }
}

/// What a filter can reach of one direction.
struct Sight<'v> {
    headers: &'v mut bool,
    body: &'v mut bool,
    held: &'v mut bool,
    trailers: &'v mut bool,
    end: &'v mut bool,
}

impl<'v> Sight<'v> {
    fn of(visible: &'v mut Visible, direction: Direction) -> Self {
        match direction {
            Direction::Request => Self {
                headers: &mut visible.request_headers,
                body: &mut visible.request_body,
                held: &mut visible.request_held,
                trailers: &mut visible.request_trailers,
                end: &mut visible.request_end,
            },
            Direction::Response => Self {
                headers: &mut visible.response_headers,
                body: &mut visible.response_body,
                held: &mut visible.response_held,
                trailers: &mut visible.response_trailers,
                end: &mut visible.response_end,
            },
        }
    }
}
