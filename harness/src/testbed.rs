//! A proxy for a filter author's own tests: send a request or connect, answer what the filter asks, let time go by, look at
//! what came of it.
//!
//! A [scenario](crate::scenario) says the same in a file that also runs in a real Envoy; this is for what a file cannot say.
//!
//! ```
//! use std::time::Duration;
//!
//! use tamis_harness::stream::{CalloutAnswer, Passed};
//! use tamis_harness::testbed::{Testbed, get, response};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A filter that asks the cluster `auth` whether a request may go on.
//! # /*
//! let wasm = std::fs::read("target/tamis/my-filter.wasm")?;
//! # */
//! # let wasm = wat::parse_file(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/asks.wat"))?;
//! let mut testbed = Testbed::of(&wasm).configuration("{}").cluster("auth").load()?;
//!
//! // The filter holds the request until its callout is answered.
//! let mut call = testbed.send(get("/items").header("x-user", "alice"));
//! assert_eq!(testbed.passed(&mut call), Passed::Stuck);
//! let callout = testbed.callouts().remove(0);
//! assert_eq!((callout.cluster.as_str(), callout.request.headers.get(b":path")), ("auth", Some(b"/check".as_slice())));
//! testbed.answer(callout.id, CalloutAnswer::Response(response(200).body("fine").into()));
//!
//! // Now it goes on to the upstream, and the upstream's response to the client.
//! let Passed::On(request) = testbed.passed(&mut call) else { panic!("it does not go on") };
//! assert_eq!(request.headers.get(b"x-user"), Some(b"alice".as_slice()));
//! let Passed::On(seen) = testbed.respond(&mut call, response(200).body("items")) else { panic!("no response") };
//! assert_eq!(seen.body(), b"items");
//! testbed.close(call);
//! assert_eq!(testbed.log().last().unwrap(), "[info] wasm log: answered");
//! assert_eq!(testbed.metric("denied"), None);
//!
//! // Nobody answers, and the filter's timeout of 200 ms comes: no test waits for it.
//! let mut call = testbed.send(get("/items"));
//! testbed.advance(Duration::from_millis(200));
//! let Passed::Replied(denied) = testbed.passed(&mut call) else { panic!("no reply") };
//! assert_eq!(denied.headers.get(b":status"), Some(b"403".as_slice()));
//! # Ok(())
//! # }
//! ```
//!
//! A filter for connections is a network filter, with both ends of a connection in the test's hands:
//!
//! ```
//! use tamis_harness::stream::End;
//! use tamis_harness::testbed::connection::ClosedBy;
//! use tamis_harness::testbed::Testbed;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A filter that holds back what ends with `p` until more comes, and closes at what ends with `c`.
//! # /*
//! let wasm = std::fs::read("target/tamis/my-filter.wasm")?;
//! # */
//! # let wasm = wat::parse_file(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests/connections.wat"))?;
//! let mut testbed = Testbed::of(&wasm).load()?;
//! let mut connection = testbed.connect();
//!
//! testbed.says(&mut connection, End::Client, "help");
//! let upstream = connection.seen().upstream.as_ref().ok_or("the proxy has not connected to it")?;
//! assert_eq!(upstream.bytes, b"");
//! testbed.says(&mut connection, End::Client, "ed");
//! testbed.says(&mut connection, End::Upstream, "fine");
//! assert_eq!(connection.seen().upstream.as_ref().map(|end| end.bytes.as_slice()), Some(b"helped".as_slice()));
//! assert_eq!(connection.seen().client.bytes, b"fine");
//! assert_eq!(connection.seen().closed_by, None);
//!
//! testbed.says(&mut connection, End::Client, "c");
//! assert!(connection.is_closed());
//! assert_eq!(connection.seen().closed_by, Some(ClosedBy::Proxy));
//! assert!(testbed.log().contains(&"[info] wasm log filter: down closes 1".to_owned()));
//! testbed.hang_up(connection);
//! # Ok(())
//! # }
//! ```

pub mod connection;

use std::sync::Arc;
use std::time::Duration;

