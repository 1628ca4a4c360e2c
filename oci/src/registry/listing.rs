//! What a repository has: its tags, and what is attached to a manifest.

use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::image::{self, Blob};
use crate::manifest::{Descriptor, INDEX_TYPE, MAX_MANIFEST_BYTES};
use crate::registry::error::RegistryError;
use crate::registry::session::Session;

/// A list may come in so many pages, each of at most [`MAX_MANIFEST_BYTES`].
const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
struct Tags {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

/// The tag under which referrers are listed where a registry has no API for them.
pub(crate) fn fallback_tag(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl Session {
    /// The tags, in the order of the registry.
    pub(crate) async fn tags(&self) -> Result<Vec<String>, RegistryError> {
        let pages: Vec<Tags> = self.pages("tags/list".to_owned(), "list of tags").await?;
        Ok(pages.into_iter().filter_map(|page| page.tags).flatten().collect())
    }

    /// What is attached to a manifest: by the registry's API, or as the fallback tag says.
    pub(crate) async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self.pages::<Index>(format!("referrers/{subject}"), "list of referrers").await {
            Ok(pages) => Ok(pages.into_iter().flat_map(|page| page.manifests).collect()),
            Err(RegistryError::NotFound { .. } | RegistryError::Refused { .. }) => {
                let Some(index) = self.fallback(subject).await? else { return Ok(Vec::new()) };
                let wrong = |_| self.asked.protocol("its list of referrers is no index");
                Ok(serde_json::from_slice::<Index>(index.bytes()).map_err(wrong)?.manifests)
            }
            Err(error) => Err(error),
        }
    }

    /// Stores a manifest that names its subject, and lists it where the registry does not do that itself.
    pub(crate) async fn attach(
        &self,
        manifest: &Blob,
        entry: Descriptor,
        subject: &Digest,
    ) -> Result<(), RegistryError> {
        let headers = self.put_manifest(&manifest.digest().to_string(), manifest).await?;
        if headers.contains_key("oci-subject") {
            return Ok(());
        }
        // Of what others wrote there, every member stays.
        let before = self.fallback(subject).await?;
        let wrong = |_| self.asked.protocol("its list of referrers is no index");
        let mut index: Value = match before {
            Some(index) => serde_json::from_slice(index.bytes()).map_err(wrong)?,
            None => json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [] }),
        };
        let digest = Value::from(entry.digest.to_string());
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut);
        let entries = entries.ok_or_else(|| self.asked.protocol("its list of referrers is no index"))?;
        if entries.iter().any(|entry| entry.get("digest") == Some(&digest)) {
            return Ok(());
        }
        entries.push(serde_json::to_value(entry).unwrap_or_default());
        let index = Blob::new(INDEX_TYPE, image::json(&index));
        self.put_manifest(&fallback_tag(subject), &index).await.map(drop)
    }

    async fn fallback(&self, subject: &Digest) -> Result<Option<Blob>, RegistryError> {
        match self.manifest(&fallback_tag(subject)).await {
            Ok(index) => Ok(Some(index)),
            Err(RegistryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn pages<T: for<'a> Deserialize<'a>>(
        &self,
        first: String,
        what: &'static str,
    ) -> Result<Vec<T>, RegistryError> {
        let (mut path, mut pages) = (first, Vec::new());
        for _ in 0..MAX_PAGES {
            let (headers, bytes) = self.get(&path, "application/json, */*;q=0.5", what, MAX_MANIFEST_BYTES).await?;
            pages.push(
                serde_json::from_slice(&bytes)
                    .map_err(|_| self.asked.protocol("a list of it is not the JSON that it should be"))?,
            );
            match self.next(&path, &headers) {
                Some(next) => path = next,
                None => return Ok(pages),
            }
        }
        Err(self.asked.protocol("its list has pages without end"))
    }

    /// The next page: only ever the same list of the same repository, from another place on.
    fn next(&self, path: &str, headers: &HeaderMap) -> Option<String> {
        let link = headers.get(LINK)?.to_str().ok()?;
        let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
        if !parameters.contains("next") {
            return None;
        }
        let here = self.address(path).ok()?;
        let query = here.join(target).ok()?.query()?.to_owned();
        let list = path.split('?').next().unwrap_or(path);
        Some(format!("{list}?{query}"))
    }
}
