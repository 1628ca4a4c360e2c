//! What of a stream is on its way, so that nobody reads more than the next one takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::options::WINDOW;
use crate::stream::Direction;

/// Both directions of one stream, and when something last moved in it.
#[derive(Debug)]
pub(super) struct Flows {
    request: Flow,
    response: Flow,
    begun: Instant,
    /// Milliseconds after the beginning.
    moved: AtomicU64,
}

/// One direction: bytes between whoever reads them and whoever sends them on.
///
/// What filters hold back counts by itself: they may hold as much as the proxy's limit says, and the proxy answers when one
/// that buffers goes above it (rule `BODY-6`). One that only keeps what it got makes the other side wait (`BODY-5`).
#[derive(Debug, Default)]
struct Flow {
    bytes: AtomicUsize,
    holds_too_much: AtomicBool,
    /// One task waits for room: the one that reads.
    room: Notify,
}

impl Flows {
    pub(super) fn new() -> Arc<Self> {
        let (request, response) = Default::default();
        Arc::new(Self { request, response, begun: Instant::now(), moved: AtomicU64::new(0) })
    }

    /// Bytes have been read.
    pub(super) fn add(&self, direction: Direction, bytes: usize) {
        self.of(direction).bytes.fetch_add(bytes, Ordering::AcqRel);
        self.touch();
    }

    /// Bytes have been taken up or sent on.
    pub(super) fn take(&self, direction: Direction, bytes: usize) {
        let flow = self.of(direction);
        // Filters may make more of it than came in; whoever adds and takes counts the same pieces.
        let _ = flow.bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_sub(bytes)));
        self.touch();
        flow.room.notify_one();
    }

    /// How many bytes are on their way.
    pub(super) fn waiting(&self, direction: Direction) -> usize {
        self.of(direction).bytes.load(Ordering::Acquire)
    }

    /// Whether the filters hold back more than they may.
    pub(super) fn set_held(&self, direction: Direction, too_much: bool) {
        let flow = self.of(direction);
        if flow.holds_too_much.swap(too_much, Ordering::AcqRel) && !too_much {
            flow.room.notify_one();
        }
    }

    /// Waits until more may be read.
    pub(super) async fn room(&self, direction: Direction) {
        let flow = self.of(direction);
        loop {
            let change = flow.room.notified();
            if flow.bytes.load(Ordering::Acquire) < WINDOW && !flow.holds_too_much.load(Ordering::Acquire) {
                return;
            }
            change.await;
        }
    }

    /// Something has moved.
    pub(super) fn touch(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.fetch_max(now, Ordering::AcqRel);
    }

    /// Waits until nothing has moved for so long.
    pub(super) async fn idle(&self, limit: Duration) {
        loop {
            let moved = self.begun + Duration::from_millis(self.moved.load(Ordering::Acquire));
            if moved.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(moved + limit).await;
        }
    }

    fn of(&self, direction: Direction) -> &Flow {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_comes_back_when_bytes_are_taken() {
        let flows = Flows::new();
        flows.room(Direction::Request).await;
        flows.add(Direction::Request, WINDOW);
        flows.room(Direction::Response).await;
        let waiting = { flows.clone() };
        let waiting = tokio::spawn(async move { waiting.room(Direction::Request).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flows.take(Direction::Request, 1);
        waiting.await.unwrap();
    }

    #[tokio::test]
    async fn who_holds_too_much_gets_nothing_more() {
        let flows = Flows::new();
        flows.set_held(Direction::Response, true);
        let waiting = { flows.clone() };
        let waiting = tokio::spawn(async move { waiting.room(Direction::Response).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flows.set_held(Direction::Response, false);
        waiting.await.unwrap();
    }
}
