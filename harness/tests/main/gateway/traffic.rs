//! What goes through: edits, bodies, bytes, many at a time; starting and stopping.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;

use tamis_harness::context::Process;
use tamis_harness::gateway::{Gateway, GatewayError, GatewayOptions, Limits, send, send_blocking};
use tamis_harness::scenario::model::Request;
use tamis_harness::stream::Proxy;

use super::{
    PATIENCE, Setting, connect, gateway, get, options, post, raw, read_all, scripted, transformation, wait_for,
    with_headers,
};

#[test]
fn both_directions_are_edited() {
    let setting = Setting::transformation();
    let request =
        with_headers(get("/items?page=2"), &[("x-debug", "1"), ("x-a", "1"), ("x-a", "2"), ("X-Env", "test")]);
    let answer = send_blocking(setting.address(), &request).unwrap();
    let upstream = setting.echo.last().unwrap();
    let names = upstream.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, [":authority", ":path", ":method", "x-a", "x-a", "x-env"]);
    assert_eq!(upstream.get(":authority").unwrap(), b"example.com");
    assert_eq!(upstream.get(":path").unwrap(), b"/items?page=2");
    assert_eq!(upstream.get("x-env").unwrap(), b"production");
    assert_eq!(upstream.get_all("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
    let names = answer.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, [":status", "server", "content-type", "content-length", "x-by"]);
    let shown = String::from_utf8(answer.body).unwrap();
    assert_eq!(shown, "GET /items?page=2 HTTP/1.1\nhost: example.com\nx-a: 1\nx-a: 2\nx-env: production\n\n");
}

#[test]
fn bodies_go_through_in_both_directions() {
    let setting = Setting::transformation();
    for size in [0, 1, 65_537, 1 << 20] {
        let body = "b".repeat(size);
        // The answer is longer than the request and has the same bound, so the largest one only has to arrive.
        let answer = send_blocking(setting.address(), &post(&body)).unwrap();
        let upstream = setting.echo.last().unwrap();
        assert_eq!(upstream.body.len(), size);
        assert_eq!(upstream.get("content-length").unwrap(), size.to_string().as_bytes());
        assert!(size == 1 << 20 || answer.body.ends_with(body.as_bytes()));
    }
}

