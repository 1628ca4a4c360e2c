//! What the host and the guest of each ABI version call each other, as data.
//!
//! The module gate compares a module with these tables, and the harness links from them, so that "the gate accepts it"
//! and "the harness can run it" cannot drift apart. Rules are cited as in `docs/envoy-behaviour.md`.

mod callbacks;
pub(crate) mod host_functions;
mod signature;
mod wasi;

pub use callbacks::{ALLOCATORS, Callback, callbacks, start_functions};
pub use host_functions::{HostFunction, host_functions};
pub use signature::{Signature, ValueType};
pub use wasi::{WASI_MODULES, WasiFunction, WasiSet, wasi_functions};

use std::fmt;

/// A version of the Proxy-Wasm ABI, told by the name of a marker export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbiVersion {
    /// 0.1.0: no end-of-stream in header callbacks, four functions that later versions dropped.
    V0_1_0,
    /// 0.2.0: configuration is read from buffers, streams are continued and closed by type.
    V0_2_0,
    /// 0.2.1: the same and `proxy_get_log_level`.
    V0_2_1,
}

impl AbiVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 3] = [Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// The export that declares this version; the host never calls it (ABI-1).
    #[must_use]
    pub const fn marker(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }

    /// The version that an export of this name declares, if it is a marker.
    #[must_use]
    pub fn from_marker(export: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.marker() == export)
    }
}

/// The version as `0.2.1`.
impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
        })
    }
}
