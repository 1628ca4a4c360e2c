//! Everything that runs, from the registry to the proxy.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::objects;
use crate::failure::{Failure, cannot};
use crate::http::{Answer, Ask};
use crate::modules::{self, Version};
use crate::process::{Program, run};
use crate::registry::{Guard, Registry};
use crate::stage::{Folder, Options};
use crate::tamis::Tamis;
use crate::upstream::Upstream;

/// How long a change may take; the slowest one seen took five seconds.
pub const CHANGE: Duration = Duration::from_secs(30);
/// The line of Envoy that this Envoy Gateway is made for.
pub const ENVOY: &str = "1.39.3";

/// A gateway. What is named first ends first.
pub struct Stage {
    program: Program,
    pub registry: Registry,
    /// The same images, with a password.
    pub guarded: Registry,
    pub tamis: Tamis,
    pub options: Options,
    pub versions: Vec<Version>,
    files: PathBuf,
    /// What is applied, by file.
    applied: Mutex<BTreeMap<String, String>>,
    _stable: Upstream,
    _canary: Upstream,
    _folder: Folder,
}

impl Stage {
    /// Starts it, and waits until a request comes through.
    pub fn start(options: &Options) -> Result<Self, Failure> {
        let folder = options.folder("gateway")?;
        let path = folder.path().to_owned();
        let (stable, canary) = (Upstream::start("stable")?, Upstream::start("canary")?);
        let registry = Registry::start("registry", &path, Guard::None)?;
        let guarded = Registry::start("guarded-registry", &path, Guard::Password)?;
        let program = options.go_program("envoy-gateway", "envoy-gateway")?;
        let [config_home, data, state, runtime, files, home] =
            ["config", "data", "state", "runtime", "resources", "home"].map(|name| path.join(name));
        for created in [&config_home, &data, &state, &runtime, &files, &home] {
            fs::create_dir_all(created).map_err(cannot("create a folder"))?;
        }
        // Where its launcher looks before it would download one.
        let place = data.join("envoy-versions").join(ENVOY).join("bin");
        fs::create_dir_all(&place).map_err(cannot("create a folder"))?;
        symlink(options.envoy(ENVOY)?, place.join("envoy")).map_err(cannot("link Envoy"))?;

        let mut certificates = Command::new(&program);
        certificates.args(["certgen", "--local", "--config-home"]).arg(&config_home).env("HOME", &home);
        run(certificates)?;

        let folders =
            [("configHome", &config_home), ("dataHome", &data), ("stateHome", &state), ("runtimeDir", &runtime)];
        let folders = folders.map(|(name, path)| format!("{name}: {}", path.display())).join(", ");
        let settings = path.join("envoy-gateway.yaml");
        let text = format!(
            "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: EnvoyGateway\n\
             gateway: {{controllerName: gateway.envoyproxy.io/gatewayclass-controller}}\n\
             provider:\n  type: Custom\n  custom:\n\
             \x20   resource: {{type: File, file: {{paths: [{}]}}}}\n\
             \x20   infrastructure: {{type: Host, host: {{{folders}}}}}\n\
             extensionApis: {{enableBackend: true, enableEnvoyPatchPolicy: true}}\n",
            files.display()
        );
        fs::write(&settings, text).map_err(cannot("write Envoy Gateway's settings"))?;
        let mut command = Command::new(&program);
        command.args(["server", "--config-path"]).arg(&settings).env("HOME", &home).current_dir(&home);
        let versions = modules::versions(&options.module("hello"), &path)?;

        let applied = Mutex::default();
        let (stable_port, canary_port) = (stable.port(), canary.port());
        let this = |program| Self {
            program,
            registry,
            guarded,
            tamis: Tamis::new(&options.tamis(), &path),
            options: options.clone(),
            versions,
            files,
            applied,
            _stable: stable,
            _canary: canary,
            _folder: folder,
        };
        let program = Program::start("envoy-gateway", command, &path)?;
        let mut stage = this(program);
        stage.apply("gateway", &objects::gateway(ENVOY))?;
        stage.apply("backend-stable", &objects::backend("stable", stable_port))?;
        stage.apply("backend-canary", &objects::backend("canary", canary_port))?;
        stage.apply("module-server", &objects::module_server(&config_home))?;
        stage.apply("route-plain", &objects::simple("plain"))?;
        let ask = Ask::get("plain.test", "/");
        stage.program.ready("a request comes through", Duration::from_secs(60), || {
            ask.send(address()).is_ok_and(|answer| answer.status == 200)
        })?;
        println!("    stage: Envoy Gateway 1.9.0 standalone, Envoy {ENVOY}, two registries, two upstreams");
        Ok(stage)
    }

    /// Puts a file of resources in place at one stroke; under the name of one that is there it replaces it.
    pub fn apply(&self, name: &str, yaml: &str) -> Result<(), Failure> {
        let new = self.files.with_file_name("new.yaml");
        fs::write(&new, yaml).map_err(cannot("write a resource"))?;
        fs::rename(&new, self.files.join(format!("{name}.yaml"))).map_err(cannot("put a resource in place"))?;
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), yaml.to_owned());
        Ok(())
    }

    /// Takes a file of resources away.
    pub fn remove(&self, name: &str) -> Result<(), Failure> {
        fs::remove_file(self.files.join(format!("{name}.yaml"))).map_err(cannot("remove a resource"))?;
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }

    /// Applies resources, does something, and takes them away again, however that ended.
    pub fn with<T>(&self, name: &str, yaml: &str, check: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        self.apply(name, yaml)?;
        let outcome = check();
        self.remove(name)?;
        outcome
    }

    /// Asks until an answer is as wanted; on failure the last answer is told.
    pub fn until(&self, ask: &Ask, what: &str, is_so: impl Fn(&Answer) -> bool) -> Result<Answer, Failure> {
        ask.until(address(), what, CHANGE, is_so)
    }

    /// Waits until a version says a greeting on a route.
    pub fn says(&self, route: &str, version: &Version, greeting: &str) -> Result<String, Failure> {
        let what = format!("`{}: {greeting}`", version.header);
        let is_so = |answer: &Answer| answer.status == 200 && answer.header(version.header) == Some(greeting);
        self.until(&Ask::get(&format!("{route}.test"), "/"), &what, is_so)?;
        Ok(format!("200, {what}"))
    }

    /// What control plane and Envoy have printed so far.
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// The image of a version, pushed.
    pub fn image(&self, version: &Version) -> Result<String, Failure> {
        let image = self.registry.image("hello", version.logs);
        self.tamis.push(&version.file, &image)?;
        Ok(image)
    }

    /// What `tamis manifest` prints for a version on a route.
    pub fn policy(&self, version: &Version, name: &str, route: &str, greeting: &str) -> Result<String, Failure> {
        let image = self.image(version)?;
        let target = format!("HTTPRoute/{route}");
        let flags = ["--namespace", "default", "--name", name, "--target", &target];
        self.tamis.manifest("envoy-extension-policy", &image, &format!("greeting: {greeting}\n"), &flags)
    }
}

/// Where the gateway listens.
pub fn address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, objects::PORT))
}
