//! The bodies of the exports.

use std::cell::RefCell;
use std::rc::Rc;

use super::About;
use super::plugins::Plugins;
use super::streams::{Kept, Unkept};
use crate::sys;
use crate::{Filter, Log, Outcome, RequestHeaders, Response, ResponseHeaders, config};

/// `Action::Continue` and `Action::Pause` of the ABI.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// One filter's plugins and streams in one VM.
#[derive(Debug)]
pub struct Runtime<F: Filter> {
    about: About,
    /// Whether the module exports `proxy_on_delete`.
    keeps: bool,
    /// Whether a phase other than `request_headers` is implemented.
    later: bool,
    plugins: RefCell<Plugins<F>>,
    kept: RefCell<Kept<F::Stream>>,
    unkept: RefCell<Unkept>,
}

impl<F: Filter> Runtime<F> {
    /// A VM's runtime before anything happened. `keeps`: the filter has state per stream; `later`: it has phases after
    /// `request_headers`.
    #[must_use]
    pub const fn new(about: About, keeps: bool, later: bool) -> Self {
        Self {
            about,
            keeps,
            later,
            plugins: RefCell::new(Plugins::new()),
            kept: RefCell::new(Kept::new()),
            unkept: RefCell::new(Unkept::new()),
        }
    }

    /// `proxy_on_context_create`
    pub fn context_create(&self, id: u32, parent: u32) {
        if parent == 0 {
            install_panic_hook();
            self.plugins.borrow_mut().create(id);
        } else if self.keeps {
            self.kept.borrow_mut().create(id, parent);
        } else if self.plugins.borrow().several() {
            self.unkept.borrow_mut().create(id, parent, self.later);
        }
    }

    /// `proxy_on_configure`: reads the configuration and makes the plugin; 0 makes the proxy reject it.
    pub fn configure(&self, root: u32, size: u32) -> u32 {
        match self.plugin(size) {
            Ok(plugin) => {
                self.plugins.borrow_mut().configure(root, plugin);
                crate::log::info(format_args!("{} {} configured", self.about.name, self.about.version));
                1
            }
            Err(message) => {
                crate::log::error(format_args!("{message}"));
                0
            }
        }
    }

    /// `proxy_on_delete`: a stream, or a plugin.
    pub fn delete(&self, id: u32) {
        let mut plugins = self.plugins.borrow_mut();
        if plugins.is_root(id) {
            plugins.delete(id);
        } else {
            self.kept.borrow_mut().delete(id);
        }
    }

    /// `proxy_on_request_headers`
    pub fn request_headers(&self, id: u32, end_of_stream: u32) -> u32 {
        self.phase(id, |filter, stream| filter.request_headers(stream, &mut RequestHeaders::new(end_of_stream != 0)))
    }

    /// `proxy_on_response_headers`
    pub fn response_headers(&self, id: u32, end_of_stream: u32) -> u32 {
        self.phase(id, |filter, stream| filter.response_headers(stream, &mut ResponseHeaders::new(end_of_stream != 0)))
    }

    /// `proxy_on_log`
    pub fn log(&self, id: u32) {
        self.enter(id, |filter, stream| filter.log(stream, &Log::new()));
    }

    fn plugin(&self, size: u32) -> Result<F, String> {
        let json = if size == 0 {
            Vec::new()
        } else {
            sys::buffer(sys::PLUGIN_CONFIGURATION, 0, size as usize).map_err(|error| error.to_string())?
        };
        config::parse(&json).and_then(F::new).map_err(|error| error.to_string())
    }

    fn phase(&self, id: u32, run: impl FnOnce(&F, &mut F::Stream) -> Outcome) -> u32 {
        let outcome = self.enter(id, run).unwrap_or_else(|| {
            crate::log::error(format_args!("stream {id} belongs to no plugin; answering 500"));
            Outcome::Respond(Response::new(500).details("tamis_unknown_plugin"))
        });
        match outcome {
            Outcome::Continue => CONTINUE,
            Outcome::Respond(response) => respond(&response),
        }
    }

    /// Runs a phase of the stream's own plugin; nothing when it cannot be told. No cell is borrowed meanwhile, so a host
    /// that enters the VM again finds everything in order.
    fn enter<T>(&self, id: u32, run: impl FnOnce(&F, &mut F::Stream) -> T) -> Option<T> {
        if self.keeps {
            let (root, mut state) = self.kept.borrow_mut().take(id)?;
            let result = self.get(Some(root)).map(|filter| run(&filter, &mut state));
            self.kept.borrow_mut().put(id, state);
            return result;
        }
        let (several, first) = {
            let plugins = self.plugins.borrow();
            (plugins.several(), plugins.first())
        };
        let root = if several { self.unkept.borrow_mut().root(id, first) } else { first };
        Some(run(&*self.get(root)?, &mut F::Stream::default()))
    }

