//! Copies an image as it is: every byte of it, and what is attached to it.

use std::collections::BTreeSet;
use std::str::FromStr as _;

use crate::MAX_MODULE_BYTES;
use crate::digest::Digest;
use crate::reference::{Selector, Tag};
use crate::registry::fallback_tag;
use crate::store::{Store, StoreError};

/// How many manifests one copy may bring.
const MAX_MANIFESTS: usize = 1000;
/// The endings of tags under which older tools keep what belongs to an image.
const OLDER: [&str; 3] = [".sig", ".att", ".sbom"];

/// What a copy has brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The digest of the image, the same as before.
    pub digest: Digest,
    /// Manifests that are there now: the image's own, those of an index, and what is attached to them.
    pub manifests: usize,
    /// Blobs that were sent; those that were there already are not counted.
    pub blobs: usize,
}

impl Store {
    /// Copies an image or an index with all that it names and all that is attached, and gives it a tag.
    ///
    /// Nothing is parsed and written again, so digests stay the same. The tag is written after all that it leads to.
    ///
    /// # Errors
    /// When either side fails; the tag is then as it was.
    pub async fn copy_to(&self, at: &Selector, to: &Self, tag: &Tag) -> Result<Copied, StoreError> {
        let manifest = self.manifest(at).await?;
        let mut work = Work { from: self, to, seen: BTreeSet::new(), blobs: 0 };
        work.tree(manifest.digest().clone()).await?;
        to.put_manifest(Some(tag), &manifest).await?;
        work.attached(manifest.digest()).await?;
        Ok(Copied { digest: manifest.digest().clone(), manifests: work.seen.len(), blobs: work.blobs })
    }
}

struct Work<'a> {
    from: &'a Store,
    to: &'a Store,
    seen: BTreeSet<Digest>,
    blobs: usize,
}

impl Work<'_> {
    /// All blobs and manifests that one leads to, the innermost first; the outermost is only stored if something attached it.
    async fn tree(&mut self, root: Digest) -> Result<(), StoreError> {
        // A list of what is to do instead of recursion, whose depth a stranger would choose.
        let (mut open, mut order) = (vec![root.clone()], Vec::new());
        while let Some(digest) = open.pop() {
            if !self.seen.insert(digest.clone()) {
                continue;
            }
            if self.seen.len() > MAX_MANIFESTS {
                return Err(StoreError::TooMany { place: self.from.name().to_owned(), limit: MAX_MANIFESTS });
            }
            let manifest = self.from.manifest(&Selector::Digest(digest)).await?;
            let anatomy = self.from.anatomy(&manifest)?;
            for (what, blob) in anatomy.blobs() {
                if !self.to.has_blob(&blob.digest).await? {
                    let blob = self.from.blob(what, blob, MAX_MODULE_BYTES).await?;
                    self.to.put_blob(what, &blob).await?;
                    self.blobs += 1;
                }
            }
            open.extend(anatomy.manifests.into_iter().map(|child| child.digest));
            order.push(manifest);
        }
        for manifest in order.iter().rev() {
            self.to.put_manifest(None, manifest).await?;
        }
        Ok(())
    }

    /// What is attached to a manifest, and to that, and so on.
    async fn attached(&mut self, root: &Digest) -> Result<(), StoreError> {
        let mut open = vec![root.clone()];
        while let Some(subject) = open.pop() {
            for referrer in self.from.referrers(&subject).await? {
                if self.seen.contains(&referrer.digest) {
                    continue;
                }
                self.tree(referrer.digest.clone()).await?;
                let manifest = self.from.manifest(&Selector::Digest(referrer.digest.clone())).await?;
                self.to.attach(&manifest, &subject).await?;
                open.push(referrer.digest);
            }
        }
        for ending in OLDER {
            let Ok(tag) = Tag::from_str(&format!("{}{ending}", fallback_tag(root))) else { continue };
            let Ok(manifest) = self.from.manifest(&Selector::Tag(tag.clone())).await else { continue };
            self.tree(manifest.digest().clone()).await?;
            self.to.put_manifest(Some(&tag), &manifest).await?;
        }
        Ok(())
    }
}
