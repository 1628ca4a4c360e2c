//! The images that resources name: whether they can be had, would be taken, and accept the configuration.

use std::collections::BTreeMap;
use std::str::FromStr;

use tamis_harness::document::Document;
use tamis_module::Description;
use tamis_oci::doctor::{self, Consumer, Outcome, Subject};
use tamis_oci::resource::check::{Configured, Fault, Load, Loader};
use tamis_oci::{ModuleRef, Registry};

use super::super::RegistryFlags;
use crate::commands::common::{self, Loaded};
use crate::failure::Failure;

/// Images that were looked at, each once.
pub struct Images {
    registry: Registry,
    offline: bool,
    known: BTreeMap<String, Result<Subject, String>>,
}

impl Images {
    pub fn new(registry: &RegistryFlags, offline: bool) -> Self {
        Self { registry: registry.client(), offline, known: BTreeMap::new() }
    }

    /// Looks at the image of a load; the name of the module, if it says one.
    pub fn look(&mut self, load: &Load, faults: &mut Vec<Fault>) -> Result<Option<String>, Failure> {
        let mut add = |path: &str, is_error: bool, message: String| {
            faults.push(Fault { document: load.document, path: path.to_owned(), is_unknown: false, is_error, message });
        };
        if let Some(path) = load.configuration.as_ref().filter(|it| it.is_struct).and_then(beyond_a_double) {
            add(&path, false, "a number beyond 2^53 arrives as another one".to_owned());
        }
        let (plain, pin) = match load.url.split_once("@sha256:") {
            Some((plain, pin)) => (plain, Some(pin)),
            None => (load.url.as_str(), None),
        };
        if let (Some(pin), Some(sum)) = (pin, load.sha256.as_deref())
            && pin != sum
        {
            add(&load.sha256_path, true, "the address has another digest than this".to_owned());
        }
        let is_image = load.url.starts_with("oci://") || !load.url.contains("://");
        if !is_image {
            if load.sha256.is_none() && load.loader != Loader::Envoy && !load.url.starts_with("file://") {
                add(&load.url_path, false, "without a checksum whatever is there will run".to_owned());
            }
            return Ok(None);
        }
        if pin.is_none() && load.sha256.is_none() {
            let what = format!(
                "`{plain}` can become another image at any time: name it by its digest, as `tamis manifest` does"
            );
            add(&load.url_path, false, what);
        }
        let address = if load.url.starts_with("oci://") { load.url.clone() } else { format!("oci://{}", load.url) };
        let reference = match ModuleRef::from_str(&address) {
            Ok(reference) => reference,
            Err(error) => {
                add(&load.url_path, true, error.to_string());
                return Ok(None);
            }
        };
        if self.offline {
            return Ok(None);
        }
        let subject = match self.fetched(&address, &reference)? {
            Ok(subject) => subject,
            Err(error) => {
                add(&load.url_path, true, error.clone());
                return Ok(None);
            }
        };
        if let Some(sum) = &load.sha256
            && pin.is_none()
            && subject.digests().last().is_none_or(|digest| digest.hex() != sum)
        {
            add(
                &load.sha256_path,
                true,
                "the image has another digest than this; of an index, that of the image in it counts".to_owned(),
            );
        }
        let mut refused = false;
        for what in refusals(subject, load.loader) {
            refused = true;
            add(&load.url_path, true, what);
        }
        let Ok(taken) = doctor::mesh_takes(subject) else { return Ok(None) };
        let description = Description::read(&taken.wasm).ok().flatten();
        if !refused {
            let module = Loaded { wasm: taken.wasm, digest: None, origin: load.url.clone() };
            if let Some((path, message)) = rejected(&module, load.configuration.as_ref())? {
                add(&path.unwrap_or_else(|| load.url_path.clone()), true, message);
            }
            let holds = description
                .as_ref()
                .zip(load.configuration.as_ref())
                .is_some_and(|(it, given)| it.holds_headers(&given.value));
            if holds && !load.held_headers {
                let what = "the configuration holds headers, which Envoy has to be told: an EnvoyFilter can, with allow_on_headers_stop_iteration";
                add(&load.configuration.as_ref().map(|it| it.path.clone()).unwrap_or_default(), true, what.to_owned());
            }
        }
        Ok(description.map(|description| description.name))
    }

    fn fetched(&mut self, address: &str, reference: &ModuleRef) -> Result<&Result<Subject, String>, Failure> {
        if !self.known.contains_key(address) {
            let subject = common::block_on(tamis_oci::examine(reference, &self.registry))?;
            self.known.insert(address.to_owned(), subject.map_err(|error| error.to_string()));
        }
        self.known.get(address).ok_or_else(|| Failure::environment("an image was lost"))
    }
}

/// Why the loader would not take it, in any version; the newest one's reasons.
fn refusals(subject: &Subject, loader: Loader) -> Vec<String> {
    let consumer = match loader {
        Loader::Istio => Consumer::Istio,
        Loader::EnvoyGateway => Consumer::EnvoyGateway,
        Loader::Envoy => Consumer::Envoy,
    };
    let reports = doctor::examine(subject);
    let newest = reports.iter().rfind(|report| report.consumer == consumer);
    let refused = newest.filter(|report| report.outcome == Outcome::Refused);
    let reasons = refused.into_iter().flat_map(|report| report.findings.iter().filter(|finding| finding.is_reason()));
    reasons.map(|finding| format!("{} would not load it: {}", consumer.name(), finding.what)).collect()
}

/// What the module says of the configuration, and at which path of the document.
fn rejected(module: &Loaded, given: Option<&Configured>) -> Result<Option<(Option<String>, String)>, Failure> {
    let compiled = common::compile(module)?;
    let document = given.map(|given| Document::parse(&given.value.to_string()));
    let Ok(document) = document.transpose() else { return Ok(None) };
    let verdict = tamis_harness::check::check(&compiled, document.as_ref())
        .map_err(|error| Failure::user(format_args!("{}: {error}", module.origin)))?;
    let Err(rejection) = verdict else { return Ok(None) };
    let said =
        rejection.message.split_once("invalid configuration at `").and_then(|(_, rest)| Some(rest.split_once('`')?.0));
    let path = given.map(|given| match said {
        Some(inner) if given.is_structured => format!("{}.{inner}", given.path),
        _ => given.path.clone(),
    });
    let mut message = format!("the module refuses it: {}", rejection.message);
    if rejection.message.contains("the full image") {
        message.push_str(&format!(": {}", common::full_image(&module.origin)));
    }
    Ok(Some((path, message)))
}

/// The last part of an image's name.
pub fn last_name(url: &str) -> String {
    let path = url.split(['@']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    last.split(':').next().unwrap_or_default().to_owned()
}

/// The path of a number that a double cannot be.
fn beyond_a_double(given: &Configured) -> Option<String> {
    tamis_oci::resource::beyond_a_double(&given.value, given.path.clone())
}
