//! A module's heap: a few free blocks of every small size at hand, in front of another allocator.
//!
//! A phase of a small filter allocates a handful of short-lived blocks: the header map that the host hands over, a text, a list.
//! An allocator that fits in two kilobytes takes longer for these than Rust's own for wasm, which has eight. With the last
//! blocks of every size kept ready, it takes less.
//!
//! What is kept is bounded: [`KEPT`] blocks of each size, less than 64 KiB in all. Everything else goes to the allocator behind,
//! which joins free neighbours.
#![allow(unsafe_code, reason = "an allocator; each block says what it relies on")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ptr;

/// Blocks have 16 bytes, or twice as many, and so on up to 2048.
const SIZES: usize = 8;
/// The smallest block, as a power of two: it has room for a pointer.
const SMALLEST: u32 = 4;
/// What blocks are aligned to.
const ALIGNMENT: usize = 8;
/// How many blocks of a size are kept at most.
const KEPT: u32 = 16;

/// The heap, with the allocator behind it.
pub(super) struct Heap<A> {
    lists: [List; SIZES],
    behind: A,
}

/// The free blocks of one size: each begins with the address of the next.
struct List {
    first: Cell<*mut u8>,
    length: Cell<u32>,
}

// SAFETY: a module has one thread. Natively the type is used by tests alone, each with a heap of its own.
#[cfg(target_arch = "wasm32")]
unsafe impl<A> Sync for Heap<A> {}

impl<A> Heap<A> {
    pub(super) const fn new(behind: A) -> Self {
        Self { lists: [const { List { first: Cell::new(ptr::null_mut()), length: Cell::new(0) } }; SIZES], behind }
    }

    /// The list for a layout, and the layout of its blocks; nothing for what is large or has an odd alignment.
    fn list(&self, layout: Layout) -> Option<(&List, Layout)> {
        if layout.align() > ALIGNMENT {
            return None;
        }
        // The power of two that is not smaller; nobody asks an allocator for nothing.
        let power = (layout.size().wrapping_sub(1) | ((1 << SMALLEST) - 1)).ilog2() + 1;
        let list = self.lists.get((power - SMALLEST) as usize)?;
        // SAFETY: both are powers of two, and the size is at most 2048.
        Some((list, unsafe { Layout::from_size_align_unchecked(1 << power, ALIGNMENT) }))
    }
}

