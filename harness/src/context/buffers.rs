//! Buffers by number.

use super::{Exchange, VmContext, lock};
use crate::abi::Status;

/// Which body a buffer's number means.
#[derive(Clone, Copy)]
enum Body {
    Request,
    Response,
}

impl Body {
    fn of(self, exchange: &mut Exchange) -> &mut Vec<u8> {
        match self {
            Self::Request => &mut exchange.request.body,
            Self::Response => &mut exchange.response.body,
        }
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

    /// `proxy_get_buffer_status`: the length; flags are always 0 (rule `BUF-3`).
    pub(crate) fn buffer_length(&self, buffer: u32) -> Result<u32, Status> {
        self.with_buffer(buffer, |bytes| u32::try_from(bytes.len()).unwrap_or(u32::MAX))
    }

    /// `proxy_set_buffer_bytes` (rules `BUF-4`, `BUF-5`)
    pub(crate) fn set_buffer(&self, buffer: u32, start: u32, length: u32, new: &[u8]) -> Result<(), Status> {
        let body = match buffer {
            0 => Body::Request,
            1 => Body::Response,
            _ => return Err(self.buffer_length(buffer).err().unwrap_or(Status::BadArgument)),
        };
        let stream = self.stream().ok_or(Status::BadArgument)?;
        let visible = match body {
            Body::Request => stream.visible.request_body,
            Body::Response => stream.visible.response_body,
        };
        if !visible {
            return Err(Status::BadArgument);
        }
        let mut exchange = lock(&stream.exchange);
        let bytes = body.of(&mut exchange);
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
            // TCP data: never null, here always empty (rule BUF-1).
            2 | 3 => return Ok(read(&[])),
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
        let visible = match body {
            Body::Request => stream.visible.request_body,
            Body::Response => stream.visible.response_body,
        };
        if !visible {
            return Ok(read(&[]));
        }
        Ok(read(body.of(&mut lock(&stream.exchange))))
    }
}
