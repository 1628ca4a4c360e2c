//! `tamis push`: a module becomes an image.

mod provenance;
mod target;

use std::collections::BTreeMap;
use std::path::PathBuf;

use tamis_module::Description;
use tamis_oci::signing::Attachment;
use tamis_oci::{Artifact, Digest, Image, Metadata, Registry, Store, StoreError};

use self::target::Target;
use super::common::{self, Loaded, MODULE_HELP, RegistryFlags};
use super::sign;
use crate::failure::Failure;

/// `tamis push MODULE REFERENCE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis push transformation.wasm oci://registry.example.com/filters/transformation:0.1.0\n  \
tamis push transformation.wasm oci://registry.example.com/filters/transformation:0.1.0 --also cncf \\\n      \
--source https://git.example.com/edge/filters --licenses Apache-2.0\n  \
tamis push target/tamis/transformation.wasm oci://registry.example.com/filters/transformation:0.1.0 \\\n      \
--key cosign.key --provenance --sbom transformation.cdx.json\n  \
tamis push transformation.wasm oci-layout:images:transformation\n  \
tamis push transformation.wasm --to images\n\n\
Prints the reference by digest; what can be done with it is said on standard error. The same module with the same flags\n\
always gives the same image, with the same digest. SOURCE_DATE_EPOCH, where it is set, is written down as its time."
)]
pub struct Push {
    #[arg(help = MODULE_HELP)]
    module: String,

    /// Where to: oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG for a folder
    #[arg(required_unless_present = "to")]
    reference: Option<String>,

    /// Write an OCI layout in this folder and send nothing; the tag is the reference's, or the module's version
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,

    /// Store the module in this form too, under the tag TAG-FORM
    #[arg(long, value_enum, value_name = "FORM")]
    also: Vec<Form>,

    /// Where the source is, as an annotation
    #[arg(long, value_name = "URL")]
    source: Option<String>,

    /// The licence, an SPDX expression, as an annotation
    #[arg(long, value_name = "SPDX")]
    licenses: Option<String>,

    /// The version, as an annotation; else the module's own
    #[arg(long, value_name = "VERSION")]
    module_version: Option<String>,

    /// A further annotation
    #[arg(long, value_name = "KEY=VALUE", value_parser = annotation)]
    annotation: Vec<(String, String)>,

    /// Attach this bill of material, CycloneDX or SPDX as JSON; `tamis sbom` writes one
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,

    /// Attach a statement of how the module was built, for a module of the workspace in this folder
    #[arg(long)]
    provenance: bool,

    /// Sign the image with this key, and the statement too, as `tamis sign` does
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryFlags,
}

/// Other forms in which modules are distributed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
enum Form {
    /// The artifact of the CNCF, for container runtimes and artifact tools; no mesh loads it
    Cncf,
}

impl Push {
    /// Makes the image and stores it; prints the reference by digest.
    ///
    /// # Errors
    /// When the module would load nowhere, or the image cannot be stored.
    pub fn run(self) -> Result<(), Failure> {
        let module = common::load(&self.module, &self.registry)?;
        let metadata = self.metadata(&module)?;
        let target = Target::parse(self.reference.as_deref(), self.to.as_deref(), metadata.version.as_deref())?;
        let image = Image::build(&module.wasm, &metadata);
        let beside = self.attachments(&module, image.digest())?;
        let client = self.registry.client_with_progress();
        let stored = target.store(&Artifact::from(&image), &client)?;
        if !self.also.is_empty() {
            let also = target.with_suffix("-cncf")?;
            let stored = also.store(&Artifact::cncf(&module.wasm, &metadata), &client)?;
            eprintln!("also stored as a CNCF artifact, tag {}: {stored}", also.tag());
        }
        for (what, attachment) in &beside {
            let digest = common::block_on(attach(&target, &image, attachment, &client))?.map_err(common::of_store)?;
            eprintln!("{what}: {digest}");
        }
        println!("{stored}");
        if target.is_registry() {
            eprintln!("{}", next_steps(&stored));
        }
        Ok(())
    }

