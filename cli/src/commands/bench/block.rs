//! A block: a fresh set of processes, one per variant, and their bursts.

use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tamis_harness::document::parse_as;
use tamis_harness::envoy::{EnvoyBinary, EnvoyProcess, Settings};
use tamis_harness::gateway::client::send_blocking;
use tamis_harness::scenario::model::Request;

use super::experiment::{Experiment, Variant, Works};
use super::slice::{HEADERS, Slice, burst, nanoseconds};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Between an Envoy being ready and the look at what its start has cost: what it still does then belongs to it.
pub const SETTLE: Duration = Duration::from_millis(400);

/// Requests before anything counts: Envoy itself is at its final speed after some hundreds.
const WARM: u32 = 2000;
/// The same where each has a body of a megabyte.
const WARM_BODIES: u32 = 64;

/// What a block does.
pub struct Plan<'a> {
    pub experiment: &'a Experiment,
    pub envoy: &'a EnvoyBinary,
    pub client: &'a Path,
    /// How many bursts each variant gets.
    pub cycles: u32,
    /// How many requests a burst has.
    pub requests: u32,
    pub interrupt: &'a Interrupt,
}

/// What was measured of one variant in a block.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Processor time from the start of the process until it had settled, in milliseconds.
    pub start: f64,
    /// A burst per cycle.
    pub slices: Vec<Slice>,
}

struct Running {
    envoy: EnvoyProcess,
    address: SocketAddr,
    /// The number of its next request.
    next: u64,
}

impl Plan<'_> {
    /// Starts every variant, gives each its bursts in an order that is new in every cycle, and stops them.
    pub fn block(&self, order: &mut Order) -> Result<Vec<Measured>, Failure> {
        let variants = &self.experiment.variants;
        let upstream =
            self.experiment.upstream.as_ref().map(|upstream| self.answers(&upstream.configuration)).transpose()?;
        let others = upstream.iter().map(|(envoy, _)| envoy.id()).collect::<Vec<_>>();
        let address = upstream.as_ref().map(|(_, address)| *address);
        let warm = if address.is_some() { WARM_BODIES } else { WARM };
        let mut measured = vec![Measured::default(); variants.len()];
        let mut running = Vec::new();
        for at in order.shuffled(variants.len()) {
            let Some((variant, measured)) = variants.get(at).zip(measured.get_mut(at)) else { continue };
            self.interrupt.check()?;
            let (mut one, start) = self.start(variant, address)?;
            measured.start = start;
            let filled = if self.cycles > 1 { variant.filled } else { 0 };
            self.burst(&mut one, &others, filled.max(warm))?;
            running.push((at, one));
        }
        for _ in 0..self.cycles {
            for place in order.shuffled(running.len()) {
                let Some((at, one)) = running.get_mut(place) else { continue };
                let slice = self.burst(one, &others, self.requests)?;
                if let Some(measured) = measured.get_mut(*at) {
                    measured.slices.push(slice);
                }
            }
        }
        Ok(measured)
    }

    fn burst(&self, one: &mut Running, others: &[u32], requests: u32) -> Result<Slice, Failure> {
        self.interrupt.check()?;
        let first = one.next;
        one.next += u64::from(requests);
        burst(self.client, (one.envoy.id(), one.address), others, self.experiment.client, first, requests)
    }

    /// The Envoy that answers the others.
    fn answers(&self, configuration: &Value) -> Result<(EnvoyProcess, SocketAddr), Failure> {
        let envoy = EnvoyProcess::start(self.envoy, configuration).map_err(Failure::environment)?;
        let listeners = envoy.listeners().map_err(Failure::environment)?;
        let address = listeners.values().next().ok_or_else(|| Failure::environment("the upstream has no listener"))?;
        let address = *address;
        Ok((envoy, address))
    }

    /// A running Envoy that does what the variant is for, and what its start has cost in milliseconds.
    fn start(&self, variant: &Variant, upstream: Option<SocketAddr>) -> Result<(Running, f64), Failure> {
        let cannot = |error: &dyn std::fmt::Display| Failure::environment(format_args!("{}: {error}", variant.name));
        let settings = Settings { workers: self.experiment.workers, ..Settings::default() };
        let envoy = EnvoyProcess::start_with(self.envoy, &variant.configuration(upstream), settings)
            .map_err(|error| cannot(&error))?;
        sleep(SETTLE);
        let start = nanoseconds(envoy.id())? as f64 / 1e6;
        let listeners = envoy.listeners().map_err(|error| cannot(&error))?;
        let address = *listeners.get("bench").ok_or_else(|| cannot(&"there is no listener"))?;
        let answer = send_blocking(address, &request()?).map_err(|error| cannot(&error))?;
        let works = match variant.works {
            Works::Unseen => answer.get("x-response").is_none(),
            Works::Header(name) => answer.get(name).is_some(),
            Works::Counter(name) => envoy.stats(name).map_err(|error| cannot(&error))?.values().any(|count| *count > 0),
        };
        if answer.get(":status") == Some(b"200") && works {
            Ok((Running { envoy, address, next: 0 }, start))
        } else {
            let status = answer.get(":status").map(String::from_utf8_lossy);
            Err(cannot(&format_args!("a wrong answer: {status:?}")))
        }
    }
}

/// The request of the smoke test, as the bursts send it.
fn request() -> Result<Request, Failure> {
    // The name that h2load gives itself, because one variant asks for it.
    let named = HEADERS.into_iter().chain([("user-agent", "h2load")]);
    let headers = named.collect::<std::collections::BTreeMap<_, _>>();
    parse_as(&serde_json::json!({ "path": "/items/0", "headers": headers }).to_string()).map_err(Failure::environment)
}

/// Orders, by a generator that is good enough for that and needs no crate.
pub struct Order(u64);

impl Order {
    /// The orders of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// The numbers below `count`, each once.
    pub fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut numbers = (0..count).collect::<Vec<_>>();
        for at in (1..count).rev() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            numbers.swap(at, (self.0 >> 33) as usize % (at + 1));
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_every_number_once_and_orders_differ() {
        let mut order = Order::new(7);
        let orders = (0..10).map(|_| order.shuffled(14)).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(orders.len(), 10);
        for mut numbers in orders {
            numbers.sort_unstable();
            assert_eq!(numbers, (0..14).collect::<Vec<_>>());
        }
        assert!(Order::new(1).shuffled(0).is_empty());
    }
}
