//! Properties, shared data, queues, metrics.

use wasmtime::{Linker, Result};

use super::{DENIED, Guest, give, word};
use crate::abi::{HostCalls, Status, VmState};
use crate::cost::HostCall::{Returning, Scalar, Writing};
pub(super) fn link_properties(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut c: Guest<'_>, path: u32, path_size: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_get_property", Returning)? {
                return DENIED;
            }
            let value = c.read(path, path_size).and_then(|(path, context)| context.property(path));
            give(&mut c, value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |mut c: Guest<'_>, path: u32, path_size: u32, value: u32, value_size: u32| -> Result<u32> {
            if c.enter("proxy_set_property", Writing)? {
                return DENIED;
            }
            let read = c.read2((path, path_size), (value, value_size));
            Ok(word(read.and_then(|(path, value, context)| context.set_property(path, value))))
        },
    )?;
    Ok(())
}

pub(super) fn link_shared(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut c: Guest<'_>, key: u32, key_size: u32, at: u32, size: u32, cas: u32| -> Result<u32> {
            if c.enter("proxy_get_shared_data", Returning)? {
                return DENIED;
            }
            match c.read(key, key_size).and_then(|(key, context)| context.shared_data(key)) {
                Ok((value, version)) => {
                    let status = c.give(&value, at, size)?;
                    let written = if status == Status::Ok { c.write(cas, &version.to_le_bytes()) } else { Err(status) };
                    Ok(word(written))
                }
                Err(status) => Ok(status.word()),
            }
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut c: Guest<'_>, key: u32, key_size: u32, value: u32, value_size: u32, cas: u32| -> Result<u32> {
            if c.enter("proxy_set_shared_data", Writing)? {
                return DENIED;
            }
            let read = c.read2((key, key_size), (value, value_size));
            Ok(word(read.and_then(|(key, value, context)| context.set_shared_data(key, value, cas))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |mut c: Guest<'_>, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_register_shared_queue", Writing)? {
                return DENIED;
            }
            let token = c.read(name, name_size).and_then(|(name, context)| context.register_queue(name));
            Ok(word(token.and_then(|token| c.write(out, &token.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |mut c: Guest<'_>, vm: u32, vm_size: u32, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_resolve_shared_queue", Writing)? {
                return DENIED;
            }
            let read = c.read2((vm, vm_size), (name, name_size));
            let token = read.and_then(|(vm, name, context)| context.resolve_queue(vm, name));
            Ok(word(token.and_then(|token| c.write(out, &token.to_le_bytes()))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |mut c: Guest<'_>, token: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_enqueue_shared_queue", Writing)? {
                return DENIED;
            }
            Ok(word(c.read(at, size).and_then(|(value, context)| context.enqueue(token, value))))
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |mut c: Guest<'_>, token: u32, at: u32, size: u32| -> Result<u32> {
            if c.enter("proxy_dequeue_shared_queue", Returning)? {
                return DENIED;
            }
            let value = c.data().context.dequeue(token);
            give(&mut c, value, at, size)
        },
    )?;
    Ok(())
}

pub(super) fn link_metrics(linker: &mut Linker<VmState>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut c: Guest<'_>, kind: u32, name: u32, name_size: u32, out: u32| -> Result<u32> {
            if c.enter("proxy_define_metric", Writing)? {
                return DENIED;
            }
            let id = c.read(name, name_size).and_then(|(name, context)| context.define_metric(kind, name));
            Ok(word(id.and_then(|id| c.write(out, &id.to_le_bytes()))))
        },
    )?;
    linker.func_wrap("env", "proxy_increment_metric", |mut c: Guest<'_>, id: u32, offset: i64| -> Result<u32> {
        if c.enter("proxy_increment_metric", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.increment_metric(id, offset)))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |mut c: Guest<'_>, id: u32, value: u64| -> Result<u32> {
        if c.enter("proxy_record_metric", Scalar)? {
            return DENIED;
        }
        Ok(word(c.data_mut().context.record_metric(id, value)))
    })?;
    linker.func_wrap("env", "proxy_get_metric", |mut c: Guest<'_>, id: u32, out: u32| -> Result<u32> {
        if c.enter("proxy_get_metric", Scalar)? {
            return DENIED;
        }
        let value = c.data().context.metric(id);
        Ok(word(value.and_then(|value| c.write(out, &value.to_le_bytes()))))
    })?;
    Ok(())
}
