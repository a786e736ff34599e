//! What holds for the manifest reader on any input. Shared by the fuzz target and the replay of the corpus.

use ferrule_ruleset::{finding::Severity, manifest::Directory};

/// Panics if the reader, or what it made of the input, breaks its promises.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut directory = Directory::default();
    let events = directory.update("input.yaml", Some(text));
    let findings = directory.findings();
    assert!(findings.is_sorted(), "findings in order");
    for finding in &findings {
        let location = finding.location.as_ref().expect("a finding about a file has a place in it");
        assert!(location.line >= 1 && location.document >= 1, "{finding}");
        assert!(finding.severity < Severity::Error || !finding.message.is_empty(), "{finding}");
    }

    assert_eq!(directory.update("input.yaml", Some(text)), [], "the same text changes nothing");
    let mut again = Directory::default();
    assert_eq!(again.update("input.yaml", Some(text)), events, "the same text gives the same events");

    let removed = directory.update("input.yaml", None);
    assert_eq!(removed.len(), events.len(), "what came goes");
    assert_eq!(directory.findings(), [], "a file that is gone has no findings");
}
