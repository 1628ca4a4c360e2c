//! Images that cannot be had, and modules that cannot run, under both failure policies.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use super::attach::{greeting, says};
use super::objects::{NAMESPACE, SELECTOR};
use super::stage::{CHANGE, Stage};
use crate::failure::{Failure, cannot};
use crate::http::{Answer, Ask};
use crate::modules::Version;
use crate::process::{check_interrupt, run, until};
use crate::report::Rows;

/// A digest that no image here has.
const NO_DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// A module without anything in it: it is WebAssembly, and no filter.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// How long a state has to last to be called one.
const LASTS: Duration = Duration::from_secs(3);
/// Flag and name of the policies.
const POLICIES: [(&str, &str); 2] = [("closed", "FAIL_CLOSE"), ("open", "FAIL_OPEN")];

/// Something that is wrong with a resource.
struct Case {
    what: &'static str,
    spoil: fn(&Stage, &str, &str) -> String,
    /// What agent or Envoy say of it.
    log: &'static str,
    /// The status that clients see under each policy.
    closed: u16,
    open: u16,
}

const CASES: [Case; 4] = [
    Case {
        what: "an image that is not there",
        spoil: |_, yaml, _| yaml.replace("/filters/hello", "/filters/nothing"),
        log: "_UNKNOWN",
        closed: 403,
        open: 200,
    },
    Case {
        what: "a digest that the registry does not have",
        spoil: |_, yaml, digest| yaml.replace(digest, NO_DIGEST),
        log: "MANIFEST_UNKNOWN",
        closed: 403,
        open: 200,
    },
    // What Envoy itself refuses leaves a place in the chain with nothing in it, whatever the policy.
    Case {
        what: "a configuration that the module refuses, in a filter that was not there before",
        spoil: |_, yaml, _| yaml.replace("greeting: failing", "greting: failing"),
        log: "greting",
        closed: 500,
        open: 500,
    },
    Case {
        what: "a module that Envoy refuses, in a filter that was not there before",
        spoil: |stage, yaml, digest| {
            let host = stage.registry.host();
            match empty_image(stage) {
                Ok(other) => yaml.replace(&format!("{host}/filters/hello@{digest}"), &other),
                Err(_) => yaml.to_owned(),
            }
        },
        log: "failed to load",
        closed: 500,
        open: 500,
    },
];

/// The rows about failures.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let Some(first) = stage.versions.first() else { return Err(Failure::new("no module")) };
    let image = stage.registry.image("hello", "1");
    let digest = stage.tamis.push(&first.file, &image)?;
    let resource = |name: &str, policy: &str, config: &str| {
        let flags = ["--namespace", NAMESPACE, "--selector", SELECTOR, "--name", name, "--failure-policy", policy];
        stage.tamis.manifest("wasm-plugin", &image, config, &flags)
    };
    for (number, case) in CASES.iter().enumerate() {
        for (policy, name) in POLICIES {
            let status = if policy == "closed" { case.closed } else { case.open };
            rows.check(&format!("{}, {name}", case.what), || {
                let yaml = resource(&format!("wrong-{number}-{policy}"), policy, &greeting("failing"))?;
                let spoilt = (case.spoil)(stage, &yaml, &digest);
                if spoilt == yaml {
                    return Err(Failure::new("the resource is as it was"));
                }
                let seen = stage.log().len();
                stage.with(&spoilt, || {
                    said(stage, seen, case.log)?;
                    lasts(stage, status, first)?;
                    let without = if status == 200 { ", without the filter" } else { "" };
                    Ok(format!("{status}{without}; `{}` in the log", case.log))
                })
            })?;
            stage.bare()?;
        }
    }
    corrected(stage, rows, first, &resource)?;
    loaded(stage, rows, first, &resource)?;
    reused(stage, rows, first, &resource)
}

type Resource<'a> = dyn Fn(&str, &str, &str) -> Result<String, Failure> + 'a;

