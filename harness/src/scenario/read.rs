//! Reads scenario files.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tamis_module::gate::EnvoyVersion;

use super::cases;
use super::model::{Cluster, FilterEntry, Kind, Scenario};
use super::split::Split;
use super::step::{Reconfiguration, Step};
use super::tree::{self, Tree};
use crate::document::{Document, DocumentError, Placed, parse_as};

/// The most workers that a scenario can have: each has VMs of its own.
const MAX_WORKERS: usize = 64;

/// A scenario file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A filter has its configuration twice.
    #[error("{}: the filter `{filter}` has both `config` and `config_file`; leave one of them out", .file.display())]
    TwoConfigs {
        /// The file.
        file: PathBuf,
        /// The filter.
        filter: String,
    },
    /// It is not a scenario, or not a configuration.
    #[error("{}:{}{error}", .file.display(), if .error.place.is_some() { "" } else { " " })]
    Parse {
        /// The file.
        file: PathBuf,
        /// Where and why.
        error: DocumentError,
    },
}

impl Scenario {
    /// Reads a scenario file: each row of a table of cases is an exchange.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] with the line and column of what is wrong.
    pub fn read(file: &Path) -> Result<Self, ScenarioError> {
        let text = text(file)?;
        let mut scenario = Self::parse(&text).map_err(|error| ScenarioError::Parse { file: file.to_owned(), error })?;
        scenario.file = file.to_owned();
        for filter in &mut scenario.filters {
            let FilterEntry { config, config_file, module, .. } = filter;
            read_config(file, &module.value, config, config_file.as_deref())?;
        }
        for wanted in scenario.steps.iter_mut().filter_map(Step::reconfiguration_mut) {
            let Reconfiguration { config, config_file, filter, .. } = wanted;
            read_config(file, filter, config, config_file.as_deref())?;
        }
        Ok(scenario)
    }

