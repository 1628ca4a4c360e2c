//! A batch in the harness.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::End;
use super::{Batch, ConformanceError, Exchange, Lines};
use crate::context::{Attributes, LogLine, Plugin, Process};
use crate::stream::{FailurePolicy, FilterSpec, LoadedModule, Passed, Proxy};

/// Runs batches in one process, as an Envoy with a listener for each: first all are loaded, then come the requests.
///
/// # Errors
///
/// [`ConformanceError::Harness`] when the probe does not load.
pub fn run(module: &LoadedModule, batches: &[Batch]) -> Result<BTreeMap<String, Lines>, ConformanceError> {
    let process = Arc::new(Process::deterministic(1));
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
        let proxy = Proxy::load(&[filter], process.clone())
            .map_err(|error| ConformanceError::Harness { batch: batch.name.clone(), error })?;
        loaded.push((batch, proxy, process.log_since(mark)));
    }
    let mut lines = BTreeMap::new();
    for (batch, mut proxy, mut log) in loaded {
        for exchange in &batch.exchanges {
            let mark = process.log_written();
            stream(&mut proxy, *exchange);
            log.extend(process.log_since(mark));
        }
        let mut sorted = Batch::sort(log.iter().map(record));
        sorted.extend((1..=batch.exchanges.len()).map(|stream| batch.end(stream, End::Deleted)));
        lines.insert(batch.name.clone(), sorted);
    }
    Ok(lines)
}

fn stream(proxy: &mut Proxy, exchange: Exchange) {
    let attributes = Attributes {
        source: "127.0.0.1:1".to_owned(),
        destination: "127.0.0.1:2".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        start_nanoseconds: 1,
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