/// Whether a filter that was refused when it was attached comes to life by being corrected.
fn corrected(stage: &Stage, rows: &mut Rows, first: &Version, resource: &Resource<'_>) -> Result<(), Failure> {
    rows.check("such a configuration, corrected in place", || {
        let right = resource("corrected", "closed", &greeting("right"))?;
        let wrong = right.replace("greeting: right", "greting: right");
        let seen = stage.log().len();
        stage.with(&wrong, || {
            said(stage, seen, "greting")?;
            stage.kube.apply(&right)?;
            let begin = Instant::now();
            let is_so = |answer: &Answer| answer.header(first.header) == Some("right");
            while begin.elapsed() < 3 * LASTS {
                check_interrupt()?;
                if is_so(&stage.ask(&Ask::get("any.test", "/"))?) {
                    return Ok(format!("the filter is there after {:.1} s", begin.elapsed().as_secs_f64()));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            stage.kube.delete(&right)?;
            stage.bare()?;
            std::thread::sleep(LASTS);
            stage.kube.apply(&right)?;
            says(stage, first, "right")?;
            Ok(format!(
                "no filter within {} s; there once the resource was deleted and applied anew",
                (3 * LASTS).as_secs()
            ))
        })
    })?;
    stage.bare()
}

/// What becomes of a filter that works when its new configuration is refused.
fn loaded(stage: &Stage, rows: &mut Rows, first: &Version, resource: &Resource<'_>) -> Result<(), Failure> {
    for (policy, name) in POLICIES {
        rows.check(&format!("a configuration that the module refuses, in a filter that works, {name}"), || {
            let right = resource(&format!("loaded-{policy}"), policy, &greeting("before"))?;
            let wrong = right.replace("greeting: before", "greting: before");
            stage.with(&right, || {
                says(stage, first, "before")?;
                let seen = stage.log().len();
                stage.kube.apply(&wrong)?;
                said(stage, seen, "greting")?;
                std::thread::sleep(LASTS);
                let answer = stage.ask(&Ask::get("any.test", "/"))?;
                match (answer.status, answer.header(first.header)) {
                    (200, Some("before")) => Ok("200, and the filter goes on with the old configuration".to_owned()),
                    (200, None) if policy == "open" => Ok("200, without the filter".to_owned()),
                    (status, header) => Err(Failure::new(format_args!("{status}, {header:?}"))),
                }
            })
        })?;
        stage.bare()?;
    }
    Ok(())
}

/// A resource that was deleted while its configuration was refused, and comes back under the same name, corrected.
fn reused(stage: &Stage, rows: &mut Rows, first: &Version, resource: &Resource<'_>) -> Result<(), Failure> {
    rows.check("a filter that works, then is refused, deleted, and applied anew as it was", || {
        let right = resource("reused", "closed", &greeting("before"))?;
        let wrong = right.replace("greeting: before", "greting: before");
        stage.with(&right, || {
            says(stage, first, "before")?;
            let seen = stage.log().len();
            stage.kube.apply(&wrong)?;
            said(stage, seen, "greting")
        })?;
        stage.bare()?;
        let patience = 3 * LASTS;
        let outcome = stage.with(&right, || {
            let begin = Instant::now();
            while begin.elapsed() < patience {
                check_interrupt()?;
                if stage.ask(&Ask::get("any.test", "/"))?.header(first.header).is_some() {
                    return Ok(Some(begin.elapsed()));
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(None)
        })?;
        if let Some(after) = outcome {
            return Ok(format!("the filter is there after {:.1} s", after.as_secs_f64()));
        }
        let renamed = resource("renamed", "closed", &greeting("before"))?;
        stage.with(&renamed, || says(stage, first, "before"))?;
        Ok(format!(
            "**200 without the filter**, still after {} s; under another name it is there at once",
            patience.as_secs()
        ))
    })?;
    stage.bare()
}

/// Waits until the log says something that it did not say before.
fn said(stage: &Stage, seen: usize, words: &str) -> Result<(), Failure> {
    let is_said = || stage.log().get(seen..).is_some_and(|new| new.contains(words)).then_some(());
    until(&format!("`{words}` in the log"), CHANGE, is_said)
}

/// Waits until clients get a status from without the filter, and go on getting it.
fn lasts(stage: &Stage, status: u16, version: &Version) -> Result<(), Failure> {
    let is_so = |answer: &Answer| answer.status == status && answer.header(version.header).is_none();
    let ask = Ask::get("any.test", "/");
    stage.until(&ask, &format!("{status}"), is_so)?;
    let begin = Instant::now();
    while begin.elapsed() < LASTS {
        check_interrupt()?;
        let answer = stage.ask(&ask)?;
        if !is_so(&answer) {
            return Err(Failure::new(format_args!("{status} first, then {}", answer.status)));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// An image of a module that is none, by `tar` and `crane`, for `tamis push` refuses it; `HOST/REPOSITORY@DIGEST`.
fn empty_image(stage: &Stage) -> Result<String, Failure> {
    let folder = stage.folder.path().join("empty");
    fs::create_dir_all(&folder).map_err(cannot("create a folder"))?;
    fs::write(folder.join("plugin.wasm"), EMPTY_MODULE).map_err(cannot("write a module"))?;
    let layer = folder.join("layer.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-C").arg(&folder).arg("-czf").arg(&layer).arg("plugin.wasm");
    run(tar)?;
    let image = format!("{}/filters/empty", stage.registry.host());
    let crane = stage.options.go_program("crane", "crane")?;
    let mut append = Command::new(&crane);
    append.args(["append", "--oci-empty-base", "-t"]).arg(format!("{image}:1")).arg("-f").arg(&layer);
    run(append)?;
    let mut digest = Command::new(&crane);
    digest.arg("digest").arg(format!("{image}:1"));
    Ok(format!("{image}@{}", run(digest)?.trim()))
}
