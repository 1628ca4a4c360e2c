//! The WASI functions that a proxy offers, under both names of the module: all that any Envoy has. Which of them a module
//! may import is the gate's business.

use wasmtime::{Caller, Linker, Result};

use tamis_module::gate::EnvoyVersion;

use super::{HostCalls, VmState};
use crate::cost::HostCall::{Returning, Scalar, Writing};

mod files;

type Guest<'a> = Caller<'a, VmState>;

/// Error numbers of WASI.
const OK: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// What a plugin gets that may not call a function: ENOTCAPABLE (rule `CAP-1`).
const DENIED: Result<u32> = Ok(76);

/// The most bytes that one `fd_write` may name: the same bytes can be named any number of times.
const MAX_WRITE: usize = 16 << 20;

/// The most random bytes that one call gets (rule `WASI-7`).
const MAX_RANDOM: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<VmState>) -> Result<()> {
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        link_output(linker, module)?;
        link_environment(linker, module)?;
        link_refused(linker, module)?;
        files::link(linker, module)?;
    }
    Ok(())
}

fn link_output(linker: &mut Linker<VmState>, module: &str) -> Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |mut c: Guest<'_>, fd: u32, vectors: u32, count: u32, written: u32| -> Result<u32> {
            if c.enter("fd_write", Writing)? { DENIED } else { write(&mut c, fd, (vectors, count), written) }
        },
    )?;
    Ok(())
}

/// What `fd_write` does: all vectors are one line of the log.
fn write(c: &mut Guest<'_>, fd: u32, (vectors, count): (u32, u32), written: u32) -> Result<u32> {
    // Standard output is logged as information, standard error as errors (rule WASI-1).
    let level = match fd {
        1 => 2,
        2 => 4,
        _ => return Ok(BADF),
    };
    let mut text = Vec::new();
    for i in 0..count {
        let Some(at) = i.checked_mul(8).and_then(|offset| vectors.checked_add(offset)) else {
            return Ok(FAULT);
        };
        let Some((data, size)) = c.read(at, 8).ok().and_then(|(vector, _)| {
            let (data, size) = vector.split_at_checked(4)?;
            Some((u32::from_le_bytes(data.try_into().ok()?), u32::from_le_bytes(size.try_into().ok()?)))
        }) else {
            return Ok(FAULT);
        };
        match c.read(data, size) {
            Ok((bytes, _)) if text.len() + bytes.len() <= MAX_WRITE => text.extend_from_slice(bytes),
            _ => return Ok(FAULT),
        }
    }
    let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let message = text.strip_suffix(b"\n").unwrap_or(&text).to_vec();
    // A newline alone is an empty line; nothing at all is none (rule WASI-1).
    if !text.is_empty() {
        // The level is one of two that exist.
        let _ = c.data_mut().context.log(level, &message);
    }
    Ok(errno(c.write(written, &size.to_le_bytes()).is_ok()))
}

