//! Envoy's foreign functions.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::VmContext;
use crate::abi::Status;

/// What an uncompressed text may have at most: a guest under test must not fill its host's memory.
const MAX_BYTES: u64 = 64 << 20;

impl VmContext {
    /// `proxy_call_foreign_function` (rule `FF-1`). Signatures (`verify_signature`, `sign`), CEL (`expr_*`) and
    /// `set_envoy_filter_state` are not to be had here: the first two need a library of keys, the others Envoy's own
    /// registries.
    pub(crate) fn foreign_function(&self, name: &[u8], argument: &[u8]) -> Result<Vec<u8>, Status> {
        match name {
            b"clear_route_cache" | b"declare_property" => Ok(Vec::new()),
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
            _ => Err(Status::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Plugin, Process};
    use super::*;

    #[test]
    fn ff_1_known_functions_work_and_unknown_ones_are_not_found() {
        let context = VmContext::new(Arc::new(Process::deterministic(0)), &Plugin::default(), (0, 0));
        let packed = context.foreign_function(b"compress", b"text text text").unwrap();
        assert_eq!(context.foreign_function(b"uncompress", &packed), Ok(b"text text text".to_vec()));
        assert_eq!(context.foreign_function(b"uncompress", b"no zlib"), Err(Status::SerializationFailure));
        assert_eq!(context.foreign_function(b"clear_route_cache", b""), Ok(Vec::new()));
        assert_eq!(context.foreign_function(b"nope", b""), Err(Status::NotFound));
    }
}
