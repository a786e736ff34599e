//! Law 5: nft accepts the text, and lists what was loaded as the text has it.

use ferrule_ruleset::{address::Family, nft::Ruleset, render::render};
use ferrule_tests::{arbitrary, listing, namespace::Namespace};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

fn list(namespace: &Namespace) -> String {
    let list = |family: Family| {
        namespace.execute("nft", &["-n", "list", "table", &family.to_string(), "ferrule"], "").unwrap()
    };
    Family::ALL.map(list).concat()
}

fn load(namespace: &Namespace, text: &str) -> Result<String, TestCaseError> {
    namespace.execute("nft", &["-f", "-"], text).map_err(|error| TestCaseError::fail(format!("{error:#}")))
}

#[test]
fn nft_lists_what_was_rendered() {
    let namespace = Namespace::create("render").unwrap();
    let mut runner = TestRunner::new(Config { cases: 96, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&arbitrary::ruleset(), |ruleset| {
        let text = render(&ruleset);
        load(&namespace, &text)?;
        let listed = list(&namespace);
        prop_assert_eq!(
            listing::blocks(&listed),
            listing::blocks(&text),
            "text:\n{}\nlisted:\n{}",
            text,
            listed
        );
        Ok(())
    });
    outcome.unwrap();
}

/// What people save with `nft list` and load again means the same.
#[test]
fn what_nft_lists_can_be_loaded_again() {
    let namespace = Namespace::create("relist").unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&arbitrary::ruleset(), |ruleset| {
        load(&namespace, &render(&ruleset))?;
        let listed = list(&namespace);
        load(&namespace, &format!("{}{listed}", render(&Ruleset::default())))?;
        prop_assert_eq!(listing::blocks(&list(&namespace)), listing::blocks(&listed));
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn the_script_can_be_loaded_twice_and_empty() {
    let namespace = Namespace::create("twice").unwrap();
    let empty = render(&Ruleset::default());
    for _ in 0..2 {
        namespace.execute("nft", &["-f", "-"], &empty).unwrap();
    }
    assert_eq!(list(&namespace), "table ip ferrule {\n}\ntable ip6 ferrule {\n}\n");
}
