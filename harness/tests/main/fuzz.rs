//! Bytes, modules and calls that nobody wrote.
//!
//! `make test` runs fixed seeds; with ARBTEST_BUDGET_MS, as `make fuzz` sets it, every target looks for new ones for that
//! long, and a failure prints the seed that repeats it (ARBTEST_SEED).

mod bytes;
mod guests;

use arbtest::arbitrary::{Result, Unstructured};
use arbtest::arbtest;

/// Fixed seeds, as many as take about a second; or new ones, for as long as the environment says.
fn fuzz(seeds: u64, mut target: impl FnMut(&mut Unstructured<'_>) -> Result<()>) {
    // That the bytes do not suffice is no finding.
    let mut target = |u: &mut Unstructured<'_>| target(u).or(Ok(()));
    if ["ARBTEST_BUDGET_MS", "ARBTEST_SEED"].iter().any(|name| std::env::var_os(name).is_some()) {
        arbtest(target).run();
        return;
    }
    for seed in 1..=seeds {
        let size = 64 + seed * 40;
        arbtest(&mut target).seed(seed.wrapping_mul(0x9e37_79b9) << 32 | size).run();
    }
}

/// Changes a few bytes: some replaced, some put in, some taken out, or the rest cut off.
fn changed(u: &mut Unstructured<'_>, original: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = original.to_vec();
    for _ in 0..u.int_in_range(1..=6)? {
        let at = u.choose_index(bytes.len().max(1))?;
        match u.int_in_range(0..=4)? {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, u.arbitrary::<[u8; 3]>()?)),
            2 => drop(bytes.drain(at..(at + 4).min(bytes.len()))),
            // What stands elsewhere in it is likelier to mean something than chance.
            3 => {
                let from = u.choose_index(bytes.len().max(1))?;
                let piece = bytes.get(from..(from + 12).min(bytes.len())).unwrap_or_default().to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u.arbitrary()?;
                }
            }
        }
    }
    Ok(bytes)
}
