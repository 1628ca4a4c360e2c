//! Policies: what a cluster demands of the images in resources.

use std::path::PathBuf;

use tamis_oci::resource::{RegistryPolicy, SignaturePolicy, Target};

use crate::failure::Failure;

/// The flags of policies.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Policies of a cluster")]
pub struct PolicyFlags {
    /// What the name of an image has to begin with: HOST/ or HOST/FOLDER/ (ValidatingAdmissionPolicy)
    #[arg(long, value_name = "PREFIX")]
    images: Option<String>,

    /// The public key that has signed them, in PEM (Kyverno)
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// The policy's name
    #[arg(long, default_value = "tamis-images", value_name = "NAME", value_parser = super::cluster::label)]
    policy_name: String,
}

impl PolicyFlags {
    /// By digest, and signed.
    pub fn signed(&self) -> Result<Target, Failure> {
        let file = self.key.as_deref().ok_or_else(|| {
            Failure::user("whose signature? `--key FILE`, the public key in PEM")
                .hint("without signatures: `--for validating-admission-policy`")
        })?;
        Ok(Target::Kyverno(SignaturePolicy { name: self.policy_name.clone(), key: public_key(file)? }))
    }

    /// By digest, and from a registry.
    pub fn registry(&self) -> Result<Target, Failure> {
        let images = self.images.as_deref();
        let registry = images.ok_or_else(|| Failure::user("which images? `--images registry.example/filters/`"))?;
        let registry = registry.strip_prefix("oci://").unwrap_or(registry);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:/".contains(&byte);
        if !registry.bytes().all(is_name) || !registry.ends_with('/') {
            // Without the slash `registry.example` would also be `registry.example.org`.
            return Err(Failure::user(format_args!("`{registry}` is not the beginning of image names"))
                .hint("a host, folders, and a `/` at the end: `registry.example/filters/`"));
        }
        Ok(Target::AdmissionPolicy(RegistryPolicy { name: self.policy_name.clone(), registry: registry.to_owned() }))
    }
}

/// A file with a public key; a private one is refused, before it can get into a resource.
fn public_key(file: &std::path::Path) -> Result<String, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::user(format_args!("{}: {what}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let is_key =
        lines.first() == Some(&"-----BEGIN PUBLIC KEY-----") && lines.last() == Some(&"-----END PUBLIC KEY-----");
    if !is_key {
        return Err(wrong(&"this is no public key in PEM").hint("`cosign generate-key-pair` writes one: cosign.pub"));
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}
