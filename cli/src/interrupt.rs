//! Ctrl-C, told to whoever asks.
//!
//! A command that has started other programs must not die of a signal: it looks here between its steps, returns, and so
//! drops the guards that stop them.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Whether SIGINT or SIGTERM has come.
#[derive(Clone)]
pub struct Interrupt {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Interrupt {
    /// Takes the signals over for the rest of the process.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub fn install() -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::environment(format_args!("cannot wait for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt()).map_err(cannot)?, signal(SignalKind::terminate()).map_err(cannot)?)
        };
        let this = Self { state: Arc::default() };
        let state = this.state.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            });
            *state.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            state.1.notify_all();
        });
        Ok(this)
    }

    /// Waits for the signal.
    pub fn wait(&self) {
        let (came, changed) = &*self.state;
        let mut came = came.lock().unwrap_or_else(PoisonError::into_inner);
        while !*came {
            came = changed.wait(came).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Goes on, unless the signal has come.
    ///
    /// # Errors
    /// When it has; the caller returns, and what it started stops.
    pub fn check(&self) -> Result<(), Failure> {
        if *self.state.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Err(Failure::environment("interrupted; everything that was started is stopped"))
        } else {
            Ok(())
        }
    }
}