    /// Reads the scenario files of a folder, those whose names end in `.yaml`, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`] of the first file that is wrong, or when the folder cannot be read.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, ScenarioError> {
        let cannot = |error| ScenarioError::Read { file: folder.to_owned(), error };
        let entries = std::fs::read_dir(folder).map_err(cannot)?;
        let files = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
        let mut files = files.map_err(cannot)?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    /// Reads the text of a scenario; files that it names are not read.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] with the line and column of what is wrong.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let file: File = parse_as(text)?;
        let (mut scenario, start, written) = file.parts()?;
        if let Some(start) = start {
            let step = Step::Start(tree::read(&start)?);
            scenario
                .check(&step)
                .map_err(|(path, message)| tree::error_at(tree::find(&start, &path).unwrap_or(&start), message))?;
            scenario.steps.push(step);
        }
        for written in written {
            for filled in cases::expand(written)? {
                let step = Step::read(&filled)?;
                scenario.check(&step).map_err(|(path, message)| {
                    tree::error_at(tree::find(&filled, &path).unwrap_or(&filled), message)
                })?;
                scenario.steps.push(step);
            }
        }
        Ok(scenario)
    }

    /// Whether a step fits the rest of the scenario, and where it does not.
    fn check<'p>(&self, step: &Step) -> Result<(), (Vec<Cow<'p, str>>, String)> {
        let filter = |name: &str| self.filters.iter().any(|filter| filter.plugin_name() == name);
        let path = |names: &[&'p str]| names.iter().copied().map(Cow::Borrowed).collect::<Vec<_>>();
        if step.is_traffic() {
            self.check_traffic(step)?;
        }
        if let Some(wanted) = step.reconfiguration().filter(|wanted| !filter(&wanted.filter)) {
            let message = format!("no filter has the name `{}`", wanted.filter);
            let within = if step.exchange().is_some() { ["meanwhile"].as_slice() } else { &[] };
            return Err((path(&[within, &["reload", "filter"]].concat()), message));
        }
        for (index, callout) in step.callouts().iter().enumerate() {
            let name = &callout.cluster;
            let message = match self.clusters.iter().find(|cluster| cluster.name == *name) {
                None => format!("the cluster `{name}` is not among `clusters`"),
                Some(cluster) if !cluster.healthy => {
                    format!("the cluster `{name}` is not healthy: no callout gets to it")
                }
                Some(_) => continue,
            };
            let path = vec![Cow::Borrowed("callouts"), Cow::Owned(index.to_string()), Cow::Borrowed("cluster")];
            return Err((path, message));
        }
        Ok(())
    }

    /// Whether an exchange or a connection fits the rest of the scenario.
    fn check_traffic<'p>(&self, step: &Step) -> Result<(), (Vec<Cow<'p, str>>, String)> {
        let path = |names: &[&'p str]| names.iter().copied().map(Cow::Borrowed).collect::<Vec<_>>();
        match (step, self.kind) {
            (Step::Connection(_), Kind::Http) => {
                let message = "the filters are HTTP filters: a scenario with connections says `kind: network`";
                return Err((path(&["connection"]), message.to_owned()));
            }
            (Step::Exchange(_), Kind::Network) => {
                let message = "the filters are network filters: write what both ends do as `connection`";
                return Err((path(&[]), message.to_owned()));
            }
            _ => {}
        }
        let name = step.name();
        if self.steps.iter().any(|other| other.is_traffic() && other.name() == name) {
            return Err((path(&[]), format!("a second exchange has the name `{name}`")));
        }
        if step.worker() >= self.workers {
            let message = format!("workers are counted from 0, and `workers` is {}", self.workers);
            return Err((path(&["worker"]), message));
        }
        if let Step::Exchange(exchange) = step
            && let Some(meanwhile) = &exchange.meanwhile
        {
            let body = &exchange.request.body;
            if meanwhile.after_bytes >= body.len() {
                let message = format!("the request is over by then: its body has {} bytes", body.len());
                return Err((path(&["meanwhile", "after_bytes"]), message));
            }
            if *body.split() != Split::Whole {
                let message = "the body is cut where something happens meanwhile: leave out `split`";
                return Err((path(&["request", "body"]), message.to_owned()));
            }
        }
        let named = step.fault().and_then(|fault| fault.filter.as_deref());
        if let Some(name) = named.filter(|name| !self.filters.iter().any(|filter| filter.plugin_name() == *name)) {
            return Err((path(&["fault", "filter"]), format!("no filter has the name `{name}`")));
        }
        Ok(())
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    workers: Option<Placed<usize>>,
    #[serde(default)]
    envoy: Option<Placed<String>>,
    #[serde(default)]
    buffer_limit: Option<u32>,
    #[serde(default)]
    kind: Kind,
    #[serde(default)]
    clusters: Vec<Placed<Cluster>>,
    filters: Vec<FilterEntry>,
    #[serde(default)]
    start: Option<Tree>,
    exchanges: Vec<Tree>,
}

impl File {
    /// The scenario without its steps, and these: the start, and all others.
    fn parts(self) -> Result<(Scenario, Option<Tree>, Vec<Tree>), DocumentError> {
        let workers = match self.workers {
            None => 1,
            Some(workers) if (1..=MAX_WORKERS).contains(&workers.value) => workers.value,
            Some(workers) => {
                let message = format!("a proxy has from 1 to {MAX_WORKERS} workers");
                return Err(DocumentError { place: Some(workers.place), message });
            }
        };
        let release = |written: Placed<String>| {
            let known = written.value.parse::<EnvoyVersion>();
            known.map_err(|error| DocumentError { place: Some(written.place), message: error.to_string() })
        };
        let envoy = self.envoy.map(release).transpose()?;
        let mut clusters: Vec<Cluster> = Vec::new();
        for Placed { value, place } in self.clusters {
            if clusters.iter().any(|other| other.name == value.name) {
                let message = format!("a second cluster has the name `{}`", value.name);
                return Err(DocumentError { place: Some(place), message });
            }
            clusters.push(value);
        }
        let Self { name, description, buffer_limit, kind, filters, start, exchanges, .. } = self;
        let (file, steps) = (PathBuf::new(), Vec::new());
        Ok((
            Scenario { name, description, workers, envoy, buffer_limit, kind, clusters, filters, steps, file },
            start,
            exchanges,
        ))
    }
}

/// Reads the file of a configuration, if there is one.
fn read_config(
    scenario: &Path,
    whose: &str,
    config: &mut Option<Document>,
    file: Option<&Path>,
) -> Result<(), ScenarioError> {
    let Some(file) = file else { return Ok(()) };
    if config.is_some() {
        return Err(ScenarioError::TwoConfigs { file: scenario.to_owned(), filter: whose.to_owned() });
    }
    let file = scenario.parent().unwrap_or(Path::new(".")).join(file);
    let text = text(&file)?;
    *config = Some(Document::parse(&text).map_err(|error| ScenarioError::Parse { file, error })?);
    Ok(())
}

fn text(file: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(file).map_err(|error| ScenarioError::Read { file: file.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name: x\nfilters: []\nexchanges:\n";

    fn parse(exchanges: &str) -> Result<Scenario, String> {
        Scenario::parse(&format!("{HEAD}{exchanges}")).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_are_exchanges() {
        let scenario = parse(
            "  - name: it answers\n    upstream: {status: '${status}'}\n    cases:\n      - {name: no, with: {status: 404}}\n      - {name: yes, with: {status: 200}}\n  - name: last\n",
        )
        .unwrap();
        let names = scenario.exchanges().map(|exchange| (exchange.name.as_str(), exchange.upstream.status));
        assert_eq!(names.collect::<Vec<_>>(), [("it answers: no", 404), ("it answers: yes", 200), ("last", 200)]);
    }

    #[test]
    fn a_proxy_s_own_settings_are_checked() {
        let parse = |text: &str| Scenario::parse(&format!("name: x\nfilters: []\nexchanges: []\n{text}"));
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(error("workers: 0"), "4:10: a proxy has from 1 to 64 workers");
        assert_eq!(error("envoy: '1.29'"), "4:8: `1.29` is no Envoy that is known here: 1.30 to 1.40 are");
        let release = |text: &str| parse(text).unwrap().envoy.map(|envoy| envoy.to_string());
        assert_eq!((release("envoy: '1.36.4'").as_deref(), release("")), (Some("1.36"), None));
        assert_eq!(error("clusters: [{name: a}, {name: a}]"), "4:23: a second cluster has the name `a`");
        let down = "clusters: [{name: a, healthy: false}]\nname: x\nfilters: []\nexchanges: [{name: e, callouts: [{cluster: a}]}]";
        let said = Scenario::parse(down).unwrap_err().to_string();
        assert_eq!(said, "4:44: the cluster `a` is not healthy: no callout gets to it");
    }

    #[test]
    fn a_new_configuration_knows_its_places() {
        let scenario = Scenario::parse(
            "name: x\nfilters: [{module: f.wasm}]\nexchanges:\n  - reload: {filter: f, config: {a: [1]}}\n",
        );
        let Step::Reload(step) = scenario.unwrap().steps.remove(0) else { panic!("no reload") };
        let config = step.reload.config.unwrap();
        assert_eq!(
            (config.to_json().as_str(), config.place("a[0]").unwrap().to_string().as_str()),
            (r#"{"a":[1]}"#, "4:38")
        );
    }

    #[test]
    fn mistakes_have_their_place() {
        for (exchange, error) in [
            ("  - {name: a, expect: {response: {headers: {x: {begins: a}}}}}", "4:48: `begins` is no way to compare"),
            (
                "  - {name: a, request: {body: {text: abc, split: {at: [3]}}}}",
                "4:31: a cut before byte 3 is not inside",
            ),
            ("  - {name: a, request: {body: {text: abc, split: none}}}", "4:31: expected `every-byte`"),
            ("  - {name: a, budget: {entries: 3}}", "4:24: unknown field `entries`"),
            ("  - {name: a, worker: 1}", "4:23: workers are counted from 0, and `workers` is 1"),
            ("  - {name: a, fault: {filter: b}}", "4:31: no filter has the name `b`"),
            ("  - {reload: {filter: b}}", "4:23: no filter has the name `b`"),
            ("  - {name: a, connection: []}", "4:27: the filters are HTTP filters: a scenario with connections"),
            ("  - {name: a, connection: [{ends: proxy}]}", "4:35: unknown variant `proxy`, expected `client` or"),
            ("  - {name: a, connection: [{client: a, ends: client}]}", "4:27: an act is one of `client`, `upstream`"),
            ("  - {name: a, connection: [], expect: {response: {}}}", "4:40: unknown field `response`"),
            (
                "  - {name: a, request: {body: abc}, meanwhile: {after_bytes: 3, reload: {filter: f}}}",
                "4:62: the request is over by then: its body has 3 bytes",
            ),
            (
                "  - {name: a, request: {body: {text: abc, split: every-byte}}, meanwhile: {after_bytes: 1, reload: {filter: f}}}",
                "4:31: the body is cut where something happens meanwhile: leave out `split`",
            ),
            (
                "  - {name: a, request: {body: abc}, meanwhile: {after_bytes: 2, reload: {filter: b}}}",
                "4:82: no filter has the name `b`",
            ),
            ("  - {advance: soon}", "4:15: write a span of time as `10s`"),
            ("  - {advance: 1s, request: {}}", "4:19: unknown field `request`"),
            ("  - {name: a, callouts: [{cluster: up}]}", "4:36: the cluster `up` is not among `clusters`"),
            (
                "  - {name: a, callouts: [{cluster: up, answer: {failure: reset, body: a}}]}",
                "4:48: there is either a response or a `failure`",
            ),
            ("  - {name: a, callouts: [{cluster: up, times: 0}]}", "4:25: `times` is a number from 1"),
            ("  - {name: a}\n  - {name: a}", "5:5: a second exchange has the name `a`"),
            (
                "  - name: a\n    upstream: {status: '${s}'}\n    cases: [{name: b, with: {s: two}}]",
                "6:33: invalid type: string \"two\", expected u16",
            ),
        ] {
            let said = parse(exchange).unwrap_err();
            assert!(said.starts_with(error), "{exchange}: {said}");
        }
    }
}
