//! A filter with queues, random bytes and foreign functions: the guest of the SDK's own tests. The path says what is tried; the
//! request's header `x-result` has what came of it.

use tamis::audit::{Audit, Trail};
use tamis::foreign::{self, Hash, Holds, Key, Span};
use tamis::queue::Queue;
use tamis::{
    ConfigError, Filter, HeaderMap, HeaderName, HostError, NoConfig, Outcome, PluginContext, RequestHeaders, random,
};

mod keys;

use keys::{PRIVATE_KEY, PUBLIC_KEY, SIGNATURE};

const X_KEPT: HeaderName = HeaderName::from_static("x-kept");
const X_RESULT: HeaderName = HeaderName::from_static("x-result");
const X_VERSION: HeaderName = HeaderName::from_static("x-version");

/// The filter.
#[derive(Debug)]
pub struct Extras {
    queue: Queue,
    audit: Audit,
}

#[tamis::filter]
impl Filter for Extras {
    type Stream = Trail;

    fn new(_: NoConfig, _: &PluginContext) -> Result<Self, ConfigError> {
        let queue = Queue::register("extras").map_err(|error| ConfigError::new("", error.to_string()))?;
        Ok(Self { queue, audit: Audit::define("extras.audit", ["cards", "keys"], ["refused"])? })
    }

    fn request_headers(&self, trail: &mut Trail, request: &mut RequestHeaders) -> Outcome {
        let path = request.path().map(|path| String::from_utf8_lossy(path.unwrap_or_default()).into_owned());
        let path = path.unwrap_or_default();
        if path == "/headers" {
            return again(request);
        }
        let result = match path.trim_start_matches('/') {
            "queue" => self.put(),
            "random" => lengths(),
            "zlib" => zlib(),
            "declare" => declare(),
            "filter-state" => filter_state(),
            "sign" => signatures(),
            "expression" => expressions(),
            "route" => route(request),
            "audit" => Ok(self.judge(trail)),
            other => foreign::call(other, b"").map(|bytes| format!("{} bytes", bytes.len())),
        };
        let text = result.unwrap_or_else(|error| error.to_string());
        request.headers().set(&X_RESULT, text.as_bytes()).into()
    }

    fn queue_ready(&self, _: &PluginContext, queue: &Queue) {
        if *queue != self.queue {
            tamis::log::error(format_args!("another queue"));
        }
        match queue.dequeue() {
            Ok(Some(item)) => tamis::log::info(format_args!("item {:?}", String::from_utf8_lossy(&item))),
            Ok(None) => tamis::log::info(format_args!("nothing left")),
            Err(error) => tamis::log::error(format_args!("{error}")),
        }
    }
}

impl Extras {
    /// Two rules, of which one is in shadow, and one that nobody has named.
    fn judge(&self, trail: &mut Trail) -> String {
        let acts = [("cards", false), ("keys", true), ("nobody", false)]
            .map(|(rule, shadow)| self.audit.acts(trail, rule, "refused", shadow));
        format!("{acts:?} {}", trail.as_str())
    }

    /// Puts three items in, and takes the first.
    fn put(&self) -> Result<String, HostError> {
        let found = Queue::find("", "extras")?;
        let nobody = Queue::find("", "nobody")?;
        for item in ["first", "", "third"] {
            self.queue.enqueue(item)?;
        }
        let first = found.map(|queue| queue.dequeue()).transpose()?.flatten().unwrap_or_default();
        Ok(format!("{} {nobody:?}", String::from_utf8_lossy(&first)))
    }
}

