//! Others who write.

use std::{thread, time::Duration};

use ferrule_agent::{
    dataplane::{CommitError, Kernel},
    netlink::{Batch, Generation, Handles, Socket, encode},
};
use ferrule_ruleset::{
    address::Family,
    diff::{Operation, diff},
    nft::Elements,
};
use nix::errno::Errno;
use tokio::time::timeout;

use crate::{
    namespace::{isolated, nft, nft_reads, programmed, replacement},
    sample::{address, chain, everything, sized},
};

/// Long enough for an event that is there; the time of one that is not.
const SOON: Duration = Duration::from_millis(300);

async fn hears(kernel: &mut Kernel) -> bool {
    timeout(SOON, kernel.monitor().changed()).await.is_ok_and(|heard| {
        heard.unwrap();
        true
    })
}

#[test]
fn changes_of_our_tables_are_heard_and_others_are_not() {
    isolated(async || {
        let mut kernel = programmed(&everything()).await;
        assert!(!hears(&mut kernel).await, "our own commit");
        for (script, concerns) in [
            ("add table ip other { chain c { drop\n }\n }", false),
            ("add table inet ferrule", false),
            ("add rule ip ferrule from/default/web drop", true),
            ("add element ip6 ferrule bare { fd00::99 }", true),
            ("flush chain ip ferrule from/default/web", true),
            ("delete table ip other", false),
            ("flush ruleset", true),
        ] {
            nft_reads(&["-f", "-"], script);
            assert_eq!(hears(&mut kernel).await, concerns, "{script}");
            assert!(!hears(&mut kernel).await, "{script} is told once");
        }
        kernel.commit(replacement(&sized(20_000, 20_000))).await.unwrap();
        assert!(!hears(&mut kernel).await, "our own commit of many rules");
        nft(&["delete", "table", "ip", "ferrule"]);
        assert!(hears(&mut kernel).await, "a change after a commit of many rules");
    });
}

/// While a large batch is committed nothing is heard; what others do around it is told all the same.
#[test]
fn changes_around_large_commits_are_not_missed() {
    isolated(async || {
        let ruleset = sized(2_000, 2_000);
        let mut kernel = programmed(&ruleset).await;
        for _ in 0..8 {
            let foreign = thread::spawn(|| nft(&["flush", "ruleset"]));
            let committed = kernel.commit(replacement(&ruleset)).await;
            foreign.join().unwrap();
            committed.unwrap();
            assert!(hears(&mut kernel).await);
            kernel.commit(replacement(&ruleset)).await.unwrap();
            while hears(&mut kernel).await {}
        }
    });
}

/// More events than the buffer holds: something was missed, so it is assumed to concern us.
#[test]
fn what_is_lost_counts_as_a_change() {
    isolated(async || {
        let mut kernel = Kernel::start().unwrap();
        let comment = "x".repeat(100);
        let elements: String = (0..100_000).map(|n| format!("{n} comment \"{comment}\",")).collect();
        nft_reads(
            &["-f", "-"],
            &format!("table ip other {{ set s {{ type mark; elements = {{ {elements} }}; }}\n}}"),
        );
        assert!(hears(&mut kernel).await);
    });
}

/// A batch for a generation that has passed is refused at its beginning, and nothing of it is done.
#[test]
fn a_batch_for_a_passed_generation_is_refused() {
    isolated(async || {
        let mut socket = Socket::open().unwrap();
        let mut send = |generation, name| {
            let mut batch = Batch::new(socket.opening(generation));
            let chain = Operation::AddChain(Family::V4, chain(name, vec![]).into());
            for operation in [Operation::AddTable(Family::V4), chain] {
                encode(&mut batch, 0, &operation, &Handles::new()).unwrap();
            }
            let batch = batch.finish();
            let faults = socket.commit(&batch).unwrap();
            let stale = faults.iter().filter(|fault| fault.errno == Errno::ERESTART);
            let stale = stale.filter(|fault| batch.is_begin(fault.sequence)).count();
            assert_eq!(stale, faults.len(), "{faults:?}");
            (stale, socket.generation().unwrap())
        };
        let (_, now) = send(Generation(1), "a");
        let next = Generation(now.0 + 1);
        assert_eq!(send(next, "b"), (1, now), "a generation that has not come");
        assert_eq!(send(now, "b"), (0, next));
        assert_eq!(send(now, "c"), (1, next), "a generation that has passed");
        assert!(!nft(&["list", "ruleset"]).contains("chain c"));
    });
}

/// Others write to their tables all the time; that holds up nobody.
#[test]
fn others_writing_to_their_tables_do_not_disturb() {
    isolated(async || {
        let wanted = everything();
        let kernel = programmed(&wanted).await;
        nft(&["add", "table", "ip", "other"]);
        kernel.commit(diff(Some(&wanted), &sized(20, 20))).await.unwrap();
    });
}

/// What fails after somebody else has written is laid at nobody's door.
#[test]
fn a_failure_after_a_foreign_change_names_no_object() {
    isolated(async || {
        let wanted = everything();
        let kernel = programmed(&wanted).await;
        let mut more = wanted.clone();
        let mut set = ferrule_ruleset::nft::Set::clone(&more.tables.v6.sets["bare"]);
        set.elements =
            Elements::Addresses([ipnet::IpNet::from(address(Family::V6, 99))].into_iter().collect());
        more.tables.v6.sets.insert(set.name.clone(), set.into());
        nft(&["flush", "ruleset"]);
        let error = kernel.commit(diff(Some(&wanted), &more)).await.unwrap_err();
        assert!(matches!(error, CommitError::Stale { .. }), "{error}");
        assert!(error.to_string().contains("changed by somebody else"), "{error}");
        kernel.commit(replacement(&wanted)).await.unwrap();
    });
}

/// Rules are edited by their places, so a chain with more or fewer of them is left alone.
#[test]
fn a_chain_that_has_drifted_is_not_edited() {
    isolated(async || {
        let wanted = everything();
        let kernel = programmed(&wanted).await;
        nft(&["insert", "rule", "ip", "ferrule", "matches/default/web", "drop"]);
        let mut other = wanted.clone();
        let chains = &mut other.tables.v4.chains;
        let mut chain = ferrule_ruleset::nft::Chain::clone(&chains["matches/default/web"]);
        chain.rules.remove(3);
        chains.insert(chain.name.clone(), chain.into());
        let error = kernel.commit(diff(Some(&wanted), &other)).await.unwrap_err();
        let CommitError::Drift { expected, found, .. } = error else { panic!("{error}") };
        assert_eq!(found, expected + 1);
    });
}
