//! Somebody flushes the ruleset: how long until it is enforced again, and how many denied packets arrive meanwhile.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::ensure;
use ferrule_tests::{
    call::until,
    rig::Rig,
    stream::{Arrival, Stream},
};

const FLUSHES: usize = 20;
const POLICIES: u32 = 100;
const RULES: u32 = 10;
const RATE: u64 = 10_000;
/// Denied datagrams that are sent before the first flush and after each repair.
const BETWEEN: u64 = 2000;

const OBJECTS: &str = r"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: intruder, namespace: default, labels: {app: intruder}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}]}}
";

/// A thousand rules, none of which admits the intruder.
fn policies() -> String {
    let mut text = String::new();
    for policy in 0..POLICIES {
        writeln!(text, "---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: p{policy}, namespace: default}}").unwrap();
        writeln!(text, "spec:\n  selector: app == 'server'\n  types: [Ingress]\n  ingress:").unwrap();
        for rule in 0..RULES {
            let net = format!("192.0.{policy}.{}/32", rule + 1);
            writeln!(text, "  - {{action: Allow, protocol: UDP, source: {{nets: [{net}]}}, destination: {{ports: [{}]}}}}", 1000 + rule).unwrap();
        }
    }
    text
}

#[test]
fn a_flushed_ruleset_comes_back() {
    let mut rig = Rig::start("repair", OBJECTS, &policies(), &BTreeSet::new()).unwrap();
    let end = |name: &str| (rig.topology.pod(name).unwrap(), rig.topology.cluster.pods[name].addresses[0]);
    let before = rig.nft("n1", &["-s", "list", "ruleset"]).unwrap();
    let stream = Stream::start(end("default/intruder"), end("default/server"), 7000, RATE).unwrap();
    let mut flushes = Vec::new();
    for _ in 0..FLUSHES {
        stream.await_further(BETWEEN).unwrap();
        let (begin, first) = (Instant::now(), stream.sent());
        rig.nft("n1", &["flush", "ruleset"]).unwrap();
        until(|| {
            let now = rig.nft("n1", &["-s", "list", "ruleset"])?;
            ensure!(now == before, "{} of {} lines are back", now.lines().count(), before.lines().count());
            Ok(())
        })
        .unwrap();
        // One more may have been on its way before the last rule was back.
        flushes.push((begin, first..=stream.sent()));
    }
    stream.await_further(BETWEEN).unwrap();
    let count = stream.stop().unwrap();

    // From the start of the flush command, its own time included, to the last denied packet that arrived because of it.
    let mut gaps: Vec<Duration> = Vec::new();
    for (begin, open) in &flushes {
        let mine = count.arrivals.iter().filter(|arrival| open.contains(&arrival.number));
        gaps.push(mine.map(|arrival| arrival.at - *begin).max().unwrap_or_default());
    }
    let is_foreseen = |arrival: &&Arrival| flushes.iter().any(|(_, open)| open.contains(&arrival.number));
    let leaked = count.arrivals.iter().filter(|arrival| !is_foreseen(arrival)).count();
    gaps.sort();
    println!(
        "{FLUSHES} flushes of {} rules: median {:?}, worst {:?} back to full enforcement; {} of {} denied packets arrived",
        POLICIES * RULES,
        gaps[FLUSHES / 2],
        gaps[FLUSHES - 1],
        count.arrivals.len(),
        count.sent
    );
    assert_eq!(rig.nft("n1", &["-s", "list", "ruleset"]).unwrap(), before, "everything is back");
    assert_eq!(leaked, 0, "denied packets arrived that were sent while the ruleset was whole");
    rig.end_agents().unwrap();
}
