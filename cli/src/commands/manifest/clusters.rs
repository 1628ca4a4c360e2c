//! The same filter in several clusters: a folder for each, the same digest and configuration in all of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use tamis_harness::document::{self, Placed};
use tamis_oci::RegistryRef;
use tamis_oci::resource::{Attach, Deployment, Target, TargetRef};

use super::cluster::{label, target};
use super::{common, rendered};
use crate::failure::Failure;

/// The file that names the clusters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clusters {
    clusters: Vec<Cluster>,
}

/// What is different in one of them; the command's flags say the rest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cluster {
    name: Placed<String>,
    namespace: Option<Placed<String>>,
    /// A registry, with folders if it has some, that has the same image.
    mirror: Option<Placed<String>>,
    selector: Option<BTreeMap<String, String>>,
    targets: Option<Vec<Placed<String>>>,
    pull_secret: Option<Placed<String>>,
}

/// Writes `DIR/CLUSTER/NAME.yaml` and `DIR/CLUSTER/kustomization.yaml` for each cluster; nothing, if anything is wrong.
pub fn write(file: &Path, out: &Path, deployment: &Deployment, kind: fn(Deployment) -> Target) -> Result<(), Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::user(format_args!("cannot read {}: {error}", file.display())))?;
    let clusters: Clusters = document::parse_as(&text).map_err(|error| {
        let at = error.place.map(|place| format!("{place}:")).unwrap_or_default();
        Failure::user(format_args!("{}:{at} {}", file.display(), error.message))
            .hint("`clusters:` with a list of `name`, and of `namespace`, `mirror`, `selector`, `targets`, `pull_secret` what differs")
    })?;
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for cluster in &clusters.clusters {
        let folder = out.join(checked(file, &cluster.name, label)?);
        if files.iter().any(|(written, _)| written.starts_with(&folder)) {
            return Err(wrong(file, &cluster.name, &"a second cluster of this name"));
        }
        let deployment = cluster.deployment(file, deployment)?;
        let name = format!("{}.yaml", deployment.name);
        let resource = rendered(&kind(deployment))?;
        for warning in resource.warnings.iter().filter(|_| files.is_empty()) {
            eprintln!("warning: {warning}");
        }
        files.push((folder.join(&name), resource.to_yaml()));
        let kustomization =
            format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n  - {name}\n");
        files.push((folder.join("kustomization.yaml"), kustomization));
    }
    for (file, text) in files {
        common::write_whole(&file, text.as_bytes())?;
        println!("{}", file.display());
    }
    Ok(())
}

impl Cluster {
    /// What goes into this cluster.
    fn deployment(&self, file: &Path, common: &Deployment) -> Result<Deployment, Failure> {
        let mut deployment = common.clone();
        if let Some(namespace) = &self.namespace {
            deployment.namespace = Some(checked(file, namespace, label)?);
        }
        if let Some(secret) = &self.pull_secret {
            deployment.pull_secret = Some(checked(file, secret, label)?);
        }
        if let Some(mirror) = &self.mirror {
            let tag = common.image.tag().map(|tag| format!(":{}", tag.as_str())).unwrap_or_default();
            let image = format!("oci://{}/{}{tag}", mirror.trim_end_matches('/'), common.image.repository());
            deployment.image = RegistryRef::from_str(&image).map_err(|error| wrong(file, mirror, &error))?;
        }
        match (&self.selector, &self.targets) {
            (Some(_), Some(_)) => return Err(wrong(file, &self.name, &"a selector and targets; only one can be")),
            (Some(labels), None) => deployment.attach = Attach::Labels(labels.clone().into_iter().collect()),
            (None, Some(targets)) => {
                let targets: Result<Vec<TargetRef>, Failure> =
                    targets.iter().map(|named| target(named).map_err(|error| wrong(file, named, &error))).collect();
                deployment.attach = Attach::Targets(targets?);
            }
            (None, None) => {}
        }
        Ok(deployment)
    }
}

fn checked(file: &Path, text: &Placed<String>, check: fn(&str) -> Result<String, String>) -> Result<String, Failure> {
    check(text).map_err(|error| wrong(file, text, &error))
}

fn wrong(file: &Path, at: &Placed<String>, what: &dyn std::fmt::Display) -> Failure {
    Failure::user(format_args!("{}:{}: `{}`: {what}", file.display(), at.place, at.value))
}
