//! Which Envoy is meant.

use std::fmt;
use std::str::FromStr;

use super::Certainty;

/// A minor release of Envoy, 1.30 to 1.40; all its patch releases are meant, and where they differ the older one.
///
/// ```
/// use tamis_module::gate::EnvoyVersion;
///
/// let version: EnvoyVersion = "1.38.2".parse()?;
/// assert!(version < EnvoyVersion::NEWEST && version.to_string() == "1.38");
/// # Ok::<(), tamis_module::gate::UnknownEnvoy>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvoyVersion {
    minor: u8,
}

/// What is no release that is known here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no Envoy that is known here: {oldest} to {newest} are", oldest = EnvoyVersion::OLDEST, newest = EnvoyVersion::NEWEST)]
pub struct UnknownEnvoy {
    /// What was asked for.
    pub text: String,
}

impl EnvoyVersion {
    /// 1.30.
    pub const OLDEST: Self = Self { minor: 30 };
    /// 1.40: what the harness is when nothing else is asked for.
    pub const NEWEST: Self = Self { minor: 40 };
    /// 1.36: what is older has been read and was never run.
    const FIRST_RUN: Self = Self { minor: 36 };

    /// Release 1.`minor`; for what is compared with in code.
    pub const fn minor(minor: u8) -> Self {
        Self { minor }
    }

    /// Every release, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (Self::OLDEST.minor..=Self::NEWEST.minor).map(Self::minor)
    }

    /// Where the knowledge about it comes from.
    #[must_use]
    pub fn certainty(self) -> Certainty {
        if self < Self::FIRST_RUN { Certainty::FromSource } else { Certainty::Run }
    }
}

impl Default for EnvoyVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

/// `1.38`, or a patch release of it, such as `1.38.2`.
impl FromStr for EnvoyVersion {
    type Err = UnknownEnvoy;

    fn from_str(text: &str) -> Result<Self, UnknownEnvoy> {
        let number = |digits: &str| {
            let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u8>().ok().filter(|_| is_plain)
        };
        let mut parts = text.splitn(3, '.');
        let (major, minor, patch) = (parts.next(), parts.next(), parts.next());
        let minor = minor.and_then(number).map(Self::minor);
        match minor.filter(|minor| Self::all().any(|known| known == *minor)) {
            Some(version) if major == Some("1") && patch.is_none_or(|patch| number(patch).is_some()) => Ok(version),
            _ => Err(UnknownEnvoy { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for EnvoyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        let read = |text: &str| text.parse::<EnvoyVersion>().map(|version| version.to_string());
        assert_eq!(read("1.30"), Ok("1.30".to_owned()));
        assert_eq!(read("1.38.2"), Ok("1.38".to_owned()));
        for wrong in ["", "1", "1.29", "1.41", "2.38", "1.38.", "1.38.x", "1.+38", "1.38.2.1", "1.038x", "v1.38"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(EnvoyVersion::all().count(), 11);
        assert!(EnvoyVersion::minor(35).certainty() != EnvoyVersion::minor(36).certainty());
    }

    #[test]
    fn an_error_names_what_is_known() {
        let error = "1.29".parse::<EnvoyVersion>().unwrap_err();
        assert_eq!(error.to_string(), "`1.29` is no Envoy that is known here: 1.30 to 1.40 are");
    }
}
