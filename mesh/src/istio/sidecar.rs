//! A sidecar's two directions, without the redirection that a cluster has, and an egress gateway.

use std::net::SocketAddr;

use super::attach::greeting;
use super::objects::NAMESPACE;
use super::stage::Stage;
use crate::failure::Failure;
use crate::http::{Answer, Ask};
use crate::modules::Version;
use crate::report::Rows;

/// A kind of resource, the context that it is for, and whether the filter is then in the way in and in the way out.
const CASES: [(&str, &str, bool, bool); 6] = [
    ("wasm-plugin", "sidecar-inbound", true, false),
    ("wasm-plugin", "sidecar-outbound", false, true),
    ("traffic-extension", "sidecar-inbound", true, false),
    ("traffic-extension", "sidecar-outbound", false, true),
    ("envoy-filter", "sidecar-inbound", true, false),
    ("envoy-filter", "sidecar-outbound", false, true),
];

/// The rows about sidecars.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let Some(first) = stage.versions.first() else { return Err(Failure::new("no module")) };
    let image = stage.registry.image("hello", "1");
    stage.tamis.push(&first.file, &image)?;
    // Into the application any host will do; out of it, one of the mesh's.
    let ways: [(SocketAddr, Ask, &str); 2] =
        [(stage.inbound, Ask::get("any.test", "/"), "stable"), (stage.outbound, Ask::get("out.test", "/"), "canary")];
    let both = |into: bool, out: bool, greeting: &str| {
        for ((at, ask, upstream), filtered) in ways.iter().zip([into, out]) {
            let what = format!("{} the filter before `{upstream}`", if filtered { "with" } else { "without" });
            let is_so = |answer: &Answer| {
                answer.status == 200
                    && answer.header("x-upstream") == Some(upstream)
                    && answer.header(first.header) == filtered.then_some(greeting)
            };
            let answer = stage.until_at(*at, ask, &what, is_so);
            answer
                .map_err(|failure| if failure.is_interrupt() { failure } else { stage.sidecar_complains(&failure) })?;
        }
        Ok::<_, Failure>(())
    };
    rows.check("a sidecar (no redirection: ports of its own), no filter", || {
        both(false, false, "")?;
        Ok("200 into the application and out of it".to_owned())
    })?;
    for (kind, context, into, out) in CASES {
        rows.check(&format!("`--for {kind} --selector app=web --context {context}`"), || {
            let name = format!("{kind}-{context}");
            let flags = ["--namespace", NAMESPACE, "--selector", "app=web", "--name", &name, "--context", context];
            let yaml = stage.tamis.manifest(kind, &image, &greeting(&name), &flags)?;
            stage.with(&yaml, || both(into, out, &name))?;
            Ok(format!(
                "{} the filter",
                if into {
                    "into the application with, out of it without"
                } else {
                    "into the application without, out of it with"
                }
            ))
        })?;
        both(false, false, "")?;
    }
    egress(stage, rows, first, &image)
}

/// The same for an egress gateway, which is a gateway with other labels.
fn egress(stage: &Stage, rows: &mut Rows, first: &Version, image: &str) -> Result<(), Failure> {
    rows.check("an egress gateway, `--for wasm-plugin --selector istio=egressgateway`", || {
        let flags = ["--namespace", NAMESPACE, "--selector", "istio=egressgateway", "--name", "way-out"];
        let yaml = stage.tamis.manifest("wasm-plugin", image, &greeting("egress"), &flags)?;
        let ask = Ask::get("any.test", "/");
        let through = |answer: &Answer| answer.status == 200 && answer.header("x-upstream") == Some("canary");
        stage.until_at(stage.egress, &ask, "200", |answer| through(answer) && answer.header(first.header).is_none())?;
        stage.with(&yaml, || {
            let with = |answer: &Answer| through(answer) && answer.header(first.header) == Some("egress");
            stage.until_at(stage.egress, &ask, "the filter", with)?;
            match stage.ask(&ask)?.header(first.header) {
                None => Ok("out of the mesh with the filter; the ingress gateway has none".to_owned()),
                Some(_) => Err(Failure::new("the ingress gateway has it too")),
            }
        })
    })
}
