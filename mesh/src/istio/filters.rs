//! Each of the four filters, in front of real traffic.

use super::objects::{NAMESPACE, SELECTOR};
use super::stage::Stage;
use crate::failure::Failure;
use crate::http::{Answer, Ask};
use crate::report::Rows;

/// A filter, its configuration, what is asked, and what shows that it works.
struct Case {
    module: &'static str,
    config: &'static str,
    ask: fn() -> Ask,
    works: fn(&Answer) -> bool,
    shown: &'static str,
}

const CASES: [Case; 4] = [
    Case {
        module: "transformation",
        config: include_str!("../../../examples/s01-headers/edits.yaml"),
        ask: || Ask::get("any.test", "/").with("x-user", "ann").with("x-debug", "1"),
        works: |answer| {
            answer.header("x-powered-by").is_none()
                && answer.body.contains(r#""x-tenant":"ann""#)
                && answer.body.contains(r#""x-env":"production""#)
                && !answer.body.contains("x-debug")
        },
        shown: "the upstream has x-tenant, x-env and no x-debug; the client has no x-powered-by",
    },
    Case {
        module: "header-routing",
        config: include_str!("../../../examples/s12-canary/routes.yaml"),
        ask: || Ask::get("any.test", "/v2/items").with("x-version", "old"),
        works: |answer| answer.header("x-upstream") == Some("canary"),
        shown: "/v2 is answered by the canary, whatever x-version the client sends",
    },
    Case {
        module: "dlp-masking",
        config: include_str!("../../../examples/s09-masking/masks.yaml"),
        ask: || Ask::post("any.test", "/", r#"{"text": "my card is 4111 1111 1111 1111", "password": "hunter2"}"#),
        works: |answer| answer.body == r#"{"text": "my card is **** **** **** 1111", "password": "***"}"#,
        shown: "card and password are masked in a JSON body that keeps all else",
    },
    Case {
        module: "local-rate-limit",
        config: include_str!("../../../examples/s06-loyalty/limits.yaml"),
        ask: || Ask::get("any.test", "/items"),
        works: |answer| answer.status == 429 && answer.header("retry-after").is_some(),
        shown: "429 with retry-after for the second request in a minute",
    },
];

/// A row for each filter, loaded by a `WasmPlugin`.
pub fn checks(stage: &Stage, rows: &mut Rows) -> Result<(), Failure> {
    for case in &CASES {
        let Case { module, config, ask, works, shown } = case;
        rows.check(&format!("`{module}` by a WasmPlugin"), || {
            let image = stage.registry.image(module, "1");
            stage.tamis.push(&stage.options.module(module), &image)?;
            let flags = ["--namespace", NAMESPACE, "--selector", SELECTOR];
            let yaml = stage.tamis.manifest("wasm-plugin", &image, config, &flags)?;
            let before = stage.ask(&ask())?;
            if works(&before) {
                return Err(Failure::new("it was so before the filter was there"));
            }
            stage.with(&yaml, || stage.until(&ask(), shown, works)).map(|_| (*shown).to_owned())
        })?;
    }
    Ok(())
}
