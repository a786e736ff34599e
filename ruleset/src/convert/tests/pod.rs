//! Pods, namespaces, service accounts and nodes: policy-model §2.1, §2.2.

use super::fixture::{one, read};
use crate::resource::{Namespace, Pod, PodState, Resource, ServiceAccount, Tenure};

fn pod(rest: &str) -> (Pod, Vec<String>) {
    let text = format!("apiVersion: v1\nkind: Pod\n{rest}\n");
    match one(&text) {
        (Resource::Pod(pod), findings) => {
            (pod, findings.into_iter().filter(|finding| finding.contains("error")).collect())
        }
        (other, _) => panic!("{other:?}"),
    }
}

fn labels(labels: &crate::labels::Labels) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn labels_cannot_claim_another_place() {
    let (pod, errors) = pod(
        "metadata:\n  name: a\n  labels: {app: web, pcns.x: y, pcsa.x: y, projectcalico.org/namespace: kube-system, projectcalico.org/orchestrator: cni, projectcalico.org/serviceaccount: admin}",
    );
    assert_eq!(
        (labels(&pod.labels).as_str(), errors),
        ("app=web projectcalico.org/namespace=default projectcalico.org/orchestrator=k8s", vec![])
    );
    let (pod, _) =
        self::pod("metadata: {name: a, namespace: ns}\nspec: {serviceAccountName: web, nodeName: n1}");
    assert_eq!(
        labels(&pod.labels),
        "projectcalico.org/namespace=ns projectcalico.org/orchestrator=k8s projectcalico.org/serviceaccount=web"
    );
    assert_eq!(
        (pod.service_account.as_deref(), pod.node.as_ref().map(|node| node.as_str())),
        (Some("web"), Some("n1"))
    );
    assert_eq!(
        self::pod("metadata: {name: a}\nspec: {serviceAccount: old}").0.service_account.as_deref(),
        Some("old")
    );
}

#[test]
fn addresses_come_from_the_first_place_that_names_any() {
    let annotations = "cni.projectcalico.org/podIPs: '10.0.0.3/32, fd00::3/128', cni.projectcalico.org/podIP: 10.0.0.4/32, vpc.amazonaws.com/pod-ips: 10.0.0.5";
    for (annotations, status, expected) in [
        (annotations, "{podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], podIP: 10.0.0.2}", "10.0.0.1 fd00::1"),
        (annotations, "{podIPs: [], podIP: 10.0.0.2}", "10.0.0.2"),
        (annotations, "{}", "10.0.0.3 fd00::3"),
        (
            "cni.projectcalico.org/podIP: 10.0.0.4/32, vpc.amazonaws.com/pod-ips: 10.0.0.5",
            "{podIP: ''}",
            "10.0.0.4",
        ),
        ("vpc.amazonaws.com/pod-ips: 10.0.0.5", "", "10.0.0.5"),
        ("", "{podIP: '::ffff:10.0.0.6'}", "10.0.0.6"),
        ("", "{podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.1}]}", "10.0.0.1"),
        ("", "", ""),
    ] {
        let (pod, errors) =
            pod(&format!("metadata: {{name: a, annotations: {{{annotations}}}}}\nstatus: {status}"));
        let addresses: Vec<_> = pod.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(
            (addresses.join(" ").as_str(), errors, pod.state),
            (expected, vec![], PodState::Active),
            "{annotations} {status}"
        );
    }
}

#[test]
fn a_pod_at_its_end_owns_no_address() {
    let deleted = "deletionTimestamp: '2026-01-01T00:00:00Z'";
    for (metadata, rest, expected) in [
        ("", "status: {phase: Running, podIP: 10.0.0.1}", PodState::Active),
        ("", "status: {phase: Succeeded, podIP: 10.0.0.1}", PodState::Finished),
        ("", "status: {phase: Failed, podIP: 10.0.0.1}", PodState::Finished),
        ("", "status: {phase: Completed, podIP: 10.0.0.1}", PodState::Finished),
        (deleted, "status: {phase: Running, podIP: 10.0.0.1}", PodState::Active),
        (
            "deletionTimestamp: x, annotations: {cni.projectcalico.org/podIP: ''}",
            "status: {podIP: 10.0.0.1}",
            PodState::Finished,
        ),
        (
            "deletionTimestamp: x, annotations: {vpc.amazonaws.com/pod-ips: ''}",
            "status: {podIP: 10.0.0.1}",
            PodState::Finished,
        ),
        ("annotations: {cni.projectcalico.org/podIP: ''}", "status: {podIP: 10.0.0.1}", PodState::Active),
        (
            "deletionTimestamp: x, annotations: {cni.projectcalico.org/podIP: 10.0.0.1/32}",
            "status: {podIP: 10.0.0.1}",
            PodState::Active,
        ),
        ("", "spec: {hostNetwork: true}\nstatus: {podIP: 10.0.0.1}", PodState::HostNetwork),
    ] {
        let (pod, errors) = pod(&format!("metadata: {{name: a, {metadata}}}\n{rest}"));
        assert_eq!((pod.state, errors), (expected, vec![]), "{metadata} {rest}");
        let tenure = if metadata.contains("deletionTimestamp") { Tenure::Ending } else { Tenure::Lasting };
        assert_eq!(pod.tenure, tenure, "{metadata}");
        assert_eq!(pod.addresses.is_empty(), expected == PodState::Finished, "{metadata} {rest}");
    }
}

