//! Values that all threads of the proxy share: every worker's plugin sees the same.
//!
//! The proxy keeps them by the VM's `vm_id`, and all plugins without one in the same place. So each key begins with what is
//! the plugin's own:
//!
//! ```text
//! tamis/PLUGIN/CELL@LAYOUT          tamis/limits/window@1
//! tamis/PLUGIN/CELL@LAYOUT#NUMBER   tamis/limits/window@1#17
//! ```
//!
//! `PLUGIN` is the plugin's name in the proxy's configuration, as it stands there. `LAYOUT` is the version of the value's
//! form: raise it when the form changes, and no plugin meets bytes that another version wrote.
//!
//! Nothing can be deleted: what is stored stays until the last VM of its `vm_id` has gone (rule `SD-3`). So there are as many
//! keys as the filter's code names, and a set of numbered cells has a stated size: [`SharedCells`]. Whatever else shares the
//! store can write to it, so a value is not to be trusted more than the other plugins are.

use crate::sys::{self, HostError, Status};
use crate::{ConfigError, PluginContext};
use tamis_core::text::{decimal, digits_of, join};

/// How often [`SharedCell::update`] tries before it says [`SharedError::Busy`].
pub const MAX_TRIES: u32 = 32;
/// The version of a cell that nobody has written: one that no value gets. It makes a write succeed only if the cell is
/// absent, where 0 would overwrite (rule `SD-2`).
const ABSENT: u32 = u32::MAX;

/// A value that all threads share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCell {
    key: Vec<u8>,
}

/// Numbered values that all threads share, as many as were stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCells {
    key: Vec<u8>,
    count: u32,
}

/// Which state of a cell was read: what [`SharedCell::write`] compares with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u32);

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// The new value is stored.
    Stored,
    /// The change wanted none.
    Left,
}

/// What became of a cell that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// It has the first value now.
    Created,
    /// It had a value, and has it still.
    Existed,
}

/// Why a shared value cannot be changed or found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SharedError {
    /// A cell's name has something else than letters, digits, `_`, `-` and dots, or has none of these.
    #[error("a shared cell's name is made of letters, digits, `_`, `-` and dots")]
    Name,
    /// Others wrote the value at each of [`MAX_TRIES`] tries.
    #[error("others change the shared value all the time")]
    Busy,
    /// The proxy refused it.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// So that a plugin whose shared values cannot be is refused, with the reason.
impl From<SharedError> for ConfigError {
    fn from(error: SharedError) -> Self {
        Self::new("", join(&["no shared values: ", &error.to_string()]))
    }
}

impl SharedCell {
    /// The plugin's cell of this name, for values of this layout. It has no value until one is stored.
    ///
    /// # Errors
    ///
    /// [`SharedError::Name`], or [`SharedError::Host`] when the proxy does not tell the plugin's name.
    pub fn new(plugin: &PluginContext, name: &str, layout: u32) -> Result<Self, SharedError> {
        Ok(Self { key: key(&plugin.name()?, name, layout)? })
    }

