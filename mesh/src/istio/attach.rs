//! Every way of attaching a filter: by each kind of resource, and from a guarded registry.

use super::objects::{self, NAMESPACE, SELECTOR};
use super::stage::Stage;
use crate::failure::Failure;
use crate::http::Ask;
use crate::modules::Version;
use crate::registry::pull_secret;
use crate::report::Rows;

/// How long a change that nobody makes is waited for.
const LATE: std::time::Duration = std::time::Duration::from_secs(5);
const WHERE: [&str; 4] = ["--namespace", NAMESPACE, "--selector", SELECTOR];

/// The rows about resources and registries.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let Some(first) = stage.versions.first() else { return Err(Failure::new("no module")) };
    let image = stage.registry.image("hello", "1");
    let mut digest = String::new();
    rows.check("`tamis push` of the example `hello`", || {
        digest = stage.tamis.push(&first.file, &image)?;
        Ok(digest.chars().take(19).collect())
    })?;
    for kind in ["wasm-plugin", "traffic-extension", "envoy-filter"] {
        rows.check(&format!("`tamis manifest --for {kind}`, image of an open registry"), || {
            let yaml = stage.tamis.manifest(kind, &image, &greeting(kind), &WHERE)?;
            stage.with(&yaml, || says(stage, first, kind))
        })?;
        stage.bare()?;
    }
    rows.check("a WasmPlugin whose configuration is changed", || {
        let resource = |greeting: &str| stage.tamis.manifest("wasm-plugin", &image, &self::greeting(greeting), &WHERE);
        let (before, after) = (resource("before")?, resource("after")?);
        stage.with(&before, || {
            says(stage, first, "before")?;
            stage.kube.apply(&after)?;
            says(stage, first, "after")
        })
    })?;
    rows.check("EnvoyFilter with a local file (written by hand)", || {
        let config = r#"{"greeting":"local"}"#;
        stage.with(&objects::local_file(&first.file, config), || says(stage, first, "local"))
    })?;
    stage.bare()?;

    // The images are the same; only who may fetch them differs.
    let guarded = |yaml: &str| yaml.replace(&stage.registry.host(), &stage.guarded.host());
    rows.check("registry with TLS and a password, no pull secret, FAIL_CLOSE", || {
        let yaml = guarded(&stage.tamis.manifest("wasm-plugin", &image, &greeting("guarded"), &WHERE)?);
        stage.with(&yaml, || {
            stage.until(&Ask::get("any.test", "/"), "403", |answer| answer.status == 403)?;
            let why = stage.log();
            let why = why.lines().rev().find(|line| line.contains("UNAUTHORIZED"));
            why.map(|_| "403, `UNAUTHORIZED` in the agent's log".to_owned())
                .ok_or_else(|| Failure::new(format_args!("403, but {}", stage.complaint())))
        })
    })?;
    stage.bare()?;
    let secret = pull_secret(NAMESPACE, "registry", &stage.guarded.host());
    let with_secret = |kind: &str, name: &str| {
        let flags = [&WHERE[..], &["--name", name, "--pull-secret", "registry"]].concat();
        Ok::<_, Failure>(guarded(&stage.tamis.manifest(kind, &image, &greeting(kind), &flags)?))
    };
    rows.check("the same with `--pull-secret`, but the secret comes after the WasmPlugin", || {
        let yaml = with_secret("wasm-plugin", "late")?;
        stage.with(&yaml, || {
            stage.until(&Ask::get("any.test", "/"), "403", |answer| answer.status == 403)?;
            stage.kube.apply(&secret)?;
            std::thread::sleep(LATE);
            let status = stage.ask(&Ask::get("any.test", "/"))?.status;
            if status == 200 {
                return Ok(format!("403, then 200 within {} s", LATE.as_secs()));
            }
            // Any change of the plugin has the agent fetch again.
            stage
                .kube
                .apply(&with_secret("wasm-plugin", "late")?.replace("greeting: wasm-plugin", "greeting: again"))?;
            says(stage, first, "again")?;
            Ok(format!(
                "{status}, and still {} s after the secret came; 200 once the plugin was changed",
                LATE.as_secs()
            ))
        })
    })?;
    stage.bare()?;
    for kind in ["wasm-plugin", "traffic-extension"] {
        rows.check(&format!("the same with `--pull-secret`, secret first, {kind}"), || {
            stage.with(&with_secret(kind, kind)?, || says(stage, first, kind))
        })?;
        stage.bare()?;
    }
    stage.kube.delete(&secret)
}

/// A configuration of `hello`.
pub fn greeting(text: &str) -> String {
    format!("greeting: {text}\n")
}

/// Waits until a version says a greeting.
pub fn says(stage: &Stage, version: &Version, greeting: &str) -> Result<String, Failure> {
    let what = format!("`{}: {greeting}`", version.header);
    let is_so = |answer: &crate::http::Answer| answer.status == 200 && answer.header(version.header) == Some(greeting);
    stage.until(&Ask::get("any.test", "/"), &what, is_so)?;
    Ok(format!("200, {what}"))
}
