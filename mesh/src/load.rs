//! Requests without a pause while something changes: who answered, when, and whether anybody was not answered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::http::{Ask, Connection};

/// What is said when every answer came from a version of the filter.
pub const WHOLE: &str = "none without the filter";
/// Connections that are kept open.
const CLIENTS: usize = 4;

/// Clients that ask until they are stopped.
pub struct Load {
    stop: Arc<AtomicBool>,
    begin: Instant,
    clients: Vec<JoinHandle<Seen>>,
}

/// What clients have seen, by the mark that an answer carries.
#[derive(Debug, Default)]
pub struct Seen {
    /// When each mark was seen first and last, and how often.
    pub marks: BTreeMap<String, Mark>,
    /// Requests without an answer, or with another status than 200; with an example.
    pub lost: Vec<String>,
    /// All requests.
    pub requests: usize,
}

/// The answers of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub first: Duration,
    pub last: Duration,
    pub count: usize,
}

impl Load {
    /// Starts the clients; `marks` are headers, and an answer's mark is the first of them that it has.
    pub fn start(to: SocketAddr, ask: &Ask, marks: &[&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let begin = Instant::now();
        let client = |_| {
            let (stop, ask, marks) = (Arc::clone(&stop), ask.clone(), marks.to_vec());
            std::thread::spawn(move || client(to, &ask, &marks, &stop, begin))
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { stop, begin, clients }
    }

    /// How long it has run: the same clock as in [`Mark`].
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Stops the clients and says what they have seen.
    pub fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Release);
        let mut all = Seen::default();
        for client in self.clients {
            let Ok(seen) = client.join() else {
                all.lost.push("a client ended".to_owned());
                continue;
            };
            all.requests += seen.requests;
            all.lost.extend(seen.lost);
            for (name, mark) in seen.marks {
                let merged = all.marks.entry(name).or_insert(Mark { count: 0, ..mark });
                merged.first = merged.first.min(mark.first);
                merged.last = merged.last.max(mark.last);
                merged.count += mark.count;
            }
        }
        all
    }
}

impl Seen {
    /// What the clients have seen of a change: when each version answered, and whether anybody got past both; the moments are
    /// of the load's clock.
    ///
    /// A failure when a request was lost, or the old version still answers a second before the end.
    pub fn told(&self, old: &str, new: &str, changed: Duration, stopped: Duration) -> Result<String, Failure> {
        let all = self.requests;
        if let Some(example) = self.lost.first() {
            return Err(Failure::new(format_args!("{} of {all} requests lost: {example}", self.lost.len())));
        }
        let (Some(before), Some(after)) = (self.marks.get(old), self.marks.get(new)) else {
            return Err(Failure::new(format_args!("not both versions have answered: {:?}", self.marks)));
        };
        if stopped.saturating_sub(before.last) < Duration::from_secs(1) {
            return Err(Failure::new("the old version still answers at the end"));
        }
        let since = |moment: Duration| moment.saturating_sub(changed).as_secs_f64();
        let past = match self.marks.get("no mark") {
            None => WHOLE.to_owned(),
            Some(mark) => {
                format!(
                    "**{} without any filter**, {:.2} to {:.2} s after the change",
                    mark.count,
                    since(mark.first),
                    since(mark.last)
                )
            }
        };
        Ok(format!(
            "old code last after {:.2} s, new code first after {:.2} s; {all} answers, none lost, {past}",
            since(before.last),
            since(after.first)
        ))
    }
}

fn client(to: SocketAddr, ask: &Ask, marks: &[&str], stop: &AtomicBool, begin: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while !stop.load(Ordering::Acquire) {
        seen.requests += 1;
        let answer = match connection.take().map_or_else(|| Connection::open(to), Ok) {
            Ok(mut open) => open.ask(ask).inspect(|answer| {
                let keep = answer.header("connection") != Some("close");
                connection = keep.then_some(open);
            }),
            Err(error) => Err(error),
        };
        let now = begin.elapsed();
        match answer {
            Ok(answer) if answer.status == 200 => {
                let name = marks.iter().find(|mark| answer.header(mark).is_some()).copied().unwrap_or("no mark");
                let mark = seen.marks.entry(name.to_owned()).or_insert(Mark { first: now, last: now, count: 0 });
                mark.last = now;
                mark.count += 1;
            }
            Ok(answer) => seen.lost.push(format!("status {}", answer.status)),
            Err(error) => {
                seen.lost.push(error.to_string());
                // A server that is not there is not asked a million times.
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
    seen
}
