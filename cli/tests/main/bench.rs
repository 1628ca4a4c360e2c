//! The comparison of `make bench`, in a run that is too short to say anything: every variant starts, does what it is for, and is
//! measured; and nothing is judged.

use tamis_harness::envoy::find_or_skip;

use crate::process::{run, tamis};
use crate::repository::{root, skip};

#[test]
fn every_variant_is_measured_and_one_burst_is_not_judged() {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&folders).any(|folder| folder.join("h2load").is_file()) {
        return skip("filters in a real Envoy: h2load is not installed; `tamis setup load` installs it");
    }
    if find_or_skip("filters in a real Envoy, side by side").is_none() {
        return;
    }
    for (what, requests, rows, targets) in
        [("filters", "200", 16, 7), ("limit", "200", 6 + 6 + 4, 4), ("bodies", "8", 9, 6)]
    {
        let short = ["bench", what, "--blocks", "1", "--cycles", "1", "--requests", requests];
        let ended = run(tamis(&root(), &short));
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(
            ended.text.contains("too much else was at work: nothing is judged, and nothing recorded"),
            "{}",
            ended.text
        );
        let measured = ended.text.lines().filter(|line| line.matches(" to ").count() >= 3).count();
        assert!(measured >= rows, "a variant of {what} has no figures: {}", ended.text);
        assert_eq!(ended.text.matches("| not judged |").count(), targets, "{}", ended.text);
    }
}
