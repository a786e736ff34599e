//! The vectors of Calico's own parser: validity, match and canonical text.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::parse;

#[derive(Deserialize)]
struct Vector {
    selector: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    valid: bool,
    #[serde(default, rename = "match")]
    matches: bool,
    #[serde(default)]
    canonical: String,
}

#[test]
fn every_vector_is_judged_as_by_calico() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../../../data/selector-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 164);
    for Vector { selector, labels, valid, matches, canonical } in vectors {
        let parsed = parse(&selector);
        assert_eq!(parsed.is_some(), valid, "validity of {selector:?}");
        if let Some(parsed) = parsed {
            assert_eq!(parsed.matches(&labels), matches, "{selector:?} on {labels:?}");
            assert_eq!(parsed.to_string(), canonical, "canonical text of {selector:?}");
        }
    }
}
