//! A cluster of a given size, object by object, as an API server shows it.

use serde_json::{Map, Value, json};

/// The node whose agent is measured.
pub const NODE: &str = "node-0";
/// Pods of one deployment, which have all labels in common.
const REPLICAS: usize = 10;
/// Applications that every namespace may have, by name.
const APPLICATIONS: usize = 25;
const TEAMS: usize = 50;
const ENVIRONMENTS: [&str; 3] = ["production", "staging", "development"];
const TIERS: [&str; 4] = ["frontend", "backend", "cache", "database"];
/// Label keys beside those that all pods have; each deployment has some of them.
const FURTHER_KEYS: usize = 36;
/// Policies of a namespace repeat after so many.
const POLICY_SHAPES: usize = 10;

/// How much there is of everything. Pods and policies are spread over the namespaces evenly.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    /// Namespaces.
    pub namespaces: usize,
    /// Pods of the cluster.
    pub pods: usize,
    /// Those of [`NODE`], each in a namespace of its own.
    pub local_pods: usize,
    /// Policies of the cluster.
    pub policies: usize,
}

impl Population {
    /// The population, or a fraction of it for those who look for something: `FERRULE_SCALE` is the divisor.
    pub fn scaled(self) -> Self {
        let divisor =
            std::env::var("FERRULE_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1);
        let Self { namespaces, pods, local_pods, policies } = self;
        Self {
            namespaces: namespaces / divisor,
            pods: pods / divisor,
            local_pods: local_pods / divisor,
            policies: policies / divisor,
        }
    }

    /// The namespace of this number.
    pub fn namespace(&self, index: usize) -> Value {
        let labels = json!({
            "kubernetes.io/metadata.name": format!("namespace-{index}"),
            "team": format!("team-{}", index % TEAMS),
            "environment": ENVIRONMENTS[index % ENVIRONMENTS.len()],
        });
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": format!("namespace-{index}"), "labels": labels}})
    }

    /// The namespace of a pod.
    fn home(&self, pod: usize) -> usize {
        pod % self.namespaces
    }

    /// The pod of this number, as it runs. Numbers from [`Self::pods`] on are pods that come later.
    pub fn pod(&self, index: usize) -> Value {
        let local = index < self.local_pods;
        let elsewhere = format!("node-{}", 1 + index % 1000);
        self.pod_on(index, if local { NODE } else { &elsewhere })
    }

    /// The same on a given node.
    pub fn pod_on(&self, index: usize, node: &str) -> Value {
        let home = self.home(index);
        let deployment = index / self.namespaces / REPLICAS;
        let application = format!("application-{}", deployment % APPLICATIONS);
        let hash = format!("{:08x}", (home * 7919 + deployment).wrapping_mul(2_654_435_761) & 0xffff_ffff);
        let name = format!("{application}-{hash}-{:05x}", index % 0xf_ffff);
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + index as u32 + 1).to_string();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": name, "generateName": format!("{application}-{hash}-"), "namespace": format!("namespace-{home}"),
                "uid": format!("00000000-0000-4000-8000-{index:012x}"), "resourceVersion": format!("{}", 1_000_000 + index),
                "creationTimestamp": "2026-11-21T12:00:00Z", "labels": labels(home, deployment, &application, &hash),
                "annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-21T12:00:00Z", "checksum/config": "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{application}-{hash}"), "uid": "00000000-0000-4000-8000-000000000000", "controller": true, "blockOwnerDeletion": true}],
                "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time": "2026-11-21T12:00:00Z", "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:metadata": {"f:generateName": {}, "f:labels": {".": {}, "f:app": {}, "f:pod-template-hash": {}}, "f:ownerReferences": {".": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"main\"}": {".": {}, "f:image": {}, "f:name": {}, "f:ports": {".": {}}, "f:resources": {}}}, "f:restartPolicy": {}}}}],
            },
            "spec": {
                "nodeName": node, "serviceAccountName": "default", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "containers": [{
                    "name": "main", "image": format!("registry.example.com/{application}:1.{deployment}"), "imagePullPolicy": "IfNotPresent",
                    "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                    "env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "DATABASE_HOST", "value": "database.internal"}],
                    "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
                    "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
                }],
                "volumes": [{"name": "token", "emptyDir": {}}],
            },
            "status": {
                "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "192.0.2.1", "startTime": "2026-11-21T12:00:00Z",
                "conditions": [
                    {"type": "Initialized", "status": "True", "lastTransitionTime": "2026-11-21T12:00:00Z"},
                    {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-21T12:00:00Z"},
                ],
            },
        })
    }

    /// The policy of this number. The first half of the shapes govern all pods of their namespace, the others those of some applications.
    pub fn policy(&self, index: usize) -> Value {
        let (home, number) = (index % self.namespaces, index / self.namespaces);
        let application = |offset: usize| format!("application-{}", (home + number + offset) % APPLICATIONS);
        let some = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": [application(0), application(1)]}]});
        let team = json!({"namespaceSelector": {"matchLabels": {"team": format!("team-{}", (home + number) % TEAMS)}}});
        let ports = json!([{"protocol": "TCP", "port": 8080}, {"protocol": "TCP", "port": 9000 + number}]);
        let (subject, types, ingress, egress) = match number % POLICY_SHAPES {
            0 => (json!({}), json!(["Ingress"]), json!([]), Value::Null),
            1 => (json!({}), json!(["Ingress"]), json!([{"from": [{"podSelector": {}}]}]), Value::Null),
            2 => (json!({}), json!(["Ingress"]), json!([{"from": [team], "ports": ports}]), Value::Null),
            3 => {
                let resolver = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "namespace-0"}}, "podSelector": {"matchLabels": {"app": "application-0"}}});
                (
                    json!({}),
                    json!(["Egress"]),
                    Value::Null,
                    json!([{"to": [resolver], "ports": [{"protocol": "UDP", "port": 53}]}]),
                )
            }
            4 => {
                let environment = ENVIRONMENTS[home % ENVIRONMENTS.len()];
                let peer = json!({"namespaceSelector": {"matchLabels": {"environment": environment}}, "podSelector": {"matchLabels": {"tier": TIERS[home % TIERS.len()]}}});
                (
                    json!({}),
                    json!(["Ingress", "Egress"]),
                    json!([{"from": [peer], "ports": ports}]),
                    json!([{"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}]}]),
                )
            }
            5 | 6 => (
                some,
                json!(["Ingress"]),
                json!([{"from": [{"podSelector": {"matchLabels": {"app": application(2)}}}], "ports": ports}]),
                Value::Null,
            ),
            7 | 8 => {
                let peer =
                    json!({"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": application(3)}}});
                (
                    some,
                    json!(["Egress"]),
                    Value::Null,
                    json!([{"to": [peer], "ports": [{"protocol": "TCP", "port": "http"}]}]),
                )
            }
            _ => (
                some,
                json!(["Ingress"]),
                json!([{"from": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "ports": ports}]),
                Value::Null,
            ),
        };
        let mut spec = json!({"podSelector": subject, "policyTypes": types});
        for (direction, rules) in [("ingress", ingress), ("egress", egress)] {
            if !rules.is_null() {
                spec[direction] = rules;
            }
        }
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": format!("policy-{number}"), "namespace": format!("namespace-{home}")}, "spec": spec,
        })
    }

    /// All objects in the order in which an agent might hear of them.
    pub fn objects(&self) -> impl Iterator<Item = Value> {
        let namespaces = (0..self.namespaces).map(|index| self.namespace(index));
        let policies = (0..self.policies).map(|index| self.policy(index));
        namespaces.chain(policies).chain((0..self.pods).map(|index| self.pod(index)))
    }
}

fn labels(home: usize, deployment: usize, application: &str, hash: &str) -> Value {
    let mut labels = Map::new();
    let mut set = |key: String, value: String| drop(labels.insert(key, json!(value)));
    set("app".to_owned(), application.to_owned());
    set("pod-template-hash".to_owned(), hash.to_owned());
    set("version".to_owned(), format!("v{}", deployment % 7));
    set("tier".to_owned(), TIERS[deployment % TIERS.len()].to_owned());
    for number in 0..1 + (home + deployment) % 4 {
        let key = (home + deployment * 5 + number * 11) % FURTHER_KEYS;
        set(format!("example.com/aspect-{key}"), format!("value-{}", (home + number) % 12));
    }
    Value::Object(labels)
}