/// Writes each header anew as it was read, where it can be written, and keeps the value of `x-kept` as filter state.
fn again(request: &mut RequestHeaders) -> Outcome {
    let headers = request.headers();
    let pairs =
        headers.iter().map(|pairs| pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect::<Vec<_>>());
    for (name, value) in pairs.unwrap_or_default() {
        let Some(name) = std::str::from_utf8(&name).ok().and_then(|name| HeaderName::parse(name).ok()) else {
            continue;
        };
        if headers.get_all(&name).is_ok_and(|values| values.count() == 1) {
            // A value that cannot stand in a message is refused, and stays as it is.
            let _ = headers.set(&name, &value);
        }
        if name == X_KEPT {
            let _ = tamis::attributes::filter_state::set("extras.kept", &value);
            let kept = tamis::attributes::filter_state::get("extras.kept").ok().flatten().unwrap_or_default();
            let _ = headers.set(&X_RESULT, if kept == value { b"kept" } else { b"lost" });
        }
    }
    Outcome::Continue
}

fn lengths() -> Result<String, HostError> {
    let (a, b) = (random::bytes::<16>()?, random::bytes::<16>()?);
    let mut long = vec![0; 100_000];
    random::fill(&mut long)?;
    let filled = long.chunks(1000).all(|chunk| chunk.iter().any(|byte| *byte != 0));
    Ok(format!("{} {} {filled}", a != b, random::number()? != random::number()?))
}

fn zlib() -> Result<String, HostError> {
    let text = b"text ".repeat(100);
    let packed = foreign::compress(&text)?;
    let bad = foreign::uncompress(b"no zlib").map_err(|error| error.status());
    Ok(format!("{} {} {bad:?}", packed.len() < 100, foreign::uncompress(&packed)? == text))
}

fn declare() -> Result<String, HostError> {
    foreign::declare("extras.text", Holds::Text, Span::FilterChain, true)?;
    tamis::attributes::filter_state::set("extras.text", b"seen")?;
    let again = foreign::declare("extras.text", Holds::Text, Span::FilterChain, true).map_err(|error| error.status());
    Ok(format!("{again:?}"))
}

fn filter_state() -> Result<String, HostError> {
    const KEY: &str = "envoy.tcp_proxy.cluster";
    foreign::set_filter_state(KEY, b"kept", Span::Request)?;
    let kept = tamis::attributes::raw(&["filter_state", KEY])?.unwrap_or_default();
    let unknown = foreign::set_filter_state("extras.native", b"kept", Span::Request).map_err(|error| error.status());
    Ok(format!("{} {unknown:?}", String::from_utf8_lossy(&kept)))
}

fn expressions() -> Result<String, HostError> {
    let of = |cel: &str| foreign::Expression::new(cel);
    let path = of("request.path")?.evaluate()?;
    let truths = [of("request.method == 'GET'")?.is_true()?, of("request.method == 'PUT'")?.is_true()?];
    let size = of("size('four')")?.evaluate()?;
    let absent = of("request.headers['x-absent']")?.evaluate().map_err(|error| error.status());
    let bad = of("request.").map(|_| ()).map_err(|error| error.status());
    Ok(format!("{} {truths:?} {size:?} {absent:?} {bad:?}", String::from_utf8_lossy(&path)))
}

fn signatures() -> Result<String, HostError> {
    let is_signed =
        |signature: &[u8], text: &[u8]| foreign::verify(Hash::Sha256, Key::Der(PUBLIC_KEY), signature, text);
    let bad_key = foreign::verify(Hash::Sha256, Key::Der(b"no key"), SIGNATURE, b"text")?;
    let own = foreign::sign(Hash::Sha256, Key::Der(PRIVATE_KEY), b"mine")?;
    let no_key = foreign::sign(Hash::Sha256, Key::Der(b"no key"), b"mine").map_err(|error| error.status());
    let verified =
        [is_signed(SIGNATURE, b"text")?, is_signed(SIGNATURE, b"other")?, bad_key, is_signed(&own, b"mine")?];
    Ok(format!("{verified:?} {no_key:?}"))
}

fn route(request: &mut RequestHeaders) -> Result<String, HostError> {
    request.headers().set(&X_VERSION, b"2")?;
    foreign::clear_route_cache()?;
    Ok("cleared".to_owned())
}
