//! Tools for the artifact layout of the CNCF: wkg, Spin, wasmCloud, containerd's runwasi.

use super::Consumer;
use crate::doctor::manifest::Document;
use crate::doctor::subject::What;
use crate::doctor::{Finding, Known, Report, Subject};
use crate::manifest::list;

const SOURCE: &str = "tag-runtime.cncf.io, \"Wasm OCI Artifact layout\"";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
const ADVICE: &str = "`tamis push --also cncf` stores an artifact for these tools, under a second tag";

/// One report: the layout has one version.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    vec![Report::new(Consumer::Cncf, "", Known::Documentation, findings(subject))]
}

fn findings(subject: &Subject) -> Vec<Finding> {
    let refused = |what: String| Finding::refused(what, ADVICE, SOURCE);
    let parts = match &subject.what {
        What::File(_) => return Vec::new(),
        What::Image(parts) => parts,
    };
    // They ask for no platform: an index is nothing that the layout knows.
    let Some((_, image)) =
        parts.documents.first().filter(|_| parts.documents.len() == 1).zip(parts.image()).map(|(_, image)| image)
    else {
        return vec![refused("the reference leads to an index, or to something that is no manifest".to_owned())];
    };
    of_manifest(image).map_err(refused).err().into_iter().collect()
}

fn of_manifest(image: &Document) -> Result<(), String> {
    let config = image.config.as_ref().map(|config| config.media_type.clone()).unwrap_or_default();
    if config != CONFIG {
        return Err(format!("the config has to be {CONFIG:?} and is {}", list([config])));
    }
    match image.layers.as_slice() {
        [only] if only.media_type == LAYER => Ok(()),
        [only] => Err(format!("the layer has to be {LAYER:?} and is {}", list([only.media_type.clone()]))),
        layers => Err(format!("there has to be one layer, and there are {}", layers.len())),
    }
}
