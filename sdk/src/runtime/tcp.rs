//! The phases of TCP: what the exports call.

use super::Plugin;
use super::exports::Runtime;
use crate::tcp::{ClosedBy, DownstreamData, NewConnection, TcpData, TcpFilter, TcpOutcome};

/// `FilterStatus::StopIteration` of the ABI.
const STOP: u32 = 1;

impl<F: TcpFilter + Plugin<State = <F as TcpFilter>::Stream>> Runtime<F> {
    /// `proxy_on_new_connection`
    pub fn new_connection(&self, id: u32) -> u32 {
        self.connection_phase(id, |filter, stream| filter.connection(stream, &mut NewConnection { stream: id }))
    }

    /// `proxy_on_downstream_data`; while the filter waits, what comes is held back with the rest.
    pub fn downstream_data(&self, id: u32, size: u32, end: u32) -> u32 {
        let data = TcpData::downstream(size as usize, end != 0);
        if F::CALLOUTS && self.executor().holds(id, &data) {
            return STOP;
        }
        self.connection_phase(id, |filter, stream| {
            filter.downstream_data(stream, &mut DownstreamData { stream: id, data })
        })
    }

    /// `proxy_on_upstream_data`
    pub fn upstream_data(&self, id: u32, size: u32, end: u32) -> u32 {
        let mut data = TcpData::upstream(size as usize, end != 0);
        self.connection_phase(id, |filter, stream| filter.upstream_data(stream, &mut data))
    }

    /// `proxy_on_downstream_connection_close`
    pub fn downstream_close(&self, id: u32, by: u32) {
        self.enter(id, |filter, stream, _| filter.downstream_close(stream, ClosedBy::from_word(by)));
    }

    /// `proxy_on_upstream_connection_close`
    pub fn upstream_close(&self, id: u32, by: u32) {
        self.enter(id, |filter, stream, _| filter.upstream_close(stream, ClosedBy::from_word(by)));
    }

    /// `proxy_on_log`
    pub fn tcp_log(&self, id: u32) {
        self.enter(id, |filter, stream, _| filter.log(stream));
    }

    /// A connection whose plugin cannot be told is closed.
    fn connection_phase(&self, id: u32, run: impl FnOnce(&F, &mut F::State) -> TcpOutcome) -> u32 {
        self.phase(id, STOP, |filter, stream, _| run(filter, stream).perform())
    }
}
