//! The one way in for every command.

use std::fs;

use tamis_oci::{LoadError, LoadedModule, ModuleRef, Registry, layout, load};

use crate::support::{MODULE, image_of_tar, sample, tar};

async fn loaded(text: &str) -> Result<LoadedModule, LoadError> {
    load(&text.parse::<ModuleRef>().unwrap(), &Registry::default()).await
}

#[tokio::test]
async fn a_file_and_a_layout_give_the_same_module() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.wasm");
    fs::write(&file, MODULE).unwrap();
    let dir = folder.path().join("images");
    layout::write(&dir, &"1.2.0".parse().unwrap(), &sample()).unwrap();

    let from_file = loaded(file.to_str().unwrap()).await.unwrap();
    assert_eq!(
        (from_file.wasm.as_slice(), from_file.digest, from_file.origin.as_str()),
        (MODULE, None, file.to_str().unwrap())
    );

    let origin = format!("oci-layout:{}:1.2.0", dir.display());
    let from_layout = loaded(&origin).await.unwrap();
    assert_eq!(
        from_layout,
        LoadedModule { wasm: MODULE.to_vec(), digest: Some(sample().digest().to_string()), origin }
    );
}

#[tokio::test]
async fn what_is_no_module_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let missing = loaded(&path("missing.wasm")).await.unwrap_err().to_string();
    assert!(missing.contains("cannot read") && missing.contains("missing.wasm"), "{missing}");

    fs::write(path("page.wasm"), "<html></html>").unwrap();
    let page = loaded(&path("page.wasm")).await.unwrap_err().to_string();
    assert!(page.contains("page.wasm: not a wasm module: 13 bytes that begin with \"<htm\""), "{page}");

    let file = fs::File::create(path("large.wasm")).unwrap();
    file.set_len(tamis_oci::MAX_MODULE_BYTES + 1).unwrap();
    let large = loaded(&path("large.wasm")).await.unwrap_err();
    assert!(
        matches!(&large, LoadError::File { source, .. } if source.kind() == std::io::ErrorKind::FileTooLarge),
        "{large}"
    );

    let origin = format!("oci-layout:{}:1", path("images"));
    layout::write(
        &folder.path().join("images"),
        &"1".parse().unwrap(),
        &image_of_tar(&tar(&[("filter.wasm", MODULE)])),
    )
    .unwrap();
    let wrong = loaded(&origin).await.unwrap_err().to_string();
    assert!(wrong.starts_with(&origin) && wrong.contains("only \"filter.wasm\""), "{wrong}");
}