// SAFETY: a block is in a list or handed out, never both; it is at least as large and as aligned as what was asked for; and one
// that came from the allocator behind goes back with the same layout, because a layout alone decides which list is meant.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Heap<A> {
    // One copy of each: they are called from everywhere.
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((list, block)) = self.list(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { self.behind.alloc(layout) };
        };
        let first = list.first.get();
        if first.is_null() {
            // SAFETY: its size is not zero.
            return unsafe { self.behind.alloc(block) };
        }
        // SAFETY: a block in a list is ours, and `dealloc` has written the next one's address there.
        list.first.set(unsafe { first.cast::<*mut u8>().read() });
        list.length.set(list.length.get().wrapping_sub(1));
        first
    }

    #[inline(never)]
    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        match self.list(layout) {
            Some((list, _)) if list.length.get() < KEPT => {
                // SAFETY: the block has room for an address, is aligned for one, and is nobody's from now on.
                unsafe { data.cast::<*mut u8>().write(list.first.get()) };
                list.first.set(data);
                list.length.set(list.length.get().wrapping_add(1));
            }
            // SAFETY: it came from there with this layout.
            Some((_, block)) => unsafe { self.behind.dealloc(data, block) },
            // SAFETY: as above.
            None => unsafe { self.behind.dealloc(data, layout) },
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, data: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (self.list(layout), self.list(wanted)) {
            // SAFETY: both are the allocator's behind; the rest is the caller's promise.
            (None, None) => return unsafe { self.behind.realloc(data, layout, size) },
            (Some((old, _)), Some((new, _))) if ptr::eq(old, new) => return data,
            _ => {}
        }
        // SAFETY: the new block is another one, and both have as many bytes as are copied.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                ptr::copy_nonoverlapping(data, new, layout.size().min(size));
                self.dealloc(data, layout);
            }
            new
        }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use std::alloc::System;

    use proptest::prelude::*;

    use super::*;

    /// Counts the bytes that are out, and sees whether they come back as they went.
    #[derive(Default)]
    struct Counting {
        out: Cell<usize>,
        calls: Cell<u32>,
    }

    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            self.out.set(self.out.get() + layout.size());
            self.calls.set(self.calls.get() + 1);
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
            self.out.set(self.out.get() - layout.size());
            unsafe { System.dealloc(data, layout) };
        }
    }

    impl Heap<Counting> {
        /// Gives what is kept back, so that a test leaks nothing.
        fn empty(&self) -> usize {
            for (size, list) in self.lists.iter().enumerate() {
                let layout = layout(16 << size, ALIGNMENT);
                while !list.first.get().is_null() {
                    let data = list.first.get();
                    list.first.set(unsafe { data.cast::<*mut u8>().read() });
                    unsafe { self.behind.dealloc(data, layout) };
                }
            }
            self.behind.out.get()
        }
    }

    #[allow(clippy::unwrap_used, reason = "tests ask for what there is")]
    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// What a test holds: an address, its layout, and the byte that fills it.
    type Held = (*mut u8, Layout, u8);

    fn take(heap: &Heap<Counting>, size: usize, align: usize, fill: u8) -> Held {
        let layout = layout(size, align);
        let data = unsafe { heap.alloc(layout) };
        assert_eq!(data.addr() % align, 0);
        unsafe { data.write_bytes(fill, size) };
        (data, layout, fill)
    }

    fn check(&(data, layout, fill): &Held) {
        let bytes = unsafe { std::slice::from_raw_parts(data, layout.size()) };
        assert!(bytes.iter().all(|byte| *byte == fill), "somebody else has written here");
    }

    #[test]
    fn what_was_freed_is_given_again_without_asking() {
        let heap = Heap::new(Counting::default());
        for _ in 0..100 {
            let (data, layout, _) = take(&heap, 100, 1, 1);
            unsafe { heap.dealloc(data, layout) };
        }
        assert_eq!(heap.behind.calls.get(), 1);
        assert_eq!(heap.empty(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let heap = Heap::new(Counting::default());
        for size in [1, 16, 17, 100, 128, 300, 600, 1025, 2048, 2049, 100_000] {
            let held = (0..1000).map(|_| take(&heap, size, 8, 7)).collect::<Vec<_>>();
            held.iter().for_each(|(data, layout, _)| unsafe { heap.dealloc(*data, *layout) });
        }
        assert!(heap.behind.out.get() < 65_536, "{}", heap.behind.out.get());
        assert_eq!(heap.empty(), 0);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Take(usize, usize),
        Free(usize),
        Resize(usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = || prop_oneof![1..64usize, 1..3000usize, 1..10_000usize];
        let step = prop_oneof![
            (size(), 0..6u32).prop_map(|(size, align)| Step::Take(size, 1 << align)),
            any::<usize>().prop_map(Step::Free),
            (any::<usize>(), size()).prop_map(|(which, size)| Step::Resize(which, size)),
        ];
        prop::collection::vec(step, 0..100)
    }

    proptest! {
        #[test]
        fn blocks_never_overlap_and_all_come_back(steps in steps()) {
            let heap = Heap::new(Counting::default());
            let mut held = Vec::<Held>::new();
            for (i, step) in steps.into_iter().enumerate() {
                let fill = i as u8;
                match step {
                    Step::Take(size, align) => held.push(take(&heap, size, align, fill)),
                    Step::Free(which) if !held.is_empty() => {
                        let block = held.swap_remove(which % held.len());
                        check(&block);
                        unsafe { heap.dealloc(block.0, block.1) };
                    }
                    Step::Resize(which, size) if !held.is_empty() => {
                        let at = which % held.len();
                        let (data, layout, old) = held[at];
                        let data = unsafe { heap.realloc(data, layout, size) };
                        let kept = self::layout(layout.size().min(size), layout.align());
                        check(&(data, kept, old));
                        unsafe { data.write_bytes(fill, size) };
                        held[at] = (data, self::layout(size, layout.align()), fill);
                    }
                    Step::Free(_) | Step::Resize(..) => {}
                }
            }
            held.iter().for_each(check);
            for (data, layout, _) in held {
                unsafe { heap.dealloc(data, layout) };
            }
            prop_assert_eq!(heap.empty(), 0);
        }
    }
}
