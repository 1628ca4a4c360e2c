//! The functions that the host offers in module `env`.

use super::ValueType::{self, I32, I64};
use super::{AbiVersion, Signature};

/// One function that a guest may import.
#[derive(Clone, Copy, Debug)]
pub struct HostFunction {
    /// The module it is imported from; always `env`.
    pub module: &'static str,
    /// Its full name, such as `proxy_log`.
    pub name: &'static str,
    /// Types of the parameters, in order; a byte range is two of them, pointer and size.
    pub params: &'static [ValueType],
    /// Types of the results; one `i32` status for all `proxy_` functions.
    pub results: &'static [ValueType],
    /// The ABI versions under which the host links it (ABI-2), oldest first.
    pub versions: &'static [AbiVersion],
}

impl HostFunction {
    /// The function's type.
    #[must_use]
    pub fn signature(&self) -> Signature {
        Signature::new(self.params, self.results)
    }
}

/// The functions of module `env` that a host links for a module of this version (ABI-2), in the order of the
/// reference; WASI is apart, see [`super::wasi_functions`].
///
/// ```
/// use tamis_module::abi::{AbiVersion, host_functions};
/// let names = |version| host_functions(version).map(|f| f.name).collect::<Vec<_>>();
/// assert!(names(AbiVersion::V0_2_1).contains(&"proxy_get_log_level"));
/// assert!(!names(AbiVersion::V0_2_0).contains(&"proxy_get_log_level"));
/// ```
pub fn host_functions(version: AbiVersion) -> impl Iterator<Item = &'static HostFunction> {
    TABLE.iter().filter(move |function| function.versions.contains(&version))
}

/// The row of this name under any version, to say which version has it.
pub(crate) fn find_in_any_version(name: &str) -> Option<&'static HostFunction> {
    TABLE.iter().find(|function| function.name == name)
}

const ALL: &[AbiVersion] = &AbiVersion::ALL;
const SINCE_0_2_0: &[AbiVersion] = &[AbiVersion::V0_2_0, AbiVersion::V0_2_1];
const SINCE_0_2_1: &[AbiVersion] = &[AbiVersion::V0_2_1];
const ONLY_0_1_0: &[AbiVersion] = &[AbiVersion::V0_1_0];

const fn status(name: &'static str, params: &'static [ValueType], versions: &'static [AbiVersion]) -> HostFunction {
    HostFunction { module: "env", name, params, results: &[I32], versions }
}

const TABLE: &[HostFunction] = &[
    status("proxy_log", &[I32, I32, I32], ALL),
    status("proxy_get_log_level", &[I32], SINCE_0_2_1),
    status("proxy_get_status", &[I32, I32, I32], ALL),
    status("proxy_get_property", &[I32, I32, I32, I32], ALL),
    status("proxy_set_property", &[I32, I32, I32, I32], ALL),
    status("proxy_send_local_response", &[I32, I32, I32, I32, I32, I32, I32, I32], ALL),
    status("proxy_get_shared_data", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_set_shared_data", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_register_shared_queue", &[I32, I32, I32], ALL),
    status("proxy_resolve_shared_queue", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_dequeue_shared_queue", &[I32, I32, I32], ALL),
    status("proxy_enqueue_shared_queue", &[I32, I32, I32], ALL),
    status("proxy_get_header_map_value", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_add_header_map_value", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_replace_header_map_value", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_remove_header_map_value", &[I32, I32, I32], ALL),
    status("proxy_get_header_map_pairs", &[I32, I32, I32], ALL),
    status("proxy_set_header_map_pairs", &[I32, I32, I32], ALL),
    status("proxy_get_header_map_size", &[I32, I32], ALL),
    status("proxy_get_buffer_status", &[I32, I32, I32], ALL),
    status("proxy_get_buffer_bytes", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_set_buffer_bytes", &[I32, I32, I32, I32, I32], ALL),
    status("proxy_http_call", &[I32, I32, I32, I32, I32, I32, I32, I32, I32, I32], ALL),
    status("proxy_grpc_call", &[I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I32], ALL),
    status("proxy_grpc_stream", &[I32, I32, I32, I32, I32, I32, I32, I32, I32], ALL),
    status("proxy_grpc_send", &[I32, I32, I32, I32], ALL),
    status("proxy_grpc_close", &[I32], ALL),
    status("proxy_grpc_cancel", &[I32], ALL),
    status("proxy_set_tick_period_milliseconds", &[I32], ALL),
    status("proxy_get_current_time_nanoseconds", &[I32], ALL),
    status("proxy_define_metric", &[I32, I32, I32, I32], ALL),
    status("proxy_increment_metric", &[I32, I64], ALL),
    status("proxy_record_metric", &[I32, I64], ALL),
    status("proxy_get_metric", &[I32, I32], ALL),
    status("proxy_set_effective_context", &[I32], ALL),
    status("proxy_done", &[], ALL),
    status("proxy_call_foreign_function", &[I32, I32, I32, I32, I32, I32], ALL),
    status("proxy_continue_stream", &[I32], SINCE_0_2_0),
    status("proxy_close_stream", &[I32], SINCE_0_2_0),
    status("proxy_get_configuration", &[I32, I32], ONLY_0_1_0),
    status("proxy_continue_request", &[], ONLY_0_1_0),
    status("proxy_continue_response", &[], ONLY_0_1_0),
    status("proxy_clear_route_cache", &[], ONLY_0_1_0),
    status("envoy_resolve_dns", &[I32, I32, I32], ALL),
    status("pthread_equal", &[I32, I32], ALL),
    HostFunction {
        module: "env",
        name: "emscripten_notify_memory_growth",
        params: &[I32],
        results: &[],
        versions: ALL,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn params(name: &str) -> usize {
        find_in_any_version(name).map_or(0, |function| function.params.len())
    }

    #[test]
    fn long_rows_have_the_length_the_abi_says() {
        assert_eq!(params("proxy_http_call"), 10);
        assert_eq!(params("proxy_grpc_call"), 12);
        assert_eq!(params("proxy_grpc_stream"), 9);
        assert_eq!(params("proxy_send_local_response"), 8);
    }

    #[test]
    fn no_name_is_listed_twice() {
        let mut names: Vec<_> = TABLE.iter().map(|function| function.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn versions_differ_as_the_abi_says() {
        assert_eq!(host_functions(AbiVersion::V0_1_0).count(), 43);
        assert_eq!(host_functions(AbiVersion::V0_2_0).count(), 41);
        assert_eq!(host_functions(AbiVersion::V0_2_1).count(), 42);
    }
}
