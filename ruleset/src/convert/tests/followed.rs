use serde::de::DeserializeSeed as _;

use crate::{
    convert::{Conversion, Followed, convert, followed},
    manifest::{node::Node, pruned::Keep},
};

fn of(kind: &str) -> Followed {
    followed().into_iter().find(|followed| followed.apis.iter().any(|(_, name)| *name == kind)).unwrap()
}

fn read(text: &str, keep: Keep) -> Node {
    keep.deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap()
}

/// What an object becomes when everything of it is kept, and when only what is read is.
fn both(kind: &str, text: &str) -> [Conversion; 2] {
    let followed = of(kind);
    let (api_version, _) = followed.apis[0];
    [Keep::All, followed.keep].map(|keep| convert(&read(text, keep), Some((api_version, kind))))
}

const METADATA: &str = r#""metadata":{"name":"x","namespace":"shop","uid":"1","resourceVersion":"7","generation":4,"creationTimestamp":"2026-01-02T03:04:05Z",
    "labels":{"app":"web","kubernetes.io/service-name":"web","pcns.a":"b"},
    "annotations":{"cni.projectcalico.org/podIPs":"10.1.0.9/32","vpc.amazonaws.com/pod-ips":"10.1.0.8","qos.projectcalico.org/dscp":"EF",
        "kubectl.kubernetes.io/last-applied-configuration":"{}"},
    "managedFields":[{"manager":"m","fieldsV1":{"f:spec":{}}}]}"#;

#[test]
fn what_nobody_reads_changes_nothing() {
    let objects = [
        (
            "Pod",
            r#""spec":{"nodeName":"n","serviceAccountName":"s","tolerations":[{}],"containers":[{"image":"i","ports":[{"name":"http","containerPort":80,"hostIP":"::"}]}],
            "initContainers":[{"ports":[{"name":"dns","containerPort":53,"protocol":"UDP"}]}]},"status":{"phase":"Running","podIP":"10.1.0.1","podIPs":[{"ip":"10.1.0.1"},{"ip":"fd00::1"}],"conditions":[]}"#,
        ),
        ("Pod", r#""spec":{"nodeName":4,"hostNetwork":"yes","containers":{"a":1}},"status":[]"#),
        ("Namespace", r#""spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"}"#),
        ("ServiceAccount", r#""secrets":[{"name":"token"}],"imagePullSecrets":[]"#),
        (
            "Node",
            r#""spec":{"podCIDR":"10.1.0.0/24"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}],"images":[{"names":["a"]}],"conditions":[{}]}"#,
        ),
        (
            "Service",
            r#""spec":{"type":"LoadBalancer","clusterIP":"10.2.0.1","clusterIPs":["10.2.0.1"],"externalIPs":["192.0.2.1"],"selector":{"a":"b"},
            "ports":[{"name":"http","port":80,"nodePort":30080,"targetPort":"http"}]},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.2"}]}}"#,
        ),
        (
            "EndpointSlice",
            r#""addressType":"IPv4","endpoints":[{"addresses":["10.1.0.1"],"conditions":{"ready":true},"targetRef":{"kind":"Pod"}}],"ports":[{"name":"http","port":80}]"#,
        ),
        (
            "NetworkPolicy",
            r#""spec":{"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"unknown":1}]},"status":{"conditions":[]},"more":2"#,
        ),
        ("FelixConfiguration", r#""spec":{"nodeSelector":"all()","failsafeInboundHostPorts":[]}"#),
        (
            "GlobalNetworkPolicy",
            r#""spec":{"selector":"all()","types":["Ingress"],"ingress":[{"action":"Allow"}],"odd":true}"#,
        ),
        ("FelixConfiguration", r#""spec":{"chainInsertMode":"Append","logPrefix":"x"}"#),
    ];
    for (kind, fields) in objects {
        let [whole, pruned] = both(kind, &format!("{{{METADATA},{fields}}}"));
        assert_eq!(whole, pruned, "{kind}: {fields}");
        assert!(matches!(whole, Conversion::Object(_)), "{kind}: {whole:?}");
    }
}

#[test]
fn of_a_pod_only_little_is_kept() {
    let text = format!(
        "{{{METADATA},\"spec\":{{\"containers\":[{{\"image\":\"i\",\"env\":[]}}],\"volumes\":[]}},\"status\":{{\"qosClass\":\"x\"}}}}"
    );
    let kept = format!("{:?}", read(&text, of("Pod").keep));
    for dropped in ["image", "env", "volumes", "qosClass", "managedFields", "last-applied"] {
        assert!(!kept.contains(dropped), "{dropped} in {kept}");
    }
    assert!(kept.contains("qos.projectcalico.org/dscp"));
}

#[test]
fn a_domain_is_no_mere_ending() {
    const DOMAINS: Keep = Keep::Domains(&["k8s.io"]);
    let kept = read(r#"{"k8s.io/a":"1","x.k8s.io/b":"2","evilk8s.io/c":"3","k8s.io":"4","d":"5"}"#, DOMAINS);
    assert_eq!(kept, read(r#"{"k8s.io/a":"1","x.k8s.io/b":"2"}"#, Keep::All));
}

#[test]
fn of_the_apis_of_a_kind_the_best_comes_first() {
    assert_eq!(of("Tier").apis, [("projectcalico.org/v3", "Tier"), ("crd.projectcalico.org/v1", "Tier")]);
    let versions: Vec<&str> = of("ClusterNetworkPolicy").apis.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, ["policy.networking.k8s.io/v1beta1", "policy.networking.k8s.io/v1alpha2"]);
}
