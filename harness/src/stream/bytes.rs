//! How bytes pass the chain: Envoy's network filter manager with a TCP proxy at its end.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::connection::{End, Moved};
use super::thread::Handle;
use super::vms::Vms;
use crate::abi::Callback;
use crate::context::{Action, Exchange, Visible, lock};
use crate::cost::Cost;

/// How often guests can resume connections in one step: each resumption calls guests, which can resume again. Envoy would
/// run out of stack.
pub(super) const MAX_RESUMES: usize = 100;

/// A connection on its thread.
#[derive(Debug)]
pub(super) struct Connection {
    exchange: Arc<Mutex<Exchange>>,
    filters: Vec<Member>,
    pub cost_before: Cost,
    pub out: Vec<Moved>,
    /// What the client has said and the proxy has not read.
    unread: Vec<u8>,
    /// The upstream is connected: only from now on the client is read (rule `TCP-2`).
    connected: bool,
    client: Side,
    upstream: Side,
    closed: bool,
    /// The filter whose context is being created.
    creating: Option<usize>,
    /// Filters behind which the client's bytes go on, when the step at hand is done.
    resumes: VecDeque<usize>,
}

/// How far one end's words have come.
#[derive(Debug, Default)]
struct Side {
    /// It has said its last.
    spoken: bool,
    /// Its last has been read.
    ended: bool,
    /// The other end has been told.
    told: bool,
}

/// A filter of the chain, for this connection.
#[derive(Debug)]
struct Member {
    handle: Handle,
    /// The context's id.
    id: u32,
    /// It has been told of the connection.
    begun: bool,
}

/// Why a downstream connection is closed, as a guest sees it (rule `TCP-1`).
#[derive(Clone, Copy)]
enum Peer {
    Local = 1,
    Remote = 2,
}

/// What a close of the upstream's looks like to a guest (rule `TCP-1`).
const UNKNOWN: u32 = 0;

/// A connection with the VMs of its thread, for the time of one step.
pub(super) struct Link<'t> {
    pub vms: &'t mut Vms,
    pub state: &'t mut Connection,
    pub buffer_limit: usize,
}

impl Connection {
    pub(super) fn new(exchange: Arc<Mutex<Exchange>>, cost_before: Cost) -> Self {
        Self {
            exchange,
            filters: Vec::new(),
            cost_before,
            out: Vec::new(),
            unread: Vec::new(),
            connected: false,
            client: Side::default(),
            upstream: Side::default(),
            closed: false,
            creating: None,
            resumes: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, handle: Handle, id: u32) {
        self.filters.push(Member { handle, id, begun: false });
    }

    /// The place of the filter with this context.
    pub(super) fn find(&self, vm: usize, id: u32) -> Option<usize> {
        self.filters.iter().position(|filter| filter.handle.vm == vm && filter.id == id)
    }

    /// The plugins that it needs.
    pub(super) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.filters.iter().filter(|_| !self.closed).map(|filter| &filter.handle)
    }
}

