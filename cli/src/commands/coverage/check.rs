//! Whether counting works here: a program of which it is known what runs.

use std::path::Path;
use std::process::Command;

use super::{counted, read};
use crate::failure::Failure;
use crate::setup::llvm::Llvm;

const PROGRAM: &str = "fn main() {
    if std::env::args().count() > 100 {
        println!(\"never\");
    }
}
";
/// Lines of it, and how often they run.
const KNOWN: [(u32, u64); 2] = [(2, 1), (3, 0)];

/// Compiles, runs and looks.
pub(super) fn check(llvm: &Llvm, wrapper: &Path) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(Failure::environment)?;
    let folder = folder.path();
    let (source, program) = (folder.join("known.rs"), folder.join("known"));
    let cannot = |error| Failure::environment(format_args!("cannot write {}: {error}", source.display()));
    std::fs::write(&source, PROGRAM).map_err(cannot)?;
    let mut rustc = Command::new(wrapper);
    rustc.args(["rustc", "--edition=2024", "--crate-name=known", "-o"]).arg(&program).arg(&source);
    read(rustc)?;
    let mut known = Command::new(&program);
    known.env("LLVM_PROFILE_FILE", folder.join("known.profraw"));
    read(known)?;
    let report = counted(llvm, folder, &[program])?;
    for (line, times) in KNOWN {
        if !report.lines().any(|said| said == format!("DA:{line},{times}")) {
            return Err(Failure::environment(format_args!(
                "counting does not work: a line has run {times} times, and that is not said:\n{report}"
            ))
            .hint("llvm-cov has to be of the LLVM that `rustc -vV` names"));
        }
    }
    Ok(())
}
