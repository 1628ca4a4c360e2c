//! Questions to Envoy's administration interface.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::wire::{Head, Kind};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether every listener has been set up.
pub(super) fn is_ready(admin: SocketAddr) -> bool {
    get(admin, "/ready").is_ok_and(|answer| answer.trim() == "LIVE")
}

/// The listeners that work, and where they are.
pub(super) fn listeners(admin: SocketAddr) -> io::Result<BTreeMap<String, SocketAddr>> {
    let answer = json(admin, "/listeners?format=json")?;
    let statuses = answer.get("listener_statuses").and_then(Value::as_array).into_iter().flatten();
    Ok(statuses.filter_map(listener).collect())
}

/// The listeners that were rejected, and why.
pub(super) fn rejected_listeners(admin: SocketAddr) -> io::Result<BTreeMap<String, String>> {
    let answer = json(admin, "/config_dump?resource=dynamic_listeners&mask=name,error_state")?;
    let listeners = answer.get("configs").and_then(Value::as_array).into_iter().flatten();
    let text = |listener: &Value, path: &str| listener.pointer(path).and_then(Value::as_str).map(str::to_owned);
    Ok(listeners
        .filter_map(|listener| {
            let name = text(listener, "/error_state/failed_configuration/name")?;
            Some((name, text(listener, "/error_state/details").unwrap_or_default()))
        })
        .collect())
}

/// How many updates of the listeners Envoy has taken over or rejected. The versions of listeners say nothing: one whose
/// filters alone change keeps its first.
pub(super) fn listener_updates(admin: SocketAddr) -> io::Result<u64> {
    let stats = stats(admin, "listener_manager.lds.update_")?;
    let count = |name: &str| stats.get(&format!("listener_manager.lds.update_{name}")).copied().unwrap_or_default();
    Ok(count("success") + count("rejected"))
}

/// The counters and gauges whose names contain a text.
pub(super) fn stats(admin: SocketAddr, part: &str) -> io::Result<BTreeMap<String, u64>> {
    let answer = json(admin, &format!("/stats?format=json&filter={part}"))?;
    let stats = answer.get("stats").and_then(Value::as_array).into_iter().flatten();
    let stat = |stat: &Value| Some((stat.get("name")?.as_str()?.to_owned(), stat.get("value")?.as_u64()?));
    Ok(stats.filter_map(stat).collect())
}

fn listener(status: &Value) -> Option<(String, SocketAddr)> {
    let address = status.pointer("/local_address/socket_address")?;
    let port = u16::try_from(address.get("port_value")?.as_u64()?).ok()?;
    let ip = address.get("address")?.as_str()?.parse().ok()?;
    Some((status.get("name")?.as_str()?.to_owned(), SocketAddr::new(ip, port)))
}

fn json(admin: SocketAddr, path: &str) -> io::Result<Value> {
    Ok(serde_json::from_str(&get(admin, path)?)?)
}

fn get(admin: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let head = Head::read(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let body = String::from_utf8_lossy(&head.read_body(&mut reader, Kind::Response)?).into_owned();
    match head.start.split(' ').nth(1) {
        Some("200") => Ok(body),
        _ => Err(io::Error::other(format!("{path}: {}", head.start))),
    }
}
