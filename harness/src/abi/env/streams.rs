//! What is done to streams: replies, resumption, closing; timers and the end of a plugin.

use tamis_module::gate::EnvoyVersion;
use wasmtime::{Linker, Result};

use super::{DENIED, Guest, word};
use crate::abi::{HostCalls, Status, VmState};
use crate::context::{Action, LocalReply};
use crate::cost::HostCall::{Scalar, Writing};
pub(super) fn link_streams(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut c: Guest<'_>,
         http_status: u32,
         details: u32,
         details_size: u32,
         body: u32,
         body_size: u32,
         headers: u32,
         headers_size: u32,
         grpc_status: u32|
         -> Result<u32> {
            if c.enter("proxy_send_local_response", Writing)? {
                return DENIED;
            }
            let headers = match c.read(headers, headers_size) {
                Ok((wire, _)) => crate::context::decode_pairs(wire),
                Err(status) => return Ok(status.word()),
            };
            let read = c.read2((details, details_size), (body, body_size));
            Ok(word(read.map(|(details, body, context)| {
                let reply = LocalReply {
                    status: http_status,
                    details: String::from_utf8_lossy(details).replace(|c: char| c.is_ascii_whitespace(), "_"),
                    headers,
                    body: body.to_vec(),
                    // Before 1.32 every number counts, also the one that stands for none (rule LR-3).
                    grpc_status: (grpc_status <= 16 || context.envoy() < EnvoyVersion::minor(32))
                        .then_some(grpc_status),
                };
                context.defer(|stream| Action::Reply(stream, reply));
            })))
        },
    )?;
    // Downstream (2) resumes a connection and means nothing to an HTTP stream; upstream (3) is not to be had (rule LR-11).
    linker.func_wrap("env", "proxy_continue_stream", |mut c: Guest<'_>, kind: u32| -> Result<u32> {
        if c.enter("proxy_continue_stream", Scalar)? {
            return DENIED;
        }
        let context = &mut c.data_mut().context;
        match kind {
            0 | 1 => {
                // The request is out of reach at once, whichever of the two goes on (rule HDR-2).
                context.forget_request();
                context.defer(if kind == 0 { Action::ContinueRequest } else { Action::ContinueResponse });
            }
            2 => context.defer(Action::ContinueConnection),
            3 => return Ok(Status::Unimplemented.word()),
            _ => return Ok(Status::BadArgument.word()),
        }
        Ok(Status::Ok.word())
    })?;
    linker.func_wrap("env", "proxy_close_stream", |mut c: Guest<'_>, kind: u32| -> Result<u32> {
        if c.enter("proxy_close_stream", Scalar)? {
            return DENIED;
        }
        Ok(match kind {
            0 | 1 => {
                c.data_mut().context.defer(Action::Close);
                Status::Ok.word()
            }
            // Either end of a connection closes all of it; an HTTP stream does not mind (rule LR-10).
            2 | 3 => {
                c.data_mut().context.defer(Action::CloseConnection);
                Status::Ok.word()
            }
            _ => Status::BadArgument.word(),
        })
    })?;
    linker.func_wrap("env", "proxy_done", |mut c: Guest<'_>| -> Result<u32> {
        if c.enter("proxy_done", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.done()))
    })?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", |mut c: Guest<'_>, period: u32| -> Result<u32> {
        if c.enter("proxy_set_tick_period_milliseconds", Scalar)? {
            return DENIED;
        }
        c.data_mut().context.set_tick(period);
        Ok(Status::Ok.word())
    })?;
    Ok(())
}
