//! Two versions of one filter, so that an answer says which code made it.
//!
//! The later ones are the example `hello` with two texts changed in its data: the name of the header that it sets, and the version
//! that it logs when it starts. Code and length stay the same.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, cannot};

/// A module, and what shows that it has answered.
#[derive(Clone, Debug)]
pub struct Version {
    /// The header that it sets.
    pub header: &'static str,
    /// What it logs of itself.
    pub logs: &'static str,
    /// The module.
    pub file: PathBuf,
}

const FIRST: (&str, &str) = ("x-hello", "0.1.0");
const LATER: [(&str, &str); 9] = [
    ("x-hallo", "0.2.0"),
    ("x-hella", "0.3.0"),
    ("x-hellb", "0.4.0"),
    ("x-hellc", "0.5.0"),
    ("x-helld", "0.6.0"),
    ("x-helle", "0.7.0"),
    ("x-hellf", "0.8.0"),
    ("x-hellg", "0.9.0"),
    ("x-hellh", "1.0.0"),
];

/// The filter as it was built, and later versions, in a folder.
pub fn versions(hello: &Path, folder: &Path) -> Result<Vec<Version>, Failure> {
    let wasm = fs::read(hello).map_err(cannot(format_args!("read {} (`make modules` builds it)", hello.display())))?;
    let mut versions = vec![Version { header: FIRST.0, logs: FIRST.1, file: hello.to_owned() }];
    for (header, logs) in LATER {
        let changed = replace(&replace(&wasm, FIRST.0, header)?, FIRST.1, logs)?;
        let file = folder.join(format!("hello-{logs}.wasm"));
        fs::write(&file, changed).map_err(cannot("write a module"))?;
        versions.push(Version { header, logs, file });
    }
    Ok(versions)
}

/// Replaces the only place of a text by one of the same length.
fn replace(bytes: &[u8], old: &str, new: &str) -> Result<Vec<u8>, Failure> {
    let places = bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old.as_bytes());
    let places = places.map(|(at, _)| at).collect::<Vec<_>>();
    let [at] = places.as_slice() else {
        return Err(Failure::new(format_args!("`{old}` is in the module {} times, not once", places.len())));
    };
    let after = bytes.get(at + old.len()..).unwrap_or_default();
    let before = bytes.get(..*at).unwrap_or_default();
    Ok([before, new.as_bytes(), after].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_replaced_where_it_is_alone() {
        assert_eq!(replace(b"a x-hello b", "x-hello", "x-hallo").unwrap(), b"a x-hallo b");
        assert!(replace(b"none", "x-hello", "x-hallo").is_err());
        assert!(replace(b"twice twice", "twice", "thrice").is_err());
    }
}
