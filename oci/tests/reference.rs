//! What names a module, and what does not.

use std::path::PathBuf;

use tamis_oci::{Digest, ModuleRef, ReferenceError, RegistryRef, Selector};

fn parsed(text: &str) -> ModuleRef {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> ReferenceError {
    text.parse::<ModuleRef>().map(|found| panic!("{text} became {found:?}")).unwrap_err()
}

#[test]
fn every_form_is_printed_as_it_was_read() {
    let digest = Digest::of(b"x");
    for text in [
        "x.wasm".to_owned(),
        "./out/x.wasm".to_owned(),
        "/abs/with space/x.wasm".to_owned(),
        "oci-layout:out/images:1.2.0".to_owned(),
        "oci-layout:/abs/images:latest".to_owned(),
        "oci-layout:C:/images:v1".to_owned(),
        format!("oci-layout:out/images@{digest}"),
        "oci://registry.example/headers".to_owned(),
        "oci://registry.example/filters/headers:1.2.0".to_owned(),
        "oci://registry.example:5000/filters/my-head_ers__v2.x--y:1.2.0".to_owned(),
        "oci://127.0.0.1:5000/headers:1".to_owned(),
        "oci://[::1]:5000/headers:1".to_owned(),
        "oci://localhost/headers:1".to_owned(),
        format!("oci://registry.example/headers@{digest}"),
        format!("oci://registry.example:5000/headers:1.2.0@{digest}"),
    ] {
        assert_eq!(parsed(&text).to_string(), text);
    }
}

#[test]
fn the_parts_are_where_they_belong() {
    let digest = Digest::of(b"x");
    let ModuleRef::Registry(reference) = parsed(&format!("oci://registry.example:5000/filters/headers:1.2.0@{digest}"))
    else {
        panic!()
    };
    assert_eq!(reference.host(), "registry.example:5000");
    assert_eq!(reference.repository(), "filters/headers");
    assert_eq!(reference.tag().unwrap().as_str(), "1.2.0");
    assert_eq!(reference.digest(), Some(&digest));
    assert_eq!(
        reference.at(digest.clone()).to_string(),
        format!("oci://registry.example:5000/filters/headers@{digest}")
    );

    assert_eq!(parsed("x.wasm"), ModuleRef::File(PathBuf::from("x.wasm")));
    let by_digest = ModuleRef::Layout { dir: PathBuf::from("images"), at: Selector::Digest(digest.clone()) };
    assert_eq!(parsed(&format!("oci-layout:images@{digest}")), by_digest);
}

#[test]
fn each_mistake_says_what_is_wrong_and_shows_an_example() {
    for (text, wanted) in [
        ("", "names no module"),
        ("headers", "`path/to/x.wasm`, `oci-layout:DIR:TAG` or `oci://HOST/REPOSITORY:TAG`"),
        ("x.WASM", "names no module"),
        ("https://registry.example/x.wasm", "names no module"),
        ("docker://registry.example/x:1", "names no module"),
        ("oci-layout:images", "the tag is missing"),
        ("oci-layout::1.2.0", "the folder is missing"),
        ("oci-layout:images:", "is not a tag"),
        ("oci-layout:images:-x", "is not a tag"),
        ("oci-layout:images@sha256:123", "is not a digest"),
        ("oci://", "the host is missing"),
        ("oci:///headers", "the host is missing"),
        ("oci://registry.example", "the repository is missing"),
        ("oci://registry.example/", "the repository is missing"),
        ("oci://registry.example:0/x", "not a host name"),
        ("oci://registry.example:70000/x", "not a host name"),
        ("oci://registry.example:/x", "not a host name"),
        ("oci://regis try/x", "not a host name"),
        ("oci://-registry/x", "not a host name"),
        ("oci://[::g]/x", "not a host name"),
        ("oci://registry.example/Headers:1", "has other characters"),
        ("oci://registry.example/a//b", "the repository is missing or"),
        ("oci://registry.example/../v2", "the repository is missing or"),
        ("oci://registry.example/a___b", "the repository is missing or"),
        ("oci://registry.example/x:", "is not a tag"),
        ("oci://registry.example/x:a b", "is not a tag"),
        ("oci://registry.example/x@sha256:abc", "is not a digest"),
        ("oci://registry.example/x?y", "has other characters"),
    ] {
        let error = refused(text).to_string();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    assert!(refused(&format!("oci://registry.example/x:{}", "t".repeat(129))).to_string().contains("is not a tag"));
    assert!(refused(&format!("oci://registry.example/{}", "r".repeat(256))).to_string().contains("the repository"));
}

#[test]
fn a_password_in_a_reference_is_not_repeated() {
    for text in ["oci://me:hunter2@registry.example/x:1", "https://me:hunter2@registry.example/x.wasm"] {
        let error = refused(text);
        assert_eq!(error, ReferenceError::Credentials);
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn only_this_machine_is_loopback() {
    let host = |host: &str| format!("oci://{host}/x").parse::<RegistryRef>().unwrap().is_loopback();
    for near in ["localhost", "localhost:5000", "127.0.0.1", "127.9.9.9:5000", "[::1]", "[::1]:5000"] {
        assert!(host(near), "{near}");
    }
    for far in ["registry.example", "localhost.example", "127.0.0.1.example", "128.0.0.1", "[::2]:5000", "0.0.0.0"] {
        assert!(!host(far), "{far}");
    }
}
