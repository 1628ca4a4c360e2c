//! Modules that run: any that the gate lets through, and every host function with any arguments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tamis_fuzz::arbitrary::{Arbitrary, Result, Unstructured};
use tamis_harness::context::{Attributes, ClusterState, HeaderMap, Plugin, Process};
use tamis_harness::stream::{
    CalloutAnswer, FailurePolicy, FilterSpec, LoadError, LoadedModule, Passed, Proxy, WireMessage,
};
use tamis_module::abi::{ALLOCATORS, AbiVersion, ValueType, WasiSet, callbacks, host_functions, wasi_functions};
use tamis_module::gate;
use wasm_smith::{Config, Module};

#[test]
fn every_host_function_bears_any_arguments_in_every_phase() {
    tamis_fuzz::fuzz_long(60, |u| {
        let text = caller(u)?;
        let wasm = wat::parse_str(&text).unwrap();
        gate::check(&wasm).unwrap_or_else(|refusal| panic!("{refusal}: {text}"));
        run(&LoadedModule::new(&wasm).unwrap());
        Ok(())
    });
}

/// The ABI's names around bodies that the generator chooses, now and then with a type that is not the ABI's.
#[test]
fn generated_modules_bear_a_request_with_body_and_trailers() {
    let (mut refused, mut ran) = (0, 0);
    tamis_fuzz::fuzz_long(80, |u| {
        let config = Config {
            module_shape: Some(wat::parse_str(shape(u)?).unwrap()),
            allow_start_export: false,
            bulk_memory_enabled: bool::arbitrary(u)?,
            exceptions_enabled: false,
            extended_const_enabled: false,
            gc_enabled: false,
            max_memories: 1,
            memory64_enabled: false,
            reference_types_enabled: bool::arbitrary(u)?,
            relaxed_simd_enabled: false,
            simd_enabled: bool::arbitrary(u)?,
            tail_call_enabled: false,
            threads_enabled: false,
            wide_arithmetic_enabled: false,
            custom_page_sizes_enabled: false,
            ..Config::default()
        };
        let mut module = Module::new(config, u)?;
        // Most loops end by themselves; what the harness does about the others has its own test.
        let _ = module.ensure_termination(10_000);
        let (wasm, begin) = (module.to_bytes(), Instant::now());
        match LoadedModule::new(&wasm) {
            Ok(module) => ran += u32::from(run(&module)),
            Err(LoadError::Refused(_)) => refused += 1,
            // The gate lets references to the host through, which is what an Envoy takes; the engine here has none.
            Err(error) => assert!(error.to_string().contains("gc types"), "{error}"),
        }
        assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
        Ok(())
    });
    assert!(refused > 0 && ran > 0, "{refused} are refused and {ran} run: this target no longer reaches both");
}

/// How long one module may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// What a generated module imports and exports.
fn shape(u: &mut Unstructured<'_>) -> Result<String> {
    let mut text = String::new();
    let types = |types: &[ValueType]| types.iter().map(|ty| format!(" {}", word(*ty))).collect::<String>();
    // One module in four has something wrong.
    let wrong = u.ratio(1, 4)?;
    for function in functions() {
        if u.ratio(1, 6)? {
            let mut import = function.import().replace(&format!(" ${}", function.name), "");
            if wrong && u.ratio(1, 3)? {
                import = import.replacen("(param", "(param i64", 1);
            }
            text += &import;
        }
    }
    text += r#"(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))"#;
    let (mut bodies, mut name) = (String::new(), None);
    for callback in callbacks(AbiVersion::V0_2_1) {
        // Two allocators are one too many for nobody, none are too few.
        if ALLOCATORS.contains(&callback.name) && name.replace(callback.name).is_some() || u.ratio(1, 5)? {
            continue;
        }
        let more = if wrong && u.ratio(1, 8)? { " i32" } else { "" };
        bodies += &format!(
            r#"(func (export "{}") (param{}{more}) (result{}) unreachable)"#,
            callback.name,
            types(callback.params),
            types(callback.results)
        );
    }
    Ok(format!("(module {text} {bodies})"))
}

/// A plugin whose callbacks call host functions, with arguments that are near a border or mean something.
fn caller(u: &mut Unstructured<'_>) -> Result<String> {
    let functions = functions();
    let imports = functions.iter().map(Function::import).collect::<String>();
    let mut parts = String::new();
    for (name, params, result) in [
        ("_initialize", "", ""),
        ("proxy_on_context_create", "i32 i32", ""),
        ("proxy_on_vm_start", "i32 i32", "1"),
        ("proxy_on_configure", "i32 i32", "1"),
        ("proxy_on_request_headers", "i32 i32 i32", "0"),
        ("proxy_on_request_body", "i32 i32 i32", "0"),
        ("proxy_on_request_trailers", "i32 i32", "0"),
        ("proxy_on_response_headers", "i32 i32 i32", "0"),
        ("proxy_on_response_body", "i32 i32 i32", "0"),
        ("proxy_on_http_call_response", "i32 i32 i32 i32 i32", ""),
        ("proxy_on_grpc_close", "i32 i32 i32", ""),
        ("proxy_on_queue_ready", "i32 i32", ""),
        ("proxy_on_tick", "i32", ""),
        ("proxy_on_done", "i32", "1"),
        ("proxy_on_log", "i32", ""),
        ("proxy_on_delete", "i32", ""),
    ] {
        // What a start function may not call would end every run there.
        let calls = if name == "_initialize" { 0 } else { u.int_in_range(0..=12)? };
        let mut body = String::new();
        for _ in 0..calls {
            let function = u.choose(&functions)?;
            let arguments = function.params.iter().map(|ty| argument(u, *ty)).collect::<Result<Vec<_>>>()?.join(" ");
            let call = format!("(call ${} {arguments})", function.name);
            body += &if function.results.is_empty() { call } else { format!("(drop {call})") };
        }
        let result = if result.is_empty() { String::new() } else { format!("(i32.const {result})") };
        let returns = if result.is_empty() { "" } else { "(result i32)" };
        parts += &format!(r#"(func (export "{name}") (param {params}) {returns} {body} {result})"#);
    }
    let data = data(u)?;
    let place = u.choose(&["i32.const 1024", "i32.const 65535", "i32.const 0", "i32.const -1", "local.get 0"])?;
    Ok(format!(
        r#"(module {imports} (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
            (data (i32.const 0) "{data}")
            (func (export "malloc") (param i32) (result i32) ({place})) {parts})"#
    ))
}

