//! A filter that waits by timers and shares values: the guest of the SDK's own tests.
//!
//! A request to `/wait/N` waits for N milliseconds, with `/refuse/N` it is answered then; `/wait-response/N` holds the
//! response. `/count` adds one to a shared value, `/attributes` looks at every attribute. Everything else goes on.

use std::time::Duration;

use tamis::attributes::{self, AttributeError, filter_state};
use tamis::metrics::{Counter, Gauge, Histogram, Metric};
use tamis::shared::{Creation, SharedCell};
use tamis::timer::Timers;
use tamis::{
    ConfigError, Filter, HeaderMap, HeaderName, Headers, HostError, NoConfig, Outcome, PluginContext, RequestHandle,
    RequestHeaders, Response, ResponseHandle, ResponseHeaders, Status, StreamError, clock,
};

const X_COUNT: HeaderName = HeaderName::from_static("x-count");
const X_VALUES: HeaderName = HeaderName::from_static("x-values");
const X_WAITED: HeaderName = HeaderName::from_static("x-waited");

/// The filter.
#[derive(Debug)]
pub struct State {
    timers: Timers<Task>,
    count: SharedCell,
    waits: Counter,
    waiting: Gauge,
    times: Histogram,
}

/// What is done when its time has come.
#[derive(Debug)]
enum Task {
    Resume(RequestHandle, Duration),
    Refuse(RequestHandle),
    ResumeResponse(ResponseHandle),
}

/// What the response is to meet.
#[derive(Debug, Default)]
pub struct Wish {
    /// How long it is to wait, in milliseconds.
    wait: Option<u64>,
    /// Every attribute is looked at.
    look: bool,
}

#[tamis::filter]
impl Filter for State {
    type Stream = Wish;

    fn new(_: NoConfig, plugin: &PluginContext) -> Result<Self, ConfigError> {
        let count = SharedCell::new(plugin, "count", 1)?;
        let created = count.create(b"10").map_err(|error| ConfigError::new("", error.to_string()))?;
        tamis::log::info(format_args!("{}", if created == Creation::Created { "created" } else { "existed" }));
        Ok(Self {
            timers: Timers::new(3),
            count,
            waits: Counter::define("waits")?,
            waiting: Gauge::define("waiting")?,
            times: Histogram::define("times")?,
        })
    }

    fn request_headers(&self, wish: &mut Wish, request: &mut RequestHeaders) -> Outcome {
        let path = match request.path() {
            Ok(path) => String::from_utf8_lossy(path.unwrap_or_default()).into_owned(),
            Err(error) => return Err(error).into(),
        };
        if path == "/count" {
            return self.add_one(request);
        }
        if path == "/attributes" {
            wish.look = true;
            return shown(request.headers(), ("request", self.values_of_request()));
        }
        let Some((what, Ok(time))) =
            path.trim_start_matches('/').split_once('/').map(|(what, time)| (what, time.parse()))
        else {
            return Outcome::Continue;
        };
        let (paused, handle) = request.pause();
        let task = match (what, clock::monotonic()) {
            ("wait", Ok(now)) => Task::Resume(handle, now),
            ("refuse", _) => Task::Refuse(handle),
            ("wait-response", _) => {
                wish.wait = Some(time);
                return Outcome::Continue;
            }
            _ => return Outcome::Continue,
        };
        let outcome = match self.timers.after(Duration::from_millis(time), task) {
            Ok(_) => paused.into(),
            Err(error) => Response::new(503).body(error.to_string()).into(),
        };
        match self.counted() {
            Ok(()) => outcome,
            Err(error) => Err(error).into(),
        }
    }

    fn response_headers(&self, wish: &mut Wish, response: &mut ResponseHeaders) -> Outcome {
        if wish.look {
            return shown(response.headers(), ("response", self.values_of_response()));
        }
        let Some(time) = wish.wait else { return Outcome::Continue };
        let (paused, handle) = response.pause();
        match self.timers.after(Duration::from_millis(time), Task::ResumeResponse(handle)) {
            Ok(_) => paused.into(),
            Err(error) => Response::new(503).body(error.to_string()).into(),
        }
    }

