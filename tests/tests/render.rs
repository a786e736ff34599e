//! Law 5: nft accepts the text, and lists what was loaded as the text has it.

use std::sync::Arc;

use ferrule_ruleset::{
    address::Family,
    nft::{Chain, Match, Operator, PortSide, Rule, Ruleset, Statement},
    origin::{Builtin, Origin},
    port::PortRange,
    protocol::Protocol,
    render::render,
};
use ferrule_tests::{arbitrary, listing, namespace::Namespace};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

fn list(namespace: &Namespace) -> String {
    let list = |family: Family| {
        namespace
            .execute("nft", &["-n", "list", "table", &family.to_string(), "ferrule"], "")
            .expect("our tables are loaded")
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

/// nft 1.0.6 puts `tcp sport != 1 tcp dport != 2` into one compare of four bytes, and lists that as if it were two.
#[test]
fn excluded_ports_stay_two_compares() {
    let excluded = |side, port| Match::Port(side, Operator::IsNot, vec![PortRange::single(port)]);
    let conditions = [
        Match::Protocol(Operator::Is, Protocol::TCP),
        excluded(PortSide::Source, 1),
        excluded(PortSide::Destination, 2),
    ];
    let statements = conditions.into_iter().map(Statement::Match).collect();
    let rule = Rule { statements, origin: Arc::new(Origin::Builtin(Builtin::Dispatch)) };
    let chain = Chain { name: "a".into(), base: None, rules: vec![rule] };
    let mut ruleset = Ruleset::default();
    ruleset.tables.v4.chains.insert(chain.name.clone(), Arc::new(chain));

    let namespace = Namespace::create("excluded").unwrap();
    let loaded = namespace.execute("nft", &["--debug=netlink", "-f", "-"], &render(&ruleset)).unwrap();
    assert_eq!(loaded.matches("payload load 2b @ transport header").count(), 2, "{loaded}");
}
