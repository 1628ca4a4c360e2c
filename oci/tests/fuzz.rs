//! References that nobody would write: what is read is printed as it was read, and nothing panics.
//!
//! `make test` runs fixed seeds; with ARBTEST_BUDGET_MS, as `make fuzz` sets it, new ones for that long.

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;
use tamis_oci::{ModuleRef, Selector};

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

fn fuzz(mut target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    let mut target = |u: &mut Unstructured<'_>| target(u).or(Ok(()));
    if ["ARBTEST_BUDGET_MS", "ARBTEST_SEED"].iter().any(|name| std::env::var_os(name).is_some()) {
        arbtest(target).size_max(256).run();
        return;
    }
    for seed in 1_u64..=20_000 {
        arbtest(&mut target).seed(seed.wrapping_mul(0x9e37_79b9) << 32 | 128).run();
    }
}
