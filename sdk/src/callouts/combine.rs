//! Several futures as one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Waits for both.
///
/// ```
/// # use tamis::callouts::{HttpError, HttpRequest, join};
/// # async fn f() -> Result<(), HttpError> {
/// let user = HttpRequest::get("users", "users.internal", "/me").send();
/// let plan = HttpRequest::get("plans", "plans.internal", "/me").send();
/// let (user, plan) = join(user, plan).await;
/// # user?; plan?; Ok(())
/// # }
/// ```
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut first, mut second) = (None, None);
    poll_fn(move |context| {
        if first.is_none()
            && let Poll::Ready(output) = a.as_mut().poll(context)
        {
            first = Some(output);
        }
        if second.is_none()
            && let Poll::Ready(output) = b.as_mut().poll(context)
        {
            second = Some(output);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// Waits for all; the results are in the order of the futures.
///
/// ```
/// # use tamis::callouts::{HttpRequest, join_all};
/// # async fn f() -> usize {
/// let asked = ["a", "b"].map(|cluster| HttpRequest::get(cluster, "service", "/").send());
/// let answers = join_all(asked).await;
/// answers.iter().flatten().count()
/// # }
/// ```
pub async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures = futures.into_iter().map(|future| (Some(Box::pin(future)), None)).collect::<Vec<_>>();
    poll_fn(move |context| {
        for (future, output) in &mut futures {
            if let Some(waiting) = future
                && let Poll::Ready(ready) = waiting.as_mut().poll(context)
            {
                (*future, *output) = (None, Some(ready));
            }
        }
        if futures.iter().all(|(future, _)| future.is_none()) {
            Poll::Ready(futures.drain(..).filter_map(|(_, output)| output).collect())
        } else {
            Poll::Pending
        }
    })
    .await
}

/// Waits for whichever is ready first, and drops the other. When both are, it is the first.
///
/// ```
/// # use tamis::callouts::{HttpError, HttpRequest, HttpResponse, race};
/// # async fn f() -> Result<HttpResponse, HttpError> {
/// let near = HttpRequest::get("near", "service", "/").send();
/// let far = HttpRequest::get("far", "service", "/").send();
/// race(near, far).await
/// # }
/// ```
pub async fn race<T>(a: impl Future<Output = T>, b: impl Future<Output = T>) -> T {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(move |context| match a.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(output),
        Poll::Pending => b.as_mut().poll(context),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::{Context, Waker};

    use super::*;

    /// Ready at the poll of this number, counted from 0.
    fn at<T>(mut polls: u32, output: T) -> impl Future<Output = T> {
        let mut output = Some(output);
        poll_fn(move |_| match polls.checked_sub(1) {
            Some(left) => {
                polls = left;
                Poll::Pending
            }
            None => Poll::Ready(output.take().unwrap()),
        })
    }

    /// What comes out, and after how many polls.
    fn run<T>(future: impl Future<Output = T>) -> (T, u32) {
        let mut future = pin!(future);
        for polls in 0..100 {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return (output, polls);
            }
        }
        panic!("never ready");
    }

    #[test]
    fn join_waits_for_both_and_polls_none_twice() {
        assert_eq!(run(join(at(3, 'a'), at(1, 'b'))), (('a', 'b'), 3));
        assert_eq!(run(join(ready(1), at(2, 2))), ((1, 2), 2));
    }

    #[test]
    fn join_all_keeps_the_order() {
        assert_eq!(run(join_all([at(2, 'a'), at(0, 'b'), at(5, 'c')])), (vec!['a', 'b', 'c'], 5));
        assert_eq!(run(join_all(Vec::<std::future::Ready<()>>::new())), (vec![], 0));
    }

    #[test]
    fn race_takes_the_first() {
        assert_eq!(run(race(at(2, 'a'), at(1, 'b'))), ('b', 1));
        assert_eq!(run(race(ready('a'), ready('b'))), ('a', 0));
        assert_eq!(run(race(pending(), at(3, 'b'))), ('b', 3));
    }
}
