//! Header maps and buffers.

use wasmtime::{Linker, Result};

use super::{DENIED, Guest, give, known, word};
use crate::abi::{HostCalls, VmState};
use crate::cost::HostCall::{Returning, Scalar, Writing};

/// The last header map that has a number.
const LAST_MAP: u32 = 7;

pub(super) fn link_headers(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_header_map_value", Returning)? {
                return DENIED;
            }
            let map = known(map, LAST_MAP);
            let value =
                map.and_then(|map| c.read(key, key_size).and_then(|(key, context)| context.header_value(map, key)));
            give(&mut c, value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut c: Guest<'_>, map: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_header_map_pairs", Returning)? {
                return DENIED;
            }
            let pairs = c.data().context.header_pairs(map);
            give(&mut c, pairs, at, size)
        },
    )?;
    linker.func_wrap("env", "proxy_get_header_map_size", |mut c: Guest<'_>, map: u32, out: u32| -> Result<u32> {
        if c.enter("proxy_get_header_map_size", Scalar)? {
            return DENIED;
        }
        let size = c.data_mut().context.header_size(map);
        Ok(word(size.and_then(|size| c.write(out, &size.to_le_bytes()))))
    })?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_add_header_map_value", Writing)? {
                return DENIED;
            }
            let map = known(map, LAST_MAP);
            Ok(word(map.and_then(|map| {
                let (key, value, context) = c.read2((key, key_size), (value, value_size))?;
                context.add_header(map, key, value)
            })))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_replace_header_map_value", Writing)? {
                return DENIED;
            }
            let map = known(map, LAST_MAP);
            Ok(word(map.and_then(|map| {
                let (key, value, context) = c.read2((key, key_size), (value, value_size))?;
                context.set_header(map, key, value)
            })))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Guest<'_>, map: u32, key: u32, key_size: u32| -> Result<u32> {
            if c.enter("proxy_remove_header_map_value", Writing)? {
                return DENIED;
            }
            let map = known(map, LAST_MAP);
            Ok(word(map.and_then(|map| {
                let (key, context) = c.read(key, key_size)?;
                context.remove_header(map, key)
            })))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut c: Guest<'_>, map: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_set_header_map_pairs", Writing)? {
                return DENIED;
            }
            let map = known(map, LAST_MAP);
            Ok(word(map.and_then(|map| {
                let (pairs, context) = c.read(at, size)?;
                context.set_header_pairs(map, pairs)
            })))
        },
    )?;
    Ok(())
}

pub(super) fn link_buffers(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Guest<'_>, buffer: u32, start: u32, max: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_buffer_bytes", Returning)? {
                return DENIED;
            }
            let bytes = c.data().context.buffer(buffer, start, max);
            give(&mut c, bytes, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_status",
        |mut c: Guest<'_>, buffer: u32, length: u32, flags: u32| -> Result<u32> {
            if c.enter("proxy_get_buffer_status", Scalar)? {
                return DENIED;
            }
            let result = c.data().context.buffer_length(buffer);
            let result = result.and_then(|bytes| c.write(length, &bytes.to_le_bytes()));
            Ok(word(result.and_then(|()| c.write(flags, &0_u32.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut c: Guest<'_>, buffer: u32, start: u32, length: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_set_buffer_bytes", Writing)? {
                return DENIED;
            }
            // Whether there is such a buffer is asked before the bytes are looked at (rule BUF-5).
            let there = c.data().context.buffer_length(buffer).map(drop);
            Ok(word(there.and_then(|()| {
                let (new, context) = c.read(at, size)?;
                context.set_buffer(buffer, start, length, new)
            })))
        },
    )?;
    Ok(())
}
