//! What Envoy links since 1.39 (set C, rule `WASI-9`): there are no files and no sockets.

use wasmtime::{Linker, Result};

use super::{BADF, DENIED, Guest, NOSYS, NOTSUP, OK, errno, write};
use crate::abi::{HostCalls, VmState};
use crate::cost::HostCall::{Scalar, Writing};

const NOTDIR: u32 = 20;

/// A function that looks at nothing, and answers.
macro_rules! answers {
    ($linker:ident, $module:ident: $($name:literal($($type:ty),*) => $answer:expr;)*) => {
        $($linker.func_wrap($module, $name, |mut c: Guest<'_>, $(_: $type),*| -> Result<u32> {
            if c.enter($name, Scalar)? { DENIED } else { Ok($answer) }
        })?;)*
    };
}

/// The same, for functions whose first argument is a descriptor: only the two outputs are open.
macro_rules! for_outputs {
    ($linker:ident, $module:ident: $($name:literal($($type:ty),*);)*) => {
        $($linker.func_wrap($module, $name, |mut c: Guest<'_>, fd: u32, $(_: $type),*| -> Result<u32> {
            if c.enter($name, Scalar)? { DENIED } else { Ok(if matches!(fd, 1 | 2) { OK } else { BADF }) }
        })?;)*
    };
}

pub(super) fn link(linker: &mut Linker<VmState>, module: &str) -> Result<()> {
    linker.func_wrap(module, "clock_res_get", |mut c: Guest<'_>, _id: u32, out: u32| -> Result<u32> {
        if c.enter("clock_res_get", Scalar)? {
            return DENIED;
        }
        Ok(errno(c.write(out, &1_u64.to_le_bytes()).is_ok()))
    })?;
    linker.func_wrap(
        module,
        "fd_pwrite",
        |mut c: Guest<'_>, fd: u32, vectors: u32, count: u32, _at: u64, written: u32| -> Result<u32> {
            if c.enter("fd_pwrite", Writing)? { DENIED } else { write(&mut c, fd, (vectors, count), written) }
        },
    )?;
    linker.func_wrap(module, "fd_tell", |mut c: Guest<'_>, fd: u32, out: u32| -> Result<u32> {
        if c.enter("fd_tell", Scalar)? {
            return DENIED;
        }
        if !matches!(fd, 1 | 2) {
            return Ok(BADF);
        }
        Ok(errno(c.write(out, &0_u64.to_le_bytes()).is_ok()))
    })?;
    for_outputs! { linker, module:
        "fd_advise"(u64, u64, u32);
        "fd_allocate"(u64, u64);
        "fd_datasync"();
        "fd_sync"();
        "fd_fdstat_set_rights"(u64, u64);
        "fd_filestat_set_size"(u64);
        "fd_filestat_set_times"(u64, u64, u32);
    }
    answers! { linker, module:
        "fd_filestat_get"(u32, u32) => BADF;
        "fd_pread"(u32, u32, u32, u64, u32) => NOSYS;
        "fd_readdir"(u32, u32, u32, u64, u32) => NOTDIR;
        "fd_renumber"(u32, u32) => NOTSUP;
        "path_create_directory"(u32, u32, u32) => NOTSUP;
        "path_filestat_get"(u32, u32, u32, u32, u32) => NOTSUP;
        "path_filestat_set_times"(u32, u32, u32, u32, u64, u64, u32) => NOTSUP;
        "path_link"(u32, u32, u32, u32, u32, u32) => NOTSUP;
        "path_readlink"(u32, u32, u32, u32, u32, u32) => NOTSUP;
        "path_remove_directory"(u32, u32, u32) => NOTSUP;
        "path_rename"(u32, u32, u32, u32, u32, u32) => NOTSUP;
        "path_symlink"(u32, u32, u32, u32) => NOTSUP;
        "path_unlink_file"(u32, u32, u32) => NOTSUP;
        "sock_accept"(u32, u32, u32) => NOTSUP;
        "sock_recv"(u32, u32, u32, u32, u32, u32) => NOTSUP;
        "sock_send"(u32, u32, u32, u32, u32) => NOTSUP;
        "sock_shutdown"(u32, u32) => NOTSUP;
    }
    Ok(())
}
