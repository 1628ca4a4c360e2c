//! What an image is: its manifest, its layers, what it says of itself, and what is attached to it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use tamis_module::{Description, ModuleInfo};
use tamis_oci::{Anatomy, Descriptor, ModuleRef, Store};

use super::super::common::{self, Loaded, RegistryFlags};
use super::super::copy::located;
use crate::failure::Failure;

/// An image of whatever.
pub struct Image {
    reference: String,
    digest: String,
    media_type: String,
    size: u64,
    anatomy: Anatomy,
    attached: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Blob<'a> {
    media_type: &'a str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl Image {
    /// Looks at an image; nothing for a file.
    pub fn of(reference: &str, registry: &RegistryFlags) -> Result<Option<Self>, Failure> {
        if let Ok(ModuleRef::File(_)) = reference.parse::<ModuleRef>() {
            return Ok(None);
        }
        let (place, at) = located(reference)?;
        let client = registry.client();
        let image = common::block_on(async {
            let store = Store::open(&place, &client).await?;
            let manifest = store.manifest(&at).await?;
            let anatomy = store.anatomy(&manifest)?;
            let attached = store.referrers(manifest.digest()).await?;
            Ok(Self {
                reference: reference.to_owned(),
                digest: manifest.digest().to_string(),
                media_type: manifest.media_type().to_owned(),
                size: manifest.size(),
                anatomy,
                attached,
            })
        })?;
        image.map(Some).map_err(common::of_store)
    }

    /// Prints it for people.
    pub fn print(&self) {
        println!("{}", self.reference);
        println!();
        row("digest", &self.digest);
        row("manifest", &format!("{}, {} bytes", plain(&self.media_type), self.size));
        if let Some(kind) = &self.anatomy.artifact_type {
            row("artifact", &plain(kind));
        }
        if let Some(subject) = &self.anatomy.subject {
            row("attached to", &subject.digest.to_string());
        }
        let parts = [
            ("configuration", self.anatomy.config.as_slice()),
            ("layer", &self.anatomy.layers),
            ("holds", &self.anatomy.manifests),
        ];
        for (name, blobs) in parts {
            blobs.iter().for_each(|blob| row(name, &described(blob)));
        }
        for (name, value) in &self.anatomy.annotations {
            row("says", &format!("{} = {}", plain(name), plain(value)));
        }
        for blob in &self.attached {
            row("attached", &described(blob));
        }
        println!();
    }

    /// Prints it as JSON, with the description of its module.
    pub fn print_json(&self, module: Option<&Loaded>) -> Result<(), Failure> {
        self.json(module, Value::Null)
    }

    /// Prints what an image is that holds no module to be looked at; the failure says why.
    pub fn without_module(&self, failure: &Failure, as_json: bool) -> Result<(), Failure> {
        if as_json {
            return self.json(None, Value::from(failure.to_string()));
        }
        self.print();
        row("module", &format!("none that a mesh would load: {failure}"));
        Ok(())
    }

    fn json(&self, module: Option<&Loaded>, reason: Value) -> Result<(), Failure> {
        let wrong = |error: &dyn std::fmt::Display| Failure::user(format_args!("{}: {error}", self.reference));
        let info = module.map(|module| ModuleInfo::parse(&module.wasm)).transpose().map_err(|error| wrong(&error))?;
        let description =
            module.map(|module| Description::read(&module.wasm)).transpose().map_err(|error| wrong(&error))?;
        let description =
            description.flatten().map(|description| serde_json::from_slice::<Value>(&description.to_json()));
        let document = json!({
            "reference": self.reference,
            "digest": self.digest,
            "mediaType": self.media_type,
            "artifactType": self.anatomy.artifact_type,
            "subject": self.anatomy.subject.as_ref().map(|subject| subject.digest.to_string()),
            "config": self.anatomy.config.as_ref().map(blob),
            "layers": self.anatomy.layers.iter().map(blob).collect::<Vec<_>>(),
            "manifests": self.anatomy.manifests.iter().map(blob).collect::<Vec<_>>(),
            "annotations": self.anatomy.annotations,
            "attached": self.attached.iter().map(blob).collect::<Vec<_>>(),
            "module": info.map(|info| json!({
                "size": info.size,
                "abi": info.abi.map(|abi| abi.to_string()),
                "phases": info.phases.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "imports": info.imports.iter().map(|import| &import.name).collect::<Vec<_>>(),
                "description": description.and_then(Result::ok),
            })),
            "noModule": reason,
        });
        println!("{}", serde_json::to_string_pretty(&document).map_err(Failure::environment)?);
        Ok(())
    }
}

fn blob(descriptor: &Descriptor) -> Blob<'_> {
    Blob {
        media_type: &descriptor.media_type,
        digest: descriptor.digest.to_string(),
        size: descriptor.size,
        artifact_type: descriptor.artifact_type.as_deref(),
        platform: platform(descriptor),
        annotations: &descriptor.annotations,
    }
}

fn described(blob: &Descriptor) -> String {
    let kind = blob.artifact_type.as_ref().unwrap_or(&blob.media_type);
    let platform = platform(blob).map(|platform| format!(", {}", plain(&platform))).unwrap_or_default();
    format!("{}{platform}, {} bytes, {}", plain(kind), blob.size, blob.digest)
}

fn platform(blob: &Descriptor) -> Option<String> {
    blob.platform.as_ref().map(|platform| format!("{}/{}", platform.os, platform.architecture))
}

fn row(name: &str, value: &str) {
    println!("  {name:<15}{value}");
}

/// A text of a stranger, on one line and without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
