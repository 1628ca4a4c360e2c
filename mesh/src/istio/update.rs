//! A new digest under load, and back.

use std::time::Duration;

use super::attach::{greeting, says};
use super::objects::{NAMESPACE, SELECTOR};
use super::stage::Stage;
use crate::failure::Failure;
use crate::http::Ask;
use crate::load::{Load, WHOLE};
use crate::report::Rows;

/// Load before a change, and after the new code has answered first.
const BEFORE: Duration = Duration::from_millis(500);
const AFTER: Duration = Duration::from_secs(2);

/// The rows about updates: forth, back, and forth again.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    let [first, second, ..] = stage.versions.as_slice() else { return Err(Failure::new("no modules")) };
    for kind in ["wasm-plugin", "traffic-extension", "envoy-filter"] {
        let resource = |version: &crate::modules::Version| {
            let image = stage.registry.image("hello", version.logs);
            stage.tamis.push(&version.file, &image)?;
            let flags = ["--namespace", NAMESPACE, "--selector", SELECTOR, "--name", "hello"];
            stage.tamis.manifest(kind, &image, &greeting("same"), &flags)
        };
        let (old, new) = (resource(first)?, resource(second)?);
        stage.kube.apply(&old)?;
        rows.check(&format!("{kind}: version {} first", first.logs), || says(stage, first, "same"))?;
        for (from, to, yaml) in [(first, second, &new), (second, first, &old), (first, second, &new)] {
            rows.check(&format!("{kind}: an update from {} to {} under load", from.logs, to.logs), || {
                let load = Load::start(stage.gateway(), &Ask::get("any.test", "/"), &[from.header, to.header]);
                std::thread::sleep(BEFORE);
                let seen = stage.log().len();
                let changed = load.elapsed();
                stage.kube.apply(yaml)?;
                says(stage, to, "same")?;
                std::thread::sleep(AFTER);
                let stopped = load.elapsed();
                let all = load.stop();
                let log = stage.log();
                let started = format!("hello {} configured", to.logs);
                if !log.get(seen..).unwrap_or_default().contains(&started) && !log.contains(&started) {
                    return Err(Failure::new(format_args!("`{started}` is not in the log")));
                }
                let told = all.told(from.header, to.header, changed, stopped)?;
                if told.ends_with(WHOLE) { Ok(told) } else { Err(Failure::new(told)) }
            })?;
        }
        stage.kube.delete(&old)?;
        stage.bare()?;
    }
    Ok(())
}
