//! A batch in the harness.

use std::collections::BTreeMap;
use std::sync::Arc;

use tamis_module::gate::EnvoyVersion;

use super::batch::End;
use super::{Batch, ConformanceError, Exchange, Lines, connection};
use crate::context::{Attributes, LogLine, Node, Plugin, Process, Xds};
use crate::stream::{FailurePolicy, FilterSpec, LoadedModule, Options, Passed, Proxy};

/// Runs batches in one process that behaves as this version, as an Envoy with a listener for each: first all are loaded, then come the requests.
///
/// # Errors
///
/// [`ConformanceError::Harness`] when the probe does not load.
pub fn run(
    module: &LoadedModule,
    batches: &[&Batch],
    envoy: EnvoyVersion,
) -> Result<BTreeMap<String, Lines>, ConformanceError> {
    let process = Arc::new(Process::deterministic(1));
    process.set_node(Node { id: "conformance".to_owned(), cluster: "conformance".to_owned(), ..Node::default() });
    let mut loaded = Vec::new();
    for batch in batches {
        let mark = process.log_written();
        let plugin = Plugin {
            name: "probe".to_owned(),
            vm_id: batch.name.clone(),
            configuration: batch.configuration().into_bytes(),
            ..Plugin::default()
        };
        let filter = FilterSpec { module: module.clone(), plugin, failure_policy: FailurePolicy::Closed };
        let proxy = Proxy::load_with(&[filter], process.clone(), Options { envoy, ..Options::default() })
            .map_err(|error| ConformanceError::Harness { batch: batch.name.clone(), error })?;
        loaded.push((batch, proxy, process.log_since(mark)));
    }
    let mut lines = BTreeMap::new();
    for (batch, mut proxy, mut log) in loaded {
        let mut ends = Vec::new();
        for exchange in &batch.exchanges {
            let mark = process.log_written();
            stream(&mut proxy, *exchange);
            log.extend(process.log_since(mark));
            ends.push(End::Deleted);
        }
        for closes_first in &batch.connections {
            let mark = process.log_written();
            ends.push(connection::emulated(&mut proxy, *closes_first));
            log.extend(process.log_since(mark));
        }
        let mut sorted = Batch::sort(log.iter().map(record));
        sorted.extend((1..).zip(&ends).map(|(stream, end)| batch.end(stream, end)));
        lines.insert(batch.name.clone(), sorted);
    }
    Ok(lines)
}

fn stream(proxy: &mut Proxy, exchange: Exchange) {
    let attributes = Attributes {
        xds: Arc::new(Xds { route_name: Some("route".to_owned()), ..Xds::default() }),
        ..Attributes::default()
    };
    let mut stream = proxy.open(attributes);
    if let Passed::On(_) = stream.request(exchange.request_seen()) {
        stream.response(exchange.response_seen());
    }
    stream.close();
}

fn record(line: &LogLine) -> (&str, &str) {
    (&line.from, &line.message)
}
