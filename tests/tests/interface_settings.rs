//! The settings of workload interfaces in the kernel.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{collections::BTreeSet, fs, thread, time::Duration};

use anyhow::ensure;
use ferrule_tests::{
    agent::{Agent, ask},
    call,
    namespace::Namespace,
    rig::Rig,
    topology::interface_of,
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: routed, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.9}]}}
"#;

/// What an interface of ours has.
const OURS: [(&str, &str); 8] = [
    ("net/ipv4/conf/IF/route_localnet", "1"),
    ("net/ipv4/conf/IF/proxy_arp", "1"),
    ("net/ipv4/conf/IF/forwarding", "1"),
    ("net/ipv4/conf/IF/rp_filter", "2"),
    ("net/ipv4/neigh/IF/proxy_delay", "0"),
    ("net/ipv6/conf/IF/accept_ra", "0"),
    ("net/ipv6/conf/IF/proxy_ndp", "1"),
    ("net/ipv6/conf/IF/forwarding", "1"),
];

fn values(node: &Namespace, interface: &str) -> Vec<String> {
    let read = |path: String| fs::read_to_string(format!("/proc/sys/{path}")).unwrap().trim().to_owned();
    node.run(|| OURS.iter().map(|(path, _)| read(path.replace("IF", interface))).collect())
}

fn wanted() -> Vec<String> {
    OURS.iter().map(|(_, value)| (*value).to_owned()).collect()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let waited = call::until(|| {
        ensure!(holds(), "not yet: {what}");
        Ok(())
    });
    waited.unwrap();
}

/// A node with the link of a pod that another plug-in has made, and the kernel's own idea of a reverse path filter.
fn rig(label: &str) -> Rig {
    let rig = Rig::wire(label, OBJECTS, "", &BTreeSet::new()).unwrap();
    let node = rig.topology.node("n1").unwrap();
    node.set(&[("net/ipv4/conf/default/rp_filter", "2"), ("net/ipv4/ip_forward", "0")]).unwrap();
    let interface = interface_of("default/routed");
    let rename = format!(
        "link set {interface} down\nlink set {interface} name veth9\nlink set veth9 up\nroute replace 10.0.1.9/32 dev veth9\n"
    );
    node.execute("ip", &["-batch", "-"], &rename).unwrap();
    rig
}

#[test]
fn ours_are_set_and_set_again_and_those_of_others_are_named() {
    let rig = rig("settings");
    let node = rig.topology.node("n1").unwrap();
    let (ours, others) = (interface_of("default/web"), values(node, "veth9"));
    let mut agent = Agent::start(node, "n1", &rig.path(""), &[]).unwrap();
    agent.wait_ready(node).unwrap();
    until("they are set", || values(node, &ours) == wanted());
    let forwards = || node.run(|| fs::read_to_string("/proc/sys/net/ipv4/ip_forward")).unwrap().trim() == "1";
    assert!(forwards());
    until("the others are named", || {
        let (code, body) = node.run(|| ask("/readiness")).unwrap();
        code == 200 && body.contains("ipv4 route_localnet is 0, not 1")
    });
    // Forwarding is a setting of the node that the kernel carries over to all links.
    let same = |now: Vec<String>| {
        now.iter()
            .zip(&others)
            .zip(OURS)
            .all(|((now, before), (path, _))| now == before || path.contains("forwarding"))
    };
    assert!(same(values(node, "veth9")), "{:?} became {:?}", others, values(node, "veth9"));

    let path = format!("net/ipv4/conf/{ours}/proxy_arp");
    node.set(&[(&path, "0")]).unwrap();
    let relabelled = OBJECTS.replacen("{app: web}", "{app: web, tier: front}", 1);
    rig.write("cluster.yaml", &relabelled).unwrap();
    until("what somebody changes is set again", || values(node, &ours) == wanted());
    agent.end().unwrap();
}

#[test]
fn nothing_is_written_where_checks_or_nothing_are_wanted() {
    for (mode, named) in [("check", true), ("off", false)] {
        let rig = rig(mode);
        let node = rig.topology.node("n1").unwrap();
        let ours = interface_of("default/web");
        let before = values(node, &ours);
        let arguments = ["--interface-settings", mode].map(str::to_owned);
        let mut agent = Agent::start(node, "n1", &rig.path(""), &arguments).unwrap();
        agent.wait_ready(node).unwrap();
        let body = || node.run(|| ask("/readiness")).unwrap().1;
        if named {
            until("it is named", || {
                body().contains("ipv4 proxy_arp is 0, not 1")
                    && body().contains("ipv4 ip_forward is 0, not 1")
            });
        } else {
            thread::sleep(Duration::from_millis(300));
            assert!(!body().contains("proxy_arp"), "{}", body());
        }
        assert_eq!(values(node, &ours), before);
        agent.end().unwrap();
    }
}
