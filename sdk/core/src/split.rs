//! Who gets which of several versions: by weight, and the same one each time.

use crate::hash::Key;

/// Into how many parts everybody is split: a weight counts in hundredths of a percent.
pub const BUCKETS: u16 = 10_000;

/// The most arms that a split has.
pub const MAX_ARMS: usize = 64;

/// A split by weight. Whoever has the same key (a user, a session, an address) is in the same one of 10,000 buckets, and
/// the arms have the buckets between them, in their order.
///
/// * **Sticky without memory.** The bucket comes from the key and the salt alone, on every machine and in every release.
/// * **Monotone.** When one arm's share grows and no other one's does, nobody leaves it: 5 % that become 20 % are the same
///   5 % and 15 % more. (When two arms grow at the cost of a third one, no split without a memory can keep everybody.)
/// * **Independent.** Another salt mixes anew: those who have the new version of one thing are not those who have the new
///   version of every other thing.
///
/// ```
/// use tamis_core::split::Split;
///
/// let before = Split::new("checkout", [95, 5])?;
/// let after = Split::new("checkout", [80, 20])?;
/// let users: Vec<String> = (0..1000).map(|n| format!("user-{n}")).collect();
/// let canary = |split: &Split| users.iter().filter(|user| split.arm(user.as_bytes()) == 1).count();
/// assert!((30..70).contains(&canary(&before)) && (160..240).contains(&canary(&after)));
/// assert!(users.iter().all(|user| before.arm(user.as_bytes()) <= after.arm(user.as_bytes())));
/// # Ok::<(), tamis_core::split::InvalidSplit>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    key: Key,
    /// The first bucket behind each arm.
    ends: Vec<u16>,
}

impl Split {
    /// Makes a split of arms with these weights; what counts is each one's part of their sum. A weight of 0 is an arm that
    /// nobody is in. Shares are rounded to whole buckets, so that all together are always everybody.
    ///
    /// # Errors
    ///
    /// [`InvalidSplit`] when there is no arm, or more than [`MAX_ARMS`], or all weights are 0.
    pub fn new(salt: &str, weights: impl IntoIterator<Item = u32>) -> Result<Self, InvalidSplit> {
        let weights: Vec<u64> = weights.into_iter().take(MAX_ARMS + 1).map(u64::from).collect();
        let sum: u64 = weights.iter().sum();
        if weights.is_empty() || weights.len() > MAX_ARMS {
            return Err(InvalidSplit::Arms);
        }
        if sum == 0 {
            return Err(InvalidSplit::Weights);
        }
        let mut before = 0;
        let ends = weights.iter().map(|weight| {
            before += weight;
            // At most 64 arms of 32 bits, times 10,000: far below 64 bits. The quotient is at most 10,000.
            u16::try_from(before * u64::from(BUCKETS) / sum).unwrap_or(BUCKETS)
        });
        Ok(Self { key: Key::from_salt(salt), ends: ends.collect() })
    }

    /// The bucket of a key, from 0 to 9,999. It depends on the salt and not on the weights.
    #[must_use]
    pub fn bucket(&self, key: &[u8]) -> u16 {
        bucket_of(self.key.hash(key))
    }

    /// The arm of a key, by its place in the list.
    #[must_use]
    pub fn arm(&self, key: &[u8]) -> usize {
        self.arm_of_bucket(self.bucket(key))
    }

    /// The arm of somebody who has no key, given a random number.
    #[must_use]
    pub fn arm_at_random(&self, random: u64) -> usize {
        self.arm_of_bucket(bucket_of(random))
    }

    /// The arm of a bucket. What is no bucket is in the last arm that has any.
    #[must_use]
    pub fn arm_of_bucket(&self, bucket: u16) -> usize {
        let bucket = bucket.min(BUCKETS - 1);
        self.ends.iter().position(|end| bucket < *end).unwrap_or(0)
    }
}

/// Why there is no such split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSplit {
    /// No arm, or too many.
    #[error("a split has 1 to 64 arms")]
    Arms,
    /// Nobody would be anywhere.
    #[error("one of the weights must be greater than 0")]
    Weights,
}

/// Every bucket has as many numbers as every other one, but for one in 1.8 * 10^15.
fn bucket_of(number: u64) -> u16 {
    // Below 10,000, as the number is below 2^64.
    u16::try_from((u128::from(number) * u128::from(BUCKETS)) >> 64).unwrap_or(0)
}
