//! Requests of a guest's own, HTTP and gRPC; foreign functions.

use wasmtime::{Linker, Result};

use super::{DENIED, Guest, word};
use crate::abi::{HostCalls, Status, VmState};
use crate::context::{CalloutArguments, GrpcArguments};
use crate::cost::HostCall::{Returning, Scalar, Writing};
pub(super) fn link_callouts(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut c: Guest<'_>,
         cluster: u32,
         cluster_size: u32,
         headers: u32,
         headers_size: u32,
         body: u32,
         body_size: u32,
         trailers: u32,
         trailers_size: u32,
         timeout_milliseconds: u32,
         out: u32|
         -> Result<u32> {
            if c.enter("proxy_http_call", Writing)? {
                return DENIED;
            }
            let copied = c.read2((cluster, cluster_size), (trailers, trailers_size));
            let cluster = match copied {
                Ok((cluster, _trailers_are_not_sent, _)) => cluster.to_vec(),
                Err(status) => return Ok(status.word()),
            };
            let token = match c.read2((headers, headers_size), (body, body_size)) {
                Ok((headers, body, context)) => {
                    context.http_call(&CalloutArguments { cluster: &cluster, headers, body, timeout_milliseconds })
                }
                Err(status) => return Ok(status.word()),
            };
            // A refused call has a token, too: 0 (rule HC-1).
            let written = c.write(out, &token.unwrap_or_default().to_le_bytes());
            Ok(word(written.and(token.map(drop))))
        },
    )?;
    Ok(())
}

pub(super) fn link_grpc(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_grpc_call",
        |mut c: Guest<'_>,
         target: u32,
         target_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         message: u32,
         message_size: u32,
         timeout: u32,
         out: u32|
         -> Result<u32> {
            if c.enter("proxy_grpc_call", Writing)? {
                return DENIED;
            }
            let to = (target, target_size);
            let names = ((service, service_size), (method, method_size));
            let metadata = (metadata, metadata_size);
            let call = Some(((message, message_size), timeout));
            Ok(word(begin_grpc(&mut c, to, names, metadata, call, out)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_stream",
        |mut c: Guest<'_>,
         target: u32,
         target_size: u32,
         service: u32,
         service_size: u32,
         method: u32,
         method_size: u32,
         metadata: u32,
         metadata_size: u32,
         out: u32|
         -> Result<u32> {
            if c.enter("proxy_grpc_stream", Writing)? {
                return DENIED;
            }
            let to = (target, target_size);
            let names = ((service, service_size), (method, method_size));
            Ok(word(begin_grpc(&mut c, to, names, (metadata, metadata_size), None, out)))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_grpc_send",
        |mut c: Guest<'_>, token: u32, message: u32, size: u32, end: u32| -> Result<u32> {
            if c.enter("proxy_grpc_send", Writing)? {
                return DENIED;
            }
            let read = c.read(message, size);
            Ok(word(read.and_then(|(message, context)| context.grpc_send(token, message, end != 0))))
        },
    )?;
    linker.func_wrap("env", "proxy_grpc_close", |mut c: Guest<'_>, token: u32| -> Result<u32> {
        if c.enter("proxy_grpc_close", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.grpc_close(token)))
    })?;
    linker.func_wrap("env", "proxy_grpc_cancel", |mut c: Guest<'_>, token: u32| -> Result<u32> {
        if c.enter("proxy_grpc_cancel", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.grpc_cancel(token)))
    })?;
    Ok(())
}

/// A range of the guest's memory.
type At = (u32, u32);

fn begin_grpc(
    c: &mut Guest<'_>,
    target: At,
    (service, method): (At, At),
    metadata: At,
    call: Option<(At, u32)>,
    out: u32,
) -> std::result::Result<(), Status> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (target, metadata) =
        c.read2(target, metadata).map(|(target, metadata, _)| (target.to_vec(), metadata.to_vec()))?;
    let (service, method) = c.read2(service, method).map(|(service, method, _)| (text(service), text(method)))?;
    let arguments = GrpcArguments { target: &target, service, method, metadata: &metadata };
    let token = match call {
        Some((message, timeout)) => {
            c.read(message.0, message.1).and_then(|(message, context)| context.grpc_call(arguments, message, timeout))
        }
        None => c.data_mut().context.grpc_stream(arguments),
    };
    token.and_then(|token| c.write(out, &token.to_le_bytes()))
}

pub(super) fn link_foreign(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut c: Guest<'_>,
         name: u32,
         name_size: u32,
         argument: u32,
         argument_size: u32,
         at: u32,
         size: u32|
         -> Result<u32> {
            if c.enter("proxy_call_foreign_function", Returning)? {
                return DENIED;
            }
            let read = c.read2((name, name_size), (argument, argument_size));
            let result = match read.and_then(|(name, argument, context)| context.foreign_function(name, argument)) {
                Err(status @ (Status::NotFound | Status::InvalidMemoryAccess)) => return Ok(status.word()),
                result => result,
            };
            // A guest that wants no result may pass no place for one; who fails gives an empty one (rule FF-1).
            if at == 0 && size == 0 {
                return Ok(word(result.map(drop)));
            }
            let (bytes, status) = match result {
                Ok(bytes) => (bytes, Status::Ok),
                Err(status) => (Vec::new(), status),
            };
            let given = c.give(&bytes, at, size)?;
            Ok(if given == Status::Ok { status } else { given }.word())
        },
    )?;
    // Names cannot be looked up here; the pointers are looked at all the same.
    linker.func_wrap(
        "env",
        "envoy_resolve_dns",
        |mut c: Guest<'_>, name: u32, size: u32, out: u32| -> Result<u32> {
            if c.enter("envoy_resolve_dns", Writing)? {
                return DENIED;
            }
            let read = c.read(name, size).map(drop);
            let written = read.and_then(|()| c.write(out, &0_u32.to_le_bytes()));
            Ok(written.err().unwrap_or(Status::Unimplemented).word())
        },
    )?;
    Ok(())
}
