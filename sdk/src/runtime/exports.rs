//! The bodies of the exports that every kind of filter has.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::brief::Brief;
use super::plugins::Plugins;
use super::streams::{Bodies, Kept, Unkept};
use super::{Plugin, perform};
use crate::body::Memory;
use crate::callouts::{CallId, Current, Event, Executor};
use crate::queue::Queue;
use crate::{Configuration, PluginContext, Shutdown, handle, sys};

/// One filter's plugins and streams in one VM.
#[derive(Debug)]
pub struct Runtime<F: Plugin> {
    plugins: Brief<Plugins<F>>,
    kept: Brief<Kept<F::State>>,
    unkept: Brief<Unkept>,
    /// What the bodies of all streams occupy, in bytes.
    body_bytes: Cell<usize>,
    /// What waits for answers; only a filter that makes callouts has it.
    executor: OnceCell<Rc<Executor>>,
}

impl<F: Plugin> Runtime<F> {
    /// A VM's runtime before anything happened.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "made in a constant")]
    pub const fn new() -> Self {
        Self {
            plugins: Brief::new(Plugins::new()),
            kept: Brief::new(Kept::new()),
            unkept: Brief::new(Unkept::new()),
            body_bytes: Cell::new(0),
            executor: OnceCell::new(),
        }
    }

    /// `proxy_on_context_create`
    pub fn context_create(&self, id: u32, parent: u32) {
        if parent == 0 {
            install_panic_hook();
            self.plugins.with(|plugins| plugins.create(id));
        } else if F::KEEPS {
            self.kept.with(|kept| kept.create(id, parent));
        } else if self.plugins.with(|plugins| plugins.several()) == Some(true) {
            self.unkept.with(|unkept| unkept.create(id, parent, F::LATER));
        }
    }

    /// `proxy_on_configure`: reads the configuration and makes the plugin; 0 makes the proxy reject it.
    pub fn configure(&self, root: u32, size: u32) -> u32 {
        handle::entered(root);
        match Self::plugin(size) {
            Ok(plugin) => {
                let kept = self.plugins.with(|plugins| plugins.configure(root, plugin));
                crate::log::parts(sys::LogLevel::INFO, &[F::ABOUT.name, " ", F::ABOUT.version, " configured"]);
                self.for_plugin(root, |plugin| plugin.started(&PluginContext::new()));
                u32::from(kept.is_some())
            }
            Err(message) => {
                sys::log(sys::LogLevel::ERROR, &message);
                0
            }
        }
    }

    /// `proxy_on_tick`
    pub fn tick(&self, root: u32) {
        handle::entered(root);
        if F::CALLOUTS {
            self.executor().tick(root);
        }
        self.for_plugin(root, |plugin| plugin.tick(&PluginContext::new()));
        if F::CALLOUTS {
            self.executor().tick_again(root);
        }
    }

    /// `proxy_on_queue_ready`
    pub fn queue_ready(&self, root: u32, token: u32) {
        handle::entered(root);
        self.for_plugin(root, |plugin| plugin.queue_ready(&PluginContext::new(), &Queue::from_token(token)));
    }

    /// `proxy_on_done`: a stream, whose answer does not count, or a plugin; 0 asks for time.
    pub fn done(&self, id: u32) -> u32 {
        handle::entered(id);
        match self.for_plugin(id, |plugin| plugin.shutdown(&PluginContext::new())) {
            Some(Shutdown::Later) => 0,
            _ => 1,
        }
    }

    /// `proxy_on_delete`: a stream, or a plugin.
    pub fn delete(&self, id: u32) {
        if F::CALLOUTS {
            handle::entered(id);
            self.executor().delete(id);
        }
        if self.plugins.with(|plugins| plugins.delete(id)) == Some(false)
            && let Some(freed) = self.kept.with(|kept| kept.delete(id))
        {
            self.body_bytes.set(self.body_bytes.get().saturating_sub(freed));
        }
    }

    /// `proxy_on_http_call_response`
    pub fn http_call_response(&self, root: u32, token: u32, headers: u32, body: u32, trailers: u32) {
        self.answered(root, CallId::http(token), Event::Http { headers, body, trailers });
    }

