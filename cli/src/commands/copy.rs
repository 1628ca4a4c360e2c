//! `tamis copy`: an image as it is, from one place to another.

use std::str::FromStr;

use tamis_oci::{ModuleRef, Place, Selector, Store, Tag};

use super::common::{self, RegistryFlags};
use crate::failure::Failure;

/// `tamis copy SOURCE DESTINATION`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis copy oci://registry.example.com/filters/transformation:0.1.0 oci://mirror.example.com/edge/transformation:0.1.0\n  \
tamis copy oci://registry.example.com/filters/transformation:0.1.0 oci-layout:images:0.1.0\n  \
tamis copy oci-layout:images:0.1.0 oci://127.0.0.1:5000/transformation:0.1.0\n\n\
The digest stays the same. What is attached to the image comes with it: signatures, bills of material, provenance. It need not be\n\
an image of a module."
)]
pub struct Copy {
    /// The image: oci://HOST/REPOSITORY:TAG, oci-layout:DIR:TAG, either also with @sha256:...
    source: String,

    /// Where to: oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG
    destination: String,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Copy {
    /// Copies; prints the destination by digest.
    ///
    /// # Errors
    /// When either side fails; the tag of the destination is then as it was.
    pub fn run(self) -> Result<(), Failure> {
        let (from, at) = located(&self.source)?;
        let (to, tag) = located(&self.destination)?;
        let Selector::Tag(tag) = tag else {
            return Err(Failure::user("a copy is stored under a tag, not only a digest")
                .hint("name a tag behind the destination, as in :0.1.0"));
        };
        let client = self.registry.client_with_progress();
        let copied = common::block_on(async {
            let source = Store::open(&from, &client).await?;
            let target = Store::open_to_write(&to, &client).await?;
            source.copy_to(&at, &target, &tag).await.map(|copied| (target.name().to_owned(), copied))
        })?;
        let (place, copied) = copied.map_err(common::of_store)?;
        println!("{place}@{}", copied.digest);
        eprintln!("{} manifests, of their blobs {} were not there yet", copied.manifests, copied.blobs);
        Ok(())
    }
}

/// Where an image is, and which it is there; the digest counts before the tag.
pub fn located(reference: &str) -> Result<(Place, Selector), Failure> {
    match ModuleRef::from_str(reference).map_err(Failure::user)? {
        ModuleRef::File(file) => Err(Failure::user(format_args!("{} is a file, not an image", file.display()))
            .hint("write oci://HOST/REPOSITORY:TAG, or oci-layout:DIR:TAG; `tamis push` makes an image of a file")),
        ModuleRef::Layout { dir, at } => Ok((Place::Layout(dir), at)),
        ModuleRef::Registry(image) => {
            let latest = || Tag::from_str("latest").map_err(Failure::user);
            let at = match (image.digest(), image.tag()) {
                (Some(digest), _) => Selector::Digest(digest.clone()),
                (None, Some(tag)) => Selector::Tag(tag.clone()),
                (None, None) => Selector::Tag(latest()?),
            };
            Ok((Place::Registry(image), at))
        }
    }
}
