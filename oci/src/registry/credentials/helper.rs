//! Docker's credential helpers: a program that is told a host and answers with a user and a secret.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

use super::Secret;

/// A helper may ask the user to unlock something, and may not wait for ever.
const LIMIT: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: u64 = 64 << 10;
/// What helpers write, and exit with 1, when they know nothing of a host.
const NOT_FOUND: &str = "credentials not found";
/// The user that means: the secret is an identity token.
const TOKEN_USER: &str = "<token>";
/// Docker Hub's name in the stores of helpers.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks `docker-credential-NAME` for a host's credentials. The error says what was wrong, and nothing of what was written.
pub(super) async fn ask(name: &str, host: &str) -> Result<Secret, String> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.len() > 100 || !name.bytes().all(is_word) {
        return Err("has a name with other characters than letters, digits, `-`, `_` and `.`".to_owned());
    }
    let (code, output) = match tokio::time::timeout(LIMIT, run(name, host)).await {
        Ok(ended) => ended?,
        Err(_) => return Err(format!("did not answer within {} seconds", LIMIT.as_secs())),
    };
    if code != Some(0) {
        let is_unknown = String::from_utf8_lossy(&output).contains(NOT_FOUND);
        let code = code.map_or_else(|| "a signal".to_owned(), |code| format!("code {code}"));
        return if is_unknown { Ok(Secret::None) } else { Err(format!("ended with {code}")) };
    }
    let wrong = |_| "did not answer with the JSON of a user and a secret".to_owned();
    let answer: Answer = serde_json::from_slice(&output).map_err(wrong)?;
    Ok(match answer {
        Answer { secret, .. } if secret.is_empty() => Secret::None,
        Answer { username, secret } if username == TOKEN_USER => Secret::IdentityToken(secret),
        Answer { username, secret } => Secret::Password(username, secret),
    })
}

async fn run(name: &str, host: &str) -> Result<(Option<i32>, Vec<u8>), String> {
    let failed = |error: std::io::Error| format!("cannot be asked ({error})");
    let mut child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Helpers ask for passwords there.
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "is not in PATH".to_owned(),
            _ => format!("cannot be started ({error})"),
        })?;
    if let Some(mut input) = child.stdin.take() {
        let host = if host == "docker.io" { DOCKER_HUB } else { host };
        // A helper that needs no input may have ended by now: its answer counts.
        let _ = input.write_all(format!("{host}\n").as_bytes()).await;
    }
    let mut output = Vec::new();
    if let Some(stream) = child.stdout.take() {
        stream.take(MAX_ANSWER_BYTES + 1).read_to_end(&mut output).await.map_err(failed)?;
    }
    if output.len() as u64 > MAX_ANSWER_BYTES {
        return Err(format!("wrote more than {MAX_ANSWER_BYTES} bytes"));
    }
    let status = child.wait().await.map_err(failed)?;
    Ok((status.code(), output))
}
