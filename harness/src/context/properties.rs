//! Properties: what a guest can ask by path.

use tamis_module::gate::EnvoyVersion;

use super::lookup::{Found, Stream};
use super::value::Value;
use super::{Plugin, VmContext, lock};
use crate::abi::Status;

impl VmContext {
    /// `proxy_get_property`: the path's segments are parted by NUL bytes (rule `PROP-1`).
    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        if path.is_empty() {
            return Err(Status::SerializationFailure);
        }
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        if let Some(value) = self.stream().and_then(|s| lock(&s.exchange).attributes.more.get(path).cloned()) {
            return Ok(value);
        }
        let segments = path.split(|byte| *byte == 0).map(|s| std::str::from_utf8(s).unwrap_or("")).collect::<Vec<_>>();
        if let Some(key) = path.strip_prefix(b"filter_state\0") {
            return match key {
                b"" if self.stream().is_some() => Err(Status::SerializationFailure),
                key if key.contains(&0) => Err(Status::NotFound),
                key => self.stored(key).ok_or(Status::NotFound),
            };
        }
        match self.attribute(&segments) {
            Found::Elsewhere => {}
            Found::Missing => return Err(Status::NotFound),
            Found::Root => return Err(Status::SerializationFailure),
            Found::Value(value, used) => return part(value, segments.get(used..).unwrap_or_default())?.wire(),
        }
        if let Some(value) = self.plugin().and_then(|plugin| plugin_token(plugin, &segments)) {
            return Ok(value);
        }
        self.filter_state(path).ok_or(Status::NotFound)
    }

    /// `proxy_set_property` (rule `PROP-6`)
    pub(crate) fn set_property(&self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let stream = self.stream().ok_or(Status::NotFound)?;
        let mut exchange = lock(&stream.exchange);
        let key = state_key(path);
        // A property that was declared to be read only takes one value.
        if self.is_read_only(stream.root, path) && exchange.filter_state.contains_key(&key) {
            return Err(Status::BadArgument);
        }
        exchange.filter_state.insert(key, value.to_vec());
        Ok(())
    }

    /// Where a path leads among the attributes: the proxy's own, the stream's.
    fn attribute(&self, segments: &[&str]) -> Found {
        match (segments, self.stream()) {
            // Who the proxy is can be read without a stream (rule PROP-7).
            (["xds", "node", ..], _) => Found::Value(self.process.node().value(), 2),
            (["node", ..], _) if self.envoy < EnvoyVersion::minor(33) => Found::Value(self.process.node().value(), 1),
            (["xds"], None) => Found::Root,
            (_, None) => Found::Elsewhere,
            (_, Some(stream)) => {
                let (exchange, visible) = (&lock(&stream.exchange), stream.visible);
                Stream { exchange, visible, envoy: self.envoy }.find(segments)
            }
        }
    }

    /// Names of one segment only (rule `PROP-6`).
    fn filter_state(&self, path: &[u8]) -> Option<Vec<u8>> {
        if path.contains(&0) {
            return None;
        }
        self.stored(&state_key(path))
    }

    /// By its whole key, as the attribute `filter_state` has it.
    fn stored(&self, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.stream()?.exchange).filter_state.get(key).cloned()
    }
}

/// Follows the rest of a path.
fn part(value: Value, rest: &[&str]) -> Result<Value, Status> {
    rest.iter().try_fold(value, |value, segment| value.into_part(segment.as_bytes())).ok_or(Status::NotFound)
}

fn state_key(path: &[u8]) -> Vec<u8> {
    [b"wasm.".as_slice(), path].concat()
}

fn plugin_token(plugin: &Plugin, segments: &[&str]) -> Option<Vec<u8>> {
    let value = match segments {
        ["plugin_name"] => &plugin.name,
        ["plugin_root_id"] => &plugin.root_id,
        ["plugin_vm_id"] => &plugin.vm_id,
        _ => return None,
    };
    Some(value.clone().into_bytes())
}