fn link_environment(linker: &mut Linker<VmState>, module: &str) -> Result<()> {
    linker.func_wrap(module, "args_get", |mut c: Guest<'_>, _: u32, _: u32| -> Result<u32> {
        if c.enter("args_get", Scalar)? { DENIED } else { Ok(OK) }
    })?;
    linker.func_wrap(module, "args_sizes_get", |mut c: Guest<'_>, count: u32, size: u32| -> Result<u32> {
        if c.enter("args_sizes_get", Scalar)? {
            return DENIED;
        }
        Ok(errno(c.write(count, &[0; 4]).and_then(|()| c.write(size, &[0; 4])).is_ok()))
    })?;
    linker.func_wrap(module, "environ_sizes_get", |mut c: Guest<'_>, count: u32, size: u32| -> Result<u32> {
        if c.enter("environ_sizes_get", Scalar)? {
            return DENIED;
        }
        let environment = environment(&c);
        let word = |size: usize| u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes();
        let bytes = environment.iter().map(Vec::len).sum();
        let written = c.write(count, &word(environment.len())).and_then(|()| c.write(size, &word(bytes)));
        Ok(errno(written.is_ok()))
    })?;
    linker.func_wrap(module, "environ_get", |mut c: Guest<'_>, mut table: u32, mut at: u32| -> Result<u32> {
        if c.enter("environ_get", Returning)? {
            return DENIED;
        }
        for variable in environment(&c) {
            let written = c.write(table, &at.to_le_bytes()).and_then(|()| c.write(at, &variable));
            let size = u32::try_from(variable.len()).unwrap_or(u32::MAX);
            match (written, table.checked_add(4), at.checked_add(size)) {
                (Ok(()), Some(next), Some(free)) => (table, at) = (next, free),
                _ => return Ok(FAULT),
            }
        }
        Ok(OK)
    })?;
    linker.func_wrap(
        module,
        "clock_time_get",
        |mut c: Guest<'_>, id: u32, _precision: u64, out: u32| -> Result<u32> {
            if c.enter("clock_time_get", Scalar)? {
                return DENIED;
            }
            // Wall and monotonic clock; there are no others (rule WASI-6).
            if id > 1 {
                return Ok(NOTSUP);
            }
            let clock = c.data().context.process().clock();
            let monotonic = u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let now = if id == 0 { clock.wall_nanoseconds() } else { monotonic };
            Ok(errno(c.write(out, &now.to_le_bytes()).is_ok()))
        },
    )?;
    linker.func_wrap(module, "random_get", |mut c: Guest<'_>, at: u32, size: u32| -> Result<u32> {
        if c.enter("random_get", Returning)? {
            return DENIED;
        }
        if size > MAX_RANDOM {
            return Ok(INVAL);
        }
        if size == 0 {
            return Ok(OK);
        }
        let process = c.data().context.process().clone();
        let size = usize::try_from(size).unwrap_or_default();
        let bytes = std::iter::repeat_with(|| process.random()).flatten().take(size).collect::<Vec<_>>();
        Ok(errno(c.write(at, &bytes).is_ok()))
    })?;
    Ok(())
}

/// What is linked and does nothing, or says no.
fn link_refused(linker: &mut Linker<VmState>, module: &str) -> Result<()> {
    linker.func_wrap(module, "fd_read", |_: u32, _: u32, _: u32, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_seek", |_: u32, _: u64, _: u32, _: u32| OK)?;
    linker.func_wrap(module, "fd_close", |_: u32| OK)?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: u32, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_fdstat_get", |mut c: Guest<'_>, fd: u32, out: u32| -> Result<u32> {
        if c.enter("fd_fdstat_get", Scalar)? {
            return DENIED;
        }
        if !matches!(fd, 1 | 2) {
            return Ok(BADF);
        }
        let mut stat = [0; 24];
        // Rights: fd_write only (rule WASI-2).
        stat[8] = 64;
        // A pointer that leads nowhere is not told (rule WASI-2).
        let _ = c.write(out, &stat);
        Ok(OK)
    })?;
    linker.func_wrap(module, "fd_prestat_get", |_: u32, _: u32| BADF)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| NOSYS)?;
    linker.func_wrap(
        module,
        "path_open",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32, _: u32| NOENT,
    )?;
    linker.func_wrap(module, "sched_yield", || OK)?;
    // It returns to the guest (rule WASI-3).
    linker.func_wrap(module, "proc_exit", |_: u32| {})?;
    linker.func_wrap(
        module,
        "poll_oneoff",
        |mut c: Guest<'_>, _: u32, _: u32, _: u32, events: u32| -> Result<u32> {
            if c.enter("poll_oneoff", Scalar)? {
                return DENIED;
            }
            // Before 1.39 it is only a name (rule WASI-8).
            if c.data().context.envoy() < EnvoyVersion::minor(39) {
                return Ok(NOSYS);
            }
            Ok(errno(c.write(events, &[0; 4]).is_ok()))
        },
    )?;
    Ok(())
}

/// The variables as a guest sees them (rule `WASI-5`).
fn environment(c: &Guest<'_>) -> Vec<Vec<u8>> {
    let variables = c.data().context.environment().iter();
    variables.map(|(name, value)| format!("{name}={value}\0").into_bytes()).collect()
}

const fn errno(ok: bool) -> u32 {
    if ok { OK } else { FAULT }
}
