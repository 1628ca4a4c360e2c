//! What a phase alone forbids does not compile; the first line of each file in `tests/compile_fail` is what is said, in the
//! words of Rust 1.95. Of another compiler only the error's code has to be the same.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn what_a_phase_forbids_does_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let mut files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    assert!(files.len() > 5);
    let tamis = built();
    let version = Command::new(rustc()).arg("-V").output().unwrap().stdout;
    let known = version.starts_with(b"rustc 1.95.");
    let mut wrong = String::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let expected = text.lines().next().unwrap().strip_prefix("// ").unwrap();
        let errors = errors(&tamis, &file);
        if errors.iter().map(|error| comparable(error, known)).ne([comparable(expected, known)]) {
            wrong.push_str(&format!("{}:\n  expected {expected}\n  saw {errors:#?}\n", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn comparable(error: &str, known: bool) -> &str {
    match error.split_once(']') {
        Some((code, _)) if !known && code.starts_with("error[") => code,
        _ => error,
    }
}

fn rustc() -> std::ffi::OsString {
    std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The compiler's errors, each in its first line; without the file everything must be in order.
fn errors(tamis: &Path, file: &Path) -> Vec<String> {
    let output = Command::new(rustc())
        .args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-o"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail.rmeta"))
        .arg("--extern")
        .arg(format!("tamis={}", tamis.display()))
        .args(["-L".into(), format!("dependency={}", tamis.parent().unwrap().display())])
        .arg(file)
        .envs([("CARGO_PKG_NAME", "f"), ("CARGO_PKG_VERSION", "1.0.0"), ("CARGO_PKG_DESCRIPTION", "")])
        .output()
        .unwrap();
    assert!(!output.status.success(), "{} compiles", file.display());
    let text = String::from_utf8(output.stderr).unwrap();
    let errors = text.lines().filter(|line| line.starts_with("error") && !line.starts_with("error: aborting"));
    errors.map(str::to_owned).collect()
}

/// The crate as it was built for this test: the newest library beside it.
fn built() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let libraries =
        std::fs::read_dir(test.parent().unwrap()).unwrap().map(|file| file.unwrap().path()).filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("libtamis-") && name.ends_with(".rlib")
        });
    libraries.max_by_key(|path| path.metadata().unwrap().modified().unwrap()).unwrap()
}
