//! Envoy's foreign functions.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use tamis_module::gate::EnvoyVersion;

use super::{VmContext, lock, proto, signatures};
use crate::abi::Status;

/// What an uncompressed text may have at most: a guest under test must not fill its host's memory.
const MAX_BYTES: u64 = 64 << 20;
/// How many properties a context may declare, for the same reason.
const MAX_DECLARED: usize = 10_000;

/// Whether a text makes an object.
type IsValid = fn(&str) -> bool;

/// The objects of Envoy's filter state that a guest can make: since which release, and from what (rule `FF-5`).
const OBJECTS: [(&str, u8, IsValid); 13] = [
    ("envoy.string", 0, |_| true),
    ("envoy.hashable_string", 38, |_| true),
    ("envoy.tcp_proxy.cluster", 0, |_| true),
    ("envoy.tcp_proxy.disable_tunneling", 0, |_| true),
    ("envoy.tcp_proxy.per_connection_idle_timeout_ms", 0, |text| text.parse::<u64>().is_ok()),
    ("envoy.network.upstream_server_name", 0, |_| true),
    ("envoy.network.upstream_subject_alt_names", 0, |_| true),
    ("envoy.network.application_protocols", 0, |_| true),
    ("envoy.network.ip", 0, |text| text.parse::<IpAddr>().is_ok()),
    ("envoy.network.transport_socket.original_dst_address", 0, |text| text.parse::<SocketAddr>().is_ok()),
    ("envoy.upstream.dynamic_host", 0, |_| true),
    ("envoy.upstream.dynamic_port", 0, |text| text.parse::<u32>().is_ok()),
    ("envoy.ratelimit.hits_addend", 0, |text| text.parse::<u32>().is_ok()),
];

/// The properties that contexts have declared, and whether they can be read only.
#[derive(Debug, Default)]
pub(super) struct Declared(BTreeMap<u32, BTreeMap<Vec<u8>, bool>>);

impl Declared {
    pub(super) fn forget(&mut self, context: u32) {
        self.0.remove(&context);
    }
}

