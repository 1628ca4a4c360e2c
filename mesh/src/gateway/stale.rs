//! Updates: the trap of a policy that keeps its name, and the resource of `tamis manifest` beside it.

use std::time::Duration;

use super::objects;
use super::stage::{Stage, address};
use crate::failure::Failure;
use crate::http::Ask;
use crate::load::{Load, WHOLE};
use crate::modules::Version;
use crate::report::Rows;

/// How long new code is waited for that does not come.
const STALE: Duration = Duration::from_secs(10);
/// Load before a change, and after the new code has answered first.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_secs(4);

/// The rows about updates.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    // Versions that this Envoy has not run yet: a module that it has once compiled it has at hand.
    let [_, _, one, two, first, second, third, fourth, ..] = stage.versions.as_slice() else {
        return Err(Failure::new("no modules"));
    };
    rows.check("a plain policy, same name, new image and new greeting", || trap(stage, one, two))?;
    rows.check("`tamis manifest`'s policy, replaced by that of the new image in one file, under load", || {
        let yaml = |version: &Version, greeting: &str| {
            let policy = stage.policy(version, "hello", "update", greeting)?;
            Ok::<_, Failure>(format!("{}---\n{policy}", objects::simple("update")))
        };
        let (old, new) = (yaml(first, "one")?, yaml(second, "two")?);
        stage.with("update", &old, || {
            stage.says("update", first, "one")?;
            under_load(stage, "update", first, second, || stage.apply("update", &new))
        })
    })?;
    // Once with modules that are new to this Envoy, and back with what it has at hand.
    for (old, new, what) in [(third, fourth, "forth"), (fourth, third, "and back")] {
        rows.check(&format!("the same in three steps, beside a route for its own trial, {what}"), || {
            steps(stage, old, new)
        })?;
    }
    Ok(())
}

/// The new policy on a route for its own trial; then both change places; then the old one goes.
fn steps(stage: &Stage, old: &Version, new: &Version) -> Result<String, Failure> {
    let routes = format!("{}---\n{}---\n", objects::simple("steps"), objects::simple("trial"));
    let on = |version: &Version, route: &str, greeting: &str| stage.policy(version, "hello", route, greeting);
    let (old_here, old_there) = (on(old, "steps", "one")?, on(old, "trial", "one")?);
    let (new_there, new_here) = (on(new, "trial", "two")?, on(new, "steps", "two")?);
    stage
        .with("steps", &format!("{routes}{old_here}"), || {
            stage.says("steps", old, "one")?;
            stage.apply("steps", &format!("{routes}{old_here}---\n{new_there}"))?;
            stage.says("trial", new, "two")?;
            under_load(stage, "steps", old, new, || {
                stage.apply("steps", &format!("{routes}{old_there}---\n{new_here}"))?;
                stage.says("steps", new, "two")?;
                stage.says("trial", old, "one")?;
                stage.apply("steps", &format!("{routes}{new_here}"))
            })
        })
        .and_then(|told| if told.ends_with(WHOLE) { Ok(told) } else { Err(Failure::new(told)) })
}

/// A policy that keeps its name: what its route answers after its image and its configuration were changed.
fn trap(stage: &Stage, first: &Version, second: &Version) -> Result<String, Failure> {
    let policy = |version: &Version, greeting: &str| {
        let image = stage.image(version)?;
        let code = format!("{{type: Image, image: {{url: \"{}\"}}}}", image.trim_start_matches("oci://"));
        let policy = objects::plain_policy("plain-hello", "trap", &code, greeting);
        Ok::<_, Failure>(format!("{}---\n{policy}", objects::simple("trap")))
    };
    stage.with("trap", &policy(first, "one")?, || {
        stage.says("trap", first, "one")?;
        stage.apply("trap", &policy(second, "two")?)?;
        let ask = Ask::get("trap.test", "/");
        let configured = |answer: &crate::http::Answer| {
            answer.header(first.header) == Some("two") || answer.header(second.header) == Some("two")
        };
        stage.until(&ask, "the new configuration", configured)?;
        std::thread::sleep(STALE);
        let answer = stage.until(&ask, "200", |answer| answer.status == 200)?;
        match (answer.header(first.header), answer.header(second.header)) {
            (Some("two"), None) => Ok(format!(
                "the trap: {} s after the change `{}: two`, old code with the new configuration",
                STALE.as_secs(),
                first.header
            )),
            (None, Some("two")) => Ok("no trap in this run: the new code answers".to_owned()),
            other => Err(Failure::new(format_args!("{other:?}"))),
        }
    })
}

/// What clients see of a change, by version; a request that is lost is a failure, one that goes past the filter is told.
pub fn under_load(
    stage: &Stage,
    route: &str,
    old: &Version,
    new: &Version,
    change: impl FnOnce() -> Result<(), Failure>,
) -> Result<String, Failure> {
    let ask = Ask::get(&format!("{route}.test"), "/");
    let load = Load::start(address(), &ask, &[old.header, new.header]);
    std::thread::sleep(BEFORE);
    let changed = load.elapsed();
    change()?;
    let outcome = stage.says(route, new, "two");
    std::thread::sleep(AFTER);
    let stopped = load.elapsed();
    let seen = load.stop();
    outcome?;
    seen.told(old.header, new.header, changed, stopped)
}
