//! Somebody flushes the ruleset: how long until it is enforced again, and how many denied packets arrive meanwhile.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use ferrule_tests::{rig::Rig, stream::Stream};

const FLUSHES: usize = 20;
const POLICIES: u32 = 100;
const RULES: u32 = 10;
const RATE: u64 = 10_000;
/// Between two flushes; a repair that takes longer fails the test.
const PAUSE: Duration = Duration::from_millis(500);

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
    let mut flushed = Vec::new();
    for _ in 0..FLUSHES {
        thread::sleep(PAUSE);
        let begin = Instant::now();
        rig.nft("n1", &["flush", "ruleset"]).unwrap();
        flushed.push(begin);
    }
    thread::sleep(PAUSE);
    let count = stream.stop().unwrap();

    // From the start of the flush command, its own time included, to the last denied packet that arrived because of it.
    let mut gaps: Vec<Duration> = Vec::new();
    for (number, begin) in flushed.iter().enumerate() {
        let until = flushed.get(number + 1).copied();
        let mine = count
            .arrivals
            .iter()
            .filter(|arrival| arrival.at >= *begin && until.is_none_or(|until| arrival.at < until));
        gaps.push(mine.map(|arrival| arrival.at - *begin).max().unwrap_or_default());
    }
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
    assert!(gaps[FLUSHES - 1] < PAUSE, "a repair took longer than {PAUSE:?}");
    rig.end_agents().unwrap();
}
