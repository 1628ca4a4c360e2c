//! As much of a Kubernetes API as a control plane needs that only reads: list, get and watch.
//!
//! A change ([`Kube::apply`], [`Kube::delete`]) reaches whoever watches at once, as after `kubectl apply`. Writes are refused
//! with 403: nothing here elects a leader or keeps a status. Only this machine reaches it.

mod objects;
mod serve;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::failure::Failure;
use objects::Objects;

/// A running stand-in; it ends with this value.
pub struct Kube {
    shared: Arc<Shared>,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

struct Shared {
    objects: Mutex<Objects>,
    /// The version of the newest change.
    changed: watch::Sender<u64>,
}

/// What is read of a definition of a kind.
#[derive(Deserialize)]
struct Definition {
    metadata: Named,
    spec: Spec,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Spec {
    group: String,
    names: Names,
}

#[derive(Deserialize)]
struct Names {
    kind: String,
    plural: String,
}

impl Kube {
    /// Starts it, with the kinds of `definitions` (a file of CustomResourceDefinitions) beside Kubernetes' own.
    pub fn start(definitions: &str) -> Result<Self, Failure> {
        let mut objects = Objects::default();
        for document in documents(definitions)? {
            let Ok(definition) = serde_json::from_value::<Definition>(document) else { continue };
            let Definition { metadata, spec } = definition;
            objects.define(&spec.group, &spec.names.kind, &spec.names.plural, &metadata.name);
        }
        for namespace in ["default", "istio-system", "kube-system"] {
            objects.namespace(namespace);
        }
        let shared = Arc::new(Shared { objects: Mutex::new(objects), changed: watch::Sender::new(0) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new(format!("no threads for the API stand-in: {error}")))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = listener.map_err(|error| Failure::new(format!("no port for the API stand-in: {error}")))?;
        let address = listener.local_addr().map_err(|error| Failure::new(error.to_string()))?;
        runtime.spawn(serve::serve(listener, Arc::clone(&shared)));
        Ok(Self { shared, address, _runtime: runtime })
    }

    /// What a `kubeconfig` says to find it.
    pub fn config(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             clusters: [{{name: here, cluster: {{server: \"http://{}\"}}}}]\nusers: [{{name: nobody, user: {{}}}}]\n\
             contexts: [{{name: here, context: {{cluster: here, user: nobody}}}}]\n",
            self.address
        )
    }

    /// Puts the objects of a file in place, as `kubectl apply` does.
    pub fn apply(&self, yaml: &str) -> Result<(), Failure> {
        let mut objects = self.shared.lock();
        for document in documents(yaml)? {
            objects.put(document)?;
        }
        self.shared.changed.send_replace(objects.version());
        Ok(())
    }

    /// Takes away the objects of a file.
    pub fn delete(&self, yaml: &str) -> Result<(), Failure> {
        let mut objects = self.shared.lock();
        for document in documents(yaml)? {
            objects.remove(&document)?;
        }
        self.shared.changed.send_replace(objects.version());
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The documents of a YAML file, without empty ones.
fn documents(yaml: &str) -> Result<Vec<Value>, Failure> {
    let mut options = serde_saphyr::Options::default();
    // A file of definitions has more nodes than the reader takes from strangers.
    options.budget = None;
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(yaml, options)
        .map_err(|error| Failure::new(format!("a resource is no YAML: {error}")))?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_for_their_names_alone() {
        let text = "kind: CustomResourceDefinition\nmetadata: {name: cats.zoo.test}\nspec:\n  group: zoo.test\n  names: {kind: Cat, plural: cats}\n---\n---\nkind: Other\n";
        let kube = Kube::start(text).unwrap();
        kube.apply("apiVersion: zoo.test/v1\nkind: Cat\nmetadata: {name: tom, namespace: default}\n").unwrap();
        assert!(kube.apply("apiVersion: zoo.test/v1\nkind: Dog\nmetadata: {name: rex}\n").is_err());
    }
}
