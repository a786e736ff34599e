//! Replays the committed fuzz corpora through the checks of their targets: `fuzz/corpus/<target>/*` through `fuzz/checks/<target>.rs`.

use std::{fs, path::Path};

#[path = "../fuzz/checks/manifest.rs"]
mod manifest;
#[path = "../fuzz/checks/selector.rs"]
mod selector;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", corpus.display());
    for file in files {
        let input = fs::read(&file).unwrap();
        println!("{}", file.display());
        check(&input);
        // What an editor or a broken transfer leaves of a file is input, too.
        (0..input.len().min(256)).for_each(|end| check(&input[..end]));
    }
}

#[test]
fn selector() {
    replay("selector", selector::check);
}

#[test]
fn manifest() {
    replay("manifest", manifest::check);
}
