use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::Value as Json;

use super::{MAX_DEPTH, MAX_LENGTH, Restriction, Selector};
use crate::labels::Labels;

fn matches(selector: &Selector, labels: &Labels) -> bool {
    selector.matches(&|key| labels.get(key).map(|value| &**value))
}

fn labels_of(json: &Json) -> Labels {
    let object = json.as_object().into_iter().flatten();
    object.map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect()
}

/// The form in which the vectors write a restriction.
fn restriction_json(restriction: &Restriction) -> Json {
    let (present, absent, values) = match restriction {
        Restriction::Absent => (false, true, None),
        Restriction::Present => (true, false, None),
        Restriction::OneOf(values) => (true, false, Some(values)),
        Restriction::Contradiction => (true, true, None),
    };
    let texts: Vec<&str> = values.into_iter().flatten().map(|value| &**value).collect();
    serde_json::json!({"present": present, "absent": absent, "values": texts, "values_restricted": values.is_some()})
}

#[test]
fn agrees_with_every_vector_of_calico() {
    let vectors: Vec<Json> =
        serde_json::from_str(include_str!("../../../tests/data/selector-vectors.json")).unwrap();
    assert_eq!(vectors.len(), 164);
    for vector in vectors {
        let text = vector["selector"].as_str().unwrap();
        let parsed = Selector::parse(text);
        assert_eq!(parsed.is_ok(), vector["valid"].as_bool().unwrap(), "{text:?}: {parsed:?}");
        let Ok(selector) = parsed else { continue };
        assert_eq!(matches(&selector, &labels_of(&vector["labels"])), vector["match"], "{text:?}");
        assert_eq!(&**selector.canonical(), vector["canonical"], "{text:?}");
        assert_eq!(selector.id().as_str(), vector["id"], "{text:?}");
        let restrictions: serde_json::Map<_, _> = selector
            .restrictions()
            .iter()
            .map(|(key, value)| (key.to_string(), restriction_json(value)))
            .collect();
        assert_eq!(
            Json::Object(restrictions.clone()),
            vector.get("restrictions").cloned().unwrap_or(serde_json::json!({})),
            "{text:?}"
        );
    }
}

#[test]
fn canonical_text_keeps_structure_and_drops_what_says_nothing() {
    let cases = [
        ("! (has( b)||! has(a ))", "!(has(b) || !has(a))"),
        ("! (a == \"b\"&&! c != \"d\")", "!(a == \"b\" && !c != \"d\")"),
        ("a startswith '\"'", "a starts with '\"'"),
        ("a in {\"z\",\"z\",\"x\"}", "a in {\"x\", \"z\"}"),
        ("!(k=='v')", "!k == \"v\""),
        ("has(a) && has(b) && has(c)", "(has(a) && has(b) && has(c))"),
        ("has(a) && (has(b) && has(c))", "(has(a) && (has(b) && has(c)))"),
        ("!(!has(a))", "!!has(a)"),
    ];
    for (text, canonical) in cases {
        assert_eq!(&**Selector::parse(text).unwrap().canonical(), canonical);
    }
}

#[test]
fn errors_say_where() {
    let cases = [
        ("a == \"b\" && %", 12),
        ("has(a", 5),
        ("a in {\"x\" \"y\"}", 10),
        ("a == \"b\"\n", 8),
        ("a = \"b\"", 2),
        ("a nothing \"b\"", 2),
    ];
    for (text, offset) in cases {
        assert_eq!(Selector::parse(text).unwrap_err().offset, offset, "{text:?}");
    }
}

