//! `ferrule render`.

use crate::{Ran, ferrule, manifests, shop, shop::shop, text};

fn render(arguments: &[&str]) -> Ran {
    let directory = shop();
    ferrule(&[&["render", "--manifests", text(directory.path())], arguments].concat())
}

#[test]
fn the_text_holds_both_tables_and_the_chains_of_the_nodes_pods() {
    let ran = render(&["--node", "n1"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    for part in ["table ip ferrule", "table ip6 ferrule", "from/shop/frontend", "to/shop/api", "8080"] {
        assert!(ran.stdout.contains(part), "{part} is missing");
    }
    assert!(!ran.stdout.contains("to/shop/db"), "a pod of another node");
    assert_eq!(ran.stdout, render(&["--node", "n1"]).stdout);
}

#[test]
fn prefixes_name_the_interfaces() {
    let ran = render(&["--node", "n1", "--interface-prefix", "veth,tap"]);
    assert!(ran.stdout.contains("\"veth*\"") && ran.stdout.contains("\"tap*\""), "{}", ran.stdout);
    assert!(!ran.stdout.contains("\"cali"), "{}", ran.stdout);
}

#[test]
fn json_holds_the_text_and_the_findings() {
    let answer = render(&["--node", "n1", "--output", "json"]).json();
    assert_eq!(answer["ruleset"].as_str(), Some(render(&["--node", "n1"]).stdout.as_str()));
    assert_eq!((answer["node"].as_str(), answer["dataplane"].as_str()), (Some("n1"), Some("nftables")));
    assert_eq!(answer["findings"], serde_json::json!([]));
}

#[test]
fn findings_and_a_node_without_pods_are_told_beside_the_text() {
    let misspelt = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\n";
    let directory = manifests(&[("pods.yaml", shop::PODS), ("bad.yaml", misspelt)]);
    let ran = ferrule(&["render", "--manifests", text(directory.path()), "--node", "n7"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("table ip ferrule"), "{}", ran.stdout);
    assert!(ran.stderr.contains("bad.yaml:2: warning: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("no pod and no host endpoint on node n7"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_rendered_is_3() {
    let ran = render(&["--node", "n1", "--dataplane", "iptables"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    let directory = manifests(&[]);
    std::fs::write(directory.path().join("policy.yaml"), b"\xff\xfe").unwrap();
    let ran = ferrule(&["render", "--manifests", text(directory.path()), "--node", "n1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""));
    assert!(ran.stderr.contains("policy.yaml: line 1 is not UTF-8"), "{}", ran.stderr);
    std::fs::write(directory.path().join("policy.yaml"), "kind: [").unwrap();
    let ran = ferrule(&["render", "--manifests", text(directory.path()), "--node", "n1"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "a policy could stand there");
    assert!(ran.stderr.contains("policy.yaml:"), "{}", ran.stderr);
}
