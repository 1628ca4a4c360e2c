//! Workers that run at the same time, in every order or in orders drawn by seed.
//!
//! In a proxy workers are threads, and between any two host calls of one the others may do anything. Here each worker gets a
//! thread of the machine, and a baton: only who holds it runs, and at every host call on what they share (shared data,
//! queues, metrics) the baton may go to another; at the others it would make no difference. Which one is decided by a
//! [`Schedule`], so a run can be repeated, and all runs there are can be gone through ([`explore`]).
//!
//! Without a baton, which is the ordinary case, a host call pays one look at an empty option.

use std::sync::{Arc, Condvar, Mutex};

use super::proxy::Proxy;
use super::thread::Thread;
use super::{Direction, Passed, WireMessage};
use crate::context::{Attributes, lock};

/// In which order workers run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At each host call on what is shared the worker of this number among those that are not done; when the list is over, the first.
    Choices(Vec<usize>),
    /// Drawn by seed.
    Random(u64),
}

/// What one worker does: its exchanges, one after the other.
pub type Work = Vec<(WireMessage, WireMessage)>;

/// What became of a worker's exchanges: request and response of each.
pub type Done = Vec<(Passed, Option<Passed>)>;

/// A choice that was made, among how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Choice {
    made: usize,
    among: usize,
}

/// Who runs; held by every VM of the workers.
#[derive(Debug)]
pub(crate) struct Baton {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Who holds it.
    turn: usize,
    /// Who is not done.
    running: Vec<bool>,
    schedule: Schedule,
    choices: Vec<Choice>,
}

impl Proxy {
    /// Runs work on the first workers at the same time, in the order of a schedule. Further workers stand still.
    ///
    /// What each worker has seen is returned in the order of the workers; what was made for others meanwhile (queues) is
    /// delivered at the end.
    pub fn run_together(&mut self, work: Vec<Work>, schedule: Schedule) -> Vec<Done> {
        self.run_recorded(work, schedule).0
    }

    fn run_recorded(&mut self, work: Vec<Work>, schedule: Schedule) -> (Vec<Done>, Vec<Choice>) {
        let count = work.len().min(self.workers().len());
        let baton = Arc::new(Baton::new(count, schedule));
        let done = std::thread::scope(|scope| {
            let workers = self.workers().iter_mut().zip(work).enumerate();
            let handles = workers.map(|(me, (thread, work))| {
                thread.vms.set_baton(Some((baton.clone(), me)));
                let baton = baton.clone();
                scope.spawn(move || {
                    baton.wait(me);
                    let done =
                        work.into_iter().map(|(request, response)| exchange(thread, request, response)).collect();
                    baton.leave(me);
                    done
                })
            });
            // A thread that panicked has nothing to tell; its panic is printed.
            handles.collect::<Vec<_>>().into_iter().map(|handle| handle.join().unwrap_or_default()).collect()
        });
        for thread in self.workers() {
            thread.vms.set_baton(None);
        }
        self.settle();
        let choices = lock(&baton.state).choices.clone();
        (done, choices)
    }
}

/// Goes through every order there is of this work, each on a fresh proxy, and hands each outcome to `check` with its
/// schedule. Returns how many there were.
///
/// # Errors
///
/// The number of runs so far, when there are more than `limit`.
pub fn explore(
    limit: usize,
    mut fresh: impl FnMut() -> (Proxy, Vec<Work>),
    mut check: impl FnMut(&Proxy, &[Done], &Schedule),
) -> Result<usize, usize> {
    let mut prefix = Vec::new();
    for runs in 1..=limit {
        let (mut proxy, work) = fresh();
        let schedule = Schedule::Choices(prefix);
        let (done, choices) = proxy.run_recorded(work, schedule.clone());
        check(&proxy, &done, &schedule);
        // The next order differs from this one as late as it can.
        let Some(last) = choices.iter().rposition(|choice| choice.made + 1 < choice.among) else { return Ok(runs) };
        prefix = choices.iter().take(last + 1).map(|choice| choice.made).collect();
        if let Some(choice) = prefix.last_mut() {
            *choice += 1;
        }
    }
    Err(limit)
}

fn exchange(thread: &mut Thread, request: WireMessage, response: WireMessage) -> (Passed, Option<Passed>) {
    let key = thread.open(Attributes::default());
    let mut pass = |direction, message: WireMessage| {
        for (frame, end) in message.into_frames() {
            thread.send(key, direction, frame, end);
        }
        thread.passed(key, direction)
    };
    let request = pass(Direction::Request, request);
    let response = matches!(request, Passed::On(_)).then(|| pass(Direction::Response, response));
    thread.close(key);
    (request, response)
}

impl Baton {
    fn new(count: usize, schedule: Schedule) -> Self {
        let mut state = State { turn: 0, running: vec![true; count], schedule, choices: Vec::new() };
        state.pass_on();
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// A host call: the baton may go to another, if by this call one worker can see what another does.
    pub(crate) fn step(&self, me: usize, function: &str) {
        if !is_shared(function) {
            return;
        }
        lock(&self.state).pass_on();
        self.changed.notify_all();
        self.wait(me);
    }

    fn wait(&self, me: usize) {
        let mut state = lock(&self.state);
        while state.turn != me {
            state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// This worker is done.
    fn leave(&self, me: usize) {
        let mut state = lock(&self.state);
        if let Some(running) = state.running.get_mut(me) {
            *running = false;
        }
        state.pass_on();
        drop(state);
        self.changed.notify_all();
    }
}

/// Whether a function of the host looks at what all workers have, or changes it. Before any other it makes no difference
/// who runs: what the worker does next would have been the same a moment earlier.
fn is_shared(function: &str) -> bool {
    function.contains("shared") || function.contains("metric")
}

impl State {
    fn pass_on(&mut self) {
        let running =
            self.running.iter().enumerate().filter_map(|(i, running)| running.then_some(i)).collect::<Vec<_>>();
        if running.is_empty() {
            return;
        }
        let wanted = match &mut self.schedule {
            Schedule::Choices(choices) => choices.get(self.choices.len()).copied().unwrap_or_default(),
            Schedule::Random(seed) => {
                *seed = crate::context::next_random(*seed);
                usize::try_from(*seed >> 33).unwrap_or_default() % running.len()
            }
        };
        let made = wanted.min(running.len() - 1);
        self.choices.push(Choice { made, among: running.len() });
        self.turn = running.get(made).copied().unwrap_or_default();
    }
}
