//! While policies are rewritten and agents are killed and started again, no denied packet arrives and no allowed one is lost.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use ferrule_tests::{
    rig::Rig,
    stream::{Count, Stream},
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: default, labels: {app: client}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: intruder, namespace: default, labels: {app: intruder}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.3}, {ip: "fd00:1::3"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: distant, namespace: default, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

/// Datagrams per second of each of the two denied streams, where the machine has time for them.
const DENIED_RATE: u64 = 11_000;
/// How many of each denied stream meet every version of the policies, and every time without an agent.
const DENIED_EACH: u64 = 500;
/// Datagrams per second of each of the two allowed streams.
const ALLOWED_RATE: u64 = 1_000;
const RESTARTS: u32 = 20;
const DENIED_PORT: u16 = 7000;
const ALLOWED_PORT: u16 = 7001;

/// The policy of the server in its n-th version: clients may, the intruder may not, and everything else about it changes.
fn policies(version: u32) -> String {
    let port = |number: u32| format!("{{protocol: UDP, port: {}}}", 8000 + (version * 7 + number) % 50);
    let ports: Vec<_> =
        (0..version % 5).map(port).chain([format!("{{protocol: UDP, port: {ALLOWED_PORT}}}")]).collect();
    let also = if version.is_multiple_of(3) { ", {podSelector: {matchLabels: {app: nobody}}}" } else { "" };
    let more = match version % 2 {
        0 => "",
        _ => {
            "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: more, namespace: default}\nspec: {podSelector: {}, ingress: [{ports: [{port: 443}]}]}\n"
        }
    };
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: server, namespace: default}}\nspec:\n  \
         podSelector: {{matchLabels: {{app: server}}}}\n  ingress:\n  - from: [{{podSelector: {{matchLabels: {{app: client}}}}}}{also}]\n    \
         ports: [{}]\n{more}",
        ports.join(", ")
    )
}

fn stream(rig: &Rig, from: &str, family: usize, port: u16, rate: u64) -> Stream {
    let end =
        |name: &str| (rig.topology.pod(name).unwrap(), rig.topology.cluster.pods[name].addresses[family]);
    Stream::start(end(from), end("default/server"), port, rate).unwrap()
}

#[test]
fn nothing_denied_arrives_and_nothing_allowed_is_lost() {
    let mut rig = Rig::wire("leak", OBJECTS, &policies(0), &BTreeSet::new()).unwrap();
    let control = stream(&rig, "default/intruder", 0, 6999, DENIED_RATE);
    control.await_further(1000).unwrap();
    assert_eq!(control.stop().unwrap().lost(), 0, "without an agent everything arrives");
    rig.start_agent("n1").unwrap();
    rig.start_agent("n2").unwrap();

    let denied = [0, 1].map(|family| stream(&rig, "default/intruder", family, DENIED_PORT, DENIED_RATE));
    let allowed = [("default/client", 0), ("default/distant", 1)];
    let allowed = allowed.map(|(client, family)| stream(&rig, client, family, ALLOWED_PORT, ALLOWED_RATE));
    let flooded = || denied.iter().try_for_each(|stream| stream.await_further(DENIED_EACH)).unwrap();
    let mut done = Vec::new();
    for restart in 0..RESTARTS {
        for version in 0..5 {
            done.push((Instant::now(), format!("version {} written", restart * 10 + version)));
            rig.write("policies.yaml", &policies(restart * 10 + version)).unwrap();
            thread::sleep(Duration::from_millis(15));
            flooded();
        }
        done.push((Instant::now(), "agent killed".to_owned()));
        rig.take_agent("n1").unwrap().kill().unwrap();
        rig.write("policies.yaml", &policies(restart * 10 + 5)).unwrap();
        flooded();
        done.push((Instant::now(), format!("version {} written, agent starts", restart * 10 + 5)));
        rig.start_agent("n1").unwrap();
        flooded();
        done.push((Instant::now(), "agent ready".to_owned()));
    }
    let denied: Vec<Count> = denied.into_iter().map(|stream| stream.stop().unwrap()).collect();
    let allowed: Vec<Count> = allowed.into_iter().map(|stream| stream.stop().unwrap()).collect();

    let (rate, arrived) = (
        denied.iter().map(Count::rate).sum::<u64>(),
        denied.iter().map(|count| count.arrivals.len()).sum::<usize>(),
    );
    let least = denied.iter().map(|count| count.sent).min().unwrap();
    let (sent, lost) =
        (allowed.iter().map(|count| count.sent).sum::<u64>(), allowed.iter().map(Count::lost).sum::<u64>());
    println!(
        "{RESTARTS} kills in {:?}: {rate} denied packets/s, {arrived} arrived; {sent} allowed, {lost} lost",
        denied[0].duration
    );
    assert_eq!(arrived, 0, "denied packets arrived");
    assert_eq!(lost, 0, "allowed packets were lost: {}", blame(&allowed, &done));
    // Five versions, one kill and one start in each round.
    let claimed = u64::from(RESTARTS) * 7 * DENIED_EACH;
    assert!(least >= claimed, "only {least} of {claimed} denied packets of a family were sent");
    rig.end_agents().unwrap();
}

/// What had been done last before each gap, and how long before.
fn blame(counts: &[Count], done: &[(Instant, String)]) -> String {
    let gaps = counts.iter().flat_map(Count::gaps);
    let before = |gap: Instant| done.iter().rev().find(|(at, _)| *at <= gap);
    let blamed = gaps.filter_map(|gap| before(gap).map(|(at, what)| format!("{:?} after {what}", gap - *at)));
    blamed.collect::<Vec<_>>().join("; ")
}
