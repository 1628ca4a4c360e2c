//! What goes wrong in a guest's VM on purpose.

use schemars::JsonSchema;
use serde::Deserialize;

/// What goes wrong in the VM of a filter while an exchange is under way, on the worker that has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The filter's name; the first filter's when it is left out.
    #[serde(default)]
    pub filter: Option<String>,
    /// The guest traps at this host call, counted from 1.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub trap_at_host_call: Option<u64>,
    /// The guest's allocator finds no memory for what the host returns: it gives null.
    #[serde(default)]
    pub allocation_fails: bool,
    /// The guest's memory cannot grow beyond this many bytes.
    #[serde(default)]
    pub memory_limit: Option<usize>,
}
