//! Every way of attaching a filter: from an image, from a file server, from a guarded registry, to one route of several.

use std::fs;
use std::time::Duration;

use super::objects;
use super::stage::Stage;
use crate::failure::{Failure, cannot};
use crate::http::Ask;
use crate::modules::Version;
use crate::registry::pull_secret;
use crate::report::Rows;
use crate::upstream::Upstream;

/// How long a state has to last to be called one.
const LASTS: Duration = Duration::from_secs(10);

/// The rows about sources and targets.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let Some(first) = stage.versions.first() else { return Err(Failure::new("no module")) };
    rows.check("`tamis manifest --for envoy-extension-policy --target HTTPRoute/image`", || {
        let policy = stage.policy(first, "hello", "image", "image")?;
        let yaml = format!("{}---\n{policy}", objects::simple("image"));
        stage.with("image", &yaml, || {
            let says = stage.says("image", first, "image")?;
            let other = stage.until(&Ask::get("plain.test", "/"), "200", |answer| answer.status == 200)?;
            match other.header(first.header) {
                None => Ok(format!("{says}; another route of the same gateway has no filter")),
                Some(_) => Err(Failure::new("another route has the filter too")),
            }
        })
    })?;
    rows.check("a module by HTTP (policy written by hand)", || {
        let module = fs::read(&first.file).map_err(cannot("read a module"))?;
        let digest = sha256(&first.file)?;
        let server = Upstream::serving(module)?;
        let url = format!("http://127.0.0.1:{}/hello.wasm", server.port());
        let code = format!("{{type: HTTP, http: {{url: \"{url}\", sha256: \"{digest}\"}}}}");
        let policy = objects::plain_policy("http", "http", &code, "http");
        let yaml = format!("{}---\n{policy}", objects::simple("http"));
        stage.with("http", &yaml, || stage.says("http", first, "http"))
    })?;
    let guarded = |flags: &[&str]| {
        let image = stage.image(first)?;
        let flags = [&["--namespace", "default", "--name", "guarded", "--target", "HTTPRoute/guarded"], flags].concat();
        let policy = stage.tamis.manifest("envoy-extension-policy", &image, "greeting: guarded\n", &flags)?;
        let policy = policy.replace(&stage.registry.host(), &stage.guarded.host());
        Ok::<_, Failure>(format!("{}---\n{policy}", objects::simple("guarded")))
    };
    rows.check("registry with a password, no pull secret, failOpen: false", || {
        stage.with("guarded", &guarded(&[])?, || {
            stage.until(&Ask::get("guarded.test", "/"), "500", |answer| answer.status == 500)?;
            let log = stage.log();
            let said = log.contains("UNAUTHORIZED");
            if said {
                Ok("500, `UNAUTHORIZED` in the log".to_owned())
            } else {
                Err(Failure::new("500, and no UNAUTHORIZED in the log"))
            }
        })
    })?;
    rows.check("registry with a password, no pull secret, failOpen: true", || {
        stage.with("guarded", &guarded(&["--failure-policy", "open"])?, || {
            let ask = Ask::get("guarded.test", "/");
            stage.until(&ask, "200 without the filter", |answer| {
                answer.status == 200 && answer.header(first.header).is_none()
            })?;
            Ok("200, without the filter".to_owned())
        })
    })?;
    rows.check("the same with `--pull-secret`", || {
        let secret = pull_secret("default", "registry", &stage.guarded.host());
        let yaml = format!("{secret}---\n{}", guarded(&["--pull-secret", "registry"])?);
        stage.with("guarded", &yaml, || stage.says("guarded", first, "guarded"))
    })?;
    rows.check("an image that is not there, failOpen: false", || {
        let policy =
            stage.policy(first, "missing", "missing", "missing")?.replace("/filters/hello", "/filters/nothing");
        let yaml = format!("{}---\n{policy}", objects::simple("missing"));
        stage.with("missing", &yaml, || {
            stage.until(&Ask::get("missing.test", "/"), "500", |answer| answer.status == 500)?;
            Ok("500".to_owned())
        })
    })?;
    for (policy, open) in [("closed", "failOpen: false"), ("open", "failOpen: true")] {
        rows.check(
            &format!("a configuration that the module refuses, in a policy that was not there before, {open}"),
            || refused(stage, first, policy, false),
        )?;
        rows.check(&format!("a configuration that the module refuses, in a policy that works, {open}"), || {
            refused(stage, first, policy, true)
        })?;
    }
    Ok(())
}

/// What clients get from a route whose filter refuses its configuration, which was changed by hand; with `worked` after it had
/// another one.
fn refused(stage: &Stage, version: &Version, policy: &str, worked: bool) -> Result<String, Failure> {
    let image = stage.image(version)?;
    let name = format!("refused-{policy}-{worked}");
    let target = format!("HTTPRoute/{name}");
    let flags = ["--namespace", "default", "--name", &name, "--target", &target, "--failure-policy", policy];
    let right = stage.tamis.manifest("envoy-extension-policy", &image, "greeting: right\n", &flags)?;
    let wrong = right.replace("greeting: right", "greting: right");
    if wrong == right {
        return Err(Failure::new("the resource is as it was"));
    }
    let file = |policy: &str| format!("{}---\n{policy}", objects::simple(&name));
    let ask = Ask::get(&format!("{name}.test"), "/");
    let first = if worked { &right } else { &wrong };
    stage.with(&name, &file(first), || {
        if worked {
            stage.says(&name, version, "right")?;
            stage.apply(&name, &file(&wrong))?;
        }
        stage.until(&ask, "an answer of the route", |answer| answer.status != 404)?;
        std::thread::sleep(LASTS);
        let answer = stage.until(&ask, "an answer", |_| true)?;
        match (answer.status, answer.header(version.header)) {
            (200, Some("right")) if worked => Ok("200, and the filter goes on with the old configuration".to_owned()),
            (200, None) if !worked => Ok("**200, without the filter**".to_owned()),
            (status, header) => Err(Failure::new(format_args!("{status}, {header:?}"))),
        }
    })
}

/// The digest of a file, by `sha256sum`.
fn sha256(file: &std::path::Path) -> Result<String, Failure> {
    let mut command = std::process::Command::new("sha256sum");
    command.arg(file);
    let printed = crate::process::run(command)?;
    let digest = printed.split_whitespace().next().map(str::to_owned);
    digest.ok_or_else(|| Failure::new("sha256sum printed nothing"))
}