#[test]
fn hostile_text_is_bounded() {
    let nested = |depth: usize| format!("{}has(a){}", "(".repeat(depth), ")".repeat(depth));
    assert!(Selector::parse(&nested(MAX_DEPTH)).is_ok());
    assert!(Selector::parse(&nested(MAX_DEPTH + 1)).is_err());
    let tangled = |depth| {
        let deeper = |inner: String, _| format!("!(a == 'x' || has(b) && {inner} && b == 'y')");
        Selector::parse(&(0..depth).fold("has(z)".to_owned(), deeper)).unwrap()
    };
    let deepest = tangled(MAX_DEPTH);
    assert!(!matches(&deepest, &[("a", "x")].into_iter().collect()));
    // Without `a`, every level is the opposite of the one inside it, and there is an even number of them.
    assert!(!matches(&deepest, &[("b", "y")].into_iter().collect()));
    assert!(matches(&deepest, &[("b", "y"), ("z", "")].into_iter().collect()));
    assert_eq!(deepest.restrictions().len(), 0);
    let deep = tangled(MAX_DEPTH / 2);
    assert_eq!(Selector::parse(&deep.to_string()), Ok(deep));
    assert!(Selector::parse(&"(".repeat(MAX_LENGTH)).is_err());
    assert!(Selector::parse(&" ".repeat(MAX_LENGTH + 1)).is_err());
    assert_eq!(Selector::parse(&" ".repeat(MAX_LENGTH)), Ok(Selector::all()));

    let negated = |count: usize| Selector::parse(&format!("{}has(a)", "!".repeat(count))).unwrap();
    assert_eq!(&**negated(60_000).canonical(), "has(a)");
    assert_eq!(&**negated(59_999).canonical(), "!has(a)");

    let branches: Vec<String> = (0..4_000).map(|place| format!("a=='{place}'")).collect();
    let wide = Selector::parse(&branches.join("||")).unwrap();
    assert!(matches(&wide, &[("a", "3999")].into_iter().collect()));
    assert!(
        matches!(wide.restrictions().get("a"), Some(Restriction::OneOf(values)) if values.len() == 4_000)
    );
}

#[test]
fn a_long_chain_of_terms_does_not_nest() {
    let chain = (0..20_000)
        .fold(Selector::all(), |chain, place| chain.and(Selector::not_equals("a", &place.to_string())));
    assert!(!matches(&chain, &[("a", "19999")].into_iter().collect()));
    assert!(matches(&chain, &[("a", "20000")].into_iter().collect()));
}

#[test]
fn terms_are_replaced_but_not_literals() {
    let selector = Selector::parse("all() && !global() && a == 'all()' && b in {'global()'}").unwrap();
    let replaced = selector.with_all_and_global(&Selector::has("x"), &Selector::has("y"));
    assert_eq!(&**replaced.canonical(), "(has(x) && !has(y) && a == \"all()\" && b in {\"global()\"})");
}

#[test]
fn prefixes_go_before_labels_only() {
    let selector = Selector::parse("has(a) || !(b == 'b' && all()) || c not in {'c'}").unwrap();
    assert_eq!(
        &**selector.prefixed("pcns.").canonical(),
        "(has(pcns.a) || !(pcns.b == \"b\" && all()) || pcns.c not in {\"c\"})"
    );
}

#[test]
fn what_the_language_cannot_write_still_has_a_text_of_its_own() {
    let selectors = [
        Selector::equals("a", "it's \"b\""),
        Selector::equals("a", "it's \"`b"),
        Selector::equals("a", "it's \"``b"),
        Selector::equals("a", "`it's` \"b\""),
        Selector::is_in("a", ["'\"", ", '\""]),
        Selector::is_in("a", ["'\"`, `, '\""]),
        Selector::has("a) && has(b"),
        Selector::has(""),
        Selector::has("`"),
        Selector::equals("a\" == ", "b"),
    ];
    let texts: BTreeSet<&Arc<str>> = selectors.iter().map(Selector::canonical).collect();
    assert_eq!(texts.len(), selectors.len());
    assert!(texts.iter().all(|text| Selector::parse(text).is_err()));
    assert!(matches(&selectors[0], &[("a", "it's \"b\"")].into_iter().collect()));
}

