//! What a module says of itself, once, when it is built.

use serde_json::json;

use super::Plugin;
use crate::Configuration;

/// What the attribute knows of a filter.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The crate's name.
    pub name: &'static str,
    /// The crate's version.
    pub version: &'static str,
    /// The crate's description.
    pub summary: &'static str,
    /// The phases that are implemented.
    pub phases: &'static [&'static str],
    /// Whether it can hold headers.
    pub held_headers: bool,
}

/// The description as JSON: what `tamis build` writes into the module's custom section `tamis.description`.
///
/// Reached from the export `tamis_describe` only, which the post-link step drops together with all of this.
#[must_use]
pub fn describe<P: Plugin>() -> Vec<u8> {
    description::<P::Config>(&P::ABOUT)
}

fn description<C: Configuration>(about: &About) -> Vec<u8> {
    let description = json!({
        "format": 1,
        "name": about.name,
        "version": about.version,
        "summary": about.summary,
        "sdk": concat!("tamis ", env!("CARGO_PKG_VERSION")),
        "phases": about.phases,
        "held_headers": about.held_headers,
        "config_schema": C::schema(),
    });
    description.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_the_filter_is() {
        let about =
            About { name: "f", version: "1.2.3", summary: "Does f.", phases: &["request_headers"], held_headers: true };
        let description: serde_json::Value = serde_json::from_slice(&description::<u32>(&about)).unwrap();
        assert_eq!(description["format"], 1);
        assert_eq!(description["phases"], json!(["request_headers"]));
        assert_eq!(description["held_headers"], true);
        assert_eq!(description["config_schema"]["type"], "integer");
    }
}
