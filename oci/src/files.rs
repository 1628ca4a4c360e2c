//! Reads and writes files so that neither a huge nor a half-written one does harm.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// How the name of a file begins that is not finished yet.
pub(crate) const TEMPORARY: &str = ".tamis-";

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] when there is more, else what the system says.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    Ok(bytes)
}

/// Writes a file as a whole or not at all: readers see the old bytes or the new ones.
///
/// # Errors
/// What the system says; the old file, if there was one, is then unchanged.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    finished(path, bytes)?.persist(path).map(drop).map_err(|error| error.error)
}

/// Writes a file as a whole unless it is there already: whoever comes second finds the first one's file, and its lock.
///
/// # Errors
/// What the system says.
pub(crate) fn write_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match finished(path, bytes)?.persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// A temporary file in the same folder, complete and on the disk.
fn finished(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}
