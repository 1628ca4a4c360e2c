//! User names, passwords and tokens for registries; they are never printed.

mod docker;
mod helper;

use std::fmt;
use std::io;
use std::path::PathBuf;

pub(super) use self::docker::is_for;

/// Names of the environment variables that hold credentials: of the host they are for, the user and the password.
pub const VARIABLES: [&str; 3] = ["TAMIS_REGISTRY", "TAMIS_REGISTRY_USER", "TAMIS_REGISTRY_PASSWORD"];

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// None are sent.
    #[default]
    Anonymous,
    /// Those in `config.json` of this folder, and of the helpers that it names; a file that is not there means none.
    DockerConfig(PathBuf),
    /// One user for one host; for others there are other credentials.
    Host {
        /// Host and port, as in a reference.
        host: String,
        /// The user.
        user: String,
        /// The password.
        password: Password,
        /// For other hosts.
        others: Box<Credentials>,
    },
    /// The environment holds a user and does not say for which host, or the other way round: nothing is sent to anyone.
    Incomplete {
        /// The variable that is missing.
        missing: &'static str,
    },
}

/// A text that no error and no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// The system refused.
    #[error("cannot read the credentials in {path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what Docker writes; nothing of its text is repeated.
    #[error("{path} is not a Docker configuration file (line {line}, column {column}); write it anew with `docker login`", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The entry of a host cannot be decoded; nothing of it is repeated.
    #[error("{path}: the `auth` of {host} is not base64 of `user:password`; write it anew with `docker login {host}`", path = path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// The host.
        host: String,
    },
    /// A helper did not give what it was asked for; nothing of what it wrote is repeated.
    #[error("the credential helper `docker-credential-{helper}` {problem}; {path} names it for {host}", path = path.display())]
    Helper {
        /// The name behind `docker-credential-`.
        helper: String,
        /// What was wrong.
        problem: String,
        /// The file that names it.
        path: PathBuf,
        /// The host.
        host: String,
    },
    /// The environment says only half.
    #[error("the environment holds credentials without {missing}; set {}, {} and {} together", VARIABLES[0], VARIABLES[1], VARIABLES[2])]
    Incomplete {
        /// The variable that is missing.
        missing: &'static str,
    },
}

/// What proves who we are.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    None,
    Password(String, String),
    /// What a sign-in by browser left: good for tokens.
    IdentityToken(String),
    /// A token that the registry takes as it is.
    RegistryToken(String),
}

/// What was found for a host, and what to tell someone whom the registry then refuses.
pub(super) struct Found {
    pub(super) secret: Secret,
    pub(super) advice: String,
}

impl Credentials {
    /// The variables [`VARIABLES`] for their host; else the folder in `DOCKER_CONFIG`, else `.docker` in the home folder.
    #[must_use]
    pub fn from_environment() -> Self {
        let named = std::env::var_os("DOCKER_CONFIG").filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || std::env::home_dir().map(|home| home.join(".docker"));
        let docker = named.or_else(home).map_or(Self::Anonymous, Self::DockerConfig);
        let [host, user, password] = VARIABLES.map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        match (host, user, password) {
            (None, None, None) => docker,
            (Some(host), Some(user), Some(password)) => {
                Self::Host { host, user, password: Password(password), others: Box::new(docker) }
            }
            (None, ..) => Self::Incomplete { missing: VARIABLES[0] },
            (_, None, _) => Self::Incomplete { missing: VARIABLES[1] },
            (_, _, None) => Self::Incomplete { missing: VARIABLES[2] },
        }
    }

    pub(super) async fn find(&self, host: &str) -> Result<Found, CredentialsError> {
        match self {
            Self::Anonymous => {
                Ok(Found { secret: Secret::None, advice: "no credentials were sent, as asked for".to_owned() })
            }
            Self::DockerConfig(folder) => docker::find(folder, host).await,
            Self::Host { host: own, user, password, .. } if is_for(own, host) => Ok(Found {
                secret: Secret::Password(user.clone(), password.0.clone()),
                advice: format!("the credentials in {} and {} were not accepted", VARIABLES[1], VARIABLES[2]),
            }),
            Self::Host { others, .. } => Box::pin(others.find(host)).await,
            Self::Incomplete { missing } => Err(CredentialsError::Incomplete { missing }),
        }
    }
}

impl Password {
    /// Keeps a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
