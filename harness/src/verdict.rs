//! What the module gate has let through before: a module is validated once, and then known by its digest.
//!
//! An entry lies beside wasmtime's cache of compiled code, and is trusted as much as that is. Its name is a digest over the
//! gate's own version, the Envoy that was asked about, and the module's bytes; its text repeats the name, so that a file
//! that was cut off or mixed up says nothing. Only a yes is kept: a no has reasons, and is looked at again.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use tamis_module::gate::{self, EnvoyVersion, Refusal};

use crate::engine::cache_dir;

/// Smaller modules are validated faster than a file is read, in bytes.
const WORTH_IT: usize = 32 << 10;

/// With so many entries all go: nobody runs so many modules, but somebody may make them.
const ENTRIES: usize = 4096;

/// Checks a module at the gate, for one Envoy or for all, unless that has been done before.
///
/// # Errors
///
/// A [`Refusal`] with every reason.
pub(crate) fn check(wasm: &[u8], envoy: Option<EnvoyVersion>) -> Result<(), Refusal> {
    let folder = cache_dir().filter(|_| wasm.len() >= WORTH_IT).map(|cache| cache.join("gate"));
    check_with(wasm, envoy, folder.as_deref())
}

fn check_with(wasm: &[u8], envoy: Option<EnvoyVersion>, folder: Option<&Path>) -> Result<(), Refusal> {
    let entry = folder.map(|folder| Entry::of(wasm, envoy, folder));
    if entry.as_ref().is_some_and(Entry::is_there) {
        return Ok(());
    }
    match envoy {
        None => gate::check(wasm)?,
        Some(envoy) => gate::check_for(wasm, envoy)?,
    };
    // Without a place to keep it everything works, only slower.
    if let Some(entry) = entry {
        let _ = entry.keep();
    }
    Ok(())
}

/// A yes that is kept, or could be.
struct Entry {
    file: PathBuf,
    name: String,
}

impl Entry {
    fn of(wasm: &[u8], envoy: Option<EnvoyVersion>, folder: &Path) -> Self {
        let mut digest = Context::new(&SHA256);
        digest.update(&gate::VERSION.to_le_bytes());
        // No version is as long as this.
        let asked = envoy.map_or("every one".to_owned(), |envoy| envoy.to_string());
        digest.update(&(asked.len() as u64).to_le_bytes());
        digest.update(asked.as_bytes());
        digest.update(wasm);
        let name = digest.finish().as_ref().iter().fold(String::new(), |mut name, byte| {
            let _ = write!(name, "{byte:02x}");
            name
        });
        Self { file: folder.join(&name), name }
    }

    fn is_there(&self) -> bool {
        fs::read(&self.file).is_ok_and(|text| text == self.name.as_bytes())
    }

    fn keep(&self) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        if entries.len() >= ENTRIES {
            entries.iter().for_each(|entry| drop(fs::remove_file(entry)));
        }
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(self.name.as_bytes())?;
        file.persist(&self.file)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(marker: &str) -> Vec<u8> {
        let text = format!(
            r#"(module (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) local.get 0)
                (func (export "{marker}")))"#
        );
        wat::parse_str(text).unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).map(|all| all.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
    }

    #[test]
    fn a_yes_is_kept_for_these_bytes_and_this_question() {
        let folder = tempfile::tempdir().unwrap();
        let good = module("proxy_abi_version_0_2_1");
        for _ in 0..2 {
            check_with(&good, None, Some(folder.path())).unwrap();
            assert_eq!(files(folder.path()).len(), 1);
        }
        check_with(&good, Some(EnvoyVersion::NEWEST), Some(folder.path())).unwrap();
        assert_eq!(files(folder.path()).len(), 2);
        check_with(&module("proxy_abi_version_0_2_0"), None, Some(folder.path())).unwrap();
        assert_eq!(files(folder.path()).len(), 3);
        check_with(&module("x"), None, Some(folder.path())).unwrap_err();
        assert_eq!(files(folder.path()).len(), 3);
    }

    #[test]
    fn an_entry_that_is_not_whole_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let bad = module("x");
        let entry = Entry::of(&bad, None, folder.path());
        // A whole one would be believed: that is what the cache is.
        entry.keep().unwrap();
        check_with(&bad, None, Some(folder.path())).unwrap();
        for text in [String::new(), entry.name.chars().skip(1).collect(), "yes".to_owned()] {
            fs::write(&entry.file, text).unwrap();
            check_with(&bad, None, Some(folder.path())).unwrap_err();
        }
    }

    #[test]
    fn entries_do_not_pile_up_and_no_folder_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        for i in 0..ENTRIES {
            fs::write(folder.path().join(i.to_string()), "").unwrap();
        }
        let good = module("proxy_abi_version_0_2_1");
        check_with(&good, None, Some(folder.path())).unwrap();
        assert_eq!(files(folder.path()).len(), 1);
        check_with(&good, None, Some(Path::new("/dev/null/no"))).unwrap();
    }
}