    fn get(&self, root: Option<u32>) -> Option<Rc<F>> {
        self.plugins.borrow().get(root?)
    }
}

/// Answers the stream. When the host refuses even that, the stream stays paused until the proxy's own timeout: going on
/// would let pass what the filter wanted to stop.
fn respond(response: &Response) -> u32 {
    let headers = response.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()));
    if let Err(error) = sys::send_local_response(response.status, response.details, headers, &response.body) {
        crate::log::critical(format_args!("{error}; the stream stays paused"));
    }
    PAUSE
}

/// A panic's message may hold a value that a client sent, so only its place is logged. What happens next is the failure
/// policy of the proxy.
fn install_panic_hook() {
    #[cfg(not(target_arch = "wasm32"))]
    sys::native::install_panic_hook();
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => crate::log::critical(format_args!("panic at {}:{}", place.file(), place.line())),
        None => crate::log::critical(format_args!("panic")),
    }));
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ConfigError;

    const ABOUT: About = About { name: "f", version: "1", summary: "", phases: &[] };

    thread_local! {
        static CREATED: Cell<u32> = const { Cell::new(0) };
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }

    /// A filter whose plugins are numbered, and that tells which one a phase ran in.
    struct Numbered(u32);

    impl Filter for Numbered {
        type Config = std::collections::BTreeMap<String, u32>;
        type Stream = u32;

        fn new(_: Self::Config) -> Result<Self, ConfigError> {
            CREATED.set(CREATED.get() + 1);
            Ok(Self(CREATED.get()))
        }

        fn request_headers(&self, calls: &mut u32, _: &mut RequestHeaders) -> Outcome {
            *calls += 1;
            SEEN.set(self.0 * 100 + *calls);
            Outcome::Continue
        }

        fn response_headers(&self, calls: &mut u32, _: &mut ResponseHeaders) -> Outcome {
            *calls += 1;
            SEEN.set(self.0 * 100 + *calls);
            Outcome::Continue
        }
    }

    fn runtime(keeps: bool, roots: u32) -> Runtime<Numbered> {
        let runtime = Runtime::new(ABOUT, keeps, true);
        for root in 1..=roots {
            runtime.context_create(root, 0);
            assert_eq!(runtime.configure(root, 0), 1);
        }
        runtime
    }

    /// Which plugin ran (hundreds), and how often it has seen this stream.
    fn seen(result: u32) -> Option<u32> {
        (result == CONTINUE).then(|| SEEN.get())
    }

    #[test]
    fn state_and_plugin_follow_the_stream() {
        let runtime = runtime(true, 2);
        runtime.context_create(3, 1);
        runtime.context_create(4, 2);
        assert_eq!(seen(runtime.request_headers(3, 1)), Some(101));
        assert_eq!(seen(runtime.request_headers(4, 1)), Some(201));
        assert_eq!(seen(runtime.response_headers(3, 1)), Some(102));
        runtime.delete(3);
        assert_eq!(seen(runtime.response_headers(3, 1)), None, "a stream that is gone");
        assert_eq!(seen(runtime.response_headers(4, 1)), Some(202));
    }

    #[test]
    fn one_plugin_needs_to_remember_nothing() {
        let runtime = runtime(false, 1);
        for stream in 2..10 {
            runtime.context_create(stream, 1);
        }
        assert_eq!(seen(runtime.response_headers(2, 1)), Some(101));
        assert_eq!(runtime.unkept.borrow().created(), 0, "nothing was noted");
    }

    #[test]
    fn a_stream_whose_plugin_cannot_be_told_is_refused() {
        // Natively there is no host, so it keeps no property for a stream.
        let runtime = runtime(false, 2);
        runtime.context_create(3, 1);
        assert_eq!(seen(runtime.request_headers(3, 1)), Some(101), "it was just created");
        runtime.context_create(4, 2);
        assert_eq!(seen(runtime.request_headers(4, 1)), Some(201));
        assert_eq!(seen(runtime.response_headers(3, 1)), None, "1 or 2? no guess");
    }

    #[test]
    fn a_new_configuration_is_for_new_phases() {
        let runtime = runtime(true, 1);
        runtime.context_create(2, 1);
        assert_eq!(runtime.configure(1, 0), 1);
        assert_eq!(seen(runtime.request_headers(2, 1)), Some(201));
    }
}
