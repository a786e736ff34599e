//! Which objects there are.

use super::fixture::{findings, keys};

#[test]
fn other_kinds_are_skipped_without_a_word() {
    for (api_version, kind) in [
        ("apps/v1", "Deployment"),
        ("v1", "ConfigMap"),
        ("v1", "Endpoints"),
        ("serving.knative.dev/v1", "Service"),
        ("whereabouts.cni.cncf.io/v1alpha1", "IPPool"),
        ("projectcalico.org/v3", "KubeControllersConfiguration"),
        ("projectcalico.org/v3", "BGPPeer"),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
    ] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\n");
        assert_eq!((keys(&text), findings(&text)), (vec![], vec![]), "{kind}");
    }
}

#[test]
fn kinds_of_policy_apis_that_have_no_effect_are_reported() {
    for (api_version, kind) in [
        ("networking.k8s.io/v1", "NetworkPolcy"),
        ("networking.k8s.io/v1", "networkPolicy"),
        ("projectcalico.org/v3", "HostEndpiont"),
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolcy"),
        ("v1", "pod"),
    ] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: p}}\n");
        let expected = format!(
            "m.yaml:2: warning: kind: {kind} of {api_version} is not a kind that is enforced (the object has no effect)"
        );
        assert_eq!((keys(&text), findings(&text)), (vec![], vec![expected]));
    }
}

#[test]
fn other_versions_of_known_kinds_are_reported() {
    for (api_version, kind, severity) in [
        ("networking.k8s.io/v1beta1", "NetworkPolicy", "error"),
        ("extensions/v1beta1", "NetworkPolicy", "error"),
        ("projectcalico.org/v4", "GlobalNetworkPolicy", "error"),
        ("v2", "Pod", "error"),
        ("v2", "Service", "error"),
        ("discovery.k8s.io/v1beta1", "EndpointSlice", "error"),
        ("projectcalico.org/v1", "HostEndpoint", "error"),
        ("crd.antrea.io/v1beta1", "NetworkPolicy", "warning"),
    ] {
        let text = format!("# head\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: p}}\n");
        let expected = format!(
            "m.yaml:2: {severity}: apiVersion: {kind} of {api_version} is not known (the object has no effect)"
        );
        assert_eq!((keys(&text), findings(&text)), (vec![], vec![expected]));
    }
}

#[test]
fn what_has_no_identity_is_no_object() {
    for (text, field) in [
        ("hello", ""),
        ("[1]", ""),
        ("kind: Pod", ""),
        ("apiVersion: v1", ""),
        ("{apiVersion: v1, kind: [Pod]}", "kind: "),
        ("{apiVersion: v1, kind: Pod}", "metadata: "),
        ("{apiVersion: v1, kind: Pod, metadata: x}", "metadata: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: 5}}", "metadata.name: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: ''}}", "metadata.name: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a/b}}", "metadata.name: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: 'a\"; drop'}}", "metadata.name: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a..b}}", "metadata.name: "),
        ("{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: a.b}}", "metadata.namespace: "),
        ("{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}", "metadata: "),
    ] {
        let found = findings(text);
        assert!(keys(text).is_empty() && found.len() == 1, "{text}: {found:?}");
        assert!(found[0].starts_with(&format!("m.yaml:1: error: {field}")), "{text}: {found:?}");
    }
}

#[test]
fn objects_of_the_node_are_known_in_both_apis_of_calico() {
    for api_version in ["projectcalico.org/v3", "crd.projectcalico.org/v1"] {
        for (kind, spec) in [
            ("HostEndpoint", "{node: n, interfaceName: eth0}"),
            ("IPPool", "{cidr: 10.0.0.0/8}"),
            ("BGPConfiguration", "{asNumber: 64512}"),
            ("FelixConfiguration", "{}"),
        ] {
            let text = format!(
                "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: default}}\nspec: {spec}\n"
            );
            assert_eq!((keys(&text), findings(&text)), (vec![format!("{kind} default")], vec![]));
        }
    }
    for (api_version, kind) in [("v1", "Service"), ("discovery.k8s.io/v1", "EndpointSlice")] {
        let text = format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: s, namespace: ns}}\n");
        assert_eq!((keys(&text), findings(&text)), (vec![format!("{kind} ns/s")], vec![]));
    }
}
