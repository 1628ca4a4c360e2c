//! Splits: everybody is somewhere, evenly, and stays there.

use proptest::prelude::*;
use tamis_core::split::{BUCKETS, InvalidSplit, MAX_ARMS, Split};

/// How many buckets each arm has.
fn sizes(split: &Split, arms: usize) -> Vec<usize> {
    let mut sizes = vec![0; arms];
    (0..BUCKETS).for_each(|bucket| sizes[split.arm_of_bucket(bucket)] += 1);
    sizes
}

#[test]
fn shares() {
    for (weights, expected) in [
        (vec![1], vec![10_000]),
        (vec![80, 20], vec![8000, 2000]),
        (vec![90, 10], vec![9000, 1000]),
        (vec![0, 1, 0], vec![0, 10_000, 0]),
        (vec![1, 1, 1], vec![3333, 3333, 3334]),
        (vec![u32::MAX, 0, u32::MAX], vec![5000, 0, 5000]),
        (vec![9999, 1], vec![9999, 1]),
        (vec![100_000, 1], vec![9999, 1]),
    ] {
        let split = Split::new("s", weights.clone()).unwrap();
        assert_eq!(sizes(&split, weights.len()), expected, "{weights:?}");
        assert_eq!(split.arm_of_bucket(u16::MAX), split.arm_of_bucket(9999));
    }
    assert_eq!(Split::new("s", []), Err(InvalidSplit::Arms));
    assert_eq!(Split::new("s", [0, 0]), Err(InvalidSplit::Weights));
    assert!(Split::new("s", vec![1; MAX_ARMS]).is_ok());
    assert_eq!(Split::new("s", vec![1; MAX_ARMS + 1]), Err(InvalidSplit::Arms));
    assert_eq!(Split::new("s", std::iter::repeat(u32::MAX)), Err(InvalidSplit::Arms));
}

/// Users must not move because of a new release: these were so when the format was made.
#[test]
fn buckets_are_for_ever() {
    let split = Split::new("checkout-2026", [1]).unwrap();
    let buckets: Vec<_> = ["", "user-1", "user-2", "\u{ff}"].iter().map(|key| split.bucket(key.as_bytes())).collect();
    assert_eq!(buckets, [9990, 3313, 1001, 6428]);
}

/// Pearson's χ² of keys that differ in little: a million in 10,000 buckets. Its mean is 9,999 and its standard deviation
/// 141; five of them are exceeded by chance once in two millions.
#[test]
fn keys_that_are_alike_spread_evenly() {
    let even = |name: &str, buckets: &mut dyn Iterator<Item = u16>, keys: u32| {
        let mut counts = vec![0_u32; BUCKETS.into()];
        buckets.for_each(|bucket| counts[usize::from(bucket)] += 1);
        assert_eq!(counts.iter().sum::<u32>(), keys);
        let expected = f64::from(keys) / f64::from(BUCKETS);
        let chi: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        assert!((chi - 9_999.0).abs() < 5.0 * 141.4, "{name}: {chi}");
    };
    let split = Split::new("a", [1]).unwrap();
    even("numbers", &mut (0..1_000_000_u32).map(|n| split.bucket(n.to_string().as_bytes())), 1_000_000);
    even("bytes", &mut (0..1_000_000_u32).map(|n| split.bucket(&n.to_be_bytes())), 1_000_000);

    // Those in the first 5 % of one split, in another one.
    let (chosen, other) = (Split::new("a", [1]).unwrap(), Split::new("b", [1]).unwrap());
    let few: Vec<u32> = (0..2_000_000).filter(|n: &u32| chosen.bucket(&n.to_be_bytes()) < 500).collect();
    even("another salt", &mut few.iter().map(|n| other.bucket(&n.to_be_bytes())), u32::try_from(few.len()).unwrap());
}

proptest! {
    #[test]
    fn nobody_leaves_the_arm_that_grows(
        weights in prop::collection::vec(0_u32..10_000, 1..8),
        shrink in prop::collection::vec(0_u32..100, 8),
        grown in 0_usize..8,
        by in 0_u32..100_000,
    ) {
        let grown = grown % weights.len();
        prop_assume!(weights.iter().sum::<u32>() > 0);
        let mut after: Vec<u32> = weights.iter().zip(&shrink).map(|(w, percent)| w - w * percent / 100).collect();
        after[grown] = weights[grown] + by;
        // A weight that shrinks is a share that grows when the others shrink more; the rule is about shares.
        let (sum, new_sum): (u32, u32) = (weights.iter().sum(), after.iter().sum());
        let share = |weight: u32, sum: u32| f64::from(weight) / f64::from(sum);
        prop_assume!(new_sum > 0);
        let others = (0..weights.len()).filter(|arm| *arm != grown);
        let shrinking = others.clone().all(|arm| share(after[arm], new_sum) <= share(weights[arm], sum));
        prop_assume!(shrinking);
        let (before, after) = (Split::new("s", weights).unwrap(), Split::new("s", after).unwrap());
        for bucket in 0..BUCKETS {
            if before.arm_of_bucket(bucket) == grown {
                prop_assert_eq!(after.arm_of_bucket(bucket), grown, "bucket {}", bucket);
            }
        }
    }

    #[test]
    fn every_arm_has_its_share_to_one_bucket(weights in prop::collection::vec(any::<u32>(), 1..64)) {
        let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
        prop_assume!(sum > 0.0);
        let split = Split::new("s", weights.clone()).unwrap();
        for (weight, size) in weights.iter().zip(sizes(&split, weights.len())) {
            let share = f64::from(*weight) / sum * f64::from(BUCKETS);
            prop_assert!((share - size as f64).abs() <= 1.000_001, "{share} {size}");
            prop_assert!(*weight > 0 || size == 0);
        }
    }
}