    /// The value; nothing when there is none.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn get(&self) -> Result<Option<Vec<u8>>, HostError> {
        Ok(sys::shared_data(&self.key)?.map(|(value, _)| value))
    }

    /// Gives it its first value, if it has none: the second worker that does so resets nothing.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn create(&self, value: &[u8]) -> Result<Creation, HostError> {
        Ok(if self.store(value, ABSENT)? { Creation::Created } else { Creation::Existed })
    }

    /// Replaces the value, whatever it was.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn set(&self, value: &[u8]) -> Result<(), HostError> {
        sys::set_shared_data(&self.key, value, 0)
    }

    /// Makes a new value out of the old one, and stores it if nobody has written meanwhile; else tries again with what they
    /// wrote. `change` may be called [`MAX_TRIES`] times; with nothing as its answer the value is left.
    ///
    /// # Errors
    ///
    /// [`SharedError::Busy`] when others were faster every time, [`SharedError::Host`] when the proxy refuses it.
    pub fn update(&self, mut change: impl FnMut(Option<&[u8]>) -> Option<Vec<u8>>) -> Result<Update, SharedError> {
        for _ in 0..MAX_TRIES {
            let (old, version) = self.read()?;
            let Some(new) = change(old.as_deref()) else { return Ok(Update::Left) };
            if self.write(&new, version)? {
                return Ok(Update::Stored);
            }
        }
        Err(SharedError::Busy)
    }

    /// The value, if there is one, and which it is: for who must look at several cells before any is changed. Else use
    /// [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    pub fn read(&self) -> Result<(Option<Vec<u8>>, Version), HostError> {
        Ok(match sys::shared_data(&self.key)? {
            Some((value, version)) => (Some(value), Version(version)),
            None => (None, Version(ABSENT)),
        })
    }

    /// Replaces the value that was read, and says whether it still was that one; else nothing is changed.
    ///
    /// # Errors
    ///
    /// [`HostError`] when the proxy refuses it.
    #[inline]
    pub fn write(&self, value: &[u8], version: Version) -> Result<bool, HostError> {
        self.store(value, version.0)
    }

    /// Whether nobody was faster.
    fn store(&self, value: &[u8], version: u32) -> Result<bool, HostError> {
        match sys::set_shared_data(&self.key, value, version) {
            Ok(()) => Ok(true),
            Err(error) if error.status() == Status::CAS_MISMATCH => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Version {
    /// After a [`write`](SharedCell::write) with this version that was stored: the version that the cell has now, if the proxy has
    /// stored nothing else meanwhile. Whoever writes with it needs not read again what it has written itself.
    ///
    /// It is a guess that can only be right or refused: versions come from one counter for the process (rule `SD-2`), so the
    /// one after this is that write's or of another value's, never of another write to this cell. Only a counter that has
    /// gone all the way round could say otherwise: use it within seconds. Nothing where the next version is a special one.
    #[must_use]
    pub fn after(self) -> Option<Self> {
        self.0.checked_add(1).filter(|next| *next != ABSENT).map(Self)
    }
}

impl SharedCells {
    /// The plugin's cells of this name, `count` of them.
    ///
    /// # Errors
    ///
    /// [`SharedError::Name`], or [`SharedError::Host`] when the proxy does not tell the plugin's name.
    pub fn new(plugin: &PluginContext, name: &str, layout: u32, count: u32) -> Result<Self, SharedError> {
        Ok(Self { key: key(&plugin.name()?, name, layout)?, count })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The cell of a number, from 0; nothing from [`count`](Self::count) on.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<SharedCell> {
        // Filters ask this for each request: one allocation.
        let mut digits = [b'0'; 20];
        let number = (number < self.count).then(|| digits_of(u64::from(number), &mut digits))?;
        Some(SharedCell { key: [self.key.as_slice(), b"#", number].concat() })
    }
}

fn key(plugin: &[u8], name: &str, layout: u32) -> Result<Vec<u8>, SharedError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || !name.bytes().all(is_allowed) {
        return Err(SharedError::Name);
    }
    let layout = decimal(u64::from(layout));
    // A name has no slash, so two plugins' keys are never the same, whatever the plugins are called.
    Ok([b"tamis/", plugin, b"/", name.as_bytes(), b"@", layout.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_stated_form() {
        let key = key(b"limits", "window", 1).unwrap();
        assert_eq!(key, b"tamis/limits/window@1");
        let cells = SharedCells { key, count: 18 };
        assert_eq!(cells.get(17).unwrap().key, b"tamis/limits/window@1#17");
        assert_eq!(cells.get(18), None, "as many as were stated");
    }

    #[test]
    fn no_guess_overwrites_or_creates() {
        assert_eq!(Version(7).after(), Some(Version(8)));
        assert_eq!([Version(ABSENT).after(), Version(ABSENT - 1).after()], [None, None]);
    }

    #[test]
    fn names_are_checked() {
        for name in ["", "a/b", "a@1", "a#1", "a b", "\u{e4}"] {
            assert_eq!(key(b"p", name, 1), Err(SharedError::Name), "{name:?}");
        }
    }

    #[test]
    fn plugins_never_share_a_key() {
        let keys = [(b"a/b".as_slice(), "c"), (b"a", "b"), (b"a/b@1", "c"), (b"", "c"), (b"a", "b-c")];
        let keys = keys.map(|(plugin, name)| key(plugin, name, 1).unwrap());
        for (i, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(i + 1).all(|other| one != other));
        }
    }
}