    /// `proxy_on_grpc_receive_initial_metadata`
    pub fn grpc_initial_metadata(&self, root: u32, token: u32, entries: u32) {
        self.answered(root, CallId::grpc(token), Event::GrpcInitialMetadata(entries));
    }

    /// `proxy_on_grpc_receive`
    pub fn grpc_message(&self, root: u32, token: u32, bytes: u32) {
        self.answered(root, CallId::grpc(token), Event::GrpcMessage(bytes));
    }

    /// `proxy_on_grpc_receive_trailing_metadata`
    pub fn grpc_trailing_metadata(&self, root: u32, token: u32, entries: u32) {
        self.answered(root, CallId::grpc(token), Event::GrpcTrailingMetadata(entries));
    }

    /// `proxy_on_grpc_close`
    pub fn grpc_close(&self, root: u32, token: u32, status: u32) {
        self.answered(root, CallId::grpc(token), Event::GrpcClose(status));
    }

    fn answered(&self, root: u32, id: CallId, event: Event) {
        handle::entered(root);
        self.executor().deliver(id, event);
    }

    pub(super) fn executor(&self) -> &Rc<Executor> {
        self.executor.get_or_init(Rc::default)
    }

    fn plugin(size: u32) -> Result<F, String> {
        let json = if size == 0 {
            Vec::new()
        } else {
            sys::buffer(sys::PLUGIN_CONFIGURATION, 0, size as usize).map_err(|error| error.text())?
        };
        let plugin = F::Config::read(&json).and_then(|config| F::make(config, &PluginContext::new()));
        plugin.map_err(|error| error.text())
    }

    pub(super) fn memory(&self, max: usize) -> Memory<'_> {
        Memory { used: &self.body_bytes, max }
    }

    /// Runs a phase; `stop` is its result that lets nothing go on.
    pub(super) fn phase(
        &self,
        id: u32,
        stop: u32,
        run: impl FnOnce(&F, &mut F::State, &mut Option<Box<Bodies>>) -> u32,
    ) -> u32 {
        self.enter(id, run).unwrap_or_else(|| {
            perform::refuse(F::KIND);
            stop
        })
    }

    /// Runs a phase of the stream's own plugin; nothing when it cannot be told. No cell is borrowed meanwhile, so a host
    /// that enters the VM again finds everything in order.
    pub(super) fn enter<T>(
        &self,
        id: u32,
        run: impl FnOnce(&F, &mut F::State, &mut Option<Box<Bodies>>) -> T,
    ) -> Option<T> {
        handle::entered(id);
        if F::KEEPS {
            let (root, mut state, mut bodies) = self.kept.with(|kept| kept.take(id))??;
            let result = self
                .get(Some(root))
                .map(|filter| self.running((root, id), &filter, || run(&filter, &mut state, &mut bodies)));
            self.kept.with(|kept| kept.put(id, state, bodies));
            self.run_ready();
            return result;
        }
        let filter = match self.plugins.with(|plugins| plugins.only())? {
            Some(filter) => filter,
            None => self.get(self.root_of(id))?,
        };
        Some(run(&filter, &mut F::State::default(), &mut None))
    }

    /// The plugin of a stream of which nothing is kept.
    #[cold]
    fn root_of(&self, id: u32) -> Option<u32> {
        let (several, first) = self.plugins.with(|plugins| (plugins.several(), plugins.first()))?;
        if several { self.unkept.with(|unkept| unkept.root(id, first))? } else { first }
    }

    /// Runs something of a plugin's own.
    fn for_plugin<T>(&self, root: u32, run: impl FnOnce(&F) -> T) -> Option<T> {
        let filter = self.get(Some(root))?;
        let result = self.running((root, root), &filter, || run(&filter));
        self.run_ready();
        Some(result)
    }

    /// Runs the filter's code, for a stream or for the plugin itself, so that it can make callouts.
    fn running<T>(&self, (root, owner): (u32, u32), filter: &Rc<F>, run: impl FnOnce() -> T) -> T {
        if !F::CALLOUTS {
            return run();
        }
        let executor = self.executor().clone();
        let current = Current { executor, owner, root, plugin: filter.clone(), most: filter.max_callouts() };
        current.run(run)
    }

    /// Lets go on what the filter's code has woken.
    fn run_ready(&self) {
        if F::CALLOUTS {
            self.executor().run();
        }
    }

    fn get(&self, root: Option<u32>) -> Option<Rc<F>> {
        self.plugins.with(|plugins| plugins.get(root?))?
    }
}