/// A function that the host offers.
struct Function {
    module: &'static str,
    name: &'static str,
    params: &'static [ValueType],
    results: &'static [ValueType],
}

/// All that every Envoy since 1.33 offers.
fn functions() -> Vec<Function> {
    let env = host_functions(AbiVersion::V0_2_1);
    let env = env.map(|it| Function { module: it.module, name: it.name, params: it.params, results: it.results });
    let module = "wasi_snapshot_preview1";
    let wasi = wasi_functions(WasiSet::B);
    let wasi = wasi.map(|it| Function { module, name: it.name, params: it.params, results: it.results });
    env.chain(wasi).collect()
}

impl Function {
    fn import(&self) -> String {
        let Self { module, name, params, results } = self;
        let types = |types: &[ValueType]| types.iter().map(|ty| format!(" {}", word(*ty))).collect::<String>();
        format!(r#"(import "{module}" "{name}" (func ${name} (param{}) (result{})))"#, types(params), types(results))
    }
}

/// The ABI has no others.
fn word(ty: ValueType) -> &'static str {
    if ty == ValueType::I64 { "i64" } else { "i32" }
}

fn argument(u: &mut Unstructured<'_>, ty: ValueType) -> Result<String> {
    const NEAR: [i64; 14] = [0, 1, 2, 3, 4, 7, 8, 16, 1024, 65_532, 65_535, 65_536, i32::MAX as i64, -1];
    let number = match u.int_in_range(0..=7)? {
        0 => i64::from(u.arbitrary::<i32>()?),
        1..=3 => u.int_in_range(0..=64)?,
        _ => *u.choose(&NEAR)?,
    };
    Ok(format!("({}.const {number})", word(ty)))
}

/// What memory begins with: names that mean something, and pairs in their wire form.
fn data(u: &mut Unstructured<'_>) -> Result<String> {
    const WORDS: [&[u8]; 8] = [
        b"x-a",
        b":path",
        b"request\0path",
        b"cluster",
        b":status",
        b"wasm.x",
        b"\x01\0\0\0\x01\0\0\0\x01\0\0\0a\0b\0",
        b"\0\0\0\0",
    ];
    let mut bytes = Vec::new();
    while bytes.len() < 96 {
        bytes.extend_from_slice(u.choose(&WORDS)?);
        bytes.extend(u.arbitrary::<[u8; 2]>()?);
    }
    Ok(bytes.iter().map(|byte| format!("\\{byte:02x}")).collect())
}

/// Takes traffic, time, answers and a new configuration through a module. Says whether it could be started.
fn run(module: &LoadedModule) -> bool {
    let process = Arc::new(Process::deterministic(1));
    process.add_cluster("cluster", ClusterState::Up);
    let filter = |configuration: &str| {
        let plugin = Plugin { name: "f".to_owned(), configuration: configuration.into(), ..Plugin::default() };
        FilterSpec { module: module.clone(), plugin, failure_policy: FailurePolicy::Reload }
    };
    let Ok(mut proxy) = Proxy::load(&[filter("a"), filter("b")], process) else { return false };
    for round in 0..2 {
        request(&mut proxy);
        for (i, callout) in proxy.take_callouts().into_iter().take(8).enumerate() {
            let answer = match i % 3 {
                0 => CalloutAnswer::Response(response()),
                1 => CalloutAnswer::Unreachable,
                _ => CalloutAnswer::Reset,
            };
            proxy.answer(callout.id, answer);
        }
        drop(proxy.take_grpc());
        // A timer can be set to every millisecond.
        proxy.advance(Duration::from_millis(20));
        if round == 0 {
            // Whether it takes it is its own business.
            let _ = proxy.reload(&[filter("c")]);
        }
    }
    true
}

fn request(proxy: &mut Proxy) {
    let mut stream = proxy.open(Attributes::default());
    let headers: HeaderMap =
        [(":method", "POST"), (":path", "/"), (":authority", "a"), ("x-a", "1")].into_iter().collect();
    let trailers: HeaderMap = [("x-t", "1")].into_iter().collect();
    let message = WireMessage { headers, chunks: vec![b"one".to_vec(), b"two".to_vec()], trailers: Some(trailers) };
    if let Passed::On(_) = stream.request(message) {
        drop(stream.response(response()));
    }
    stream.close();
}

fn response() -> WireMessage {
    let headers: HeaderMap = [(":status", "200"), ("x-b", "2")].into_iter().collect();
    WireMessage::new(headers, b"three".to_vec())
}
