//! The gateway under load, with fewer requests than `make load` sends.

use crate::process::{run, tamis};
use crate::repository::{module, root, skip};

#[test]
fn no_answer_is_lost_and_nothing_is_left() {
    module("transformation");
    let folders = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&folders).any(|folder| folder.join("h2load").is_file()) {
        return skip("the gateway under load: h2load is not installed; `tamis setup load` installs it");
    }
    let ended = run(tamis(&root(), &["load", "--requests", "3000"]));
    assert_eq!(ended.code, Some(0), "{}", ended.text);
    for part in
        ["| HTTP/1.1, GET | 3000 | 3000 |", "| HTTP/2, POST of 1 kB | 3000 | 3000 |", "No stream and no descriptor"]
    {
        assert!(ended.text.contains(part), "{part}: {}", ended.text);
    }
    // The clients beside it have really been there.
    for row in ended.text.lines().filter(|line| line.starts_with("| HTTP/")) {
        assert!(row.split('|').skip(6).take(4).all(|cell| cell.trim() != "0"), "{row}");
    }
}
