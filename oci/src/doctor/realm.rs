//! What Istio's agent makes of a registry's demand for credentials: since early 2026 it looks at every realm, also at that of plain
//! passwords, and gives up when it is no address of another machine. So a stock `htpasswd` registry fails.

use std::net::IpAddr;

use reqwest::Url;

/// Realms of one header that are looked at, and letters of each.
const MOST: usize = 8;
const LONGEST: usize = 200;

/// Every `realm="..."` of a `WWW-Authenticate` header.
pub(super) fn realms(header: &str) -> Vec<String> {
    let parts = header.split("realm=\"").skip(1).take(MOST);
    parts.filter_map(|part| Some(part.split_once('"')?.0.chars().take(LONGEST).collect())).collect()
}

/// Why the agent goes no further, if it does not.
pub(super) fn refusal(realm: &str) -> Option<&'static str> {
    let Some(url) = Url::parse(realm).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        return Some("it is no http or https address");
    };
    let Some(host) = url.host_str() else { return Some("it has no host") };
    if host == "localhost" || host == "metadata.google.internal" {
        return Some("its host is one that the agent does not go to");
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
    let near = match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local(),
    };
    near.then_some("its address is a private one, or this machine's")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn realms_are_found_in_headers() {
        assert_eq!(realms(r#"Basic realm="Registry Realm""#), ["Registry Realm"]);
        assert_eq!(realms(r#"Bearer realm="https://a/t",service="s", Basic realm="b""#), ["https://a/t", "b"]);
        assert!(realms("Basic").is_empty() && realms(r#"Basic realm="open"#).is_empty());
        assert_eq!(realms(&"realm=\"x\"".repeat(100)).len(), MOST);
    }

    #[test]
    fn addresses_of_other_machines_pass() {
        for fine in [
            "https://registry.example/",
            "http://registry.example:5000/token",
            "https://8.8.8.8/",
            "https://[2001:db8::1]/",
        ] {
            assert_eq!(refusal(fine), None, "{fine}");
        }
        let wrong = [
            "basic-realm",
            "Registry Realm",
            "",
            "file:///etc/passwd",
            "ftp://registry.example/",
            "http://localhost:5000/",
            "http://127.0.0.1/",
            "http://10.0.0.1/",
            "http://172.16.0.1/",
            "http://192.168.1.1/",
            "http://169.254.169.254/",
            "http://[::1]/",
            "http://[fe80::1]/",
            "http://[fd00::1]/",
            "http://metadata.google.internal/",
        ];
        for realm in wrong {
            assert!(refusal(realm).is_some(), "{realm}");
        }
    }
}