/// A panic's message may hold a value that a client sent, so only its place is logged. What happens next is the failure
/// policy of the proxy.
fn install_panic_hook() {
    #[cfg(not(target_arch = "wasm32"))]
    sys::native::install_panic_hook();
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => {
            let line = tamis_core::text::decimal(u64::from(place.line()));
            crate::log::parts(sys::LogLevel::CRITICAL, &["panic at ", place.file(), ":", &line]);
        }
        None => sys::log(sys::LogLevel::CRITICAL, "panic"),
    }));
}

#[cfg(test)]
mod tests {
    use super::super::{About, HttpBodies, Kind};
    use super::*;
    use crate::{ConfigError, Filter, Outcome, RequestHeaders, ResponseHeaders};

    const CONTINUE: u32 = 0;

    thread_local! {
        static CREATED: Cell<u32> = const { Cell::new(0) };
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }

    /// A filter whose plugins are numbered, and that tells which one a phase ran in.
    struct Numbered<const KEEPS: bool>(u32);

    impl<const KEEPS: bool> Filter for Numbered<KEEPS> {
        type Config = std::collections::BTreeMap<String, u32>;
        type Stream = u32;

        fn new(_: Self::Config, _: &PluginContext) -> Result<Self, ConfigError> {
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

    impl<const KEEPS: bool> Plugin for Numbered<KEEPS> {
        type Config = <Self as Filter>::Config;
        type State = u32;

        const ABOUT: About = About { name: "f", version: "1", summary: "", phases: &[], held_headers: false };
        const KEEPS: bool = KEEPS;
        const LATER: bool = true;
        const KIND: Kind = Kind::Http;
        const HTTP: HttpBodies = HttpBodies { request_body: false, response_body: false };
        const CALLOUTS: bool = false;

        fn make(config: <Self as Filter>::Config, plugin: &PluginContext) -> Result<Self, ConfigError> {
            <Self as Filter>::new(config, plugin)
        }

        fn started(&self, _: &PluginContext) {}

        fn tick(&self, _: &PluginContext) {}

        fn queue_ready(&self, _: &PluginContext, _: &Queue) {}

        fn shutdown(&self, _: &PluginContext) -> Shutdown {
            if self.0 == 1 { Shutdown::Later } else { Shutdown::Now }
        }

        fn max_callouts(&self) -> usize {
            0
        }
    }

    fn runtime<const KEEPS: bool>(roots: u32) -> Runtime<Numbered<KEEPS>> {
        let runtime = Runtime::new();
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
        let runtime = runtime::<true>(2);
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
        let runtime = runtime::<false>(1);
        for stream in 2..10 {
            runtime.context_create(stream, 1);
        }
        assert_eq!(seen(runtime.response_headers(2, 1)), Some(101));
        assert_eq!(runtime.unkept.with(|unkept| unkept.created()), Some(0), "nothing was noted");
    }

    #[test]
    fn a_stream_whose_plugin_cannot_be_told_is_refused() {
        // Natively there is no host, so it keeps no property for a stream.
        let runtime = runtime::<false>(2);
        runtime.context_create(3, 1);
        assert_eq!(seen(runtime.request_headers(3, 1)), Some(101), "it was just created");
        runtime.context_create(4, 2);
        assert_eq!(seen(runtime.request_headers(4, 1)), Some(201));
        assert_eq!(seen(runtime.response_headers(3, 1)), None, "1 or 2? no guess");
    }

    #[test]
    fn only_plugins_can_ask_for_time() {
        let runtime = runtime::<true>(2);
        runtime.context_create(3, 1);
        assert_eq!([1, 2, 3, 9].map(|id| runtime.done(id)), [0, 1, 1, 1]);
    }

    #[test]
    fn a_new_configuration_is_for_new_phases() {
        let runtime = runtime::<true>(1);
        runtime.context_create(2, 1);
        assert_eq!(runtime.configure(1, 0), 1);
        assert_eq!(seen(runtime.request_headers(2, 1)), Some(201));
    }
}
