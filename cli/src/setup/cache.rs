//! The folder that everything is installed into.
//!
//! `ROOT/KIND/KEY` is one installation. It is filled under a temporary name beside its place, marked as complete, and only
//! then renamed, so what has a marker is whole. One lock file per kind makes concurrent runs take turns.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tamis_harness::engine::cache_dir;

use crate::failure::Failure;

const MARKER: &str = ".complete";
const STAGING: &str = ".new-";

/// The cache of one user.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Held while one kind of thing is installed; dropping it lets the next run in.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Cache {
    /// `TAMIS_CACHE`, else `tamis` in the user's cache folder; nothing is created.
    ///
    /// # Errors
    /// When neither `TAMIS_CACHE`, `XDG_CACHE_HOME` nor `HOME` says where that is.
    pub fn from_env() -> Result<Self, Failure> {
        let root = cache_dir().ok_or_else(|| {
            Failure::environment("no folder to install into: TAMIS_CACHE, XDG_CACHE_HOME and HOME are all unset")
                .hint("set TAMIS_CACHE to a folder of yours")
        })?;
        let root = std::path::absolute(&root).map_err(|error| cannot("find", &root, &error))?;
        Ok(Self { root })
    }

    /// Where the installation `key` of a `kind` is, or will be.
    pub fn place(&self, kind: &str, key: &str) -> PathBuf {
        self.root.join(kind).join(key)
    }

    /// Waits until no other run installs this kind.
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn lock(&self, kind: &str) -> Result<Lock, Failure> {
        let folder = self.root.join(kind);
        fs::create_dir_all(&folder).map_err(|error| cannot("create", &folder, &error))?;
        let path = folder.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| cannot("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                println!("==> {kind}: waiting for another `tamis setup`");
                file.lock().map_err(|error| cannot("lock", &path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(cannot("lock", &path, &error)),
        }
        // Whoever left these held the lock before us and was killed.
        for stale in list(&folder)?.into_iter().filter(|path| is_staging(path)) {
            fs::remove_dir_all(&stale).map_err(|error| cannot("remove", &stale, &error))?;
        }
        Ok(Lock { _file: file })
    }

    /// Lets `fill` write an installation under a temporary name, then puts it in its place, replacing what was there.
    ///
    /// # Errors
    /// What `fill` said, or that the cache cannot be written; the place is then as it was.
    pub fn publish(
        &self,
        _lock: &Lock,
        place: &Path,
        fill: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let parent = place.parent().unwrap_or(&self.root);
        let staging = tempfile::Builder::new().prefix(STAGING).tempdir_in(parent);
        let staging = staging.map_err(|error| cannot("create a folder in", parent, &error))?;
        fill(staging.path())?;
        let marker = staging.path().join(MARKER);
        fs::write(&marker, "").map_err(|error| cannot("write", &marker, &error))?;
        if place.symlink_metadata().is_ok() {
            fs::remove_dir_all(place).map_err(|error| cannot("remove", place, &error))?;
        }
        fs::rename(staging.path(), place).map_err(|error| cannot("create", place, &error))
    }
}

/// Whether an installation is whole.
pub fn is_complete(place: &Path) -> bool {
    place.join(MARKER).is_file()
}

/// The paths in a folder, in no order.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| cannot("read", folder, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>();
    paths.map_err(|error| cannot("read", folder, &error))
}

/// The failure of one file operation.
pub fn cannot(verb: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::environment(format!("cannot {verb} {}: {error}", path.display()))
        .hint("check the rights and the free space there, or set TAMIS_CACHE to another folder")
}

fn is_staging(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(STAGING.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_appears_whole_or_not_at_all() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache { root: root.path().to_owned() };
        let place = cache.place("kind", "key");
        let lock = cache.lock("kind").unwrap();

        let refused = cache.publish(&lock, &place, |staging| {
            fs::write(staging.join("half"), "").unwrap();
            Err(Failure::environment("no"))
        });
        assert_eq!(refused, Err(Failure::environment("no")));
        assert!(!place.exists());
        assert!(list(&root.path().join("kind")).unwrap().iter().all(|path| !is_staging(path)));

        for text in ["one", "two"] {
            let fill = |staging: &Path| {
                fs::write(staging.join("file"), text).unwrap();
                Ok(())
            };
            cache.publish(&lock, &place, fill).unwrap();
            assert!(is_complete(&place));
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), text);
        }
    }

    #[test]
    fn what_a_killed_run_left_is_removed_by_the_next() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache { root: root.path().to_owned() };
        let left = cache.place("kind", ".new-abc");
        fs::create_dir_all(left.join("deep")).unwrap();
        let _lock = cache.lock("kind").unwrap();
        assert!(!left.exists());
    }
}
