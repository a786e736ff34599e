//! What the kernel refuses is named.

use ferrule_agent::dataplane::{CommitError, Kernel, Object, Refusal};
use ferrule_ruleset::{
    address::Family,
    diff::{Batch, Operation, Transaction, diff},
    nft::{AddressSide, Element, Elements, Match, Operator, Rule, Ruleset, Statement, Verdict},
};
use nix::errno::Errno;

use crate::{
    namespace::{isolated, nft, programmed, replacement},
    sample::{address, chain, everything, origin, returns, rule, ruleset, set, table},
};

async fn refused(kernel: &Kernel, transaction: Transaction) -> Vec<Refusal> {
    match kernel.commit(transaction).await {
        Err(CommitError::Refused(refusals)) => refusals,
        other => panic!("{other:?}"),
    }
}

fn with_rules(rules: &[Rule]) -> Ruleset {
    ruleset(|_| table([chain("target", vec![]), chain("ingress/knp/default/web", rules.to_vec())], []))
}

/// Rules that cannot be programmed, each with what a person should read of it.
fn unprogrammable() -> Vec<(Rule, Errno, &'static str)> {
    let look = Statement::Match(Match::InSet(AddressSide::Source, Operator::Is, "absent".into()));
    let jump = |chain: &str| Statement::Verdict(Verdict::Jump(chain.into()));
    vec![
        (rule(1, vec![look]), Errno::ENOENT, "refers to something that is not there"),
        (rule(1, vec![jump("absent")]), Errno::ENOENT, "refers to something that is not there"),
        (rule(1, vec![Statement::Counter; 129]), Errno::EINVAL, "at most 128 expressions"),
        (rule(1, vec![jump(&"x".repeat(256))]), Errno::EINVAL, "1 to 255 bytes"),
    ]
}

/// Nothing is programmed; the rule at fault is named, in either family, whether its chain is new or edited, and the others are not.
#[test]
fn a_rule_is_named_by_its_policy() {
    isolated(async || {
        let kernel = programmed(&Ruleset::default()).await;
        let good = with_rules(&[returns(0, []), returns(2, [])]);
        for (rule, errno, words) in unprogrammable() {
            let bad = with_rules(&[returns(0, []), rule, returns(2, [])]);
            kernel.commit(replacement(&good)).await.unwrap();
            for transaction in [replacement(&bad), diff(Some(&good), &bad)] {
                let refusals = refused(&kernel, transaction).await;
                let families: Vec<Family> = refusals.iter().map(|refusal| refusal.family).collect();
                assert_eq!(families, Family::ALL, "{refusals:?}");
                for refusal in &refusals {
                    assert_eq!(refusal.errno, errno, "{refusal}");
                    let Object::Rule { chain, index: 1, origin: Some(found) } = &refusal.object else {
                        panic!("{refusal}")
                    };
                    assert_eq!((chain.as_str(), &**found), ("ingress/knp/default/web", &origin(1)));
                    let text = refusal.to_string();
                    assert!(
                        text.contains("knp/default/web ingress[1] tier default") && text.contains(words),
                        "{text}"
                    );
                }
            }
            assert_eq!(kernel.adopt(&good).await.unwrap().as_ref(), Some(&good));
        }
    });
}

/// The element that does not fit any more is named, also far into the second message of elements.
#[test]
fn a_full_set_names_the_element_that_does_not_fit() {
    isolated(async || {
        let kernel = programmed(&Ruleset::default()).await;
        for capacity in [1, 100, 5_000] {
            let members: Vec<_> = (0..capacity + 3).map(|n| address(Family::V4, n)).collect();
            let nets =
                Elements::Addresses(members.iter().map(|member| ipnet::IpNet::from(*member)).collect());
            let full = std::sync::Arc::new(set("full", Some(capacity), nets));
            let elements = members.iter().map(|member| Element::Address(*member)).collect();
            let operations = vec![
                Operation::AddSet(Family::V4, full.clone()),
                Operation::AddElements(Family::V4, full, elements),
            ];
            let refusals = refused(&kernel, Transaction { batches: vec![Batch { operations }] }).await;
            let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
            let expected = Object::Element("full".into(), Element::Address(members[capacity as usize]));
            assert_eq!((refusal.operation, &refusal.object, refusal.errno), (1, &expected, Errno::ENFILE));
            assert!(
                refusal.to_string().contains("set full of table ip ferrule: the set is full"),
                "{refusal}"
            );
        }
    });
}

/// Chains and sets as such.
#[test]
fn chains_and_sets_are_named() {
    isolated(async || {
        let kernel = programmed(&everything()).await;
        for (operation, object, errno) in [
            (
                Operation::DeleteChain(Family::V6, "absent".into()),
                Object::Chain("absent".into()),
                Errno::ENOENT,
            ),
            (
                Operation::DeleteChain(Family::V4, "from/default/web".into()),
                Object::Chain("from/default/web".into()),
                Errno::EBUSY,
            ),
            (Operation::DeleteSet(Family::V6, "absent".into()), Object::Set("absent".into()), Errno::ENOENT),
            (
                Operation::DeleteSet(Family::V4, "addresses".into()),
                Object::Set("addresses".into()),
                Errno::EBUSY,
            ),
        ] {
            let operations = vec![Operation::AddTable(Family::V4), operation];
            let refusals = refused(&kernel, Transaction { batches: vec![Batch { operations }] }).await;
            let [refusal] = &refusals[..] else { panic!("{refusals:?}") };
            assert_eq!((refusal.operation, &refusal.object, refusal.errno), (1, &object, errno));
        }
        assert_eq!(nft(&["list", "tables"]).lines().count(), 2);
    });
}

/// A thousand rules at fault are a thousand refusals, in order.
#[test]
fn all_that_is_refused_is_told() {
    isolated(async || {
        let kernel = programmed(&Ruleset::default()).await;
        let look = Statement::Match(Match::InSet(AddressSide::Source, Operator::Is, "absent".into()));
        let rules: Vec<Rule> = (0..1000).map(|n| rule(n, vec![look.clone()])).collect();
        let refusals = refused(&kernel, replacement(&with_rules(&rules))).await;
        assert_eq!(refusals.len(), 2000);
        let named = refusals
            .iter()
            .zip((0..1000).cycle())
            .all(|(refusal, n)| matches!(&refusal.object, Object::Rule { index, .. } if *index == n));
        assert!(named, "{refusals:?}");
        assert!(CommitError::Refused(refusals).to_string().ends_with("; and 1995 more"));
    });
}
