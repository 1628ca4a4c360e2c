//! Targets for bytes that nobody wrote.
//!
//! A target makes its input of bytes ([`arbitrary`]) and panics when something is wrong. `make test` runs it on fixed seeds, the
//! same in every run. `make fuzz` sets `ARBTEST_BUDGET_MS`, and every target looks at new ones for that long; a failure prints the
//! seed that repeats it, by `ARBTEST_SEED`.
//!
//! ```
//! tamis_fuzz::fuzz(100, |u| {
//!     let text: String = u.arbitrary()?;
//!     assert_eq!(text.chars().rev().rev().collect::<String>(), text);
//!     Ok(())
//! });
//! ```

pub use arbtest::arbitrary;
use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;

/// The most bytes of an input, unless a target says less.
pub const MOST: u32 = 1 << 16;

/// Runs a target on so many fixed seeds, as many as take about a second: the first one has 72 bytes, and each eight more.
///
/// # Panics
///
/// When the target does, with the seed.
pub fn fuzz(seeds: u32, target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    sized(seeds, |seed| 64 + seed * 8, MOST, target);
}

/// The same for what needs more bytes, as a module does: forty more for each seed.
///
/// # Panics
///
/// When the target does, with the seed.
pub fn fuzz_long(seeds: u32, target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    sized(seeds, |seed| 64 + seed * 40, MOST, target);
}

/// The same with other sizes: of each fixed seed, which count from 1, and at most of new ones.
///
/// # Panics
///
/// When the target does, with the seed.
pub fn sized(
    seeds: u32,
    size: impl Fn(u32) -> u32,
    most: u32,
    mut target: impl FnMut(&mut Unstructured<'_>) -> Result<()>,
) {
    // That the bytes do not suffice is no finding.
    let mut target = |u: &mut Unstructured<'_>| target(u).or(Ok(()));
    if ["ARBTEST_BUDGET_MS", "ARBTEST_SEED"].iter().any(|name| std::env::var_os(name).is_some()) {
        arbtest(target).size_max(most).run();
        return;
    }
    for seed in 1..=seeds {
        let random = u64::from(seed.wrapping_mul(0x9e37_79b9));
        arbtest(&mut target).seed(random << 32 | u64::from(size(seed))).run();
    }
}
