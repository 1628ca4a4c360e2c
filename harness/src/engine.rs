//! The one wasmtime engine of the project.
//!
//! * The wasm features are those that V8 10.7 has (Envoy 1.30), not those that wasmtime has: a module that runs here loads
//!   there.
//! * Fuel is always on: it is exact, so it is both the cost figure and the bound that an endless loop meets.
//! * Compiled modules are cached on disk by wasmtime itself, so that the second run of a test starts in milliseconds.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

use wasmtime::{Cache, CacheConfig, Config, Engine, OptLevel};

/// The most fuel one callback may burn before it is stopped: about a second's work.
pub const FUEL_PER_CALLBACK: u64 = 2_000_000_000;

/// The engine; made when it is first asked for, shared by all modules of the process.
///
/// # Errors
///
/// When wasmtime does not support this machine.
pub fn engine() -> wasmtime::Result<&'static Engine> {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    match ENGINE.get() {
        Some(engine) => Ok(engine),
        None => {
            let engine = Engine::new(&config())?;
            Ok(ENGINE.get_or_init(|| engine))
        }
    }
}

/// Where this project keeps what can be made again: `$TAMIS_CACHE`, else `tamis` in the user's cache folder.
#[must_use]
pub fn cache_dir() -> Option<PathBuf> {
    cache_dir_in(|name| std::env::var_os(name))
}

fn cache_dir_in(env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("TAMIS_CACHE")
        // The XDG specification has relative paths ignored.
        .or_else(|| set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("tamis")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/tamis")))
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .cranelift_opt_level(OptLevel::Speed)
        .wasm_multi_value(true)
        .wasm_bulk_memory(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_extended_const(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false);
    if let Some(cache) = cache() {
        config.cache(Some(cache));
    }
    config
}

/// Without a cache everything works, only slower: whoever has no folder to write to still gets results.
fn cache() -> Option<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(cache_dir()?.join("wasmtime"));
    Cache::new(config).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_of(pairs: &[(&str, &str)]) -> Option<PathBuf> {
        cache_dir_in(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    }

    #[test]
    fn the_folder_is_ours_then_xdg_then_home() {
        let all = [("TAMIS_CACHE", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(root_of(&all), Some("/c".into()));
        assert_eq!(root_of(&all[1..]), Some("/x/tamis".into()));
        assert_eq!(root_of(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Some("/h/.cache/tamis".into()));
        assert_eq!(root_of(&[("TAMIS_CACHE", ""), ("HOME", "/h")]), Some("/h/.cache/tamis".into()));
        assert_eq!(root_of(&[]), None);
    }
}
