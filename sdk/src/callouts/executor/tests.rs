//! Wakes, bounds, and what goes with whom.

use std::future::{pending, poll_fn};

use super::super::task::Aside;
use super::*;

/// Code of the stream or plugin `owner` of a filter.
fn current(executor: &Rc<Executor>, owner: u32) -> Current {
    Current { executor: executor.clone(), owner, root: 0, plugin: Rc::new(()), most: 2 }
}

fn counts(executor: &Executor) -> (usize, usize, usize) {
    (executor.tasks.borrow().len(), executor.calls.borrow().len(), executor.owners.borrow().len())
}

fn spawn(executor: &Rc<Executor>, future: impl Future<Output = ()> + 'static) -> Result<Poll<()>, Full> {
    // Natively nobody has entered: calls are about the context 0 as it is.
    Executor::start(&current(executor, 0), Box::pin(future), |future| Box::new(Aside(future)))
}

/// A future that is ready when it was woken so often, and that shows its waker.
fn woken(times: u32, shown: &Rc<RefCell<Option<Waker>>>) -> impl Future<Output = ()> + 'static {
    let (shown, mut left) = (shown.clone(), times);
    poll_fn(move |context| {
        shown.replace(Some(context.waker().clone()));
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
}

#[test]
fn a_task_goes_on_once_for_any_number_of_wakes() {
    let (executor, waker) = (Rc::<Executor>::default(), Rc::default());
    assert!(spawn(&executor, woken(2, &waker)).unwrap().is_pending());
    for left in [1, 0] {
        let waker: Waker = waker.borrow().clone().unwrap();
        waker.wake_by_ref();
        waker.wake();
        executor.run();
        assert_eq!(counts(&executor), (left, 0, left));
    }
}

#[test]
fn a_waker_that_outlives_its_task_or_its_executor_does_nothing() {
    let (executor, waker) = (Rc::<Executor>::default(), Rc::default());
    assert!(spawn(&executor, woken(1, &waker)).unwrap().is_pending());
    executor.delete(0);
    assert_eq!(counts(&executor), (0, 0, 0));
    let waker: Waker = waker.borrow_mut().take().unwrap();
    waker.wake_by_ref();
    executor.run();
    drop(executor);
    waker.wake();
}

#[test]
fn a_future_that_wakes_itself_at_once_goes_on_at_once() {
    let executor = Rc::<Executor>::default();
    let mut left = 3;
    let again = poll_fn(move |context| {
        context.waker().wake_by_ref();
        left -= 1;
        if left == 0 { Poll::Ready(()) } else { Poll::Pending }
    });
    assert!(spawn(&executor, again).unwrap().is_ready());
    assert!(executor.ready.take().is_empty() && counts(&executor) == (0, 0, 0));
}

#[test]
fn one_task_can_wake_another() {
    let (executor, waker) = (Rc::<Executor>::default(), Rc::default());
    assert!(spawn(&executor, woken(1, &waker)).unwrap().is_pending());
    let wakes = waker.clone();
    let other = async move { wakes.borrow().as_ref().map_or((), Waker::wake_by_ref) };
    assert!(spawn(&executor, other).unwrap().is_ready());
    executor.run();
    assert_eq!(counts(&executor), (0, 0, 0));
}

#[test]
fn an_owner_has_no_more_than_it_may() {
    let executor = Rc::<Executor>::default();
    assert!(spawn(&executor, pending()).is_ok() && spawn(&executor, pending()).is_ok());
    assert!(spawn(&executor, pending()).is_err());
    assert!(spawn(&executor, async {}).is_err(), "not even what is ready at once");
}

struct Deaf;

impl Inbox for Deaf {
    fn deliver(&self, _: Event) -> bool {
        true
    }
}

fn call(executor: &Rc<Executor>, owner: u32, token: u32) -> Result<Ticket, Full> {
    let make = || Ok::<_, ()>(CallId::http(token));
    Executor::call(&current(executor, owner), make, Rc::new(Deaf)).map(Result::unwrap)
}

#[test]
fn calls_are_counted_until_they_are_over_or_dropped() {
    let executor = Rc::<Executor>::default();
    let (one, other) = (call(&executor, 7, 4).unwrap(), call(&executor, 7, 8).unwrap());
    assert!(call(&executor, 7, 12).is_err());
    assert!(call(&executor, 8, 12).is_ok(), "another owner's do not count");
    executor.deliver(CallId::http(4), Event::Http { headers: 0, body: 0, trailers: 0 });
    assert!(!one.forget(), "it is over");
    drop(other);
    assert_eq!(counts(&executor), (0, 0, 0));
    executor.deliver(CallId::http(8), Event::Http { headers: 0, body: 0, trailers: 0 });
    executor.deliver(CallId::grpc(4), Event::GrpcClose(0));
}

#[test]
fn what_belongs_to_a_stream_goes_with_it() {
    let executor = Rc::<Executor>::default();
    let ticket = call(&executor, 0, 4).unwrap();
    let waits = async move {
        pending::<()>().await;
        drop(ticket);
    };
    assert!(spawn(&executor, waits).unwrap().is_pending());
    let loose = call(&executor, 0, 8).unwrap();
    assert_eq!(counts(&executor), (1, 2, 1));
    executor.delete(0);
    assert_eq!(counts(&executor), (0, 0, 0));
    assert!(!loose.forget());
}
