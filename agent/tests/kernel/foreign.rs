//! Others who write.

use std::time::Duration;

use ferrule_agent::{
    dataplane::{CommitError, Kernel},
    netlink::{Batch, Generation, Handles, Socket, encode},
};
use ferrule_ruleset::{
    address::Family,
    diff::{Operation, diff},
};
use nix::errno::Errno;
use tokio::time::timeout;

use crate::{
    namespace::{isolated, nft, nft_reads, programmed, replacement},
    sample::{everything, sized},
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
            ("add table ip other { chain c { drop\n } }", false),
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
    });
}

/// More events than the buffer holds: something was missed, so it is assumed to concern us.
#[test]
fn what_is_lost_counts_as_a_change() {
    isolated(async || {
        let mut kernel = Kernel::start().unwrap();
        let chains: String = (0..40_000).map(|n| format!("chain c{n} {{ }}\n")).collect();
        nft_reads(&["-f", "-"], &format!("table ip other {{\n{chains}}}"));
        assert!(hears(&mut kernel).await);
    });
}

/// A batch for a generation that has passed is refused at its beginning, and nothing of it is done.
#[test]
fn a_batch_for_a_passed_generation_is_refused() {
    isolated(async || {
        let mut socket = Socket::open().unwrap();
        let mut send = |generation| {
            let mut batch = Batch::new(socket.opening(generation));
            encode(&mut batch, 0, &Operation::AddTable(Family::V4), &Handles::new()).unwrap();
            let batch = batch.finish();
            let faults = socket.commit(&batch).unwrap();
            (faults, socket.generation().unwrap(), batch)
        };
        let (faults, now, _) = send(Generation(0));
        assert_eq!((faults.len(), faults.first().map(|fault| fault.errno)), (1, Some(Errno::ERESTART)));
        let (faults, after, _) = send(now);
        assert_eq!((faults, after), (vec![], Generation(now.0 + 1)));
        let (faults, last, batch) = send(now);
        assert!(batch.is_begin(faults[0].sequence));
        assert_eq!(last, after);
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
        nft(&["flush", "ruleset"]);
        let error = kernel.commit(diff(Some(&wanted), &sized(20, 20))).await.unwrap_err();
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
