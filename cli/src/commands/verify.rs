//! `tamis verify`: whether an image is signed with a key.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use tamis_oci::signing::{Form, PublicKey, Verified, VerifyError};
use tamis_oci::{Place, Registry, Selector, Store};

use super::common::{self, RegistryFlags};
use super::copy::located;
use super::sign::read_pem;
use crate::failure::Failure;

/// `tamis verify IMAGE --key FILE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis verify oci://registry.example.com/filters/transformation:0.1.0 --key cosign.pub\n  \
tamis verify oci-layout:images:0.1.0 --key cosign.pub\n\n\
Prints the image by digest: use that from here on, for a tag may move. Signatures of `tamis sign` and of cosign count, in the form\n\
of bundles and in the older one of tags. Exit code 2: there is no signature, or none that holds."
)]
pub struct Verify {
    /// The image: oci://HOST/REPOSITORY:TAG or oci-layout:DIR:TAG, either also with @sha256:...
    image: String,

    /// The public key, PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Verify {
    /// Verifies; prints the image by digest.
    ///
    /// # Errors
    /// When no signature of the key holds.
    pub fn run(self) -> Result<(), Failure> {
        let (place, at) = located(&self.image)?;
        let (name, verified) = common::block_on(verified(&place, &at, &self.key, &self.registry.client()))??;
        println!("{name}@{}", verified.image);
        let form = match verified.form {
            Form::Bundle => "a bundle attached to it",
            Form::Tag => "an older form, under a tag",
        };
        eprintln!("signed with {}: {} ({form})", self.key.display(), verified.signature);
        Ok(())
    }
}

/// Verifies what a reference leads to; the repository's name comes with it.
async fn verified(place: &Place, at: &Selector, key: &Path, client: &Registry) -> Result<(String, Verified), Failure> {
    let public = PublicKey::from_pem(&read_pem(key)?)
        .map_err(|error| Failure::user(format_args!("{}: {error}", key.display())))?;
    let store = Store::open(place, client).await.map_err(common::of_store)?;
    let image = store.manifest(at).await.map_err(common::of_store)?;
    let verified = store.verify(image.digest(), &public).await.map_err(|error| match error {
        VerifyError::Store(error) => common::of_store(error),
        error => Failure::user(error),
    })?;
    Ok((store.name().to_owned(), verified))
}

/// The reference by digest, when what it leads to is signed: what may be fetched.
pub fn pinned(reference: &str, key: &Path, registry: &RegistryFlags) -> Result<String, Failure> {
    let (place, at) = located(reference)?;
    let (name, verified) = common::block_on(verified(&place, &at, key, &registry.client()))??;
    let pinned = format!("{name}@{}", verified.image);
    // What is fetched later is what was looked at now.
    tamis_oci::ModuleRef::from_str(&pinned).map_err(Failure::user)?;
    Ok(pinned)
}
