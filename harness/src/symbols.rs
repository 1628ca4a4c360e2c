//! Names and lines for the traces of a module that carries none.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use tamis_module::symbols::Symbolizer;

use crate::context::lock;

/// What `tamis build` keeps beside a module, `NAME.debug.wasm`; read when the first trace needs it.
pub struct Symbols {
    module: Arc<[u8]>,
    file: PathBuf,
    read: Mutex<Read>,
}

enum Read {
    NotYet,
    /// There is no such file, or it is another module's: traces stay as they are.
    Useless,
    Ready(Box<Symbolizer>),
}

impl Symbols {
    /// The names of `module`, if `file` has them.
    pub(crate) fn new(module: Arc<[u8]>, file: PathBuf) -> Self {
        Self { module, file, read: Mutex::new(Read::NotYet) }
    }

    /// A trace as wasmtime prints it, with functions, files and lines.
    pub(crate) fn readable(&self, trace: String) -> String {
        let mut read = lock(&self.read);
        if matches!(*read, Read::NotYet) {
            *read = self.load().map_or(Read::Useless, |symbols| Read::Ready(Box::new(symbols)));
        }
        match &*read {
            Read::Ready(symbols) => symbols.symbolize(&trace),
            Read::NotYet | Read::Useless => trace,
        }
    }

    fn load(&self) -> Option<Symbolizer> {
        let debug = std::fs::read(&self.file).ok()?;
        Symbolizer::of_module(&self.module, &debug).ok()
    }
}
