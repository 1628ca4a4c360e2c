//! Whether `make coverage` counts.

use crate::process::{run, tamis};
use crate::repository::{root, skip};

#[test]
fn a_line_that_runs_is_counted_and_one_that_does_not_run_is_not() {
    let ended = run(tamis(&root(), &["coverage", "--check"]));
    if let Some(reason) = ended.text.lines().find_map(|line| line.strip_prefix("skipped: ")) {
        return skip(reason);
    }
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    assert!(ended.text.contains("is counted"), "{}", ended.text);
}
