//! How fast the domain is, natively, beside the crate `regex` with one pattern: ratios of one run, to steer by.
//!
//! `cargo bench -p dlp-masking --bench scan`

use std::hint::black_box;
use std::time::Duration;

use dlp_masking::engine::Engine;
use dlp_masking::entity::Entity;
use dlp_masking::format::Machine;
use dlp_masking::mask::Mask;
use dlp_masking::plan::{Plan, Rule};
use dlp_masking::scope::Scope;
use regex::bytes::Regex;
use rustix::time::{ClockId, clock_gettime};

const SIZE: usize = 1 << 20;
const BODIES: usize = 8;
const ROUNDS: usize = 5;
/// What a proxy hands over at a time.
const PIECE: usize = 64 << 10;

fn main() {
    let regex =
        Regex::new(r"(?-u)\b\d{4}[- ]?\d{4}[- ]?\d{4}[- ]?\d{4}\b").unwrap_or_else(|error| unreachable!("{error}"));
    let all = engine(&Entity::ALL, true);
    let cards = engine(&[Entity::Card], false);
    println!("{:<22} {:>12} {:>16} {:>16} {:>16}", "1 MiB, MB/s", "regex, 1", "cards", "all, text", "all, format");
    for (name, body, format) in [
        ("orders in JSON", orders as fn(&mut Random) -> Vec<u8>, Machine::json()),
        ("prose", prose, Machine::text()),
        ("digits and dashes", dense, Machine::text()),
        ("cards that are none", almost, Machine::text()),
        ("base64", base64, Machine::text()),
        ("colons and ats", marks, Machine::text()),
    ] {
        let mut random = Random(1);
        let bodies: Vec<_> = (0..BODIES).map(|_| body(&mut random)).collect();
        let one = best(&bodies, |body| {
            black_box(regex.replace_all(body, b"XXXX".as_slice()));
        });
        let only = std::env::args().nth(1).filter(|only| !only.starts_with('-'));
        if only.is_some_and(|only| !name.contains(&only)) {
            continue;
        }
        let times = [(&cards, Machine::text()), (&all, Machine::text()), (&all, format)]
            .map(|(engine, machine)| best(&bodies, |body| through(engine, machine.clone(), body)));
        print!("{name:<22} {:>12.0}", speed(one));
        times
            .iter()
            .for_each(|time| print!(" {:>9.0} ({:>4.2})", speed(*time), one.as_secs_f64() / time.as_secs_f64()));
        println!();
    }
}

fn engine(entities: &[Entity], named: bool) -> Engine {
    let mut plan = if named { Plan::everything() } else { Plan::default() };
    if !named {
        for entity in entities {
            let rule = plan.rule(Rule::new(entity.name()));
            plan.find(*entity, rule);
        }
    }
    let masks = vec![Mask::Percent { share: 75, with: 'X' }; plan.rules().len()];
    Engine { plan, masks, scope: Scope::default(), key: None }
}

/// As a stream, with what the machine leaves over.
fn through(engine: &Engine, mut machine: Machine, body: &[u8]) {
    let mut held = Vec::new();
    let mut pieces = body.chunks(PIECE).peekable();
    while let Some(piece) = pieces.next() {
        let mut window = std::mem::take(&mut held);
        window.extend_from_slice(piece);
        let (decided, output) = machine.push(engine, &window, pieces.peek().is_none());
        held = window.get(decided..).unwrap_or_default().to_vec();
        black_box(output);
    }
}

/// The least time for all bodies, one after the other, by body.
fn best(bodies: &[Vec<u8>], mut run: impl FnMut(&[u8])) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = now();
        bodies.iter().for_each(|body| run(body));
        best = best.min(now().saturating_sub(start));
    }
    best / u32::try_from(bodies.len()).unwrap_or(1)
}

/// What this thread has taken of the processor, whatever else the machine does.
fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn speed(time: Duration) -> f64 {
    SIZE as f64 / 1e6 / time.as_secs_f64()
}

/// xorshift: the same bodies in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + u8::try_from(self.below(10)).unwrap_or(0))).collect()
    }

    fn of(&mut self, alphabet: &[u8], count: usize) -> String {
        (0..count)
            .map(|_| char::from(alphabet.get(self.below(alphabet.len() as u64) as usize).copied().unwrap_or(b'a')))
            .collect()
    }
}

fn fill(mut more: impl FnMut() -> String) -> Vec<u8> {
    let mut body = String::with_capacity(SIZE + 1024);
    while body.len() < SIZE {
        body.push_str(&more());
    }
    body.truncate(SIZE);
    body.into_bytes()
}

fn orders(random: &mut Random) -> Vec<u8> {
    let mut first = true;
    fill(|| {
        let hex = b"0123456789abcdef";
        let mut record = format!(
            "{{\"id\":\"{}-{}-{}-{}-{}\",\"created\":\"2024-{:02}-{:02}T{:02}:{:02}:{:02}Z\",\"price\":{}.{},\"currency\":\"EUR\",\"customer\":{{\"name\":\"Jane Miller\",\"city\":\"Springfield\",\"note\":\"leave it at the door, please, and ring twice\"}},\"items\":[{{\"sku\":\"{}\",\"quantity\":{},\"title\":\"a tamis of fine mesh\"}}]",
            random.of(hex, 8),
            random.of(hex, 4),
            random.of(hex, 4),
            random.of(hex, 4),
            random.of(hex, 12),
            random.below(12) + 1,
            random.below(28) + 1,
            random.below(24),
            random.below(60),
            random.below(60),
            random.below(500),
            random.digits(2),
            random.digits(8),
            random.below(9) + 1,
        );
        if random.below(3) == 0 {
            record.push_str(&format!(",\"card\":\"4{}\"", random.digits(15)));
        }
        record.push('}');
        // One array.
        let before = if std::mem::take(&mut first) { "[" } else { ",\n" };
        format!("{before}{record}")
    })
}

fn prose(random: &mut Random) -> Vec<u8> {
    const WORDS: [&str; 20] = [
        "the",
        "sieve",
        "of",
        "a",
        "cook",
        "is",
        "fine",
        "and",
        "what",
        "passes",
        "through",
        "it",
        "smooth",
        "until",
        "nothing",
        "remains,",
        "which",
        "nobody",
        "expected.",
        "However:",
    ];
    fill(|| format!("{} ", WORDS.get(random.below(20) as usize).copied().unwrap_or("")))
}

fn dense(random: &mut Random) -> Vec<u8> {
    fill(|| {
        let length = random.below(9) as usize + 1;
        format!(
            "{}{}",
            random.digits(length),
            [" ", "-", ".", ", "].get(random.below(4) as usize).copied().unwrap_or(" ")
        )
    })
}

fn almost(random: &mut Random) -> Vec<u8> {
    fill(|| match random.below(2) {
        0 => format!("4{} ", random.digits(15)),
        _ => format!("4{} {} {} {} ", random.digits(3), random.digits(4), random.digits(4), random.digits(4)),
    })
}

fn base64(random: &mut Random) -> Vec<u8> {
    fill(|| random.of(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 76) + "\n")
}

fn marks(random: &mut Random) -> Vec<u8> {
    fill(|| random.of(b"a1:@=_-.+ ", 64))
}
