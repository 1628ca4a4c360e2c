//! Debian's packages: which are there, whether the rest can be installed, and the installing.

use std::process::Command;
use std::time::Duration;

use super::process::{self, RunError};
use crate::failure::Failure;

/// Downloads included; a mirror that hangs is given up.
const APT_LIMIT: Duration = Duration::from_secs(900);

/// How a set of packages stands on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packages {
    /// All are installed.
    Installed,
    /// These are not, and we may install them.
    Installable(Missing),
    /// These are not, and only an administrator may install them.
    Blocked(Missing),
    /// The machine runs something else, whose name this is.
    OtherSystem(String),
}

/// Packages that are not installed, never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    names: Vec<&'static str>,
    rights: Rights,
}

/// Who we are to the package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Root.
    Root,
    /// A user for whom `sudo` asks no password.
    Sudo,
    /// Any other user.
    None,
}

impl Packages {
    /// Looks at the machine; changes nothing.
    pub fn look(wanted: &[&'static str]) -> Self {
        let os_release =
            ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| std::fs::read_to_string(path).ok());
        let system = System::parse(&os_release.unwrap_or_default());
        if !system.debian || process::find("apt-get").is_none() {
            return Self::judge(&system, "", wanted, Rights::None);
        }
        // It also answers for the known ones when it knows some of them not, but then fails.
        let mut query = Command::new("dpkg-query");
        query.args(["-W", "-f", "${Package} ${db:Status-Status}\n"]).args(wanted);
        let statuses =
            query.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        let rights = if rustix::process::geteuid().is_root() {
            Rights::Root
        } else if process::ask("sudo", &["-n", "true"]).is_some() {
            Rights::Sudo
        } else {
            Rights::None
        };
        Self::judge(&system, &statuses, wanted, rights)
    }

    /// The decision alone: from what the system says of itself and of its packages.
    fn judge(system: &System, statuses: &str, wanted: &[&'static str], rights: Rights) -> Self {
        if !system.debian {
            return Self::OtherSystem(system.name.clone());
        }
        let installed = |name: &str| statuses.lines().any(|line| line.split_once(' ') == Some((name, "installed")));
        let names: Vec<_> = wanted.iter().copied().filter(|name| !installed(name)).collect();
        match (names.is_empty(), rights) {
            (true, _) => Self::Installed,
            (false, Rights::None) => Self::Blocked(Missing { names, rights }),
            (false, _) => Self::Installable(Missing { names, rights }),
        }
    }
}

impl Missing {
    /// The command that an administrator would type.
    pub fn command_line(&self) -> String {
        format!("sudo apt-get install --no-install-recommends {}", self.names.join(" "))
    }

    /// Installs them. The list of packages is refreshed first: a fresh container has none, an old one leads to files that are gone.
    ///
    /// # Errors
    /// What `apt-get` said, with the command to run by hand.
    pub fn install(&self) -> Result<(), Failure> {
        let update = process::run("apt-get update", self.apt_get(&["update"]), APT_LIMIT);
        // Any other failure is passed over: the old list may still do.
        if let Err(error @ RunError::Interrupted { .. }) = update {
            return Err(Failure::environment(error));
        }
        let mut install = self.apt_get(&["install", "--yes", "--no-install-recommends"]);
        install.args(&self.names);
        process::run(&format!("apt-get install {}", self.names.join(" ")), install, APT_LIMIT)
            .map_err(|error| Failure::environment(error).hint(format!("try `{}`", self.command_line())))
    }

    fn apt_get(&self, arguments: &[&str]) -> Command {
        let mut command = match self.rights {
            Rights::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
                sudo
            }
            Rights::Root | Rights::None => {
                let mut apt = Command::new("apt-get");
                apt.env("DEBIAN_FRONTEND", "noninteractive");
                apt
            }
        };
        command.args(["-o", "DPkg::Lock::Timeout=120"]).args(arguments);
        command
    }
}

/// What `os-release` says.
struct System {
    debian: bool,
    name: String,
}

impl System {
    fn parse(os_release: &str) -> Self {
        let field = |key: &str| {
            let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(|value| value.trim().trim_matches(['"', '\'']))
        };
        let family = [field("ID"), field("ID_LIKE")];
        Self {
            debian: family.into_iter().flatten().flat_map(str::split_whitespace).any(|word| word == "debian"),
            name: field("PRETTY_NAME").or(field("ID")).unwrap_or("an unknown system").to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: [&str; 2] = ["skopeo", "docker-registry"];

    fn judge(os_release: &str, statuses: &str, rights: Rights) -> Packages {
        Packages::judge(&System::parse(os_release), statuses, &WANTED, rights)
    }

    #[test]
    fn debian_and_what_is_like_it_is_known() {
        for text in ["ID=debian\n", "ID=ubuntu\nID_LIKE=debian\n", "ID=pop\nID_LIKE=\"ubuntu debian\"\n"] {
            assert!(System::parse(text).debian, "{text}");
        }
        for text in ["", "ID=fedora\n", "ID=\"not-debian\"\n", "NAME=debian\n"] {
            assert!(!System::parse(text).debian, "{text}");
        }
    }

    #[test]
    fn only_missing_packages_are_named_and_only_the_rights_decide() {
        let statuses = "skopeo installed\ndocker-registry not-installed\n";
        let missing = |rights| Missing { names: vec!["docker-registry"], rights };
        assert_eq!(judge("ID=debian", statuses, Rights::Root), Packages::Installable(missing(Rights::Root)));
        assert_eq!(judge("ID=debian", statuses, Rights::Sudo), Packages::Installable(missing(Rights::Sudo)));
        assert_eq!(judge("ID=debian", statuses, Rights::None), Packages::Blocked(missing(Rights::None)));
        let all = "skopeo installed\ndocker-registry installed\n";
        assert_eq!(judge("ID=debian", all, Rights::None), Packages::Installed);
    }

    #[test]
    fn another_system_is_called_by_its_name() {
        let text = "PRETTY_NAME=\"Fedora Linux 43\"\nID=fedora\n";
        assert_eq!(judge(text, "", Rights::Root), Packages::OtherSystem("Fedora Linux 43".into()));
        assert_eq!(judge("", "", Rights::Root), Packages::OtherSystem("an unknown system".into()));
    }

    #[test]
    fn the_command_line_is_one_to_copy() {
        let missing = Missing { names: WANTED.to_vec(), rights: Rights::None };
        assert_eq!(missing.command_line(), "sudo apt-get install --no-install-recommends skopeo docker-registry");
    }
}
