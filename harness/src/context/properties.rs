//! Properties: what a guest can ask by path.

use super::{Exchange, HeaderMap, Plugin, StreamContext, Visible, VmContext, lock};
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
        if segments == ["xds"] {
            return Err(Status::SerializationFailure);
        }
        if let Some(name) = path.strip_prefix(b"filter_state\0") {
            return match name {
                b"" if self.stream().is_some() => Err(Status::SerializationFailure),
                name if name.contains(&0) => Err(Status::NotFound),
                name => self.stored(name).ok_or(Status::NotFound),
            };
        }
        if let Some(value) = self.stream().and_then(|stream| stream_attribute(stream, &segments)) {
            return value;
        }
        if let Some(value) = self.plugin().and_then(|plugin| plugin_token(plugin, &segments)) {
            return Ok(value);
        }
        self.filter_state(path).ok_or(Status::NotFound)
    }

    /// `proxy_set_property` (rule `PROP-6`)
    pub(crate) fn set_property(&self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let stream = self.stream().ok_or(Status::NotFound)?;
        lock(&stream.exchange).filter_state.insert(state_key(path), value.to_vec());
        Ok(())
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

/// An attribute of the stream; `None` when the path is none, an error when it is one without a value now.
fn stream_attribute(stream: &StreamContext, segments: &[&str]) -> Option<Result<Vec<u8>, Status>> {
    let exchange = lock(&stream.exchange);
    match segments {
        // A root as a whole has no wire form (rule PROP-2).
        ["request" | "response" | "connection" | "upstream" | "source" | "destination" | "filter_state"] => {
            Some(Err(Status::SerializationFailure))
        }
        ["connection", "mtls"] => Some(Ok(vec![0])),
        ["connection", "requested_server_name"] => Some(Ok(Vec::new())),
        ["request", rest @ ..] => Some(request(&exchange, stream.visible, rest).ok_or(Status::NotFound)),
        ["response", rest @ ..] => Some(response(&exchange, stream.visible, rest).ok_or(Status::NotFound)),
        ["source", rest @ ..] => Some(address(&exchange.attributes.source, rest).ok_or(Status::NotFound)),
        ["destination", rest @ ..] => Some(address(&exchange.attributes.destination, rest).ok_or(Status::NotFound)),
        _ => None,
    }
}

/// What is derived from headers is there as long as they are (rule `PROP-4`); the rest always.
fn request(exchange: &Exchange, visible: Visible, segments: &[&str]) -> Option<Vec<u8>> {
    let attributes = &exchange.attributes;
    let header = |name: &str| {
        let headers = exchange.request.headers.as_ref()?;
        (visible.request_headers || visible.log).then(|| headers.get(name.as_bytes()).map(<[u8]>::to_vec))?
    };
    match segments {
        ["path"] => header(":path"),
        ["url_path"] => header(":path").map(|path| before(&path, b'?').to_vec()),
        ["query"] => header(":path").map(|path| after(&path, b'?').to_vec()),
        ["host"] => header(":authority"),
        ["scheme"] => header(":scheme"),
        ["method"] => header(":method"),
        ["referer"] => header("referer"),
        ["useragent"] => header("user-agent"),
        ["id"] => header("x-request-id"),
        ["headers", name] => {
            let headers = exchange.request.headers.as_ref()?;
            (visible.request_headers || visible.log).then(|| joined(headers, name))?
        }
        ["protocol"] => Some(attributes.protocol.clone().into_bytes()),
        ["time"] => Some(attributes.start_nanoseconds.to_le_bytes().to_vec()),
        ["size"] => {
            // The declared size counts, where there is one (rule PROP-8).
            let declared = exchange.request.headers.as_ref().and_then(|headers| headers.get(b"content-length"));
            let declared = declared.and_then(|value| std::str::from_utf8(value).ok()?.parse::<u64>().ok());
            Some(declared.unwrap_or(attributes.request_bytes).to_le_bytes().to_vec())
        }
        _ => None,
    }
}

fn response(exchange: &Exchange, visible: Visible, segments: &[&str]) -> Option<Vec<u8>> {
    match segments {
        ["code"] => exchange.attributes.response_code.map(|code| code.to_le_bytes().to_vec()),
        ["code_details"] if !exchange.attributes.response_code_details.is_empty() => {
            Some(exchange.attributes.response_code_details.clone().into_bytes())
        }
        ["headers", name] => {
            let headers = exchange.response.headers.as_ref()?;
            (visible.response_headers || visible.log).then(|| joined(headers, name))?
        }
        _ => None,
    }
}

fn address(address: &str, segments: &[&str]) -> Option<Vec<u8>> {
    match segments {
        ["address"] => Some(address.as_bytes().to_vec()),
        ["port"] => Some(address.rsplit_once(':')?.1.parse::<i64>().ok()?.to_le_bytes().to_vec()),
        _ => None,
    }
}

/// All values, joined by commas, as attributes have them.
fn joined(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let values = headers.get_all(name.as_bytes()).collect::<Vec<_>>();
    (!values.is_empty()).then(|| values.join(b",".as_slice()))
}

fn before(bytes: &[u8], separator: u8) -> &[u8] {
    bytes.split(|byte| *byte == separator).next().unwrap_or_default()
}

fn after(bytes: &[u8], separator: u8) -> &[u8] {
    bytes.splitn(2, |byte| *byte == separator).nth(1).unwrap_or_default()
}
