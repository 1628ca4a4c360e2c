//! Where a module is: a file, an image in an OCI layout on disk, or an image in a registry.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::digest::{Digest, DigestError};

const LAYOUT_SCHEME: &str = "oci-layout:";
const REGISTRY_SCHEME: &str = "oci://";
const DEFAULT_TAG: &str = "latest";
const MAX_TAG_LENGTH: usize = 128;
const MAX_REPOSITORY_LENGTH: usize = 255;

/// Whatever a command takes as a module.
///
/// ```
/// use tamis_oci::ModuleRef;
///
/// for text in ["target/headers.wasm", "oci-layout:out/images:1.2.0", "oci://registry.example/filters/headers:1.2.0"] {
///     assert_eq!(text.parse::<ModuleRef>().map(|r| r.to_string()).ok().as_deref(), Some(text));
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleRef {
    /// `path/to/x.wasm`: the module itself.
    File(PathBuf),
    /// `oci-layout:DIR:TAG` or `oci-layout:DIR@sha256:…`.
    Layout {
        /// The folder that holds `index.json`.
        dir: PathBuf,
        /// Which of its images.
        at: Selector,
    },
    /// `oci://HOST[:PORT]/REPOSITORY[:TAG][@sha256:…]`.
    Registry(RegistryRef),
}

/// Names one image among several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// By a name that may move.
    Tag(Tag),
    /// By content.
    Digest(Digest),
}

/// The tag of an image: at most 128 letters, digits, `_`, `.` and `-`, the first no `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// An image in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryRef {
    host: String,
    repository: String,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text names no module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// None of the forms fits.
    #[error("{text:?} names no module: give `path/to/x.wasm`, `oci-layout:DIR:TAG` or `oci://HOST/REPOSITORY:TAG`")]
    UnknownForm {
        /// What was given.
        text: String,
    },
    /// The address of a layout lacks a part.
    #[error(
        "{text:?} names no image in a layout ({reason}): give e.g. `oci-layout:out/images:1.2.0` or `oci-layout:out/images@sha256:…`"
    )]
    Layout {
        /// What was given.
        text: String,
        /// Which part is missing or wrong.
        reason: String,
    },
    /// The address of a registry lacks a part.
    #[error(
        "{text:?} names no image in a registry ({reason}): give e.g. `oci://registry.example:5000/filters/headers:1.2.0`, `@sha256:…` behind it to pin"
    )]
    Registry {
        /// What was given.
        text: String,
        /// Which part is missing or wrong.
        reason: String,
    },
    /// User and password stand in the address; the text is not repeated here.
    #[error("credentials do not belong in a reference: remove what stands before `@` and run `docker login HOST`")]
    Credentials,
    /// Not a tag.
    #[error(
        "{text:?} is not a tag: at most {MAX_TAG_LENGTH} letters, digits, `_`, `.` and `-`, not beginning with `.` or `-`, e.g. `1.2.0`"
    )]
    Tag {
        /// What was given.
        text: String,
    },
    /// Not a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl RegistryRef {
    /// The host with its port, if one is named.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The name of the repository on that host.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is named.
    #[must_use]
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest to which the reference is pinned, if it is.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same repository, pinned to a digest and without a tag.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// What stands behind the repository in a request for the manifest: the digest, else the tag, else `latest`.
    pub(crate) fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_string(),
            (None, None) => DEFAULT_TAG.to_owned(),
        }
    }

    /// The tag that a push writes; none when only a digest is named.
    pub(crate) fn tag_to_write(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag.as_str()),
            (None, None) => Some(DEFAULT_TAG),
            (None, Some(_)) => None,
        }
    }

    /// The host whose API is asked: Docker Hub has another name there.
    pub(crate) fn api_host(&self) -> String {
        let named = oci_client::Reference::with_tag(self.host.clone(), self.repository.clone(), String::new());
        named.resolve_registry().to_owned()
    }

    /// The same repository under another tag.
    #[must_use]
    pub fn tagged(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// Whether the host is this machine by name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = without_port(&self.host);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl Tag {
    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModuleRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if has_credentials(text) {
            return Err(ReferenceError::Credentials);
        }
        if let Some(rest) = text.strip_prefix(LAYOUT_SCHEME) {
            return layout(text, rest);
        }
        if text.starts_with(REGISTRY_SCHEME) {
            return text.parse().map(Self::Registry);
        }
        let path = Path::new(text);
        if text.contains("://") || path.extension().is_none_or(|extension| extension != "wasm") {
            let has_credentials = text.contains("://") && text.contains('@');
            return Err(if has_credentials {
                ReferenceError::Credentials
            } else {
                ReferenceError::UnknownForm { text: shown(text) }
            });
        }
        Ok(Self::File(path.to_owned()))
    }
}

