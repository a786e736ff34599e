//! Damaged manifests.

use proptest::prelude::*;

use super::fixture::read;
use crate::{
    policy::{Action, Entity, Rule, Traffic},
    resource::Resource,
};

/// Policies in which every Allow asks for more than a few damages can take away, pods, the node itself, and what surrounds them.
const VALID: &str = concat!(
    include_str!("../../../fuzz/corpus/manifest/everything.yaml"),
    "---\n",
    include_str!("../../../fuzz/corpus/manifest/node-itself.yaml"),
    "---\n",
    include_str!("../../../fuzz/corpus/manifest/administrative.yaml")
);

/// Scalars of every type, and structure.
const PIECES: [&str; 18] = [
    "null", "~", "true", "0", "-1", "1.5", "''", "x", "[]", "{}", "[null]", "{x: y}", "- ", ": ", "\n", "\t",
    "&a ", "*a",
];

fn asks_nothing(rule: &Rule) -> bool {
    rule.traffic == Traffic::default()
        && rule.source == Entity::default()
        && rule.destination == Entity::default()
}

/// Whether the text holds a rule that is written as asking nothing, or comes close enough to it that one may have been meant.
fn could_mean_everything(text: &str) -> bool {
    let squeezed: String = text.split_whitespace().collect();
    ["{}", "[]", "null", "~", "''", "\"\""].iter().any(|empty| squeezed.contains(empty))
}

#[derive(Clone, Debug)]
enum Damage {
    Delete { at: usize, length: usize },
    Insert { at: usize, piece: usize },
    Replace { at: usize, length: usize, piece: usize },
    Byte { at: usize, byte: u8 },
    Scalar { line: usize, piece: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0..VALID.len();
    let piece = 0..PIECES.len();
    prop_oneof![
        (at.clone(), 1..40usize).prop_map(|(at, length)| Damage::Delete { at, length }),
        (at.clone(), piece.clone()).prop_map(|(at, piece)| Damage::Insert { at, piece }),
        (at.clone(), 1..20usize, piece.clone()).prop_map(|(at, length, piece)| Damage::Replace {
            at,
            length,
            piece
        }),
        (at, any::<u8>()).prop_map(|(at, byte)| Damage::Byte { at, byte }),
        (0..VALID.lines().count(), piece).prop_map(|(line, piece)| Damage::Scalar { line, piece }),
    ]
}

fn damaged(text: &str, damage: &Damage) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let range = |at: usize, length: usize| at.min(text.len())..(at + length).min(text.len());
    match *damage {
        Damage::Delete { at, length } => drop(bytes.drain(range(at, length))),
        Damage::Insert { at, piece } => drop(bytes.splice(range(at, 0), PIECES[piece].bytes())),
        Damage::Replace { at, length, piece } => drop(bytes.splice(range(at, length), PIECES[piece].bytes())),
        Damage::Byte { at, byte } => drop(bytes.splice(range(at, 1), [byte])),
        Damage::Scalar { line, piece } => {
            let swapped = text.lines().enumerate().map(|(number, text)| match text.split_once(": ") {
                Some((key, _)) if number == line => format!("{key}: {}\n", PIECES[piece]),
                Some(_) | None => format!("{text}\n"),
            });
            return swapped.collect();
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_undamaged_text_is_understood() {
    let (resources, findings) = read(VALID);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.contains(": error: ")).collect();
    assert_eq!((resources.len(), errors), (28, vec![]));
    assert!(!could_mean_everything(VALID));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// No damage makes the reader panic. None turns an Allow into one that asks nothing, unless the text came to hold something empty.
    #[test]
    fn damage_never_opens(damages in prop::collection::vec(damage(), 1..4)) {
        let text = damages.iter().fold(VALID.to_owned(), |text, damage| damaged(&text, damage));
        let (resources, findings) = read(&text);
        for resource in &resources {
            let Resource::Policy(policy) = resource else { continue };
            let mut rules = policy.ingress.iter().chain(&policy.egress);
            let open = rules.any(|rule| rule.action == Action::Allow && asks_nothing(rule));
            prop_assert!(!open || could_mean_everything(&text), "{policy:?}\n{findings:?}\n{text}");
        }
    }
}
