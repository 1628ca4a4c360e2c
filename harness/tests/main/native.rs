//! The border of native filters, from a guest that is written on it by hand.

mod guest;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use guest::{Calls, entry, on_call, taken, text_at, word};
use tamis_harness::context::{Attributes, ClusterState, HeaderMap, Plugin, Process};
use tamis_harness::native::border::{DEAD, Entry};
use tamis_harness::native::{Native, NativeError};
use tamis_harness::stream::{
    CalloutAnswer, FailurePolicy, FilterSpec, LoadError, LoadedModule, Options, Passed, Proxy, Schedule, WireMessage,
};

const OK: u64 = 0;
const NOT_FOUND: u64 = 1;
const INVALID_MEMORY_ACCESS: u64 = 6;
const CAS_MISMATCH: u64 = 8;
const UNIMPLEMENTED: u64 = 12;

fn load(entry: Entry, workers: usize) -> Result<Proxy, LoadError> {
    let environment = [("MODE", "fast"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let plugin = Plugin { name: "native".to_owned(), environment: environment.to_vec(), ..Plugin::default() };
    let module = LoadedModule::native(Native::linked(entry).unwrap());
    let filter = FilterSpec { module, plugin, failure_policy: FailurePolicy::Closed };
    let options = Options { workers, ..Options::default() };
    Proxy::load_with(&[filter], Arc::new(Process::deterministic(1)), options)
}

fn headers() -> HeaderMap {
    [(":method", "GET"), (":path", "/"), (":authority", "a")].into_iter().collect()
}

/// Lets one request through a guest that does this; what became of it, and the log.
fn run(act: impl FnMut(&Calls) -> Result<u32, &'static str> + 'static) -> (Passed, Vec<String>) {
    on_call(act);
    let mut proxy = load(entry, 1).unwrap();
    let mut stream = proxy.open(Attributes::default());
    let passed = stream.request(WireMessage::new(headers(), Vec::new()));
    stream.close();
    guest::check();
    let log = proxy.process().log_since(0).iter().map(|line| line.message.clone()).collect();
    (passed, log)
}

/// Lets a guest do this, which must not fail.
fn passes(mut act: impl FnMut(&Calls) + 'static) {
    let (passed, log) = run(move |calls| {
        act(calls);
        Ok(0)
    });
    assert!(matches!(passed, Passed::On(_)), "{log:?}");
}

/// Bytes as two words.
fn at(bytes: &[u8]) -> [u64; 2] {
    [bytes.as_ptr().expose_provenance() as u64, bytes.len() as u64]
}

/// Headers in their wire form.
fn wire(pairs: &[(&str, &str)]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut bytes = word(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend([word(name.len()), word(value.len())].concat());
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend(text.bytes().chain([0]));
    }
    bytes
}

#[test]
fn bytes_go_in_and_come_back() {
    passes(|calls| {
        let ([key, key_size], [value, value_size]) = (at(b"key"), at(b"value"));
        assert_eq!(calls.call("proxy_set_shared_data", &[key, key_size, value, value_size, 0]), OK);
        let (mut data, mut size, mut version) = (std::ptr::null_mut::<u8>(), 77_usize, 0_u32);
        let places = [word(&mut data), word(&mut size), word(&mut version)];
        let get = [key, key_size, places[0], places[1], places[2]];
        assert_eq!(calls.call("proxy_get_shared_data", &get), OK);
        assert_eq!(taken(data, size), b"value");
        assert!(version > 0);
        let wrong = u64::from(version) + 1;
        assert_eq!(calls.call("proxy_set_shared_data", &[key, key_size, value, value_size, wrong]), CAS_MISMATCH);
        assert_eq!(calls.call("proxy_set_shared_data", &[key, key_size, 0, 0, u64::from(version)]), OK);
        assert_eq!(calls.call("proxy_get_shared_data", &get), OK);
        assert_eq!((data, size), (std::ptr::null_mut(), 0), "nothing comes with a null pointer (MEM-2)");
    });
}

#[test]
fn what_fails_leaves_the_guests_places_as_they_are() {
    passes(|calls| {
        let ([key, key_size], (mut data, mut size)) = (at(b"no.such"), (std::ptr::dangling_mut::<u8>(), 77_usize));
        let words = [key, key_size, word(&mut data), word(&mut size)];
        assert_eq!(calls.call("proxy_get_property", &words), NOT_FOUND);
        assert_eq!((data, size), (std::ptr::dangling_mut(), 77));
    });
}

#[test]
fn a_size_that_no_memory_has_is_out_of_range() {
    passes(|calls| {
        let [key, _] = at(b"key");
        // Nothing is read: the host function refuses it first.
        assert_eq!(calls.call("proxy_get_property", &[0, u64::MAX, 0, 0]), INVALID_MEMORY_ACCESS);
        let (mut one, mut other) = ([0_u8; 4], 0_u64);
        assert_eq!(calls.call("random_get", &[word(&mut one), 70_000]), 28, "more than 64 KiB (WASI-7)");
        assert_eq!(calls.call("random_get", &[word(&mut one), 4]), OK);
        assert_ne!(one, [0; 4]);
        assert_eq!(calls.call("clock_time_get", &[7, 0, word(&mut other)]), 58, "no such clock (WASI-6)");
        assert_eq!(calls.call("clock_time_get", &[0, u64::MAX, word(&mut other)]), OK);
        assert!(other > 0);
        assert_eq!(calls.call("clock_time_get", &[0, 0, 0]), OK, "a result that nobody wants");
        assert_ne!(key, 0);
    });
}

#[test]
fn numbers_go_in_and_come_back() {
    passes(|calls| {
        let ([name, size], mut metric, mut value) = (at(b"hits"), 0_u32, 0_u64);
        assert_eq!(calls.call("proxy_define_metric", &[1, name, size, word(&mut metric)]), OK);
        assert_eq!(calls.call("proxy_increment_metric", &[u64::from(metric), 5]), OK);
        assert_eq!(calls.call("proxy_increment_metric", &[u64::from(metric), (-2_i64).cast_unsigned()]), OK);
        assert_eq!(calls.call("proxy_get_metric", &[u64::from(metric), word(&mut value)]), OK);
        assert_eq!(value, 3);
        let (mut length, mut flags) = (77_usize, 77_u32);
        let status = calls.call("proxy_get_buffer_status", &[0, word(&mut length), word(&mut flags)]);
        assert_eq!((status, length, flags), (OK, 0, 0), "an empty body");
    });
}

#[test]
fn variables_come_as_pointers() {
    passes(|calls| {
        let (mut count, mut size) = (0_usize, 0_usize);
        assert_eq!(calls.call("environ_sizes_get", &[word(&mut count), word(&mut size)]), OK);
        assert_eq!((count, size), (2, "MODE=fast\0EMPTY=\0".len()));
        let (mut table, mut bytes) = ([std::ptr::null::<u8>(); 2], [0_u8; 17]);
        assert_eq!(calls.call("environ_get", &[word(&mut table), word(&mut bytes)]), OK);
        assert_eq!(table.map(text_at), ["MODE=fast", "EMPTY="]);
    });
}

#[test]
fn a_function_that_wants_no_result_passes_no_place() {
    passes(|calls| {
        let [name, size] = at(b"no_such_function");
        assert_eq!(calls.call("proxy_call_foreign_function", &[name, size, 0, 0, 0, 0]), NOT_FOUND);
        assert_eq!(calls.call_number(1000, &[]), UNIMPLEMENTED);
    });
}

#[test]
fn a_panic_is_a_trap_that_names_its_place() {
    let (passed, log) = run(|_| Err("src/filter.rs:7"));
    let Passed::Replied(reply) = passed else { panic!("{passed:?}") };
    assert_eq!(reply.headers.get(b":status"), Some(b"503".as_slice()), "FAIL-5");
    let told = "Function: proxy_on_request_headers failed: panic at src/filter.rs:7";
    assert!(log.iter().any(|line| line.starts_with(told)), "{log:?}");
}

#[test]
fn what_would_trap_a_module_kills() {
    let (passed, log) = run(|calls| {
        let path = vec![b'x'; 128 << 20];
        let [path, size] = at(&path);
        let answers = (0..5).map(|_| calls.call("proxy_get_property", &[path, size, 0, 0])).collect::<Vec<_>>();
        // After the fourth it is 512 MiB, and then nothing is done any more.
        assert_eq!(answers, [NOT_FOUND, NOT_FOUND, NOT_FOUND, NOT_FOUND, DEAD]);
        Ok(0)
    });
    assert!(matches!(passed, Passed::Replied(_)), "{passed:?}");
    assert!(log.iter().any(|line| line.contains("it passed more than")), "{log:?}");
}

#[test]
fn timers_and_callouts_come_back() {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let told = heard.clone();
    on_call(move |calls| {
        let (name, words) = &calls.called;
        told.borrow_mut().push((*name, words.len()));
        if *name == "proxy_on_request_headers" {
            assert_eq!(calls.call("proxy_set_tick_period_milliseconds", &[100]), OK);
            let pairs = wire(&[(":method", "GET"), (":path", "/"), (":authority", "auth")]);
            let ([cluster, size], [headers, headers_size], mut token) = (at(b"auth"), at(&pairs), 0_u32);
            let words = [cluster, size, headers, headers_size, 0, 0, 0, 0, 50, word(&mut token)];
            assert_eq!(calls.call("proxy_http_call", &words), OK);
            assert!(token > 0);
        }
        Ok(0)
    });
    let mut proxy = load(entry, 1).unwrap();
    proxy.process().add_cluster("auth", ClusterState::Up);
    let stream = proxy.open(Attributes::default()).request(WireMessage::new(headers(), Vec::new()));
    guest::check();
    assert!(matches!(stream, Passed::On(_)));
    let [callout] = &proxy.take_callouts()[..] else { panic!("one callout") };
    assert_eq!(callout.cluster, "auth");
    assert!(proxy.answer(callout.id, CalloutAnswer::Unreachable));
    proxy.advance(Duration::from_millis(250));
    guest::check();
    let ticks = [("proxy_on_tick", 1); 2];
    let before = [("proxy_on_request_headers", 3), ("proxy_on_http_call_response", 5)];
    assert_eq!(*heard.borrow(), [before, ticks].concat());
}

#[test]
fn a_guest_stays_on_its_thread() {
    on_call(|_| Ok(0));
    let mut proxy = load(entry, 2).unwrap();
    let work = || vec![(WireMessage::new(headers(), Vec::new()), WireMessage::default())];
    let done = proxy.run_together(vec![work(), work()], Schedule::Random(1));
    assert!(done.iter().all(|worker| matches!(worker[0].0, Passed::Replied(_))), "{done:?}");
    let log = proxy.process().log_since(0);
    assert!(log.iter().any(|line| line.message.contains("workers cannot run together")), "{log:?}");
}

#[test]
fn what_does_not_fit_is_told() {
    let linked = |entry| Native::linked(entry).map(drop).unwrap_err().to_string();
    assert!(matches!(Native::linked(guest::nothing), Err(NativeError::Nothing)));
    assert!(matches!(Native::linked(guest::from_tomorrow), Err(NativeError::Version { theirs: 2 })));
    assert_eq!(
        linked(guest::wrong_size),
        "the native filter describes itself wrongly: its size is another one than its version has"
    );
    let loaded = |entry| load(entry, 1).map(drop).unwrap_err().to_string();
    assert!(loaded(guest::wants_too_much).contains("missing import: env.proxy_fly"));
    let other = loaded(guest::wants_it_differently);
    assert!(other.contains("import with another signature: env.proxy_get_property"), "{other}");
    let other = loaded(guest::has_it_differently);
    assert!(other.contains("Bad function signature for: proxy_on_request_headers"), "{other}");
}
