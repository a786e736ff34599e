//! Replays the committed fuzz corpora through the checks of their targets: `fuzz/corpus/<target>/*` through `fuzz/checks/<target>.rs`.

use std::{fs, io, path::Path};

#[path = "../fuzz/checks/manifest.rs"]
mod manifest;
#[path = "../fuzz/checks/selector.rs"]
mod selector;

fn replay(target: &str, check: fn(&[u8])) -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = fs::read_dir(&corpus)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", corpus.display());
    for file in files {
        let input = fs::read(&file)?;
        println!("{}", file.display());
        check(&input);
        // What an editor or a broken transfer leaves of a file is input, too.
        (0..input.len().min(256)).for_each(|end| check(&input[..end]));
    }
    Ok(())
}

#[test]
fn selector() -> io::Result<()> {
    replay("selector", selector::check)
}

#[test]
fn manifest() -> io::Result<()> {
    replay("manifest", manifest::check)
}
