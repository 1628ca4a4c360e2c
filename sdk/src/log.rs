//! Lines in the proxy's log.
//!
//! The proxy drops what is below the level of its `wasm` logger. Never log a header's, a cookie's or a body's content.
//!
//! ```
//! tamis::log::info(format_args!("{} rules", 3));
//! ```

use std::fmt::Arguments;

use crate::sys;

/// Logs at level `debug`.
pub fn debug(message: Arguments<'_>) {
    write(sys::LogLevel::DEBUG, message);
}

/// Logs at level `info`.
pub fn info(message: Arguments<'_>) {
    write(sys::LogLevel::INFO, message);
}

/// Logs at level `warn`.
pub fn warn(message: Arguments<'_>) {
    write(sys::LogLevel::WARN, message);
}

/// Logs at level `error`.
pub fn error(message: Arguments<'_>) {
    write(sys::LogLevel::ERROR, message);
}

/// Logs at level `critical`.
pub fn critical(message: Arguments<'_>) {
    write(sys::LogLevel::CRITICAL, message);
}

/// Logs a text that is put together, without Rust's formatting.
pub(crate) fn parts(level: sys::LogLevel, parts: &[&str]) {
    sys::log(level, &tamis_core::text::join(parts));
}

fn write(level: sys::LogLevel, message: Arguments<'_>) {
    match message.as_str() {
        Some(text) => sys::log(level, text),
        None => sys::log(level, &message.to_string()),
    }
}
