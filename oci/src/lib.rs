//! OCI images of Proxy-Wasm modules: build, store, push, pull, and the resources that load them.
//!
//! A module travels as an ordinary container image: registries store it, meshes fetch it, and its digest says exactly which
//! bytes will run. This crate makes such images (the same bytes on every machine), keeps them in a folder or a registry, and
//! takes the module out again by the rules that Istio and Envoy Gateway follow, so that what is read here is what runs there.
//!
//! Nothing that comes from outside is trusted: every digest and size is checked, everything that is read has a bound
//! ([`MAX_MANIFEST_BYTES`], [`MAX_MODULE_BYTES`], [`MAX_UNPACKED_BYTES`]), archives are never unpacked to disk, and names that a
//! stranger chose are quoted in errors. Passwords and tokens are in no error and no log.
//!
//! Begin with [`load()`], which takes a module from a file, a layout or a registry, and [`Image::build`], the way out.

mod anatomy;
mod artifact;
mod copy;
mod digest;
pub mod doctor;
mod extract;
mod files;
mod image;
pub mod layout;
mod load;
mod local_registry;
mod manifest;
mod reference;
mod registry;
pub mod resource;
pub mod signing;
mod store;
mod time;

pub use anatomy::Anatomy;
pub use artifact::Artifact;
pub use copy::Copied;
pub use digest::{Digest, DigestError};
pub use extract::{ExtractError, MAX_MODULE_BYTES, MAX_UNPACKED_BYTES, NotWasm};
pub use image::{Blob, Image, ImageError, Metadata, PLUGIN_FILE, VARIANT_ANNOTATION};
pub use layout::LayoutError;
pub use load::{LoadError, LoadedModule, examine, load};
pub use local_registry::{LocalGuard, LocalRegistry, LocalRegistryError, LocalTokens};
pub use manifest::{
    CONFIG_TYPE, Descriptor, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE, MAX_MANIFEST_BYTES, ManifestError, Platform,
    RAW_WASM_TYPE,
};
pub use reference::{ModuleRef, ReferenceError, RegistryRef, Selector, Tag};
pub use registry::{
    Credentials, CredentialsError, Password, Progress, Pushed, Registry, RegistryError, RegistryOptions, Retry, Step,
};
pub use store::{Place, Store, StoreError};