#[test]
fn named_ports_are_those_of_containers_and_init_containers() {
    let (pod, errors) = pod(
        "metadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: x, ports: [{name: web, containerPort: 80}, {containerPort: 81}, {name: dns, containerPort: 53, protocol: UDP}]}\n  initContainers:\n  - {name: i, restartPolicy: Always, ports: [{name: mesh, containerPort: 15001, hostPort: 1}]}\n  ephemeralContainers:\n  - {name: e, ports: [{name: debug, containerPort: 1}]}",
    );
    let ports: Vec<_> =
        pod.ports.iter().map(|port| format!("{}={}/{}", port.name, port.protocol, port.port)).collect();
    assert_eq!((ports.join(" ").as_str(), errors), ("dns=UDP/53 mesh=TCP/15001 web=TCP/80", vec![]));
}

#[test]
fn a_pod_that_is_not_understood_is_kept_apart() {
    for (rest, field) in [
        ("labels: {a: 5}}", "metadata.labels.a"),
        ("labels: [a]}", "metadata.labels"),
        ("labels: {a.b/c: null}}", r#"metadata.labels["a.b/c"]"#),
        ("annotations: 5}", "metadata.annotations"),
        ("}\nspec: {hostNetwork: 'true'}", "spec.hostNetwork"),
        ("}\nspec: {nodeName: [n]}", "spec.nodeName"),
        (
            "}\nspec: {containers: [{ports: [{name: web, containerPort: 0}]}]}",
            "spec.containers[0].ports[0].containerPort",
        ),
        ("}\nspec: {containers: [{ports: [{name: web}]}]}", "spec.containers[0].ports[0]"),
        ("}\nspec: x", "spec"),
        ("}\nstatus: {podIP: 10.0.0.256}", "status.podIP"),
        ("}\nstatus: {podIPs: [{ip: 10.0.0.1/32}]}", "status.podIPs[0].ip"),
        ("}\nstatus: {phase: 5}", "status.phase"),
    ] {
        let (pod, errors) = pod(&format!("metadata: {{name: a, {rest}"));
        assert_eq!(pod.state, PodState::Unintelligible, "{rest}");
        assert!(
            !errors.is_empty()
                && errors.iter().all(|error| error.contains(&format!("Pod default/a: {field}: "))),
            "{rest}: {errors:?}"
        );
    }
}

#[test]
fn namespaces_and_service_accounts_bear_their_names() {
    let (resources, findings) = read(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns, labels: {kubernetes.io/metadata.name: other, projectcalico.org/name: other, a: b}}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa, namespace: ns, labels: {projectcalico.org/name: other}}\nsecrets: [{name: x}]\n",
    );
    let texts = resources.iter().filter_map(|resource| {
        if let Resource::Namespace(Namespace { labels, .. })
        | Resource::ServiceAccount(ServiceAccount { labels, .. }) = resource
        {
            return Some(self::labels(labels));
        }
        None
    });
    let texts: Vec<_> = texts.collect();
    assert_eq!(
        (texts, findings),
        (
            vec![
                "a=b kubernetes.io/metadata.name=ns projectcalico.org/name=ns".into(),
                "projectcalico.org/name=sa".into()
            ],
            vec![]
        )
    );
    let (resources, findings) =
        read("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ns\n  labels:\n    a: yes\n    b: true\n");
    assert_eq!(
        (resources, findings),
        (vec![], vec!["m.yaml:7: error: Namespace ns: metadata.labels.b: must be a string, not a truth value (the namespace counts as absent: its pods have only what policies allow them)".into()])
    );
}

#[test]
fn nodes_have_addresses_and_host_names() {
    let (node, findings) = one(
        "apiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {a: b}}\nspec: {podCIDR: 10.0.0.0/24}\nstatus:\n  addresses: [{type: InternalIP, address: 192.0.2.1}, {type: Hostname, address: n1}, {type: ExternalIP, address: '2001:db8::1'}]\n  nodeInfo: {}\n",
    );
    let Resource::Node(node) = node else { panic!("{node:?}") };
    let addresses: Vec<_> = node.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(
        (addresses.join(" ").as_str(), labels(&node.labels).as_str(), findings),
        ("192.0.2.1 2001:db8::1", "a=b", vec![])
    );
}
