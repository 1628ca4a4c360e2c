//! Signing in: what a registry asks for, and the token it wants fetched.
//!
//! The answers of a token service are read with a bound, what they hold is
//! checked before it is used, and credentials never leave TLS for a token service without it.

use reqwest::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use reqwest::{StatusCode, Url};
use serde::Deserialize;

use crate::registry::credentials::Secret;
use crate::registry::error::RegistryError;
use crate::registry::session::Session;

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

/// A service that gives out tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service<'a> {
    /// Its address.
    pub(super) realm: &'a str,
    /// What it calls the registry.
    pub(super) name: Option<&'a str>,
    /// Whether it may be without TLS.
    pub(super) is_plain: bool,
}

/// Asks the registry at `root` (`https://HOST/v2/`) what it wants.
pub(super) async fn challenge(session: &Session, root: &Url) -> Result<Challenge, RegistryError> {
    let response = session.send(|| session.http.get(root.clone())).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        return Ok(Challenge::Open);
    }
    let headers = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let found = headers.filter_map(|header| parse(header.to_str().ok()?)).next();
    found.ok_or_else(|| session.asked.protocol("it asks for a sign-in of an unknown kind"))
}

/// Fetches a token for `scope`: with user and password by a GET, with an identity token by OAuth 2, else anonymously.
pub(super) async fn token(
    session: &Session,
    service: &Service<'_>,
    scope: &str,
    secret: &Secret,
) -> Result<String, RegistryError> {
    let asked = &session.asked;
    let url = Url::parse(service.realm).map_err(|_| asked.protocol("its token service has no valid address"))?;
    if url.scheme() != "https" && !service.is_plain {
        return Err(asked.protocol("its token service is reached without TLS, so it gets no credentials"));
    }
    let mut named = url.clone();
    named.query_pairs_mut().extend_pairs(service.name.map(|name| ("service", name))).append_pair("scope", scope);
    let request = || match secret {
        Secret::IdentityToken(token) => {
            let mut form = named.clone();
            form.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "tamis")
                .append_pair("refresh_token", token);
            let body = form.query().unwrap_or_default().to_owned();
            session.http.post(url.clone()).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
        }
        Secret::Password(user, password) => session.http.get(named.clone()).basic_auth(user, Some(password)),
        Secret::None | Secret::RegistryToken(_) => session.http.get(named.clone()),
    };
    let mut response = session.send(request).await?;
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
    use super::*;

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
