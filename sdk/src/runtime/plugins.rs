//! The plugins of one VM.

use std::rc::Rc;

/// A root context's id.
pub(super) type RootId = u32;

/// Every plugin that this VM has been configured with. Usually one.
#[derive(Debug)]
pub(super) struct Plugins<F> {
    roots: Vec<(RootId, Option<Rc<F>>)>,
    first: Option<RootId>,
    /// Whether there ever was a second one: streams must then be told apart for as long as the VM lives.
    several: bool,
}

impl<F> Plugins<F> {
    pub(super) const fn new() -> Self {
        Self { roots: Vec::new(), first: None, several: false }
    }

    /// A root context exists; its configuration follows.
    pub(super) fn create(&mut self, root: RootId) {
        self.several |= self.first.is_some_and(|first| first != root);
        self.first.get_or_insert(root);
        if self.get_mut(root).is_none() {
            self.roots.push((root, None));
        }
    }

    /// A root context got a (new) configuration.
    pub(super) fn configure(&mut self, root: RootId, plugin: F) {
        self.create(root);
        if let Some(slot) = self.get_mut(root) {
            *slot = Some(Rc::new(plugin));
        }
    }

    /// Forgets a plugin; whether there was one.
    pub(super) fn delete(&mut self, root: RootId) -> bool {
        let before = self.roots.len();
        self.roots.retain(|(id, _)| *id != root);
        self.roots.len() < before
    }

    pub(super) fn get(&self, root: RootId) -> Option<Rc<F>> {
        self.roots.iter().find(|(id, _)| *id == root)?.1.clone()
    }

    /// The one plugin, while there has never been another.
    pub(super) fn only(&self) -> Option<Rc<F>> {
        match self.roots.as_slice() {
            [(_, plugin)] if !self.several => plugin.clone(),
            _ => None,
        }
    }

    pub(super) fn first(&self) -> Option<RootId> {
        self.first
    }

    pub(super) fn several(&self) -> bool {
        self.several
    }

    fn get_mut(&mut self, root: RootId) -> Option<&mut Option<Rc<F>>> {
        self.roots.iter_mut().find_map(|(id, plugin)| (*id == root).then_some(plugin))
    }
}
