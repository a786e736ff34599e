//! A change that really cuts the agent off from its source.
//!
//! The source is a pod of the agent's own node. What the node sends to its pods is not policed, and replies belong to a connection; but where connection
//! tracking is switched off for the source's port, its replies are judged like anything else that the pod sends.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
};

use anyhow::{Context as _, Result, ensure};
use ferrule_tests::{
    agent::{Agent, ask},
    call::until,
    monitor::monitored,
    rig::Rig,
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: api, namespace: default, labels: {app: api}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
"#;

const UNTRACKED: &str = "
table inet untracked {
    chain prerouting { type filter hook prerouting priority raw; tcp sport 6443 notrack; }
    chain output { type filter hook output priority raw; tcp dport 6443 notrack; }
}
";

fn policy(name: &str, app: &str, types: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: default}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, policyTypes: [{types}]}}\n"
    )
}

#[test]
fn what_cuts_the_agent_off_from_its_source_is_taken_back_until_it_is_mended() {
    for address in ["10.0.1.1", "fd00:1::1"] {
        let good = policy("good", "web", "Ingress");
        let rig = Rig::wire("rollback", OBJECTS, &good, &BTreeSet::new()).unwrap();
        let node = rig.topology.node("n1").unwrap();
        node.execute("nft", &["-f", "-"], UNTRACKED).unwrap();
        let source = SocketAddr::new(address.parse().unwrap(), 6443);
        let _listener = rig.topology.pod("default/api").unwrap().run(|| TcpListener::bind(source)).unwrap();
        let arguments =
            ["--rollback-probe", &source.to_string(), "--rollback-after", "1s"].map(str::to_owned);
        let mut agent = Agent::start(node, "n1", &rig.path(""), &arguments).unwrap();
        agent.wait_ready(node).unwrap();

        let listing = || rig.nft("n1", &["-s", "list", "table", "ip", "ferrule"]).unwrap();
        let readiness = || node.run(|| ask("/readiness")).unwrap();
        let wait = |what: &str, holds: &dyn Fn() -> bool| -> Result<()> {
            until(|| {
                ensure!(holds(), "not yet: {what}");
                Ok(())
            })
            .with_context(|| agent.log_text().unwrap())
        };
        let before = listing();
        // How long it lasts is a second or a little more, which is too short to be looked for.
        let seen = monitored(node, || {
            rig.write("policies.yaml", &format!("{good}{}", policy("cut", "api", "Egress")))?;
            wait("it shows that it was taken back", &|| readiness().1.contains("was taken back"))?;
            wait("it is taken back", &|| listing() == before)
        })
        .unwrap();
        // nft says `create` or `add`.
        let of_chain = |line: &str| {
            line.split_once(" chain ip ferrule egress/knp/default/cut").map(|(what, _)| what == "delete")
        };
        let deleted: Vec<bool> = seen.lines().filter_map(of_chain).collect();
        assert_eq!(deleted, [false, true], "the chain was made and deleted:\n{seen}");
        assert!(readiness().0 == 503 && readiness().1.contains("default/cut"), "{}", readiness().1);
        let metrics = node.run(|| ask("/metrics")).unwrap().1;
        assert!(metrics.contains("ferrule_rollbacks_total 1"), "{metrics}");

        rig.write("policies.yaml", &format!("{good}{}", policy("cut", "api", "Ingress"))).unwrap();
        wait("what is mended is made", &|| listing().contains("ingress/knp/default/cut")).unwrap();
        wait("and stays", &|| readiness().0 == 200).unwrap();
        agent.end_with(&["cut the agent off from its source".to_owned()]).unwrap();
    }
}
