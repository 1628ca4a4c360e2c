//! The host functions of module `env`.
//!
//! Each reads its arguments, asks the context, writes its results: nothing else.

mod callouts;
mod maps;
mod old;
mod state;
mod streams;

use wasmtime::{Caller, Linker, Result};

use super::{HostCalls, Status, VmState};
use crate::cost::HostCall::{Returning, Scalar, Writing};

type Guest<'a> = Caller<'a, VmState>;

/// What a plugin gets that may not call a function (rule `CAP-1`).
const DENIED: Result<u32> = Ok(Status::InternalFailure as u32);

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    link_basics(linker)?;
    maps::link_headers(linker)?;
    maps::link_buffers(linker)?;
    state::link_properties(linker)?;
    state::link_shared(linker)?;
    state::link_metrics(linker)?;
    streams::link_streams(linker)?;
    callouts::link_callouts(linker)?;
    callouts::link_grpc(linker)?;
    callouts::link_foreign(linker)?;
    old::link(linker)
}

fn link_basics(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap("env", "proxy_log", |mut c: Guest<'_>, level: u32, at: u32, size: u32| -> Result<u32> {
        if c.enter("proxy_log", Writing)? {
            return DENIED;
        }
        // The level is looked at before the message (rule LOG-1).
        let level = known(level, 5);
        Ok(word(level.and_then(|level| c.read(at, size).and_then(|(message, context)| context.log(level, message)))))
    })?;
    linker.func_wrap("env", "proxy_get_log_level", |mut c: Guest<'_>, out: u32| -> Result<u32> {
        if c.enter("proxy_get_log_level", Scalar)? {
            return DENIED;
        }
        let level = c.data().context.process().log_level() as u32;
        Ok(word(c.write(out, &level.to_le_bytes())))
    })?;
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", |mut c: Guest<'_>, out: u32| -> Result<u32> {
        if c.enter("proxy_get_current_time_nanoseconds", Scalar)? {
            return DENIED;
        }
        let now = c.data().context.process().clock().wall_nanoseconds();
        Ok(word(c.write(out, &now.to_le_bytes())))
    })?;
    linker.func_wrap("env", "proxy_get_status", |mut c: Guest<'_>, code: u32, at: u32, size: u32| -> Result<u32> {
        if c.enter("proxy_get_status", Returning)? {
            return DENIED;
        }
        let (status, message) = c.data().context.status();
        if let Err(status) = c.write(code, &status.to_le_bytes()) {
            return Ok(status.word());
        }
        give(&mut c, Ok(message.into_bytes()), at, size)
    })?;
    linker.func_wrap("env", "proxy_set_effective_context", |mut c: Guest<'_>, id: u32| -> Result<u32> {
        if c.enter("proxy_set_effective_context", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.set_effective(id)))
    })?;
    linker.func_wrap("env", "pthread_equal", |a: u32, b: u32| -> u32 { u32::from(a == b) })?;
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_: u32| {})?;
    Ok(())
}

/// A number of an enumeration, which is looked at before any pointer (rules HDR-6, LOG-1).
fn known(number: u32, last: u32) -> std::result::Result<u32, Status> {
    if number <= last { Ok(number) } else { Err(Status::BadArgument) }
}

fn word(result: std::result::Result<(), Status>) -> u32 {
    result.err().unwrap_or(Status::Ok).word()
}

fn give(c: &mut Guest<'_>, value: std::result::Result<Vec<u8>, Status>, at: u32, size: u32) -> Result<u32> {
    Ok(match value {
        Ok(bytes) => c.give(&bytes, at, size)?.word(),
        Err(status) => status.word(),
    })
}
