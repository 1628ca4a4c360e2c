//! Takes the module out of a layer that a stranger may have packed: streaming, bounded, never to disk.

use std::error::Error;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;

use crate::image::{Blob, PLUGIN_FILE};
use crate::manifest::{is_archive, list};

/// The largest module that is taken out of an image or read from a file: 256 MiB, which is Istio's own bound.
pub const MAX_MODULE_BYTES: u64 = 256 << 20;

/// What a layer may unpack to as a whole: the largest module and room for what stands before it.
pub const MAX_UNPACKED_BYTES: u64 = MAX_MODULE_BYTES + (16 << 20);

/// An archive with more entries than this is not a module's.
const MAX_ENTRIES: usize = 1024;

const WASM_MAGIC: &[u8] = b"\0asm";
const WASM_SHORTEST: usize = 8;

/// Why no module came out of a layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The layer is no gzip, or what it unpacks to is no tar.
    #[error("the layer cannot be unpacked as a gzipped tar ({reason}); push the image again with `tamis push`")]
    Broken {
        /// What the decoder met.
        reason: String,
    },
    /// The layer or the module in it is over a bound.
    #[error("{what} is larger than {limit} bytes; no mesh would load it")]
    TooLarge {
        /// Which bound was met.
        what: &'static str,
        /// The bound in bytes.
        limit: u64,
    },
    /// No file in the archive has the name that meshes look for.
    #[error("the layer has no file named `plugin.wasm`, only {found}; push the image again with `tamis push`")]
    NoPlugin {
        /// The first entries of the archive.
        found: String,
    },
    /// An entry has the right name, but is a folder, a link or something else.
    #[error("`plugin.wasm` in the layer is not a regular file; push the image again with `tamis push`")]
    NotAFile,
    /// The file is no wasm module.
    #[error(transparent)]
    NotWasm(#[from] NotWasm),
}

/// Bytes that do not begin like a wasm module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a wasm module: {length} bytes that begin with {start:?} instead of `\\0asm`; give the file that `tamis build` wrote"
)]
pub struct NotWasm {
    length: usize,
    start: String,
}

/// Takes the module out of a layer with the product's bounds.
pub(crate) fn module(layer: &Blob) -> Result<Vec<u8>, ExtractError> {
    let wasm = if is_archive(layer.media_type()) {
        unpack(layer.bytes(), MAX_MODULE_BYTES, MAX_UNPACKED_BYTES)?
    } else {
        layer.bytes().to_vec()
    };
    Ok(check_magic(&wasm).map(|()| wasm)?)
}

/// Takes `plugin.wasm` out of an archive, whatever its bytes are.
pub(crate) fn plugin(layer: &Blob) -> Result<Vec<u8>, ExtractError> {
    unpack(layer.bytes(), MAX_MODULE_BYTES, MAX_UNPACKED_BYTES)
}

/// The names of the files in an archive, links among them, folders not.
pub(crate) fn names(layer: &Blob) -> Result<Vec<String>, ExtractError> {
    let limit = MAX_UNPACKED_BYTES;
    let mut archive = tar::Archive::new(Bounded { inner: MultiGzDecoder::new(layer.bytes()), left: limit, limit });
    let mut names = Vec::new();
    for entry in archive.entries().map_err(broken)?.take(MAX_ENTRIES) {
        let entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_dir() {
            names.push(String::from_utf8_lossy(&entry.path_bytes()).chars().take(100).collect());
        }
    }
    Ok(names)
}

/// Refuses bytes that no engine would take for a module.
pub(crate) fn check_magic(bytes: &[u8]) -> Result<(), NotWasm> {
    if bytes.len() >= WASM_SHORTEST && bytes.starts_with(WASM_MAGIC) {
        return Ok(());
    }
    let start = bytes.iter().take(4).map(|byte| char::from(*byte)).collect();
    Err(NotWasm { length: bytes.len(), start })
}

fn unpack(layer: &[u8], max_module: u64, max_unpacked: u64) -> Result<Vec<u8>, ExtractError> {
    let bounded = Bounded { inner: MultiGzDecoder::new(layer), left: max_unpacked, limit: max_unpacked };
    let mut archive = tar::Archive::new(bounded);
    let mut seen = Vec::new();
    for entry in archive.entries().map_err(broken)? {
        let entry = entry.map_err(broken)?;
        if seen.len() == MAX_ENTRIES {
            return Err(ExtractError::Broken { reason: format!("more than {MAX_ENTRIES} files") });
        }
        let path = entry.path_bytes().into_owned();
        if base_name(&path) != PLUGIN_FILE.as_bytes() {
            seen.push(String::from_utf8_lossy(&path).chars().take(100).collect::<String>());
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(ExtractError::NotAFile);
        }
        let too_large = ExtractError::TooLarge { what: "`plugin.wasm` in the layer", limit: max_module };
        let declared = entry.size();
        if declared > max_module {
            return Err(too_large);
        }
        let mut wasm = Vec::new();
        entry.take(max_module).read_to_end(&mut wasm).map_err(broken)?;
        if (wasm.len() as u64) < declared {
            return Err(ExtractError::Broken {
                reason: format!("`plugin.wasm` ends after {} of {declared} bytes", wasm.len()),
            });
        }
        return Ok(wasm);
    }
    Err(ExtractError::NoPlugin { found: list(seen) })
}

fn base_name(path: &[u8]) -> &[u8] {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

fn broken(error: io::Error) -> ExtractError {
    let first = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    let causes: Vec<_> = std::iter::successors(first, |cause| cause_of(*cause)).collect();
    if let Some(OverLimit(limit)) = causes.iter().find_map(|cause| cause.downcast_ref::<OverLimit>()) {
        return ExtractError::TooLarge { what: "the unpacked layer", limit: *limit };
    }
    let innermost = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    // The reader of archives repeats what stands in them.
    let plain = innermost.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c });
    ExtractError::Broken { reason: plain.collect() }
}

/// An `io::Error` hides what it wraps from `source`.
fn cause_of<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// Passes bytes on until the bound, then fails: an end of file would look like a short archive.
struct Bounded<R> {
    inner: R,
    left: u64,
    limit: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("more than {0} unpacked bytes")]
struct OverLimit(u64);

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| io::Error::other(OverLimit(self.limit)))?;
        Ok(count)
    }
}
