//! `tamis manifest --check` beside the validators of others, over the same samples; and what `tamis manifest` prints before them.
//!
//! What the others said is recorded in `tests/vendors.json`, and replayed. With their programs in the folder that `TAMIS_VENDORS`
//! names they are asked again (`make interop-resources`); `BLESS=1` records, and writes `docs/measured/resources.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tamis_oci::LocalRegistry;

use crate::process::{Ended, run, succeed, tamis};
use crate::repository::{self, started};

/// Whose resources a tool is for, by the beginning of their group.
type Tool = (&'static str, &'static [&'static str]);

const TOOLS: [Tool; 3] = [
    ("istioctl validate", &["extensions.istio.io", "networking.istio.io"]),
    ("egctl x validate", &["gateway.envoyproxy.io"]),
    ("kubectl-validate", &["extensions.istio.io", "networking.istio.io", "gateway.envoyproxy.io"]),
];
/// A warning that istioctl has for every EnvoyFilter.
const ALWAYS: &str = "exposes internal implementation details";
const SCHEMAS: &str = "schemas/istio-1.31.1-envoy-gateway-1.9.0-kyverno-1.15.2";

/// `refuses`, `warns` or `passes`, by tool.
type Verdicts = BTreeMap<String, String>;

fn samples() -> Vec<PathBuf> {
    let folder = repository::root().join("oci").join("tests").join("samples");
    repository::files(&folder, &|file| file.extension().is_some_and(|extension| extension == "yaml"))
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap().to_string_lossy().into_owned()
}

fn ours(file: &Path, offline: bool) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut words = vec!["manifest".to_owned(), "--check".to_owned(), file.display().to_string()];
    words.extend(offline.then(|| "--offline".to_owned()));
    let ended = run(tamis(folder.path(), &words));
    let verdict = match ended.code {
        Some(2) => "refuses",
        Some(0) if ended.text.contains(": warning: ") => "warns",
        Some(0) => "passes",
        _ => panic!("{}: {}", file.display(), ended.text),
    };
    (verdict.to_owned(), ended.text)
}

fn recorded() -> BTreeMap<String, Verdicts> {
    serde_json::from_str(include_str!("../vendors.json")).unwrap()
}

#[test]
fn whatever_others_refuse_we_refuse_and_more() {
    let recorded = recorded();
    let samples = samples();
    assert!(
        samples.len() > 50 && recorded.len() == samples.len(),
        "{} samples, {} recorded",
        samples.len(),
        recorded.len()
    );
    let mut rows = BTreeMap::new();
    for file in samples {
        let name = stem(&file);
        let theirs = recorded.get(&name).unwrap_or_else(|| panic!("nothing is recorded of {name}"));
        let (ours, text) = ours(&file, true);
        if name.starts_with("good-") {
            assert_eq!(ours, "passes", "{name}: {text}");
            assert!(theirs.values().all(|verdict| verdict == "passes"), "{name}: {theirs:?}");
        } else {
            assert_ne!(ours, "passes", "{name}: {text}");
            assert!(
                ours == "refuses" || theirs.values().all(|verdict| verdict != "refuses"),
                "{name}: {theirs:?}, {text}"
            );
        }
        rows.insert(name, (theirs.clone(), ours));
    }
    let table = table(&rows);
    let file = repository::root().join("docs").join("measured").join("resources.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), table, "BLESS=1 rewrites {}", file.display());
}

fn table(rows: &BTreeMap<String, (Verdicts, String)>) -> String {
    let mut text = "## Checks of resources side by side\n\n`make interop-resources`: the samples of `oci/tests/samples` before the validators of \
        others, without a cluster: istioctl of the release-1.30 branch, egctl 1.9.0 and kubectl-validate 0.0.4 with the schemas of Istio 1.31.1 and \
        Envoy Gateway 1.9.0. A dash: the tool is for other kinds. `warns` is text on a success; a warning that istioctl gives for every EnvoyFilter is \
        not counted. egctl says what is wrong and exits with 0: its text was read. The registry was not asked.\n\n| sample | istioctl validate | egctl x \
        validate | kubectl-validate | tamis manifest --check |\n|---|---|---|---|---|\n"
        .to_owned();
    let mut missed: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, (theirs, ours)) in rows {
        let _ = write!(text, "| {name} |");
        for (tool, _) in TOOLS {
            let verdict = theirs.get(tool).map_or("–", String::as_str);
            let _ = write!(text, " {verdict} |");
            if name.starts_with("bad-") && verdict != "–" {
                let (all, passed) = missed.entry(tool).or_default();
                *all += 1;
                *passed += usize::from(verdict == "passes");
            }
        }
        let _ = writeln!(text, " {ours} |");
    }
    let bad = rows.keys().filter(|name| name.starts_with("bad-")).count();
    let said = TOOLS
        .map(|(tool, _)| missed.get(tool).map(|(all, passed)| format!("{tool} says nothing of {passed} of {all}")));
    let _ = writeln!(
        text,
        "\nOf {bad} bad samples `tamis manifest --check` passes none; {}.",
        said.into_iter().flatten().collect::<Vec<_>>().join(", ")
    );
    text
}

/// The folder of the programs, and one with schemas for kubectl-validate; none, when nobody asks for them.
fn programs() -> Option<(PathBuf, tempfile::TempDir)> {
    let bin = std::env::var_os("TAMIS_VENDORS").filter(|folder| !folder.is_empty()).map(PathBuf::from)?;
    let schemas = tempfile::tempdir().unwrap();
    for file in ["istio.yaml", "envoy-gateway.yaml", "kyverno.yaml"] {
        let found = tamis_harness::engine::cache_dir().unwrap().join(SCHEMAS).join(file);
        let text = std::fs::read_to_string(&found)
            .unwrap_or_else(|error| panic!("{}: {error}; `tamis setup schemas`", found.display()));
        // What surrounds it belongs to the chart that it is a part of.
        let text =
            text.lines().filter(|line| !line.starts_with("{{")).map(|line| format!("{line}\n")).collect::<String>();
        std::fs::write(schemas.path().join(file), text).unwrap();
    }
    Some((bin, schemas))
}

fn ask(tool: &str, bin: &Path, schemas: &Path, file: &Path) -> (String, String) {
    let mut words = tool.split(' ');
    let mut command = Command::new(bin.join(words.next().unwrap()));
    command.args(words);
    if tool == "kubectl-validate" {
        command.arg("--local-crds").arg(schemas);
    } else {
        command.arg("-f");
    }
    // No cluster, whatever the user has.
    command.arg(file).env("KUBECONFIG", "/dev/null").env("HOME", schemas).stdin(Stdio::null());
    let Ended { text, code } = run(command);
    let warned = |line: &str| line.trim_start().starts_with('*') && !line.contains(ALWAYS);
    let refused = match tool {
        "egctl x validate" => text.contains("validation error") || text.contains("no kind") || code != Some(0),
        _ => code != Some(0),
    };
    let verdict = if refused {
        "refuses"
    } else if text.lines().any(warned) {
        "warns"
    } else {
        "passes"
    };
    (verdict.to_owned(), text)
}

fn tools_for(text: &str) -> impl Iterator<Item = &'static str> {
    let groups: Vec<String> =
        text.lines().filter_map(|line| line.strip_prefix("apiVersion: ")).map(str::to_owned).collect();
    let fits =
        move |prefixes: &[&str]| groups.iter().all(|group| prefixes.iter().any(|prefix| group.starts_with(prefix)));
    TOOLS.into_iter().filter(move |(_, prefixes)| fits(prefixes)).map(|(tool, _)| tool)
}

