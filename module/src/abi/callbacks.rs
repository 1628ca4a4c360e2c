//! The functions that the host calls in the guest, by export name.

use super::AbiVersion;
use super::Signature;
use super::ValueType::{self, I32};
use crate::phase::Phase;

/// One export that the host looks up by name; all but an allocator are optional, each with one exact type (ABI-4).
#[derive(Clone, Copy, Debug)]
pub struct Callback {
    /// The export's name.
    pub name: &'static str,
    /// Types of the parameters, in order.
    pub params: &'static [ValueType],
    /// Types of the results.
    pub results: &'static [ValueType],
}

impl Callback {
    /// The export's type.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature::new(self.params, self.results)
    }
}

/// The allocators in the order in which the host prefers them; a module needs one.
pub const ALLOCATORS: [&str; 2] = ["malloc", "proxy_on_memory_allocate"];

/// Every callback that the host looks up in a module of this version, with the type it demands; an export that is in no
/// row is not looked at. The functions that start a module are apart, see [`start_functions`].
pub fn callbacks(version: AbiVersion) -> impl Iterator<Item = Callback> {
    let phases = Phase::ALL
        .into_iter()
        .filter(move |phase| version != AbiVersion::V0_1_0 || *phase != Phase::ForeignFunction)
        .map(move |phase| phase_callback(phase, version));
    FIXED.iter().copied().chain(phases)
}

/// The functions that start a module: `_initialize` and then a main function if there is an `_initialize`, else
/// `_start`. Only those that the host would look up are listed.
pub fn start_functions(has_initialize: bool) -> impl Iterator<Item = Callback> {
    let rows = if has_initialize { INITIALIZE } else { START };
    rows.iter().copied()
}

const INITIALIZE: &[Callback] = &[
    Callback { name: "_initialize", params: &[], results: &[] },
    Callback { name: "main", params: &[I32, I32], results: &[I32] },
    Callback { name: "__main_void", params: &[], results: &[I32] },
];

const START: &[Callback] = &[Callback { name: "_start", params: &[], results: &[] }];

const FIXED: &[Callback] = &[
    Callback { name: "malloc", params: &[I32], results: &[I32] },
    Callback { name: "proxy_on_memory_allocate", params: &[I32], results: &[I32] },
    Callback { name: "proxy_on_context_create", params: &[I32, I32], results: &[] },
    Callback { name: "proxy_on_vm_start", params: &[I32, I32], results: &[I32] },
    Callback { name: "proxy_validate_configuration", params: &[I32, I32], results: &[I32] },
    Callback { name: "proxy_on_configure", params: &[I32, I32], results: &[I32] },
    Callback { name: "proxy_on_delete", params: &[I32], results: &[] },
    Callback { name: "envoy_on_resolve_dns", params: &[I32, I32, I32], results: &[] },
    Callback { name: "envoy_on_stats_update", params: &[I32, I32], results: &[] },
];

/// The type of a phase's export under a version; only header callbacks differ, by the end-of-stream word.
fn phase_callback(phase: Phase, version: AbiVersion) -> Callback {
    let (params, results): (&[ValueType], &[ValueType]) = match phase {
        Phase::RequestHeaders | Phase::ResponseHeaders => match version {
            AbiVersion::V0_1_0 => (&[I32, I32], &[I32]),
            AbiVersion::V0_2_0 | AbiVersion::V0_2_1 => (&[I32, I32, I32], &[I32]),
        },
        Phase::RequestBody | Phase::ResponseBody | Phase::DownstreamData | Phase::UpstreamData => {
            (&[I32, I32, I32], &[I32])
        }
        Phase::RequestTrailers | Phase::ResponseTrailers | Phase::RequestMetadata | Phase::ResponseMetadata => {
            (&[I32, I32], &[I32])
        }
        Phase::NewConnection | Phase::Done => (&[I32], &[I32]),
        Phase::DownstreamClose | Phase::UpstreamClose | Phase::QueueReady => (&[I32, I32], &[]),
        Phase::Log | Phase::Tick => (&[I32], &[]),
        Phase::HttpCallResponse => (&[I32, I32, I32, I32, I32], &[]),
        Phase::GrpcInitialMetadata
        | Phase::GrpcMessage
        | Phase::GrpcTrailingMetadata
        | Phase::GrpcClose
        | Phase::ForeignFunction => (&[I32, I32, I32], &[]),
    };
    Callback { name: phase.export(), params, results }
}
