//! The objects, and what has become of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::failure::Failure;

/// Kinds of Kubernetes' own that somebody asks for: group, kind, plural.
const BUILT_IN: [(&str, &str, &str); 12] = [
    ("", "Namespace", "namespaces"),
    ("", "Secret", "secrets"),
    ("", "ConfigMap", "configmaps"),
    ("", "Service", "services"),
    ("", "Pod", "pods"),
    ("", "Node", "nodes"),
    ("", "ServiceAccount", "serviceaccounts"),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
    ("networking.k8s.io", "Ingress", "ingresses"),
    ("networking.k8s.io", "IngressClass", "ingressclasses"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
];

const DEFINITIONS: &str = "apiextensions.k8s.io";
/// When everything was made; only compared.
const CREATED: &str = "2026-01-01T00:00:00Z";

/// All objects of one kind are in one resource, `GROUP` and plural.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub group: String,
    pub plural: String,
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub version: u64,
    pub kind: &'static str,
    pub resource: Resource,
    pub object: Value,
}

/// Every object, and every change since the beginning: a run is short.
pub(super) struct Objects {
    version: u64,
    kinds: BTreeMap<(String, String), String>,
    objects: BTreeMap<(Resource, String, String), Value>,
    events: Vec<Event>,
}

impl Default for Objects {
    fn default() -> Self {
        let kind = |(group, kind, plural): (&str, &str, &str)| ((group.to_owned(), kind.to_owned()), plural.to_owned());
        let definitions = (DEFINITIONS, "CustomResourceDefinition", "customresourcedefinitions");
        let kinds = BUILT_IN.into_iter().chain([definitions]).map(kind).collect();
        Self { version: 1, kinds, objects: BTreeMap::new(), events: Vec::new() }
    }
}

impl Objects {
    /// The newest version.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Makes a kind known, and its definition an object.
    pub(super) fn define(&mut self, group: &str, kind: &str, plural: &str, name: &str) {
        self.kinds.insert((group.to_owned(), kind.to_owned()), plural.to_owned());
        let resource = Resource { group: DEFINITIONS.to_owned(), plural: "customresourcedefinitions".to_owned() };
        self.set(resource, String::new(), name.to_owned(), json!({ "metadata": { "name": name } }));
    }

    /// Makes a namespace.
    pub(super) fn namespace(&mut self, name: &str) {
        let object = json!({ "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } } });
        let resource = Resource { group: String::new(), plural: "namespaces".to_owned() };
        self.set(resource, String::new(), name.to_owned(), object);
    }

    /// Adds an object, or replaces the one of its name.
    pub(super) fn put(&mut self, object: Value) -> Result<(), Failure> {
        let (resource, namespace, name) = self.place(&object)?;
        self.set(resource, namespace, name, object);
        Ok(())
    }

    /// Takes the object of that kind, namespace and name away, if it is there.
    pub(super) fn remove(&mut self, object: &Value) -> Result<(), Failure> {
        let (resource, namespace, name) = self.place(object)?;
        if let Some(mut gone) = self.objects.remove(&(resource.clone(), namespace, name)) {
            self.version += 1;
            stamp(&mut gone, self.version);
            self.events.push(Event { version: self.version, kind: "DELETED", resource, object: gone });
        }
        Ok(())
    }

    /// All objects of a resource.
    pub(super) fn list(&self, resource: &Resource) -> impl Iterator<Item = &Value> {
        let of_it = move |((of, _, _), _): &(&(Resource, String, String), &Value)| of == resource;
        self.objects.iter().filter(of_it).map(|(_, object)| object)
    }

    /// What happened to objects of a resource after a version.
    pub(super) fn since(&self, resource: &Resource, version: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.version > version && event.resource == *resource)
    }

    /// The kind of a resource's objects.
    pub(super) fn kind(&self, resource: &Resource) -> &str {
        let of_it = |((group, _), plural): &(&(String, String), &String)| {
            *group == resource.group && **plural == resource.plural
        };
        self.kinds.iter().find(of_it).map_or("Object", |((_, kind), _)| kind)
    }

    fn set(&mut self, resource: Resource, namespace: String, name: String, mut object: Value) {
        self.version += 1;
        stamp(&mut object, self.version);
        let key = (resource.clone(), namespace, name);
        let kind = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        self.objects.insert(key, object.clone());
        self.events.push(Event { version: self.version, kind, resource, object });
    }

    fn place(&self, object: &Value) -> Result<(Resource, String, String), Failure> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let group = text("/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        let kind = text("/kind");
        let plural = self.kinds.get(&(group.to_owned(), kind.to_owned()));
        let plural = plural.ok_or_else(|| Failure::new(format!("no kind `{kind}` in the group `{group}`")))?;
        let resource = Resource { group: group.to_owned(), plural: plural.clone() };
        Ok((resource, text("/metadata/namespace").to_owned(), text("/metadata/name").to_owned()))
    }
}

/// What the server adds to an object.
fn stamp(object: &mut Value, version: u64) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.insert("resourceVersion".to_owned(), json!(version.to_string()));
    metadata.insert("generation".to_owned(), json!(version));
    metadata.entry("uid").or_insert_with(|| json!(format!("uid-{version}")));
    metadata.entry("creationTimestamp").or_insert_with(|| json!(CREATED));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_order() {
        let mut objects = Objects::default();
        let secret = |data: &str| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s", "namespace": "n" }, "data": data });
        let before = objects.version();
        objects.put(secret("a")).unwrap();
        objects.put(secret("b")).unwrap();
        objects.remove(&secret("")).unwrap();
        objects.remove(&secret("")).unwrap();
        let resource = Resource { group: String::new(), plural: "secrets".to_owned() };
        let told = objects.since(&resource, before).map(|event| (event.kind, event.object["data"].as_str().unwrap()));
        assert_eq!(told.collect::<Vec<_>>(), [("ADDED", "a"), ("MODIFIED", "b"), ("DELETED", "b")]);
        assert_eq!(objects.list(&resource).count(), 0);
        assert_eq!(objects.kind(&resource), "Secret");
    }
}
