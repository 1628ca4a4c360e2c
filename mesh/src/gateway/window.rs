//! A new route with a policy of its own: what it answers before its proxy has the module.

use std::time::{Duration, Instant};

use super::objects::{self, to};
use super::stage::{Stage, address};
use crate::failure::Failure;
use crate::http::Ask;
use crate::load::Load;
use crate::modules::Version;
use crate::process::check_interrupt;
use crate::report::Rows;

const LIMIT: Duration = Duration::from_secs(30);
/// After the filter has answered first.
const AFTER: Duration = Duration::from_secs(2);

/// The rows about new routes, with modules that this Envoy has not run yet: the largest of ours, and a small one.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let [.., small, other, third] = stage.versions.as_slice() else { return Err(Failure::new("no modules")) };
    let large = Version { header: "cache-control", logs: "", file: stage.options.module("transformation-full") };
    let edits = include_str!("../../../examples/s01-headers/edits.yaml");
    rows.check("a new route and its policy in one file, `hello`", || {
        let policy = stage.policy(small, "window", "window", "one")?;
        stage.with("window", &format!("{}---\n{policy}", objects::simple("window")), || watch("window", small))
    })?;
    rows.check("a new route and its policy in one file, `transformation-full`", || {
        let image = stage.registry.image("transformation-full", "1");
        stage.tamis.push(&large.file, &image)?;
        let flags = ["--namespace", "default", "--target", "HTTPRoute/large"];
        let policy = stage.tamis.manifest("envoy-extension-policy", &image, edits, &flags)?;
        stage.with("large", &format!("{}---\n{policy}", objects::simple("large")), || watch("large", &large))
    })?;
    rows.check("the policy in one file first, its route ten seconds later", || {
        let policy = stage.policy(other, "early", "early", "one")?;
        stage.with("early-policy", &policy, || {
            pause(Duration::from_secs(10))?;
            stage.with("early", &objects::simple("early"), || watch("early", other))
        })
    })?;
    rows.check("a route that only a secret header opens, opened once the filter answers", || {
        let closed = format!(
            "[{{matches: [{{headers: [{{name: x-trial, value: let-me-see}}]}}], backendRefs: [{}]}}]",
            to("stable", None)
        );
        let policy = stage.policy(third, "opened", "opened", "one")?;
        let closed = format!("{}---\n{policy}", objects::route("opened", &closed));
        let open = format!("{}---\n{policy}", objects::simple("opened"));
        stage.with("opened", &closed, || {
            let trial = Ask::get("opened.test", "/").with("x-trial", "let-me-see");
            stage.until(&trial, "the filter", |answer| answer.header(third.header) == Some("one"))?;
            stage.apply("opened", &open)?;
            let seen = watch("opened", third)?;
            if seen.contains("without the filter for") { Err(Failure::new(seen)) } else { Ok(seen) }
        })
    })
}

/// Asks a route that is about to appear, and tells how many answers went past the filter.
fn watch(route: &str, version: &Version) -> Result<String, Failure> {
    let ask = Ask::get(&format!("{route}.test"), "/");
    let begin = Instant::now();
    let (mut opened, mut past, mut last_past) = (None, 0_usize, Duration::ZERO);
    let filtered = loop {
        check_interrupt()?;
        let now = begin.elapsed();
        let answer = ask.send(address()).ok().filter(|answer| answer.status == 200);
        if let Some(answer) = answer {
            if answer.header(version.header).is_some() {
                break now;
            }
            opened.get_or_insert(now);
            past += 1;
            last_past = now;
        }
        if now > LIMIT {
            return Err(Failure::new(format_args!(
                "no filter within {} s; {past} answers went past it",
                LIMIT.as_secs()
            )));
        }
    };
    // Whether it stays so.
    let load = Load::start(address(), &ask, &[version.header]);
    pause(AFTER)?;
    let later = load.stop();
    let later = later.requests - later.marks.get(version.header).map_or(0, |mark| mark.count);
    if later > 0 {
        return Err(Failure::new(format_args!("{later} answers without the filter after it was there")));
    }
    Ok(match opened {
        None => format!("404 until the filter answers, after {:.2} s", filtered.as_secs_f64()),
        Some(opened) => format!(
            "**200 without the filter for {:.2} s** ({past} answers, one after the other), the filter after {:.2} s",
            (last_past.saturating_sub(opened)).as_secs_f64(),
            filtered.as_secs_f64()
        ),
    })
}

fn pause(time: Duration) -> Result<(), Failure> {
    let begin = Instant::now();
    while begin.elapsed() < time {
        check_interrupt()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
