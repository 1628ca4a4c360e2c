//! Three bytes in a row, of many kinds at once: what tokens that begin with a fixed text are told by.
//!
//! The kinds share eight buckets. For each of the three places a table says for the lower half of a byte, and another one for
//! the upper half, in which buckets it can be; what is in one bucket all along may be of that kind. More than that may pass,
//! and is looked at.

use super::lanes::{Lanes, Table};
use super::planes::{Parts, Plane};
use crate::detect::token::commonness;

/// What is looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fragments {
    low: [Table; 3],
    high: [Table; 3],
    any: bool,
}

impl Fragments {
    /// Adds three bytes; of the third one there can be several. They go into the bucket that lets pass the least with them.
    pub fn add(&mut self, first: u8, second: u8, third: &[u8]) {
        let with = |bucket: u8| {
            let mut more = self.clone();
            more.put(bucket, [&[first], &[second], third]);
            (more.passes(bucket) - self.passes(bucket), more)
        };
        let mut best = with(0);
        for bucket in 1..8 {
            let other = with(bucket);
            if other.0 < best.0 {
                best = other;
            }
        }
        *self = Self { any: true, ..best.1 };
    }

    fn put(&mut self, bucket: u8, places: [&[u8]; 3]) {
        let tables = self.low.iter_mut().zip(&mut self.high);
        for ((low, high), bytes) in tables.zip(places) {
            for byte in bytes {
                for (table, half) in [(&mut *low, byte & 15), (&mut *high, byte >> 4)] {
                    if let Some(entry) = table.get_mut(usize::from(half)) {
                        *entry |= 1 << bucket;
                    }
                }
            }
        }
    }

    /// How much of common text a bucket lets pass.
    fn passes(&self, bucket: u8) -> u64 {
        let has = |table: &Table, half: u8| table.get(usize::from(half)).is_some_and(|entry| entry >> bucket & 1 == 1);
        let place = |(low, high): (&Table, &Table)| {
            let bytes = (0..=u8::MAX).filter(|byte| has(low, byte & 15) && has(high, byte >> 4));
            bytes.map(|byte| 1_u64 << commonness(byte)).sum::<u64>()
        };
        self.low.iter().zip(&self.high).map(place).product()
    }

    pub fn is_empty(&self) -> bool {
        !self.any
    }

    /// Tells where none begins.
    #[inline(never)]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    pub(super) fn read(&self, parts: &Parts<'_>, nothing: &mut Plane) {
        let tables = self.loaded();
        let mut before = Buckets([Lanes::load(&[0; 16]); 3]);
        for (lane, bytes) in parts.whole.iter().chain(&parts.end).enumerate() {
            let bytes = Lanes::load(bytes);
            let here = tables.buckets((bytes.low(), bytes.high()));
            // The first of three may be the last byte of the lane before.
            nothing.put(lane.wrapping_sub(1), before.none(here));
            before = here;
        }
    }

    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn loaded(&self) -> Loaded {
        let ([a, b, c], [d, e, f]) = (&self.low, &self.high);
        let load = |table| Lanes::load(table);
        Loaded { low: [load(a), load(b), load(c)], high: [load(d), load(e), load(f)] }
    }
}

/// The tables at hand.
#[derive(Clone, Copy)]
struct Loaded {
    low: [Lanes; 3],
    high: [Lanes; 3],
}

/// In which buckets sixteen bytes can be, for each place.
#[derive(Clone, Copy)]
struct Buckets([Lanes; 3]);

impl Loaded {
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn buckets(&self, (low, high): (Lanes, Lanes)) -> Buckets {
        let ([a, b, c], [d, e, f]) = (self.low, self.high);
        Buckets([low.of(a).and(high.of(d)), low.of(b).and(high.of(e)), low.of(c).and(high.of(f))])
    }
}

impl Buckets {
    /// A bit for each of the sixteen places at which none can begin.
    #[inline]
    #[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
    fn none(self, next: Self) -> u64 {
        let ([first, second, third], [_, second_next, third_next]) = (self.0, next.0);
        first.and(second.ahead(second_next)).and(third.two_ahead(third_next)).are_none()
    }
}
