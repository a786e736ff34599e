//! Reading back what the kernel holds.

use std::sync::Arc;

use ferrule_agent::dataplane::Kernel;
use ferrule_ruleset::{
    address::Family,
    diff::{Operation, RuleEdit, diff},
    nft::Ruleset,
};

use crate::{
    namespace::{isolated, nft, nft_reads, programmed},
    sample::{everything, sized},
};

/// A second agent, which knows the kernel from reading only, has the same ruleset, sharing its units with what it wants, and nothing to do.
pub async fn assert_adopted(ruleset: &Ruleset) {
    let adopted = Kernel::start().unwrap().adopt(ruleset).await.unwrap().expect("our tables are understood");
    assert_eq!(&adopted, ruleset);
    assert!(diff(Some(&adopted), ruleset).is_empty());
    for family in Family::ALL {
        let (adopted, wanted) = (adopted.table(family), ruleset.table(family));
        assert!(wanted.chains.iter().all(|(name, chain)| Arc::ptr_eq(chain, &adopted.chains[name])));
        assert!(wanted.sets.iter().all(|(name, set)| Arc::ptr_eq(set, &adopted.sets[name])));
    }
}

#[test]
fn what_was_programmed_is_read_back() {
    isolated(async || {
        let _kernel = programmed(&everything()).await;
        assert_adopted(&everything()).await;
    });
}

#[test]
fn twenty_thousand_rules_and_a_hundred_thousand_elements_are_read_back() {
    isolated(async || {
        let ruleset = sized(20_000, 100_000);
        let _kernel = programmed(&ruleset).await;
        assert_adopted(&ruleset).await;
    });
}

/// Each of these leaves something that only a whole replacement can put right.
#[test]
fn what_we_would_not_make_is_not_adopted() {
    for script in [
        "delete table ip6 ferrule",
        "add table ip ferrule { flags dormant; }",
        "add counter ip ferrule stranger",
        "add set ip ferrule stranger { type mark; }",
        "add set ip ferrule stranger { type ipv4_addr; flags timeout; }",
        "add chain ip ferrule stranger { type nat hook postrouting priority 0; policy drop; }",
        "add chain ip ferrule forward { type filter hook forward priority 0; policy drop; }",
        "flush ruleset",
    ] {
        isolated(async || {
            let kernel = programmed(&everything()).await;
            nft_reads(&["-f", "-"], script);
            assert_eq!(kernel.adopt(&everything()).await.unwrap(), None, "{script}");
        });
    }
}

/// What can be put right by a change of its own is adopted as it is, and the next transaction changes exactly that.
#[test]
fn what_others_did_to_chains_and_sets_is_changed_back() {
    for script in [
        "insert rule ip ferrule from/default/web drop",
        "add rule ip6 ferrule from/default/web accept comment \"knp/default/web ingress[1] tier default\"",
        "flush chain ip ferrule matches/default/web",
        "add chain ip ferrule stranger { accept\n }",
        "add chain ip ferrule stranger { type nat hook postrouting priority 0; masquerade\n }",
        "delete chain ip ferrule input; add chain ip ferrule input { type filter hook input priority 7; }",
        "add chain ip ferrule a; add chain ip ferrule b { jump a\n }; add rule ip ferrule a drop",
        "add set ip ferrule stranger { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }",
        "add element ip ferrule addresses { 10.9.9.9 }",
        "delete element ip6 ferrule bare { fd00::1 }",
        "add element ip ferrule intervals { 0.0.0.0/8, 11.0.0.0/8 }",
        "add element ip ferrule dispatch { \"stranger\" : accept }",
    ] {
        isolated(async || {
            let wanted = everything();
            let kernel = programmed(&wanted).await;
            nft_reads(&["-f", "-"], script);
            let adopted = kernel.adopt(&wanted).await.unwrap().unwrap_or_else(|| panic!("{script}"));
            assert_ne!(adopted, wanted, "{script}");
            let repair = diff(Some(&adopted), &wanted);
            let whole = repair.batches.iter().flat_map(|batch| &batch.operations);
            assert!(
                !whole.clone().any(|operation| matches!(operation, Operation::DeleteTable(_))),
                "{script}"
            );
            kernel.commit(repair).await.unwrap_or_else(|error| panic!("{script}: {error}"));
            assert_eq!(kernel.adopt(&wanted).await.unwrap().as_ref(), Some(&wanted), "{script}");
            assert!(!nft(&["list", "ruleset"]).contains("stranger"));
        });
    }
}

/// One rule that is not ours costs one deletion, whatever else is in the chain.
#[test]
fn a_strange_rule_is_deleted_and_no_other_touched() {
    isolated(async || {
        let wanted = everything();
        let kernel = programmed(&wanted).await;
        nft(&["insert", "rule", "ip", "ferrule", "matches/default/web", "drop"]);
        let adopted = kernel.adopt(&wanted).await.unwrap().unwrap();
        let repair = diff(Some(&adopted), &wanted);
        let operations: Vec<_> = repair.batches.iter().flat_map(|batch| &batch.operations).collect();
        let [Operation::EditRules { edits, .. }] = operations[..] else { panic!("{operations:?}") };
        assert_eq!(edits[..], [RuleEdit::Delete(0)]);
    });
}
