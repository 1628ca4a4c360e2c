//! A filter's description, checked once.
#![allow(
    unsafe_code,
    reason = "what an entry gives is the description of a filter that is linked or loaded for good; its version and size \
              are looked at before anything else"
)]

use std::ffi::c_void;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::border::{Entry, Function, Guest, Host, Text, VERSION};

/// The most functions that a side of the border may have.
const MAX_FUNCTIONS: u32 = 1000;

/// A filter that was compiled for this machine.
#[derive(Clone)]
pub struct Native(Arc<Checked>);

/// A filter that cannot be entered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NativeError {
    /// The entry gave nothing.
    #[error("there is no native filter: its entry gives a null pointer")]
    Nothing,
    /// It was built with another version of the SDK.
    #[error(
        "the native filter speaks version {theirs} of the border, and this harness version {VERSION}: build both from the \
         same release"
    )]
    Version {
        /// The filter's.
        theirs: u32,
    },
    /// The description makes no sense.
    #[error("the native filter describes itself wrongly: {0}")]
    Description(&'static str),
    /// There is no such library, or it is none.
    #[error("cannot load the library {}: {error}", .file.display())]
    Load {
        /// The file.
        file: PathBuf,
        /// What the system says.
        error: String,
    },
    /// The library has no filter of this name, or not one of the SDK's.
    #[error("the library {} has no filter of the SDK", .file.display())]
    NoFilter {
        /// The file.
        file: PathBuf,
    },
    /// Libraries are not loaded on this system.
    #[error("libraries are loaded on Linux only; a filter's own tests can run it natively everywhere")]
    Unsupported,
}

/// What [`super::link`] needs of a filter.
pub(super) struct Checked {
    pub name: String,
    pub imports: Vec<Signature>,
    pub exports: Vec<Signature>,
    pub calls: Calls,
}

/// A function of either side, as a [`Function`] has it.
pub(super) struct Signature {
    pub module: String,
    pub name: String,
    pub parameters: String,
    pub result: bool,
}

/// The ways into a filter.
#[derive(Clone, Copy)]
pub(super) struct Calls {
    pub create: extern "C" fn() -> *mut c_void,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub allocate: extern "C" fn(usize) -> *mut u8,
    pub enter: unsafe extern "C" fn(*mut c_void, *const Host, u32, *const u64, usize, *mut u32, *mut Text) -> u32,
}

impl Native {
    /// A filter that is linked into this program: the entry is `tamis::native::of::<MyFilter>`, and nothing else will do,
    /// because what it gives is called.
    ///
    /// # Errors
    ///
    /// [`NativeError`] when filter and harness do not fit together.
    pub fn linked(entry: Entry) -> Result<Self, NativeError> {
        let guest = entry().cast::<Guest>();
        // SAFETY: null, or a description, which begins with its version.
        match unsafe { guest.cast::<u32>().as_ref() } {
            None => return Err(NativeError::Nothing),
            Some(&VERSION) => {}
            Some(&theirs) => return Err(NativeError::Version { theirs }),
        }
        // SAFETY: in this version it is of this type, and lives as long as the program.
        let guest = unsafe { *guest };
        if usize::try_from(guest.size) != Ok(size_of::<Guest>()) {
            return Err(NativeError::Description("its size is another one than its version has"));
        }
        if guest.imports > MAX_FUNCTIONS || guest.exports > MAX_FUNCTIONS {
            return Err(NativeError::Description("too many functions"));
        }
        let signatures = |count, function: extern "C" fn(u32) -> Function| {
            (0..count).map(|number| signature(function(number))).collect::<Result<_, _>>()
        };
        Ok(Self(Arc::new(Checked {
            name: text(guest.name)?,
            imports: signatures(guest.imports, guest.import)?,
            exports: signatures(guest.exports, guest.export)?,
            calls: Calls { create: guest.create, destroy: guest.destroy, allocate: guest.allocate, enter: guest.enter },
        })))
    }

    /// The filter in the library of a crate of this name. It stays loaded until the program ends, and may do whatever the
    /// program may.
    ///
    /// # Errors
    ///
    /// [`NativeError`] when there is no such filter, or filter and harness do not fit together.
    #[cfg(target_os = "linux")]
    pub fn load(file: &Path, name: &str) -> Result<Self, NativeError> {
        let failed = |error: libloading::Error| {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            NativeError::Load { file: file.to_owned(), error: why.unwrap_or_else(|| error.to_string()) }
        };
        // SAFETY: the caller trusts the library; its initialisers are Rust's, which has none.
        let library = unsafe { libloading::Library::new(file) }.map_err(failed)?;
        // Threads keep what it has installed: it is never unloaded.
        let library = Box::leak(Box::new(library));
        let symbol = format!("tamis_native_{}", name.replace('-', "_"));
        // SAFETY: the attribute of the SDK gives the symbol this type.
        let entry = unsafe { library.get::<*const Entry>(symbol.as_bytes()) };
        let entry = entry.map_err(|_| NativeError::NoFilter { file: file.to_owned() })?;
        // SAFETY: a static of the library.
        Self::linked(unsafe { **entry })
    }

    /// Libraries are loaded on Linux only.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn load(_: &Path, _: &str) -> Result<Self, NativeError> {
        Err(NativeError::Unsupported)
    }

    /// The filter's name: that of its crate.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether both are the same filter.
    #[must_use]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn checked(&self) -> &Checked {
        &self.0
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Native({})", self.name())
    }
}

fn signature(function: Function) -> Result<Signature, NativeError> {
    Ok(Signature {
        module: text(function.module)?,
        name: text(function.name)?,
        parameters: text(function.parameters)?,
        result: function.results == 1,
    })
}

pub(super) fn text(text: Text) -> Result<String, NativeError> {
    if text.data.is_null() {
        return Err(NativeError::Description("a text is null"));
    }
    // SAFETY: it lives for as long as the border says, and is as long as it says.
    let bytes = unsafe { std::slice::from_raw_parts(text.data, text.size) };
    String::from_utf8(bytes.to_vec()).map_err(|_| NativeError::Description("a text is not UTF-8"))
}
