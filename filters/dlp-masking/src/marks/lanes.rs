//! Sixteen bytes at a time: SIMD where a module runs (every supported Envoy loads it), plain loops elsewhere.

#[cfg(target_arch = "wasm32")]
use core::arch::wasm32::{
    i8x16_eq, i8x16_shuffle, u8x16_bitmask, u8x16_ge, u8x16_min, u8x16_splat, u8x16_swizzle, u64x2, u64x2_shl,
    u64x2_shr, v128, v128_and, v128_or,
};

/// A table of sixteen entries, for half of a byte.
pub(crate) type Table = [u8; 16];

/// Sixteen bytes.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy)]
pub(super) struct Lanes(v128);

#[cfg(target_arch = "wasm32")]
impl Lanes {
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn load(bytes: &[u8; 16]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = *bytes;
        Self(u64x2(u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(rest)))
    }

    /// A bit for each byte that is this one.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn are(self, byte: u8) -> u64 {
        u8x16_bitmask(i8x16_eq(self.0, u8x16_splat(byte))).into()
    }

    /// A bit for each byte that is one of these.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn are_either(self, byte: u8, other: u8) -> u64 {
        u8x16_bitmask(v128_or(i8x16_eq(self.0, u8x16_splat(byte)), i8x16_eq(self.0, u8x16_splat(other)))).into()
    }

    /// A bit for each byte that is this one or greater.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn are_at_least(self, byte: u8) -> u64 {
        u8x16_bitmask(u8x16_ge(self.0, u8x16_splat(byte))).into()
    }

    /// One of the eight bits of each byte.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn bit(self, number: u32) -> u64 {
        u8x16_bitmask(u64x2_shl(self.0, 7 - number)).into()
    }

    /// The lower halves.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn low(self) -> Self {
        Self(v128_and(self.0, u8x16_splat(15)))
    }

    /// The upper halves.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn high(self) -> Self {
        Self(v128_and(u64x2_shr(self.0, 4), u8x16_splat(15)))
    }

    /// The entries of a table at these halves.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn of(self, table: Self) -> Self {
        Self(u8x16_swizzle(table.0, self.0))
    }

    /// One byte further on, into the next ones.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn ahead(self, next: Self) -> Self {
        Self(i8x16_shuffle::<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16>(self.0, next.0))
    }

    /// Two bytes further on.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn two_ahead(self, next: Self) -> Self {
        Self(i8x16_shuffle::<2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17>(self.0, next.0))
    }

    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    /// The last one of these bytes, and the next ones before their last.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn last_and(self, next: Self) -> Self {
        Self(i8x16_shuffle::<15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30>(self.0, next.0))
    }

    /// The last two, and the next ones before their last two.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn last_two_and(self, next: Self) -> Self {
        Self(i8x16_shuffle::<14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29>(self.0, next.0))
    }

    /// The lesser byte of each pair: 0 where one of them is.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn least(self, other: Self) -> Self {
        Self(u8x16_min(self.0, other.0))
    }

    /// A bit for each byte that is 0.
    #[inline]
    #[target_feature(enable = "simd128")]
    pub fn are_none(self) -> u64 {
        self.are(0)
    }
}

/// Sixteen bytes.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy)]
pub(super) struct Lanes([u8; 16]);

#[cfg(not(target_arch = "wasm32"))]
impl Lanes {
    #[inline]
    pub fn load(bytes: &[u8; 16]) -> Self {
        Self(*bytes)
    }

    #[inline]
    pub fn are(self, byte: u8) -> u64 {
        bits(self.0.map(|other| other == byte))
    }

    #[inline]
    pub fn are_either(self, byte: u8, other: u8) -> u64 {
        bits(self.0.map(|here| here == byte || here == other))
    }

    #[inline]
    pub fn are_at_least(self, byte: u8) -> u64 {
        bits(self.0.map(|other| other >= byte))
    }

    #[inline]
    pub fn bit(self, number: u32) -> u64 {
        bits(self.0.map(|byte| byte >> number & 1 == 1))
    }

    #[inline]
    pub fn low(self) -> Self {
        Self(self.0.map(|byte| byte & 15))
    }

    #[inline]
    pub fn high(self) -> Self {
        Self(self.0.map(|byte| byte >> 4))
    }

    #[inline]
    pub fn of(self, table: Self) -> Self {
        Self(self.0.map(|half| table.0.get(usize::from(half)).copied().unwrap_or(0)))
    }

    #[inline]
    pub fn ahead(self, next: Self) -> Self {
        self.further(next, 1)
    }

    #[inline]
    pub fn two_ahead(self, next: Self) -> Self {
        self.further(next, 2)
    }

    #[inline]
    fn further(self, next: Self, by: usize) -> Self {
        let mut both = [0; 16];
        let bytes = self.0.iter().chain(&next.0).skip(by);
        both.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self(both)
    }

    #[inline]
    pub fn and(self, other: Self) -> Self {
        let mut both = self.0;
        both.iter_mut().zip(other.0).for_each(|(byte, other)| *byte &= other);
        Self(both)
    }

    #[inline]
    pub fn last_and(self, next: Self) -> Self {
        self.further(next, 15)
    }

    #[inline]
    pub fn last_two_and(self, next: Self) -> Self {
        self.further(next, 14)
    }

    #[inline]
    pub fn least(self, other: Self) -> Self {
        let mut least = self.0;
        least.iter_mut().zip(other.0).for_each(|(byte, other)| *byte = (*byte).min(other));
        Self(least)
    }

    #[inline]
    pub fn are_none(self) -> u64 {
        self.are(0)
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn bits(lanes: [bool; 16]) -> u64 {
    lanes.iter().rev().fold(0, |bits, lane| bits << 1 | u64::from(*lane))
}