#[test]
fn others_still_say_what_is_recorded() {
    let Some((bin, schemas)) = programs() else { return };
    let mut all: BTreeMap<String, Verdicts> = BTreeMap::new();
    for file in samples() {
        let text = std::fs::read_to_string(&file).unwrap();
        let verdicts =
            tools_for(&text).map(|tool| (tool.to_owned(), ask(tool, &bin, schemas.path(), &file).0)).collect();
        all.insert(stem(&file), verdicts);
    }
    if std::env::var_os("BLESS").is_some() {
        let file = repository::root().join("cli").join("tests").join("vendors.json");
        std::fs::write(file, serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
    } else {
        assert_eq!(all, recorded());
    }
}

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAAAA\n-----END PUBLIC KEY-----\n";

/// What is printed, each way.
const PRINTED: [&str; 14] = [
    "wasm-plugin",
    "wasm-plugin --selector app=web --phase authn --priority -5 --context sidecar-inbound --port 8080",
    "wasm-plugin --target Gateway/edge --failure-policy reload --pull-secret registry",
    "wasm-plugin --namespace shop --env KEY=0123456789abcdef --failure-policy open",
    "traffic-extension",
    "traffic-extension --selector app=web --phase stats --context sidecar-outbound",
    "traffic-extension --target Gateway/edge --pull-secret registry",
    "envoy-filter",
    "envoy-filter --selector app=web --context sidecar-inbound --port 8080 --buffer-limit 65536",
    "envoy-filter --target Gateway/edge --failure-policy open --env KEY=0123456789abcdef",
    "envoy-filter --code-url https://files.example/plain.wasm --context gateway",
    "envoy-filter --code-url http://10.0.0.1:8080/plain.wasm --priority 10",
    "envoy-extension-policy --target HTTPRoute/app",
    "envoy-extension-policy --target Gateway/edge --failure-policy open --pull-secret registry",
];

#[test]
fn what_is_printed_passes_everywhere() {
    let Some(registry) = started(LocalRegistry::start()) else { return };
    let folder = tempfile::tempdir().unwrap();
    crate::fixtures::prepare(folder.path());
    let image = format!("oci://{}/filters/plain:1.0", registry.host());
    succeed(folder.path(), &["push", "plain.wasm", &image]);
    std::fs::write(folder.path().join("config.yaml"), "limit: 10\nwords: [no, 'on', 1.5]\n").unwrap();
    let programs = programs();
    for flags in PRINTED {
        let mut words = vec!["manifest", &image, "--config", "config.yaml", "--for"];
        words.extend(flags.split(' '));
        let file = folder.path().join("printed.yaml");
        let mut command = tamis(folder.path(), &words);
        command.stderr(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{flags}");
        std::fs::write(&file, &output.stdout).unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (verdict, said) = ours(&file, false);
        assert_eq!(verdict, "passes", "{flags}: {said}");
        for (tool, (bin, schemas)) in
            tools_for(&text).flat_map(|tool| programs.as_ref().map(|programs| (tool, programs)))
        {
            let (verdict, said) = ask(tool, bin, schemas.path(), &file);
            assert_eq!(verdict, "passes", "{tool}, {flags}: {said}\n{text}");
        }
    }
    if let Some((bin, schemas)) = &programs {
        let file = folder.path().join("policy.yaml");
        std::fs::write(folder.path().join("cosign.pub"), KEY).unwrap();
        for flags in ["validating-admission-policy --images registry.example/filters/", "kyverno --key cosign.pub"] {
            let words = ["manifest", "--for"].into_iter().chain(flags.split(' ')).collect::<Vec<_>>();
            let output = tamis(folder.path(), &words).stderr(Stdio::null()).output().unwrap();
            std::fs::write(&file, &output.stdout).unwrap();
            let (verdict, said) = ask("kubectl-validate", bin, schemas.path(), &file);
            assert_eq!(verdict, "passes", "{said}");
        }
    }
}

/// A resource, as an image and as what stands around it, and what the policy should say: a part of it.
const JUDGED: [(&str, &str, &str); 13] = [
    ("WasmPlugin", "url: oci://registry.example/filters/a@sha256:DIGEST", "admitted"),
    ("WasmPlugin", "url: registry.example/filters/a@sha256:DIGEST", "admitted"),
    ("WasmPlugin", "{ url: registry.example/filters/a:1.0, sha256: DIGEST }", "admitted"),
    ("WasmPlugin", "url: oci://registry.example/filters/a:1.0", "named by its digest"),
    ("WasmPlugin", "url: oci://registry.example/filters/a@sha256:00", "named by its digest"),
    ("WasmPlugin", "url: oci://other.example/filters/a@sha256:DIGEST", "come from registry.example/filters/"),
    ("WasmPlugin", "url: oci://registry.example.org/filters/a@sha256:DIGEST", "come from registry.example/filters/"),
    ("WasmPlugin", "url: https://registry.example/filters/a@sha256:DIGEST", "come from registry.example/filters/"),
    ("TrafficExtension", "wasm: { url: 'oci://registry.example/filters/a:1.0' }", "named by its digest"),
    ("TrafficExtension", "lua: { inlineCode: x }", "admitted"),
    (
        "EnvoyExtensionPolicy",
        "wasm: [{ code: { image: { url: 'registry.example/filters/a:1', sha256: DIGEST } } }]",
        "admitted",
    ),
    (
        "EnvoyExtensionPolicy",
        "wasm: [{ code: { http: { url: 'https://files.example/a.wasm' } } }]",
        "named by its digest",
    ),
    ("EnvoyFilter", "configPatches: [{ applyTo: CLUSTER, patch: { operation: ADD, value: { name: a } } }]", "admitted"),
];

/// The rules of the policy in the evaluator of Kubernetes itself.
#[test]
fn the_admission_policy_judges_as_it_says() {
    let Some((bin, _)) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    let flags = ["manifest", "--for", "validating-admission-policy", "--images", "registry.example/filters/"];
    let output = tamis(folder.path(), &flags).stderr(Stdio::null()).output().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, &output.stdout).unwrap();
    let judge = |file: &Path| {
        let mut command = Command::new(bin.join("admission"));
        command.arg(&policy).arg(file).stdin(Stdio::null());
        run(command).text
    };
    for (kind, spec, wanted) in JUDGED {
        let api = match kind {
            "EnvoyFilter" => "networking.istio.io/v1alpha3",
            "EnvoyExtensionPolicy" => "gateway.envoyproxy.io/v1alpha1",
            _ => "extensions.istio.io/v1alpha1",
        };
        let spec = spec.replace("DIGEST", &"a".repeat(64));
        let file = folder.path().join("resource.yaml");
        std::fs::write(&file, format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{ name: it }}\nspec:\n  {spec}\n"))
            .unwrap();
        let said = judge(&file);
        assert!(said.contains(wanted), "{kind}, {spec}: {said}");
    }
    let sample = |name: &str| repository::root().join("oci/tests/samples").join(name);
    for (name, wanted) in [("good-envoy-filter-agent.yaml", "admitted"), ("good-envoy-filter-local.yaml", "admitted")] {
        assert!(judge(&sample(name)).contains(wanted), "{name}");
    }
    let tagged = std::fs::read_to_string(sample("good-envoy-filter-agent.yaml")).unwrap();
    let file = folder.path().join("tagged.yaml");
    std::fs::write(&file, tagged.replace(&format!("@sha256:{}", "a".repeat(64)), ":1.0")).unwrap();
    assert!(judge(&file).contains("named by its digest"));
}
