//! What waits in one VM, and for which answers.

use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Current;
use super::task::{Boxed, Ready, TaskId, TaskWaker, Work};
use crate::runtime::IdHasher;
use crate::sys::LogLevel;
use crate::{HostError, TcpData, handle, timer};

type Map<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;

/// The executor of one VM. No cell of it is borrowed while a future runs or is dropped, or while the host is called.
#[derive(Default)]
pub(crate) struct Executor {
    ready: Arc<Ready>,
    tasks: RefCell<Map<TaskId, Task>>,
    calls: RefCell<Map<u64, Call>>,
    /// Streams and plugins that have tasks or calls.
    owners: RefCell<Map<u32, Owner>>,
    created: Cell<TaskId>,
    /// What sleeps; nothing before the first sleep.
    sleepers: OnceCell<Rc<dyn Ticks>>,
    /// When timers of plugins are due, by root.
    timers: RefCell<Vec<(u32, Duration)>>,
}

/// A future that waits.
struct Task {
    owner: u32,
    root: u32,
    plugin: Rc<dyn Any>,
    most: usize,
    waker: Arc<TaskWaker>,
    /// It is away while it runs.
    work: Option<Box<dyn Work>>,
}

/// What there is of one stream or plugin.
#[derive(Default)]
struct Owner {
    tasks: Vec<TaskId>,
    calls: usize,
}

/// A request that is under way.
struct Call {
    owner: u32,
    inbox: Rc<dyn Inbox>,
}

/// Where an answer goes.
pub(crate) trait Inbox {
    /// Takes what came, while the host can be asked for it, and wakes who waits for it. Answers whether nothing follows.
    fn deliver(&self, event: Event) -> bool;
}

/// What waits for time to pass. By way of `dyn`, so that a filter without sleeps has no code for them.
pub(crate) trait Ticks {
    /// Wakes what is due.
    fn wake(&self, root: u32);
    /// Sets the host's timer of a plugin for what is due first, here or of its timers.
    fn arm(&self, root: u32, timers: Option<Duration>) -> Result<Option<Duration>, HostError>;
    /// For who knows what it is.
    fn any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// What the host tells of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    /// An HTTP response: how many headers, bytes of the body, trailers. Without headers there is none (rule `HC-6`).
    Http { headers: u32, body: u32, trailers: u32 },
    /// The metadata that a gRPC stream begins with: how many entries.
    GrpcInitialMetadata(u32),
    /// A gRPC message: how many bytes.
    GrpcMessage(u32),
    /// The metadata that a gRPC stream ends with: how many entries.
    GrpcTrailingMetadata(u32),
    /// A gRPC call has failed, or a stream has ended, with this status.
    GrpcClose(u32),
}

/// What a request is known by: its token, beside the kind, since each kind may number its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallId(u64);

impl CallId {
    pub(crate) const fn http(token: u32) -> Self {
        Self(token as u64)
    }

    pub(crate) const fn grpc(token: u32) -> Self {
        Self((1 << 32) | token as u64)
    }

    pub(crate) const fn token(self) -> u32 {
        (self.0 & u32::MAX as u64) as u32
    }
}

/// A request that somebody waits for. Dropped, nobody does any more.
#[derive(Debug)]
pub(crate) struct Ticket {
    executor: Weak<Executor>,
    id: CallId,
}

impl Ticket {
    pub(crate) const fn token(&self) -> u32 {
        self.id.token()
    }

    /// Whether something may still come; nobody waits for it any more.
    pub(crate) fn forget(&self) -> bool {
        self.executor.upgrade().is_some_and(|executor| executor.forget(self.id))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.forget();
    }
}

/// There are as many as there may be.
#[derive(Debug)]
pub(crate) struct Full;

