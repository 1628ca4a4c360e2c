//! Ctrl-C and SIGHUP, told to whoever asks.
//!
//! A command that has started other programs must not die of a signal: it looks here between its steps, returns, and so
//! drops the guards that stop them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

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

    /// Waits for the signal, but not for longer; says whether it has come.
    pub fn wait_for(&self, limit: Duration) -> bool {
        let (came, changed) = &*self.state;
        let came = came.lock().unwrap_or_else(PoisonError::into_inner);
        *changed.wait_timeout_while(came, limit, |came| !*came).unwrap_or_else(PoisonError::into_inner).0
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

/// Whether SIGHUP has come.
pub struct Hangups(Arc<AtomicBool>);

impl Hangups {
    /// Takes the signal over for the rest of the process.
    ///
    /// # Errors
    /// When the system gives no signals.
    pub fn install() -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot)?;
        let mut hangup = {
            let _inside = runtime.enter();
            signal(SignalKind::hangup()).map_err(cannot)?
        };
        let came = Arc::new(AtomicBool::new(false));
        let this = Self(came.clone());
        std::thread::spawn(move || {
            runtime.block_on(async {
                while hangup.recv().await.is_some() {
                    came.store(true, Ordering::Release);
                }
            });
        });
        Ok(this)
    }

    /// Whether one has come since the last look.
    pub fn came(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

fn cannot(error: std::io::Error) -> Failure {
    Failure::environment(format_args!("cannot wait for signals: {error}"))
}
