//! An agent that starts adopts what the kernel holds: it writes nothing if nothing changed, and only what changed otherwise.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use ferrule_tests::{agent::Agent, monitor::monitored, rig::Rig};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: db, namespace: default, labels: {app: db}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: far, namespace: default, labels: {app: web}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

fn policy(name: &str, from: &str, port: u16) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
         podSelector: {{matchLabels: {{app: {name}}}}}\n  policyTypes: [Ingress, Egress]\n  \
         ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {from}}}}}}}, {{ipBlock: {{cidr: 192.0.2.0/24, except: [192.0.2.8/29]}}}}], ports: [{{port: {port}}}, {{protocol: UDP, port: 53, endPort: 99}}]}}]\n  \
         egress: [{{to: [{{podSelector: {{}}}}]}}]\n"
    )
}

/// The chains, sets and maps of a listing, each with its handles, by table and name.
fn objects(listing: &str) -> BTreeMap<String, String> {
    let mut objects = BTreeMap::<String, String>::new();
    let (mut table, mut object) = (String::new(), String::new());
    for line in listing.lines() {
        if line.starts_with("table") {
            table = line.to_owned();
        } else if line.starts_with('\t') && !line.starts_with("\t\t") && line.contains('{') {
            object = format!("{table} {}", line.trim());
        }
        let text = objects.entry(object.clone()).or_default();
        text.push_str(line);
        text.push('\n');
    }
    objects
}

#[test]
fn a_restart_with_nothing_changed_writes_nothing() {
    let policies = policy("web", "db", 80) + &policy("db", "web", 5432);
    let mut rig = Rig::start("same", OBJECTS, &policies, &BTreeSet::new()).unwrap();
    let list = |rig: &Rig| rig.nft("n1", &["-a", "-s", "list", "ruleset"]).unwrap();
    let before = list(&rig);
    assert!(before.contains("ferrule"), "{before}");
    rig.take_agent("n1").unwrap().kill().unwrap();
    let mut started = None;
    let node = rig.topology.node("n1").unwrap();
    let seen = monitored(node, || {
        let mut agent = Agent::start(node, "n1", &rig.path(""), &[])?;
        agent.wait_ready(node)?;
        // What it would write late, it writes now.
        thread::sleep(Duration::from_millis(200));
        started = Some(agent);
        Ok(())
    })
    .unwrap();
    assert_eq!(seen, "", "the new agent wrote");
    assert_eq!(list(&rig), before);
    started.unwrap().end().unwrap();
    assert_eq!(list(&rig), before, "the end of an agent leaves the rules");
    rig.end_agents().unwrap();
}

#[test]
fn a_restart_with_one_policy_changed_writes_only_that() {
    let mut rig = Rig::start(
        "changed",
        OBJECTS,
        &(policy("web", "db", 80) + &policy("db", "web", 5432)),
        &BTreeSet::new(),
    )
    .unwrap();
    let list = |rig: &Rig| objects(&rig.nft("n1", &["-a", "-s", "list", "ruleset"]).unwrap());
    let before = list(&rig);
    rig.take_agent("n1").unwrap().kill().unwrap();
    rig.write("policies.yaml", &(policy("web", "db", 81) + &policy("db", "web", 5432))).unwrap();
    rig.start_agent("n1").unwrap();
    let after = list(&rig);
    let changed: Vec<_> =
        after.iter().filter(|(name, text)| before.get(*name) != Some(text)).map(|(name, _)| name).collect();
    assert!(!changed.is_empty(), "the change arrived");
    assert!(changed.iter().all(|name| name.contains("default/web")), "{changed:#?}");
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    rig.end_agents().unwrap();
}
