//! What holds for the selector parser on any input. Shared by the fuzz target and the replay of the corpus.

use ferrule_ruleset::selector::Selector;

/// Labels of which some are in the corpus and some are not.
fn label(key: &str) -> Option<&'static str> {
    match key {
        "a" | "kubernetes.io/metadata.name" => Some("x"),
        "b" => Some(""),
        _ => None,
    }
}

/// Panics if the parser, or what it made of the input, breaks its promises.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(selector) = Selector::parse(text) else { return };
    let verdict = selector.matches(&label);
    assert_ne!(selector.clone().negated().matches(&label), verdict, "negation of {selector}");

    let again = Selector::parse(selector.canonical()).expect("canonical text is a selector");
    assert_eq!(again.matches(&label), verdict, "{selector} read again");
    let settled = Selector::parse(again.canonical()).expect("canonical text is a selector");
    assert_eq!(settled, again, "canonical text read back from itself");
    assert_eq!(settled.id(), again.id());
}
