//! What is different between two texts, line by line.

/// Beyond this many pairs of lines nobody reads a comparison, and making it would take long.
const MAX_PAIRS: usize = 4_000_000;

/// The lines that are gone, with `-`, and those that are new, with `+`, in order.
pub(super) fn changes(old: &[String], new: &[String]) -> Vec<String> {
    let common = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (old.get(common..).unwrap_or_default(), new.get(common..).unwrap_or_default());
    if old.len().saturating_mul(new.len()) > MAX_PAIRS {
        return vec![format!("- {} lines", old.len()), format!("+ {} lines", new.len())];
    }
    // How long the longest common sequence is from each pair of lines on.
    let width = new.len() + 1;
    let mut lengths = vec![0_usize; (old.len() + 1) * width];
    let at = |lengths: &[usize], i: usize, j: usize| lengths.get(i * width + j).copied().unwrap_or_default();
    for (i, one) in old.iter().enumerate().rev() {
        for (j, other) in new.iter().enumerate().rev() {
            let length = if one == other {
                at(&lengths, i + 1, j + 1) + 1
            } else {
                at(&lengths, i + 1, j).max(at(&lengths, i, j + 1))
            };
            if let Some(slot) = lengths.get_mut(i * width + j) {
                *slot = length;
            }
        }
    }
    let (mut i, mut j, mut changes) = (0, 0, Vec::new());
    loop {
        match (old.get(i), new.get(j)) {
            (Some(one), Some(other)) if one == other => (i, j) = (i + 1, j + 1),
            (Some(one), other) if other.is_none() || at(&lengths, i + 1, j) >= at(&lengths, i, j + 1) => {
                changes.push(format!("- {one}"));
                i += 1;
            }
            (_, Some(other)) => {
                changes.push(format!("+ {other}"));
                j += 1;
            }
            (_, None) => return changes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(old: &str, new: &str) -> Vec<String> {
        let lines = |text: &str| text.split(' ').filter(|line| !line.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        changes(&lines(old), &lines(new))
    }

    #[test]
    fn only_what_changed_is_named() {
        assert_eq!(between("a b c", "a b c"), [""; 0]);
        assert_eq!(between("a b c", "a x c d"), ["- b", "+ x", "+ d"]);
        assert_eq!(between("", "a"), ["+ a"]);
        assert_eq!(between("a b", "b"), ["- a"]);
    }

    #[test]
    fn what_nobody_reads_is_summed_up() {
        let many = |text: &str| vec![text.to_owned(); 3000];
        assert_eq!(changes(&many("a"), &many("b")), ["- 3000 lines", "+ 3000 lines"]);
    }
}
