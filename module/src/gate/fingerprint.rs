//! Which gate this is, for whoever keeps its verdicts.

/// Another number with any change of what the gate is made of: its own sources, the tables of the ABI, the libraries.
pub const VERSION: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut sources: &[(&str, &[u8])] = &SOURCES;
    while let [(_, bytes), rest @ ..] = sources {
        hash = hashed(hash, bytes);
        sources = rest;
    }
    hash
};

/// The files, by their place in `src`.
const SOURCES: [(&str, &[u8]); 14] = [
    ("../../Cargo.lock", include_bytes!("../../../Cargo.lock")),
    ("abi.rs", include_bytes!("../abi.rs")),
    ("abi/callbacks.rs", include_bytes!("../abi/callbacks.rs")),
    ("abi/host_functions.rs", include_bytes!("../abi/host_functions.rs")),
    ("abi/signature.rs", include_bytes!("../abi/signature.rs")),
    ("abi/wasi.rs", include_bytes!("../abi/wasi.rs")),
    ("gate.rs", include_bytes!("../gate.rs")),
    ("gate/features.rs", include_bytes!("features.rs")),
    ("gate/hosts.rs", include_bytes!("hosts.rs")),
    ("gate/outside.rs", include_bytes!("outside.rs")),
    ("gate/reason.rs", include_bytes!("reason.rs")),
    ("gate/version.rs", include_bytes!("version.rs")),
    ("info.rs", include_bytes!("../info.rs")),
    ("phase.rs", include_bytes!("../phase.rs")),
];

/// FNV-1a, eight bytes at a time.
const fn hashed(mut hash: u64, mut bytes: &[u8]) -> u64 {
    let size = bytes.len() as u64;
    while !bytes.is_empty() {
        let (mut word, mut shift) = (0, 0);
        while shift < 64
            && let [byte, rest @ ..] = bytes
        {
            word |= (*byte as u64) << shift;
            shift += 8;
            bytes = rest;
        }
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (hash ^ size).wrapping_mul(0x0000_0100_0000_01b3)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_gate_and_its_tables_counts() {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files =
            ["abi", "gate"].map(|folder| std::fs::read_dir(src.join(folder)).unwrap()).into_iter().flatten();
        assert!(files.all(|file| {
            let file = file.unwrap().path();
            let name = file.strip_prefix(&src).unwrap();
            file.ends_with("fingerprint.rs") || SOURCES.iter().any(|(source, _)| Path::new(source) == name)
        }));
        for (name, bytes) in SOURCES {
            assert_eq!(std::fs::read(src.join(name)).unwrap(), bytes, "{name}");
        }
    }

    #[test]
    fn any_change_is_another_number() {
        let of = |bytes: &[u8]| hashed(1, bytes);
        let all = [of(b""), of(b"\0"), of(b"a"), of(b"a\0"), of(b"aaaaaaaa"), of(b"aaaaaaaaa"), of(b"aaaaaaaab")];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
