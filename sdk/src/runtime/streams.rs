//! Which plugin a stream belongs to, and what it remembers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::plugins::RootId;
use crate::Direction;
use crate::body::BodyState;
use crate::sys::{self, HostError, LogLevel};
use tamis_core::text::{decimal, hex, join};

/// The streams of a filter that remembers something of each: freed in `proxy_on_delete`.
#[derive(Debug)]
pub(super) struct Kept<S> {
    streams: Option<Map<S>>,
}

type Map<S> = HashMap<u32, Entry<S>, BuildHasherDefault<IdHasher>>;

/// A stream's plugin and what is remembered of it, which is away during a phase.
#[derive(Debug)]
struct Entry<S> {
    root: RootId,
    state: Option<S>,
    bodies: Option<Box<Bodies>>,
}

/// What the SDK itself remembers of a stream whose bodies a filter wants.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    request: Option<BodyState>,
    response: Option<BodyState>,
    /// Behind the headers there is no message but bytes of another protocol.
    pub tunnel: bool,
}

impl Bodies {
    pub(super) fn of(&mut self, direction: Direction) -> &mut Option<BodyState> {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }

    fn charged(&self) -> usize {
        [&self.request, &self.response].into_iter().flatten().map(BodyState::charged).sum()
    }
}

impl<S: Default> Kept<S> {
    pub(super) const fn new() -> Self {
        Self { streams: None }
    }

    pub(super) fn create(&mut self, stream: u32, root: RootId) {
        self.streams.get_or_insert_default().insert(stream, Entry { root, state: None, bodies: None });
    }

    /// Forgets a stream; says how many bytes its bodies have occupied.
    pub(super) fn delete(&mut self, stream: u32) -> usize {
        let entry = self.streams.as_mut().and_then(|streams| streams.remove(&stream));
        entry.and_then(|entry| entry.bodies).map_or(0, |bodies| bodies.charged())
    }

    /// Takes what is remembered of a stream out for the time of a phase; the first phase finds the default.
    pub(super) fn take(&mut self, stream: u32) -> Option<(RootId, S, Option<Box<Bodies>>)> {
        let entry = self.streams.as_mut()?.get_mut(&stream)?;
        Some((entry.root, entry.state.take().unwrap_or_default(), entry.bodies.take()))
    }

    pub(super) fn put(&mut self, stream: u32, state: S, bodies: Option<Box<Bodies>>) {
        if let Some(entry) = self.streams.as_mut().and_then(|streams| streams.get_mut(&stream)) {
            (entry.state, entry.bodies) = (Some(state), bodies);
        }
    }
}

/// The streams of a filter that remembers nothing: the host keeps the one number that is needed, if one is.
#[derive(Debug)]
pub(super) struct Unkept {
    /// The stream that was created last, with its plugin.
    created: (u32, RootId),
    /// How a property's name begins, with a number that nobody can guess: other VMs in the same chain count their streams alike.
    prefix: Option<String>,
    /// Whether the host ever refused to keep a number: a missing one then says nothing.
    refused: bool,
}

impl Unkept {
    pub(super) const fn new() -> Self {
        Self { created: (0, 0), prefix: None, refused: false }
    }

    /// The stream that was created last.
    #[cfg(test)]
    pub(super) fn created(&self) -> u32 {
        self.created.0
    }

    /// Remembers whose stream this is, once the VM has had more than one plugin. `later`: whether the filter has phases after
    /// `request_headers`.
    pub(super) fn create(&mut self, stream: u32, root: RootId, later: bool) {
        self.created = (stream, root);
        if later {
            let kept = self.property(stream).is_some_and(|name| sys::set_property(&name, &root.to_le_bytes()).is_ok());
            if !kept && !self.refused {
                self.refused = true;
                sys::log(
                    LogLevel::ERROR,
                    "the host keeps no property for a stream, so plugins that share a VM cannot be told apart: their \
                     responses are refused; allow proxy_set_property, or give each plugin its own vm_id",
                );
            }
        }
    }

    /// Whose stream this is, when the VM has had more than one plugin.
    pub(super) fn root(&mut self, stream: u32, first: Option<RootId>) -> Option<RootId> {
        if self.created.0 == stream {
            return Some(self.created.1);
        }
        let name = self.property(stream)?;
        told(sys::property(&name), self.refused, first)
    }

    fn property(&mut self, stream: u32) -> Option<Vec<u8>> {
        if self.prefix.is_none() {
            self.prefix = Some(join(&["tamis.", &hex(sys::random_u64()?), "."]));
        }
        Some(join(&[self.prefix.as_ref()?, &decimal(u64::from(stream))]).into_bytes())
    }
}

/// Whose stream it is, by what the host kept for it: never a guess.
fn told(kept: Result<Option<Vec<u8>>, HostError>, refused: bool, first: Option<RootId>) -> Option<RootId> {
    match kept {
        Ok(Some(root)) => Some(u32::from_le_bytes(root.try_into().ok()?)),
        // It was created when there was but one plugin.
        Ok(None) if !refused => first,
        Ok(None) | Err(_) => None,
    }
}

/// Ids come from the host, one after the other: nobody outside chooses them, so any spread will do.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.write_u32((id >> 32) as u32);
        self.write_u32((id & u64::from(u32::MAX)) as u32);
    }

    fn write_u32(&mut self, id: u32) {
        // A multiplication by the golden ratio puts neighbours far apart, in the high bits too, which the map looks at.
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Status;

    #[test]
    fn what_the_host_kept_counts() {
        assert_eq!(told(Ok(Some(vec![7, 0, 0, 0])), false, Some(1)), Some(7));
        assert_eq!(told(Ok(Some(vec![7, 0, 0, 0])), true, Some(1)), Some(7));
        assert_eq!(told(Ok(Some(vec![7])), false, Some(1)), None, "somebody else wrote it");
    }

    #[test]
    fn nothing_kept_means_the_first_plugin_unless_the_host_has_ever_refused() {
        assert_eq!(told(Ok(None), false, Some(1)), Some(1));
        assert_eq!(told(Ok(None), true, Some(1)), None);
        let error = HostError::new("proxy_get_property", Status::INTERNAL_FAILURE);
        assert_eq!(told(Err(error), false, Some(1)), None);
    }
}