    /// What goes beside the image. All of it is made before anything is sent.
    fn attachments(&self, module: &Loaded, image: &Digest) -> Result<Vec<(&'static str, Attachment)>, Failure> {
        let mut all = Vec::new();
        let key = self.key.as_deref().map(sign::read_key).transpose()?;
        if let Some(file) = &self.sbom {
            let bill = std::fs::read(file)
                .map_err(|error| Failure::user(format_args!("cannot read {}: {error}", file.display())))?;
            let kind = provenance::bill_type(&bill).ok_or_else(|| {
                Failure::user(format_args!("{} is neither CycloneDX nor SPDX in JSON", file.display()))
                    .hint("`tamis sbom --out FILE` writes one")
            })?;
            all.push(("bill of material", Attachment::document(kind, bill)));
        }
        if self.provenance {
            let statement = provenance::statement(&self.module, &module.wasm)?;
            all.push(match &key {
                Some(key) => (
                    "provenance, signed",
                    Attachment::signed_statement(&statement, image, key)
                        .map_err(Failure::user)?
                        .created(sign::moment()?),
                ),
                None => ("provenance, not signed", Attachment::statement(&statement, image)),
            });
        }
        if let Some(key) = &key {
            let signature = Attachment::signature(image, key).map_err(Failure::user)?.created(sign::moment()?);
            all.push(("signature", signature));
        }
        Ok(all)
    }

    /// What the image says of itself; a module that loads nowhere gets no image.
    fn metadata(&self, module: &Loaded) -> Result<Metadata, Failure> {
        let refused = |error: &dyn std::fmt::Display| Failure::user(format_args!("{}: {error}", module.origin));
        tamis_module::gate::check(&module.wasm).map_err(|error| refused(&error))?;
        let description = Description::read(&module.wasm).map_err(|error| refused(&error))?;
        let mut metadata = description.map(described).unwrap_or_default();
        metadata.source = self.source.clone();
        metadata.licenses = self.licenses.clone();
        metadata.version = self.module_version.clone().or(metadata.version);
        metadata.created = created()?;
        metadata.extra = self.annotation.iter().cloned().collect::<BTreeMap<_, _>>();
        Ok(metadata)
    }
}

async fn attach(
    target: &Target,
    image: &Image,
    attachment: &Attachment,
    client: &Registry,
) -> Result<Digest, StoreError> {
    let store = Store::open_to_write(&target.place(), client).await?;
    store.add(&image.manifest, attachment).await
}

fn described(description: Description) -> Metadata {
    let some = |text: String| (!text.is_empty()).then_some(text);
    Metadata {
        title: some(description.name),
        version: some(description.version),
        description: some(description.summary),
        ..Metadata::default()
    }
}

/// The time that reproducible builds agree on.
pub(super) fn created() -> Result<Option<u64>, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()) else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds.map(Some).ok_or_else(|| {
        Failure::user("SOURCE_DATE_EPOCH is not a number of seconds since 1970")
            .hint("`SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)` is the time of the last commit")
    })
}

fn next_steps(reference: &str) -> String {
    let digest = reference.rsplit_once('@').map_or(reference, |(_, digest)| digest);
    let mut text = format!("digest: {digest}\nto load it, with a configuration that the module accepts:");
    for target in ["wasm-plugin", "traffic-extension", "envoy-filter", "envoy-extension-policy"] {
        text.push_str(&format!("\n  tamis manifest --for {target} {reference} --config FILE"));
    }
    text
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("an annotation is KEY=VALUE")?;
    if key.is_empty() || key.starts_with("org.opencontainers.image.") || key.starts_with("module.wasm.image/") {
        return Err(format!("`{key}` is empty or one that tamis writes; there are flags for these"));
    }
    Ok((key.to_owned(), value.to_owned()))
}