pub use self::connection::Connection;
use crate::context::{Attributes, ClusterState, HeaderMap, Plugin, Process};
use crate::cost::Cost;
use crate::stream::{
    Callout, CalloutAnswer, CalloutId, Direction, End, FailurePolicy, FilterSpec, LoadError, LoadedModule, Options,
    Passed, Proxy, StreamKey, Whole, WireMessage,
};

/// The seed of a testbed's randomness: what happens in it depends on nothing else.
const SEED: u64 = 1;

/// A proxy with one filter, in virtual time.
#[derive(Debug)]
pub struct Testbed {
    proxy: Proxy,
    /// How many lines of the log have been read.
    read: usize,
}

/// A testbed that is being set up: [`Testbed::of`].
#[derive(Debug, Clone)]
pub struct Setup<'m> {
    module: &'m [u8],
    plugin: Plugin,
    failure_policy: FailurePolicy,
    clusters: Vec<String>,
    options: Options,
}

/// A request on its way, and its response.
#[derive(Debug)]
pub struct Call {
    key: StreamKey,
    whole: Whole,
    direction: Direction,
}

/// A request or a response that is being written: [`get`], [`request`], [`response`].
#[derive(Debug, Clone)]
pub struct Message(WireMessage);

/// A GET of a path on `example.com`.
#[must_use]
pub fn get(path: &str) -> Message {
    request("GET", path)
}

/// A request for a path on `example.com`.
#[must_use]
pub fn request(method: &str, path: &str) -> Message {
    let headers = [(":authority", "example.com"), (":path", path), (":method", method), (":scheme", "http")];
    Message(WireMessage::new(headers.into_iter().collect(), Vec::new()))
}

/// A response with a status.
#[must_use]
pub fn response(status: u16) -> Message {
    let headers = [(":status", status.to_string())].into_iter().collect::<HeaderMap>();
    Message(WireMessage::new(headers, Vec::new()))
}

impl Message {
    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.headers.add(name.as_bytes(), value.as_ref());
        self
    }

    /// With one more piece of the body: filters see each by itself.
    #[must_use]
    pub fn body(mut self, piece: impl Into<Vec<u8>>) -> Self {
        self.0.chunks.push(piece.into());
        self
    }

    /// With one more trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.trailers.get_or_insert_default().add(name.as_bytes(), value.as_ref());
        self
    }
}

impl From<Message> for WireMessage {
    fn from(message: Message) -> Self {
        message.0
    }
}

impl Setup<'_> {
    /// What the filter is told, as it is: JSON for the filters of this SDK. Nothing by default.
    #[must_use]
    pub fn configuration(mut self, text: &str) -> Self {
        self.plugin.configuration = text.into();
        self
    }

    /// All else that a proxy says of the filter; its configuration is replaced, too.
    #[must_use]
    pub fn plugin(mut self, plugin: Plugin) -> Self {
        self.plugin = plugin;
        self
    }

    /// What happens to streams after the VM has died.
    #[must_use]
    pub fn failure_policy(mut self, policy: FailurePolicy) -> Self {
        self.failure_policy = policy;
        self
    }

    /// Makes a cluster known, so that callouts to it can be answered.
    #[must_use]
    pub fn cluster(mut self, name: &str) -> Self {
        self.clusters.push(name.to_owned());
        self
    }

    /// How the proxy is set up: workers, limits.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Loads the filter, as Envoy would.
    ///
    /// # Errors
    ///
    /// [`LoadError`] when no Envoy would load the module, or when it refuses its configuration.
    pub fn load(self) -> Result<Testbed, LoadError> {
        let process = Process::deterministic(SEED);
        for cluster in &self.clusters {
            process.add_cluster(cluster, ClusterState::Up);
        }
        let module = LoadedModule::new(self.module)?;
        let filter = FilterSpec { module, plugin: self.plugin, failure_policy: self.failure_policy };
        let proxy = Proxy::load_with(&[filter], Arc::new(process), self.options)?;
        Ok(Testbed { proxy, read: 0 })
    }
}

