//! The WASI functions that every supported Envoy links ("set B" of the reference).

use super::Signature;
use super::ValueType::{self, I32, I64};

/// The two module names under which a host links the same functions.
pub const WASI_MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// One WASI function that a guest may import from either of [`WASI_MODULES`].
#[derive(Clone, Copy, Debug)]
pub struct WasiFunction {
    /// Its name, such as `fd_write`.
    pub name: &'static str,
    /// Types of the parameters, in order.
    pub params: &'static [ValueType],
    /// Types of the results; an `i32` errno for all but `proc_exit`.
    pub results: &'static [ValueType],
    /// Whether also Envoy 1.31 and older link it ("set A").
    pub before_1_32: bool,
}

impl WasiFunction {
    /// The function's type.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature::new(self.params, self.results)
    }
}

/// The WASI functions that a module may import to load in every supported Envoy.
pub fn wasi_functions() -> impl Iterator<Item = &'static WasiFunction> {
    TABLE.iter()
}

/// Whether newer hosts link a WASI function of this name that older supported ones do not ("set C"). Envoy 1.40.0 loads
/// a module that imports one; up to 1.38 the import is missing.
#[must_use]
pub fn is_newer_wasi(name: &str) -> bool {
    NEWER.contains(&name)
}

const fn errno(name: &'static str, params: &'static [ValueType]) -> WasiFunction {
    WasiFunction { name, params, results: &[I32], before_1_32: true }
}

const fn late(name: &'static str, params: &'static [ValueType]) -> WasiFunction {
    WasiFunction { name, params, results: &[I32], before_1_32: false }
}

const TABLE: &[WasiFunction] = &[
    errno("fd_write", &[I32, I32, I32, I32]),
    errno("fd_read", &[I32, I32, I32, I32]),
    errno("fd_seek", &[I32, I64, I32, I32]),
    errno("fd_close", &[I32]),
    errno("fd_fdstat_get", &[I32, I32]),
    errno("environ_get", &[I32, I32]),
    errno("environ_sizes_get", &[I32, I32]),
    errno("args_get", &[I32, I32]),
    errno("args_sizes_get", &[I32, I32]),
    errno("clock_time_get", &[I32, I64, I32]),
    errno("random_get", &[I32, I32]),
    WasiFunction { name: "proc_exit", params: &[I32], results: &[], before_1_32: true },
    errno("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32]),
    errno("fd_prestat_get", &[I32, I32]),
    errno("fd_prestat_dir_name", &[I32, I32, I32]),
    late("fd_fdstat_set_flags", &[I32, I32]),
    late("sched_yield", &[]),
    late("poll_oneoff", &[I32, I32, I32, I32]),
];

const NEWER: &[&str] = &[
    "fd_fdstat_set_rights",
    "clock_res_get",
    "fd_advise",
    "fd_allocate",
    "fd_datasync",
    "fd_filestat_get",
    "fd_filestat_set_size",
    "fd_filestat_set_times",
    "fd_pread",
    "fd_pwrite",
    "fd_readdir",
    "fd_renumber",
    "fd_sync",
    "fd_tell",
    "path_create_directory",
    "path_filestat_get",
    "path_filestat_set_times",
    "path_link",
    "path_readlink",
    "path_remove_directory",
    "path_rename",
    "path_symlink",
    "path_unlink_file",
    "sock_accept",
    "sock_recv",
    "sock_send",
    "sock_shutdown",
];
