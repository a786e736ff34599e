//! The API server goes, hangs, forgets, and comes back older than it was: enforcement stays, and follows again afterwards.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{thread, time::Duration};

use ferrule_tests::{
    cluster_rig::ClusterRig,
    probe::Delivery::{Arrived, Lost},
    stream::{Count, Stream},
};

/// Everybody is on one node but `distant`; `late` has no interface yet.
const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: InternalIP, address: "fd18::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: default, labels: {app: client}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: intruder, namespace: default, labels: {app: intruder}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.3}, {ip: "fd00:1::3"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: distant, namespace: default, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

/// A pod that is there for the API server before the node has its interface.
const LATE: &str = r#"
{apiVersion: v1, kind: Pod, metadata: {name: late, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.4}, {ip: "fd00:1::4"}]}}
"#;

/// Who reaches servers.
fn policy(name: &str, from: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
         podSelector: {{matchLabels: {{app: server}}}}\n  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {from}}}}}}}]}}]\n"
    )
}

fn rig(label: &str, arguments: &[&str]) -> ClusterRig {
    ClusterRig::start(label, &(OBJECTS.to_owned() + &policy("server", "client")), arguments).unwrap()
}

/// Traffic that must never, and traffic that must always arrive.
struct Traffic {
    denied: Vec<Stream>,
    allowed: Vec<Stream>,
}

impl Traffic {
    fn start(rig: &ClusterRig) -> Self {
        let stream =
            |from, family, port, rate| rig.stream(from, "default/server", family, port, rate).unwrap();
        Self {
            denied: [0, 1].map(|family| stream("default/intruder", family, 7000, 5000)).into(),
            allowed: [0, 1].map(|family| stream("default/client", family, 7001, 1000)).into(),
        }
    }

    fn stop(self) {
        for stream in self.denied.iter().chain(&self.allowed) {
            stream.await_further(1000).unwrap();
        }
        let stop = |streams: Vec<Stream>| -> Vec<Count> {
            streams.into_iter().map(|stream| stream.stop().unwrap()).collect()
        };
        let (denied, allowed) = (stop(self.denied), stop(self.allowed));
        assert_eq!(
            denied.iter().map(|count| count.arrivals.len()).sum::<usize>(),
            0,
            "denied datagrams arrived"
        );
        assert_eq!(allowed.iter().map(Count::lost).sum::<u64>(), 0, "allowed datagrams were lost");
    }
}

/// What readiness says while the server cannot be used.
fn names_server(rig: &ClusterRig, text: &str) -> bool {
    text.contains(&format!("API server {}: not followed for ", rig.server.address()))
}

fn is_well(code: u16, text: &str) -> bool {
    code == 200 && !text.contains("not followed")
}