impl Testbed {
    /// Sets up a testbed for a module.
    #[must_use]
    pub fn of(module: &[u8]) -> Setup<'_> {
        let (plugin, clusters) = (Plugin { name: "filter".to_owned(), ..Plugin::default() }, Vec::new());
        Setup { module, plugin, failure_policy: FailurePolicy::default(), clusters, options: Options::default() }
    }

    /// Sends a request through the filter, on the first worker. [`passed`](Self::passed) says what became of it.
    pub fn send(&mut self, request: impl Into<WireMessage>) -> Call {
        self.send_on(0, request)
    }

    /// Sends a request through the filter on a worker, counted from 0.
    pub fn send_on(&mut self, worker: usize, request: impl Into<WireMessage>) -> Call {
        let start_nanoseconds = self.proxy.process().clock().wall_nanoseconds();
        let key = self.proxy.open_on(worker, Attributes { start_nanoseconds, ..Attributes::default() });
        let mut call = Call { key, whole: Whole::new(key), direction: Direction::Request };
        call.whole.send(&mut self.proxy, Direction::Request, request.into());
        call
    }

    /// What has become of the message that was sent last, request or response. A message that has gone on is given out once.
    pub fn passed(&mut self, call: &mut Call) -> Passed {
        call.whole.passed(&mut self.proxy, call.direction)
    }

    /// Sends the upstream's response back through the filter.
    pub fn respond(&mut self, call: &mut Call, response: impl Into<WireMessage>) -> Passed {
        call.direction = Direction::Response;
        call.whole.send(&mut self.proxy, Direction::Response, response.into());
        self.passed(call)
    }

    /// Ends a call; says what it has cost.
    pub fn close(&mut self, call: Call) -> Cost {
        self.proxy.close(call.key)
    }

    /// A client connects, on the first worker: the filter is a network filter in front of a TCP proxy. A filter for requests
    /// lets connections through.
    pub fn connect(&mut self) -> Connection {
        let start_nanoseconds = self.proxy.process().clock().wall_nanoseconds();
        Connection::begin(&mut self.proxy, 0, Attributes { start_nanoseconds, ..Attributes::default() })
    }

    /// An end of a connection says something. What comes of it stands in [`Connection::seen`]; an upstream that the proxy has
    /// not connected to says nothing.
    pub fn says(&mut self, connection: &mut Connection, end: End, bytes: impl AsRef<[u8]>) {
        connection.says(&mut self.proxy, end, bytes.as_ref());
    }

    /// An end says nothing more, and goes on to listen.
    pub fn ends(&mut self, connection: &mut Connection, end: End) {
        connection.ends(&mut self.proxy, end);
    }

    /// An end breaks a connection off, as a TCP reset does.
    pub fn breaks(&mut self, connection: &mut Connection, end: End) {
        connection.breaks(&mut self.proxy, end);
    }

    /// Ends a connection; its client breaks off one that is still open. Says what it has cost.
    pub fn hang_up(&mut self, connection: Connection) -> Cost {
        connection.forget(&mut self.proxy)
    }

    /// The callouts that the filter has made since the last time.
    pub fn callouts(&mut self) -> Vec<Callout> {
        self.proxy.take_callouts()
    }

    /// Answers a callout. Says whether the filter was still waiting.
    pub fn answer(&mut self, callout: CalloutId, answer: CalloutAnswer) -> bool {
        self.proxy.answer(callout, answer)
    }

    /// Lets time go by: timers and deadlines run, each at its own time.
    pub fn advance(&mut self, by: Duration) {
        self.proxy.advance(by);
    }

    /// Looks at a connection again, after something else than its ends has happened: time, or the answer to a callout.
    pub fn look(&mut self, connection: &mut Connection) {
        connection.look(&mut self.proxy);
    }

    /// The lines that were logged since the last time, as Envoy prints them.
    pub fn log(&mut self) -> Vec<String> {
        let (process, before) = (self.proxy.process(), self.read);
        self.read = process.log_written();
        process.log_since(before).iter().map(ToString::to_string).collect()
    }

    /// A metric's value.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.proxy.process().metric(name)
    }

    /// The proxy, for all else: gRPC, new configurations, faults.
    pub fn proxy(&mut self) -> &mut Proxy {
        &mut self.proxy
    }
}
