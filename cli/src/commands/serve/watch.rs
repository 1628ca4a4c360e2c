//! Files that are looked at again and again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tamis_oci::ModuleRef;

/// The configuration and the module of a gateway, as far as they are files.
pub struct Watched {
    files: Vec<File>,
    configuration: Option<PathBuf>,
}

struct File {
    path: PathBuf,
    /// As it is in force.
    in_force: Option<Stamp>,
    /// As it was when it was last new: in force since, or refused.
    known: Option<Stamp>,
    /// At the last look.
    last: Option<Stamp>,
    /// It was one of those that changed last.
    changed: bool,
}

/// What changes when a file is written, or another takes its place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    written: (i64, i64),
}

impl Watched {
    /// As they are now.
    pub fn new(module: &str, configuration: Option<&Path>) -> Self {
        let module = match module.parse() {
            Ok(ModuleRef::File(file)) => Some(file),
            _ => None,
        };
        let paths = configuration.map(Path::to_owned).into_iter().chain(module);
        let file = |path: PathBuf| {
            let now = stamp(&path);
            File { path, in_force: now, known: now, last: now, changed: false }
        };
        Self { files: paths.map(file).collect(), configuration: configuration.map(Path::to_owned) }
    }

    /// Looks: whether something is new. A file that is still being written has one more look's time.
    pub fn changed(&mut self) -> bool {
        let mut any = false;
        for file in &mut self.files {
            let now = stamp(&file.path);
            // One that is away for a moment, while another takes its place, is nothing new.
            file.changed = now.is_some() && now == file.last && now != file.known;
            file.last = now;
            if file.changed {
                file.known = now;
                any = true;
            }
        }
        any
    }

    /// Whether the module is the one in force.
    pub fn same_module(&self) -> bool {
        let mut modules = self.files.iter().filter(|file| Some(&file.path) != self.configuration.as_ref());
        modules.all(|file| file.known == file.in_force)
    }

    /// What the last look found is in force.
    pub fn taken_over(&mut self) {
        for file in &mut self.files {
            file.in_force = file.known;
        }
    }

    /// What the last look found new; everything, when somebody else has asked for it.
    pub fn names(&self) -> String {
        let all = self.files.iter().all(|file| !file.changed);
        let files = self.files.iter().filter(|file| all || file.changed);
        files.map(|file| file.path.display().to_string()).collect::<Vec<_>>().join(" and ")
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let of = |file: Metadata| Stamp {
        device: file.dev(),
        inode: file.ino(),
        size: file.size(),
        written: (file.mtime(), file.mtime_nsec()),
    };
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_new_once_it_stays_the_same_for_two_looks() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, "a").unwrap();
        let mut watched = Watched::new("oci://a/b:c", Some(&file));
        assert!(!watched.changed());
        std::fs::write(&file, "ab").unwrap();
        assert!(!watched.changed(), "somebody may still be writing");
        std::fs::write(&file, "abc").unwrap();
        assert!(!watched.changed(), "and was");
        assert!(watched.changed());
        assert!(watched.same_module());
        assert_eq!(watched.names(), file.display().to_string());
        assert!(!watched.changed(), "once is enough");
        std::fs::remove_file(&file).unwrap();
        assert!(!watched.changed() && !watched.changed());
        std::fs::write(&file, "abc").unwrap();
        assert!(!watched.changed());
        assert!(watched.changed(), "another file of the same name");
    }

    #[test]
    fn a_module_that_was_refused_is_another_until_it_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("filter.wasm");
        std::fs::write(&file, "a").unwrap();
        let mut watched = Watched::new(&file.display().to_string(), None);
        std::fs::write(&file, "ab").unwrap();
        assert!(!watched.changed() && watched.changed());
        assert!(!watched.same_module() && !watched.changed() && !watched.same_module());
        watched.taken_over();
        assert!(watched.same_module());
    }
}
