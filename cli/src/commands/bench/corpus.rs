//! Bodies that nobody wrote, and an Envoy that sends them: several of each kind, because the same one over and over would be
//! learned by the processor.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::Failure;

/// How long each body is.
pub const SIZE: u32 = 1 << 20;
/// How many bodies of each kind there are.
pub const COUNT: u32 = 8;

/// What Envoy holds of a body, at least: one of these, and what replaces it.
pub const BUFFER: u32 = 16 << 20;

/// The bodies as files, for as long as this lives.
pub struct Upstream {
    /// An Envoy that answers `/TYPE/KIND/NUMBER`.
    pub configuration: Value,
    _folder: TempDir,
}

/// What a body of a kind is strung together of.
type Part = fn(&mut Random, &mut String);

const KINDS: [(&str, Part); 4] = [("orders", order), ("digits", digits), ("almost", almost), ("marks", marks)];

impl Upstream {
    /// Writes the bodies.
    ///
    /// # Errors
    ///
    /// When there is no room for them.
    pub fn new() -> Result<Self, Failure> {
        let folder = TempDir::new().map_err(Failure::environment)?;
        let mut random = Random(0x2026_1121);
        let mut routes = Vec::new();
        for (kind, part) in KINDS {
            for number in 0..COUNT {
                let file = folder.path().join(format!("{kind}-{number}"));
                fs::write(&file, body(&mut random, part)).map_err(Failure::environment)?;
                for (short, long) in [("text", "text/plain"), ("json", "application/json")] {
                    routes.push(json!({
                        "match": { "path": format!("/{short}/{kind}/{number}") },
                        "direct_response": { "status": 200, "body": { "filename": file } },
                        "response_headers_to_add": [{
                            "header": { "key": "content-type", "value": long },
                            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                        }],
                    }));
                }
            }
        }
        let router = json!({
            "name": "router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        });
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bodies",
            "http_filters": [router],
            "route_config": {
                "max_direct_response_body_size_bytes": SIZE,
                "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
            },
        });
        let configuration = json!({ "static_resources": { "listeners": [{
            "name": "bodies",
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "per_connection_buffer_limit_bytes": BUFFER,
            "filter_chains": [{ "filters": [{ "name": "http", "typed_config": manager }] }],
        }] } });
        Ok(Self { configuration, _folder: folder })
    }
}

fn body(random: &mut Random, part: Part) -> String {
    let size = SIZE as usize;
    let mut body = String::with_capacity(size + 1024);
    body.push('[');
    while body.len() < size {
        part(random, &mut body);
    }
    // All of them are ASCII.
    body.truncate(size);
    body
}

/// An order in JSON, among others of an array; about one card for each kilobyte.
fn order(random: &mut Random, out: &mut String) {
    const HEX: &[u8] = b"0123456789abcdef";
    let id = [8, 4, 4, 4, 12].map(|length| random.of(HEX, length)).join("-");
    let date = format!("2024-{:02}-{:02}", random.below(12) + 1, random.below(28) + 1);
    let time = format!("{:02}:{:02}:{:02}", random.below(24), random.below(60), random.below(60));
    let (price, cents, sku) = (random.below(500), random.digits(2), random.digits(8));
    let quantity = random.below(9) + 1;
    let payment = if random.below(3) == 0 {
        let between = ["", " ", "-"].get(random.below(3)).copied().unwrap_or_default();
        let groups = [3, 4, 4, 4].map(|length| random.digits(length)).join(between);
        format!("4{groups}")
    } else {
        "on account".to_owned()
    };
    let _ = writeln!(
        out,
        "{{\"id\":\"{id}\",\"created\":\"{date}T{time}Z\",\"price\":{price}.{cents},\"currency\":\"EUR\",\"customer\":{{\
         \"name\":\"Jane Miller\",\"city\":\"Springfield\",\"note\":\"leave it at the door, please, and ring twice\"}},\
         \"items\":[{{\"sku\":\"{sku}\",\"quantity\":{quantity},\"title\":\"a tamis of fine mesh\"}}],\
         \"payment\":\"{payment}\"}},"
    );
}

/// Digits, one to nine in a row.
fn digits(random: &mut Random, out: &mut String) {
    let count = random.below(9) + 1;
    out.push_str(&random.digits(count));
    out.push_str([" ", "-", ".", ", "].get(random.below(4)).copied().unwrap_or(" "));
}

/// Numbers that begin as cards do, of which one in ten is right.
fn almost(random: &mut Random, out: &mut String) {
    let between = ["", " "].get(random.below(2)).copied().unwrap_or_default();
    let groups = [3, 4, 4, 4].map(|length| random.digits(length)).join(between);
    let _ = write!(out, "4{groups} ");
}

/// What stands in addresses, names and numbers, in no order; and a card for each kilobyte.
fn marks(random: &mut Random, out: &mut String) {
    out.push_str(&random.of(b"a1:@=_-.+ ", 1000));
    out.push_str(" card 4111 1111 1111 1111 ");
}

/// xorshift: the same bodies in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % bound
    }

    fn of(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count).map(|_| char::from(alphabet.get(self.below(alphabet.len())).copied().unwrap_or(b'a'))).collect()
    }

    fn digits(&mut self, count: usize) -> String {
        self.of(b"0123456789", count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_size_and_differ() {
        let mut random = Random(1);
        let bodies = KINDS.map(|(_, part)| [body(&mut random, part), body(&mut random, part)]);
        assert!(bodies.iter().flatten().all(|body| body.len() == SIZE as usize && body.is_ascii()));
        assert!(bodies.iter().all(|[one, other]| one != other));
    }
}
