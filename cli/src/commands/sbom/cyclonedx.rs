//! CycloneDX from what `cargo metadata` says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::failure::Failure;

/// The bill of one package: of the only one in this folder when none is named.
pub fn bill(metadata: &Value, package: Option<&str>) -> Result<Value, Failure> {
    let packages: BTreeMap<&str, &Value> =
        list(metadata, "packages").filter_map(|package| Some((text(package, "id")?, package))).collect();
    let root = root(metadata, &packages, package)?;
    let linked = linked(metadata, root, &packages);
    let component = |id: &str, kind: &str| packages.get(id).map(|package| component(package, kind));
    let dependencies: Vec<Value> = linked
        .iter()
        .filter_map(|(id, on)| {
            let on: Vec<String> = on.iter().filter_map(|id| packages.get(id).map(|package| purl(package))).collect();
            Some(json!({ "ref": purl(packages.get(id)?), "dependsOn": on }))
        })
        .collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": "tamis", "version": env!("CARGO_PKG_VERSION") }] },
            "component": component(root, "library"),
        },
        "components": linked.keys().filter(|id| **id != root).filter_map(|id| component(id, "library")).collect::<Vec<_>>(),
        "dependencies": dependencies,
    }))
}

fn root<'a>(
    metadata: &'a Value,
    packages: &BTreeMap<&'a str, &'a Value>,
    name: Option<&str>,
) -> Result<&'a str, Failure> {
    let members: BTreeSet<&str> = list(metadata, "workspace_members").filter_map(Value::as_str).collect();
    let found = match name {
        Some(name) => packages
            .iter()
            .find(|(id, package)| members.contains(*id) && text(package, "name") == Some(name))
            .map(|(id, _)| *id),
        None => metadata.pointer("/resolve/root").and_then(Value::as_str),
    };
    found.ok_or_else(|| match name {
        Some(name) => Failure::user(format_args!("there is no package {name:?} in this workspace")),
        None => Failure::user("this folder is no package").hint("name one of the workspace with -p"),
    })
}

/// Every package that is linked into the root, with those that it uses itself: no tests, no build scripts, no macros' own.
fn linked<'a>(
    metadata: &'a Value,
    root: &'a str,
    packages: &BTreeMap<&'a str, &'a Value>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let is_linked = |id: &&str| packages.get(*id).is_none_or(|package| !is_macro(package));
    let nodes: BTreeMap<&str, &Value> = metadata
        .pointer("/resolve/nodes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|node| Some((text(node, "id")?, node)))
        .collect();
    let (mut open, mut linked) = (vec![root], BTreeMap::new());
    while let Some(id) = open.pop() {
        if linked.contains_key(id) {
            continue;
        }
        let dependencies = nodes.get(id).into_iter().flat_map(|node| list(node, "deps"));
        let normal = dependencies
            .filter(|dependency| list(dependency, "dep_kinds").any(|kind| kind.get("kind").is_none_or(Value::is_null)));
        let on: BTreeSet<&str> = normal.filter_map(|dependency| text(dependency, "pkg")).filter(is_linked).collect();
        open.extend(on.iter().copied());
        linked.insert(id, on);
    }
    linked
}

/// Whether it only runs in the compiler.
fn is_macro(package: &Value) -> bool {
    list(package, "targets").any(|target| list(target, "kind").any(|kind| kind == "proc-macro"))
}

fn component(package: &Value, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": text(package, "name"),
        "version": text(package, "version"),
        "purl": purl(package),
    });
    if let Some(members) = component.as_object_mut() {
        if let Some(license) = text(package, "license") {
            members.insert("licenses".to_owned(), json!([{ "expression": license.replace('/', " OR ") }]));
        }
        if let Some(source) = text(package, "repository") {
            members.insert("externalReferences".to_owned(), json!([{ "type": "vcs", "url": source }]));
        }
    }
    component
}

fn purl(package: &Value) -> String {
    format!("pkg:cargo/{}@{}", text(package, "name").unwrap_or_default(), text(package, "version").unwrap_or_default())
}

fn list<'a>(value: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(member).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_linked_is_listed_and_nothing_else() {
        let package = |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0" });
        let kind = |kind: Value| json!([{ "kind": kind }]);
        let mut packages = ["filter", "used", "deep", "tested", "derive"].map(package);
        packages[4]["targets"] = json!([{ "kind": ["proc-macro"] }]);
        let metadata = json!({
            "packages": packages,
            "workspace_members": ["filter"],
            "resolve": { "root": "filter", "nodes": [
                { "id": "filter", "deps": [
                    { "pkg": "used", "dep_kinds": kind(Value::Null) },
                    { "pkg": "derive", "dep_kinds": kind(Value::Null) },
                    { "pkg": "tested", "dep_kinds": kind(json!("dev")) },
                ] },
                { "id": "used", "deps": [{ "pkg": "deep", "dep_kinds": kind(Value::Null) }] },
                { "id": "deep", "deps": [{ "pkg": "used", "dep_kinds": kind(Value::Null) }] },
                { "id": "tested", "deps": [] },
            ] },
        });
        let bill = bill(&metadata, Some("filter")).unwrap();
        let names: Vec<_> = list(&bill, "components").filter_map(|component| text(component, "name")).collect();
        assert_eq!(names, ["deep", "used"]);
        assert_eq!(bill["metadata"]["component"]["purl"], "pkg:cargo/filter@1.0.0");
        assert_eq!(bill["components"][0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert!(super::bill(&metadata, Some("tested")).is_err());
    }
}
