//! `tamis inspect … | head`: whoever reads the output may stop before it ends, and that is no fault.
//!
//! `println!` panics then. The signal that ends other programs would also come for the connections of `tamis serve`, so
//! it stays ignored, as Rust has it. The panic is caught instead: what was started is dropped, and so stopped, on the way.

use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;

/// What a shell shows of a program that the signal `SIGPIPE` (13) ended.
const ENDED: u8 = 128 + 13;

/// Runs `command`; a quiet end when nobody reads its output any more.
pub fn quietly(command: impl FnOnce() -> ExitCode) -> ExitCode {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !is_broken_pipe(info.payload_as_str()) {
            loud(info);
        }
    }));
    match panic::catch_unwind(AssertUnwindSafe(command)) {
        Ok(code) => code,
        Err(payload) => {
            let message = payload.downcast_ref::<String>().map(String::as_str);
            if is_broken_pipe(message) { ExitCode::from(ENDED) } else { panic::resume_unwind(payload) }
        }
    }
}

/// The standard library's own words; it offers nothing else to tell by.
fn is_broken_pipe(message: Option<&str>) -> bool {
    message.is_some_and(|text| text.starts_with("failed printing to std") && text.contains("Broken pipe"))
}