    fn tick(&self, _: &PluginContext) {
        let due = match self.timers.due() {
            Ok(due) => due,
            Err(error) => return tamis::log::error(format_args!("{error}")),
        };
        tamis::log::info(format_args!("tick: {} due", due.len()));
        for task in due {
            if let Err(error) = self.perform(task) {
                tamis::log::info(format_args!("{error}"));
            }
        }
    }
}

impl State {
    fn perform(&self, task: Task) -> Result<(), StreamError> {
        match task {
            Task::Resume(handle, since) => {
                let waited = clock::monotonic().unwrap_or_default().saturating_sub(since);
                self.times.record(waited.as_millis() as u64).map_err(StreamError::Host)?;
                handle.headers(|headers| headers.set(&X_WAITED, b"yes"))?.map_err(StreamError::Host)?;
                handle.resume()
            }
            Task::Refuse(handle) => handle.respond(&Response::new(429).body("too slow\n")),
            Task::ResumeResponse(handle) => {
                handle.headers(|headers| headers.set(&X_WAITED, b"yes"))?.map_err(StreamError::Host)?;
                handle.resume()
            }
        }
    }

    fn counted(&self) -> Result<(), HostError> {
        self.waits.add(0)?;
        self.waits.add(1)?;
        self.waiting.set(self.timers.len() as u64)
    }

    fn values_of_request(&self) -> Result<String, AttributeError> {
        filter_state::set("seen", b"yes")?;
        let path = attributes::REQUEST_PATH.get()?.unwrap_or_default();
        let size = attributes::REQUEST_SIZE.get()?;
        let agent =
            attributes::REQUEST_HEADERS.get()?.and_then(|headers| headers.get(b"user-agent").map(<[u8]>::to_vec));
        let mtls = attributes::CONNECTION_MTLS.get()?;
        let raw = attributes::raw(&["request", "method"])?.unwrap_or_default();
        let texts = [path, agent.unwrap_or_default(), raw].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let began = attributes::REQUEST_TIME.get()?.unwrap_or_default();
        let age = clock::wall()?.checked_sub(began).is_some_and(|age| age < Duration::from_secs(60));
        Ok(format!("{} size {size:?} mtls {mtls:?} recent {age}", texts.join(" ")))
    }

    fn values_of_response(&self) -> Result<String, AttributeError> {
        let code = attributes::RESPONSE_CODE.get()?;
        let gone = attributes::REQUEST_PATH.get()?;
        let metadata = attributes::XDS_UPSTREAM_HOST_METADATA.get()?;
        let seen = filter_state::get("seen")?.unwrap_or_default();
        Ok(format!("code {code:?} path {gone:?} metadata {metadata:?} seen {}", String::from_utf8_lossy(&seen)))
    }

    fn add_one(&self, request: &mut RequestHeaders) -> Outcome {
        let mut new = 0_u64;
        let result = self.count.update(|old| {
            new = old.and_then(|old| std::str::from_utf8(old).ok()?.parse().ok()).unwrap_or(0_u64).saturating_add(1);
            Some(new.to_string().into_bytes())
        });
        match result {
            Ok(_) => request.headers().set(&X_COUNT, new.to_string().as_bytes()).into(),
            Err(error) => Response::new(500).body(error.to_string()).into(),
        }
    }
}

/// Shows what was read in a header, and logs which attributes are there, and which of them have another form than the list
/// says.
fn shown(headers: &mut Headers, (phase, values): (&str, Result<String, AttributeError>)) -> Outcome {
    for entry in attributes::LIST {
        match attributes::raw(&entry.name.split('.').collect::<Vec<_>>()) {
            Ok(Some(bytes)) if (entry.fits)(bytes.clone()) => {
                tamis::log::info(format_args!("{phase}: {} is a {}", entry.name, entry.kind));
            }
            Ok(Some(bytes)) => tamis::log::error(format_args!("{phase}: wrong form: {} {bytes:?}", entry.name)),
            Ok(None) => {}
            // A value that is null.
            Err(error) if error.status() == Status::SERIALIZATION_FAILURE => {}
            Err(error) => tamis::log::error(format_args!("{phase}: wrong answer: {} {error}", entry.name)),
        }
    }
    match values {
        Ok(values) => headers.set(&X_VALUES, values.as_bytes()).into(),
        Err(error) => Response::new(500).body(error.to_string()).into(),
    }
}
