//! Jobs side by side. A job is one Envoy and what goes through it; most of its time it waits, so more of them run than there
//! are processors. All versions share one pool, so that there are never more processes than it allows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How many jobs may run at a time, in all threads that share it.
pub struct Pool<'p> {
    jobs: usize,
    free: Mutex<usize>,
    freed: Condvar,
    done: &'p (dyn Fn(&str, usize) + Sync),
}

impl<'p> Pool<'p> {
    /// A pool for so many jobs at a time, at least one. `done` hears of every job that has ended: of which Envoy, and with how
    /// many batches or groups.
    pub fn new(jobs: usize, done: &'p (dyn Fn(&str, usize) + Sync)) -> Self {
        let jobs = jobs.max(1);
        Self { jobs, free: Mutex::new(jobs), freed: Condvar::new(), done }
    }

    /// Runs all jobs, and gives their results in order; or the first error, when all have ended. A job is some of a version's
    /// batches or groups.
    pub(super) fn run<T: Sync, R: Send, E: Send>(
        &self,
        version: &str,
        jobs: &[Vec<T>],
        run: impl Fn(&[T]) -> Result<R, E> + Sync,
    ) -> Result<Vec<R>, E> {
        let (next, results) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
        // Jobs begin in their order: whoever has a place takes the next one.
        let work = || {
            loop {
                let more = self.one_at_a_time(|| {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let some = jobs.get(index)?;
                    let result = run(some);
                    (self.done)(version, some.len());
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
                    Some(())
                });
                if more.is_none() {
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.min(jobs.len()) {
                scope.spawn(work);
            }
        });
        results.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect()
    }

    /// Waits for a place, and leaves it when the job is over.
    fn one_at_a_time<R>(&self, run: impl FnOnce() -> R) -> R {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        drop(free);
        let _place = Place(self);
        run()
    }
}

/// A place that is taken until this is dropped, also when the job panics.
struct Place<'a>(&'a Pool<'a>);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// The jobs of a list: so many at a time, and those that want to be alone by themselves.
pub(super) fn jobs<T: Copy>(
    list: impl IntoIterator<Item = T>,
    together: usize,
    alone: impl Fn(T) -> bool,
) -> Vec<Vec<T>> {
    let (single, many) = list.into_iter().partition::<Vec<_>, _>(|one| alone(*one));
    many.chunks(together).chain(single.chunks(1)).map(<[T]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn jobs_run_side_by_side_and_never_too_many() {
        let (running, most, told) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let done = |_: &str, size: usize| {
            told.fetch_add(size, Ordering::Relaxed);
        };
        let pool = Pool::new(3, &done);
        let all = jobs(0..20_usize, 2, |one| one >= 16);
        let results = pool.run("1.0.0", &all, |some| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // Until there are as many as there may be; a pool that runs one after the other shows below.
            let limit = Instant::now() + Duration::from_secs(5);
            while most.load(Ordering::SeqCst) < 3 && Instant::now() < limit {
                std::thread::yield_now();
            }
            running.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, ()>(some.to_vec())
        });
        assert_eq!(results.unwrap().concat(), (0..20).collect::<Vec<_>>());
        assert_eq!((most.into_inner(), told.into_inner()), (3, 20));
    }

    #[test]
    fn the_first_error_is_told_when_all_have_ended() {
        let pool = Pool::new(2, &|_, _| {});
        let result =
            pool.run("1.0.0", &[vec![1], vec![2], vec![3]], |some| if some == [2] { Err("no") } else { Ok(()) });
        assert_eq!(result, Err("no"));
    }
}
