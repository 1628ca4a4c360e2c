//! A filter for TCP that asks others: the guest of the SDK's own tests.
//!
//! With `greet` in its configuration, a cluster is asked before the upstream is connected. What a client says waits for the
//! end of a line, whose first word says what to do:
//!
//! | line | what is done |
//! |---|---|
//! | `ask CLUSTER` | it is asked; its answer stands before all that waits by then, or closes the connection |
//! | `gather CLUSTER` | it is asked; what waits by then comes to the phase again, with what follows |
//! | `sleep MS` | time passes |
//! | `give-up CLUSTER` | it is asked for 50 ms |

use std::time::Duration;

use schemars::JsonSchema;
use tamis::callouts::{HttpError, HttpRequest, HttpResponse, WaitingConnection, sleep, timeout};
use tamis::{ConfigError, Configuration, DownstreamData, NewConnection, PluginContext, TcpFilter, TcpOutcome};

/// What the user writes.
#[derive(Debug, Configuration, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who is asked about every new connection.
    pub greet: Option<String>,
}

/// The filter.
#[derive(Debug)]
pub struct Asks(Config);

#[tamis::filter(callouts)]
impl TcpFilter for Asks {
    type Config = Config;

    fn new(config: Config, _: &PluginContext) -> Result<Self, ConfigError> {
        Ok(Self(config))
    }

    fn connection(&self, _: &mut (), connection: &mut NewConnection) -> TcpOutcome {
        let Some(cluster) = self.0.greet.clone() else { return TcpOutcome::Continue };
        connection.wait(self, async move |_, _| match ask(&cluster).await {
            Ok(answer) if answer.status() == 200 => TcpOutcome::Continue,
            Ok(_) => TcpOutcome::Close,
            Err(error) => Err(error).into(),
        })
    }

    fn downstream_data(&self, _: &mut (), data: &mut DownstreamData) -> TcpOutcome {
        let Ok(bytes) = data.bytes() else { return TcpOutcome::Close };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((line, _)) = text.split_once('\n') else {
            return if data.is_last() { TcpOutcome::Continue } else { TcpOutcome::Wait };
        };
        let (what, about) = line.split_once(' ').unwrap_or((line, ""));
        let about = about.to_owned();
        match what {
            "ask" => data.wait(self, async move |_, connection| answered(&connection, &ask(&about).await)),
            "gather" => data.wait(self, async move |_, connection| {
                let _ = ask(&about).await;
                let waits = connection.data(|data| Ok(data.len())).unwrap_or_default();
                // The next call must not ask again.
                match connection.data(|data| data.replace(b"got ")) {
                    Ok(()) => tamis::log::info(format_args!("{waits} gathered")),
                    Err(error) => return Err(error).into(),
                }
                TcpOutcome::Wait
            }),
            "sleep" => data.wait(self, async move |_, _| {
                sleep(Duration::from_millis(about.parse().unwrap_or(1))).await;
                TcpOutcome::Continue
            }),
            "give-up" => data.wait(self, async move |_, connection| {
                match timeout(Duration::from_millis(50), ask(&about)).await {
                    Ok(answer) => answered(&connection, &answer),
                    Err(_) => connection.data(|data| data.replace(b"nobody answers\n")).into(),
                }
            }),
            _ => TcpOutcome::Continue,
        }
    }
}

async fn ask(cluster: &str) -> Result<HttpResponse, HttpError> {
    HttpRequest::get(cluster, "internal", "/ask").send().await
}

/// Puts the answer before all that waits.
fn answered(connection: &WaitingConnection, answer: &Result<HttpResponse, HttpError>) -> TcpOutcome {
    let Ok(answer) = answer else { return TcpOutcome::Close };
    if answer.status() != 200 {
        return TcpOutcome::Close;
    }
    let body = answer.body().unwrap_or_default();
    connection
        .data(|data| {
            let last = if data.is_last() { " and no more: " } else { ": " };
            let all = [body, last.as_bytes(), &data.bytes()?].concat();
            data.replace(&all)
        })
        .into()
}
