//! The `tamis` command, as an operator types it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, cannot};
use crate::process::run;

/// The command, and a folder for the files that it is given.
pub struct Tamis {
    program: PathBuf,
    folder: PathBuf,
}

impl Tamis {
    /// The command in `program`.
    pub fn new(program: &Path, folder: &Path) -> Self {
        Self { program: program.to_owned(), folder: folder.to_owned() }
    }

    /// `tamis push FILE IMAGE`: the image's digest, `sha256:…`.
    pub fn push(&self, file: &Path, image: &str) -> Result<String, Failure> {
        let mut command = self.command();
        command.arg("push").arg(file).arg(image);
        let printed = run(command)?;
        let digest = printed.split_whitespace().find_map(|word| word.split_once("@sha256:")).map(|(_, digest)| digest);
        let digest = digest.map(|digest| digest.chars().take_while(char::is_ascii_hexdigit).collect::<String>());
        let digest = digest.ok_or_else(|| Failure::new(format_args!("`tamis push` printed no digest: {printed}")))?;
        Ok(format!("sha256:{digest}"))
    }

    /// `tamis manifest --for KIND IMAGE --config FILE FLAGS…`: what it prints.
    pub fn manifest(&self, kind: &str, image: &str, config: &str, flags: &[&str]) -> Result<String, Failure> {
        let file = self.folder.join("config.yaml");
        fs::write(&file, config).map_err(cannot("write a configuration"))?;
        let mut command = self.command();
        command.args(["manifest", "--for", kind, image, "--config"]).arg(&file).args(flags);
        run(command)
    }

    fn command(&self) -> Command {
        Command::new(&self.program)
    }
}
