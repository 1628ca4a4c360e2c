//! Policies of a cluster on the resources that load modules: an image by its digest, from a registry that is known, and, where a
//! policy engine can fetch signatures, signed with a key. No proxy checks a signature, so admission is the place for it.

use serde_json::{Value, json};

use super::Resource;

/// Every image in such a resource is named by its digest and comes from a registry that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPolicy {
    /// The policy's name.
    pub name: String,
    /// What an image's name has to begin with, without a scheme: a registry, or a part of one.
    pub registry: String,
}

/// Every image in such a resource is named by its digest and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignaturePolicy {
    /// The policy's name.
    pub name: String,
    /// The public key, in PEM, that has signed the images.
    pub key: String,
}

/// What no policy on fields can see.
const OTHER_WAYS: &str = "an EnvoyFilter can bring code in other ways than the one that is looked at here (another spelling of a \
    field, a file, another patch): let few people write EnvoyFilters.";

/// Where a kind of resource names its image.
struct Place {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    /// For Kyverno's extractors.
    path: &'static str,
    /// CEL: all images of the object, as texts.
    images: &'static str,
}

const PLACES: [Place; 4] = [
    Place {
        group: "extensions.istio.io",
        version: "v1alpha1",
        kind: "WasmPlugin",
        plural: "wasmplugins",
        path: "/spec/url",
        images: "[object.spec.url + (has(object.spec.sha256) && !object.spec.url.contains('@') ? '@sha256:' + object.spec.sha256 : '')]",
    },
    Place {
        group: "extensions.istio.io",
        version: "v1alpha1",
        kind: "TrafficExtension",
        plural: "trafficextensions",
        path: "/spec/wasm/url",
        images: "has(object.spec.wasm) ? [object.spec.wasm.url + (has(object.spec.wasm.sha256) && \
                 !object.spec.wasm.url.contains('@') ? '@sha256:' + object.spec.wasm.sha256 : '')] : []",
    },
    Place {
        group: "gateway.envoyproxy.io",
        version: "v1alpha1",
        kind: "EnvoyExtensionPolicy",
        plural: "envoyextensionpolicies",
        path: "/spec/wasm/*/code/image/url",
        images: "has(object.spec.wasm) ? object.spec.wasm.map(w, has(w.code.image) ? (w.code.image.url + (has(w.code.image.sha256) && !w.code.image.url.contains('@') ? \
                 '@sha256:' + w.code.image.sha256 : '')) : 'http') : []",
    },
    Place {
        group: "networking.istio.io",
        version: "v1alpha3",
        kind: "EnvoyFilter",
        plural: "envoyfilters",
        path: "/spec/configPatches/*/patch/value/typed_config/config/vm_config/code/remote/http_uri/uri",
        images: "has(object.spec.configPatches) ? object.spec.configPatches.filter(p, has(p.patch) && has(p.patch.value) && \
                 has(p.patch.value.typed_config) && has(p.patch.value.typed_config.config) && \
                 has(p.patch.value.typed_config.config.vm_config) && has(p.patch.value.typed_config.config.vm_config.code) && \
                 has(p.patch.value.typed_config.config.vm_config.code.remote)).map(p, \
                 string(p.patch.value.typed_config.config.vm_config.code.remote.http_uri.uri)) : []",
    },
];

impl SignaturePolicy {
    /// Kyverno's `ClusterPolicy`.
    pub(super) fn kyverno(&self) -> Resource {
        let rules: Vec<Value> = PLACES.iter().map(|place| self.kyverno_rule(place)).collect();
        let mut resource = Resource::of(json!({
            "apiVersion": "kyverno.io/v1",
            "kind": "ClusterPolicy",
            "metadata": { "name": self.name },
            "spec": { "background": false, "rules": rules, "validationFailureAction": "Enforce", "webhookTimeoutSeconds": 30 },
        }));
        resource.note(
            "kind",
            "Only images pass that are named by their digest and signed with this key. A resource that names no image is let pass. \
             Kyverno reads signatures of the older form: `tamis sign --older`.",
        );
        resource.note("spec.background", "Signatures are looked at when a resource is applied, not later again.");
        resource.note(
            "spec.rules[0].verifyImages[0].mutateDigest",
            "What is applied is what was written: a tag is refused, not replaced.",
        );
        resource.note(
            "spec.rules[0].verifyImages[0].attestors[0].entries[0].keys.rekor",
            "For a key of one's own, without a public transparency log.",
        );
        resource.warn(OTHER_WAYS);
        resource
    }

    fn kyverno_rule(&self, place: &Place) -> Value {
        let kind = format!("{}/{}/{}", place.group, place.version, place.kind);
        let attestor = json!({ "keys": { "publicKeys": self.key, "rekor": { "ignoreTlog": true, "url": "https://rekor.sigstore.dev" }, "ctlog": { "ignoreSCT": true } } });
        json!({
            "name": format!("signed-images-of-{}", place.kind.to_ascii_lowercase()),
            "match": { "any": [{ "resources": { "kinds": [kind] } }] },
            "imageExtractors": { (place.kind): [{ "path": place.path, "jmesPath": "trim_prefix(@, 'oci://')" }] },
            "verifyImages": [{
                "imageReferences": ["*"],
                "mutateDigest": false,
                "required": true,
                "verifyDigest": true,
                "attestors": [{ "count": 1, "entries": [attestor] }],
            }],
        })
    }
}

impl RegistryPolicy {
    /// A `ValidatingAdmissionPolicy` for each place, and its binding.
    pub(super) fn admission(&self) -> Resource {
        let mut documents = Vec::new();
        for place in &PLACES {
            let name = format!("{}-{}", self.name, place.kind.to_ascii_lowercase());
            let rule = json!({
                "apiGroups": [place.group], "apiVersions": [place.version], "operations": ["CREATE", "UPDATE"],
                "resources": [place.plural],
            });
            let names = "variables.images.map(i, i.startsWith('oci://') ? i.substring(6) : i)";
            let digest = "variables.names.all(i, i.matches('@sha256:[a-f0-9]{64}$'))";
            let registry = format!("variables.names.all(i, i.startsWith({}))", Value::from(self.registry.as_str()));
            documents.push(json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicy",
                "metadata": { "name": name },
                "spec": {
                    "failurePolicy": "Fail",
                    "matchConstraints": { "resourceRules": [rule] },
                    "validations": [
                        { "expression": digest, "messageExpression":
                            "'the image has to be named by its digest (@sha256:...): ' + variables.names.join(', ')" },
                        { "expression": registry, "messageExpression":
                            format!("{} + variables.names.join(', ')", Value::from(format!("the image has to come from {}: ", self.registry))) },
                    ],
                    "variables": [
                        { "name": "images", "expression": place.images },
                        { "name": "names", "expression": names },
                    ],
                },
            }));
            documents.push(json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "ValidatingAdmissionPolicyBinding",
                "metadata": { "name": name },
                "spec": { "policyName": name, "validationActions": ["Deny"] },
            }));
        }
        let mut resource = Resource { documents, notes: Vec::new(), warnings: Vec::new() };
        resource.note("spec.failurePolicy", "What cannot be judged is refused.");
        resource.note("spec.variables", "All images that the resource names.");
        resource.warn(
            "this demands digests and a registry. A ValidatingAdmissionPolicy fetches nothing, so it sees no signature: `--for kyverno` \
             demands one.",
        );
        resource.warn(OTHER_WAYS);
        resource
    }
}