#[test]
fn a_killed_server_opens_nothing_and_stops_nothing() {
    let mut rig = rig("kill", &[]);
    rig.apply(LATE).unwrap();
    rig.attach(LATE).unwrap();
    rig.await_all(&[("default/client", "default/late", Arrived), ("default/intruder", "default/late", Lost)])
        .unwrap();
    rig.topology.detach("default/late").unwrap();
    let traffic = Traffic::start(&rig);
    rig.server.kill().unwrap();
    let said = rig.wait_readiness("n1", |_, text| names_server(&rig, text)).unwrap();
    assert!(said.starts_with("ready"), "what is known is enforced: {said}");

    // The node goes on living: an interface that appears gets the policy of its pod, and one of nobody stays closed.
    rig.attach(LATE).unwrap();
    rig.attach(&LATE.replace("late", "stranger").replace("10.0.1.4", "10.0.1.9").replace("::4", "::9"))
        .unwrap();
    rig.await_all(&[
        ("default/client", "default/late", Arrived),
        ("default/intruder", "default/late", Lost),
        ("default/client", "default/stranger", Lost),
    ])
    .unwrap();

    let before = rig.nft("n2", &["-a", "-s", "list", "ruleset"]).unwrap();
    rig.server.start_again().unwrap();
    rig.wait_readiness("n1", is_well).unwrap();
    rig.wait_readiness("n2", is_well).unwrap();
    assert_eq!(
        rig.nft("n2", &["-a", "-s", "list", "ruleset"]).unwrap(),
        before,
        "nothing changed, so nothing is rewritten"
    );
    traffic.stop();
    rig.apply(&policy("intruder", "intruder")).unwrap();
    rig.await_all(&[
        ("default/intruder", "default/server", Arrived),
        ("default/distant", "default/late", Arrived),
    ])
    .unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn a_server_that_has_forgotten_is_listed_again() {
    let mut rig = rig("gone", &["--", "--etcd-compaction-interval=1s"]);
    rig.apply(&policy("brief", "intruder")).unwrap();
    rig.await_all(&[("default/intruder", "default/server", Arrived)]).unwrap();
    rig.delete(&policy("brief", "intruder")).unwrap();
    rig.await_all(&[("default/intruder", "default/server", Lost)]).unwrap();
    let traffic = Traffic::start(&rig);

    // What happens while the agent of n1 sees nothing, it can only learn from a new list: that a policy and a pod are gone, and one of each is new.
    rig.agent("n1").unwrap().hold().unwrap();
    rig.delete("{apiVersion: v1, kind: Pod, metadata: {name: distant, namespace: default}}").unwrap();
    let other = r#"{apiVersion: v1, kind: Pod, metadata: {name: other, namespace: default, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.2}, {ip: "fd00:2::2"}]}}"#;
    rig.apply(other).unwrap();
    rig.attach(other).unwrap();
    for round in 0..3 {
        rig.apply(&policy(&format!("round-{round}"), &format!("nobody-{round}"))).unwrap();
        thread::sleep(Duration::from_millis(700));
    }
    rig.server.kill().unwrap();
    rig.server.start_again().unwrap();
    rig.agent("n1").unwrap().release().unwrap();
    rig.await_all(&[
        ("default/other", "default/server", Arrived),
        ("default/distant", "default/server", Lost),
        ("default/intruder", "default/server", Lost),
    ])
    .unwrap();
    traffic.stop();
    rig.wait_readiness("n1", is_well).unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn a_server_that_hangs_is_waited_for() {
    let mut rig = rig("hang", &[]);
    let traffic = Traffic::start(&rig);
    rig.server.hold().unwrap();
    rig.attach(LATE).unwrap();
    rig.await_all(&[("default/client", "default/late", Lost)]).unwrap();
    thread::sleep(Duration::from_secs(5));
    rig.expect(&[
        ("default/client", "default/server", Arrived),
        ("default/intruder", "default/server", Lost),
    ])
    .unwrap();
    rig.server.release().unwrap();
    rig.apply(LATE).unwrap();
    rig.await_all(&[("default/client", "default/late", Arrived), ("default/intruder", "default/late", Lost)])
        .unwrap();
    traffic.stop();
    rig.wait_readiness("n1", is_well).unwrap();
    rig.end_agents().unwrap();
}

/// An administrator restores a backup: what was allowed since then is allowed no longer. Much has been written since, as is the way with backups: a server
/// that starts writes a little, and one that has caught up with the version that the agent knows cannot be told from one that never went back.
#[test]
fn a_server_on_older_data_is_believed() {
    let mut rig = rig("older", &[]);
    rig.server.kill().unwrap();
    let copy = rig.server.copy_state().unwrap();
    rig.server.start_again().unwrap();
    let account = |number: u32| {
        format!(
            "---\n{{apiVersion: v1, kind: ServiceAccount, metadata: {{namespace: default, name: account-{number}}}}}\n"
        )
    };
    rig.apply(&(0..2000).map(account).collect::<String>()).unwrap();
    rig.apply(&(policy("mistake", "intruder") + &policy("another", "nobody"))).unwrap();
    rig.await_all(&[("default/intruder", "default/server", Arrived)]).unwrap();
    rig.server.kill().unwrap();
    rig.server.put_back(&copy).unwrap();
    rig.server.start_again().unwrap();
    rig.await_all(&[
        ("default/intruder", "default/server", Lost),
        ("default/client", "default/server", Arrived),
    ])
    .unwrap();
    rig.wait_readiness("n1", is_well).unwrap();
    rig.end_agents().unwrap();
}
