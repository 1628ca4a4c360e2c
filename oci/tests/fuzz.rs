//! References, manifests, layers and keys that nobody would write: what is read is what was written, and nothing panics.

use tamis_fuzz::arbitrary::{Result, Unstructured};
use tamis_fuzz::sized;
use tamis_oci::signing::{PublicKey, SigningKey};
use tamis_oci::{Anatomy, Image, LAYER_TYPE, ModuleRef, Selector};

use crate::support::{MODULE, gzip, image_of, sample, tar};

/// What references are made of, and what they are confused with.
const PIECES: [&str; 26] = [
    "oci://",
    "oci-layout:",
    "https://",
    "user:s3cret@",
    "registry.example",
    "127.0.0.1",
    "[::1]",
    "localhost",
    ":5000",
    ":0",
    ":65536",
    "/",
    "filters",
    "my-head_ers__v2",
    "..",
    ".",
    "-",
    "_",
    ":",
    "1.2.0",
    "latest",
    "@",
    "@sha256:",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ".wasm",
    "é\u{1b}\n\0 ",
];

#[test]
fn references() {
    fuzz(|u| {
        let mut text = String::new();
        for _ in 0..u.int_in_range(0..=9)? {
            match u.ratio(9, 10)? {
                true => text.push_str(u.choose(&PIECES)?),
                false => text.push(u.arbitrary()?),
            }
        }
        match text.parse::<ModuleRef>() {
            Ok(reference) => {
                assert_eq!(reference.to_string(), text);
                assert_eq!(reference.to_string().parse::<ModuleRef>(), Ok(reference.clone()));
                if let ModuleRef::Registry(registry) = &reference {
                    assert!(!registry.host().contains('@') && !registry.repository().contains(".."), "{text}");
                }
            }
            Err(error) => {
                let error = error.to_string();
                assert_eq!(error.lines().count(), 1, "{error:?}");
                assert!(!error.contains('\u{1b}') && error.len() < 2_000, "{error:?}");
                let secret = text.contains("://user:s3cret@");
                assert!(!secret || !error.contains("s3cret"), "{error:?}");
            }
        }
        if let Ok(selector) = text.parse::<Selector>() {
            assert_eq!(selector.to_string(), text);
        }
        Ok(())
    });
}

/// What manifests and bundles are made of, and what they are confused with.
const MEMBERS: [&str; 30] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "2",
    "1e999",
    "\"schemaVersion\"",
    "\"mediaType\"",
    "\"config\"",
    "\"layers\"",
    "\"manifests\"",
    "\"subject\"",
    "\"annotations\"",
    "\"artifactType\"",
    "\"digest\"",
    "\"size\"",
    "\"platform\"",
    "\"os\"",
    "\"linux\"",
    "\"application/vnd.oci.image.manifest.v1+json\"",
    "\"application/vnd.oci.image.layer.v1.tar+gzip\"",
    "\"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
    "\"sha256:..\"",
    "\"\\u001b\"",
    "\"a\"",
    " ",
];

#[test]
fn manifests() {
    fuzz(|u| {
        let text = if u.ratio(1, 2)? { changed_manifest(u)? } else { pieces(u)? };
        // Whatever it is, it is read by the same rules everywhere, or refused in one line.
        let anatomy = Anatomy::parse(&text);
        let image = Image::from_parts(text.clone(), b"{}".to_vec(), Vec::new());
        for error in [anatomy.as_ref().err().map(ToString::to_string), image.as_ref().err().map(ToString::to_string)] {
            let error = error.unwrap_or_default();
            assert!(error.lines().count() <= 1 && !error.contains('\u{1b}') && error.len() < 3_000, "{error:?}");
        }
        if let Ok(image) = image {
            // The digests fit, so the manifest names just these bytes.
            assert!(anatomy.is_ok());
            assert_eq!(image.manifest.bytes(), text);
        }
        Ok(())
    });
}

#[test]
fn layers() {
    fuzz(|u| {
        let mut archive = tar(&[("docs.md", b"# docs"), ("plugin.wasm", MODULE)]);
        for _ in 0..u.int_in_range(0..=6)? {
            let at = u.choose_index(archive.len())?;
            archive[at] = u.arbitrary()?;
        }
        let mut layer = gzip(&archive);
        if u.ratio(1, 3)? {
            let at = u.choose_index(layer.len())?;
            layer[at] = u.arbitrary()?;
        }
        if u.ratio(1, 4)? {
            layer.truncate(u.choose_index(layer.len())?);
        }
        match image_of(&[(LAYER_TYPE, &layer)]).unwrap().module() {
            Ok(wasm) => assert!(wasm.starts_with(b"\0asm") && wasm.len() <= archive.len()),
            Err(error) => {
                let error = error.to_string();
                assert!(error.lines().count() == 1 && !error.contains('\u{1b}') && error.len() < 3_000, "{error:?}");
            }
        }
        Ok(())
    });
}

#[test]
fn keys() {
    fuzz(|u| {
        let mut text = String::from_utf8_lossy(&pieces(u)?).into_owned();
        for label in ["PUBLIC KEY", "PRIVATE KEY", "ENCRYPTED SIGSTORE PRIVATE KEY"] {
            if u.ratio(1, 2)? {
                let body: String = (0..u.int_in_range(0..=40)?)
                    .map(|_| u.choose(b"MFkwEwYHAAAA+/=\n ").map(|byte| char::from(*byte)))
                    .collect::<Result<_>>()?;
                text.push_str(&format!("-----BEGIN {label}-----{body}-----END {label}-----"));
            }
        }
        for error in [PublicKey::from_pem(&text).err(), SigningKey::from_pem(&text, b"").err()].into_iter().flatten() {
            assert_eq!(error.to_string().lines().count(), 1);
        }
        Ok(())
    });
}

fn pieces(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    for _ in 0..u.int_in_range(0..=60)? {
        text.extend_from_slice(u.choose(&MEMBERS)?.as_bytes());
    }
    Ok(text)
}

/// A good manifest with a few bytes changed, moved or gone.
fn changed_manifest(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut text = sample().manifest.bytes().to_vec();
    for _ in 0..u.int_in_range(1..=4)? {
        let (at, other) = (u.choose_index(text.len())?, u.choose_index(text.len())?);
        match u.int_in_range(0..=2)? {
            0 => text[at] = u.arbitrary()?,
            1 => text.swap(at, other),
            _ => drop(text.drain(at.min(other)..at.max(other).min(at.min(other) + 20))),
        }
        if text.is_empty() {
            text.push(b'{');
        }
    }
    Ok(text)
}

/// References and keys are short.
fn fuzz(target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    sized(20_000, |_| 128, 256, target);
}