#[test]
fn constructors_print_what_parses_to_them() {
    let selectors = [
        Selector::all(),
        Selector::equals("a", "it's"),
        Selector::not_equals("a", "say \"b\""),
        Selector::is_in("a", ["z", "x", "z"]),
        Selector::not_in("a", []),
        Selector::has("a").negated(),
        Selector::has("a").negated().negated(),
        Selector::has("a").and(Selector::has("b")).and(Selector::has("c").and(Selector::has("d"))).negated(),
    ];
    for selector in selectors {
        assert_eq!(Selector::parse(selector.canonical()), Ok(selector));
    }
}

/// Text of selectors with all their freedoms: blanks, quotes, superfluous parentheses, runs of `!`.
fn text() -> impl Strategy<Value = String> {
    let value =
        prop_oneof![Just("'x'"), Just("\"x\""), Just("'\"'"), Just("\"'\""), Just("''"), Just("'xy'")];
    let key = prop_oneof![Just("a"), Just("b"), Just("in"), Just("has")];
    let set =
        prop::collection::vec(value.clone(), 0..3).prop_map(|values| format!("{{{}}}", values.join(" ,\t")));
    let leaf = prop_oneof![
        Just("all( )".to_owned()),
        Just("global()".to_owned()),
        key.clone().prop_map(|key| format!("has( {key} )")),
        (
            key.clone(),
            prop_oneof![Just("=="), Just("!="), Just("contains"), Just("starts with"), Just("endswith")],
            value
        )
            .prop_map(|(key, operator, value)| format!("{key} {operator}{value}")),
        (key, prop_oneof![Just("in"), Just("not in"), Just("notin")], set)
            .prop_map(|(key, operator, set)| format!("{key} {operator} {set}")),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|terms| format!("({})", terms.join("&&"))),
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(|terms| format!(" ({} )", terms.join(" || "))),
            (1..4_usize, inner).prop_map(|(count, term)| format!("{}{term}", "! ".repeat(count))),
        ]
    })
}

fn labels() -> impl Strategy<Value = Labels> {
    let key = prop_oneof![Just("a"), Just("b"), Just("in"), Just("has")];
    let value = prop_oneof![Just("x"), Just("\""), Just("'"), Just(""), Just("xy")];
    prop::collection::btree_map(key, value, 0..4)
        .prop_map(|labels: BTreeMap<_, _>| labels.into_iter().collect())
}

fn admits(restriction: &Restriction, value: Option<&Arc<str>>) -> bool {
    match restriction {
        Restriction::Absent => value.is_none(),
        Restriction::Present => value.is_some(),
        Restriction::OneOf(values) => value.is_some_and(|value| values.contains(value)),
        Restriction::Contradiction => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn canonical_text_reads_back(text in text(), labels in labels()) {
        let selector = Selector::parse(&text).unwrap();
        let again = Selector::parse(selector.canonical()).unwrap();
        prop_assert_eq!(matches(&selector, &labels), matches(&again, &labels));
        prop_assert_eq!(&Selector::parse(again.canonical()).unwrap(), &again);
        if !selector.canonical().contains("!!") {
            prop_assert_eq!(selector.id(), again.id());
        }
    }

    #[test]
    fn restrictions_are_lower_bounds(text in text(), labels in labels()) {
        let selector = Selector::parse(&text).unwrap();
        if matches(&selector, &labels) {
            for (key, restriction) in selector.restrictions() {
                prop_assert!(admits(&restriction, labels.get(&key)), "{text}: {key} {restriction:?}");
            }
        }
    }

    #[test]
    fn conjunction_and_negation_are_exact(left in text(), right in text(), labels in labels()) {
        let [left, right] = [left, right].map(|text| Selector::parse(&text).unwrap());
        let [in_left, in_right] = [&left, &right].map(|selector| matches(selector, &labels));
        prop_assert_eq!(matches(&left.clone().and(right), &labels), in_left && in_right);
        prop_assert_eq!(matches(&left.negated(), &labels), !in_left);
    }
}
