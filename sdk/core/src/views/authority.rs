//! To whom a request is addressed.

use std::net::{IpAddr, Ipv6Addr};

/// `:authority` (or `host`), taken apart.
///
/// ```
/// use tamis_core::views::Authority;
///
/// let authority = Authority::parse(b"Shop.Example.COM:8443").unwrap();
/// assert!(authority.host_is("shop.example.com"));
/// assert_eq!(authority.port(), Some(8443));
/// assert!(Authority::parse(b"[::1]:80").unwrap().address().unwrap().is_loopback());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authority<'a> {
    host: &'a [u8],
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Takes an authority apart.
    ///
    /// # Errors
    ///
    /// [`InvalidAuthority`] when it is empty, has a user (`user@host`: [RFC 9110
    /// §4.2.4](https://www.rfc-editor.org/rfc/rfc9110#section-4.2.4) says to treat that as an error), a port that is not
    /// 0 to 65535, or brackets without an IPv6 address in them. Whoever lets nobody in unless a host is known is safe
    /// with it: what has an error is no known host.
    pub fn parse(value: &'a [u8]) -> Result<Self, InvalidAuthority> {
        if value.contains(&b'@') {
            return Err(InvalidAuthority);
        }
        let (host, port) = if value.starts_with(b"[") {
            let end = value.iter().position(|byte| *byte == b']').ok_or(InvalidAuthority)?;
            let (host, rest) = value.split_at_checked(end + 1).ok_or(InvalidAuthority)?;
            ipv6(host).ok_or(InvalidAuthority)?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(b":").ok_or(InvalidAuthority)?) })
        } else {
            super::cut(value, b':')
        };
        if host.is_empty() {
            return Err(InvalidAuthority);
        }
        Ok(Self { host, port: port.map(number).transpose()?.flatten() })
    }

    /// The host as it was sent: an IPv6 address with its brackets.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The host without the dot at its end that makes a name absolute: `example.com.` is the same name as `example.com`.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        match self.host {
            [name @ .., b'.'] if !name.is_empty() => name,
            host => host,
        }
    }

    /// Whether the host is this one, without regard to case and to a dot at its end.
    #[must_use]
    pub fn host_is(&self, host: &str) -> bool {
        self.name().eq_ignore_ascii_case(host.as_bytes())
    }

    /// The port; nothing when there is none, or none behind the colon.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The address, when the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match ipv6(self.host) {
            Some(address) => Some(IpAddr::V6(address)),
            None => std::str::from_utf8(self.host).ok()?.parse().ok().map(IpAddr::V4),
        }
    }
}

/// Why bytes are no authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an authority is a host name or an address, an IPv6 address in brackets, with or without a port")]
pub struct InvalidAuthority;

fn ipv6(host: &[u8]) -> Option<Ipv6Addr> {
    match host {
        [b'[', address @ .., b']'] => std::str::from_utf8(address).ok()?.parse().ok(),
        _ => None,
    }
}

/// A port, or none where nothing is written, which [RFC 3986 §3.2.3](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.3) allows.
fn number(digits: &[u8]) -> Result<Option<u16>, InvalidAuthority> {
    if digits.is_empty() {
        return Ok(None);
    }
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(InvalidAuthority);
    }
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).map(Some).ok_or(InvalidAuthority)
}