impl FromStr for RegistryRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if has_credentials(text) {
            return Err(ReferenceError::Credentials);
        }
        let wrong = |reason: &str| ReferenceError::Registry { text: shown(text), reason: reason.to_owned() };
        let rest = text.strip_prefix(REGISTRY_SCHEME).ok_or_else(|| wrong("it does not begin with `oci://`"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !is_host(host) {
            return Err(wrong("the host is missing or not a host name"));
        }
        let (path, digest) = match path.split_once('@') {
            Some((path, digest)) => (path, Some(digest.parse()?)),
            None => (path, None),
        };
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag.parse()?)),
            None => (path, None),
        };
        if !is_repository(repository) {
            return Err(wrong(
                "the repository is missing or has other characters than a-z, 0-9, `.`, `_`, `-` and `/`",
            ));
        }
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), tag, digest })
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let fits = text.len() <= MAX_TAG_LENGTH
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(ReferenceError::Tag { text: shown(text) }) }
    }
}

impl FromStr for Selector {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { text.parse().map(Self::Tag) }
    }
}

impl fmt::Display for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Layout { dir, at: Selector::Tag(tag) } => write!(f, "{LAYOUT_SCHEME}{}:{tag}", dir.display()),
            Self::Layout { dir, at: Selector::Digest(digest) } => {
                write!(f, "{LAYOUT_SCHEME}{}@{digest}", dir.display())
            }
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

impl fmt::Display for RegistryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{REGISTRY_SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

fn layout(text: &str, rest: &str) -> Result<ModuleRef, ReferenceError> {
    let wrong = |reason: &str| ReferenceError::Layout { text: shown(text), reason: reason.to_owned() };
    let (dir, at) = match rest.rsplit_once("@sha256:") {
        Some((dir, hex)) => (dir, Selector::Digest(format!("sha256:{hex}").parse()?)),
        None => {
            let (dir, tag) = rest.rsplit_once(':').ok_or_else(|| wrong("the tag is missing"))?;
            (dir, Selector::Tag(tag.parse()?))
        }
    };
    if dir.is_empty() {
        return Err(wrong("the folder is missing"));
    }
    Ok(ModuleRef::Layout { dir: PathBuf::from(dir), at })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

fn is_host(host: &str) -> bool {
    let name = without_port(host);
    let port_fits = host.len() == name.len()
        || host
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    let name_fits = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    port_fits && name_fits
}

/// Lower-case words joined by `.`, `_`, `__` or hyphens, in folders.
fn is_repository(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= MAX_REPOSITORY_LENGTH
        && name.split('/').all(|part| {
            let separators =
                part.split(|c: char| c.is_ascii() && is_word(c as u8)).filter(|between| !between.is_empty());
            let ends_are_words = part.bytes().next().is_some_and(is_word) && part.bytes().last().is_some_and(is_word);
            ends_are_words
                && separators
                    .into_iter()
                    .all(|between| matches!(between, "." | "_" | "__") || between.bytes().all(|byte| byte == b'-'))
        })
}

/// Whether `USER:PASSWORD@` stands before a host, whatever scheme is in front: no error may repeat such a text.
fn has_credentials(text: &str) -> bool {
    let authorities = text.split("://").skip(1).filter_map(|rest| rest.split('/').next());
    authorities.into_iter().any(|authority| authority.contains('@'))
}

fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}
