//! Google Cloud's Service Extensions, by their documentation.

use tamis_module::{ModuleInfo, gate};

use super::Consumer;
use crate::doctor::archive;
use crate::doctor::fetch;
use crate::doctor::subject::What;
use crate::doctor::{Finding, Known, Report, Subject};
use crate::manifest::list;

const IMAGES: &str =
    "Service Extensions, \"Prepare the plugin code\": a container image with the single file `plugin.wasm`";
const LIMITS: &str = "Service Extensions, \"Limitations\" and \"Quotas\"";

/// What every Envoy asks of a module; theirs is built from Envoy's parts.
const GATE: &str = "docs/envoy-behaviour.md, for Envoy; what theirs does with such a module is not documented";

/// Functions that are documented not to be there; whether a module that imports one loads is not said.
const MISSING: [&str; 15] = [
    "proxy_set_tick_period_milliseconds",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_metric",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_http_call",
    "proxy_grpc_call",
    "proxy_grpc_stream",
    "proxy_call_foreign_function",
];
/// 16 MiB for each VM, in pages.
const PAGES: u64 = 256;
/// What an older page gives as the most for a module and its configuration.
const OLDER_LIMIT: usize = 2 << 20;

/// One report: there are no versions.
pub(super) fn reports(subject: &Subject) -> Vec<Report> {
    vec![Report::new(Consumer::Google, "", Known::Documentation, findings(subject))]
}

fn findings(subject: &Subject) -> Vec<Finding> {
    let taken = match fetch::mesh(subject) {
        Ok(taken) => taken,
        Err(findings) => return findings,
    };
    let mut findings = Vec::new();
    if let What::Image(parts) = &subject.what
        && let Some((_, image)) = parts.image()
    {
        if image.layers.len() != 1 {
            findings.push(Finding::unsure(
                format!("the image has {} layers", image.layers.len()),
                "make it with `tamis push`",
                IMAGES,
            ));
        }
        match archive::names(parts, image) {
            None => {
                findings.push(Finding::unsure("the module is not in an archive", "make it with `tamis push`", IMAGES));
            }
            Some(names) if names.len() != 1 => {
                let what = format!("the layer has more than the one file: {}", list(names));
                findings.push(Finding::refused(what, "make it with `tamis push`", IMAGES));
            }
            Some(_) => {}
        }
    }
    findings.extend(of_module(&taken.wasm));
    findings
}

fn of_module(wasm: &[u8]) -> Vec<Finding> {
    let info = match ModuleInfo::parse(wasm) {
        Ok(info) => info,
        Err(error) => return vec![Finding::refused(error.to_string(), "", LIMITS)],
    };
    let mut findings = Vec::new();
    if let Err(refusal) = gate::check(wasm) {
        let doubt = |reason: &gate::Reason| Finding::unsure(reason.to_string(), "", GATE);
        findings.extend(refusal.reasons.iter().map(doubt));
    }
    let missing = info.imports.iter().filter(|import| MISSING.contains(&import.name.as_str()));
    let missing = missing.map(|import| import.name.clone()).collect::<Vec<_>>();
    if !missing.is_empty() {
        let what = format!("it imports functions that are not offered there: {}", list(missing));
        findings.push(Finding::unsure(
            what,
            "ask for it with a test deployment; a filter that needs them does nothing there",
            LIMITS,
        ));
    }
    let pages = info.memories.iter().map(|memory| memory.initial_pages).max().unwrap_or_default();
    if pages > PAGES {
        findings.push(Finding::refused(
            format!("its memory starts with {pages} pages, and a VM has {PAGES} (16 MiB)"),
            "",
            LIMITS,
        ));
    }
    if info.size > OLDER_LIMIT {
        let what =
            format!("it has {} bytes; an older page allows {OLDER_LIMIT} for module and configuration", info.size);
        findings.push(Finding::unsure(what, "look at today's quotas", LIMITS));
    }
    findings
}
