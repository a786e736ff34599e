//! A host endpoint that cuts the agent off from its source, across the node's own interface.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, TcpListener},
    thread,
};

use anyhow::ensure;
use ferrule_tests::{
    agent::{Agent, ask},
    call::{Caller, Ending, until},
    rig::Rig,
};

const OBJECTS: &str = r#"
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
"#;
const N1: [&str; 2] = ["172.18.0.1", "fd18::1"];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
/// A port that is not the source's.
const PORT: u16 = 8080;

fn outside() -> BTreeSet<IpAddr> {
    OUTSIDE.map(|address| address.parse().unwrap()).into()
}

#[test]
fn an_endpoint_that_cuts_the_agent_off_is_taken_back() {
    // Side by side, as most of it is waiting.
    thread::scope(|scope| {
        for family in [0, 1] {
            scope.spawn(move || cut_off(family));
        }
    });
}

/// What stands between the agent and its source is looked at with packets, which has to be done before it is taken back.
const AFTER: &str = "15s";

fn cut_off(family: usize) {
    let address = OUTSIDE[family];
    let host = "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: uplink, labels: {host: endpoint}}\n\
                spec: {node: n1, interfaceName: eth0, profiles: [projectcalico-default-allow]}\n";
    let rig = Rig::wire("cutoff", OBJECTS, host, &outside()).unwrap();
    let node = rig.topology.node("n1").unwrap();
    let source = SocketAddr::new(address.parse().unwrap(), 7443);
    let _listener = rig.topology.outside().run(|| TcpListener::bind(source)).unwrap();
    let arguments = ["--rollback-probe", &source.to_string(), "--rollback-after", AFTER].map(str::to_owned);
    let mut agent = Agent::start(node, "n1", &rig.path(""), &arguments).unwrap();
    agent.wait_ready(node).unwrap();
    let mut caller = Caller::new(&rig.topology);
    caller.serve(&[OUTSIDE[family].parse().unwrap(), N1[family].parse().unwrap()], PORT).unwrap();
    let calls = |ending: Ending| {
        [
            ("node/n1", SocketAddr::new(OUTSIDE[family].parse().unwrap(), PORT), ending),
            (OUTSIDE[family], SocketAddr::new(N1[family].parse().unwrap(), PORT), Ending::Answered),
        ]
    };
    caller.expect(&calls(Ending::Answered)).unwrap();
    let cut = "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: cut}\nspec: {selector: has(host), types: [Egress], egress: [{action: Deny}]}\n";
    rig.write("cut.yaml", cut).unwrap();
    caller.until(&calls(Ending::Silent)).unwrap();
    until(|| {
        let (code, body) = node.run(|| ask("/readiness"))?;
        ensure!(code == 503 && body.contains("was taken back") && body.contains("cut"), "{code} {body}");
        Ok(())
    })
    .unwrap();
    caller.expect(&calls(Ending::Answered)).unwrap();
    // The same policy with an exception for the source does no harm and stays.
    let mended = cut.replace(
        "[{action: Deny}]",
        "[{action: Allow, protocol: TCP, destination: {ports: [7443]}}, {action: Deny}]",
    );
    rig.write("cut.yaml", &mended).unwrap();
    caller.until(&calls(Ending::Silent)).unwrap();
    until(|| {
        let (code, body) = node.run(|| ask("/readiness"))?;
        ensure!(code == 200, "{code} {body}");
        Ok(())
    })
    .unwrap();
    drop(caller);
    agent.end_with(&["cut the agent off from its source".to_owned()]).unwrap();
}
