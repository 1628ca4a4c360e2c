//! What scenarios have no words for, in a real Envoy: responses before the response, and connections that become another protocol.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tamis_harness::envoy::bootstrap::{PluginConfig, cluster, listener};
use tamis_harness::envoy::{WatchedEnvoy, find_or_skip};
use tamis_harness::scenario::modules::built;

/// How long an end waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an end of the proxy does.
enum Act {
    /// Reads until this has come.
    Reads(&'static str),
    Says(&'static str),
}

use Act::{Reads, Says};

/// Plays one end, and says all that has come there.
fn play(mut stream: TcpStream, acts: &[Act]) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut all, mut read) = (Vec::new(), 0);
    for act in acts {
        match act {
            Says(text) => stream.write_all(text.as_bytes()).unwrap(),
            Reads(text) => loop {
                let here = all.get(read..).unwrap_or_default();
                if let Some(at) = here.windows(text.len()).position(|part: &[u8]| part == text.as_bytes()) {
                    read += at + text.len();
                    break;
                }
                let mut piece = [0; 4096];
                match stream.read(&mut piece) {
                    Ok(length @ 1..) => all.extend_from_slice(&piece[..length]),
                    ended => panic!("{text:?} does not come, {ended:?}: {:?}", String::from_utf8_lossy(&all)),
                }
            },
        }
    }
    String::from_utf8(all).unwrap()
}

/// Envoy with rules that edit all JSON, in front of an upstream.
fn start(upstream: SocketAddr, held_headers: bool) -> Option<(WatchedEnvoy, SocketAddr)> {
    let binary = find_or_skip("interim responses and upgrades in a real Envoy")?;
    let edits = json!({ "headers": { "set": [{ "name": "x-seen", "value": "yes" }] }, "json": [{ "set": { "path": "$.new", "value": 1 } }] });
    let configuration = json!({ "rules": [{ "request": edits, "response": edits }], "held_headers": held_headers });
    let plugin = PluginConfig {
        name: "transformation".to_owned(),
        module_path: std::path::absolute(built("transformation", Path::new(env!("CARGO_MANIFEST_DIR"))))
            .unwrap()
            .to_string_lossy()
            .into_owned(),
        configuration: Some(configuration.to_string()),
        allow_on_headers_stop_iteration: held_headers,
        ..PluginConfig::default()
    };
    let routes = json!([{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }]);
    let mut listener = listener("here", &[plugin], &routes);
    manager(&mut listener)["upgrade_configs"] = json!([{ "upgrade_type": "websocket" }]);
    manager(&mut listener)["proxy_100_continue"] = json!(!held_headers);
    let bootstrap = |file: &Path| {
        json!({
            "node": { "id": "tamis", "cluster": "tamis" },
            "static_resources": { "clusters": [cluster("upstream", Some(upstream), None)] },
            "dynamic_resources": { "lds_config": { "path_config_source": { "path": file } } },
        })
    };
    let envoy = WatchedEnvoy::start(&binary, 1, json!({ "resources": [listener] }), bootstrap).unwrap();
    assert_eq!(envoy.process().rejected_listeners().unwrap(), Default::default());
    let address = envoy.process().listeners().unwrap()["here"];
    Some((envoy, address))
}

/// The settings of the listener's connection manager.
fn manager(listener: &mut Value) -> &mut Value {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

/// What came to the client and to the upstream.
fn through(held_headers: bool, client: &[Act], upstream: &'static [Act]) -> Option<(String, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (envoy, address) = start(listener.local_addr().unwrap(), held_headers)?;
    let upstream = std::thread::spawn(move || play(listener.accept().unwrap().0, upstream));
    let client = play(TcpStream::connect(address).unwrap(), client);
    let upstream = upstream.join().unwrap();
    drop(envoy);
    Some((client, upstream))
}

#[test]
fn what_becomes_another_protocol_is_left_alone() {
    for held_headers in [false, true] {
        let client = [
            Says(
                "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\ncontent-type: application/json\r\n\r\n",
            ),
            Reads("\r\n\r\n"),
            Says(r#"{"a": 1}"#),
            Reads(r#"{"b": 2}"#),
            Says("[3]"),
            Reads("[4]"),
        ];
        const UPSTREAM: &[Act] = &[
            Reads("\r\n\r\n"),
            Says(
                "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\ncontent-type: application/json\r\n\r\n",
            ),
            Reads(r#"{"a": 1}"#),
            Says(r#"{"b": 2}"#),
            Reads("[3]"),
            Says("[4]"),
        ];
        let Some((client, upstream)) = through(held_headers, &client, UPSTREAM) else { return };
        assert!(client.starts_with("HTTP/1.1 101 ") && client.ends_with("\r\n\r\n{\"b\": 2}[4]"), "{client}");
        assert!(upstream.ends_with("\r\n\r\n{\"a\": 1}[3]"), "{upstream}");
        // Headers are edited all the same.
        assert!(client.contains("x-seen: yes") && upstream.contains("x-seen: yes"), "{client}\n{upstream}");
    }
}

#[test]
fn what_comes_before_a_response_goes_by() {
    for held_headers in [false, true] {
        let client = [
            Says(
                "POST /orders HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n",
            ),
            Reads("HTTP/1.1 100 Continue\r\n\r\n"),
            Says(r#"{"a": 1}"#),
            Reads(r#""new":1}"#),
        ];
        const HEADERS_FIRST: &[Act] = &[
            Reads("\r\n\r\n"),
            Says("HTTP/1.1 100 Continue\r\n\r\n"),
            Reads(r#""new":1}"#),
            Says("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\ncontent-type: application/json\r\n\r\n"),
            Says("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"b\": 2}"),
        ];
        // Envoy itself asks for the body here: the upstream hears nothing before the body is there.
        const WHOLE: &[Act] = &[
            Reads(r#""new":1}"#),
            Says("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\ncontent-type: application/json\r\n\r\n"),
            Says("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{\"b\": 2}"),
        ];
        let upstream = if held_headers { WHOLE } else { HEADERS_FIRST };
        let Some((client, upstream)) = through(held_headers, &client, upstream) else { return };
        assert!(upstream.contains(r#"{"a": 1,"new":1}"#) && upstream.contains("x-seen: yes"), "{upstream}");
        let (_, last) = client.rsplit_once("HTTP/1.1 ").unwrap();
        assert!(
            last.starts_with("200 OK") && last.contains("x-seen: yes") && last.contains(r#"{"b": 2,"new":1}"#),
            "{client}"
        );
        assert_eq!(client.matches("x-seen").count(), 1, "an interim response is no response: {client}");
    }
}
