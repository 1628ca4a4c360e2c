//! What a plugin may know of itself.

use crate::sys::{self, HostError};

/// The plugin that is made, ticked or shut down: what the proxy says of it.
///
/// Texts are bytes as the proxy's configuration has them. A name that is not set is empty.
#[derive(Debug)]
pub struct PluginContext(());

impl PluginContext {
    pub(crate) const fn new() -> Self {
        Self(())
    }

    /// The plugin's name.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not allow to ask.
    pub fn name(&self) -> Result<Vec<u8>, HostError> {
        Ok(sys::property(b"plugin_name")?.unwrap_or_default())
    }

    /// Its `root_id`.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not allow to ask.
    pub fn root_id(&self) -> Result<Vec<u8>, HostError> {
        Ok(sys::property(b"plugin_root_id")?.unwrap_or_default())
    }

    /// The `vm_id` of its VM: shared data is kept by it.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not allow to ask.
    pub fn vm_id(&self) -> Result<Vec<u8>, HostError> {
        Ok(sys::property(b"plugin_vm_id")?.unwrap_or_default())
    }

    /// The VM's own configuration, apart from the plugin's, as it stands there.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand it over.
    pub fn vm_configuration(&self) -> Result<Vec<u8>, HostError> {
        sys::buffer(sys::VM_CONFIGURATION, 0, u32::MAX as usize)
    }

    /// A variable of the VM's environment (`environment_variables`), nothing when it is not set.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy does not hand it over.
    pub fn environment(&self, name: &str) -> Result<Option<Vec<u8>>, HostError> {
        let block = sys::environment()?;
        let value = |variable: &[u8]| Some(variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?.to_vec());
        Ok(block.split(|byte| *byte == 0).find_map(value))
    }

    /// Says that a plugin which asked for time ([`Shutdown::Later`]) has used it; the proxy then deletes it.
    ///
    /// # Errors
    ///
    /// [`HostError`] when nobody waits for it.
    pub fn finished(&self) -> Result<(), HostError> {
        sys::finished()
    }
}

/// Whether a plugin can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// At once.
    Now,
    /// When it says [`PluginContext::finished`], from a tick or the answer to a callout. The proxy does not wait for ever
    /// when it shuts down itself.
    Later,
}
