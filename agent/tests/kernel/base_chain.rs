//! Base chains in the course of time.

use std::{
    net::UdpSocket,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use ferrule_ruleset::{
    diff::{Batch, Operation, diff},
    nft::{ChainKind, Hook, InterfaceSide, Match, Operator, Statement, Verdict},
};

use crate::{
    edit::change,
    namespace::{isolated, programmed},
    sample::{based, rule, ruleset, table},
    vocabulary::send_to_self,
};

/// Base chains come, move and go, each way in one transaction that leaves the table.
#[test]
fn base_chains_come_move_and_go() {
    let drops = || vec![rule(0, vec![Statement::Verdict(Verdict::Drop)])];
    let with = |bases: &[(&str, Hook, i32, ChainKind)]| {
        let chains =
            bases.iter().map(|(name, hook, priority, kind)| based(name, *hook, *priority, *kind, drops()));
        ruleset(|_| table(chains.clone(), []))
    };
    let steps = [
        with(&[]),
        with(&[("a", Hook::Forward, 0, ChainKind::Filter), ("b", Hook::Forward, 0, ChainKind::Filter)]),
        with(&[("a", Hook::Forward, 1, ChainKind::Filter), ("b", Hook::Postrouting, 0, ChainKind::Nat)]),
        with(&[("a", Hook::Output, 1, ChainKind::Route), ("b", Hook::Postrouting, 0, ChainKind::Filter)]),
        with(&[("a", Hook::Output, 1, ChainKind::Nat), ("c", Hook::Prerouting, -100, ChainKind::Nat)]),
        with(&[("c", Hook::Input, -100, ChainKind::Nat)]),
        with(&[]),
    ];
    isolated(async || {
        let kernel = programmed(&steps[0]).await;
        for (from, to) in steps.iter().zip(&steps[1..]) {
            let operations: Vec<Operation> = diff(Some(from), to)
                .batches
                .into_iter()
                .flat_map(|Batch { operations }| operations)
                .collect();
            assert!(!operations.iter().any(|operation| matches!(operation, Operation::DeleteTable(_))));
            change(&kernel, from, to).await;
        }
    });
}

/// While a chain that drops moves to and fro, no packet slips through.
#[test]
fn a_base_chain_that_moves_does_not_open() {
    let guard = |hook, priority| {
        let rules = vec![rule(
            0,
            vec![
                Statement::Match(Match::HasInterface(InterfaceSide::Out, Operator::Is)),
                Statement::Verdict(Verdict::Drop),
            ],
        )];
        ruleset(|_| table([based("guard", hook, priority, ChainKind::Filter, rules.clone())], []))
    };
    isolated(async || {
        let (one, other) = (guard(Hook::Output, 0), guard(Hook::Output, 60));
        let kernel = programmed(&one).await;
        send_to_self(0);
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_nonblocking(true).unwrap();
        let to = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (done, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (flag, count) = (Arc::clone(&done), Arc::clone(&sent));
        let flood = std::thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                // A dropped packet is told to the sender.
                assert!(sender.send_to(b"x", to).is_err());
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        // On a busy machine the moves can be over before the flood has begun: they go on until
        // it has met them, or has failed.
        let mut moves = 0;
        while moves < 40 || (sent.load(Ordering::Relaxed) < 1000 && !flood.is_finished()) {
            change(&kernel, &one, &other).await;
            change(&kernel, &other, &one).await;
            moves += 1;
        }
        done.store(true, Ordering::Relaxed);
        flood.join().unwrap();
        assert!(receiver.recv(&mut [0; 8]).is_err(), "nothing arrives");
    });
}
