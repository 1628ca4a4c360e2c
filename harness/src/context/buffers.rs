//! Buffers by number.

use super::{Exchange, Visible, VmContext, lock};
use crate::abi::Status;

/// Which body a buffer's number means.
#[derive(Clone, Copy)]
enum Body {
    Request,
    Response,
    Downstream,
    Upstream,
}

impl Body {
    /// What a stream can reach of it; nothing when that is not there (rule `BUF-6`).
    fn of<'e>(self, exchange: &'e mut Exchange, visible: &Visible) -> Option<&'e mut Vec<u8>> {
        let (message, piece, held) = match self {
            Self::Downstream => return visible.downstream.then_some(&mut exchange.downstream),
            Self::Upstream => return visible.upstream.then_some(&mut exchange.upstream),
            Self::Request => (&mut exchange.request, visible.request_body, visible.request_held),
            Self::Response => (&mut exchange.response, visible.response_body, visible.response_held),
        };
        if held { Some(message.held.get_or_insert_default()) } else { piece.then_some(&mut message.body) }
    }
}

impl VmContext {
    /// `proxy_get_buffer_bytes`
    pub(crate) fn buffer(&self, buffer: u32, start: u32, max: u32) -> Result<Vec<u8>, Status> {
        self.with_buffer(buffer, |bytes| {
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let max = usize::try_from(max).unwrap_or(usize::MAX);
            // From behind the end there is nothing, and that is no error (rule BUF-2).
            bytes.get(start..).map(|rest| rest.iter().copied().take(max).collect()).unwrap_or_default()
        })
    }

    /// `proxy_get_configuration` of ABI 0.1.0 (rule `LIFE-14`)
    pub(crate) fn old_configuration(&self) -> Vec<u8> {
        if self.call.configuring {
            self.plugin().map(|plugin| plugin.configuration.clone()).unwrap_or_default()
        } else {
            self.vm_configuration.clone()
        }
    }

    /// `proxy_get_buffer_status`: the length; flags are always 0 (rule `BUF-3`).
    pub(crate) fn buffer_length(&self, buffer: u32) -> Result<u32, Status> {
        self.with_buffer(buffer, |bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    /// `proxy_set_buffer_bytes` (rules `BUF-4`, `BUF-5`)
    pub(crate) fn set_buffer(&self, buffer: u32, start: u32, length: u32, new: &[u8]) -> Result<(), Status> {
        let body = match buffer {
            0 => Body::Request,
            1 => Body::Response,
            2 => Body::Downstream,
            3 => Body::Upstream,
            _ => return Err(self.buffer_length(buffer).err().unwrap_or(Status::BadArgument)),
        };
        let stream = self.stream().ok_or(Status::BadArgument)?;
        let mut exchange = lock(&stream.exchange);
        let bytes = body.of(&mut exchange, &stream.visible).ok_or(Status::BadArgument)?;
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if start == 0 {
            bytes.splice(..length.min(bytes.len()), new.iter().copied());
        } else if start >= bytes.len() {
            bytes.extend_from_slice(new);
        } else {
            return Err(Status::BadArgument);
        }
        Ok(())
    }

    fn with_buffer<T>(&self, buffer: u32, read: impl FnOnce(&[u8]) -> T) -> Result<T, Status> {
        let body = match buffer {
            0 => Body::Request,
            1 => Body::Response,
            // A connection's bytes: never null, empty where there are none (rule BUF-1).
            2 => Body::Downstream,
            3 => Body::Upstream,
            5 => return Ok(read(self.grpc_message())),
            // The VM's configuration can be read at any time (rule CFG-2).
            6 => {
                self.lent.borrow_mut().remove(&self.active());
                return Ok(read(&self.vm_configuration));
            }
            7 if self.call.configuring => {
                self.lent.borrow_mut().insert(self.active());
                return self.plugin().map(|plugin| read(&plugin.configuration)).ok_or(Status::NotFound);
            }
            4 => return self.callout_body().map(|body| read(&body)).ok_or(Status::NotFound),
            7 => return Err(Status::NotFound),
            // One piece of the host's memory serves the configurations and the data of foreign functions (rule BUF-8).
            8 => {
                let plugin = self.plugin().filter(|_| self.lent.borrow().contains(&self.active()));
                return Ok(read(plugin.map_or(&[], |plugin| &plugin.configuration)));
            }
            _ => return Err(Status::BadArgument),
        };
        let Some(stream) = self.stream() else { return Ok(read(&[])) };
        let mut exchange = lock(&stream.exchange);
        Ok(read(body.of(&mut exchange, &stream.visible).map_or(&[], |bytes| bytes)))
    }
}
