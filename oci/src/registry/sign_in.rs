//! Signing in: what a registry asks for, and the token it wants fetched.
//!
//! Done here and not by the library that uploads: the answers of a token service are read with a bound, what they hold is
//! checked before it is used, and credentials never leave TLS for a token service without it.

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use crate::registry::error::{Asked, RegistryError};

/// The most bytes of a token service's answer that are read.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Nothing.
    Open,
    /// User and password with every request.
    Basic,
    /// A token, which this service gives out.
    Token {
        /// Where the service is.
        realm: String,
        /// What it calls the registry.
        service: Option<String>,
    },
}

/// Asks the registry at `base` (`https://HOST/v2/`) what it wants.
pub(super) async fn challenge(http: &reqwest::Client, base: &str, asked: &Asked) -> Result<Challenge, RegistryError> {
    let response = http.get(base).send().await.map_err(|error| asked.network(error))?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(Challenge::Open);
    }
    let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let found = headers.filter_map(|header| parse(header.to_str().ok()?)).next();
    found.ok_or_else(|| asked.protocol("it asks for a sign-in of an unknown kind"))
}

/// Fetches a token for `scope`, with credentials if there are some. `plain` allows a service without TLS.
pub(super) async fn token(
    http: &reqwest::Client,
    (realm, service): (&str, Option<&str>),
    scope: &str,
    credentials: Option<(&str, &str)>,
    plain: bool,
    asked: &Asked,
) -> Result<String, RegistryError> {
    let mut url = Url::parse(realm).map_err(|_| asked.protocol("its token service has no valid address"))?;
    if url.scheme() != "https" && !plain {
        return Err(asked.protocol("its token service is reached without TLS, so it gets no credentials"));
    }
    url.query_pairs_mut().extend_pairs(service.map(|service| ("service", service))).append_pair("scope", scope);
    let mut request = http.get(url);
    if let Some((user, password)) = credentials {
        request = request.basic_auth(user, Some(password));
    }
    let mut response = request.send().await.map_err(|error| asked.network(error))?;
    if response.status() != StatusCode::OK {
        return Err(asked.status(response.status().as_u16()));
    }
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| asked.network(error))? {
        if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(asked.protocol("the answer of its token service does not end"));
        }
        answer.extend_from_slice(&chunk);
    }
    let answer: Answer = serde_json::from_slice(&answer)
        .map_err(|_| asked.protocol("the answer of its token service holds no token"))?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    token.ok_or_else(|| asked.protocol("the answer of its token service holds no token"))
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

/// Reads one `WWW-Authenticate` header.
fn parse(header: &str) -> Option<Challenge> {
    let (scheme, parameters) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let realm = parameter(parameters, "realm")?;
    Some(Challenge::Token { realm, service: parameter(parameters, "service") })
}

/// A quoted parameter. Addresses and names of services have no quotes in them.
fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key.trim_start_matches([',', ' ']).eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::{http_client, install_tls};
    use super::*;

    #[tokio::test]
    async fn credentials_never_go_to_a_token_service_without_tls() {
        install_tls();
        // Nothing listens there, and nothing is asked: that would be another error.
        let asked = Asked { reference: "oci://registry.example.com/a:b".parse().unwrap(), advice: String::new() };
        let http = http_client(false).unwrap();
        let service = ("http://127.0.0.1:9/token", None);
        let error = token(&http, service, "s", Some(("user", "s3cret")), false, &asked).await.unwrap_err().to_string();
        assert!(error.contains("its token service is reached without TLS"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn challenges_are_read() {
        assert_eq!(parse(r#"Basic realm="https://x""#), Some(Challenge::Basic));
        assert_eq!(
            parse(r#"Bearer realm="https://auth.example.com/token",service="registry",scope="a,b""#),
            Some(Challenge::Token {
                realm: "https://auth.example.com/token".to_owned(),
                service: Some("registry".to_owned())
            })
        );
        assert_eq!(
            parse(r#"bearer service="s", realm="r""#),
            Some(Challenge::Token { realm: "r".to_owned(), service: Some("s".to_owned()) })
        );
        for broken in ["", "Bearer", "Bearer realm=x", r#"Bearer realm="x"#, "Negotiate abc", "Bearer realm=\"\u{e9}"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }
}
