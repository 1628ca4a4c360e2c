//! What is downloaded and compiled by every proxy stays small.

use crate::repository::{module, root};

/// Of a filter without the engines that most configurations do without, in bytes.
const LEAN: u64 = 250_000;

#[test]
fn lean_images_are_small() {
    for entry in std::fs::read_dir(root().join("filters")).unwrap() {
        let filter = entry.unwrap().file_name().into_string().unwrap();
        let bytes = std::fs::metadata(module(&filter)).unwrap().len();
        assert!(bytes <= LEAN, "{filter} has {bytes} bytes: what not everybody needs belongs into its feature `full`");
    }
}
