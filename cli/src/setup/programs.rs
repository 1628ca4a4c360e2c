//! Programs that come out of Debian's packages.

use super::component::Done;
use super::debian::Packages;
use super::process;
use crate::failure::Failure;

/// A program, and the package that has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub name: &'static str,
    pub package: &'static str,
}

/// Makes sure that all of them are in `PATH`.
pub(super) fn install(programs: &[Program]) -> Result<Done, Failure> {
    let names = |programs: &[Program]| programs.iter().map(|program| program.name).collect::<Vec<_>>().join(" and ");
    let are = if programs.len() == 1 { "is" } else { "are" };
    let missing = missing(programs);
    if missing.is_empty() {
        return Ok(Done::Before(format!("{} {are} installed", names(programs))));
    }
    let not_found = format!("{} cannot be found", names(&missing));
    let packages = programs.iter().map(|program| program.package).collect::<Vec<_>>();
    match Packages::look(&packages) {
        Packages::Installable(packages) => packages.install()?,
        Packages::Blocked(packages) => {
            return Err(Failure::environment(format!("{not_found}, and only root may install what is missing"))
                .hint(format!("run `{}`", packages.command_line())));
        }
        Packages::Installed => {
            return Err(Failure::environment(format!("{not_found} in PATH")).hint("add /usr/bin to PATH"));
        }
        Packages::OtherSystem(name) => {
            return Err(Failure::environment(format!("{not_found}, and {name} is not Debian"))
                .hint(format!("put what is missing into PATH: {}", names(programs))));
        }
    }
    match self::missing(programs).first() {
        None => Ok(Done::Now(format!("{} {are} installed", names(programs)))),
        Some(program) => Err(Failure::environment(format!("{} is installed, but not in PATH", program.name))
            .hint("add /usr/bin to PATH")),
    }
}

/// Those that are not in `PATH`.
pub(super) fn missing(programs: &[Program]) -> Vec<Program> {
    programs.iter().copied().filter(|program| process::find(program.name).is_none()).collect()
}
