//! What the tool says about nodes that host endpoints govern.

use serde_json::json;
use tempfile::TempDir;

use crate::{Ran, ferrule, manifests, shop, text};

/// A node whose uplink lets in HTTPS, and all that it forwards but telnet.
const EDGE: &str = "\
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n1-uplink, labels: {role: edge}}
spec:
  node: n1
  interfaceName: ens3
  expectedIPs: [172.18.0.2]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: edge}
spec:
  selector: role == 'edge'
  types: [Ingress, Egress]
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: [443]}}
  egress:
  - {action: Allow, protocol: TCP, destination: {ports: [8080]}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-telnet}
spec:
  selector: role == 'edge'
  preDNAT: true
  applyOnForward: true
  types: [Ingress]
  ingress:
  - {action: Deny, protocol: TCP, destination: {ports: [23]}}
";

fn edge() -> TempDir {
    manifests(&[("cluster/pods.yaml", shop::PODS), ("edge.yaml", EDGE)])
}

fn eval(arguments: &str) -> Ran {
    let directory = edge();
    let mut all = vec!["eval", "--manifests", text(directory.path())];
    all.extend(arguments.split(' '));
    ferrule(&all)
}

#[test]
fn a_host_endpoint_says_what_it_lets_in() {
    let ran = eval("--from 203.0.113.7 --to node/n1 --protocol tcp --port 443");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert!(
        lines[1].starts_with(
            "ingress of host endpoint n1-uplink of node n1: allowed by spec.ingress[0] of GlobalNetworkPolicy edge ("
        ),
        "{}",
        ran.stdout
    );
    assert!(lines[1].contains("edge.yaml:9"), "{}", ran.stdout);

    let ran = eval("--from 203.0.113.7 --to node/n1 --protocol tcp --port 444");
    assert_eq!(ran.code, Some(1));
    let lines: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
    assert!(lines[1].starts_with("ingress of host endpoint n1-uplink of node n1: denied at the end of tier"));
    assert_eq!(lines[3], "spec.ingress[0]: wants destination port 443");

    let ran = eval("--from 203.0.113.7 --to node/n1 --protocol tcp --port 22");
    assert!(ran.stdout.contains("allowed by failsafe: a port that host endpoint policy cannot close"));
    let ran = eval("--from node/n1 --to shop/db --protocol tcp --port 81");
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("egress of host endpoint n1-uplink of node n1: denied"), "{}", ran.stdout);
    assert!(ran.stdout.contains("beyond that, ingress of shop/db: allowed by profile"), "{}", ran.stdout);
}

#[test]
fn json_names_the_host_endpoint() {
    let ran = eval("--from 203.0.113.7 --to shop/api --protocol tcp --port 23 --output json");
    let detail =
        |direction: &str| json!({"direction": direction, "node": "n1", "host_endpoint": "n1-uplink"});
    let denied = json!({
        "verdict": "deny",
        "by": {
            "direction": "ingress", "tier": "default", "kind": "GlobalNetworkPolicy",
            "namespace": null, "name": "no-telnet", "rule": 0,
        },
        "detail": detail("ingress"),
    });
    let mut expected = denied.clone();
    expected["path"] = json!([denied]);
    assert_eq!((ran.code, ran.json()), (Some(1), expected));

    let ran = eval("--from node/n1 --to node/n2 --protocol tcp --port 6443 --output json");
    let allowed = json!({"verdict": "allow", "by": "failsafe", "detail": detail("egress")});
    let mut expected = allowed.clone();
    expected["path"] = json!([allowed]);
    assert_eq!((ran.code, ran.json()), (Some(0), expected));
}

#[test]
fn the_text_of_a_node_holds_its_host_endpoints() {
    let directory = edge();
    let render = |node: &str| ferrule(&["render", "--manifests", text(directory.path()), "--node", node]);
    let ran = render("n1");
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for part in ["host/in/n1-uplink", "host/out/n1-uplink", "\"ens3\"", "gnp/no-telnet ingress[0]"] {
        assert!(ran.stdout.contains(part), "{part} is missing");
    }
    assert!(!render("n2").stdout.contains("ens3"), "a host endpoint of another node");
}

#[test]
fn findings_about_the_node_itself_have_lines() {
    let directory = manifests(&[
        (
            "hep.yaml",
            "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h}\nspec:\n  node: n1\n  interfaceName: eth*\n",
        ),
        (
            "settings.yaml",
            "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec:\n  vxlanPort: 0\n",
        ),
        ("service.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  clusterIP: x\n"),
        (
            "pool.yaml",
            "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec:\n  cidr: x\n",
        ),
    ]);
    let ran = ferrule(&["validate", text(directory.path())]);
    assert_eq!(ran.code, Some(1));
    for start in [
        "hep.yaml:6: error: HostEndpoint h: spec.interfaceName: ",
        "settings.yaml:5: error: FelixConfiguration default: spec.vxlanPort: ",
        "service.yaml:5: error: Service default/s: spec.clusterIP: ",
        "pool.yaml:5: error: IPPool p: spec.cidr: ",
    ] {
        assert!(ran.stdout.contains(start), "{start}: {}", ran.stdout);
    }
}
