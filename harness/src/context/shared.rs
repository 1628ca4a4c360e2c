//! Shared data and queues: one store for all VMs of a process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Process, VmContext, lock};
use crate::abi::Status;

/// The most bytes that guests may keep in a process, in shared data and queues together. Envoy has no such bound; a guest
/// under test must not be able to fill its host's memory.
const MAX_BYTES: usize = 256 << 20;

/// A process' shared data, by VM id and key (rule `SD-1`), and its queues.
#[derive(Debug, Default)]
pub(super) struct Shared {
    data: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
    last_cas: u32,
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    last_token: u32,
    queues: BTreeMap<u32, VecDeque<Vec<u8>>>,
    consumers: BTreeMap<u32, QueueEvent>,
    events: VecDeque<QueueEvent>,
    bytes: usize,
    /// How many VMs there are of a VM id.
    holders: BTreeMap<String, usize>,
}

/// Keeps the data and queues of a VM id as long as it lives: every VM has one, and so does a configuration (rule `SD-3`).
#[derive(Debug)]
pub(crate) struct VmIdHandle {
    process: Arc<Process>,
    vm_id: String,
}

impl VmIdHandle {
    pub(crate) fn new(process: Arc<Process>, vm_id: &str) -> Self {
        *lock(&process.shared).holders.entry(vm_id.to_owned()).or_default() += 1;
        Self { process, vm_id: vm_id.to_owned() }
    }
}

impl Drop for VmIdHandle {
    fn drop(&mut self) {
        lock(&self.process.shared).release(&self.vm_id);
    }
}

/// A queue's consumer that is to be told: on which thread, in which VM, which root context (rule `SQ-3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueEvent {
    pub place: (usize, usize),
    pub root: u32,
    pub token: u32,
}

impl Shared {
    pub(super) fn get(&self, vm_id: &str, key: &[u8]) -> Option<Vec<u8>> {
        Some(self.data.get(&(vm_id.to_owned(), key.to_vec()))?.0.clone())
    }

    pub(super) fn next_event(&mut self) -> Option<QueueEvent> {
        self.events.pop_front()
    }

    /// One holder of a VM id is gone; with the last one its data and queues go.
    fn release(&mut self, vm_id: &str) {
        if let Some(left) = self.holders.get_mut(vm_id) {
            *left = left.saturating_sub(1);
            if *left > 0 {
                return;
            }
        }
        self.holders.remove(vm_id);
        let mut freed = 0;
        self.data.retain(|(owner, key), (value, _)| {
            let stays = owner != vm_id;
            freed += if stays { 0 } else { key.len() + value.len() };
            stays
        });
        let (queues, consumers) = (&mut self.queues, &mut self.consumers);
        self.tokens.retain(|(owner, name), token| {
            let stays = owner != vm_id;
            if !stays {
                let items = queues.remove(token).unwrap_or_default();
                freed += name.len() + 1 + items.iter().map(Vec::len).sum::<usize>();
                consumers.remove(token);
            }
            stays
        });
        self.bytes = self.bytes.saturating_sub(freed);
    }

    /// Room for `new` bytes in place of `old` ones.
    fn replace(&mut self, old: usize, new: usize) -> Result<(), Status> {
        let bytes = self.bytes.saturating_sub(old).saturating_add(new);
        if bytes > MAX_BYTES {
            return Err(Status::InternalFailure);
        }
        self.bytes = bytes;
        Ok(())
    }
}

impl VmContext {
    /// `proxy_get_shared_data`: the value and its version.
    pub(crate) fn shared_data(&self, key: &[u8]) -> Result<(Vec<u8>, u32), Status> {
        let key = (self.vm_id.clone(), key.to_vec());
        lock(&self.process.shared).data.get(&key).cloned().ok_or(Status::NotFound)
    }

    /// `proxy_set_shared_data` (rule `SD-2`)
    pub(crate) fn set_shared_data(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let key = (self.vm_id.clone(), key.to_vec());
        let mut shared = lock(&self.process.shared);
        if cas != 0 && shared.data.get(&key).is_some_and(|(_, current)| *current != cas) {
            return Err(Status::CasMismatch);
        }
        let old = shared.data.get(&key).map(|(value, _)| key.1.len() + value.len()).unwrap_or_default();
        shared.replace(old, key.1.len() + value.len())?;
        shared.last_cas = shared.last_cas.checked_add(1).unwrap_or(1);
        let version = shared.last_cas;
        shared.data.insert(key, (value.to_vec(), version));
        Ok(())
    }

    /// `proxy_register_shared_queue`: what is queued stays (rule `SQ-1`).
    pub(crate) fn register_queue(&self, name: &[u8]) -> Result<u32, Status> {
        let mut shared = lock(&self.process.shared);
        if !shared.tokens.contains_key(&(self.vm_id.clone(), name.to_vec())) {
            shared.replace(0, name.len() + 1)?;
        }
        let next = shared.last_token.saturating_add(1);
        let token = *shared.tokens.entry((self.vm_id.clone(), name.to_vec())).or_insert(next);
        shared.last_token = shared.last_token.max(token);
        shared.queues.entry(token).or_default();
        // Whoever registers last is told from now on.
        let root = self.root();
        shared.consumers.insert(token, QueueEvent { place: self.place, root, token });
        Ok(token)
    }

    /// `proxy_resolve_shared_queue`: an empty VM id means one's own (rule `SQ-2`).
    pub(crate) fn resolve_queue(&self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        let vm_id = if vm_id.is_empty() { self.vm_id.clone() } else { String::from_utf8_lossy(vm_id).into_owned() };
        lock(&self.process.shared).tokens.get(&(vm_id, name.to_vec())).copied().ok_or(Status::NotFound)
    }

    /// `proxy_enqueue_shared_queue`
    pub(crate) fn enqueue(&self, token: u32, value: &[u8]) -> Result<(), Status> {
        let mut shared = lock(&self.process.shared);
        if !shared.queues.contains_key(&token) {
            return Err(Status::NotFound);
        }
        shared.replace(0, value.len())?;
        shared.queues.entry(token).or_default().push_back(value.to_vec());
        // One event per value, even if somebody takes it out meanwhile.
        if let Some(consumer) = shared.consumers.get(&token).copied() {
            shared.events.push_back(consumer);
        }
        Ok(())
    }

    /// `proxy_dequeue_shared_queue`
    pub(crate) fn dequeue(&self, token: u32) -> Result<Vec<u8>, Status> {
        let mut shared = lock(&self.process.shared);
        let value = shared.queues.get_mut(&token).ok_or(Status::NotFound)?.pop_front().ok_or(Status::Empty)?;
        shared.replace(value.len(), 0)?;
        Ok(value)
    }
}