impl Link<'_> {
    pub(super) fn begin(&mut self) {
        self.read_from(0);
        self.finish();
    }

    pub(super) fn client_says(&mut self, bytes: &[u8], last: bool) {
        if self.state.closed || self.state.client.spoken {
            return;
        }
        self.state.unread.extend_from_slice(bytes);
        self.state.client.spoken = last;
        self.finish();
    }

    pub(super) fn upstream_says(&mut self, bytes: &[u8], last: bool) {
        if self.state.closed || !self.state.connected || self.state.upstream.ended {
            return;
        }
        self.state.upstream.spoken = last;
        self.state.upstream.ended = last;
        lock(&self.state.exchange).upstream.extend_from_slice(bytes);
        self.write();
        self.finish();
    }

    pub(super) fn break_off(&mut self, end: End) {
        match end {
            End::Client => self.close(Peer::Remote),
            // The proxy closes the client's side then.
            End::Upstream if self.state.connected => self.close(Peer::Local),
            End::Upstream => {}
        }
    }

    /// Does what a guest asked for about this connection from elsewhere: a timer, a callout's handler.
    pub(super) fn act(&mut self, index: usize, action: &Action) {
        self.note(index, action);
        self.finish();
    }

    /// What is left to do when no callback runs: resumptions, and reading what the client has said meanwhile.
    fn finish(&mut self) {
        for _ in 0..MAX_RESUMES {
            if self.state.closed {
                break;
            }
            if let Some(index) = self.state.resumes.pop_front() {
                self.read_from(index + 1);
            } else if !self.read() {
                break;
            }
        }
        self.state.resumes.clear();
        self.close_if_both_ended();
    }

    /// Reads what the client has said, all at once. While the filters hold back too much, nothing is read.
    fn read(&mut self) -> bool {
        let state = &mut *self.state;
        let news = !state.unread.is_empty() || (state.client.spoken && !state.client.ended);
        let mut exchange = lock(&state.exchange);
        if !state.connected || !news || exchange.downstream.len() >= self.buffer_limit {
            return false;
        }
        exchange.attributes.request_bytes += state.unread.len() as u64;
        exchange.downstream.append(&mut state.unread);
        drop(exchange);
        state.client.ended = state.client.spoken;
        self.read_from(0);
        // The end of the second direction closes, whatever the filters make of it.
        if self.state.client.ended && self.state.upstream.told {
            self.close(Peer::Remote);
        }
        true
    }

    /// Takes the client's side through the filters from this one on: who has not heard of the connection is told, then what
    /// is there is shown. It ends where a filter pauses, and else at the upstream.
    fn read_from(&mut self, first: usize) {
        for index in first..self.state.filters.len() {
            if !self.is_begun(index) && !self.begin_at(index) {
                return;
            }
            let size = lock(&self.state.exchange).downstream.len();
            if size == 0 && !self.state.client.ended {
                continue;
            }
            let callback = Callback::DownstreamData { size: word(size), end_of_stream: self.state.client.ended };
            if !self.show(index, callback, |visible| &mut visible.downstream) {
                return;
            }
        }
        if !std::mem::replace(&mut self.state.connected, true) {
            let now = self.vms.clock().elapsed();
            let mut exchange = lock(&self.state.exchange);
            exchange.progress.upstream_chosen = Some(now);
            exchange.progress.upstream_connected = true;
            self.state.out.push(Moved::Connected);
            return;
        }
        let bytes = std::mem::take(&mut lock(&self.state.exchange).downstream);
        let ends = self.state.client.ended && !std::mem::replace(&mut self.state.client.told, self.state.client.ended);
        if ends || !bytes.is_empty() {
            self.state.out.push(Moved::Bytes(End::Upstream, bytes, ends));
        }
    }

    /// Takes the upstream's side through the filters, the last one first. What a filter keeps is shown again with what
    /// comes next, and by nothing else: this direction cannot be resumed (rule `LR-11`).
    fn write(&mut self) {
        let end = self.state.upstream.ended;
        for index in (0..self.state.filters.len()).rev() {
            let size = lock(&self.state.exchange).upstream.len();
            let callback = Callback::UpstreamData { size: word(size), end_of_stream: end };
            let goes_on = self.show(index, callback, |visible| &mut visible.upstream);
            // Told after its last bytes, whether they go on or not (rule TCP-1).
            if end && !self.state.closed {
                self.call(index, Callback::UpstreamClose { peer: UNKNOWN });
            }
            if !goes_on || self.state.closed {
                return;
            }
        }
        let bytes = std::mem::take(&mut lock(&self.state.exchange).upstream);
        self.state.upstream.told = end;
        if end || !bytes.is_empty() {
            let mut exchange = lock(&self.state.exchange);
            exchange.progress.response_bytes += bytes.len() as u64;
            self.state.out.push(Moved::Bytes(End::Client, bytes, end));
        }
    }

    /// Whether the connection goes on from here. A filter that closes it in its creation still hears that it is new, and
    /// never that it is over (rule `TCP-3`).
    fn begin_at(&mut self, index: usize) -> bool {
        let Some(Member { handle, .. }) = self.state.filters.get(index) else { return false };
        let (vm, root) = (handle.vm, handle.root);
        self.state.creating = Some(index);
        self.call(index, Callback::ContextCreate { parent: root });
        self.state.creating = None;
        let Some(filter) = self.state.filters.get_mut(index) else { return false };
        filter.begun = true;
        let (id, closed) = (filter.id, self.state.closed);
        let goes_on = !self.vms.failed(vm) && self.call(index, Callback::NewConnection);
        if closed {
            self.vms.remove_stream(vm, id);
        }
        goes_on
    }

    fn is_begun(&self, index: usize) -> bool {
        self.state.filters.get(index).is_some_and(|filter| filter.begun)
    }

    /// Shows a filter bytes, which stay in reach where it pauses (rule `BUF-7`). Whether they go on.
    fn show(&mut self, index: usize, callback: Callback, which: fn(&mut Visible) -> &mut bool) -> bool {
        self.see(index, |visible| *which(visible) = true);
        let goes_on = self.call(index, callback);
        if goes_on {
            self.see(index, |visible| *which(visible) = false);
        }
        goes_on
    }

    fn see(&mut self, index: usize, change: impl FnOnce(&mut Visible)) {
        if let Some(filter) = self.state.filters.get(index) {
            self.vms.see(filter.handle.vm, filter.id, change);
        }
    }

    /// Calls a filter, and does what it asked for before its result counts (rule `LIFE-12`). Whether the connection is open
    /// and goes on here: a dead VM closes it, whatever its policy (rule `FAIL-3`).
    fn call(&mut self, index: usize, callback: Callback) -> bool {
        let Some(filter) = self.state.filters.get(index) else { return true };
        let (vm, id) = (filter.handle.vm, filter.id);
        let Ok(returned) = self.vms.call(vm, id, callback) else {
            self.close(Peer::Local);
            return false;
        };
        let own = self.state.filters.iter().filter(|filter| filter.handle.vm == vm).map(|filter| filter.id);
        let own = own.collect::<Vec<_>>();
        while let Some(action) = self.vms.next_about(vm, &own) {
            if let Some(about) = self.state.find(vm, action.context()) {
                self.note(about, &action);
            }
        }
        !self.state.closed && matches!(returned.word, None | Some(0))
    }

    fn note(&mut self, index: usize, action: &Action) {
        match action {
            Action::CloseConnection(_) => self.close(Peer::Local),
            Action::ContinueConnection(_) if self.state.resumes.len() < MAX_RESUMES => {
                self.state.resumes.push_back(index);
            }
            // What is about messages means nothing to a connection.
            _ => {}
        }
    }

    /// Where the proxy has both passed the client's end on and got the upstream's, it closes.
    fn close_if_both_ended(&mut self) {
        let Connection { client, upstream, .. } = &*self.state;
        if (upstream.ended && client.told) || (upstream.told && client.ended) {
            self.close(Peer::Local);
        }
    }

    /// Closes both sides; every filter that knows the connection hears of it, and of its end, before the next one does. What
    /// filters held back is lost.
    fn close(&mut self, peer: Peer) {
        if std::mem::replace(&mut self.state.closed, true) {
            return;
        }
        let now = self.vms.clock().elapsed();
        lock(&self.state.exchange).progress.end(now);
        self.state.out.push(Moved::Closed);
        for index in 0..self.state.filters.len() {
            let Some(Member { handle, id, begun }) = self.state.filters.get(index) else { continue };
            let (vm, id) = (handle.vm, *id);
            if *begun {
                let closes = Callback::DownstreamClose { peer: peer as u32 };
                for callback in [closes, Callback::Done, Callback::Log, Callback::Delete] {
                    // A dead VM is told nothing (rule LIFE-10).
                    if self.vms.failed(vm) || self.vms.call(vm, id, callback).is_err() {
                        break;
                    }
                }
            }
            if self.state.creating != Some(index) {
                self.vms.remove_stream(vm, id);
            }
        }
    }
}

fn word(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
