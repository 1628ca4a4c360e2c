//! The WASI functions that hosts link, by the set in which they came.

use self::WasiSet::{A, B, C};
use super::Signature;
use super::ValueType::{self, I32, I64};

/// The two module names under which a host links the same functions.
pub const WASI_MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// Which WASI functions an Envoy links; each set holds the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WasiSet {
    /// Up to Envoy 1.31, and the first releases of 1.32.
    A,
    /// Envoy 1.33 to 1.38.
    B,
    /// Envoy 1.39 and later: nearly all of preview 1.
    C,
}

/// One WASI function that a guest may import from either of [`WASI_MODULES`].
#[derive(Clone, Copy, Debug)]
pub struct WasiFunction {
    /// Its name, such as `fd_write`.
    pub name: &'static str,
    /// Types of the parameters, in order.
    pub params: &'static [ValueType],
    /// Types of the results; an `i32` errno for all but `proc_exit`.
    pub results: &'static [ValueType],
    /// The set in which it came; every later set has it too.
    pub set: WasiSet,
}

impl WasiFunction {
    /// The function's type.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature::new(self.params, self.results)
    }
}

/// The WASI functions of a set, and of those before it.
///
/// ```
/// use tamis_module::abi::{WasiSet, wasi_functions};
/// let has = |set, name| wasi_functions(set).any(|function| function.name == name);
/// assert!(has(WasiSet::C, "fd_filestat_get") && !has(WasiSet::B, "fd_filestat_get"));
/// ```
pub fn wasi_functions(set: WasiSet) -> impl Iterator<Item = &'static WasiFunction> {
    TABLE.iter().filter(move |function| function.set <= set)
}

const fn errno(name: &'static str, params: &'static [ValueType], set: WasiSet) -> WasiFunction {
    WasiFunction { name, params, results: &[I32], set }
}

const TABLE: &[WasiFunction] = &[
    errno("fd_write", &[I32, I32, I32, I32], A),
    errno("fd_read", &[I32, I32, I32, I32], A),
    errno("fd_seek", &[I32, I64, I32, I32], A),
    errno("fd_close", &[I32], A),
    errno("fd_fdstat_get", &[I32, I32], A),
    errno("environ_get", &[I32, I32], A),
    errno("environ_sizes_get", &[I32, I32], A),
    errno("args_get", &[I32, I32], A),
    errno("args_sizes_get", &[I32, I32], A),
    errno("clock_time_get", &[I32, I64, I32], A),
    errno("random_get", &[I32, I32], A),
    WasiFunction { name: "proc_exit", params: &[I32], results: &[], set: A },
    errno("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32], A),
    errno("fd_prestat_get", &[I32, I32], A),
    errno("fd_prestat_dir_name", &[I32, I32, I32], A),
    errno("fd_fdstat_set_flags", &[I32, I32], B),
    errno("sched_yield", &[], B),
    errno("poll_oneoff", &[I32, I32, I32, I32], B),
    errno("fd_fdstat_set_rights", &[I32, I64, I64], C),
    errno("clock_res_get", &[I32, I32], C),
    errno("fd_advise", &[I32, I64, I64, I32], C),
    errno("fd_allocate", &[I32, I64, I64], C),
    errno("fd_datasync", &[I32], C),
    errno("fd_filestat_get", &[I32, I32], C),
    errno("fd_filestat_set_size", &[I32, I64], C),
    errno("fd_filestat_set_times", &[I32, I64, I64, I32], C),
    errno("fd_pread", &[I32, I32, I32, I64, I32], C),
    errno("fd_pwrite", &[I32, I32, I32, I64, I32], C),
    errno("fd_readdir", &[I32, I32, I32, I64, I32], C),
    errno("fd_renumber", &[I32, I32], C),
    errno("fd_sync", &[I32], C),
    errno("fd_tell", &[I32, I32], C),
    errno("path_create_directory", &[I32, I32, I32], C),
    errno("path_filestat_get", &[I32, I32, I32, I32, I32], C),
    errno("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32], C),
    // These two lack a parameter that WASI gives them, so that a module from any compiler does not load (Envoy 1.39, 1.40).
    errno("path_link", &[I32, I32, I32, I32, I32, I32], C),
    errno("path_symlink", &[I32, I32, I32, I32], C),
    errno("path_readlink", &[I32, I32, I32, I32, I32, I32], C),
    errno("path_remove_directory", &[I32, I32, I32], C),
    errno("path_rename", &[I32, I32, I32, I32, I32, I32], C),
    errno("path_unlink_file", &[I32, I32, I32], C),
    errno("sock_accept", &[I32, I32, I32], C),
    errno("sock_recv", &[I32, I32, I32, I32, I32, I32], C),
    errno("sock_send", &[I32, I32, I32, I32, I32], C),
    errno("sock_shutdown", &[I32, I32], C),
];
