//! The pages in `docs/filters`: their configurations are accepted, and their references are what the filters say today.

use std::path::PathBuf;

use tamis_harness::check::check;
use tamis_harness::document::Document;
use tamis_harness::stream::LoadedModule;

use crate::process::{run, tamis};
use crate::repository::{module, root};

/// What stands before it is written by people.
const MARK: &str = "<!-- What follows";

fn filters() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root().join("filters"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 4, "{names:?}");
    names
}

fn page(filter: &str) -> PathBuf {
    root().join("docs/filters").join(filter).with_extension("md")
}

#[test]
fn what_a_page_begins_with_is_accepted() {
    for filter in filters() {
        let text = std::fs::read_to_string(page(&filter)).unwrap();
        let (head, _) = text.split_once(MARK).unwrap_or_else(|| panic!("{filter}: `make reference` writes the rest"));
        let blocks: Vec<&str> = head.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
        assert!(!blocks.is_empty(), "{filter}");
        let load = |name: &str| LoadedModule::new(&std::fs::read(module(name)).unwrap()).unwrap();
        let (lean, full) = (load(&filter), load(&format!("{filter}-full")));
        for block in blocks {
            // A block says so when it is for the full image.
            let module = if block.starts_with(&format!("# {filter}-full\n")) { &full } else { &lean };
            let document =
                Document::parse(block).unwrap_or_else(|error| panic!("{filter}: {}\n{block}", error.message));
            let verdict = check(module, Some(&document)).unwrap();
            assert!(verdict.is_ok(), "{filter}: {verdict:?}\n{block}");
        }
    }
}

#[test]
fn references_are_current_and_show_every_field() {
    let folder = tempfile::tempdir().unwrap();
    for filter in filters() {
        let copy = folder.path().join(&filter).with_extension("md");
        std::fs::copy(page(&filter), &copy).unwrap();
        let module = module(&format!("{filter}-full"));
        let scenarios = format!("filters/{filter}/scenarios");
        let words = ["inspect", module.to_str().unwrap(), "--page", copy.to_str().unwrap(), "--examples", &scenarios];
        let ended = run(tamis(&root(), &words));
        assert_eq!(ended.code, Some(0), "{}", ended.text);
        let (ours, new) = (std::fs::read_to_string(page(&filter)).unwrap(), std::fs::read_to_string(&copy).unwrap());
        assert!(ours == new, "docs/filters/{filter}.md is not what `make reference` writes");
    }
}
