//! `tamis sign`: a signature beside an image.

use std::path::{Path, PathBuf};

use tamis_oci::signing::{Attachment, OlderSignature, SigningKey};
use tamis_oci::{Selector, Store};

use super::common::{self, RegistryFlags};
use super::copy::located;
use crate::failure::Failure;

/// The largest file with a key.
const MAX_KEY_BYTES: u64 = 64 << 10;
/// Where the password of an encrypted key is, as for cosign.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// `tamis sign IMAGE --key FILE`
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tamis sign oci://registry.example.com/filters/transformation@sha256:... --key cosign.key\n  \
tamis sign oci-layout:images:0.1.0 --key cosign.key\n\n\
The key is one of `cosign generate-key-pair` (its password in COSIGN_PASSWORD), or PKCS #8 in PEM, ECDSA on P-256.\n\
Who has the public key checks with `tamis verify`, or with cosign 3:\n  \
cosign verify --key cosign.pub --insecure-ignore-tlog=true IMAGE@DIGEST\n\
The signature is an artifact attached to the image and says only: this digest. No log is written and none is asked."
)]
pub struct Sign {
    /// The image: oci://HOST/REPOSITORY:TAG, oci-layout:DIR:TAG; best by digest, with @sha256:...
    image: String,

    /// The private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Sign in the form of cosign 2 too, which Kyverno reads: under the tag sha256-DIGEST.sig
    #[arg(long)]
    older: bool,

    #[command(flatten)]
    registry: RegistryFlags,
}

impl Sign {
    /// Signs; prints the image by digest.
    ///
    /// # Errors
    /// When the key is none, or the image is not there or cannot be added to.
    pub fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let (place, at) = located(&self.image)?;
        let client = self.registry.client();
        let signed = common::block_on(async {
            let store = Store::open_to_write(&place, &client).await.map_err(common::of_store)?;
            let image = store.manifest(&at).await.map_err(common::of_store)?;
            let attachment = Attachment::signature(image.digest(), &key).map_err(Failure::user)?.created(moment()?);
            let signature = store.add(&image, &attachment).await.map_err(common::of_store)?;
            if self.older {
                let repository = store.name().trim_start_matches("oci://");
                let older = OlderSignature::new(repository, image.digest(), &key).map_err(Failure::user)?;
                store.add_older(image.digest(), &older).await.map_err(common::of_store)?;
            }
            Ok::<_, Failure>((format!("{}@{}", store.name(), image.digest()), signature))
        })?;
        let (image, signature) = signed?;
        if matches!(at, Selector::Tag(_)) {
            eprintln!("the tag leads to this digest now; what is signed is the digest");
        }
        println!("{image}");
        eprintln!("signature: {signature}");
        Ok(())
    }
}

/// Reads a private key; nothing of it is in the error.
pub fn read_key(file: &Path) -> Result<SigningKey, Failure> {
    let password = std::env::var(PASSWORD).unwrap_or_default();
    let wrong = |error: &dyn std::fmt::Display| Failure::user(format_args!("{}: {error}", file.display()));
    SigningKey::from_pem(&read_pem(file)?, password.as_bytes()).map_err(|error| wrong(&error))
}

/// Reads a file that holds a key.
pub fn read_pem(file: &Path) -> Result<String, Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::user(format_args!("cannot read {}: {error}", file.display()));
    let size = file.metadata().map_err(|error| cannot(&error))?.len();
    if size > MAX_KEY_BYTES {
        return Err(cannot(&"it is too large for a key"));
    }
    std::fs::read_to_string(file).map_err(|error| cannot(&error))
}

/// The time that reproducible builds agree on, else the clock's.
pub fn moment() -> Result<u64, Failure> {
    match super::push::created()? {
        Some(seconds) => Ok(seconds),
        None => Ok(std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_err(|_| Failure::environment("the clock stands before 1970"))?
            .as_secs()),
    }
}
