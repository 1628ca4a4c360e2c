//! Phases of TCP that wait.

use std::cell::Cell;
use std::rc::Rc;

use super::{Undecided, begin};
use crate::callouts::task::Perform;
use crate::runtime::Callouts;
use crate::sys::{self, StreamType};
use crate::{DownstreamData, HostError, NewConnection, StreamError, TcpData, TcpOutcome, handle};

/// A connection that stands still while a closure waits.
#[derive(Debug)]
pub struct WaitingConnection {
    stream: u32,
    shown: Rc<Cell<Shown>>,
}

/// What of the client's bytes waits in the proxy, as it was told last.
#[derive(Debug, Clone, Copy, Default)]
struct Shown {
    length: usize,
    last: bool,
}

impl WaitingConnection {
    /// Reads or changes all of the client's bytes that wait: those that the phase has seen, and behind them what has come
    /// meanwhile, of which no phase hears.
    ///
    /// They go on together. A filter that has to see every byte looks at them here before it lets them.
    ///
    /// # Errors
    ///
    /// [`StreamError::Gone`] when the connection is over, [`StreamError::Host`] with the error of `use_them`.
    pub fn data<T>(&self, use_them: impl FnOnce(&mut TcpData) -> Result<T, HostError>) -> Result<T, StreamError> {
        let Shown { length, last } = self.shown.get();
        let mut data = TcpData::downstream(length, last);
        let result = handle::about(self.stream, || use_them(&mut data))?;
        self.shown.set(Shown::of(&data));
        result.map_err(StreamError::Host)
    }
}

impl NewConnection {
    /// Has the connection stand still until `then` has decided: return what this returns, as the outcome.
    ///
    /// No later filter hears of the connection meanwhile, and in front of a TCP proxy the upstream is not connected and the
    /// client not read (rule `TCP-2`). See [`RequestHeaders::wait`](crate::RequestHeaders::wait) for how `then` runs; an
    /// outcome of [`TcpOutcome::Wait`] leaves the connection waiting.
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingConnection) -> TcpOutcome + 'static,
    ) -> TcpOutcome {
        wait(self.stream, &Rc::default(), plugin, then)
    }
}

impl DownstreamData {
    /// Has the client's bytes stand still until `then` has decided: return what this returns, as the outcome.
    ///
    /// What the client says meanwhile waits with them, without another call of the phase, and goes on with them:
    /// [`WaitingConnection::data`] shows it. The proxy bounds what waits by its buffer, and then stops reading. See
    /// [`RequestHeaders::wait`](crate::RequestHeaders::wait) for how `then` runs; with an outcome of [`TcpOutcome::Wait`] the
    /// next call of the phase has it all, once more has come.
    pub fn wait<P: Callouts>(
        &mut self,
        plugin: &P,
        then: impl AsyncFnOnce(Rc<P>, WaitingConnection) -> TcpOutcome + 'static,
    ) -> TcpOutcome {
        let shown = Rc::new(Cell::new(Shown::of(&self.data)));
        let outcome = wait(self.stream, &shown, plugin, then);
        // What has run at once may have changed them.
        let Shown { length, last } = shown.get();
        self.data = TcpData::downstream(length, last);
        outcome
    }
}

impl Shown {
    const fn of(data: &TcpData) -> Self {
        Self { length: data.len(), last: data.is_last() }
    }
}

fn wait<P: Callouts>(
    stream: u32,
    shown: &Rc<Cell<Shown>>,
    plugin: &P,
    then: impl AsyncFnOnce(Rc<P>, WaitingConnection) -> TcpOutcome + 'static,
) -> TcpOutcome {
    let waiting = WaitingConnection { stream, shown: shown.clone() };
    begin(plugin, |plugin| Box::pin(then(plugin, waiting)), Handle { stream, shown: shown.clone() })
}

/// What lets the connection go on.
struct Handle {
    stream: u32,
    shown: Rc<Cell<Shown>>,
}

impl Perform<TcpOutcome> for Handle {
    fn stream(&self) -> u32 {
        self.stream
    }

    fn perform(self, outcome: TcpOutcome) -> Result<(), StreamError> {
        let act = match outcome {
            TcpOutcome::Continue => sys::continue_stream,
            TcpOutcome::Close => sys::close_stream,
            TcpOutcome::Wait => return Ok(()),
        };
        handle::about(self.stream, || act(StreamType::DOWNSTREAM))?.map_err(StreamError::Host)
    }

    fn holds(&self, data: &TcpData) -> bool {
        self.shown.set(Shown::of(data));
        true
    }
}

impl Undecided for TcpOutcome {
    fn paused() -> Self {
        Self::Wait
    }

    fn refused() -> Self {
        Self::Close
    }
}