impl VmContext {
    /// `proxy_call_foreign_function` (rule `FF-1`).
    pub(crate) fn foreign_function(&mut self, name: &[u8], argument: &[u8]) -> Result<Vec<u8>, Status> {
        let since = |minor| self.envoy >= EnvoyVersion::minor(minor);
        match name {
            b"clear_route_cache" if since(33) => Ok(Vec::new()),
            b"compress" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(argument).map_err(|_| Status::InternalFailure)?;
                encoder.finish().map_err(|_| Status::InternalFailure)
            }
            b"uncompress" => {
                let mut text = Vec::new();
                let mut decoder = ZlibDecoder::new(argument).take(MAX_BYTES + 1);
                decoder.read_to_end(&mut text).map_err(|_| Status::SerializationFailure)?;
                if text.len() as u64 > MAX_BYTES { Err(Status::InternalFailure) } else { Ok(text) }
            }
            b"declare_property" => self.declare(argument).map(|()| Vec::new()),
            b"set_envoy_filter_state" => self.set_envoy_filter_state(argument).map(|()| Vec::new()),
            b"verify_signature" if since(30) => self.available(signatures::verify(argument, since(37))),
            b"sign" if since(37) => self.available(signatures::sign(argument)),
            // The harness has no CEL (rule FF-4): to it every expression is one that cannot be read.
            b"expr_create" => {
                self.say("the harness has no CEL: `expr_create` takes no expression (FF-4)");
                Err(Status::BadArgument)
            }
            b"expr_evaluate" if argument.len() == 4 => Err(Status::NotFound),
            b"expr_delete" if argument.len() == 4 => Ok(Vec::new()),
            b"expr_evaluate" | b"expr_delete" => Err(Status::BadArgument),
            _ => Err(Status::NotFound),
        }
    }

    /// Whether a plugin has declared that a property takes one value only (rule `PROP-6`).
    pub(super) fn is_read_only(&self, root: u32, name: &[u8]) -> bool {
        self.declared.0.get(&root).and_then(|names| names.get(name)).copied().unwrap_or_default()
    }

    /// Objects of Envoy's own, from their text (rule `FF-5`).
    fn set_envoy_filter_state(&mut self, argument: &[u8]) -> Result<(), Status> {
        let fields = proto::fields(argument).ok_or(Status::BadArgument)?;
        let (path, value) = (proto::bytes_of(&fields, 1), proto::bytes_of(&fields, 2));
        let known = OBJECTS
            .iter()
            .find(|(name, since, _)| name.as_bytes() == path && self.envoy >= EnvoyVersion::minor(*since));
        let (_, _, is_valid) = known.ok_or(Status::NotFound)?;
        let text = std::str::from_utf8(value);
        if !text.is_ok_and(is_valid) {
            return Err(Status::BadArgument);
        }
        let stream = self.streams.get(&self.foreign_context()).ok_or(Status::NotFound)?;
        lock(&stream.exchange).filter_state.insert(path.to_vec(), value.to_vec());
        Ok(())
    }

    /// What a function of signatures answers; the log says what the harness cannot do.
    fn available(&mut self, answer: signatures::Answer) -> Result<Vec<u8>, Status> {
        answer.unwrap_or_else(|signatures::Unavailable| {
            self.say("the harness has no implementation of this kind of signature (FF-3)");
            Err(Status::Unimplemented)
        })
    }

    /// What the harness itself has to say.
    fn say(&mut self, what: &str) {
        // The level is one that exists.
        let _ = self.log(3, what.as_bytes());
    }

    /// Each name once for each context.
    fn declare(&mut self, argument: &[u8]) -> Result<(), Status> {
        let fields = proto::fields(argument).ok_or(Status::BadArgument)?;
        let context = self.foreign_context();
        let names = self.declared.0.entry(context).or_default();
        let name = proto::bytes_of(&fields, 1);
        if names.contains_key(name) || names.len() >= MAX_DECLARED {
            return Err(Status::BadArgument);
        }
        names.insert(name.to_vec(), proto::number_of(&fields, 2) != 0);
        Ok(())
    }

    /// The context that foreign functions act on (rule `FF-2`).
    fn foreign_context(&self) -> u32 {
        if self.envoy >= EnvoyVersion::minor(37) { self.active() } else { self.call.context }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Plugin, Process};
    use super::*;

    fn context(envoy: EnvoyVersion) -> VmContext {
        VmContext::new(Arc::new(Process::deterministic(0)), &Plugin::default(), (0, 0), envoy)
    }

    #[test]
    fn ff_1_known_functions_work_and_unknown_ones_are_not_found() {
        let mut context = context(EnvoyVersion::NEWEST);
        let packed = context.foreign_function(b"compress", b"text text text").unwrap();
        assert_eq!(context.foreign_function(b"uncompress", &packed), Ok(b"text text text".to_vec()));
        assert_eq!(context.foreign_function(b"uncompress", b"no zlib"), Err(Status::SerializationFailure));
        assert_eq!(context.foreign_function(b"clear_route_cache", b""), Ok(Vec::new()));
        assert_eq!(context.foreign_function(b"nope", b""), Err(Status::NotFound));
    }

    #[test]
    fn ff_1_what_came_later_is_not_found_earlier() {
        let mut context = context(EnvoyVersion::minor(32));
        assert_eq!(context.foreign_function(b"clear_route_cache", b""), Err(Status::NotFound));
    }

    #[test]
    fn ff_2_a_property_is_declared_once_for_the_effective_context() {
        for (envoy, second) in
            [(EnvoyVersion::NEWEST, Ok(Vec::new())), (EnvoyVersion::minor(36), Err(Status::BadArgument))]
        {
            let mut context = context(envoy);
            let root = context.add_root(Arc::default());
            let other = context.add_root(Arc::default());
            context.begin(root, false, super::super::Incoming::Nothing);
            assert_eq!(context.foreign_function(b"declare_property", b"\x0a\x01p"), Ok(Vec::new()));
            assert_eq!(context.foreign_function(b"declare_property", b"\x0a\x01p"), Err(Status::BadArgument));
            context.set_effective(other).unwrap();
            assert_eq!(context.foreign_function(b"declare_property", b"\x0a\x01p"), second);
        }
    }
}