impl Executor {
    /// Begins a future, for whom the filter's code runs at the moment. It runs here as far as it can: its output, if it
    /// comes to one, else it waits as what `work` makes of it.
    pub(crate) fn start<T>(
        current: &Current,
        mut future: Boxed<T>,
        work: impl FnOnce(Boxed<T>) -> Box<dyn Work>,
    ) -> Result<Poll<T>, Full> {
        let this = &current.executor;
        if this.owners.borrow().get(&current.owner).is_some_and(|owner| owner.tasks.len() >= current.most) {
            return Err(Full);
        }
        let id = this.number();
        let waker = Arc::new(TaskWaker::new(id, this.ready.clone()));
        let std_waker = Waker::from(waker.clone());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&std_waker)) {
                waker.take();
                return Ok(Poll::Ready(output));
            }
            if !waker.take() {
                break;
            }
        }
        let (owner, root, plugin, most) = (current.owner, current.root, current.plugin.clone(), current.most);
        this.owners.borrow_mut().entry(owner).or_default().tasks.push(id);
        this.tasks.borrow_mut().insert(id, Task { owner, root, plugin, most, waker, work: Some(work(future)) });
        Ok(Poll::Pending)
    }

    /// Notes a request that `make` has made, if there may be one more.
    pub(crate) fn call<E>(
        current: &Current,
        make: impl FnOnce() -> Result<CallId, E>,
        inbox: Rc<dyn Inbox>,
    ) -> Result<Result<Ticket, E>, Full> {
        let this = &current.executor;
        if this.owners.borrow().get(&current.owner).is_some_and(|owner| owner.calls >= current.most) {
            return Err(Full);
        }
        let id = match make() {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let owner = current.owner;
        this.owners.borrow_mut().entry(owner).or_default().calls += 1;
        let old = this.calls.borrow_mut().insert(id.0, Call { owner, inbox });
        // A token that came twice: nobody hears of the older one any more.
        if let Some(old) = old {
            this.less(old.owner);
        }
        Ok(Ok(Ticket { executor: Rc::downgrade(this), id }))
    }

    /// Nobody waits for this answer any more. Whether it was still to come.
    fn forget(&self, id: CallId) -> bool {
        let call = self.calls.borrow_mut().remove(&id.0);
        if let Some(call) = &call {
            self.less(call.owner);
        }
        call.is_some()
    }

    /// The host tells of a request. One that nobody waits for is passed over.
    pub(crate) fn deliver(self: &Rc<Self>, id: CallId, event: Event) {
        let inbox = self.calls.borrow().get(&id.0).map(|call| call.inbox.clone());
        let Some(inbox) = inbox else { return };
        if inbox.deliver(event) {
            self.forget(id);
        }
        self.run();
    }

    /// Lets everything go on that is ready, but for what is about the stream whose own phase this is: that one is decided by
    /// its phase's outcome, and goes on at the next chance.
    pub(crate) fn run(self: &Rc<Self>) {
        let mut later = Vec::new();
        loop {
            let ready = self.ready.take();
            if ready.is_empty() {
                break;
            }
            for id in ready {
                if !self.go_on(id) {
                    later.push(id);
                }
            }
        }
        for id in later {
            if let Some(task) = self.tasks.borrow().get(&id) {
                Waker::from(task.waker.clone()).wake();
            }
        }
    }

    pub(crate) fn sleepers(&self) -> Option<Rc<dyn Ticks>> {
        self.sleepers.get().cloned()
    }

    pub(crate) fn set_sleepers(&self, sleepers: Rc<dyn Ticks>) {
        let _ = self.sleepers.set(sleepers);
    }

    /// The host's timer of a plugin: wakes what is due.
    pub(crate) fn tick(&self, root: u32) {
        if let Some(sleepers) = self.sleepers.get() {
            sleepers.wake(root);
        }
    }

    /// Has the host tick for whatever is next, when what was due has run.
    pub(crate) fn tick_again(&self, root: u32) {
        if let Some(sleepers) = self.sleepers.get()
            && let Err(error) = sleepers.arm(root, self.timers(root))
        {
            crate::log::parts(LogLevel::ERROR, &[&error.text(), "; what sleeps may not wake"]);
        }
    }

    /// When the plugin's timers are due.
    pub(crate) fn timers(&self, root: u32) -> Option<Duration> {
        self.timers.borrow().iter().find_map(|(of, due)| (*of == root).then_some(*due))
    }

    /// Sets the host's timer of a plugin for what is due first, when its timers are due at another time; the answer is when it
    /// will tick.
    pub(crate) fn arm_timers(
        &self,
        root: u32,
        now: Duration,
        due: Option<Duration>,
    ) -> Result<Option<Duration>, HostError> {
        let mut timers = self.timers.borrow_mut();
        timers.retain(|(of, _)| *of != root);
        timers.extend(due.map(|due| (root, due)));
        drop(timers);
        match self.sleepers.get() {
            Some(sleepers) => sleepers.arm(root, due),
            None => timer::set(now, due),
        }
    }

    /// A client of TCP has said more, and this is all of it. Whether it waits with what is held already.
    pub(crate) fn holds(&self, stream: u32, data: &TcpData) -> bool {
        let (owners, tasks) = (self.owners.borrow(), self.tasks.borrow());
        let works = owners.get(&stream).into_iter().flat_map(|owner| &owner.tasks);
        works.filter_map(|id| tasks.get(id)?.work.as_ref()).any(|work| work.holds(data))
    }

    /// A stream or plugin is gone: so is all that belongs to it.
    pub(crate) fn delete(&self, owner: u32) {
        self.timers.borrow_mut().retain(|(of, _)| *of != owner);
        let Some(gone) = self.owners.borrow_mut().remove(&owner) else { return };
        for id in gone.tasks {
            // Its drop takes back its calls, and may look at any cell of this.
            let task = self.tasks.borrow_mut().remove(&id);
            drop(task);
        }
        // Calls that were begun outside of a task.
        if gone.calls > 0 {
            self.calls.borrow_mut().retain(|_, call| call.owner != owner);
        }
    }

    /// Whether it went on; it does not in its own stream's phase.
    fn go_on(self: &Rc<Self>, id: TaskId) -> bool {
        let taken = self.tasks.borrow_mut().get_mut(&id).and_then(|task| {
            task.waker.rearm();
            let current = Current {
                executor: self.clone(),
                owner: task.owner,
                root: task.root,
                plugin: task.plugin.clone(),
                most: task.most,
            };
            let own_phase = task.work.as_ref()?.stream().is_some_and(handle::in_phase_of);
            let work = if own_phase { None } else { task.work.take() };
            Some((current, task.waker.clone(), work))
        });
        // One that is gone was woken by somebody who kept its waker.
        let Some((current, waker, work)) = taken else { return true };
        let Some(work) = work else { return false };
        let owner = current.owner;
        let waker = Waker::from(waker);
        let went = handle::about(owner, || current.run(|| work.poll(&mut Context::from_waker(&waker))));
        match went {
            Ok(Some(work)) => {
                if let Some(task) = self.tasks.borrow_mut().get_mut(&id) {
                    task.work = Some(work);
                }
            }
            // It is done, or its stream is gone.
            Ok(None) | Err(_) => self.end(id, owner),
        }
        true
    }

    fn end(&self, id: TaskId, owner: u32) {
        let task = self.tasks.borrow_mut().remove(&id);
        drop(task);
        let mut owners = self.owners.borrow_mut();
        if let Some(of) = owners.get_mut(&owner) {
            of.tasks.retain(|task| *task != id);
            if of.tasks.is_empty() && of.calls == 0 {
                owners.remove(&owner);
            }
        }
    }

    fn less(&self, owner: u32) {
        let mut owners = self.owners.borrow_mut();
        if let Some(of) = owners.get_mut(&owner) {
            of.calls = of.calls.saturating_sub(1);
            if of.tasks.is_empty() && of.calls == 0 {
                owners.remove(&owner);
            }
        }
    }

    /// A number that no task has.
    fn number(&self) -> TaskId {
        loop {
            let id = self.created.get().wrapping_add(1);
            self.created.set(id);
            if !self.tasks.borrow().contains_key(&id) {
                return id;
            }
        }
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor")
            .field("tasks", &self.tasks.borrow().len())
            .field("calls", &self.calls.borrow().len())
            .field("owners", &self.owners.borrow().len())
            .finish()
    }
}

#[cfg(test)]
mod tests;
