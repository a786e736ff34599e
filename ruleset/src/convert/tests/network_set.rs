//! NetworkSet and GlobalNetworkSet: policy-model §1.3.

use super::fixture::one;
use crate::resource::{NetworkSet, Resource};

fn set(kind: &str, rest: &str) -> (NetworkSet, Vec<String>) {
    match one(&format!("apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: s, {rest}\n")) {
        (Resource::NetworkSet(set), findings) => {
            (set, findings.into_iter().filter(|finding| finding.contains("error")).collect())
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn networks_are_masked_and_bad_ones_cost_no_other() {
    let (found, errors) = set(
        "GlobalNetworkSet",
        "}\nspec:\n  nets:\n  - 10.1.2.3/8\n  - x\n  - 192.0.2.1\n  - 'fd00::5/64'\n  - 0.0.0.0/0\n  - 10.0.0.0/8\n  - 7",
    );
    let nets: Vec<_> = found.nets.iter().map(ToString::to_string).collect();
    assert_eq!(nets.join(" "), "0.0.0.0/0 10.0.0.0/8 192.0.2.1/32 fd00::/64");
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].starts_with("m.yaml:7: error: GlobalNetworkSet s: spec.nets[1]: \"x\" is not a network"),
        "{errors:?}"
    );
    assert!(
        errors[1].starts_with("m.yaml:12: error: GlobalNetworkSet s: spec.nets[6]: must be a string"),
        "{errors:?}"
    );
}

#[test]
fn labels_cannot_claim_another_place() {
    let reserved = "labels: {a: b, pcns.x: y, pcsa.x: y, projectcalico.org/namespace: kube-system, projectcalico.org/orchestrator: k8s, projectcalico.org/serviceaccount: z}}";
    for (kind, expected) in
        [("GlobalNetworkSet", "a=b"), ("NetworkSet", "a=b projectcalico.org/namespace=default")]
    {
        let (set, errors) = set(kind, reserved);
        let labels: Vec<_> = set.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!((labels.join(" ").as_str(), errors), (expected, vec![]));
    }
}

#[test]
fn a_set_holds_nothing_by_fields_that_are_not_understood() {
    let (found, errors) =
        set("NetworkSet", "}\nspec: {nets: [10.0.0.0/8], allowedEgressDomains: [x.example]}");
    assert_eq!((found.nets.len(), errors.len()), (1, 1));
    let (found, errors) = set("NetworkSet", "}\nspec: {nets: 10.0.0.0/8}");
    assert_eq!((found.nets.len(), errors.len()), (0, 1));
}
