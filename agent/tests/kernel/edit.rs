//! Transactions that change what is there.

use std::sync::Arc;

use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{
    address::Family,
    diff::diff,
    nft::{Elements, Rule, Ruleset},
    render::render,
};

use crate::{
    namespace::{isolated, nft, programmed},
    sample::{address, chain, conditions, everything, returns, set, table},
};

/// A ruleset with one chain of rules for each family.
fn with_rules(rules: impl Fn(Family) -> Vec<Rule>) -> Ruleset {
    Ruleset {
        tables: ferrule_ruleset::address::PerFamily::from_fn(|family| table([chain("c", rules(family))], [])),
    }
}

/// The rule of the n-th of all conditions that need no set.
fn numbered(family: Family, n: usize) -> Rule {
    let conditions = conditions(family);
    returns(n, conditions[n].clone())
}

pub async fn change(kernel: &Kernel, from: &Ruleset, to: &Ruleset) {
    let transaction = diff(Some(from), to);
    assert!(!transaction.is_empty());
    kernel.commit(transaction).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(kernel.adopt(to).await.unwrap().as_ref(), Some(to));
}

pub fn handles() -> Vec<(String, String)> {
    let listing = nft(&["-a", "list", "ruleset"]);
    let rules = listing.lines().filter(|line| line.contains("comment"));
    rules
        .map(|line| {
            let (rule, handle) = line.rsplit_once(" # handle ").unwrap();
            (rule.rsplit_once("comment").unwrap().1.to_owned(), handle.to_owned())
        })
        .collect()
}

/// Rules that stay keep their handles, and with them their counters, wherever others come, go or change around them.
#[test]
fn rules_that_stay_are_not_touched() {
    // Places of rules before and after: at the ends, in the middle, next to each other, several at one place, all new.
    let steps: [&[usize]; 8] = [
        &[0, 1, 2, 3],
        &[5, 0, 1, 6, 7, 2, 3, 8],
        &[0, 6, 3],
        &[0, 9, 3],
        &[9],
        &[4, 5, 9, 10, 11],
        &[4, 12, 13, 14, 11],
        &[15],
    ];
    isolated(async || {
        let ruleset = |places: &[usize]| {
            with_rules(|family| places.iter().map(|place| numbered(family, *place)).collect())
        };
        let mut from = ruleset(steps[0]);
        let kernel = programmed(&from).await;
        for step in &steps[1..] {
            let (to, before) = (ruleset(step), handles());
            change(&kernel, &from, &to).await;
            let after = handles();
            let kept = before.iter().filter(|rule| after.contains(rule)).count();
            let common = from.table(Family::V4).chains["c"].rules.iter();
            let common = common.filter(|rule| to.table(Family::V4).chains["c"].rules.contains(rule)).count();
            assert_eq!(kept, 2 * common, "{before:?} {after:?}");
            from = to;
        }
    });
}

/// A member that comes or goes is an element that comes or goes; the set stays.
#[test]
fn members_come_and_go() {
    let ruleset = |members: &[u32]| {
        crate::sample::ruleset(|family| {
            let interval = |n: &u32| ferrule_ruleset::nft::Interval {
                first: address(family, n * 16),
                last: address(family, n * 16 + 7),
            };
            let single = |n: &u32| ipnet::IpNet::from(address(family, *n));
            table(
                [],
                [
                    set("hash", Some(64), Elements::Addresses(members.iter().map(single).collect())),
                    set("intervals", None, Elements::Intervals(members.iter().map(interval).collect())),
                ],
            )
        })
    };
    isolated(async || {
        let mut from = ruleset(&[]);
        let kernel = programmed(&from).await;
        for members in [&[1, 2, 3][..], &[2], &[2, 1000, 1001], &[0, 1001], &[]] {
            let to = ruleset(members);
            change(&kernel, &from, &to).await;
            from = to;
        }
    });
}

/// From nothing to everything, to another ruleset, and back, without a whole replacement.
#[test]
fn everything_comes_and_goes() {
    isolated(async || {
        let (empty, everything) = (Ruleset::default(), everything());
        let kernel = programmed(&empty).await;
        change(&kernel, &empty, &everything).await;
        let listed = nft(&["list", "ruleset"]);
        let mut half = everything.clone();
        for family in Family::ALL {
            let chains = &mut half.tables.get_mut(family).chains;
            let mut matches = ferrule_ruleset::nft::Chain::clone(&chains["matches/default/web"]);
            matches.rules.retain({
                let mut odd = false;
                move |_| {
                    odd = !odd;
                    odd
                }
            });
            chains.insert("matches/default/web".into(), Arc::new(matches));
            chains.remove("input");
        }
        change(&kernel, &everything, &half).await;
        assert!(nft(&["list", "ruleset"]).len() < listed.len());
        change(&kernel, &half, &everything).await;
        change(&kernel, &everything, &empty).await;
        assert_eq!(nft(&["list", "ruleset"]).matches("chain").count(), 0, "{}", render(&empty));
    });
}