#[test]
fn a_chunked_body_stays_chunked_with_any_method() {
    let setting = Setting::transformation();
    for method in ["GET", "POST"] {
        let head = format!("{method} / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n");
        let answer = raw(setting.address(), format!("{head}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let upstream = setting.echo.last().unwrap();
        assert_eq!(upstream.body, b"abcde");
        assert_eq!(upstream.get("transfer-encoding").unwrap(), b"chunked");
        assert_eq!(upstream.get("content-length"), None);
    }
}

#[test]
fn answers_without_a_body_have_none() {
    let setting = Setting::transformation();
    let head = send_blocking(setting.address(), &Request { method: "HEAD".to_owned(), ..get("/") }).unwrap();
    assert_eq!((head.get(":status").unwrap(), head.body.len()), (b"200".as_slice(), 0));
    assert_ne!(head.get("content-length").unwrap(), b"0");

    for (upstream, left) in
        [("204 No Content\r\nx-a: 1", "x-a: 1"), ("304 Not Modified\r\ncontent-length: 7\r\nx-a: 1", "x-a: 1")]
    {
        let (status, _) = upstream.split_once("\r\n").unwrap();
        let upstream = scripted(Some(format!("HTTP/1.1 {upstream}\r\n\r\n").as_bytes()));
        let (gateway, _) = gateway(&transformation(), upstream, Limits::default());
        let answer = raw(gateway.address(), b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert_eq!(answer, format!("HTTP/1.1 {status}\r\n{left}\r\nx-by: tamis\r\nconnection: close\r\n\r\n"));
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_is_chunked() {
    let upstream = scripted(Some(b"HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    let (gateway, _) = gateway(&transformation(), upstream, Limits::default());
    let answer = send_blocking(gateway.address(), &get("/")).unwrap();
    assert_eq!(answer.body, b"until the end");
    assert_eq!(answer.get("transfer-encoding").unwrap(), b"chunked");
}

#[test]
fn values_are_bytes() {
    let setting = Setting::transformation();
    let request = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx-bytes: \xff\xc3(\x80\r\n\r\n";
    let answer = raw(setting.address(), request);
    assert_eq!(setting.echo.last().unwrap().get("x-bytes").unwrap(), b"\xff\xc3(\x80");
    assert!(answer.contains("x-bytes: \u{ff}\u{c3}(\u{80}\n"), "{answer}");
    let upstream = scripted(Some(b"HTTP/1.1 200 OK\r\nx-bytes: \xfe\xff\r\ncontent-length: 0\r\n\r\n"));
    let (gateway, _) = gateway(&transformation(), upstream, Limits::default());
    assert_eq!(send_blocking(gateway.address(), &get("/")).unwrap().get("x-bytes").unwrap(), b"\xfe\xff");
}

#[test]
fn what_concerns_one_connection_stays_there() {
    let setting = Setting::transformation();
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nkeep-alive: 1\r\nproxy-connection: b\r\n\
                   te: gzip\r\nupgrade: websocket\r\nexpect: 100-continue\r\nx-stays: 1\r\n\r\n";
    assert!(raw(setting.address(), request.as_bytes()).contains("HTTP/1.1 200"));
    let upstream = setting.echo.last().unwrap();
    let names = upstream.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, [":authority", ":path", ":method", "x-stays", "x-env"]);

    let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\nkeep-alive: 5\r\ncontent-length: 2\r\n\r\nok";
    let (gateway, _) = gateway(&transformation(), scripted(Some(answer)), Limits::default());
    let answer = send_blocking(gateway.address(), &get("/")).unwrap();
    let names = answer.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>();
    assert_eq!(names, [":status", "content-length", "x-by"]);
}

#[test]
fn a_target_with_a_host_wins_over_the_header() {
    let setting = Setting::transformation();
    raw(setting.address(), b"GET http://user:secret@right:81/a?b HTTP/1.1\r\nhost: wrong\r\nconnection: close\r\n\r\n");
    let upstream = setting.echo.last().unwrap();
    assert_eq!(upstream.get(":authority").unwrap(), b"right:81");
    assert_eq!(upstream.get(":path").unwrap(), b"/a?b");
}

#[test]
fn two_hundred_at_a_time_are_all_answered() {
    let setting = Setting::transformation();
    let address = setting.address();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut requests = tokio::task::JoinSet::new();
        for i in 0..200 {
            requests.spawn(async move { (i, send(address, &get(&format!("/{i}"))).await.unwrap()) });
        }
        let mut answered = 0;
        while let Some(answer) = requests.join_next().await {
            let (i, answer) = answer.unwrap();
            assert!(answer.body.starts_with(format!("GET /{i} HTTP/1.1\n").as_bytes()));
            assert_eq!(answer.get("x-by").unwrap(), b"tamis");
            answered += 1;
        }
        assert_eq!(answered, 200);
    });
}

#[test]
fn a_connection_serves_many_requests() {
    let setting = Setting::transformation();
    let request = "GET /1 HTTP/1.1\r\nhost: a\r\n\r\nPOST /2 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
                   GET /3 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answers = raw(setting.address(), request.as_bytes());
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3);
    let place = |line: &str| answers.find(line).unwrap();
    assert!(place("GET /1 ") < place("POST /2 ") && place("POST /2 ") < place("GET /3 "));
}

#[test]
fn shutdown_stops_listening_and_lets_an_exchange_end() {
    let setting = Setting::transformation();
    let address = setting.address();
    let mut busy = connect(address);
    busy.write_all(b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n").unwrap();
    // The 100 shows that the exchange has begun.
    let mut interim = [0; 25];
    std::io::Read::read_exact(&mut busy, &mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let idle = connect(address);
    let stopping = std::thread::spawn(move || setting.gateway.shutdown());
    wait_for("it stops listening", || std::net::TcpStream::connect(address).is_err());
    busy.write_all(b"abcd").unwrap();
    let answer = read_all(&mut busy);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\n\nabcd"), "{answer}");
    assert_eq!(read_all(&mut { idle }), "");
    let start = std::time::Instant::now();
    stopping.join().unwrap();
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = start_at(listen).unwrap_err();
    assert!(matches!(error, GatewayError::InUse(address) if address == listen));
    let expected = format!(
        "port {} on 127.0.0.1 is in use: stop what listens there, or choose another port (0 takes a free one)",
        listen.port()
    );
    assert_eq!(error.to_string(), expected);
}

#[test]
fn others_than_loopback_are_refused() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080", "[::ffff:127.0.0.1]:0"] {
        let error = start_at(listen.parse().unwrap()).unwrap_err();
        assert!(matches!(error, GatewayError::NotLoopback(_)), "{error}");
        assert!(error.to_string().contains("loopback addresses only"), "{error}");
    }
}

fn start_at(listen: std::net::SocketAddr) -> Result<Gateway, GatewayError> {
    let proxy = Proxy::load(&[], Arc::new(Process::deterministic(1))).unwrap();
    Gateway::start(GatewayOptions { listen, ..options(listen, Limits::default()) }, proxy)
}
